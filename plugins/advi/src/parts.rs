//! The gradient of the ELBO in so many dimensions that not all draws of a step are held at once: it is a sum over them.

use firebrand_core::start::draws_at_once;
use firebrand_core::{
    Approximation, Normals, SampleCotangent, StepContext, StepError, Stream, into_host, to_host,
};

/// What some draws add.
struct Part {
    /// The gradient `[lambda]`.
    gradient: Vec<f64>,
    /// The sum of log p - log q over the valid draws.
    gap: f64,
    /// How many are valid.
    valid: usize,
}

/// The ELBO of `q` on fresh draws and its gradient `[lambda]`, some draws at a time; `None` where all can be held at once, or draws have
/// weights, which are to be known together.
///
/// # Errors
/// If fewer than half of the draws are valid, or the gradient is not finite.
pub fn gradient(
    q: &dyn Approximation,
    draws: usize,
    context: &StepContext<'_>,
) -> Result<Option<(f64, Vec<f64>)>, StepError> {
    let at_once = draws_at_once(q.dimension(), draws);
    let [rows, columns] = q.noise_shape(draws);
    if at_once == draws || rows != draws {
        return Ok(None);
    }
    let mut normals = Normals::new(context.seed, Stream::Draws, context.step);
    let mut sum: Option<Part> = None;
    for first in (0..draws).step_by(at_once) {
        let count = at_once.min(draws - first);
        let noise = normals.take(count * columns);
        let Some(part) = part(q, draws, noise, context)? else {
            return Ok(None);
        };
        sum = Some(match sum {
            None => part,
            Some(sum) => sum.with(part),
        });
    }
    let Some(Part {
        gradient,
        gap,
        valid,
    }) = sum
    else {
        return Ok(None);
    };
    if 2 * valid < draws {
        let message = format!("only {valid} of {draws} draws are valid");
        return Err(StepError::Recoverable(message));
    }
    let elbo = gap / valid as f64;
    if !elbo.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
        return Err(StepError::Recoverable("the gradient is not finite".into()));
    }
    Ok(Some((elbo, gradient)))
}

impl Part {
    fn with(mut self, other: Part) -> Part {
        for (sum, more) in self.gradient.iter_mut().zip(other.gradient) {
            *sum += more;
        }
        self.gap += other.gap;
        self.valid += other.valid;
        self
    }
}

/// The part of the draws that some noise makes, of `draws` in all; `None` if they have weights.
fn part(
    q: &dyn Approximation,
    draws: usize,
    noise: Vec<f64>,
    context: &StepContext<'_>,
) -> Result<Option<Part>, StepError> {
    let placement = q.placement();
    let columns = q.noise_shape(draws)[1];
    let count = noise.len() / columns.max(1);
    let noise = placement.matrix(noise, [count, columns]);
    let sample = q.sample(&noise)?;
    if sample.log_weight.is_some() {
        return Ok(None);
    }
    let at = context
        .target
        .log_density_and_score(&sample.theta, context.batch)?;
    let log_q = to_host(&q.log_prob(&sample.theta)?);
    let log_p = to_host(&at.log_density);
    let gap = (0..count).filter(|&s| at.valid[s]);
    let gap = gap.map(|s| log_p[s] - log_q[s]).sum();
    let weight = |valid: &bool| if *valid { 1.0 / draws as f64 } else { 0.0 };
    let weights = placement.matrix(at.valid.iter().map(weight).collect(), [count, 1]);
    let difference = at.score - q.score(&sample.theta)?;
    drop(sample);
    let cotangent = SampleCotangent {
        theta: difference * weights,
        log_weight: None,
    };
    Ok(Some(Part {
        gradient: into_host(q.pull_sample(&noise, &cotangent)?),
        gap,
        valid: at.valid.iter().filter(|&&valid| valid).count(),
    }))
}
