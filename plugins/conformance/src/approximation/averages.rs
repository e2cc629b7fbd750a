//! What holds on average over draws, within their standard errors.

use firebrand_core::{Approximation, FamilyError, Stream, normals, to_host};

use super::drawn::{DRAWS, ERRORS, deviations, dot, draws, weights};
use crate::report::{Check, Worst};

/// Draws with their weights and scores.
struct Scored {
    theta: Vec<f64>,
    weighted: Vec<f64>,
    deviations: Vec<f64>,
}

impl Scored {
    fn new(q: &dyn Approximation) -> Result<Self, FamilyError> {
        let dimension = q.dimension();
        let (noise, theta) = draws(q, DRAWS)?;
        let weights = weights(q, &noise)?;
        let points = q.placement().matrix(theta.clone(), [DRAWS, dimension]);
        let score = to_host(&q.score(&points)?).into_iter().enumerate();
        Ok(Scored {
            theta,
            weighted: score.map(|(i, s)| s * weights[i / dimension]).collect(),
            deviations: deviations(q)?,
        })
    }
}

/// `E_q[score] = 0`.
pub fn the_score_has_mean_zero(q: &dyn Approximation) -> Check {
    let identity = "E[score] = 0";
    let mut worst = Worst::new(identity, ERRORS);
    let measured = Scored::new(q).map(|at| {
        for (d, deviation) in at.deviations.iter().enumerate() {
            let column = at.weighted.iter().skip(d).step_by(q.dimension());
            let values: Vec<f64> = column.map(|score| score * deviation).collect();
            worst.mean(&values, 0.0, || format!("the score of coordinate {d}"));
        }
        worst
    });
    Worst::of(identity, measured)
}

/// Stein's identity, `E_q[score (theta - centre)'] = -I`.
pub fn the_score_has_the_covariance_with_draws_of_stein(q: &dyn Approximation) -> Check {
    let identity = "E[score (theta - mean)'] = -I";
    let mut worst = Worst::new(identity, ERRORS);
    let dimension = q.dimension();
    let measured = Scored::new(q).map(|at| {
        for i in 0..dimension {
            for j in 0..dimension {
                // Any centre will do, since the score has mean zero; the mean of the draws has the least noise.
                let column = |d: usize| at.theta.iter().skip(d).step_by(dimension);
                let centre = column(j).sum::<f64>() / DRAWS as f64;
                let scores = at.weighted.iter().skip(i).step_by(dimension);
                let unit = at.deviations[i] / at.deviations[j];
                let products = scores.zip(column(j)).map(|(s, x)| s * (x - centre) * unit);
                let expected = if i == j { -1.0 } else { 0.0 };
                worst.mean(&products.collect::<Vec<_>>(), expected, || {
                    format!("score {i} times draw {j}")
                });
            }
        }
        worst
    });
    Worst::of(identity, measured)
}

/// A Gaussian with the moments of the member's draws and half as much variance again, and points drawn from it.
struct Proposal {
    points: Vec<f64>,
    log_density: Vec<f64>,
}

impl Proposal {
    fn new(q: &dyn Approximation) -> Result<Self, FamilyError> {
        const COUNT: usize = 2000;
        let dimension = q.dimension();
        let (_, theta) = draws(q, COUNT)?;
        let mean: Vec<f64> = (0..dimension)
            .map(|d| theta.iter().skip(d).step_by(dimension).sum::<f64>() / COUNT as f64)
            .collect();
        let away = |s: usize, d: usize| theta[s * dimension + d] - mean[d];
        let covariance = faer::Mat::from_fn(dimension, dimension, |i, j| {
            let products = (0..COUNT).map(|s| away(s, i) * away(s, j));
            1.5 * products.sum::<f64>() / COUNT as f64
        });
        let factor = firebrand_core::cholesky(&covariance)?;
        let log_scale: f64 = (0..dimension).map(|i| factor[(i, i)].ln()).sum();
        let constant = log_scale + 0.5 * dimension as f64 * (2.0 * std::f64::consts::PI).ln();
        let normal = normals(9, Stream::Other(9), 0, DRAWS * dimension);
        let mut points = Vec::with_capacity(DRAWS * dimension);
        let mut log_density = Vec::with_capacity(DRAWS);
        for row in normal.chunks(dimension) {
            for i in 0..dimension {
                points.push(mean[i] + (0..=i).map(|j| factor[(i, j)] * row[j]).sum::<f64>());
            }
            log_density.push(-0.5 * dot(row, row) - constant);
        }
        Ok(Proposal {
            points,
            log_density,
        })
    }

    /// The density of the member over that of the proposal at each point.
    fn ratios(&self, q: &dyn Approximation) -> Result<Vec<f64>, FamilyError> {
        let points = q
            .placement()
            .matrix(self.points.clone(), [DRAWS, q.dimension()]);
        let log_q = to_host(&q.log_prob(&points)?);
        let pairs = log_q.iter().zip(&self.log_density);
        Ok(pairs.map(|(q, p)| (q - p).exp()).collect())
    }
}

/// The density integrates to one, by importance sampling from a Gaussian with the moments of the member's draws. Few dimensions,
/// please: the weights' variance grows with them.
pub fn the_density_is_normalised(q: &dyn Approximation) -> Check {
    let identity = "the density integrates to one";
    let mut worst = Worst::new(identity, ERRORS);
    let measured = Proposal::new(q).and_then(|proposal| {
        worst.mean(&proposal.ratios(q)?, 1.0, || "the integral".into());
        Ok(worst)
    });
    Worst::of(identity, measured)
}

/// Averages over draws are those under the density, of the cosine and the sine of each coordinate: what `sample` draws is what
/// `log_prob` has. The average under the density is over its own mass, so that a wrong constant is no fault here.
pub fn draws_have_the_density(q: &dyn Approximation) -> Check {
    let identity = "draws have the density";
    let mut worst = Worst::new(identity, ERRORS);
    let dimension = q.dimension();
    let measured = || {
        let proposal = Proposal::new(q)?;
        let ratios = proposal.ratios(q)?;
        let mass = ratios.iter().sum::<f64>() / DRAWS as f64;
        let (noise, theta) = draws(q, DRAWS)?;
        let weights = weights(q, &noise)?;
        for (d, deviation) in deviations(q)?.into_iter().enumerate() {
            let centre = theta.iter().skip(d).step_by(dimension).sum::<f64>() / DRAWS as f64;
            for (phase, name) in [(0.0, "cosine"), (std::f64::consts::FRAC_PI_2, "sine")] {
                let f = |x: &f64| ((x - centre) / deviation - phase).cos();
                let column = |points: &'_ [f64]| -> Vec<f64> {
                    points.iter().skip(d).step_by(dimension).map(f).collect()
                };
                let (drawn, proposed) = (column(&theta), column(&proposal.points));
                let expected = dot(&proposed, &ratios) / (mass * DRAWS as f64);
                // Draws and points are independent, so a difference of pairs has the variance of both.
                let pairs = (0..DRAWS).map(|s| {
                    (drawn[s] - expected) * weights[s] - (proposed[s] - expected) * ratios[s] / mass
                });
                worst.mean(&pairs.collect::<Vec<_>>(), 0.0, || {
                    format!("the {name} of coordinate {d}, over draws less under the density")
                });
            }
        }
        Ok(worst)
    };
    Worst::of(identity, measured())
}

/// The weights of a sample sum to one, however many draws it has.
pub fn the_weights_of_draws_sum_to_one(q: &dyn Approximation) -> Check {
    let identity = "the weights of draws sum to one";
    let mut worst = Worst::new(identity, 1e-9);
    let measured = || {
        for count in [8, 13, 200] {
            let (noise, _) = draws(q, count)?;
            let total = weights(q, &noise)?.iter().sum::<f64>() / count as f64;
            worst.close(total, 1.0, 1.0, || format!("the sum over {count} draws"));
        }
        Ok(worst)
    };
    Worst::of(identity, measured())
}
