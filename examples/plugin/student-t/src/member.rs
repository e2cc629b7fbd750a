//! A member of the family: draws, density, score, and the three pullbacks, in closed form.

use burn::tensor::Tensor;
use firebrand_core::{
    Approximation, FamilyError, Placement, Plugin, Sample, SampleCotangent, to_host,
};

use crate::family::StudentT;

/// A multivariate Student t. Its parameters are D locations, then the logarithms of D scales.
///
/// With `u = (theta - location) / scale` and `q = u'u`, the log density is, up to a constant, `-(freedom + D) / 2 log(1 + q / freedom)`,
/// so that the score is `-k u / scale` with `k = (freedom + D) / (freedom + q)`.
#[derive(Clone, Debug)]
pub struct Member {
    lambda: Vec<f64>,
    freedom: usize,
    placement: Placement,
    location: Tensor<2>,
    scale: Tensor<2>,
    /// The part of the log density that does not depend on the point.
    constant: f64,
}

impl Member {
    /// From locations and log scales.
    ///
    /// # Errors
    /// If there are not two for each dimension, or a scale overflows or vanishes.
    pub fn new(
        lambda: Vec<f64>,
        dimension: usize,
        freedom: usize,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        if lambda.len() != 2 * dimension {
            return Err(FamilyError::Size {
                what: "lambda".into(),
                expected: 2 * dimension,
                found: lambda.len(),
            });
        }
        let (location, log_scale) = lambda.split_at(dimension);
        let scale: Vec<f64> = log_scale.iter().map(|log| log.exp()).collect();
        let usable = |scale: &f64| scale.is_normal() && scale.recip().is_normal();
        if !location.iter().all(|value| value.is_finite()) || !scale.iter().all(usable) {
            return Err(FamilyError::NotFinite {
                what: "a location or a scale".into(),
            });
        }
        let half = 0.5 * dimension as f64 * (freedom as f64 * std::f64::consts::PI).ln();
        let constant = log_gamma_of_half(freedom + dimension)
            - log_gamma_of_half(freedom)
            - half
            - log_scale.iter().sum::<f64>();
        let row = |values: &[f64]| placement.matrix(values.to_vec(), [1, dimension]);
        Ok(Member {
            location: row(location),
            scale: row(&scale),
            constant,
            lambda,
            freedom,
            placement: placement.clone(),
        })
    }

    /// `u` `[S, D]` and `freedom + q` `[S, 1]`.
    fn standardised(&self, theta: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let u = (theta.clone() - self.location.clone()) / self.scale.clone();
        let spread = (u.clone() * u.clone()).sum_dim(1) + self.freedom as f64;
        (u, spread)
    }

    /// `k` `[S, 1]`.
    fn weight(&self, spread: Tensor<2>) -> Tensor<2> {
        spread.recip() * (self.freedom + self.dimension()) as f64
    }

    /// The derivative in lambda from those in location and log scale, each summed over draws.
    fn pulled(&self, location: Tensor<2>, log_scale: Tensor<2>) -> Tensor<1> {
        let dimension = self.dimension();
        let sum = |t: Tensor<2>| t.sum_dim(0).reshape([dimension]);
        Tensor::cat(vec![sum(location), sum(log_scale)], 0)
    }
}

/// The logarithm of the gamma function at n / 2, for n above zero.
fn log_gamma_of_half(n: usize) -> f64 {
    let (first, start) = match n % 2 {
        0 => (0.0, 2),
        _ => (0.5 * std::f64::consts::PI.ln(), 1),
    };
    let steps = (start..n).step_by(2);
    first + steps.map(|k| (0.5 * k as f64).ln()).sum::<f64>()
}

impl Approximation for Member {
    fn family(&self) -> &str {
        StudentT::NAME
    }

    fn dimension(&self) -> usize {
        self.lambda.len() / 2
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        self.placement.vector(&self.lambda)
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        *self = Self::new(
            to_host(lambda),
            self.dimension(),
            self.freedom,
            &self.placement,
        )?;
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    /// D normals for the direction of a draw, and as many as there are degrees of freedom for its length.
    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        [draws, self.dimension() + self.freedom]
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        let dimension = self.dimension();
        let normal = noise.clone().narrow(1, 0, dimension);
        let others = noise.clone().narrow(1, dimension, self.freedom);
        let chi_squared = (others.clone() * others).sum_dim(1);
        let stretch = (chi_squared.recip() * self.freedom as f64).sqrt();
        Ok(Sample {
            theta: normal * stretch * self.scale.clone() + self.location.clone(),
            log_weight: None,
        })
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let (_, spread) = self.standardised(theta);
        let freedom = self.freedom as f64;
        let tails = (spread / freedom).log() * (-0.5 * (freedom + self.dimension() as f64));
        Ok(tails.reshape([theta.dims()[0]]) + self.constant)
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        let (u, spread) = self.standardised(theta);
        Ok(-(u * self.weight(spread) / self.scale.clone()))
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let away = self.sample(noise)?.theta - self.location.clone();
        let c = cotangent.theta.clone();
        Ok(self.pulled(c.clone(), c * away))
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        let (u, spread) = self.standardised(theta);
        let c = cotangent.clone().reshape([theta.dims()[0], 1]);
        let ku = u.clone() * self.weight(spread);
        let location = ku.clone() / self.scale.clone() * c.clone();
        Ok(self.pulled(location, (ku * u - 1.0) * c))
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        // The number is f = -k a with a = (c / scale)'u. In u it has the derivative g below; u has -1 / scale in the location and -u in
        // the log scale; and the scale in a itself gives k u c / scale.
        let (u, spread) = self.standardised(theta);
        let k = self.weight(spread.clone());
        let c = cotangent.clone() / self.scale.clone();
        let a = (c.clone() * u.clone()).sum_dim(1);
        let g = u.clone() * (a * k.clone() * 2.0 / spread) - c.clone() * k.clone();
        let log_scale = c * u.clone() * k - u * g.clone();
        Ok(self.pulled(-(g / self.scale.clone()), log_scale))
    }
}
