//! The columns of draws: from rows of numbers to values of the model's variables, and back.

use firebrand_graph::{Array, Expr, Shape};

use crate::hir::{self, Element, Slot};
use crate::value::{Ints, Value};

/// A variable and its place among the columns of a draw.
pub(super) struct Variable {
    pub slot: Slot,
    shape: Vec<usize>,
    is_int: bool,
    /// Row-major offsets in the order of the columns.
    offsets: Vec<usize>,
}

impl Variable {
    pub fn new(declaration: &hir::Declaration, shape: &[usize]) -> Self {
        Variable {
            slot: declaration.slot,
            shape: shape.to_vec(),
            is_int: matches!(declaration.type_.element, Element::Int),
            offsets: column_major(shape).collect(),
        }
    }

    /// How many columns it has.
    pub fn size(&self) -> usize {
        self.offsets.len()
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The variable in some draws: the rows `rows`, of which its columns begin at `start`.
    pub fn of_rows<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = &'a [f64]>,
        start: usize,
    ) -> Value {
        let size = self.size();
        let mut shape = Shape::from_slice(&[rows.len()]);
        shape.extend_from_slice(&self.shape);
        let mut data = vec![0.0; rows.len() * size];
        for (own, row) in data.chunks_mut(size.max(1)).zip(rows) {
            for (column, offset) in row[start..start + size].iter().zip(&self.offsets) {
                own[*offset] = *column;
            }
        }
        if self.is_int {
            Value::Int(Ints::new(shape, data.iter().map(|x| *x as i64).collect()))
        } else {
            Value::Real(Array::new(shape, data).into())
        }
    }
}

/// What came of a block of draws.
pub(super) struct Generated {
    first: usize,
    pub draws: usize,
    width: usize,
    /// NaN where nothing came.
    pub rows: Vec<f64>,
    /// Draws that were rejected.
    pub failed: usize,
    /// Why the first of them was.
    pub why: Option<String>,
}

impl Generated {
    /// Of draws from the number `first` on.
    pub fn new(first: usize, draws: usize, width: usize) -> Self {
        Generated {
            first,
            draws,
            width,
            rows: vec![f64::NAN; draws * width],
            failed: 0,
            why: None,
        }
    }

    fn row(&mut self, draw: usize) -> &mut [f64] {
        let start = (draw - self.first) * self.width;
        &mut self.rows[start..start + self.width]
    }

    /// Writes a variable of all these draws to its columns, which begin at `start`.
    pub fn write(&mut self, draws: &[usize], start: usize, value: &Value, variable: &Variable) {
        let Expr::Data(array) = value.to_reals() else {
            return;
        };
        let size = variable.size();
        if size == 0 {
            return;
        }
        for (draw, own) in draws.iter().zip(array.data().chunks(size).cycle()) {
            let columns = &mut self.row(*draw)[start..start + size];
            for (column, offset) in columns.iter_mut().zip(&variable.offsets) {
                *column = own[*offset];
            }
        }
    }

    /// Takes back what came of a draw.
    pub fn reject(&mut self, draw: usize, why: String) {
        self.row(draw).fill(f64::NAN);
        self.failed += 1;
        self.why.get_or_insert(why);
    }
}

/// Row-major offsets in the order of the first index fastest.
fn column_major(shape: &[usize]) -> impl Iterator<Item = usize> {
    let count: usize = shape.iter().product();
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let shape = shape.to_vec();
    (0..count).map(move |mut flat| {
        let mut offset = 0;
        for (size, stride) in shape.iter().zip(&strides) {
            offset += flat % size * stride;
            flat /= size;
        }
        offset
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_visit_the_first_index_fastest() {
        assert_eq!(
            column_major(&[2, 3]).collect::<Vec<_>>(),
            [0, 3, 1, 4, 2, 5]
        );
        assert_eq!(column_major(&[]).collect::<Vec<_>>(), [0]);
    }
}
