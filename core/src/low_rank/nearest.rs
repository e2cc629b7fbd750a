//! The low-rank covariance nearest to another covariance.
//!
//! Nearest is the least Kullback-Leibler divergence of N(0, S) from N(0, diag(d) + U U'): maximum likelihood factor analysis, with S in
//! place of the covariance of data. Its expectation-maximisation (Rubin and Thayer 1982, Psychometrika 47) asks of S only its variances
//! and its product with R columns.

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef, Side};

use super::LowRank;
use crate::family::FamilyError;

/// The change of an entry, in standard deviations, at which the steps have settled.
const SETTLED: f64 = 1e-6;
/// Steps that improve a member near the answer, as one step of an algorithm leaves it.
pub const PATCHED: usize = 20;
/// Steps from a member made of principal axes.
const FROM_AXES: usize = 200;
/// The least share of its variance that a coordinate has for itself.
const LEAST_SHARE: f64 = 1e-8;

/// Improves `from` towards the covariance with these `variances` that `multiply` multiplies columns `[D, R]` by, by at most `steps`
/// steps. Each brings it nearer. `None` if a number is not finite.
pub fn nearest(
    variances: &[f64],
    multiply: impl Fn(MatRef<'_, f64>) -> Mat<f64>,
    from: LowRank,
    steps: usize,
) -> Option<LowRank> {
    let mut present = from;
    for _ in 0..steps {
        let next = step(variances, &multiply, &present)?;
        let change = change(variances, &present, &next);
        present = next;
        if change < SETTLED {
            break;
        }
    }
    Some(present)
}

/// One step of expectation-maximisation: with the present `X = (diag(d) + U U')^-1 U` and `M = I + U' diag(d)^-1 U`,
/// `U <- S X (M^-1 + X' S X)^-1` and `d <- diag(S - U X' S)`.
fn step(
    variances: &[f64],
    multiply: impl Fn(MatRef<'_, f64>) -> Mat<f64>,
    present: &LowRank,
) -> Option<LowRank> {
    let (dimension, rank) = (present.dimension(), present.rank());
    let over_diagonal = Mat::from_fn(dimension, rank, |i, k| {
        present.factor[(i, k)] / present.diagonal[i]
    });
    let inner = present.factor.transpose() * &over_diagonal + Mat::<f64>::identity(rank, rank);
    let inverse = inner
        .llt(Side::Lower)
        .ok()?
        .solve(Mat::<f64>::identity(rank, rank));
    let x = over_diagonal * &inverse;
    let product = multiply(x.as_ref());
    let second = inverse + x.transpose() * &product;
    let factor = second.llt(Side::Lower).ok()?;
    let factor = factor.solve(product.transpose()).transpose().to_owned();
    let diagonal: Vec<f64> = (0..dimension)
        .map(|i| {
            let explained: f64 = (0..rank).map(|k| factor[(i, k)] * product[(i, k)]).sum();
            (variances[i] - explained).max(LEAST_SHARE * variances[i])
        })
        .collect();
    let next = LowRank { diagonal, factor };
    next.check().ok().map(|()| next)
}

/// The largest change of an entry, in standard deviations.
fn change(variances: &[f64], a: &LowRank, b: &LowRank) -> f64 {
    let mut largest = 0.0_f64;
    for (i, variance) in variances.iter().enumerate() {
        largest = largest.max((a.diagonal[i] - b.diagonal[i]).abs() / variance);
        for k in 0..a.rank() {
            largest = largest.max((a.factor[(i, k)] - b.factor[(i, k)]).abs() / variance.sqrt());
        }
    }
    largest
}

impl LowRank {
    /// The one of this rank, which is below its own, that is nearest to it.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`], also when an entry is not finite.
    pub fn narrowed(&self, rank: usize) -> Result<Self, FamilyError> {
        self.check()?;
        let refused = FamilyError::NotPositiveDefinite;
        let (variances, own) = (self.variances(), self.rank());
        // The largest axes of the factor, in units of the diagonal; what the others hold goes to the diagonal.
        let loadings = Mat::from_fn(variances.len(), own, |i, k| {
            self.factor[(i, k)] / self.diagonal[i].sqrt()
        });
        let eigen = (loadings.transpose() * &loadings)
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| refused.clone())?;
        let factor = &self.factor * eigen.U().subcols(own - rank, rank);
        let diagonal = (0..variances.len())
            .map(|i| variances[i] - factor.row(i).squared_norm_l2())
            .collect();
        let multiply = |columns: MatRef<'_, f64>| self.multiply(columns);
        let axes = LowRank { diagonal, factor };
        axes.check()?;
        nearest(&variances, multiply, axes, FROM_AXES).ok_or(refused)
    }

    /// The one of this rank that is nearest to a dense covariance; from a rank of D - 1 on, that covariance itself.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`], also when an entry is not finite.
    pub fn nearest_to_dense(covariance: &Mat<f64>, rank: usize) -> Result<Self, FamilyError> {
        let variances: Vec<f64> = (0..covariance.nrows())
            .map(|i| covariance[(i, i)])
            .collect();
        let axes = from_axes(covariance, &variances, rank)?;
        if rank + 1 >= variances.len() {
            return Ok(axes);
        }
        let multiply = |columns: MatRef<'_, f64>| covariance * columns;
        nearest(&variances, multiply, axes, FROM_AXES).ok_or(FamilyError::NotPositiveDefinite)
    }
}

/// The largest principal axes of the correlations, with what is left shared alike (probabilistic principal components: Tipping and
/// Bishop 1999).
fn from_axes(
    covariance: &Mat<f64>,
    variances: &[f64],
    rank: usize,
) -> Result<LowRank, FamilyError> {
    let dimension = variances.len();
    if !variances.iter().all(|v| v.is_finite() && *v > 0.0) {
        return Err(FamilyError::NotPositiveDefinite);
    }
    let deviation: Vec<f64> = variances.iter().map(|v| v.sqrt()).collect();
    let correlation = Mat::from_fn(dimension, dimension, |i, j| {
        covariance[(i, j)] / (deviation[i] * deviation[j])
    });
    let eigen = correlation
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| FamilyError::NotPositiveDefinite)?;
    // Rising.
    let values: Vec<f64> = (0..dimension).map(|k| eigen.S()[k]).collect();
    if values[0].is_nan() || values[0] <= 0.0 {
        return Err(FamilyError::NotPositiveDefinite);
    }
    let rest = dimension.saturating_sub(rank);
    let shared = if rest == 0 {
        // All axes are taken: what the coordinates have for themselves is free, and must not be all of the smallest.
        0.5 * values[0]
    } else {
        values[..rest].iter().sum::<f64>() / rest as f64
    };
    let factor = Mat::from_fn(dimension, rank.min(dimension), |i, k| {
        let axis = dimension - 1 - k;
        deviation[i] * (values[axis] - shared).max(0.0).sqrt() * eigen.U()[(i, axis)]
    });
    let diagonal = variances.iter().map(|v| shared * v).collect();
    let nearest = LowRank { diagonal, factor };
    Ok(nearest.widened(rank))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::{Stream, normals};

    fn random(dimension: usize, rank: usize) -> LowRank {
        let numbers = normals(4, Stream::Other(1), 0, dimension * (rank + 1));
        let scale = |i: usize| 10f64.powi(i as i32 % 5 - 2);
        LowRank {
            diagonal: (0..dimension)
                .map(|i| (scale(i) * (0.5 + numbers[i].abs())).powi(2))
                .collect(),
            factor: Mat::from_fn(dimension, rank, |i, k| {
                scale(i) * numbers[dimension + i * rank + k]
            }),
        }
    }

    /// The largest error of an entry in standard deviations.
    fn error(found: &Mat<f64>, expected: &Mat<f64>) -> f64 {
        let mut largest = 0.0_f64;
        for i in 0..found.nrows() {
            for j in 0..found.nrows() {
                let scale = (expected[(i, i)] * expected[(j, j)]).sqrt();
                largest = largest.max((found[(i, j)] - expected[(i, j)]).abs() / scale);
            }
        }
        largest
    }

    #[test]
    fn a_covariance_of_the_rank_asked_for_is_found() {
        let truth = random(50, 3).dense();
        let found = LowRank::nearest_to_dense(&truth, 3).unwrap();
        // Steps settle linearly, at a rate of about a tenth here.
        assert!(error(&found.dense(), &truth) < 1e-4);
    }

    #[test]
    fn enough_columns_hold_any_covariance() {
        let truth = random(4, 4).dense();
        for rank in [3, 4, 6] {
            let found = LowRank::nearest_to_dense(&truth, rank).unwrap();
            assert_eq!(found.rank(), rank);
            // The faint columns that a rank above D gets are no correlations to speak of.
            let tolerance = if rank > 4 { 1e-2 } else { 1e-12 };
            assert!(error(&found.dense(), &truth) < tolerance, "rank {rank}");
        }
    }

    #[test]
    fn columns_that_repeat_others_are_narrowed_away() {
        let truth = random(30, 2);
        let doubled = LowRank {
            factor: Mat::from_fn(30, 4, |i, k| {
                truth.factor[(i, k / 2)] * [0.6_f64, 0.4, 0.3, 0.7][k].sqrt()
            }),
            diagonal: truth.diagonal.clone(),
        };
        let found = doubled.narrowed(2).unwrap();
        assert!(error(&found.dense(), &truth.dense()) < 1e-12);
    }

    #[test]
    fn the_nearest_has_the_variances_and_no_neighbour_is_nearer() {
        // Of rank three, the third column a faint one, so that no coordinate is left without variance of its own.
        let column = |i: usize, k: usize| (1.0 + (3 * i + 5 * k + i * k) as f64).sin();
        let truth = LowRank {
            diagonal: (0..8).map(|i| 1.0 + 0.1 * f64::from(i)).collect(),
            factor: Mat::from_fn(8, 3, |i, k| [1.5, 1.0, 0.4][k] * column(i, k)),
        };
        let truth = truth.dense();
        let variances: Vec<f64> = (0..8).map(|i| truth[(i, i)]).collect();
        let from = LowRank::nearest_to_dense(&truth, 2).unwrap();
        let found = nearest(&variances, |x| &truth * x, from, 5000).unwrap();
        for (found, expected) in found.variances().iter().zip(&variances) {
            assert!((found / expected - 1.0).abs() < 1e-4);
        }
        // log det Q + tr(Q^-1 S), twice the divergence up to a constant.
        let divergence = |q: &LowRank| {
            let q = q.dense();
            let solved = q.llt(Side::Lower).unwrap().solve(&truth);
            q.determinant().ln() + (0..8).map(|i| solved[(i, i)]).sum::<f64>()
        };
        let least = divergence(&found);
        for (i, variance) in variances.iter().enumerate() {
            for sign in [-1.0, 1.0] {
                let mut other = found.clone();
                other.factor[(i, i % 2)] += sign * 0.02 * variance.sqrt();
                assert!(divergence(&other) > least);
                let mut other = found.clone();
                other.diagonal[i] *= 1.0 + sign * 0.05;
                assert!(divergence(&other) > least);
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for wrong in [
            faer::mat![[1.0, 2.0], [2.0, 1.0]],
            faer::mat![[1.0, f64::NAN], [f64::NAN, 1.0]],
            faer::mat![[-1.0, 0.0], [0.0, 1.0]],
        ] {
            let refused = LowRank::nearest_to_dense(&wrong, 1);
            assert_eq!(refused, Err(FamilyError::NotPositiveDefinite));
        }
    }
}
