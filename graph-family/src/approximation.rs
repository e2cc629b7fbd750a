//! An approximation made of formulas.

use std::sync::Arc;

use burn::tensor::Tensor;
use firebrand_core::{Approximation, FamilyError, Placement, Sample, SampleCotangent, to_host};

use crate::formulas::Formulas;
use crate::programs::Programs;
use crate::strata::allocate;

/// A member of the family that [`Formulas`] describe.
#[derive(Clone)]
pub struct GraphApproximation {
    programs: Arc<Programs>,
    /// The truth, in 64 bits. The tensor follows from it.
    lambda: Vec<f64>,
    placement: Placement,
    /// `[1, lambda]`.
    row: Tensor<2>,
}

/// Which draw comes from which stratum, and how many share it.
struct Strata {
    /// `[S, strata]`, one in each row.
    chosen: Tensor<2>,
    /// `[S]`: the logarithm of how many draws the draw's stratum has.
    log_count: Tensor<1>,
}

impl GraphApproximation {
    /// The member with these parameters. Its clones share the programs, which are compiled when they are first needed.
    ///
    /// # Errors
    /// If the parameters are not as many as the formulas have, not finite, or fail the formulas' own check.
    pub fn new(
        formulas: impl Formulas + 'static,
        lambda: Vec<f64>,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        let programs = Arc::new(Programs::new(Box::new(formulas), placement));
        check(programs.formulas(), &lambda)?;
        Ok(Self {
            programs,
            row: placement.matrix(lambda.clone(), [1, lambda.len()]),
            lambda,
            placement: placement.clone(),
        })
    }

    fn set(&mut self, lambda: Vec<f64>) -> Result<(), FamilyError> {
        check(self.programs.formulas(), &lambda)?;
        self.row = self.placement.matrix(lambda.clone(), [1, lambda.len()]);
        self.lambda = lambda;
        Ok(())
    }

    /// `None` where there is only one.
    fn strata(&self, draws: usize) -> Result<Option<Strata>, FamilyError> {
        let strata = self.programs.formulas().strata();
        if strata == 1 {
            return Ok(None);
        }
        let log_weights = to_host(&self.programs.weights(&self.row));
        let weights: Vec<f64> = log_weights.iter().map(|w| w.exp()).collect();
        let Some(counts) = allocate(&weights, draws) else {
            return Err(FamilyError::Unsupported {
                family: self.family().into(),
                operation: format!("give fewer draws than its {strata} components"),
            });
        };
        let mut chosen = vec![0.0; draws * strata];
        let mut log_count = Vec::with_capacity(draws);
        for (k, &count) in counts.iter().enumerate() {
            for _ in 0..count {
                chosen[log_count.len() * strata + k] = 1.0;
                log_count.push((count as f64).ln());
            }
        }
        Ok(Some(Strata {
            chosen: self.placement.matrix(chosen, [draws, strata]),
            log_count: self.placement.vector(&log_count),
        }))
    }

    fn pulled(&self, lambda: Tensor<2>) -> Tensor<1> {
        lambda.reshape([self.lambda.len()])
    }
}

fn check(formulas: &dyn Formulas, lambda: &[f64]) -> Result<(), FamilyError> {
    let expected = formulas.parameters();
    if lambda.len() != expected {
        return Err(FamilyError::Size {
            what: "lambda".into(),
            expected,
            found: lambda.len(),
        });
    }
    if !lambda.iter().all(|value| value.is_finite()) {
        return Err(FamilyError::NotFinite {
            what: "lambda".into(),
        });
    }
    formulas.check(lambda)
}

/// Passes on values that are all usable.
fn checked<const N: usize>(
    what: &str,
    values: Tensor<N>,
    usable: impl Fn(&f64) -> bool,
) -> Result<Tensor<N>, FamilyError> {
    if to_host(&values).iter().all(usable) {
        return Ok(values);
    }
    Err(FamilyError::NotFinite { what: what.into() })
}

fn finite<const N: usize>(what: &str, values: Tensor<N>) -> Result<Tensor<N>, FamilyError> {
    checked(what, values, |value| value.is_finite())
}

impl Approximation for GraphApproximation {
    fn family(&self) -> &str {
        self.programs.formulas().family()
    }

    fn dimension(&self) -> usize {
        self.programs.formulas().dimension()
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        self.placement.vector(&self.lambda)
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        self.set(to_host(lambda))
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        [draws, self.programs.formulas().noise()]
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        let draws = noise.dims()[0];
        let strata = self.strata(draws)?;
        let mut inputs = vec![self.row.clone(), noise.clone()];
        inputs.extend(strata.iter().map(|strata| strata.chosen.clone()));
        let mut outputs = self.programs.sample(&inputs).into_iter();
        let theta = outputs
            .next()
            .ok_or_else(|| FamilyError::Other("the program has no outputs".into()))?;
        let log_weight = outputs
            .next()
            .zip(strata)
            .map(|(weight, strata)| weight.reshape([draws]) - strata.log_count);
        Ok(Sample {
            theta: finite("a draw", theta)?,
            log_weight,
        })
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let draws = theta.dims()[0];
        let log_prob = self.programs.log_prob(&[self.row.clone(), theta.clone()]);
        // Far out a density may vanish.
        let usable = |value: &f64| value.is_finite() || *value == f64::NEG_INFINITY;
        checked("the log density", log_prob.reshape([draws]), usable)
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        let score = self.programs.score(&[self.row.clone(), theta.clone()]);
        finite("the score", score)
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let draws = noise.dims()[0];
        let mut inputs = vec![self.row.clone(), noise.clone()];
        if let Some(strata) = self.strata(draws)? {
            inputs.push(strata.chosen);
            inputs.push(cotangent.theta.clone());
            inputs.push(match &cotangent.log_weight {
                Some(cotangent) => cotangent.clone().reshape([draws, 1]),
                None => self.placement.zeros([draws, 1]),
            });
        } else {
            inputs.push(cotangent.theta.clone());
        }
        Ok(self.pulled(self.programs.pull_sample(&inputs)))
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        let cotangent = cotangent.clone().reshape([theta.dims()[0], 1]);
        let inputs = [self.row.clone(), theta.clone(), cotangent];
        Ok(self.pulled(self.programs.pull_log_prob(&inputs)))
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        let inputs = [self.row.clone(), theta.clone(), cotangent.clone()];
        Ok(self.pulled(self.programs.pull_score(&inputs)))
    }

    /// Lambda in 64 bits, whatever the precision of the run.
    fn save(&self) -> Vec<u8> {
        self.lambda
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        let expected = 8 * self.lambda.len();
        if state.len() != expected {
            return Err(FamilyError::Size {
                what: "the saved state".into(),
                expected,
                found: state.len(),
            });
        }
        let (values, _) = state.as_chunks::<8>();
        self.set(
            values
                .iter()
                .map(|bytes| f64::from_le_bytes(*bytes))
                .collect(),
        )
    }
}
