//! The search for a start, stage by stage.

use faer::Mat;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::evaluate::{Evaluate, StartError, evaluator};
use super::factored::FactoredGaussian;
use super::found::{Agreement, Candidate, Start};
use super::initial::{InitialPoint, first_point, initial_points};
use super::lbfgs::{LbfgsOptions, PathEnd};
use super::narrow::narrow_start;
use super::natural::NaturalAscent;
use super::noise::{enough_draws, whitened};
use super::paths::{PathResult, follow};
use super::wide::{independent, independent_start};
use crate::gaussian::{Covariance, GaussianStart};
use crate::inference::InferenceError;
use crate::randomness::{Stream, generator, normals};
use crate::target::{Batch, Target};

crate::options! {
    /// How starts are found.
    pub struct StartOptions {
        /// Independent starting points.
        starts: usize = 4,
        /// Quasi-Newton steps on each path, at most.
        path_steps: usize = 200,
        /// Draws that judge each Gaussian on a path.
        path_draws: usize = 16,
        /// Natural-gradient steps that improve each path's Gaussian, at most; 0 leaves it as the path found it.
        refine_steps: usize = 50,
        /// Draws that carry these steps, or twice the dimension if that is more.
        refine_draws: usize = 128,
        /// Above this dimension starts have independent coordinates.
        dense_limit: usize = 1000,
        /// Quasi-Newton steps that improve a Gaussian with independent coordinates, at most.
        wide_steps: usize = 200,
        /// Draws that carry these steps.
        wide_draws: usize = 32,
        /// Above this dimension nothing is searched for: a start is a narrow Gaussian about a point.
        path_limit: usize = 20_000,
    }
}

/// Shift of a mean and relative change of a standard deviation below which refinement stops.
const REFINED: f64 = 0.01;
/// Two starts agree if their means are within this many standard deviations in every coordinate ...
const SAME_PLACE: f64 = 0.5;
/// ... and their ELBOs within this many nats.
pub(super) const SAME_ELBO: f64 = 0.5;
/// Standard deviation of the Gaussian about a path's end where the path itself brought none.
pub(super) const FALLBACK_DEVIATION: f64 = 1e-3;

/// Finds Gaussians to start from: the best first, one for each place that the starts reached.
///
/// # Errors
/// [`InferenceError::Start`] if no point of finite density is found, or the target's error.
pub fn find_start(
    target: &dyn Target,
    seed: u64,
    options: &StartOptions,
) -> Result<Start, InferenceError> {
    let mut evaluate = evaluator(target, &Batch::Full);
    let propose = |number, point: &mut [f64]| {
        let seed = generator(seed, Stream::Weights, number).random();
        target.propose_start(seed, point);
    };
    let found = search(target.dimension(), seed, options, &propose, &mut evaluate);
    found.map_err(|error| match error {
        StartError::Target(error) => error.into(),
        StartError::NoValidDraw { .. } => InferenceError::Start(error.to_string()),
    })
}

/// Changes the point of this number where the target knows better than to start anywhere.
type Propose<'a> = dyn Fn(u64, &mut [f64]) + 'a;

/// A refined Gaussian and its ELBO on draws that are the same for all starts.
struct Reached {
    gaussian: FactoredGaussian,
    elbo: f64,
}

fn search(
    dimension: usize,
    seed: u64,
    options: &StartOptions,
    propose: &Propose<'_>,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    let mut rng = generator(seed, Stream::Start, 0);
    let uniform = || rng.random_range(-1.0..1.0);
    let mut number = 0;
    let propose = |point: &mut [f64]| {
        propose(number, point);
        number += 1;
    };
    if dimension > options.path_limit {
        let point = first_point(dimension, uniform, propose, evaluate)?;
        let mut rng = generator(seed, Stream::Start, 1);
        return narrow_start(point, || StandardNormal.sample(&mut rng), evaluate);
    }
    let points = initial_points(dimension, options.starts.max(1), uniform, propose, evaluate)?;
    let paths = find_paths(points, dimension, seed, options, evaluate)?;
    match refined(&paths, dimension, seed, options, evaluate) {
        Err(error) if error.is_interruption() => Ok(unrefined(&paths, options.dense_limit)),
        start => start,
    }
}

/// The start from Gaussians that are improved from those of the paths.
fn refined(
    paths: &[PathResult],
    dimension: usize,
    seed: u64,
    options: &StartOptions,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    if dimension > options.dense_limit {
        let noise = standard_noise(seed, 1, dimension, options.wide_draws.max(2));
        let iterations = options.wide_steps;
        return independent_start(paths, noise.as_ref(), iterations, evaluate);
    }
    let draws = enough_draws(dimension, options.refine_draws);
    let noise = standard_noise(seed, 1, dimension, draws);
    let mut places: Vec<Reached> = Vec::new();
    let mut visits: Vec<usize> = Vec::new();
    let mut summits: Vec<(usize, &PathResult)> = Vec::new();
    for path in paths {
        // A path that ended on a summit already climbed would be refined to the same Gaussian.
        let known = summits
            .iter()
            .find(|(place, summit)| same_summit(&places[*place].gaussian, summit, path));
        let place = if let Some(&(place, _)) = known {
            place
        } else {
            let reached = match refine(dense_gaussian(path), &noise, options, evaluate) {
                Ok(reached) => reached,
                Err(StartError::NoValidDraw { .. }) => continue,
                Err(error) => return Err(error),
            };
            let same = places.iter().position(|place| same_place(place, &reached));
            let place = same.unwrap_or_else(|| {
                places.push(reached);
                visits.push(0);
                places.len() - 1
            });
            if path.end == PathEnd::Converged {
                summits.push((place, path));
            }
            place
        };
        visits[place] += 1;
    }
    if places.is_empty() {
        return Err(StartError::NoValidDraw { draws });
    }
    judge(places, &visits, options.starts, seed, evaluate)
}

/// The start from the paths' own Gaussians, when there is no time for more. Whether they agree, nobody has looked.
fn unrefined(paths: &[PathResult], dense_limit: usize) -> Start {
    let candidates: Vec<Candidate> = paths
        .iter()
        .map(|path| Candidate {
            gaussian: if path.last.len() > dense_limit {
                independent(path).into()
            } else {
                let gaussian = dense_gaussian(path);
                GaussianStart {
                    covariance: Covariance::Dense(gaussian.covariance()),
                    mean: gaussian.mean,
                }
            },
            elbo: path.elbo.0,
            elbo_error: path.elbo.1,
        })
        .collect();
    Start {
        agreement: Agreement {
            tried: paths.len(),
            succeeded: candidates.len(),
            agreed: 1,
        },
        candidates,
    }
}

/// The paths, by falling ELBO of their best Gaussian.
fn find_paths(
    points: Vec<InitialPoint>,
    dimension: usize,
    seed: u64,
    options: &StartOptions,
    evaluate: &mut Evaluate<'_>,
) -> Result<Vec<PathResult>, StartError> {
    let noise = standard_noise(seed, 2, dimension, options.path_draws.max(2));
    let lbfgs = LbfgsOptions {
        max_iterations: options.path_steps,
        ..LbfgsOptions::default()
    };
    let mut paths = follow(points, lbfgs, noise.as_ref(), evaluate)?;
    paths.sort_by(|a, b| b.elbo.0.total_cmp(&a.elbo.0));
    Ok(paths)
}

fn standard_noise(seed: u64, step: u64, dimension: usize, draws: usize) -> Mat<f64> {
    let numbers = normals(seed, Stream::Start, step, dimension * draws.div_ceil(2));
    whitened(&numbers, dimension, draws)
}

fn dense_gaussian(path: &PathResult) -> FactoredGaussian {
    match &path.best {
        Some(gaussian) => gaussian.dense(),
        None => {
            let dimension = path.last.len();
            FactoredGaussian {
                mean: path.last.clone(),
                factor: Mat::<f64>::identity(dimension, dimension)
                    * faer::Scale(FALLBACK_DEVIATION),
            }
        }
    }
}

/// Climbs the ELBO until a step would change little.
fn refine(
    gaussian: FactoredGaussian,
    noise: &Mat<f64>,
    options: &StartOptions,
    evaluate: &mut Evaluate<'_>,
) -> Result<Reached, StartError> {
    let mut ascent = NaturalAscent::new(gaussian, noise.clone(), evaluate)?;
    for _ in 0..options.refine_steps {
        let (shift, spread) = ascent.residual();
        if (shift < REFINED && spread < REFINED) || ascent.climb(evaluate)?.step == 0.0 {
            break;
        }
    }
    Ok(Reached {
        elbo: ascent.elbo().0,
        gaussian: ascent.gaussian().clone(),
    })
}

/// Whether a path converged where an earlier one did.
fn same_summit(gaussian: &FactoredGaussian, summit: &PathResult, path: &PathResult) -> bool {
    let near = gaussian
        .deviations()
        .iter()
        .zip(summit.last.iter().zip(&path.last))
        .all(|(deviation, (a, b))| (a - b).abs() < 0.1 * deviation);
    path.end == PathEnd::Converged
        && near
        && (summit.last_log_density - path.last_log_density).abs() < 0.1
}

fn same_place(a: &Reached, b: &Reached) -> bool {
    let near = a
        .gaussian
        .deviations()
        .iter()
        .zip(a.gaussian.mean.iter().zip(&b.gaussian.mean))
        .all(|(deviation, (a, b))| (a - b).abs() < SAME_PLACE * deviation);
    near && (a.elbo - b.elbo).abs() < SAME_ELBO
}

/// Orders the places by their ELBO on fresh draws, which nothing was fitted to.
fn judge(
    places: Vec<Reached>,
    visits: &[usize],
    tried: usize,
    seed: u64,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    let mut judged = Vec::with_capacity(places.len());
    for (place, &visits) in places.into_iter().zip(visits) {
        let dimension = place.gaussian.dimension();
        let noise = standard_noise(seed, 3, dimension, enough_draws(dimension, 256));
        let ascent = NaturalAscent::new(place.gaussian, noise, evaluate)?;
        let (elbo, elbo_error) = ascent.elbo();
        let gaussian = GaussianStart {
            mean: ascent.gaussian().mean.clone(),
            covariance: Covariance::Dense(ascent.gaussian().covariance()),
        };
        judged.push((
            Candidate {
                gaussian,
                elbo,
                elbo_error,
            },
            visits,
        ));
    }
    judged.sort_by(|a, b| b.0.elbo.total_cmp(&a.0.elbo));
    let agreement = Agreement {
        tried,
        succeeded: visits.iter().sum(),
        agreed: judged[0].1,
    };
    Ok(Start {
        candidates: judged.into_iter().map(|(candidate, _)| candidate).collect(),
        agreement,
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;
    use crate::placement::Placement;
    use crate::target::{
        Constrained, Evaluation, FnTarget, GaussianTarget, Parameter, TargetError,
    };

    fn found(target: &dyn Target) -> Start {
        find_start(target, 1, &StartOptions::default()).unwrap()
    }

    fn deviations(candidate: &Candidate) -> Vec<f64> {
        let variances = candidate.gaussian.covariance.diagonal();
        variances.iter().map(|v| v.sqrt()).collect()
    }

    #[test]
    fn a_gaussian_target_is_found_by_all_starts() {
        let covariance = faer::mat![[4.0, 1.9], [1.9, 1.0]];
        let target = GaussianTarget::new(&[100.0, -3.0], &covariance).unwrap();
        let start = found(&target);
        let best = start.best();
        // Refinement stops within a hundredth of a standard deviation.
        assert!((best.gaussian.mean[0] - 100.0).abs() < 0.02 && best.elbo.abs() < 1e-3);
        assert!((best.gaussian.covariance.dense() - covariance).norm_max() < 0.08);
        assert_eq!((start.agreement.agreed, start.candidates.len()), (4, 1));
    }

    #[test]
    fn a_regression_on_raw_units_is_found_from_starts_near_zero() {
        // Incomes of tens of thousands on heights in inches, with a log residual scale: gradients of 1e12 at the start.
        let rows: Vec<(f64, f64)> = (0..200)
            .map(|i| {
                let height = 60.0 + 0.07 * f64::from(i);
                (
                    height,
                    1300.0 * height - 61000.0 + 19000.0 * (f64::from(i) * 12.9898).sin(),
                )
            })
            .collect();
        let target = FnTarget::new(3, move |x: &[f64], score: &mut [f64]| {
            let precision = (-2.0 * x[2]).exp();
            score.fill(0.0);
            let mut squares = 0.0;
            for (height, income) in &rows {
                let residual = income - x[0] - x[1] * height;
                squares += residual * residual;
                score[0] += residual * precision;
                score[1] += residual * height * precision;
            }
            score[2] = squares * precision - 199.0;
            -0.5 * squares * precision - 199.0 * x[2]
        });
        let start = found(&target);
        let (mean, deviation) = (&start.best().gaussian.mean, deviations(start.best()));
        assert_eq!(start.agreement.agreed, 4);
        // Least squares: a slope of 1290 with standard error 231; log(19000 / sqrt 2) = 9.505 with error 1 / sqrt(400).
        assert!(
            (mean[1] - 1300.0).abs() < 3.0 * deviation[1],
            "{mean:?} {deviation:?}"
        );
        assert!(
            (mean[2] - 9.505).abs() < 0.05 && (deviation[2] - 0.05).abs() < 0.005,
            "{mean:?}"
        );
        assert!((deviation[1] - 234.0).abs() < 15.0, "{deviation:?}");
    }

    #[test]
    fn two_separate_modes_are_both_found_and_do_not_agree() {
        let target = FnTarget::new(1, |x: &[f64], score: &mut [f64]| {
            // N(-1.5, 0.1) with weight 0.9 and N(1.5, 0.1) with weight 0.1.
            let log = |m: f64, w: f64| w.ln() - 0.5 * ((x[0] - m) / 0.1).powi(2);
            let (a, b) = (log(-1.5, 0.9), log(1.5, 0.1));
            let top = a.max(b);
            let total = top + ((a - top).exp() + (b - top).exp()).ln();
            let weight = (a - total).exp();
            score[0] = -(weight * (x[0] + 1.5) + (1.0 - weight) * (x[0] - 1.5)) / 0.01;
            total
        });
        let options = StartOptions {
            starts: 8,
            ..StartOptions::default()
        };
        let start = find_start(&target, 1, &options).unwrap();
        assert_eq!(start.candidates.len(), 2);
        assert!((start.best().gaussian.mean[0] + 1.5).abs() < 1e-6);
        assert!((start.candidates[1].gaussian.mean[0] - 1.5).abs() < 1e-6);
        // The modes' ELBOs differ by the log ratio of their weights.
        let gap = start.candidates[0].elbo - start.candidates[1].elbo;
        assert!((gap - 9f64.ln()).abs() < 1e-6, "{gap}");
        assert!(start.agreement.agreed < start.agreement.succeeded);
    }

    #[test]
    fn a_funnel_gives_a_start_whose_elbo_beats_its_spike() {
        // Neal's funnel in three dimensions: the density has no maximum as the scale goes to zero.
        let target = FnTarget::new(3, |x: &[f64], score: &mut [f64]| {
            let precision = (-x[0]).exp();
            let squares = x[1] * x[1] + x[2] * x[2];
            score[0] = -x[0] / 9.0 - 1.0 + 0.5 * squares * precision;
            score[1] = -x[1] * precision;
            score[2] = -x[2] * precision;
            -x[0] * x[0] / 18.0 - x[0] - 0.5 * squares * precision
        });
        let start = found(&target);
        let log_normaliser = 1.5 * (2.0 * std::f64::consts::PI).ln() + 3f64.ln();
        // No Gaussian is the funnel; the best is 1.02 nats below its normaliser.
        let gap = log_normaliser - start.best().elbo;
        assert!((0.0..2.0).contains(&gap), "{gap} nats below");
    }

    #[test]
    fn a_support_that_most_points_miss_is_searched_for() {
        let target = FnTarget::new(5, |x: &[f64], score: &mut [f64]| {
            for (score, x) in score.iter_mut().zip(x) {
                *score = -x / 1e-4;
            }
            let square: f64 = x.iter().map(|x| x * x).sum();
            if square < 0.01 {
                -0.5 * square / 1e-4
            } else {
                f64::NEG_INFINITY
            }
        });
        let start = found(&target);
        assert!(
            deviations(start.best())
                .iter()
                .all(|s| (s / 0.01 - 1.0).abs() < 0.05)
        );
    }

    #[test]
    fn a_target_without_support_is_refused_with_the_number_of_points_tried() {
        let target = FnTarget::new(2, |_: &[f64], _: &mut [f64]| f64::NAN);
        let error = find_start(&target, 1, &StartOptions::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no start was found: none of 65 draws has a finite log density and score"
        );
    }

    #[test]
    fn above_the_path_limit_a_start_is_narrow_about_a_point_that_the_target_proposes() {
        /// A standard normal that knows where to begin.
        struct Proposing(GaussianTarget);

        impl Target for Proposing {
            fn dimension(&self) -> usize {
                self.0.dimension()
            }
            fn log_density_and_score(
                &self,
                theta: &Tensor<2>,
                batch: &Batch,
            ) -> Result<Evaluation, TargetError> {
                self.0.log_density_and_score(theta, batch)
            }
            fn parameters(&self) -> &[Parameter] {
                self.0.parameters()
            }
            fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
                self.0.constrain(theta, seed)
            }
            fn propose_start(&self, _seed: u64, point: &mut [f64]) {
                point[1..].fill(0.5);
            }
            fn placement(&self) -> &Placement {
                self.0.placement()
            }
        }

        let target = Proposing(GaussianTarget::standard(4));
        let options = StartOptions {
            path_limit: 3,
            ..StartOptions::default()
        };
        let start = find_start(&target, 1, &options).unwrap();
        let best = start.best();
        assert_eq!(best.gaussian.mean[1..], [0.5; 3]);
        assert!(best.gaussian.mean[0].abs() < 2.0 && best.gaussian.mean[0] != 0.5);
        assert_eq!(deviations(best), [FALLBACK_DEVIATION; 4]);
        // The entropy of the Gaussian, and the target's density about its mean.
        let squares: f64 = best.gaussian.mean.iter().map(|x| x * x).sum();
        let expected = 2.0 + 4.0 * FALLBACK_DEVIATION.ln() - 0.5 * squares;
        assert!(
            (best.elbo - expected).abs() < 1e-4,
            "{} {expected}",
            best.elbo
        );
    }

    #[test]
    fn above_the_dense_limit_a_start_has_independent_coordinates() {
        let covariance = Mat::from_fn(3, 3, |i, j| if i == j { [4.0, 1e-6, 9.0][i] } else { 0.0 });
        let target = GaussianTarget::new(&[1.0, 0.0, -5.0], &covariance).unwrap();
        let options = StartOptions {
            dense_limit: 2,
            ..StartOptions::default()
        };
        let start = find_start(&target, 1, &options).unwrap();
        assert!(matches!(
            start.best().gaussian.covariance,
            Covariance::Diagonal(_)
        ));
        for (found, expected) in deviations(start.best()).iter().zip([2.0, 1e-3, 3.0]) {
            assert!(
                (found / expected - 1.0).abs() < 0.1,
                "{found} for {expected}"
            );
        }
    }
}
