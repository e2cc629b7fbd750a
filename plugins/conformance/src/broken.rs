//! Members of families with one fault each: the identity that it breaks has to fail.

use burn::tensor::Tensor;
use firebrand_core::{Approximation, FamilyError, Placement, Sample, SampleCotangent};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The score has the wrong sign.
    SignOfScore,
    /// The density integrates to two.
    Unnormalised,
    /// The pullback of the sample leaves out what flows through the draws' weights.
    PullbackWithoutWeights,
    /// The pullback of the sample leaves out the last entry of lambda.
    PullbackWithoutLast,
    /// The pullback of the log density is that of its negative.
    SignOfPullback,
}

/// A member that is right but for one fault.
#[derive(Clone)]
pub struct Broken {
    inner: Box<dyn Approximation>,
    fault: Fault,
}

impl Broken {
    /// Breaks a copy of a member.
    pub fn new(member: &dyn Approximation, fault: Fault) -> Self {
        Broken {
            inner: member.clone_box(),
            fault,
        }
    }
}

impl Approximation for Broken {
    fn family(&self) -> &str {
        self.inner.family()
    }

    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn placement(&self) -> &Placement {
        self.inner.placement()
    }

    fn lambda(&self) -> Tensor<1> {
        self.inner.lambda()
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        self.inner.set_lambda(lambda)
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        self.inner.noise_shape(draws)
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        self.inner.sample(noise)
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let log_prob = self.inner.log_prob(theta)?;
        Ok(match self.fault {
            Fault::Unnormalised => log_prob + std::f64::consts::LN_2,
            _ => log_prob,
        })
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        let score = self.inner.score(theta)?;
        Ok(match self.fault {
            Fault::SignOfScore => -score,
            _ => score,
        })
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        match self.fault {
            Fault::PullbackWithoutWeights => {
                let through_draws = SampleCotangent::from(cotangent.theta.clone());
                self.inner.pull_sample(noise, &through_draws)
            }
            Fault::PullbackWithoutLast => {
                let pulled = self.inner.pull_sample(noise, cotangent)?;
                let kept = pulled.dims()[0] - 1;
                let zero = self.placement().zeros([1]);
                Ok(Tensor::cat(vec![pulled.narrow(0, 0, kept), zero], 0))
            }
            _ => self.inner.pull_sample(noise, cotangent),
        }
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        let pulled = self.inner.pull_log_prob(theta, cotangent)?;
        Ok(match self.fault {
            Fault::SignOfPullback => -pulled,
            _ => pulled,
        })
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        let pulled = self.inner.pull_score(theta, cotangent)?;
        Ok(match self.fault {
            Fault::SignOfScore => -pulled,
            _ => pulled,
        })
    }

    fn save(&self) -> Vec<u8> {
        self.inner.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        self.inner.restore(state)
    }
}
