//! A target from a Rust closure: for tests, and for densities that are written by hand.

use burn::tensor::Tensor;

use super::{Batch, Column, Constrained, Evaluation, Parameter, Target, TargetError};
use crate::placement::{Placement, to_host};

/// A target given by a function of one point, evaluated on the host.
///
/// The function writes the score into its second argument and returns the log density. A log density or score that
/// is not finite makes the draw invalid.
pub struct FnTarget<F> {
    function: F,
    dimension: usize,
    parameters: Vec<Parameter>,
    placement: Placement,
}

impl<F> FnTarget<F>
where
    F: Fn(&[f64], &mut [f64]) -> f64 + Send + Sync,
{
    /// A target of `dimension` parameters, called `theta[1]`, `theta[2]`, ..., on the CPU in 64 bits.
    pub fn new(dimension: usize, function: F) -> Self {
        FnTarget {
            function,
            dimension,
            parameters: vec![Parameter::vector("theta", dimension)],
            placement: Placement::cpu(),
        }
    }

    /// The same target elsewhere: points and results live where `placement` says.
    pub fn placed(self, placement: Placement) -> Self {
        FnTarget { placement, ..self }
    }
}

impl<F> Target for FnTarget<F>
where
    F: Fn(&[f64], &mut [f64]) -> f64 + Send + Sync,
{
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let points = checked_points(theta, batch, self.dimension)?;
        let draws = theta.dims()[0];
        let mut log_density = vec![f64::NEG_INFINITY; draws];
        let mut score = vec![0.0; points.len()];
        let mut valid = vec![false; draws];
        for draw in 0..draws {
            let range = draw * self.dimension..(draw + 1) * self.dimension;
            let value = (self.function)(&points[range.clone()], &mut score[range.clone()]);
            if value.is_finite() && score[range.clone()].iter().all(|s| s.is_finite()) {
                log_density[draw] = value;
                valid[draw] = true;
            } else {
                score[range].fill(0.0);
            }
        }
        Ok(Evaluation {
            log_density: self.placement.vector(&log_density),
            score: self.placement.matrix(score, [draws, self.dimension]),
            valid,
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn constrain(&self, theta: &Tensor<2>, _seed: u64) -> Result<Constrained, TargetError> {
        identity_constrain(theta, &self.parameters)
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}

/// The points of a full batch on the host, after a check of their shape.
pub(super) fn checked_points(
    theta: &Tensor<2>,
    batch: &Batch,
    dimension: usize,
) -> Result<Vec<f64>, TargetError> {
    if let Batch::Rows { plate, .. } = batch {
        return Err(TargetError::Batch {
            plate: plate.clone(),
            because: "it is a function of its parameters alone".into(),
        });
    }
    let found = theta.dims()[1];
    if found != dimension {
        return Err(TargetError::Dimension {
            expected: dimension,
            found,
        });
    }
    Ok(to_host(theta))
}

/// Draws whose constrained scale is the unconstrained one.
pub(super) fn identity_constrain(
    theta: &Tensor<2>,
    parameters: &[Parameter],
) -> Result<Constrained, TargetError> {
    let columns = parameters
        .iter()
        .flat_map(|p| {
            p.columns().into_iter().map(|name| Column {
                name,
                block: p.block,
            })
        })
        .collect();
    Ok(Constrained {
        columns,
        values: to_host(theta),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A half-normal on x > 0, in two independent coordinates.
    fn half_normal() -> impl Target {
        FnTarget::new(2, |x: &[f64], score: &mut [f64]| {
            score.copy_from_slice(&[-x[0], -x[1]]);
            if x[0] < 0.0 {
                f64::NEG_INFINITY
            } else {
                -0.5 * (x[0] * x[0] + x[1] * x[1])
            }
        })
    }

    #[test]
    fn a_draw_outside_the_support_is_marked_and_the_rest_goes_on() {
        let target = half_normal();
        let theta = target.placement().matrix(vec![1., 2., -1., 2.], [2, 2]);
        let out = target.log_density_and_score(&theta, &Batch::Full).unwrap();
        assert_eq!(out.valid, [true, false]);
        assert_eq!(to_host(&out.log_density), [-2.5, f64::NEG_INFINITY]);
        assert_eq!(to_host(&out.score), [-1., -2., 0., 0.]);
    }

    #[test]
    fn points_of_the_wrong_width_are_refused_with_both_numbers() {
        let target = half_normal();
        let theta = target.placement().zeros([1, 3]);
        let error = target.log_density(&theta, &Batch::Full).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the target has 2 dimensions, but the points have 3"
        );
    }
}
