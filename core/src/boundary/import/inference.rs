//! An algorithm of the other side.

use super::running::ForeignRunning;
use crate::boundary::abi::{InferenceTable, Object};
use crate::boundary::export;
use crate::boundary::failure::Failure;
use crate::boundary::object::{Foreign, nothing};
use crate::boundary::records::AboutInference;
use crate::boundary::sink::{Given, lend};
use crate::boundary::starts::with_start;
use crate::family::Approximation;
use crate::gaussian::GaussianStart;
use crate::inference::{Inference, InferenceError, Requirements, Running};
use crate::options::Options;
use crate::start::{self, Candidate, Start, StartOptions};
use crate::target::Target;

/// An algorithm of the other side.
pub(in crate::boundary) struct ForeignInference {
    inference: Foreign<InferenceTable>,
    name: String,
    about: AboutInference,
}

impl ForeignInference {
    /// Takes one over.
    ///
    /// # Safety
    /// As [`Foreign::take`].
    pub unsafe fn take(object: Object<InferenceTable>, name: &str) -> Result<Self, Failure> {
        // SAFETY: handed on.
        let inference = unsafe { Foreign::take(object) }?;
        let about = inference
            // SAFETY: its own function and handle; the sink lives until it returns.
            .call(inference.table.describe, |f, inference, sink| unsafe {
                f(inference, sink)
            })?
            .record("a description of an algorithm")?;
        Ok(ForeignInference {
            inference,
            name: name.into(),
            about,
        })
    }
}

impl Inference for ForeignInference {
    fn name(&self) -> &str {
        &self.name
    }

    fn requires(&self) -> Requirements {
        self.about.requires
    }

    fn default_family(&self) -> &str {
        &self.about.default_family
    }

    fn max_steps(&self) -> u64 {
        self.about.max_steps
    }

    fn find_start(
        &self,
        target: &dyn Target,
        seed: u64,
        options: &StartOptions,
    ) -> Result<Start, InferenceError> {
        if self.inference.table.find_start.is_none() {
            return start::find_start(target, seed, options);
        }
        let dimension = target.dimension();
        let options = options.to_ron();
        let found = self
            .inference
            // SAFETY: as in `take`; target and options are lent until the call returns.
            .call(
                self.inference.table.find_start,
                |f, inference, sink| unsafe {
                    let options = lend(options.as_bytes());
                    f(inference, export::lent_target(&target), seed, options, sink)
                },
            )
            .and_then(|mut given| {
                let agreement = given.record("the agreement of starts")?;
                let mut candidates = Vec::new();
                while let Some(candidate) = next_candidate(&mut given, dimension)? {
                    candidates.push(candidate);
                }
                match candidates.is_empty() {
                    true => Err(Failure::Broken("gave no candidate to start from".into())),
                    false => Ok(Start {
                        candidates,
                        agreement,
                    }),
                }
            });
        found.map_err(|failure| match failure {
            Failure::Said(why) => InferenceError::Start(why),
            failure => failure.inference(&self.name),
        })
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let placement = target.placement().clone();
        let mut made = nothing();
        let running = with_start(start, |start| {
            self.inference
                // SAFETY: as in `take`; the approximation is handed over, the rest is lent until the call returns, and what was made is
                // ours.
                .call(self.inference.table.begin, |f, inference, sink| unsafe {
                    let approximation = export::approximation(approximation);
                    let target = export::lent_target(&target);
                    f(inference, approximation, target, start, &mut made, sink)
                })
        })
        .and_then(|_| unsafe { ForeignRunning::take(made, &self.name, placement) })
        .map_err(|failure| failure.inference(&self.name))?;
        Ok(Box::new(running))
    }
}

fn next_candidate(given: &mut Given, dimension: usize) -> Result<Option<Candidate>, Failure> {
    let Some(mean) = given.next_numbers() else {
        return Ok(None);
    };
    let covariance = given.numbers("a covariance to start from")?;
    let elbo = given.shaped("an ELBO with its error", &[2])?.into_vec();
    let whole = mean.shape() == [dimension] && covariance.is_covariance(dimension);
    if !whole {
        return Err(Failure::Broken(format!(
            "gave a start with a mean of shape {:?} and a covariance of shape {:?} in {dimension} dimensions",
            mean.shape(),
            covariance.shape()
        )));
    }
    if !mean.all(f64::is_finite) || !covariance.all(f64::is_finite) {
        return Err(Failure::NotFinite("the Gaussian to start from".into()));
    }
    Ok(Some(Candidate {
        gaussian: GaussianStart {
            mean: mean.into_vec(),
            covariance: covariance.into_covariance()?,
        },
        elbo: elbo[0],
        elbo_error: elbo[1],
    }))
}
