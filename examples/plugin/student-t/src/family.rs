//! The family: its name, its options, and where it starts.

use firebrand_core::{
    Approximation, Family, FamilyCapabilities, FamilyError, GaussianStart, OptionsError, Placement,
    Plugin,
};

use crate::member::Member;

firebrand_core::options! {
    /// Options of `student-t`.
    pub struct StudentTOptions {
        /// Degrees of freedom, at least 3: few for heavy tails, many for a Gaussian.
        freedom: usize = 5,
    }
}

/// Multivariate Student t distributions whose scale matrix is diagonal. The coordinates are uncorrelated, but far out in the
/// tails together.
#[derive(Clone, Debug)]
pub struct StudentT {
    freedom: usize,
}

impl Plugin for StudentT {
    type Options = StudentTOptions;
    const NAME: &'static str = "student-t";
    const DOC: &'static str = "Multivariate Student t with a diagonal scale: heavy tails";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: StudentTOptions) -> Result<Self, OptionsError> {
        if options.freedom < 3 {
            let reason = "`freedom` must be at least 3: below that there is no variance";
            return Err(OptionsError::invalid::<StudentTOptions>(Self::NAME, reason));
        }
        Ok(StudentT {
            freedom: options.freedom,
        })
    }
}

impl Family for StudentT {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            score: true,
            ..FamilyCapabilities::default()
        }
    }

    /// The member with the Gaussian's mean and variances.
    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let freedom = self.freedom as f64;
        // The variance of a Student t is its squared scale times freedom / (freedom - 2).
        let log_scale = |variance: f64| 0.5 * (variance * (freedom - 2.0) / freedom).ln();
        let mut lambda = gaussian.mean.clone();
        lambda.extend(gaussian.covariance.diagonal().into_iter().map(log_scale));
        let member = Member::new(lambda, dimension, self.freedom, placement)?;
        Ok(Box::new(member))
    }
}
