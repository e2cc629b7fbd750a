//! Iterations whose numbers stay on the device, beside the same on the host. Only where libtorch is compiled in:
//! `cargo test --workspace --features tch --test on_device`. With `FIREBRAND_CUDA` set to a device's number they run there too.

#![cfg(feature = "tch")]

use burn::tensor::{Distribution, Tensor};
use firebrand::core::start::Start;
use firebrand::core::{
    Batch, Constrained, Covariance, Evaluation, Family, GaussianStart, Inference, KEPT_FROM,
    Parameter, Plugin, Precision, Running, StepContext, Stop, TargetError, to_host,
};
use firebrand::{DeviceName, Placement, Target};
use firebrand_advi::{Advi, AdviOptions};
use firebrand_gaussian::MeanField;
use firebrand_prox_score::{ProxScore, ProxScoreOptions};

fn devices(precision: Precision) -> Vec<Placement> {
    let cuda = std::env::var("FIREBRAND_CUDA").ok();
    let cuda = cuda.map(|index| format!("cuda:{index}").parse::<DeviceName>().unwrap());
    let names = [Some(DeviceName::Libtorch), cuda].into_iter().flatten();
    let placed = names.map(|name| Placement {
        device: name.device().unwrap(),
        precision,
    });
    placed.collect()
}

/// Independent coordinates, each of a Gaussian's mean and scale, with heavier ends: `-u^2 / 2 - u^4 / 20`.
struct Quartic {
    mean: Tensor<2>,
    scale: Tensor<2>,
    placement: Placement,
}

impl Quartic {
    fn new(dimension: usize, placement: &Placement) -> Self {
        let row = |f: &dyn Fn(f64) -> f64| {
            let values = (0..dimension).map(|d| f(d as f64));
            placement.matrix(values.collect(), [1, dimension])
        };
        Quartic {
            mean: row(&|d| d.sin()),
            scale: row(&|d| (0.5 * d.cos()).exp()),
            placement: placement.clone(),
        }
    }
}

impl Target for Quartic {
    fn dimension(&self) -> usize {
        self.mean.dims()[1]
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        _batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let draws = theta.dims()[0];
        let u = (theta.clone() - self.mean.clone()) / self.scale.clone();
        let square = u.clone() * u.clone();
        let density = square.clone() * -0.5 - square.clone() * square.clone() * 0.05;
        Ok(Evaluation {
            log_density: density.sum_dim(1).reshape([draws]),
            score: -(u * (square * 0.2 + 1.0)) / self.scale.clone(),
            valid: vec![true; draws],
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &[]
    }

    fn constrain(&self, _theta: &Tensor<2>, _seed: u64) -> Result<Constrained, TargetError> {
        Ok(Constrained::default())
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}

/// What is begun: an algorithm, for exact scores or for those of batches.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Iteration {
    ProxScore,
    ProxScoreOnBatches,
    AdviOnBatches,
}

const ALL: [Iteration; 3] = [
    Iteration::ProxScore,
    Iteration::ProxScoreOnBatches,
    Iteration::AdviOnBatches,
];

fn begun(iteration: Iteration, target: &dyn Target) -> Box<dyn Running> {
    let prox_score = ProxScore::new(ProxScoreOptions {
        batch: Some(2),
        ..ProxScoreOptions::default()
    })
    .unwrap();
    let advi = Advi::new(AdviOptions::default()).unwrap();
    let dimension = target.dimension();
    let gaussian = GaussianStart {
        mean: vec![0.0; dimension],
        covariance: Covariance::Diagonal(vec![1.0; dimension]),
    };
    let family = MeanField.start(dimension, &gaussian, target.placement());
    let (family, start) = (family.unwrap(), Start::standard(2));
    let running = match iteration {
        Iteration::ProxScore => prox_score.begin(family, target, &start),
        Iteration::ProxScoreOnBatches => prox_score.begin_on_batches(family, target, &start),
        Iteration::AdviOnBatches => advi.begin_on_batches(family, target, &start),
    };
    running.unwrap()
}

/// Takes steps; gives what they reported.
fn go(running: &mut dyn Running, target: &dyn Target, steps: std::ops::Range<u64>) -> Vec<f64> {
    let mut reported = Vec::new();
    for step in steps {
        let context = StepContext {
            target,
            batch: &Batch::Full,
            step,
            seed: 3,
            stop: Stop::never(),
        };
        let report = running.step(&context).unwrap();
        reported.extend(report.diagnostics.iter().map(|(_, value)| value));
    }
    reported
}

/// How far a run came, over all coordinates.
#[derive(Debug)]
struct Reached {
    /// The root mean square of the whitened means.
    shift: f64,
    /// The mean of the logarithms of whitened deviations.
    narrowing: f64,
    /// Their standard deviation.
    spread: f64,
}

fn reached(running: &dyn Running, dimension: usize) -> Reached {
    let lambda = to_host(&running.approximation().lambda());
    let (mean, log_deviation) = lambda.split_at(dimension);
    let average = |f: &dyn Fn(usize) -> f64| (0..dimension).map(f).sum::<f64>() / dimension as f64;
    let log_scale = |d: usize| 0.5 * (d as f64).cos();
    let shift = |d: usize| (mean[d] - (d as f64).sin()) / log_scale(d).exp();
    let narrowed = |d: usize| log_deviation[d] - log_scale(d);
    let narrowing = average(&narrowed);
    Reached {
        shift: average(&|d| shift(d).powi(2)).sqrt(),
        narrowing,
        spread: average(&|d| (narrowed(d) - narrowing).powi(2)).sqrt(),
    }
}

#[test]
fn a_fit_on_the_device_ends_where_that_of_the_host_does() {
    for iteration in ALL {
        let ends = |placement: &Placement| {
            let target = Quartic::new(KEPT_FROM, placement);
            let mut running = begun(iteration, &target);
            // To the end of the third epoch, and of the first on batches.
            go(running.as_mut(), &target, 0..64);
            reached(running.as_ref(), KEPT_FROM)
        };
        let host = ends(&Placement::cpu());
        for placement in [Precision::F64, Precision::F32].map(devices).concat() {
            let found = ends(&placement);
            // Noise is another and independent in each coordinate: six standard errors of the difference of two means.
            let error = host.spread * (2.0 / KEPT_FROM as f64).sqrt();
            let apart = found.narrowing - host.narrowing;
            assert!(
                apart.abs() < 6.0 * error,
                "{iteration:?}: {found:?}, {host:?}"
            );
            // Sizes of noise have relative standard errors of 0.3 percent; eta, which follows from noise, is in them too.
            for ratio in [found.spread / host.spread, found.shift / host.shift] {
                assert!(
                    (ratio - 1.0).abs() < 0.1,
                    "{iteration:?}: {found:?}, {host:?}"
                );
            }
        }
    }
}

#[test]
fn a_run_that_was_cut_goes_on_bit_for_bit_whatever_the_generator_was_used_for() {
    for iteration in ALL {
        for placement in [Precision::F64, Precision::F32].map(devices).concat() {
            let target = Quartic::new(KEPT_FROM, &placement);
            let state = |running: &dyn Running| {
                let lambda = to_host(&running.approximation().lambda());
                (running.save(), lambda)
            };
            let mut whole = begun(iteration, &target);
            let first = go(whole.as_mut(), &target, 0..11);
            let (saved, shown) = state(whole.as_ref());
            let rest = go(whole.as_mut(), &target, 11..30);

            let other: Tensor<1> =
                Tensor::random([100], Distribution::Normal(0.0, 1.0), &placement.device);
            assert!(to_host(&other).iter().all(|x| x.is_finite()));
            let mut again = begun(iteration, &target);
            assert_eq!(go(again.as_mut(), &target, 0..11), first);
            let mut resumed = begun(iteration, &target);
            resumed.restore(&saved).unwrap();
            assert!(state(resumed.as_ref()) == (saved, shown));
            assert_eq!(go(resumed.as_mut(), &target, 11..30), rest);
            assert!(state(resumed.as_ref()) == state(whole.as_ref()));
        }
    }
}
