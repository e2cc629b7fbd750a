//! An approximation of the other side.

use burn::tensor::Tensor;
use faer::Mat;

use super::certain;
use crate::boundary::abi::{ApproximationTable, Object};
use crate::boundary::failure::Failure;
use crate::boundary::numbers::Lent;
use crate::boundary::object::{Foreign, nothing};
use crate::boundary::records::AboutApproximation;
use crate::boundary::sink::{Given, lend};
use crate::family::{Approximation, FamilyError, Sample, SampleCotangent};
use crate::gaussian::{Covariance, Gaussian, Structure};
use crate::placement::Placement;

/// A member of a family of the other side.
pub(in crate::boundary) struct ForeignApproximation {
    q: Foreign<ApproximationTable>,
    about: AboutApproximation,
    placement: Placement,
    /// The size of lambda.
    parameters: usize,
}

impl ForeignApproximation {
    /// Takes one over. Its numbers are to be at `placement` on this side.
    ///
    /// # Safety
    /// As [`Foreign::take`].
    pub unsafe fn take(
        object: Object<ApproximationTable>,
        placement: &Placement,
    ) -> Result<Self, Failure> {
        // SAFETY: handed on.
        let q = unsafe { Foreign::take(object) }?;
        let about: AboutApproximation = q
            // SAFETY: its own function and handle; the sink lives until it returns.
            .call(q.table.describe, |f, q, sink| unsafe { f(q, sink) })?
            .record("a description of an approximation")?;
        let mut member = ForeignApproximation {
            q,
            about,
            placement: placement.clone(),
            parameters: 0,
        };
        member.parameters = member.read_lambda()?.dims()[0];
        Ok(member)
    }

    fn read_lambda(&self) -> Result<Tensor<1>, Failure> {
        // SAFETY: as in `take`.
        let mut given = self
            .q
            .call(self.q.table.lambda, |f, q, sink| unsafe { f(q, sink) })?;
        let lambda = given.numbers("lambda")?;
        if !lambda.all(f64::is_finite) {
            return Err(Failure::NotFinite("lambda".into()));
        }
        lambda.into_tensor(&self.placement)
    }

    fn failed(&self) -> impl Fn(Failure) -> FamilyError + '_ {
        |failure| failure.family(&self.about.family)
    }

    /// Draws, and checks that there are as many as the noise is for.
    fn read_sample(&self, noise: &Tensor<2>) -> Result<Sample, Failure> {
        let lent = Lent::tensor(noise);
        // SAFETY: as in `take`; the noise is lent until the call returns, as all arguments below.
        let mut given = self.q.call(self.q.table.sample, |f, q, sink| unsafe {
            f(q, &lent.raw(), sink)
        })?;
        let theta = given.numbers("draws")?;
        let draws = match *theta.shape() {
            [draws, dimension] if dimension == self.about.dimension => draws,
            _ => 0,
        };
        if draws != noise.dims()[0] && self.read_noise_shape(draws)? != noise.dims() {
            return Err(Failure::Broken(format!(
                "gave draws of shape {:?}, not [{}, {}]",
                theta.shape(),
                noise.dims()[0],
                self.about.dimension
            )));
        }
        if !theta.all(f64::is_finite) {
            return Err(Failure::NotFinite("a draw".into()));
        }
        let log_weight = match given.next_numbers() {
            None => None,
            Some(weights) if weights.shape() != [draws] => {
                return Err(Failure::Broken(format!(
                    "gave weights of shape {:?}, not [{draws}]",
                    weights.shape()
                )));
            }
            // The weight of a component may vanish.
            Some(weights) if !weights.all(is_log) => {
                return Err(Failure::NotFinite("the weight of a draw".into()));
            }
            Some(weights) => Some(weights.into_tensor(&self.placement)?),
        };
        Ok(Sample {
            theta: theta.into_tensor(&self.placement)?,
            log_weight,
        })
    }

    fn read_noise_shape(&self, draws: usize) -> Result<[usize; 2], Failure> {
        let mut shape = [0_u64; 2];
        // SAFETY: as in `take`; the shape may be written to.
        self.q.call(self.q.table.noise_shape, |f, q, sink| unsafe {
            f(q, draws as u64, &mut shape, sink)
        })?;
        Ok(shape.map(|length| length as usize))
    }

    /// The derivative in lambda that a call gave.
    fn derivative(&self, given: Result<Given, Failure>) -> Result<Tensor<1>, FamilyError> {
        given
            .and_then(|mut given| {
                given
                    .finite("a derivative in lambda", &[self.parameters])?
                    .into_tensor(&self.placement)
            })
            .map_err(self.failed())
    }

    fn numbers(&self, given: Result<Given, Failure>, what: &str, shape: &[usize]) -> Vec<f64> {
        let numbers = given.and_then(|mut given| Ok(given.finite(what, shape)?.into_vec()));
        certain(&self.about.family, numbers)
    }
}

/// Whether a number can be the logarithm of one that is finite.
fn is_log(value: f64) -> bool {
    value < f64::INFINITY
}

impl Approximation for ForeignApproximation {
    fn family(&self) -> &str {
        &self.about.family
    }

    fn dimension(&self) -> usize {
        self.about.dimension
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        certain(&self.about.family, self.read_lambda())
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        let lambda = Lent::tensor(lambda);
        // SAFETY: as in `take`.
        let set = self.q.call(self.q.table.set_lambda, |f, q, sink| unsafe {
            f(q, &lambda.raw(), sink)
        });
        set.map(drop).map_err(self.failed())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        let mut made = nothing();
        // SAFETY: as in `take`; what was made is ours.
        let copy = self
            .q
            .call(self.q.table.clone, |f, q, sink| unsafe {
                f(q, &mut made, sink)
            })
            .and_then(|_| unsafe { Foreign::take(made) });
        Box::new(ForeignApproximation {
            q: certain(&self.about.family, copy),
            about: self.about.clone(),
            placement: self.placement.clone(),
            parameters: self.parameters,
        })
    }

    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        certain(&self.about.family, self.read_noise_shape(draws))
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        self.read_sample(noise).map_err(self.failed())
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let lent = Lent::tensor(theta);
        // SAFETY: as in `take`.
        let given = self.q.call(self.q.table.log_prob, |f, q, sink| unsafe {
            f(q, &lent.raw(), sink)
        });
        given
            .and_then(|mut given| {
                let log_prob = given.shaped("log densities", &[theta.dims()[0]])?;
                if !log_prob.all(is_log) {
                    return Err(Failure::NotFinite("a log density".into()));
                }
                log_prob.into_tensor(&self.placement)
            })
            .map_err(self.failed())
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        let lent = Lent::tensor(theta);
        // SAFETY: as in `take`.
        let given = self.q.call(self.q.table.score, |f, q, sink| unsafe {
            f(q, &lent.raw(), sink)
        });
        given
            .and_then(|mut given| {
                given
                    .finite("a score", &theta.dims())?
                    .into_tensor(&self.placement)
            })
            .map_err(self.failed())
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let (noise, theta) = (Lent::tensor(noise), Lent::tensor(&cotangent.theta));
        let log_weight = cotangent.log_weight.as_ref().map(Lent::tensor);
        let raw = log_weight.as_ref().map(Lent::raw);
        let raw = raw.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: as in `take`.
        self.derivative(self.q.call(self.q.table.pull_sample, |f, q, sink| unsafe {
            f(q, &noise.raw(), &theta.raw(), raw, sink)
        }))
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        let (theta, cotangent) = (Lent::tensor(theta), Lent::tensor(cotangent));
        // SAFETY: as in `take`.
        self.derivative(
            self.q
                .call(self.q.table.pull_log_prob, |f, q, sink| unsafe {
                    f(q, &theta.raw(), &cotangent.raw(), sink)
                }),
        )
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        let (theta, cotangent) = (Lent::tensor(theta), Lent::tensor(cotangent));
        // SAFETY: as in `take`.
        self.derivative(self.q.call(self.q.table.pull_score, |f, q, sink| unsafe {
            f(q, &theta.raw(), &cotangent.raw(), sink)
        }))
    }

    fn gaussian(&self) -> Option<&dyn Gaussian> {
        self.about.gaussian.is_some().then_some(self)
    }

    fn gaussian_mut(&mut self) -> Option<&mut dyn Gaussian> {
        match self.about.gaussian {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn save(&self) -> Vec<u8> {
        // SAFETY: as in `take`.
        let state = self
            .q
            .call(self.q.table.save, |f, q, sink| unsafe { f(q, sink) })
            .and_then(|mut given| given.bytes("a state"));
        certain(&self.about.family, state)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        // SAFETY: as in `take`.
        let restored = self.q.call(self.q.table.restore, |f, q, sink| unsafe {
            f(q, lend(state), sink)
        });
        restored.map(drop).map_err(self.failed())
    }
}

impl Gaussian for ForeignApproximation {
    fn structure(&self) -> Structure {
        self.about.gaussian.unwrap_or(Structure::Diagonal)
    }

    fn mean(&self) -> Vec<f64> {
        // SAFETY: as in `take`.
        let given = self
            .q
            .call(self.q.table.mean, |f, q, sink| unsafe { f(q, sink) });
        self.numbers(given, "the mean", &[self.about.dimension])
    }

    fn covariance(&self) -> Covariance {
        let dimension = self.about.dimension;
        // SAFETY: as in `take`.
        let given = self
            .q
            .call(self.q.table.covariance, |f, q, sink| unsafe { f(q, sink) });
        let covariance = given.and_then(|mut given| {
            let covariance = given.numbers("a covariance")?;
            if !covariance.all(f64::is_finite) {
                return Err(Failure::NotFinite("the covariance".into()));
            }
            if !covariance.is_covariance(dimension) {
                return Err(Failure::Broken(format!(
                    "gave a covariance of shape {:?} in {dimension} dimensions",
                    covariance.shape()
                )));
            }
            covariance.into_covariance()
        });
        certain(&self.about.family, covariance)
    }

    fn scale(&self) -> Mat<f64> {
        let dimension = self.about.dimension;
        // SAFETY: as in `take`.
        let given = self
            .q
            .call(self.q.table.scale, |f, q, sink| unsafe { f(q, sink) });
        let scale = self.numbers(given, "the scale", &[dimension, dimension]);
        Mat::from_fn(dimension, dimension, |i, j| scale[i * dimension + j])
    }

    fn set(&mut self, mean: &[f64], covariance: &Covariance) -> Result<(), FamilyError> {
        let mean = Lent::slice(mean, &[mean.len()]);
        let covariance = Lent::covariance(covariance);
        // SAFETY: as in `take`.
        let set = self.q.call(self.q.table.set_gaussian, |f, q, sink| unsafe {
            f(q, &mean.raw(), &covariance.raw(), sink)
        });
        set.map(drop).map_err(self.failed())
    }
}
