//! The iteration of [`Independent`](crate::independent::Independent) with its numbers on the device of the target.
//!
//! Noise is made there, scores are used where they are, and so are the parameters and their averages. Of a step the host sees log
//! densities, a divergence, and whether the next Gaussian is finite; of an epoch its averages, which say whether the run has converged.

use burn::tensor::Tensor;
use firebrand_core::start::{
    LambdaEpoch, PlacedAverage, PlacedGaussian, Shown, StateReader, StateWriter, draws_at_once,
};
use firebrand_core::{
    Approximation, DeviceNormals, Evaluation, InferenceError, Placement, Progress, Running,
    StepContext, StepError, StepReport, Stream, to_host,
};

use crate::coordinates::{Solved, coordinate_steps, deviation_steps};
use crate::epochs::LastEpoch;
use crate::patience::Patience;
use crate::settings::{MeanSteps, Settings};
use crate::strides::PlacedStrides;

/// One step solves one proximal problem in every coordinate, all of them at once.
pub struct OnDevice {
    /// The average over the last whole epoch; the iterate while there is none.
    shown: Shown,
    placement: Placement,
    iterate: PlacedGaussian,
    average: PlacedAverage,
    last_epoch: LastEpoch,
    batch: usize,
    patience: Patience,
    /// Where means take steps of their own: how long they are.
    strides: Option<PlacedStrides>,
}

/// What a step takes of draws from the iterate: sums over the valid ones, on the device where they are of vectors.
struct Drawn {
    draws: usize,
    valid: usize,
    /// The sum of their log densities.
    log_density: f64,
    /// Of the target's scores, `[1, D]`.
    score: Tensor<2>,
    /// Of the scores times the noise of the draws, `[1, D]`.
    product: Tensor<2>,
    /// Of the squared differences between the whitened scores of iterate and target, over coordinates too, `[1]`.
    mismatch: Tensor<1>,
}

impl Drawn {
    fn and(self, other: Drawn) -> Drawn {
        Drawn {
            draws: self.draws + other.draws,
            valid: self.valid + other.valid,
            log_density: self.log_density + other.log_density,
            score: self.score + other.score,
            product: self.product + other.product,
            mismatch: self.mismatch + other.mismatch,
        }
    }
}

impl OnDevice {
    pub fn new(
        approximation: Box<dyn Approximation>,
        settings: Settings,
    ) -> Result<Self, InferenceError> {
        let placement = approximation.placement().clone();
        let iterate = PlacedGaussian::of(approximation.as_ref())?;
        Ok(Self {
            average: PlacedAverage::new(&iterate, settings.first_epoch),
            strides: match settings.means {
                MeanSteps::Together => None,
                // Noise decides in fewer dimensions than those where a device pays.
                MeanSteps::ByNoise | MeanSteps::ByLength => {
                    Some(PlacedStrides::new(iterate.mean()))
                }
            },
            last_epoch: LastEpoch::none(settings.tolerance),
            iterate,
            shown: Shown::like(approximation),
            placement,
            batch: settings.draws,
            patience: settings.patience,
        })
    }

    fn draw(&self, context: &StepContext<'_>) -> Result<Drawn, StepError> {
        let dimension = self.iterate.dimension();
        let mut normals =
            DeviceNormals::new(context.seed, Stream::Draws, context.step, &self.placement);
        // Antithetic draws come in pairs.
        let at_once = draws_at_once(dimension, self.batch).next_multiple_of(2);
        let mut drawn: Option<Drawn> = None;
        let mut left = self.batch;
        while left > 0 {
            let count = at_once.min(left);
            let some = self.evaluate(normals.take_pairs([count, dimension]), context)?;
            drawn = Some(match drawn {
                Some(drawn) => drawn.and(some),
                None => some,
            });
            left -= count;
        }
        match drawn {
            Some(drawn) if 2 * drawn.valid >= drawn.draws => Ok(drawn),
            drawn => {
                let (valid, batch) = (drawn.map_or(0, |drawn| drawn.valid), self.batch);
                let message = format!("only {valid} of {batch} draws are valid");
                Err(StepError::Recoverable(message))
            }
        }
    }

    /// The draws of some noise `[S, D]`.
    fn evaluate(&self, noise: Tensor<2>, context: &StepContext<'_>) -> Result<Drawn, StepError> {
        let draws = noise.dims()[0];
        let Evaluation {
            log_density,
            score,
            valid,
        } = context
            .target
            .log_density_and_score(&self.iterate.draws(&noise), context.batch)?;
        let log_density = to_host(&log_density);
        let is_valid = |s: &usize| valid[*s];
        let mut mismatch = score.clone() * self.iterate.deviation().clone() + noise.clone();
        if !(0..draws).all(|s| valid[s]) {
            let weights = valid.iter().map(|valid| f64::from(u8::from(*valid)));
            mismatch = mismatch * self.placement.matrix(weights.collect(), [draws, 1]);
        }
        Ok(Drawn {
            draws,
            valid: (0..draws).filter(is_valid).count(),
            log_density: (0..draws).filter(is_valid).map(|s| log_density[s]).sum(),
            mismatch: mismatch.square().sum(),
            // Scores of invalid draws are zero.
            product: (score.clone() * noise).sum_dim(0),
            score: score.sum_dim(0),
        })
    }

    /// The mean over valid draws and coordinates of the squared difference between the whitened scores of iterate and target.
    fn score_divergence(&self, drawn: &Drawn) -> f64 {
        let mismatch: f64 = to_host(&drawn.mismatch).iter().sum();
        mismatch / (drawn.valid * self.iterate.dimension()) as f64
    }

    /// The mean of the log standard deviations.
    fn log_deviation(&self) -> f64 {
        self.iterate.log_scale() / self.iterate.dimension() as f64
    }

    /// The iterate after a step, and the squares that its strides were taken by; `None` where it would not be finite.
    fn solve(&self, drawn: Drawn) -> Option<(PlacedGaussian, Option<Tensor<2>>)> {
        let (eta, count) = (self.patience.eta(), drawn.valid as f64);
        let deviation = self.iterate.deviation();
        let mean_score = drawn.score * deviation.clone() / count;
        let precision = drawn.product * deviation.clone() / -count;
        let (step, squares) = match &self.strides {
            Some(strides) => {
                let (shift, squares) = strides.shift(mean_score, self.log_deviation());
                let deviation = deviation_steps(precision, eta);
                (Solved { shift, deviation }, Some(squares))
            }
            None => (coordinate_steps(mean_score, precision, eta), None),
        };
        let next = PlacedGaussian::new(
            step.shift * deviation.clone() + self.iterate.mean().clone(),
            step.deviation * deviation.clone(),
        );
        Some((next?, squares))
    }

    fn end_epoch(&mut self, epoch: LambdaEpoch, length: u64) -> Progress {
        let enough = length as f64 >= self.patience.memory();
        self.patience.tighten();
        if let Some(strides) = &mut self.strides {
            strides.stride.slow();
        }
        self.last_epoch.end(epoch.lambda, enough)
    }
}

impl Running for OnDevice {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let drawn = self.draw(context)?;
        let divergence = self.score_divergence(&drawn);
        let elbo = drawn.log_density / drawn.valid as f64 + self.iterate.entropy();
        self.patience.learn(divergence, divergence)?;
        let eta = self.patience.eta();
        let Some((next, squares)) = self.solve(drawn) else {
            self.patience.rejected();
            if let Some(strides) = &mut self.strides {
                strides.stride.rejected();
            }
            return Err(StepError::Recoverable("the step is not finite".into()));
        };
        let log_deviation = self.log_deviation();
        if let (Some(strides), Some(squares)) = (&mut self.strides, squares) {
            strides.taken(squares, log_deviation);
        }
        self.iterate = next;
        self.shown.outdate();
        let length = self.average.length();
        let progress = match self.average.push(&self.iterate, elbo) {
            Some(epoch) => self.end_epoch(epoch, length),
            None => Progress::Continue,
        };
        Ok(StepReport {
            diagnostics: vec![
                ("elbo", elbo),
                ("score_divergence", divergence),
                ("eta", eta),
            ],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.shown.get(self.last_epoch.lambda(), &self.iterate)
    }

    fn into_approximation(self: Box<Self>) -> Box<dyn Approximation> {
        self.shown
            .into_inner(self.last_epoch.lambda(), &self.iterate)
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.iterate.save(StateWriter::default());
        let writer = self.patience.save(self.last_epoch.save(writer));
        let writer = match &self.strides {
            Some(strides) => strides.save(writer),
            None => writer,
        };
        self.average.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.iterate = PlacedGaussian::restored(&mut reader, &self.placement)?;
        self.last_epoch.restore(&mut reader)?;
        self.patience.restore(&mut reader)?;
        if let Some(strides) = &mut self.strides {
            strides.restore(&mut reader, &self.placement)?;
        }
        self.average.restore(&mut reader, &self.placement)?;
        self.shown.outdate();
        reader.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::independent::Independent;
    use faer::Mat;
    use firebrand_conformance::inference;
    use firebrand_core::start::Start;
    use firebrand_core::{
        Batch, Covariance, Family, FnTarget, GaussianStart, GaussianTarget, Inference,
        Requirements, Stop, Target, normals,
    };
    use firebrand_gaussian::MeanField;

    /// Outside of the support where the first coordinate is above 3.
    fn target() -> impl Target {
        FnTarget::new(4, |x: &[f64], score: &mut [f64]| {
            let mut sum = 0.0;
            for (d, (x, score)) in x.iter().zip(score).enumerate() {
                let pull = 1.0 + d as f64;
                *score = -pull * x - x.powi(3);
                sum -= 0.5 * pull * x * x + 0.25 * x.powi(4);
            }
            if x[0] > 3.0 { f64::NEG_INFINITY } else { sum }
        })
    }

    fn both(settings: &Settings) -> (Independent, OnDevice) {
        let start = GaussianStart {
            mean: vec![1.0, -0.5, 0.2, 0.0],
            covariance: Covariance::Diagonal(vec![1.0, 0.1, 2.0, 0.5]),
        };
        let begin = || MeanField.start(4, &start, &Placement::cpu()).unwrap();
        (
            Independent::new(begin(), settings.clone()).unwrap(),
            OnDevice::new(begin(), settings.clone()).unwrap(),
        )
    }

    #[test]
    fn on_the_same_noise_a_step_is_the_one_of_the_host() {
        let (draws, target) = (6, target());
        let mut numbers = normals(1, Stream::Other(1), 0, 4 * draws);
        // This draw is outside of the support.
        numbers[0] = 2.5;
        let context = StepContext {
            target: &target,
            batch: &Batch::Full,
            step: 0,
            seed: 1,
            stop: Stop::never(),
        };
        for settings in [
            Settings::exact(4, draws, 0.1, 0.01),
            Settings {
                means: MeanSteps::ByLength,
                ..Settings::on_batches(4, draws, 0.1, 0.01)
            },
        ] {
            let (mut host, device) = both(&settings);
            let noise = Mat::from_fn(4, draws, |d, s| numbers[4 * s + d]);
            let (log_density, divergence, next) = host.stepped(&noise, &context).unwrap();
            let rows = Placement::cpu().matrix(numbers.clone(), [draws, 4]);
            let drawn = device.evaluate(rows, &context).unwrap();
            assert_eq!((drawn.valid, drawn.draws), (draws - 1, draws));
            // A few operations apart in the order of their sums.
            let close =
                |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
            close(drawn.log_density, log_density);
            close(device.score_divergence(&drawn), divergence);
            let (found, _) = device.solve(drawn).unwrap();
            let found = found.to_host();
            for d in 0..4 {
                close(found.mean[d], next.mean[d]);
                close(found.deviation[d], next.deviation[d]);
            }
        }
    }

    /// The iteration in any dimension, and on the CPU's device.
    struct Always;

    impl Inference for Always {
        fn name(&self) -> &str {
            "always"
        }

        fn requires(&self) -> Requirements {
            Requirements::default()
        }

        fn max_steps(&self) -> u64 {
            2040
        }

        fn begin(
            &self,
            approximation: Box<dyn Approximation>,
            target: &dyn Target,
            _start: &Start,
        ) -> Result<Box<dyn Running>, InferenceError> {
            let settings = Settings::exact(target.dimension(), 64, 1.0, 0.01);
            Ok(Box::new(OnDevice::new(approximation, settings)?))
        }
    }

    #[test]
    fn seeds_resumption_and_endings() {
        inference::check(&Always, &MeanField);
    }

    #[test]
    fn a_gaussian_target_is_reached() {
        let covariance = faer::mat![[1.0, 0.7, 0.0], [0.7, 2.0, -0.3], [0.0, -0.3, 0.5]];
        let target = GaussianTarget::new(&[1.0, -1.0, 0.0], &covariance).unwrap();
        // Draws are not whitened here, so that deviations have an error: averages over two epochs of which one is twice the other agree within 0.01,
        // so that the longer one's error is half of that, and the noise of the steps biases variances by a percent.
        inference::a_gaussian_target_is_reached(&Always, &MeanField, &target, true, 0.03).assert();
    }
}
