//! How far an approximation is from a target that is known.

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par};
use firebrand::core::{
    Approximation, Batch, Comparison, Draws, FamilyError, GaussianTarget, Moments, Reference,
    Stream, Target, cholesky, noise, to_host,
};

use super::contest::Measured;
use super::targets::MixtureOfGaussians;

/// Draws of a mixture for the divergence from it, from each component.
const TARGET_DRAWS: usize = 1000;
/// Draws of an approximation for everything that is an average over it.
const DRAWS: usize = 1000;

/// Of a Gaussian p and a Gaussian q, in closed form: the divergence KL(p || q), the error of the mean in standard deviations of p (the
/// root of its mean square over directions), and that of the covariance, |L^-1 Sigma_q L'^-1 - I| / sqrt(D) with L L' the covariance of p
/// and the Frobenius norm.
pub fn from_gaussian(
    target: &GaussianTarget,
    approximation: &dyn Approximation,
) -> Result<Measured, String> {
    let gaussian = approximation
        .gaussian()
        .ok_or("the approximation is not a Gaussian")?;
    let covariance = gaussian.covariance();
    let of_p = cholesky(target.covariance()).map_err(|error: FamilyError| error.to_string())?;
    let of_q = covariance.cholesky().map_err(|error| error.to_string())?;
    let dimension = target.dimension();
    let (mean, wanted) = (gaussian.mean(), target.mean());
    let difference = Mat::from_fn(dimension, 1, |d, _| mean[d] - wanted[d]);
    let half = solved(&of_p, &of_q);
    let mean_square = solved(&of_p, &difference).squared_norm_l2() / dimension as f64;
    let excess = &half * half.transpose() - Mat::<f64>::identity(dimension, dimension);
    let log_scales: f64 = (0..dimension)
        .map(|d| of_q[(d, d)].ln() - of_p[(d, d)].ln())
        .sum();
    let divergence = 0.5
        * (solved(&of_q, &of_p).squared_norm_l2() + solved(&of_q, &difference).squared_norm_l2()
            - dimension as f64)
        + log_scales;
    Ok(vec![
        // Rounding may leave it below zero.
        ("forward_kl", divergence.max(0.0)),
        ("mean_error", mean_square.sqrt()),
        (
            "covariance_error",
            excess.norm_l2() / (dimension as f64).sqrt(),
        ),
    ])
}

/// `lower^-1 right`.
fn solved(lower: &Mat<f64>, right: &Mat<f64>) -> Mat<f64> {
    let mut out = right.clone();
    solve_lower_triangular_in_place(lower.as_ref(), out.as_mut(), Par::Seq);
    out
}

/// Of a mixture p and any q: KL(p || q) from draws of p, and the divergence of scores E_q |d log q / dz - d log p / dz|^2 / D from draws of q.
pub fn from_mixture(
    mixture: &MixtureOfGaussians,
    target: &dyn Target,
    approximation: &dyn Approximation,
    seed: u64,
) -> Result<Measured, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let dimension = target.dimension();
    let placement = target.placement();
    let (points, weights) = mixture.draws(TARGET_DRAWS, seed);
    let points = placement.matrix(points, [weights.len(), dimension]);
    let log_p = target
        .log_density(&points, &Batch::Full)
        .map_err(|error| said(&error))?;
    let log_q = approximation
        .log_prob(&points)
        .map_err(|error| said(&error))?;
    let log_p = to_host(&log_p.log_density);
    let divergence: f64 = log_p
        .iter()
        .zip(to_host(&log_q))
        .zip(&weights)
        .map(|((p, q), weight)| weight * (p - q))
        .sum();

    let shape = approximation.noise_shape(DRAWS);
    let noise = noise(seed, Stream::Output, 0, shape, placement);
    let sample = approximation.sample(&noise).map_err(|error| said(&error))?;
    let count = sample.theta.dims()[0];
    let weights = match &sample.log_weight {
        Some(log_weight) => to_host(log_weight).iter().map(|log| log.exp()).collect(),
        None => vec![1.0 / count as f64; count],
    };
    let wanted = target
        .log_density_and_score(&sample.theta, &Batch::Full)
        .map_err(|error| said(&error))?;
    let score = approximation
        .score(&sample.theta)
        .map_err(|error| said(&error))?;
    let difference = to_host(&(score - wanted.score));
    let mismatch: f64 = difference
        .chunks_exact(dimension)
        .zip(weights)
        .map(|(row, weight)| weight * row.iter().map(|d| d * d).sum::<f64>())
        .sum();
    Ok(vec![
        ("forward_kl", divergence),
        ("score_divergence", mismatch / dimension as f64),
    ])
}

/// Of reference moments and draws of q, both on the model's scale: the error of the worst mean in standard deviations of the reference, and
/// of the worst standard deviation as a share.
pub fn from_reference(
    reference: &Reference,
    target: &dyn Target,
    approximation: &dyn Approximation,
    seed: u64,
) -> Result<Measured, String> {
    let draws =
        Draws::take(target, approximation, DRAWS, seed).map_err(|error| error.to_string())?;
    let table = draws.constrained;
    let comparison = Comparison::new(reference, |name| {
        let moments = Moments::of(name, &table.column(table.position(name)?));
        Some((moments.mean, moments.sd))
    });
    let comparison = comparison.ok_or("the reference has no quantity of the model")?;
    Ok(vec![
        ("mean_error", comparison.mean.worst),
        ("sd_error", comparison.sd.worst),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrand::core::{Covariance, registry};
    use firebrand::core::{GaussianStart, Placement};

    fn member(family: &str, mean: Vec<f64>, variances: Vec<f64>) -> Box<dyn Approximation> {
        let start = GaussianStart {
            covariance: Covariance::Diagonal(variances),
            mean,
        };
        let family = registry::family(family).unwrap();
        let dimension = start.dimension();
        family
            .plugin
            .start(dimension, &start, &Placement::cpu())
            .unwrap()
    }

    #[test]
    fn of_two_gaussians_all_is_in_closed_form() {
        let target = GaussianTarget::standard(2);
        let q = member("full-rank", vec![3.0, 4.0], vec![4.0, 1.0]);
        let found = from_gaussian(&target, &*q).unwrap();
        // KL = ((1/4 + 9/4 - 1 + ln 4) + (1 + 16 - 1)) / 2.
        let expected = [
            ("forward_kl", 0.5 * (1.5 + 4f64.ln() + 16.0)),
            ("mean_error", (25f64 / 2.0).sqrt()),
            ("covariance_error", 3.0 / 2f64.sqrt()),
        ];
        for ((name, found), (wanted, value)) in found.into_iter().zip(expected) {
            assert_eq!(name, wanted);
            assert!(
                (found - value).abs() < 1e-12,
                "{name}: {found}, not {value}"
            );
        }
    }

    #[test]
    fn a_mixture_of_one_component_is_measured_as_a_gaussian_is() {
        let mixture = MixtureOfGaussians::random(1, 2, 1.0, 4).unwrap();
        let target = mixture.target();
        let q = member("full-rank", vec![0.5, 0.0], vec![1.0, 2.0]);
        let found = from_mixture(&mixture, &target, &*q, 1).unwrap();
        let exact = from_gaussian(&mixture.gaussian(), &*q).unwrap();
        // log p - log q has a standard deviation near 1 here, and there are 1000 draws.
        assert!(
            (found[0].1 - exact[0].1).abs() < 5.0 / 1000f64.sqrt(),
            "{found:?} {exact:?}"
        );
    }
}
