//! Factors of known matrices, square or not: QR and singular values. Leading axes are kept.

use faer::MatRef;

use crate::{Array, Shape};

/// `A = Q R` by Householder reflections: Q is `[rows, rows]`, orthogonal, R `[rows, columns]` with a diagonal that is not
/// negative.
///
/// # Panics
/// When `x` has fewer than two axes.
pub fn qr(x: &Array) -> (Array, Array) {
    let [rows, columns] = sizes(x);
    let (mut q, mut r) = (Vec::new(), Vec::new());
    for matrix in matrices(x) {
        let factors = matrix.qr();
        let (full, upper) = (factors.compute_Q(), factors.R());
        let turned = |k: usize| k < columns && upper[(k, k)] < 0.0;
        let sign = |k: usize| if turned(k) { -1.0 } else { 1.0 };
        q.extend((0..rows * rows).map(|k| full[(k / rows, k % rows)] * sign(k % rows)));
        r.extend((0..rows * columns).map(|k| {
            let (i, j) = (k / columns, k % columns);
            if i <= j { upper[(i, j)] * sign(i) } else { 0.0 }
        }));
    }
    (
        with_axes(x, &[rows, rows], q),
        with_axes(x, &[rows, columns], r),
    )
}

/// The thin singular value decomposition `A = U diag(s) V'`: U is `[rows, n]`, s `[n]`, descending, and V `[columns, n]`, n being
/// the lesser of rows and columns. NaN where the matrix is not finite.
///
/// # Panics
/// When `x` has fewer than two axes.
pub fn svd(x: &Array) -> (Array, Array, Array) {
    let [rows, columns] = sizes(x);
    let n = rows.min(columns);
    let (mut u, mut s, mut v) = (Vec::new(), Vec::new(), Vec::new());
    for matrix in matrices(x) {
        match matrix.thin_svd() {
            Ok(svd) => {
                u.extend((0..rows * n).map(|k| svd.U()[(k / n, k % n)]));
                s.extend((0..n).map(|k| svd.S()[k]));
                v.extend((0..columns * n).map(|k| svd.V()[(k / n, k % n)]));
            }
            Err(_) => {
                u.extend(std::iter::repeat_n(f64::NAN, rows * n));
                s.extend(std::iter::repeat_n(f64::NAN, n));
                v.extend(std::iter::repeat_n(f64::NAN, columns * n));
            }
        }
    }
    (
        with_axes(x, &[rows, n], u),
        with_axes(x, &[n], s),
        with_axes(x, &[columns, n], v),
    )
}

fn sizes(x: &Array) -> [usize; 2] {
    let [.., rows, columns] = *x.shape() else {
        panic!("a matrix has two axes, not {:?}", x.shape())
    };
    [rows, columns]
}

fn matrices(x: &Array) -> impl Iterator<Item = MatRef<'_, f64>> {
    let [rows, columns] = sizes(x);
    x.data()
        .chunks_exact((rows * columns).max(1))
        .map(move |matrix| MatRef::from_row_major_slice(matrix, rows, columns))
}

/// The leading axes of `x`, then these.
fn with_axes(x: &Array, axes: &[usize], data: Vec<f64>) -> Array {
    let mut shape = Shape::from_slice(&x.shape()[..x.shape().len() - 2]);
    shape.extend_from_slice(axes);
    Array::new(shape, data)
}
