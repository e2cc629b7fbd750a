//! The iteration over Gaussians with independent coordinates, whose steps are solved coordinate by coordinate.
//!
//! Everything is linear in the dimension. In the notation of the [dense step](crate::proximal_step), with M the diagonal of the present
//! variances, the objective is a sum over coordinates of
//!
//! ```text
//! (b - E[s])^2 + (a - p)^2 + (a + b^2 / a - log a) / (2 eta),    p = - E[eps s],
//! ```
//!
//! up to a constant, for the whitened precision a, the whitened mean mu, and b = a mu.

use faer::Mat;
use firebrand_core::start::{
    IndependentGaussian, LambdaAverage, LambdaEpoch, StateReader, StateWriter, draws_at_once,
    whitened,
};
use firebrand_core::{
    Approximation, Covariance, Evaluation, InferenceError, Normals, Progress, Running, StepContext,
    StepError, StepReport, Stream, into_host, to_host,
};

use crate::epochs::LastEpoch;
use crate::gaussian::{mean_step, positive_root};
use crate::pace::Pace;
use crate::patience::{Patience, memory};
use crate::settings::{MeanSteps, Settings};
use crate::strides::Strides;

/// Newton's method has long converged after so many steps: it does so quadratically.
const MAX_NEWTON: usize = 100;

/// The minimiser of one coordinate's objective, for `E[s]`, p, and eta: the whitened mean and the whitened standard deviation.
///
/// Setting the derivative in b to zero gives `mu = 2 eta E[s] / (1 + 2 eta a)`, which leaves
///
/// ```text
/// f(a) = 4 eta (a - p) + 1 - mu(a)^2 - 1 / a = 0.
/// ```
///
/// f increases from minus infinity to infinity and is concave, so that Newton's method climbs to its one root from any point below. One
/// is the root for `E[s] = 0`, a quadratic equation's.
pub fn coordinate_step(mean_score: f64, precision: f64, eta: f64) -> Option<(f64, f64)> {
    let pull = 2.0 * eta * mean_score;
    let n = precision - 0.25 / eta;
    let mut a = positive_root(n, 0.25 / eta);
    for _ in 0..MAX_NEWTON {
        let widening = 1.0 + 2.0 * eta * a;
        let shift = pull / widening;
        let value = 4.0 * eta * (a - precision) + 1.0 - shift * shift - 1.0 / a;
        let slope = 4.0 * eta * (1.0 + shift * shift / widening) + 1.0 / (a * a);
        let next = a - value / slope;
        // The climb ends where rounding turns it back.
        if next.is_nan() || next <= a {
            break;
        }
        a = next;
    }
    let (shift, deviation) = (pull / (1.0 + 2.0 * eta * a), a.sqrt().recip());
    (shift.is_finite() && deviation.is_finite() && deviation > 0.0).then_some((shift, deviation))
}

/// One step solves one proximal problem in every coordinate.
pub struct Independent {
    /// The average over the last whole epoch; the iterate while there is none.
    approximation: Box<dyn Approximation>,
    iterate: IndependentGaussian,
    /// Of means and log standard deviations, `[2 D]`.
    average: LambdaAverage,
    last_epoch: LastEpoch,
    batch: usize,
    patience: Patience,
    means: Means,
}

/// How far means go in a step, as [`MeanSteps`] says.
enum Means {
    Together,
    ByNoise(Pace),
    ByLength(Strides),
}

impl Means {
    fn new(steps: MeanSteps, dimension: usize) -> Self {
        match steps {
            MeanSteps::Together => Means::Together,
            MeanSteps::ByNoise => Means::ByNoise(Pace::new(dimension)),
            MeanSteps::ByLength => Means::ByLength(Strides::new(dimension)),
        }
    }

    /// Begins a step from this Gaussian.
    fn begin(&mut self, from: &IndependentGaussian) {
        match self {
            Means::Together => {}
            Means::ByNoise(pace) => pace.begin(),
            Means::ByLength(strides) => {
                strides.begin(from.log_scale() / from.dimension() as f64);
            }
        }
    }

    /// The whitened mean and standard deviation of a coordinate after the step that has begun; `None` where they are not finite.
    fn step(
        &mut self,
        coordinate: usize,
        score: f64,
        precision: f64,
        eta: f64,
    ) -> Option<(f64, f64)> {
        match self {
            Means::Together => coordinate_step(score, precision, eta),
            Means::ByNoise(pace) => {
                let [(tempered, mean_eta), (precision_tempered, eta)] = pace
                    .tempered(coordinate, score, precision)
                    .unwrap_or([(score, eta), (precision, eta)]);
                pace.learn(coordinate, score, precision);
                let (_, spread) = coordinate_step(0.0, precision_tempered, eta)?;
                Some((mean_step(tempered, mean_eta), spread))
            }
            Means::ByLength(strides) => {
                let (_, spread) = coordinate_step(0.0, precision, eta)?;
                Some((strides.shift(coordinate, score), spread))
            }
        }
    }

    fn rejected(&mut self) {
        match self {
            Means::Together => {}
            Means::ByNoise(pace) => pace.rejected(),
            Means::ByLength(strides) => strides.stride.rejected(),
        }
    }

    fn save(&self, writer: StateWriter) -> StateWriter {
        match self {
            Means::Together => writer,
            Means::ByNoise(pace) => pace.save(writer),
            Means::ByLength(strides) => strides.save(writer),
        }
    }

    fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        match self {
            Means::Together => Ok(()),
            Means::ByNoise(pace) => pace.restore(reader),
            Means::ByLength(strides) => strides.restore(reader),
        }
    }
}

/// What a step takes of draws from the iterate: sums over the valid ones, so that no draw is kept.
struct Drawn {
    /// How many there were.
    draws: usize,
    /// How many were valid.
    valid: usize,
    /// The sum of their log densities.
    log_density: f64,
    /// Of the target's scores, `[D]`.
    score: Vec<f64>,
    /// Of the scores times the noise of the draws, `[D]`.
    product: Vec<f64>,
    /// Of the squared differences between the whitened scores of iterate and target, over coordinates too.
    mismatch: f64,
}

impl Drawn {
    fn none(dimension: usize) -> Self {
        Drawn {
            draws: 0,
            valid: 0,
            log_density: 0.0,
            score: vec![0.0; dimension],
            product: vec![0.0; dimension],
            mismatch: 0.0,
        }
    }

    /// Adds a valid draw: its noise and its score, `[D]`, of an iterate with these deviations.
    fn add(&mut self, log_density: f64, noise: &[f64], score: &[f64], deviation: &[f64]) {
        self.valid += 1;
        self.log_density += log_density;
        let sums = self.score.iter_mut().zip(&mut self.product);
        let of_draw = noise.iter().zip(score).zip(deviation);
        for ((sum, product), ((noise, score), deviation)) in sums.zip(of_draw) {
            *sum += score;
            *product += score * noise;
            self.mismatch += (deviation * score + noise).powi(2);
        }
    }
}

impl Independent {
    pub fn new(
        approximation: Box<dyn Approximation>,
        settings: Settings,
    ) -> Result<Self, InferenceError> {
        let iterate = IndependentGaussian::of(approximation.as_ref())?;
        Ok(Self {
            average: LambdaAverage::new(2 * iterate.dimension(), settings.first_epoch),
            last_epoch: LastEpoch::none(settings.tolerance),
            means: Means::new(settings.means, iterate.dimension()),
            iterate,
            approximation,
            batch: settings.draws,
            patience: settings.patience,
        })
    }

    fn draw(&self, context: &StepContext<'_>) -> Result<Drawn, StepError> {
        let dimension = self.iterate.dimension();
        let mut normals = Normals::new(context.seed, Stream::Draws, context.step);
        let mut drawn = Drawn::none(dimension);
        while drawn.draws < self.batch {
            let left = self.batch - drawn.draws;
            // Antithetic draws come in pairs.
            let count = draws_at_once(dimension, self.batch).next_multiple_of(2);
            let count = count.min(left);
            let numbers = normals.take(dimension * count.div_ceil(2));
            let noise = whitened(&numbers, dimension, count);
            drop(numbers);
            self.evaluate(&noise, context, &mut drawn)?;
        }
        if 2 * drawn.valid < self.batch {
            let (valid, batch) = (drawn.valid, self.batch);
            let message = format!("only {valid} of {batch} draws are valid");
            return Err(StepError::Recoverable(message));
        }
        Ok(drawn)
    }

    /// Adds the draws of some noise `[D, S]`.
    fn evaluate(
        &self,
        noise: &Mat<f64>,
        context: &StepContext<'_>,
        drawn: &mut Drawn,
    ) -> Result<(), StepError> {
        let (dimension, draws) = (noise.nrows(), noise.ncols());
        let IndependentGaussian { mean, deviation } = &self.iterate;
        let noise: Vec<&[f64]> = (0..draws)
            .filter_map(|s| Some(noise.col(s).try_as_col_major()?.as_slice()))
            .collect();
        let mut points = Vec::with_capacity(draws * dimension);
        for noise in &noise {
            let moved = mean.iter().zip(deviation).zip(*noise);
            points.extend(moved.map(|((mean, deviation), noise)| mean + deviation * noise));
        }
        let theta = context
            .target
            .placement()
            .matrix(points, [draws, dimension]);
        let Evaluation {
            log_density,
            score,
            valid,
        } = context
            .target
            .log_density_and_score(&theta, context.batch)?;
        drop(theta);
        let log_density = to_host(&log_density);
        let score = into_host(score);
        drawn.draws += draws;
        for (s, noise) in noise.iter().enumerate().filter(|(s, _)| valid[*s]) {
            let score = &score[s * dimension..][..dimension];
            drawn.add(log_density[s], noise, score, deviation);
        }
        Ok(())
    }

    /// The mean over valid draws and coordinates of the squared difference between the whitened scores of iterate and target.
    fn score_divergence(&self, drawn: &Drawn) -> f64 {
        drawn.mismatch / (drawn.valid * self.iterate.dimension()) as f64
    }

    /// The eta by which the slowest coordinate goes.
    fn eta(&self) -> f64 {
        let own = match &self.means {
            Means::ByNoise(pace) => pace.slowest(),
            Means::Together | Means::ByLength(_) => None,
        };
        own.unwrap_or_else(|| self.patience.eta())
    }

    /// The iterate after a step, in the place of the sums; `None` where it would not be finite.
    fn solve(&mut self, drawn: Drawn) -> Option<IndependentGaussian> {
        let (count, eta) = (drawn.valid as f64, self.patience.eta());
        let mut sums = drawn.score.iter().chain(&drawn.product);
        if !sums.all(|sum| sum.is_finite()) {
            return None;
        }
        self.means.begin(&self.iterate);
        let (mut next_mean, mut next_deviation) = (drawn.score, drawn.product);
        let now = self.iterate.mean.iter().zip(&self.iterate.deviation);
        let next = next_mean.iter_mut().zip(&mut next_deviation);
        for (d, ((&mean, &deviation), (score, product))) in now.zip(next).enumerate() {
            let (mean_score, precision) =
                (deviation * *score / count, -deviation * *product / count);
            let (shift, spread) = self.means.step(d, mean_score, precision, eta)?;
            *score = mean + deviation * shift;
            *product = deviation * spread;
        }
        let finite = next_mean.iter().all(|m| m.is_finite())
            && next_deviation.iter().all(|s| s.is_finite() && *s > 0.0);
        finite.then_some(IndependentGaussian {
            mean: next_mean,
            deviation: next_deviation,
        })
    }

    fn show(&mut self, mean: &[f64], variances: Vec<f64>) -> Result<(), StepError> {
        self.approximation
            .gaussian_mut()
            .ok_or_else(|| StepError::Fatal("the approximation is not a Gaussian".into()))?
            .set(mean, &Covariance::Diagonal(variances))?;
        Ok(())
    }

    fn end_epoch(&mut self, epoch: LambdaEpoch, length: u64) -> Result<Progress, StepError> {
        let dimension = self.iterate.dimension();
        let (mean, log_deviation) = epoch.lambda.split_at(dimension);
        let variances = log_deviation.iter().map(|l| (2.0 * l).exp());
        self.show(mean, variances.collect())?;
        let enough = length as f64 >= memory(self.eta());
        self.patience.tighten();
        if let Means::ByLength(strides) = &mut self.means {
            strides.stride.slow();
        }
        Ok(self.last_epoch.end(epoch.lambda, enough))
    }
}

impl Running for Independent {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let drawn = self.draw(context)?;
        let divergence = self.score_divergence(&drawn);
        let elbo = drawn.log_density / drawn.valid as f64 + self.iterate.entropy();
        self.patience.learn(divergence, divergence)?;
        let eta = self.eta();
        let Some(next) = self.solve(drawn) else {
            self.patience.rejected();
            self.means.rejected();
            return Err(StepError::Recoverable("the step is not finite".into()));
        };
        let log_deviation = next.deviation.iter().map(|s| s.ln());
        let lambda = next.mean.iter().copied().chain(log_deviation);
        let length = self.average.length();
        let progress = match self.average.push(lambda, elbo) {
            Some(epoch) => self.end_epoch(epoch, length)?,
            None => {
                if self.last_epoch.lambda().is_none() {
                    let variances = next.deviation.iter().map(|s| (2.0 * s.ln()).exp());
                    self.show(&next.mean, variances.collect())?;
                }
                Progress::Continue
            }
        };
        self.iterate = next;
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
        self.approximation.as_ref()
    }

    fn into_approximation(self: Box<Self>) -> Box<dyn Approximation> {
        self.approximation
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default()
            .blob(&self.approximation.save())
            .numbers(&self.iterate.mean)
            .numbers(&self.iterate.deviation);
        let writer = self.patience.save(self.last_epoch.save(writer));
        self.average.save(self.means.save(writer)).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.iterate.mean = reader.numbers()?;
        self.iterate.deviation = reader.numbers()?;
        self.last_epoch.restore(&mut reader)?;
        self.patience.restore(&mut reader)?;
        self.means.restore(&mut reader)?;
        self.average.restore(&mut reader)?;
        reader.finish()
    }
}

#[cfg(test)]
impl Independent {
    /// What a step takes of some noise `[D, S]`, and the Gaussian after it.
    pub fn stepped(
        &mut self,
        noise: &Mat<f64>,
        context: &StepContext<'_>,
    ) -> Option<(f64, f64, IndependentGaussian)> {
        let mut drawn = Drawn::none(self.iterate.dimension());
        self.evaluate(noise, context, &mut drawn).ok()?;
        let (log_density, divergence) = (drawn.log_density, self.score_divergence(&drawn));
        Some((log_density, divergence, self.solve(drawn)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(shift: f64, a: f64, score: f64, precision: f64, eta: f64) -> f64 {
        let b = a * shift;
        (b - score).powi(2) + (a - precision).powi(2) + (a + b * shift - a.ln()) / (2.0 * eta)
    }

    /// The minimum by golden-section search in log a, with the best mean for each a by golden-section search too.
    fn searched(score: f64, precision: f64, eta: f64) -> f64 {
        fn golden(f: &dyn Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
            let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
            for _ in 0..80 {
                let step = ratio * (high - low);
                if f(high - step) < f(low + step) {
                    high = low + step;
                } else {
                    low = high - step;
                }
            }
            f(0.5 * (low + high))
        }
        let best_mean = |a: f64| {
            // Between no move at all and the whole of one.
            let far = score / a;
            golden(
                &|shift| objective(shift, a, score, precision, eta),
                far.min(0.0),
                far.max(0.0),
            )
        };
        golden(&|log_a| best_mean(log_a.exp()), -12.0, 12.0)
    }

    #[test]
    fn the_step_is_the_minimum_that_a_search_finds() {
        for eta in [1e-4, 0.05, 1.0, 30.0] {
            for precision in [-50.0, -0.4, 0.0, 0.6, 1.0, 300.0] {
                for score in [0.0, 0.3, -2.0, 40.0] {
                    let (shift, deviation) = coordinate_step(score, precision, eta).unwrap();
                    let a = deviation.powi(-2);
                    let found = objective(shift, a, score, precision, eta);
                    let searched = searched(score, precision, eta);
                    // The search resolves a minimum as well as rounding of the objective lets it.
                    let rounding = 1e-9 * searched.abs().max(1.0);
                    assert!(
                        (found - searched).abs() < rounding,
                        "score {score}, precision {precision}, eta {eta}: {found} but {searched}"
                    );
                }
            }
        }
    }

    #[test]
    fn at_the_fixed_point_nothing_moves() {
        let (shift, deviation) = coordinate_step(0.0, 1.0, 3.0).unwrap();
        assert_eq!(shift, 0.0);
        assert!((deviation - 1.0).abs() < 1e-15);
    }

    #[test]
    fn moments_that_are_not_finite_give_no_step() {
        assert_eq!(coordinate_step(f64::NAN, 1.0, 1.0), None);
        assert_eq!(coordinate_step(0.0, f64::INFINITY, 1.0), None);
    }
}
