//! The numbers of the method Radau IIA of order 5, after Hairer and Wanner, "Solving Ordinary Differential Equations II",
//! section IV.8 (their code RADAU5).
//!
//! The three stages of a step are one system of equations, 3 times as large as the state's. In the basis of the eigenvectors of
//! the inverse of the method's matrix it falls apart into a real one and a complex one of the state's size.

use super::linear::Factors;

/// The square root of 6.
const ROOT: f64 = 2.449489742783178;

/// Where in the step each stage is.
pub(super) const NODES: [f64; 3] = [(4.0 - ROOT) / 10.0, (4.0 + ROOT) / 10.0, 1.0];

/// Weights of the stages in the error estimate.
pub(super) const ERROR: [f64; 3] = [
    (-13.0 - 7.0 * ROOT) / 3.0,
    (-13.0 + 7.0 * ROOT) / 3.0,
    -1.0 / 3.0,
];

/// The eigenvalues of the inverse of the method's matrix: the real one, and the parts of a complex one.
const REAL: f64 = 3.637834252744496;
const COMPLEX: (f64, f64) = (2.6810828736277523, -3.0504301992474105);

/// From the basis of the eigenvectors to the stages.
pub(super) const TO_STAGES: [[f64; 3]; 3] = [
    [
        0.09443876248897524,
        -0.1412552950209542,
        0.03002919410514742,
    ],
    [0.2502131229653333, 0.20412935229379994, -0.3829421127572619],
    [1.0, 1.0, 0.0],
];

/// From the stages to the basis of the eigenvectors.
pub(super) const FROM_STAGES: [[f64; 3]; 3] = [
    [4.178718591551904, 0.3276828207610622, 0.5233764454994487],
    [-4.178718591551904, -0.3276828207610622, 0.4766235545005501],
    [0.5028726349457868, -2.571926949855605, 0.5960392048282249],
];

/// The polynomial through the stages: for each power of the share of a step, from one on, the weights of the stages' distances to
/// the start.
pub(super) const POLYNOMIAL: [[f64; 3]; 3] = [
    [
        (13.0 + 7.0 * ROOT) / 3.0,
        (13.0 - 7.0 * ROOT) / 3.0,
        1.0 / 3.0,
    ],
    [
        (-23.0 - 22.0 * ROOT) / 3.0,
        (-23.0 + 22.0 * ROOT) / 3.0,
        -8.0 / 3.0,
    ],
    [
        (10.0 + 15.0 * ROOT) / 3.0,
        (10.0 - 15.0 * ROOT) / 3.0,
        10.0 / 3.0,
    ],
];

/// A vector for each stage, or for each eigenvector.
pub(super) type Stages = [Vec<f64>; 3];

/// The sums of three vectors with each row's weights.
pub(super) fn combine(to: &mut Stages, weights: &[[f64; 3]; 3], from: [&[f64]; 3]) {
    for (to, weights) in to.iter_mut().zip(weights) {
        combine_one(to, weights, from);
    }
}

/// The sum of three vectors with weights.
pub(super) fn combine_one(to: &mut [f64], [a, b, c]: &[f64; 3], [x, y, z]: [&[f64]; 3]) {
    for (((to, x), y), z) in to.iter_mut().zip(x).zip(y).zip(z) {
        *to = a * x + b * y + c * z;
    }
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
    pair: Vec<f64>,
}

impl Newton {
    pub(super) fn new(states: usize) -> Newton {
        Newton {
            states,
            real_shift: 0.0,
            complex_shift: (0.0, 0.0),
            real: Factors::new(states),
            complex: Factors::new(2 * states),
            pair: vec![0.0; 2 * states],
        }
    }

    /// Factors the matrices of a step of this size.
    pub(super) fn factor(&mut self, jacobian: &[f64], step: f64) {
        let states = self.states;
        let (a, b) = (COMPLEX.0 / step, COMPLEX.1 / step);
        (self.real_shift, self.complex_shift) = (REAL / step, (a, b));
        let shift = self.real_shift;
        self.real.factor(|single| {
            for (i, row) in jacobian.chunks_exact(states).enumerate() {
                let to = &mut single[i * states..(i + 1) * states];
                to.iter_mut().zip(row).for_each(|(to, x)| *to = -x);
                to[i] += shift;
            }
        });
        self.complex.factor(|double| {
            double.fill(0.0);
            for (i, row) in jacobian.chunks_exact(states).enumerate() {
                let (upper, lower) = (2 * states * i, 2 * states * (states + i));
                for (j, x) in row.iter().enumerate() {
                    double[upper + j] = -x;
                    double[lower + states + j] = -x;
                }
                double[upper + i] += a;
                double[lower + states + i] += a;
                double[upper + states + i] = -b;
                double[lower + i] = b;
            }
        });
    }

    /// Solves with the real matrix, for the state and for each sensitivity: they have the same Jacobian.
    pub(super) fn solve_real(&self, x: &mut [f64]) {
        x.chunks_exact_mut(self.states)
            .for_each(|x| self.real.solve(x));
    }

    /// The correction of the stages' distances to the start (in the basis of the eigenvectors), where the derivatives at the stages
    /// are `slopes`.
    pub(super) fn correct(&mut self, to: &mut Stages, distances: &Stages, slopes: [&[f64]; 3]) {
        combine(to, &FROM_STAGES, slopes);
        let (a, b) = self.complex_shift;
        let [first, second, third] = to;
        let [x, y, z] = distances;
        for j in 0..first.len() {
            first[j] -= self.real_shift * x[j];
            second[j] -= a * y[j] - b * z[j];
            third[j] -= a * z[j] + b * y[j];
        }
        self.solve_real(first);
        let states = self.states;
        let thirds = third.chunks_exact_mut(states);
        for (second, third) in second.chunks_exact_mut(states).zip(thirds) {
            self.pair[..states].copy_from_slice(second);
            self.pair[states..].copy_from_slice(third);
            self.complex.solve(&mut self.pair);
            second.copy_from_slice(&self.pair[..states]);
            third.copy_from_slice(&self.pair[states..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(x: [[f64; 3]; 3], y: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| (0..3).map(|k| x[i][k] * y[k][j]).sum::<f64>())
        })
    }

    /// Equal to the digits given.
    fn assert_equal(x: [[f64; 3]; 3], y: [[f64; 3]; 3]) {
        for (x, y) in x.iter().flatten().zip(y.iter().flatten()) {
            assert!((x - y).abs() < 1e-14, "{x} is not {y}");
        }
    }

    #[test]
    fn the_change_of_basis_has_an_inverse() {
        let one = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_equal(product(TO_STAGES, FROM_STAGES), one);
    }

    /// With A the method's matrix, T the basis, and D the eigenvalues of A's inverse: A T D = T.
    #[test]
    fn the_basis_is_that_of_the_eigenvectors() {
        let r = ROOT;
        let method = [
            [
                (88.0 - 7.0 * r) / 360.0,
                (296.0 - 169.0 * r) / 1800.0,
                (-2.0 + 3.0 * r) / 225.0,
            ],
            [
                (296.0 + 169.0 * r) / 1800.0,
                (88.0 + 7.0 * r) / 360.0,
                (-2.0 - 3.0 * r) / 225.0,
            ],
            [(16.0 - r) / 36.0, (16.0 + r) / 36.0, 1.0 / 9.0],
        ];
        let (a, b) = COMPLEX;
        let eigenvalues = [[REAL, 0.0, 0.0], [0.0, a, -b], [0.0, b, a]];
        assert_equal(product(method, product(TO_STAGES, eigenvalues)), TO_STAGES);
    }

    #[test]
    fn the_polynomial_passes_through_the_stages() {
        for (other, node) in NODES.iter().enumerate() {
            let powers: [f64; 3] = std::array::from_fn(|i| node.powi(i as i32 + 1));
            let [values, ..] = product([powers, [0.0; 3], [0.0; 3]], POLYNOMIAL);
            for (stage, value) in values.iter().enumerate() {
                let expected = if stage == other { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-13, "{stage} {other}: {value}");
            }
        }
    }
}
