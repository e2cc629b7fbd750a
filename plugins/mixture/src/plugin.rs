//! The family.

use firebrand_core::start::Start;
use firebrand_core::{
    Approximation, Family, FamilyCapabilities, FamilyError, GaussianStart, OptionsError, Placement,
    Plugin, Structure,
};
use firebrand_graph_family::{GraphApproximation, allocate};

use crate::density::MixtureDensity;
use crate::placed::{Component, apart};

firebrand_core::options! {
    /// Options of `mixture`.
    pub struct MixtureOptions {
        /// How many Gaussians.
        components: usize = 2,
        /// Their covariances: `dense`, or `diagonal` for independent coordinates.
        covariance: Structure = Structure::Dense,
    }
}

/// The family of mixtures of Gaussians.
#[derive(Clone, Debug)]
pub struct Mixture {
    options: MixtureOptions,
}

impl Plugin for Mixture {
    type Options = MixtureOptions;
    const NAME: &'static str = "mixture";
    const DOC: &'static str = "Mixture of Gaussians, for several modes and skewed ones";

    fn new(options: MixtureOptions) -> Result<Self, OptionsError> {
        if options.components == 0 {
            return Err(OptionsError::invalid::<MixtureOptions>(
                Self::NAME,
                "`components` must be at least 1",
            ));
        }
        if options.covariance == Structure::LowRank {
            return Err(OptionsError::invalid::<MixtureOptions>(
                Self::NAME,
                "`covariance` must be `dense` or `diagonal`",
            ));
        }
        Ok(Mixture { options })
    }
}

/// Nats below the best start beyond which another one is not a mode that matters: a thousandth of its weight.
const NEGLIGIBLE: f64 = 7.0;

impl Mixture {
    fn member(
        &self,
        dimension: usize,
        components: &[Component],
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let density = MixtureDensity::new(components.len(), self.options.covariance, dimension);
        let mut lambda: Vec<f64> = components.iter().map(|c| c.log_weight).collect();
        for component in components {
            lambda.extend(&component.mean);
        }
        let factors: Vec<_> = components.iter().map(|c| c.factor.clone()).collect();
        lambda.extend(density.scale().pack(&factors));
        let member = GraphApproximation::new(density, lambda, placement)?;
        Ok(Box::new(member))
    }
}

impl Family for Mixture {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: None,
            score: true,
        }
    }

    /// The square root `[D, D]` of each component's covariance, which it begins with even where coordinates are independent.
    fn matrix_numbers(&self, dimension: usize) -> u128 {
        (dimension as u128)
            .pow(2)
            .saturating_mul(self.options.components as u128)
    }

    /// A mixture with the Gaussian's mean and covariance, its components a little apart.
    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let components = apart(
            gaussian,
            self.options.components,
            self.options.covariance,
            0.0,
        )?;
        self.member(dimension, &components, placement)
    }

    /// Components at all the places that starts ended in, as far as there are components, with weights in proportion to the
    /// evidence that is found there.
    fn start_from(
        &self,
        start: &Start,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let best = start.best();
        let dimension = best.gaussian.dimension();
        let places: Vec<_> = start
            .candidates
            .iter()
            .take(self.options.components)
            .filter(|candidate| best.elbo - candidate.elbo < NEGLIGIBLE)
            .collect();
        if places.len() < 2 {
            return self.start(dimension, &best.gaussian, placement);
        }
        let weights: Vec<f64> = places.iter().map(|c| (c.elbo - best.elbo).exp()).collect();
        let total: f64 = weights.iter().sum();
        let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
        let counts = allocate(&weights, self.options.components)
            .ok_or_else(|| FamilyError::Other("more places than components".into()))?;
        let mut components = Vec::with_capacity(self.options.components);
        for ((place, weight), count) in places.iter().zip(&weights).zip(counts) {
            components.extend(apart(
                &place.gaussian,
                count,
                self.options.covariance,
                weight.ln(),
            )?);
        }
        self.member(dimension, &components, placement)
    }
}
