//! The numbers of the method Radau IIA of order 5, after Hairer and Wanner, "Solving Ordinary Differential Equations II",
//! section IV.8 (their code RADAU5).
//!
//! The three stages of a step are one system of equations, 3 times as large as the state's. In the basis of the eigenvectors of
//! the inverse of the method's matrix it falls apart into a real one and a complex one of the state's size.

use super::linear::Factors;

/// Where in the step each stage is.
pub(super) fn nodes() -> [f64; 3] {
    let root = 6.0_f64.sqrt();
    [(4.0 - root) / 10.0, (4.0 + root) / 10.0, 1.0]
}

/// Weights of the stages in the error estimate.
pub(super) fn error_weights() -> [f64; 3] {
    let root = 6.0_f64.sqrt();
    [
        (-13.0 - 7.0 * root) / 3.0,
        (-13.0 + 7.0 * root) / 3.0,
        -1.0 / 3.0,
    ]
}

/// The real eigenvalue.
fn real() -> f64 {
    3.0 + 3.0_f64.powf(2.0 / 3.0) - 3.0_f64.cbrt()
}

/// The complex one.
fn complex() -> (f64, f64) {
    (
        3.0 + 0.5 * (3.0_f64.cbrt() - 3.0_f64.powf(2.0 / 3.0)),
        -0.5 * (3.0_f64.powf(5.0 / 6.0) + 3.0_f64.powf(7.0 / 6.0)),
    )
}

/// From the basis of the eigenvectors to the stages.
pub(super) const TO_STAGES: [[f64; 3]; 3] = [
    [
        0.09443876248897524,
        -0.14125529502095421,
        0.03002919410514742,
    ],
    [
        0.25021312296533332,
        0.20412935229379994,
        -0.38294211275726192,
    ],
    [1.0, 1.0, 0.0],
];

/// From the stages to the basis of the eigenvectors.
pub(super) const FROM_STAGES: [[f64; 3]; 3] = [
    [4.178718591551904, 0.3276828207610622, 0.5233764454994487],
    [-4.178718591551904, -0.3276828207610622, 0.4766235545005501],
    [0.5028726349457868, -2.571926949855605, 0.5960392048282249],
];

/// The coefficients, by powers of the share of a step, of the polynomial through the stages, from their distances to the start.
pub(super) fn polynomial() -> [[f64; 3]; 3] {
    let root = 6.0_f64.sqrt();
    [
        [
            13.0 / 3.0 + 7.0 * root / 3.0,
            -23.0 / 3.0 - 22.0 * root / 3.0,
            10.0 / 3.0 + 5.0 * root,
        ],
        [
            13.0 / 3.0 - 7.0 * root / 3.0,
            -23.0 / 3.0 + 22.0 * root / 3.0,
            10.0 / 3.0 - 5.0 * root,
        ],
        [1.0 / 3.0, -8.0 / 3.0, 10.0 / 3.0],
    ]
}

/// The two matrices of a step of one system, factored.
#[derive(Debug)]
pub(super) struct Newton {
    states: usize,
    real_shift: f64,
    complex_shift: (f64, f64),
    real: Factors,
    /// Twice as large, for real parts and imaginary ones.
    complex: Factors,
}

impl Newton {
    pub(super) fn new(jacobian: &[f64], step: f64, states: usize) -> Newton {
        let real_shift = real() / step;
        let (a, b) = complex();
        let (a, b) = (a / step, b / step);
        let mut single: Vec<f64> = jacobian.iter().map(|x| -x).collect();
        let mut double = vec![0.0; 4 * states * states];
        for i in 0..states {
            for j in 0..states {
                let (upper, lower) = (2 * states * i + j, 2 * states * (states + i) + states + j);
                double[upper] = single[i * states + j];
                double[lower] = single[i * states + j];
            }
            let (upper, lower) = (2 * states * i, 2 * states * (states + i));
            double[upper + i] += a;
            double[lower + states + i] += a;
            double[upper + states + i] = -b;
            double[lower + i] = b;
            single[i * states + i] += real_shift;
        }
        Newton {
            states,
            real_shift,
            complex_shift: (a, b),
            real: Factors::of(states, single),
            complex: Factors::of(2 * states, double),
        }
    }

    /// Solves with the real matrix, for the state and for each sensitivity: they have the same Jacobian.
    pub(super) fn solve_real(&self, x: &mut [f64]) {
        x.chunks_exact_mut(self.states)
            .for_each(|x| self.real.solve(x));
    }

    /// The correction of the stages' distances to the start (in the basis of the eigenvectors, three vectors), where the
    /// derivatives at the stages are `slopes`.
    pub(super) fn correction(
        &self,
        distances: &[Vec<f64>; 3],
        slopes: [&[f64]; 3],
    ) -> [Vec<f64>; 3] {
        let width = slopes[0].len();
        let (a, b) = self.complex_shift;
        let turned = |row: [f64; 3]| -> Vec<f64> {
            (0..width)
                .map(|j| row[0] * slopes[0][j] + row[1] * slopes[1][j] + row[2] * slopes[2][j])
                .collect()
        };
        let [mut first, mut second, mut third] = FROM_STAGES.map(turned);
        for j in 0..width {
            let [x, y, z] = [distances[0][j], distances[1][j], distances[2][j]];
            first[j] -= self.real_shift * x;
            second[j] -= a * y - b * z;
            third[j] -= a * z + b * y;
        }
        self.solve_real(&mut first);
        let mut pair = vec![0.0; 2 * self.states];
        for (second, third) in second
            .chunks_exact_mut(self.states)
            .zip(third.chunks_exact_mut(self.states))
        {
            pair[..self.states].copy_from_slice(second);
            pair[self.states..].copy_from_slice(third);
            self.complex.solve(&mut pair);
            second.copy_from_slice(&pair[..self.states]);
            third.copy_from_slice(&pair[self.states..]);
        }
        [first, second, third]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The basis of the eigenvectors, and the way back to the stages, are each other's inverse, to the digits given.
    #[test]
    fn the_change_of_basis_has_an_inverse() {
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| TO_STAGES[i][k] * FROM_STAGES[k][j]).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-14, "{i} {j}: {product}");
            }
        }
    }

    /// The polynomial passes through the stages.
    #[test]
    fn the_polynomial_interpolates() {
        let (nodes, coefficients) = (nodes(), polynomial());
        for (i, coefficients) in coefficients.iter().enumerate() {
            for (j, node) in nodes.iter().enumerate() {
                let value: f64 = (0..3)
                    .map(|k| coefficients[k] * node.powi(k as i32 + 1))
                    .sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-13, "{i} {j}: {value}");
            }
        }
    }
}
