//! The step of every coordinate at once, on tensors: what [`coordinate_step`](crate::coordinate_step) is to one.

use burn::tensor::Tensor;

/// Iterations of Newton's method, the same number for all coordinates, so that none has to be asked whether it has converged.
///
/// From below, the climb multiplies the precision by 1.5 at least until it is near the root, and then doubles its digits. With eta up to a
/// quarter, which is what very many dimensions get, and whitened mean scores up to a thousand it is over by the fourteenth. Where it is
/// not, its last point is below the root: a step that narrows less than it might, and that the next one goes on from.
const NEWTON: usize = 16;

/// Whitened means and standard deviations after a step, `[1, D]` each, from whitened mean scores and precisions P of that shape.
pub struct Solved {
    pub shift: Tensor<2>,
    pub deviation: Tensor<2>,
}

/// The minimisers of the coordinates' objectives. Where they are not finite, a number of a result is not, either.
pub fn coordinate_steps(mean_score: Tensor<2>, precision: Tensor<2>, eta: f64) -> Solved {
    let pull = mean_score * (2.0 * eta);
    let mut a = undisturbed(precision.clone(), eta);
    // The terms of f(a) = 4 eta a + constant - mu(a)^2 - 1 / a that stay.
    let constant = precision * (-4.0 * eta) + 1.0;
    for _ in 0..NEWTON {
        let narrowing = (a.clone() * (2.0 * eta) + 1.0).recip();
        let shift = pull.clone() * narrowing.clone();
        let square = shift.clone() * shift;
        let inverse = a.clone().recip();
        let slope =
            (square.clone() * narrowing + 1.0) * (4.0 * eta) + inverse.clone() * inverse.clone();
        let value = a.clone() * (4.0 * eta) + constant.clone() - square - inverse;
        a = a - value / slope;
    }
    Solved {
        shift: pull / (a.clone() * (2.0 * eta) + 1.0),
        deviation: a.sqrt().recip(),
    }
}

/// The standard deviations after a step in which means stay.
pub fn deviation_steps(precision: Tensor<2>, eta: f64) -> Tensor<2> {
    undisturbed(precision, eta).sqrt().recip()
}

/// The whitened precisions that means without a score have: the positive solutions a of `a - c / a = P - c` with `c = 1 / (4 eta)`, without
/// cancellation.
fn undisturbed(precision: Tensor<2>, eta: f64) -> Tensor<2> {
    let c = 0.25 / eta;
    let n = precision - c;
    let larger = ((n.clone() * n.clone() + 4.0 * c).sqrt() + n.clone().abs()) * 0.5;
    let is_negative = n.lower_elem(0.0);
    larger.clone().mask_where(is_negative, larger.recip() * c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::independent::coordinate_step;
    use firebrand_core::{Placement, Precision, to_host};

    /// Whitened mean scores and precisions of all sizes, one pair a coordinate.
    fn moments() -> (Vec<f64>, Vec<f64>) {
        let scores = [0.0, 0.3, -2.0, 40.0, -1000.0];
        let precisions = [-50.0, -0.4, 0.0, 0.6, 1.0, 300.0];
        let pairs = scores.iter().flat_map(|s| precisions.map(|p| (*s, p)));
        pairs.unzip()
    }

    fn in_row(values: &[f64], precision: Precision) -> Tensor<2> {
        let placement = Placement {
            precision,
            ..Placement::cpu()
        };
        placement.matrix(values.to_vec(), [1, values.len()])
    }

    /// The largest relative differences of shift and deviation from those of `expected`.
    fn differences(solved: &Solved, expected: impl Fn(f64, f64) -> (f64, f64)) -> (f64, f64) {
        let (scores, precisions) = moments();
        let found = to_host(&solved.shift)
            .into_iter()
            .zip(to_host(&solved.deviation));
        let given = scores.iter().zip(&precisions);
        found
            .zip(given)
            .fold((0.0, 0.0), |worst, ((shift, deviation), (s, p))| {
                let (m, d) = expected(*s, *p);
                let off =
                    |found: f64, expected: f64| (found - expected).abs() / expected.abs().max(1e-3);
                (
                    f64::max(worst.0, off(shift, m)),
                    f64::max(worst.1, off(deviation, d)),
                )
            })
    }

    #[test]
    fn all_coordinates_step_as_each_does_alone() {
        let (scores, precisions) = moments();
        for eta in [1e-4, 0.01, 0.25] {
            let solve = |p| coordinate_steps(in_row(&scores, p), in_row(&precisions, p), eta);
            let alone = |s, p| coordinate_step(s, p, eta).unwrap();
            let (shift, deviation) = differences(&solve(Precision::F64), alone);
            assert!(
                shift < 1e-9 && deviation < 1e-9,
                "eta {eta}: {shift:e} {deviation:e}"
            );
            // Terms up to 1e5 cancel in the root's equation.
            let (shift, deviation) = differences(&solve(Precision::F32), alone);
            assert!(
                shift < 1e-3 && deviation < 1e-3,
                "eta {eta}: {shift:e} {deviation:e}"
            );
        }
    }

    #[test]
    fn deviations_step_as_each_does_alone_where_means_stay() {
        let (_, precisions) = moments();
        let found = deviation_steps(in_row(&precisions, Precision::F64), 0.01);
        for (found, precision) in to_host(&found).into_iter().zip(precisions) {
            let (_, alone) = coordinate_step(0.0, precision, 0.01).unwrap();
            assert!((found - alone).abs() < 1e-13 * alone, "{found} {alone}");
        }
    }
}
