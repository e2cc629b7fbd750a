//! The family.

use firebrand_core::{
    Approximation, Covariance, Family, FamilyCapabilities, FamilyError, GaussianStart,
    OptionsError, Placement, Plugin, Structure,
};
use firebrand_graph_family::GraphApproximation;

use crate::coupling::Kind;
use crate::density::FlowDensity;

firebrand_core::options! {
    /// Options of `flow`.
    pub struct FlowOptions {
        /// The layers' functions: `affine`, or `spline` for rational-quadratic splines.
        kind: Kind = Kind::Affine,
        /// How many layers; each maps half of the coordinates.
        layers: usize = 4,
        /// Hidden units of each layer's network.
        hidden: usize = 16,
        /// Bins of each spline.
        bins: usize = 8,
        /// The covariance of the Gaussian that is bent: `dense`, or `diagonal`.
        covariance: Structure = Structure::Dense,
    }
}

/// The family of normalizing flows.
#[derive(Clone, Debug)]
pub struct Flow {
    options: FlowOptions,
}

impl Plugin for Flow {
    type Options = FlowOptions;
    const NAME: &'static str = "flow";
    const DOC: &'static str = "Normalizing flow: a Gaussian bent by layers of couplings";

    fn new(options: FlowOptions) -> Result<Self, OptionsError> {
        let invalid = |reason: &str| Err(OptionsError::invalid::<FlowOptions>(Self::NAME, reason));
        if options.hidden == 0 {
            return invalid("`hidden` must be at least 1");
        }
        if !(2..=100).contains(&options.bins) {
            return invalid("`bins` must be from 2 to 100");
        }
        if options.covariance == Structure::LowRank {
            return invalid("`covariance` must be `dense` or `diagonal`");
        }
        Ok(Flow { options })
    }
}

impl Family for Flow {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: None,
            score: true,
        }
    }

    /// The square root `[D, D]` of the covariance that is bent, which it begins with even where coordinates are independent, and the weights
    /// of the layers' networks.
    fn matrix_numbers(&self, dimension: usize) -> u128 {
        let density = FlowDensity::new(&self.options, dimension);
        (dimension as u128).pow(2) + density.layer_parameters() as u128
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        if gaussian.dimension() != dimension {
            return Err(FamilyError::Size {
                what: "the mean of the start".into(),
                expected: dimension,
                found: gaussian.dimension(),
            });
        }
        let factor = match self.options.covariance {
            Structure::Diagonal => {
                Covariance::Diagonal(gaussian.covariance.diagonal()).cholesky()?
            }
            Structure::LowRank | Structure::Dense => gaussian.covariance.cholesky()?,
        };
        let density = FlowDensity::new(&self.options, dimension);
        let lambda = density.gaussian(&gaussian.mean, factor);
        Ok(Box::new(GraphApproximation::new(
            density, lambda, placement,
        )?))
    }
}
