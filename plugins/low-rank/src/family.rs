//! The family and its options.

use firebrand_core::{
    Approximation, Family, FamilyCapabilities, FamilyError, Gaussian, GaussianStart, OptionsError,
    Placement, Plugin, Structure,
};

use crate::member::{LowRankGaussian, check_size};

firebrand_core::options! {
    /// Options of `low-rank`.
    pub struct LowRankOptions {
        /// Columns of the factor that holds the correlations; the dimension, if that is less.
        rank: usize = 10,
    }
}

/// The family of Gaussians whose covariance is a diagonal plus a matrix of low rank.
#[derive(Clone, Copy, Debug)]
pub struct LowRankFamily {
    rank: usize,
}

impl Plugin for LowRankFamily {
    type Options = LowRankOptions;
    const NAME: &'static str = "low-rank";
    const DOC: &'static str = "Gaussian whose covariance is a diagonal plus a matrix of low rank";

    fn new(options: LowRankOptions) -> Result<Self, OptionsError> {
        if options.rank == 0 {
            let reason =
                "`rank` must be at least 1; `mean-field` is the family without correlations";
            return Err(OptionsError::invalid::<LowRankOptions>(Self::NAME, reason));
        }
        Ok(LowRankFamily { rank: options.rank })
    }
}

impl Family for LowRankFamily {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: Some(Structure::LowRank),
            score: true,
        }
    }

    /// The factor `[D, R]`.
    fn matrix_numbers(&self, dimension: usize) -> u128 {
        dimension as u128 * self.rank.min(dimension) as u128
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        check_size("the mean of the start", dimension, gaussian.dimension())?;
        let rank = self.rank.min(dimension);
        let mut member = LowRankGaussian::standard(dimension, rank, placement)?;
        member.set(&gaussian.mean, &gaussian.covariance)?;
        Ok(Box::new(member))
    }
}
