//! Short Markov chains from draws of an approximation: where its moments drift is where it is wrong.
//!
//! This is the diagnostic of Wang, Kasprzak and Huggins (2023), "A Targeted Accuracy Diagnostic for Variational
//! Approximations": many parallel chains that leave the target invariant start at draws of the approximation. If these
//! are draws of the target, nothing changes on average. It sees what importance weights cannot: errors in many
//! dimensions, and mass where the approximation has no draws. It does not see separate modes.
//!
//! The chains are Hamiltonian Monte Carlo in coordinates that whiten the approximation, all evaluated together.

use faer::Mat;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::moments::{MomentError, MomentErrors, Moments, checked_columns, correlation};
use super::whitening::Whitening;
use crate::placement::{from_mat, to_host, to_mat};
use crate::randomness::{Stream, generator, normals};
use crate::target::{Batch, Constrained, Target, TargetError};

/// A trajectory's length in whitened coordinates: a quarter of the period of a standard Gaussian.
const TRAJECTORY: f64 = std::f64::consts::FRAC_PI_2;
/// Leapfrog steps of one trajectory at most.
const MAX_LEAPFROGS: usize = 12;
/// Transitions at most.
const MAX_TRANSITIONS: usize = 20;
/// Transitions that adapt the step size.
const ADAPTING: usize = 6;
/// The acceptance rate that adaptation aims at.
const ACCEPTANCE: f64 = 0.85;
/// The last states whose moments are taken, together.
const KEPT: usize = 4;
/// Transitions after which chains may end, if every whitened coordinate has forgotten its start.
const ENOUGH_TRANSITIONS: usize = 10;
/// The correlation with its start below which a coordinate has forgotten it: about four errors with 512 chains.
const FORGOTTEN: f64 = 0.18;

/// What the chains found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Errors of the approximation, extrapolated to chains that have forgotten their starts.
    pub errors: MomentErrors,
    /// The largest correlation of a quantity with its start: near one, the chains have said little about it.
    pub memory: f64,
    /// The average acceptance rate of the kept transitions.
    pub acceptance: f64,
    /// The number of chains.
    pub chains: usize,
    /// The number of transitions of each.
    pub transitions: usize,
}

/// The draws of the approximation that the chains are compared with.
pub struct Baseline<'a> {
    /// On the model's scale, `[S, columns]`.
    pub draws: &'a Constrained,
    /// `[S]`, summing to one.
    pub weights: &'a [f64],
}

/// Runs chains from `starts` `[C, D]`, draws of the approximation, with at most `gradients` evaluations, or until the target is
/// interrupted; `None` if that does not suffice for any transition.
///
/// # Errors
/// If the target cannot be evaluated.
pub fn drift(
    target: &dyn Target,
    whitening: &Whitening,
    starts: &Mat<f64>,
    baseline: &Baseline<'_>,
    seed: u64,
    gradients: u64,
) -> Result<Option<Drift>, TargetError> {
    let count = starts.nrows();
    if count < 2 || gradients < 8 * count as u64 {
        return Ok(None);
    }
    let began = whitening.whiten(starts);
    let mut chains = match Chains::new(target, whitening, began.clone()) {
        Ok(chains) => chains,
        Err(TargetError::Interrupted) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut kept: Vec<(Mat<f64>, f64)> = vec![];
    let mut transitions = 0;
    while transitions < MAX_TRANSITIONS
        && chains.evaluations + (chains.leapfrogs() * count) as u64 <= gradients
    {
        let acceptance = match chains.transition(seed, transitions as u64) {
            Ok(acceptance) => acceptance,
            // What the chains have found so far is worth something.
            Err(TargetError::Interrupted) => break,
            Err(error) => return Err(error),
        };
        if transitions < ADAPTING {
            chains.adapt(acceptance);
        }
        transitions += 1;
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((chains.position.clone(), acceptance));
        if transitions >= ENOUGH_TRANSITIONS && forgotten(&began, &chains.position) {
            break;
        }
    }
    if kept.is_empty() {
        return Ok(None);
    }
    let constrain = |theta: &Mat<f64>| {
        target.constrain_parameters(&from_mat(theta.as_ref(), target.placement()))
    };
    let before = constrain(starts)?;
    let after = kept
        .iter()
        .map(|(position, _)| constrain(&whitening.unwhiten(position)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut memory = 0.0_f64;
    let errors = checked_columns(baseline.draws).into_iter().filter_map(|c| {
        let name = &baseline.draws.columns[c].name;
        let start = before.column(before.position(name)?);
        let ends: Vec<Vec<f64>> = after
            .iter()
            .filter_map(|table| Some(table.column(table.position(name)?)))
            .collect();
        let approximate = Moments::weighted(&baseline.draws.column(c), baseline.weights);
        let (error, remembered) = column_error(name, approximate, &start, &ends)?;
        memory = memory.max(remembered);
        Some(error)
    });
    let errors = MomentErrors::worst_of(errors);
    Ok(Some(Drift {
        errors,
        memory,
        acceptance: kept.iter().map(|(_, acceptance)| acceptance).sum::<f64>() / kept.len() as f64,
        chains: count,
        transitions,
    }))
}

/// Whether no coordinate of the chains is correlated with where it began.
fn forgotten(began: &Mat<f64>, now: &Mat<f64>) -> bool {
    (0..began.ncols()).all(|d| {
        let column = |of: &Mat<f64>| of.col(d).iter().copied().collect::<Vec<_>>();
        correlation(&column(began), &column(now)).abs() < FORGOTTEN
    })
}

/// The error of one quantity, and the correlation of its chains with their starts.
///
/// A chain with correlation r to its start has expectation `r start + (1 - r) posterior mean`, and variance
/// `r^2 start variance + (1 - r^2) posterior variance`: exactly for Gaussians, and a fair extrapolation otherwise.
fn column_error(
    name: &str,
    approximate: Moments,
    start: &[f64],
    ends: &[Vec<f64>],
) -> Option<(MomentError, f64)> {
    /// Beyond this the extrapolation divides noise by next to nothing.
    const MAX_MEMORY: f64 = 0.9;
    let pooled = Moments::plain(&ends.concat());
    if !approximate.varies() && !pooled.varies() {
        return None;
    }
    let count = ends.len() as f64;
    let memory = ends.iter().map(|end| correlation(start, end)).sum::<f64>() / count;
    let r = memory.clamp(0.0, MAX_MEMORY);
    let began = Moments::plain(start);
    let mean = (pooled.mean - r * began.mean) / (1.0 - r);
    let variance = (pooled.sd.powi(2) - (r * began.sd).powi(2)) / (1.0 - r * r);
    let sd = if variance > 0.0 {
        variance.sqrt()
    } else {
        pooled.sd
    };
    let error = MomentError {
        name: name.into(),
        mean: (approximate.mean - mean) / sd,
        log_sd: (approximate.sd / sd).ln(),
    };
    Some((error, memory))
}

/// Parallel chains in whitened coordinates.
struct Chains<'a> {
    target: &'a dyn Target,
    whitening: &'a Whitening,
    /// `[C, D]`.
    position: Mat<f64>,
    log_density: Vec<f64>,
    gradient: Mat<f64>,
    step_size: f64,
    evaluations: u64,
}

impl<'a> Chains<'a> {
    fn new(
        target: &'a dyn Target,
        whitening: &'a Whitening,
        position: Mat<f64>,
    ) -> Result<Self, TargetError> {
        // The largest stable step is 2; the error of a trajectory grows with the dimension's fourth root.
        let step_size = (position.ncols() as f64).powf(-0.25).min(0.8);
        let mut chains = Chains {
            target,
            whitening,
            log_density: vec![],
            gradient: Mat::zeros(0, 0),
            position,
            step_size,
            evaluations: 0,
        };
        let position = chains.position.clone();
        (chains.log_density, chains.gradient) = chains.evaluate(&position)?;
        Ok(chains)
    }

    fn leapfrogs(&self) -> usize {
        ((TRAJECTORY / self.step_size).ceil() as usize).clamp(1, MAX_LEAPFROGS)
    }

    fn evaluate(&mut self, z: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>), TargetError> {
        let theta = from_mat(self.whitening.unwhiten(z).as_ref(), self.target.placement());
        let out = self.target.log_density_and_score(&theta, &Batch::Full)?;
        self.evaluations += z.nrows() as u64;
        let gradient = self.whitening.pull_score(&to_mat(&out.score));
        Ok((to_host(&out.log_density), gradient))
    }

    /// One Hamiltonian transition of all chains; gives the average probability of acceptance.
    fn transition(&mut self, seed: u64, number: u64) -> Result<f64, TargetError> {
        let (count, dimension) = (self.position.nrows(), self.position.ncols());
        let noise = normals(seed, Stream::Chains, 2 * number, count * dimension);
        let mut rng = generator(seed, Stream::Chains, 2 * number + 1);
        let leapfrogs = self.leapfrogs();
        // A varying length keeps trajectories off the periods of the target.
        let step = self.step_size * rng.random_range(0.8..1.2);
        let mut momentum = Mat::from_fn(count, dimension, |c, d| noise[c * dimension + d]);
        let kinetic = |momentum: &Mat<f64>, c: usize| 0.5 * momentum.row(c).squared_norm_l2();
        let energy: Vec<f64> = (0..count)
            .map(|c| kinetic(&momentum, c) - self.log_density[c])
            .collect();
        let mut position = self.position.clone();
        let mut log_density = vec![];
        let mut gradient = self.gradient.clone();
        for _ in 0..leapfrogs {
            momentum += faer::Scale(0.5 * step) * &gradient;
            position += faer::Scale(step) * &momentum;
            (log_density, gradient) = self.evaluate(&position)?;
            momentum += faer::Scale(0.5 * step) * &gradient;
        }
        let mut total = 0.0;
        for c in 0..count {
            let change = energy[c] - (kinetic(&momentum, c) - log_density[c]);
            let probability = if change.is_nan() {
                0.0
            } else {
                change.min(0.0).exp()
            };
            total += probability;
            if rng.random::<f64>() < probability {
                self.log_density[c] = log_density[c];
                for d in 0..dimension {
                    self.position[(c, d)] = position[(c, d)];
                    self.gradient[(c, d)] = gradient[(c, d)];
                }
            }
        }
        Ok(total / count as f64)
    }

    fn adapt(&mut self, acceptance: f64) {
        let factor = (2.0 * (acceptance - ACCEPTANCE)).exp().clamp(0.3, 1.3);
        self.step_size = (self.step_size * factor).min(1.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Approximation;
    use crate::randomness;
    use crate::target::GaussianTarget;
    use crate::testing::Independent;

    /// The drift of chains that start at draws of q, for a target of correlated Gaussians with unit variances.
    fn drift_from(q: &Independent, correlation: f64) -> Drift {
        let covariance = faer::mat![[1.0, correlation], [correlation, 1.0]];
        let target = GaussianTarget::new(&[0.0, 0.0], &covariance).unwrap();
        let noise = randomness::noise(1, Stream::Diagnostics, 0, [4000, 2], target.placement());
        let theta = q.sample(&noise).unwrap().theta;
        let draws = target.constrain_parameters(&theta).unwrap();
        let weights = vec![1.0 / 4000.0; 4000];
        let baseline = Baseline {
            draws: &draws,
            weights: &weights,
        };
        let starts = to_mat(&theta).submatrix(0, 0, 512, 2).to_owned();
        let whitening = Whitening::of(q, &starts, &[]);
        drift(&target, &whitening, &starts, &baseline, 1, 50_000)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn draws_of_the_target_do_not_drift() {
        let out = drift_from(&Independent::new(&[0.0, 0.0], &[1.0, 1.0]), 0.0);
        // Standard errors: sqrt(1/4000 + 1/512) for a mean, 1/sqrt(2) of it for a log standard deviation.
        assert!(out.errors.mean() < 4.0 * 0.047, "{out:?}");
        assert!(out.errors.log_sd() < 4.0 * 0.033, "{out:?}");
        assert!(out.memory < 0.3 && out.acceptance > 0.7, "{out:?}");
    }

    #[test]
    fn a_wrong_mean_and_a_wrong_scale_are_measured() {
        let out = drift_from(&Independent::new(&[0.0, 1.0], &[0.5, 1.0]), 0.0);
        let mean = out.errors.worst_mean.as_ref().unwrap();
        assert_eq!(mean.name, "theta[2]");
        assert!((mean.mean - 1.0).abs() < 0.2, "{out:?}");
        let sd = out.errors.worst_sd.as_ref().unwrap();
        assert_eq!(sd.name, "theta[1]");
        assert!((sd.log_sd - 0.5_f64.ln()).abs() < 0.15, "{out:?}");
    }

    #[test]
    fn what_mean_field_misses_of_a_correlated_target_is_seen() {
        // The optimal diagonal Gaussian has variances 1 - rho^2.
        let sd = (1.0 - 0.9_f64 * 0.9).sqrt();
        let out = drift_from(&Independent::new(&[0.0, 0.0], &[sd, sd]), 0.9);
        assert!(out.errors.log_sd() > 0.5, "{out:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_drift() {
        let q = Independent::new(&[0.1, 0.0], &[1.0, 1.0]);
        assert_eq!(drift_from(&q, 0.3), drift_from(&q, 0.3));
    }
}
