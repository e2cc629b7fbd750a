//! The second noun: a [`Family`] of variational approximations, and one [`Approximation`] in it.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::gaussian::{Gaussian, GaussianStart, Structure};
use crate::placement::Placement;
use crate::start::Start;

/// Why a family could not do what was asked of it.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FamilyError {
    /// The covariance that was set, or that these parameters imply, is not positive definite.
    #[error("the covariance is not positive definite")]
    NotPositiveDefinite,
    /// A number that had to be finite is not.
    #[error("{what} is not finite")]
    NotFinite {
        /// What it is.
        what: String,
    },
    /// A vector or matrix does not have the size it should.
    #[error("{what} has size {found}, but {expected} was expected")]
    Size {
        /// What it is.
        what: String,
        /// The size it should have.
        expected: usize,
        /// The size it has.
        found: usize,
    },
    /// The family has no such operation.
    #[error("the family `{family}` cannot {operation}")]
    Unsupported {
        /// The family's name.
        family: String,
        /// The operation, as a verb phrase.
        operation: String,
    },
    /// Matrices that would take too much memory.
    #[error(
        "{what} in {dimension} dimensions would take {bytes} bytes: above {MOST_MATRIX_BYTES} a fit is refused; `mean-field` has no \
         matrices, and those of `low-rank` grow with the dimension alone"
    )]
    TooLarge {
        /// What they are.
        what: String,
        /// The dimension.
        dimension: usize,
        /// What one of each would take; algorithms hold several.
        bytes: u128,
    },
    /// The family failed in its own words.
    #[error("{0}")]
    Other(String),
}

/// The dimension above which no matrix `[D, D]` is made: it takes 3.2 gigabytes there, algorithms hold several, and the time for it
/// grows with the cube of the dimension.
pub const MOST_DENSE: usize = 20_000;

/// Bytes that the matrices of one member of a family may take.
const MOST_MATRIX_BYTES: u128 = 8 * (MOST_DENSE as u128).pow(2);

/// Refuses a matrix `[D, D]` above [`MOST_DENSE`] dimensions.
///
/// # Errors
/// [`FamilyError::TooLarge`].
pub fn check_dense(dimension: usize) -> Result<(), FamilyError> {
    check_matrices("a covariance", dimension, (dimension as u128).pow(2))
}

/// Refuses matrices that have more numbers together than one of [`MOST_DENSE`] dimensions.
///
/// # Errors
/// [`FamilyError::TooLarge`].
pub(crate) fn check_matrices(
    what: &str,
    dimension: usize,
    numbers: u128,
) -> Result<(), FamilyError> {
    let bytes = numbers.saturating_mul(8);
    if bytes <= MOST_MATRIX_BYTES {
        return Ok(());
    }
    Err(FamilyError::TooLarge {
        what: what.into(),
        dimension,
        bytes,
    })
}

impl FamilyError {
    /// Whether a smaller or different step could succeed, so that rejecting the step is the answer.
    pub fn is_recoverable(&self) -> bool {
        matches!(
            self,
            FamilyError::NotPositiveDefinite | FamilyError::NotFinite { .. }
        )
    }
}

/// Draws from an approximation.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `[S, D]`.
    pub theta: Tensor<2>,
    /// `[S]`: the log of each draw's weight in an average over the approximation, summing to one; `None` means
    /// `-log S` for each. Stratified draws from a mixture carry the weights of its components here, which is how the
    /// gradient reaches them.
    pub log_weight: Option<Tensor<1>>,
}

/// What flows back into a [`Sample`]: the derivative of some number in each of its parts.
#[derive(Clone, Debug)]
pub struct SampleCotangent {
    /// `[S, D]`.
    pub theta: Tensor<2>,
    /// `[S]`, for families whose sample has weights; `None` counts as zero.
    pub log_weight: Option<Tensor<1>>,
}

impl From<Tensor<2>> for SampleCotangent {
    fn from(theta: Tensor<2>) -> Self {
        SampleCotangent {
            theta,
            log_weight: None,
        }
    }
}

/// A variational family: a plugin that makes approximations.
pub trait Family: Send + Sync {
    /// The name it is registered under.
    fn name(&self) -> &str;

    /// What its members can do beyond what every approximation can.
    fn capabilities(&self) -> FamilyCapabilities;

    /// How many numbers the matrices of a member hold in `dimension` dimensions, all together: a fit for which these are too many is refused
    /// before anything is computed. By default those of a covariance `[D, D]` for a family that has one, and none for others.
    fn matrix_numbers(&self, dimension: usize) -> u128 {
        match self.capabilities().gaussian {
            Some(Structure::Dense) => (dimension as u128).pow(2),
            Some(Structure::Diagonal | Structure::LowRank) | None => 0,
        }
    }

    /// The member closest to a Gaussian, in `dimension` dimensions.
    ///
    /// A family that cannot hold the Gaussian exactly takes what it can: a diagonal one takes the variances.
    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError>;

    /// The member to begin a fit from. By default the one closest to the best Gaussian that was found; a family that can
    /// be in several places at once may use the others too.
    fn start_from(
        &self,
        start: &Start,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let gaussian = &start.best().gaussian;
        self.start(gaussian.dimension(), gaussian, placement)
    }
}

/// What members of a family can do. Algorithms state what they need of it, and are refused before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FamilyCapabilities {
    /// Whether it is a Gaussian, and with which covariances.
    pub gaussian: Option<Structure>,
    /// Whether `score` and `pull_score` are implemented.
    pub score: bool,
}

/// One member q of a family, with parameters lambda: a flat vector.
///
/// Everything is a pure function of lambda and the arguments. Draws lead: points are `[S, D]`, for any S. Pullbacks
/// take the derivative of some number in an output and give its derivative `[lambda]` in the parameters.
pub trait Approximation: Send {
    /// The name of its family.
    fn family(&self) -> &str;

    /// D, the dimension of its draws.
    fn dimension(&self) -> usize;

    /// Where it computes.
    fn placement(&self) -> &Placement;

    /// Its parameters, a flat vector. All values of the vector are allowed, up to overflow.
    fn lambda(&self) -> Tensor<1>;

    /// For each parameter in lambda, the change that moves draws by about one of their standard deviations, if the family knows it:
    /// measuring it takes many draws.
    fn parameter_scales(&self) -> Option<Vec<f64>> {
        None
    }

    /// Sets the parameters.
    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError>;

    /// A copy of it. Inference compares with, and goes back to, earlier states.
    fn clone_box(&self) -> Box<dyn Approximation>;

    /// The shape of the standard normal noise that `draws` draws take.
    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        [draws, self.dimension()]
    }

    /// Draws, as a function of standard normal noise of shape [`noise_shape`](Approximation::noise_shape).
    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError>;

    /// Normalised log density `[S]` of q at `theta` `[S, D]`.
    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError>;

    /// Gradient `[S, D]` of the log density of q in `theta` `[S, D]`.
    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError>;

    /// Pulls a derivative in the sample back to lambda, the noise held fixed.
    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError>;

    /// Pulls a derivative `[S]` in the log density back to lambda, `theta` held fixed.
    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError>;

    /// Pulls a derivative `[S, D]` in the score back to lambda, `theta` held fixed.
    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError>;

    /// Its mean and covariance, where it is a Gaussian.
    fn gaussian(&self) -> Option<&dyn Gaussian> {
        None
    }

    /// Its mean and covariance to change, where it is a Gaussian.
    fn gaussian_mut(&mut self) -> Option<&mut dyn Gaussian> {
        None
    }

    /// All of its state. By default lambda, in 64 bits and little-endian order.
    fn save(&self) -> Vec<u8> {
        crate::placement::to_host(&self.lambda())
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    /// Sets its state to what [`save`](Approximation::save) gave.
    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        let lambda: Vec<f64> = state
            .chunks_exact(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("chunks of eight")))
            .collect();
        let expected = self.lambda().dims()[0];
        if lambda.len() != expected || !state.len().is_multiple_of(8) {
            return Err(FamilyError::Size {
                what: "the saved state".into(),
                expected: 8 * expected,
                found: state.len(),
            });
        }
        let lambda = self.placement().vector(&lambda);
        self.set_lambda(&lambda)
    }
}

impl Clone for Box<dyn Approximation> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}
