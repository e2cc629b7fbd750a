//! Linear algebra on data: what constant folding uses, and the executors' check. One matrix at a time, row-major.

use faer::{MatRef, Side};

use crate::array::for_each_broadcast_offset;
use crate::{Array, MatrixFunction, Shape, System, broadcast_shape};

impl MatrixFunction {
    /// The axes of the result for a matrix with `n` rows.
    pub(crate) fn result_shape(self, n: usize) -> Shape {
        match self {
            MatrixFunction::Cholesky => Shape::from_slice(&[n, n]),
            MatrixFunction::Eigen => Shape::from_slice(&[n + 1, n]),
            MatrixFunction::Determinant | MatrixFunction::LogDeterminant => Shape::new(),
        }
    }

    /// Writes the value at a matrix with `n` rows.
    pub(crate) fn apply(self, to: &mut [f64], x: &[f64], n: usize) {
        match self {
            MatrixFunction::Cholesky => cholesky(to, x, n),
            MatrixFunction::Eigen => eigen(to, x, n),
            MatrixFunction::Determinant => {
                let (lu, sign) = eliminated(x, n);
                to[0] = lu.diagonal().product::<f64>() * sign;
            }
            MatrixFunction::LogDeterminant => {
                let (lu, _) = eliminated(x, n);
                to[0] = lu.diagonal().map(|pivot| pivot.abs().ln()).sum();
            }
        }
    }
}

impl System {
    /// Replaces the right-hand side by the solution, both with `columns` columns.
    pub(crate) fn apply(self, matrix: &[f64], right: &mut [f64], columns: usize) {
        match self {
            System::Lower => forward(matrix, right, columns),
            System::LowerTransposed => backward(right, columns, |i, k, n| matrix[k * n + i]),
            System::General => {
                let n = right.len() / columns.max(1);
                let (lu, _) = eliminated(matrix, n);
                lu.solve(right, columns);
            }
        }
    }
}

fn cholesky(to: &mut [f64], x: &[f64], n: usize) {
    to.fill(0.0);
    for i in 0..n {
        for j in 0..=i {
            let products: f64 = (0..j).map(|k| to[i * n + k] * to[j * n + k]).sum();
            let rest = x[i * n + j] - products;
            to[i * n + j] = if i == j {
                rest.sqrt()
            } else {
                rest / to[j * n + j]
            };
        }
    }
}

fn eigen(to: &mut [f64], x: &[f64], n: usize) {
    to.fill(f64::NAN);
    if x.iter().any(|x| !x.is_finite()) {
        return;
    }
    let matrix = MatRef::from_row_major_slice(x, n, n);
    let Ok(eigen) = matrix.self_adjoint_eigen(Side::Lower) else {
        return;
    };
    let (values, vectors) = to.split_at_mut(n);
    for (j, value) in values.iter_mut().enumerate() {
        *value = eigen.S()[j];
        for i in 0..n {
            vectors[i * n + j] = eigen.U()[(i, j)];
        }
    }
}

fn forward(lower: &[f64], right: &mut [f64], columns: usize) {
    let n = right.len() / columns.max(1);
    for i in 0..n {
        for c in 0..columns {
            let products: f64 = (0..i)
                .map(|k| lower[i * n + k] * right[k * columns + c])
                .sum();
            right[i * columns + c] = (right[i * columns + c] - products) / lower[i * n + i];
        }
    }
}

/// Solves with an upper triangular matrix whose element at row `i` and column `k` is `at(i, k, n)`.
fn backward(right: &mut [f64], columns: usize, at: impl Fn(usize, usize, usize) -> f64) {
    let n = right.len() / columns.max(1);
    for i in (0..n).rev() {
        for c in 0..columns {
            let products: f64 = (i + 1..n)
                .map(|k| at(i, k, n) * right[k * columns + c])
                .sum();
            right[i * columns + c] = (right[i * columns + c] - products) / at(i, i, n);
        }
    }
}

/// `P A = L U`: U in the upper triangle, L (whose diagonal is 1) below it.
struct Eliminated {
    n: usize,
    lu: Vec<f64>,
    /// The row of A that each row was.
    rows: Vec<usize>,
}

/// Gaussian elimination with partial pivoting; and the sign of the permutation.
fn eliminated(x: &[f64], n: usize) -> (Eliminated, f64) {
    let mut lu = x.to_vec();
    let mut rows: Vec<usize> = (0..n).collect();
    let mut sign = 1.0;
    for k in 0..n {
        let size = |i: usize| lu[i * n + k].abs();
        let pivot = (k + 1..n).fold(k, |best, i| if size(i) > size(best) { i } else { best });
        if pivot != k {
            for j in 0..n {
                lu.swap(k * n + j, pivot * n + j);
            }
            rows.swap(k, pivot);
            sign = -sign;
        }
        for i in k + 1..n {
            // A column of zeros stays one: the determinant is then zero, and not NaN.
            if lu[i * n + k] == 0.0 {
                continue;
            }
            let factor = lu[i * n + k] / lu[k * n + k];
            lu[i * n + k] = factor;
            for j in k + 1..n {
                lu[i * n + j] -= factor * lu[k * n + j];
            }
        }
    }
    (Eliminated { n, lu, rows }, sign)
}

impl Eliminated {
    fn diagonal(&self) -> impl Iterator<Item = f64> {
        self.lu.iter().copied().step_by(self.n + 1)
    }

    fn solve(&self, right: &mut [f64], columns: usize) {
        let n = self.n;
        let given = right.to_vec();
        for (i, row) in self.rows.iter().enumerate() {
            right[i * columns..(i + 1) * columns]
                .copy_from_slice(&given[row * columns..(row + 1) * columns]);
        }
        for i in 0..n {
            for k in 0..i {
                let factor = self.lu[i * n + k];
                for c in 0..columns {
                    right[i * columns + c] -= factor * right[k * columns + c];
                }
            }
        }
        backward(right, columns, |i, k, n| self.lu[i * n + k]);
    }
}

/// The function of each matrix in the last two axes.
pub(crate) fn matrix_function(kind: MatrixFunction, x: &Array) -> Array {
    let rank = x.shape().len();
    let n = x.shape()[rank - 1];
    let own = kind.result_shape(n);
    let mut shape = Shape::from_slice(&x.shape()[..rank - 2]);
    shape.extend_from_slice(&own);
    let mut result = Array::full(&shape, 0.0);
    let size = own.iter().product::<usize>().max(1);
    let blocks = x.data().chunks_exact((n * n).max(1));
    for (to, x) in result.data_mut().chunks_exact_mut(size).zip(blocks) {
        kind.apply(to, x, n);
    }
    result
}

/// The solution for each pair of matrices in the last two axes.
pub(crate) fn solve(system: System, matrix: &Array, right: &Array) -> Array {
    let (ms, rs) = (matrix.shape(), right.shape());
    let (m_lead, r_lead) = (&ms[..ms.len() - 2], &rs[..rs.len() - 2]);
    let (n, columns) = (rs[rs.len() - 2], rs[rs.len() - 1]);
    let lead = broadcast_shape(m_lead, r_lead).expect("leading axes broadcast");
    let mut shape = lead.clone();
    shape.extend([n, columns]);
    let mut result = right.broadcast_to(&shape);
    let mut blocks = Vec::new();
    for_each_broadcast_offset(m_lead, &lead, |block| blocks.push(block * n * n));
    let solutions = result.data_mut().chunks_exact_mut((n * columns).max(1));
    for (solution, block) in solutions.zip(blocks) {
        system.apply(&matrix.data()[block..][..n * n], solution, columns);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{matmul, permute};

    const SYMMETRIC: [f64; 9] = [4.0, 1.0, -2.0, 1.0, 3.0, 0.5, -2.0, 0.5, 5.0];

    fn symmetric() -> Array {
        Array::new([3, 3], SYMMETRIC.to_vec())
    }

    fn near(x: &Array, y: &Array) -> bool {
        let pairs = x.data().iter().zip(y.data());
        x.shape() == y.shape() && pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-14)
    }

    #[test]
    fn a_factor_times_its_transpose_is_the_matrix() {
        let factor = matrix_function(MatrixFunction::Cholesky, &symmetric());
        assert!(near(
            &matmul(&factor, &permute(&factor, &[1, 0])),
            &symmetric()
        ));
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_shows_in_the_diagonal() {
        for matrix in [[1.0, 0.0, 2.0, 1.0], [1.0, 0.0, 1.0, 1.0]] {
            let factor =
                matrix_function(MatrixFunction::Cholesky, &Array::new([2, 2], matrix.into()));
            assert!(factor.data()[3].is_nan() || factor.data()[3] == 0.0);
        }
    }

    #[test]
    fn eigenvalues_and_vectors_make_the_matrix_again() {
        let both = matrix_function(MatrixFunction::Eigen, &symmetric());
        let (values, vectors) = both.data().split_at(3);
        assert!(values.is_sorted());
        let vectors = Array::new([3, 3], vectors.to_vec());
        let scaled = crate::fold::binary(
            crate::Binary::Mul,
            &vectors,
            &Array::vector(values.to_vec()),
        );
        let product = matmul(&scaled, &permute(&vectors, &[1, 0]));
        let difference = crate::fold::binary(crate::Binary::Sub, &product, &symmetric());
        assert!(difference.data().iter().all(|x| x.abs() < 1e-13));
    }

    #[test]
    fn determinants_know_their_sign() {
        // A cyclic permutation is even, a transposition odd.
        let cycle = [0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0];
        let swap = [0.0, 2.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 3.0];
        for (matrix, want) in [(cycle, 24.0), (swap, -24.0)] {
            let matrix = Array::new([3, 3], matrix.to_vec());
            assert_eq!(
                matrix_function(MatrixFunction::Determinant, &matrix).data(),
                [want]
            );
            let log = matrix_function(MatrixFunction::LogDeterminant, &matrix);
            assert!((log.data()[0] - 24.0_f64.ln()).abs() < 1e-15);
        }
        let singular = Array::new([2, 2], vec![0.0, 1.0, 0.0, 2.0]);
        assert_eq!(
            matrix_function(MatrixFunction::Determinant, &singular).data(),
            [0.0]
        );
    }

    #[test]
    fn solutions_solve() {
        let right = Array::new([3, 2], vec![1.0, -2.0, 0.5, 3.0, 2.0, 0.1]);
        let lower: Vec<f64> = (0..9)
            .map(|k| if k % 3 <= k / 3 { SYMMETRIC[k] } else { 0.0 })
            .collect();
        let lower = Array::new([3, 3], lower);
        let general = Array::new([3, 3], vec![0.0, 2.0, 1.0, 1.0, 1.0, 0.0, 3.0, 0.0, -1.0]);
        let cases = [
            (System::Lower, symmetric(), lower.clone()),
            (
                System::LowerTransposed,
                symmetric(),
                permute(&lower, &[1, 0]),
            ),
            (System::General, general.clone(), general),
        ];
        for (system, given, meant) in cases {
            let solution = solve(system, &given, &right);
            assert!(near(&matmul(&meant, &solution), &right), "{system:?}");
        }
    }
}
