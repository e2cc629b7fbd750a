//! Where the components of a mixture begin.

use faer::Mat;
use firebrand_core::{
    Covariance, FamilyError, GaussianStart, Stream, Structure, cholesky, normals,
};

/// The share of a Gaussian's variance, along the direction in which it is largest, that the means of the components that
/// stand for it have.
const SPREAD: f64 = 0.25;

/// A component of a mixture.
#[derive(Clone, Debug)]
pub struct Component {
    /// Logarithm of its weight, up to a constant.
    pub log_weight: f64,
    /// `[D]`.
    pub mean: Vec<f64>,
    /// Lower triangular square root of its covariance, `[D, D]`.
    pub factor: Mat<f64>,
}

/// `count` components of equal weight whose mixture has the mean and the covariance of `gaussian`; where coordinates are
/// independent, its variances.
///
/// In coordinates in which the Gaussian is standard, the means are centred points that follow from no seed of a run.
///
/// # Errors
/// If the covariance is not positive definite.
pub fn apart(
    gaussian: &GaussianStart,
    count: usize,
    structure: Structure,
    log_weight: f64,
) -> Result<Vec<Component>, FamilyError> {
    let dimension = gaussian.dimension();
    let factor = match structure {
        Structure::Diagonal => Covariance::Diagonal(gaussian.covariance.diagonal()).cholesky()?,
        Structure::LowRank | Structure::Dense => gaussian.covariance.cholesky()?,
    };
    let points = centred_points(count, dimension);
    // Their covariance is what is left out of that of each component.
    let mut between = points.transpose() * &points * faer::Scale(1.0 / count as f64);
    if structure == Structure::Diagonal {
        between = Mat::from_fn(dimension, dimension, |i, j| {
            if i == j { between[(i, i)] } else { 0.0 }
        });
    }
    let within = Mat::<f64>::identity(dimension, dimension) - between;
    let within = &factor * within * factor.transpose();
    let within = cholesky(&within)?;
    let means = &points * factor.transpose();
    Ok((0..count)
        .map(|k| Component {
            log_weight: log_weight - (count as f64).ln(),
            mean: (0..dimension)
                .map(|d| gaussian.mean[d] + means[(k, d)])
                .collect(),
            factor: within.clone(),
        })
        .collect())
}

/// `count` points `[count, D]` of mean zero whose covariance has [`SPREAD`] as its largest eigenvalue.
fn centred_points(count: usize, dimension: usize) -> Mat<f64> {
    if count == 1 {
        return Mat::zeros(1, dimension);
    }
    let numbers = normals(0, Stream::Other(0), count as u64, count * dimension);
    let point = |k: usize, d: usize| numbers[k * dimension + d];
    let mean: Vec<f64> = (0..dimension)
        .map(|d| (0..count).map(|k| point(k, d)).sum::<f64>() / count as f64)
        .collect();
    let centred = Mat::from_fn(count, dimension, |k, d| point(k, d) - mean[d]);
    // No eigenvalue is above the largest sum of a row.
    let gram = &centred * centred.transpose();
    let largest: f64 = (0..count)
        .map(|i| (0..count).map(|j| gram[(i, j)].abs()).sum())
        .fold(0.0, f64::max);
    centred * faer::Scale((SPREAD * count as f64 / largest).sqrt())
}
