//! Matrices filled with the elements of vectors.

use firebrand_graph::{Array, Expr, Graph};

/// What stands in one place of a matrix.
pub(super) enum Cell {
    /// The vector's element at this position.
    Of(usize),
    Zero,
    One,
}

/// Matrices `[.., rows, columns]` from vectors `[.., n]`.
pub(super) fn placed(
    graph: &mut Graph,
    vectors: &Expr,
    [rows, columns]: [usize; 2],
    cell: impl Fn(usize, usize) -> Cell,
) -> Expr {
    let mut shape = graph.shape(vectors);
    let length = shape.pop().unwrap_or(1);
    let count: usize = shape.iter().product();
    let flat = graph.reshape(vectors, &[count * length]);
    let known = Array::vector(vec![0.0, 1.0]).into();
    let all = graph.concat(&[flat, known], 0);
    let position = |vector: usize, i: usize, j: usize| match cell(i, j) {
        Cell::Of(element) => vector * length + element,
        Cell::Zero => count * length,
        Cell::One => count * length + 1,
    };
    let index = (0..count * rows * columns)
        .map(|k| position(k / (rows * columns), k / columns % rows, k % columns) as u32)
        .collect();
    shape.extend_from_slice(&[rows, columns]);
    let gathered = graph.gather(&all, &index);
    graph.reshape(&gathered, &shape)
}
