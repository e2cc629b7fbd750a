//! Adaptive steps of Gaussians with independent coordinates, with their numbers on the device of the target.
//!
//! They are [`Adaptive`](crate::adaptive::Adaptive)'s. Of a step the host sees log densities, the gradient's size, and whether the next Gaussian is
//! finite; of an epoch its averages.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use firebrand_core::start::{
    IndependentGaussian, LambdaEpoch, PlacedAdam, PlacedAverage, PlacedGaussian, Shown,
    StateReader, StateWriter, draws_at_once,
};
use firebrand_core::{
    Approximation, DeviceNormals, InferenceError, Placement, Progress, Running, StepContext,
    StepError, StepReport, Stream, to_host,
};

use crate::judgement::Judgement;
use crate::plugin::AdviOptions;
use crate::wide;

/// One step is one stochastic gradient step.
pub struct OnDevice {
    /// The average over the last whole epoch; the iterate while there is none.
    shown: Shown,
    placement: Placement,
    iterate: PlacedGaussian,
    average: PlacedAverage,
    last_epoch: Option<Vec<f64>>,
    /// Of means and of logarithms of deviations.
    adam: [PlacedAdam; 2],
    step_size: f64,
    /// The units of the means, `[1, D]`.
    mean_unit: Tensor<2>,
    draws: usize,
    judgement: Judgement,
}

/// What some draws add to the ELBO's gradient and to the ELBO.
struct Part {
    /// The derivatives in the means and in the logarithms of the deviations, `[1, D]` each.
    gradient: [Tensor<2>; 2],
    /// The sum of log p - log q over the valid draws.
    gap: f64,
    valid: usize,
}

impl Part {
    fn and(self, other: Part) -> Part {
        let [mean, log_deviation] = self.gradient;
        let [more, wider] = other.gradient;
        Part {
            gradient: [mean + more, log_deviation + wider],
            gap: self.gap + other.gap,
            valid: self.valid + other.valid,
        }
    }
}

impl OnDevice {
    pub fn new(
        approximation: Box<dyn Approximation>,
        options: &AdviOptions,
    ) -> Result<Self, InferenceError> {
        let placement = approximation.placement().clone();
        let iterate = PlacedGaussian::of(approximation.as_ref())?;
        let units = IndependentGaussian::of(approximation.as_ref())?.deviation;
        let units = units.into_iter().map(wide::mean_unit).collect();
        let shape = [1, iterate.dimension()];
        Ok(Self {
            shown: Shown::like(approximation),
            average: PlacedAverage::new(&iterate, wide::FIRST_EPOCH),
            last_epoch: None,
            adam: [
                PlacedAdam::new(iterate.mean()),
                PlacedAdam::new(iterate.mean()),
            ],
            step_size: options.step_size,
            mean_unit: placement.matrix(units, shape),
            draws: options.draws.unwrap_or(wide::FEW_DRAWS),
            judgement: Judgement::new(options.tolerance),
            iterate,
            placement,
        })
    }

    /// For steps that see other rows of the data each.
    pub fn on_batches(self) -> Self {
        Self {
            judgement: self.judgement.on_batches(),
            ..self
        }
    }

    /// The ELBO on fresh draws and its gradient, some draws at a time.
    fn gradient(&self, context: &StepContext<'_>) -> Result<(f64, [Tensor<2>; 2]), StepError> {
        let dimension = self.iterate.dimension();
        let at_once = draws_at_once(dimension, self.draws);
        let mut normals =
            DeviceNormals::new(context.seed, Stream::Draws, context.step, &self.placement);
        let mut all: Option<Part> = None;
        for first in (0..self.draws).step_by(at_once) {
            let count = at_once.min(self.draws - first);
            let part = self.part(normals.take([count, dimension]), context)?;
            all = Some(match all {
                Some(all) => all.and(part),
                None => part,
            });
        }
        match all {
            Some(all) if 2 * all.valid >= self.draws => {
                Ok((all.gap / all.valid as f64, all.gradient))
            }
            all => {
                let (valid, draws) = (all.map_or(0, |all| all.valid), self.draws);
                let message = format!("only {valid} of {draws} draws are valid");
                Err(StepError::Recoverable(message))
            }
        }
    }

    /// The part of the draws of some noise `[S, D]`.
    fn part(&self, noise: Tensor<2>, context: &StepContext<'_>) -> Result<Part, StepError> {
        let [draws, dimension] = noise.dims();
        let at = context
            .target
            .log_density_and_score(&self.iterate.draws(&noise), context.batch)?;
        let log_p = to_host(&at.log_density);
        let squares = to_host(&noise.clone().square().sum_dim(1));
        let volume = self.iterate.log_scale() + 0.5 * (2.0 * PI).ln() * dimension as f64;
        let valid = (0..draws).filter(|s| at.valid[*s]);
        let gap = valid.clone().map(|s| log_p[s] + 0.5 * squares[s] + volume);
        let deviation = self.iterate.deviation();
        let weight = |s: usize| match at.valid[s] {
            true => 1.0 / self.draws as f64,
            false => 0.0,
        };
        let weights = self
            .placement
            .matrix((0..draws).map(weight).collect(), [draws, 1]);
        // The score of the approximation at its own draws is minus noise by deviation.
        let difference = (at.score + noise.clone() / deviation.clone()) * weights;
        let log_deviation = (difference.clone() * noise).sum_dim(0) * deviation.clone();
        Ok(Part {
            gap: gap.sum(),
            valid: valid.count(),
            gradient: [difference.sum_dim(0), log_deviation],
        })
    }

    /// The iterate after a step along Adam's direction; `None` where it would not be finite.
    fn moved(&self, gradient: &[Tensor<2>; 2]) -> Option<PlacedGaussian> {
        let [mean, log_deviation] = [0, 1].map(|i| self.adam[i].propose(&gradient[i]));
        let mean = mean * self.mean_unit.clone() * self.step_size + self.iterate.mean().clone();
        let wider = (log_deviation * (self.step_size * wide::LOG_DEVIATION_UNIT)).exp();
        PlacedGaussian::new(mean, self.iterate.deviation().clone() * wider)
    }

    fn end_epoch(&mut self, epoch: LambdaEpoch) -> Progress {
        let mut scales = to_host(&self.mean_unit);
        scales.resize(2 * self.iterate.dimension(), wide::LOG_DEVIATION_UNIT);
        let (progress, shorter) = self
            .judgement
            .end_epoch(&epoch, &scales, self.average.length());
        if shorter {
            self.step_size *= 0.5;
        }
        self.last_epoch = Some(epoch.lambda);
        progress
    }
}

impl Running for OnDevice {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let outcome = self.gradient(context);
        if outcome.is_err() {
            self.step_size *= 0.7;
        }
        let (elbo, gradient) = outcome?;
        let squares = gradient.clone().map(|part| part.square().sum());
        let squares: f64 = to_host(&Tensor::cat(squares.into(), 0)).iter().sum();
        let next = match elbo.is_finite() && squares.is_finite() {
            true => self.moved(&gradient),
            false => None,
        };
        let Some(next) = next else {
            self.step_size *= 0.7;
            return Err(StepError::Recoverable("the step is not finite".into()));
        };
        for (adam, gradient) in self.adam.iter_mut().zip(&gradient) {
            adam.learn(gradient);
        }
        self.iterate = next;
        self.shown.outdate();
        let diagnostics = vec![
            ("elbo", elbo),
            ("step_size", self.step_size),
            ("gradient", squares.sqrt()),
        ];
        let progress = match self.average.push(&self.iterate, elbo) {
            Some(epoch) => self.end_epoch(epoch),
            None => Progress::Continue,
        };
        Ok(StepReport {
            diagnostics,
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.shown.get(self.last_epoch.as_deref(), &self.iterate)
    }

    fn into_approximation(self: Box<Self>) -> Box<dyn Approximation> {
        self.shown
            .into_inner(self.last_epoch.as_deref(), &self.iterate)
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.iterate.save(StateWriter::default());
        let writer = self.average.save(writer);
        let writer = writer.numbers(self.last_epoch.as_deref().unwrap_or_default());
        let writer = self
            .adam
            .iter()
            .fold(writer, |writer, adam| adam.save(writer));
        self.judgement.save(writer.number(self.step_size)).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.iterate = PlacedGaussian::restored(&mut reader, &self.placement)?;
        self.average.restore(&mut reader, &self.placement)?;
        self.last_epoch = Some(reader.numbers()?).filter(|lambda| !lambda.is_empty());
        for adam in &mut self.adam {
            adam.restore(&mut reader, &self.placement)?;
        }
        self.step_size = reader.number()?;
        self.judgement.restore(&mut reader)?;
        self.shown.outdate();
        reader.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adaptive::Adaptive;
    use firebrand_conformance::inference;
    use firebrand_core::start::Start;
    use firebrand_core::{
        Batch, Covariance, Family, FnTarget, GaussianStart, Inference, Requirements, Stop, Target,
        normals,
    };
    use firebrand_gaussian::MeanField;

    fn options() -> AdviOptions {
        AdviOptions {
            draws: Some(6),
            ..AdviOptions::default()
        }
    }

    #[test]
    fn on_the_same_noise_the_gradient_is_the_one_of_the_host() {
        // Outside of the support where the first coordinate is above 3.
        let target = FnTarget::new(4, |x: &[f64], score: &mut [f64]| {
            for (x, score) in x.iter().zip(score) {
                *score = -x.powi(3);
            }
            match x[0] > 3.0 {
                true => f64::NEG_INFINITY,
                false => -0.25 * x.iter().map(|x| x.powi(4)).sum::<f64>(),
            }
        });
        let start = GaussianStart {
            mean: vec![1.0, -0.5, 0.2, 0.0],
            covariance: Covariance::Diagonal(vec![1.0, 0.1, 2.0, 0.5]),
        };
        let begin = || MeanField.start(4, &start, &Placement::cpu()).unwrap();
        let host = Adaptive::new(begin(), &options()).unwrap();
        let here = OnDevice::new(begin(), &options()).unwrap();
        let context = StepContext {
            target: &target,
            batch: &Batch::Full,
            step: 0,
            seed: 2,
            stop: Stop::never(),
        };
        let (elbo, expected) = host.gradient(&context).unwrap();
        let noise = normals(2, Stream::Draws, 0, 24);
        let found = here
            .part(Placement::cpu().matrix(noise, [6, 4]), &context)
            .unwrap();
        assert!(found.valid < 6, "no draw is outside of the support");
        assert!((found.gap / found.valid as f64 - elbo).abs() < 1e-12);
        let gradient = found.gradient.map(|part| to_host(&part)).concat();
        for (found, expected) in gradient.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
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
            100
        }

        fn begin(
            &self,
            approximation: Box<dyn Approximation>,
            _target: &dyn Target,
            _start: &Start,
        ) -> Result<Box<dyn Running>, InferenceError> {
            let running = OnDevice::new(approximation, &options())?;
            Ok(Box::new(running.on_batches()))
        }
    }

    #[test]
    fn seeds_resumption_and_endings() {
        inference::check(&Always, &MeanField);
    }
}
