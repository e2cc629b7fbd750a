//! Small systems of linear equations: one matrix for each draw.

/// The factors of a square matrix with its rows exchanged: L below the diagonal (whose own is one), U on and above it.
#[derive(Debug)]
pub(super) struct Factors {
    size: usize,
    factors: Vec<f64>,
    pivots: Vec<usize>,
}

impl Factors {
    pub(super) fn new(size: usize) -> Factors {
        Factors {
            size,
            factors: vec![0.0; size * size],
            pivots: vec![0; size],
        }
    }

    /// Factors the matrix that `write` puts down row by row. A singular one has factors that solve nothing: NaN or infinities
    /// come of them.
    pub(super) fn factor(&mut self, write: impl FnOnce(&mut [f64])) {
        let (size, matrix) = (self.size, &mut self.factors);
        write(matrix);
        for column in 0..size {
            let largest = |best: usize, row: usize| {
                let better = matrix[row * size + column].abs() > matrix[best * size + column].abs();
                if better { row } else { best }
            };
            let pivot = (column + 1..size).fold(column, largest);
            self.pivots[column] = pivot;
            if pivot != column {
                for j in 0..size {
                    matrix.swap(pivot * size + j, column * size + j);
                }
            }
            let (above, below) = matrix.split_at_mut((column + 1) * size);
            let top = &above[column * size..];
            for row in below.chunks_exact_mut(size) {
                let factor = row[column] / top[column];
                row[column] = factor;
                for j in column + 1..size {
                    row[j] -= factor * top[j];
                }
            }
        }
    }

    /// The solution for one right-hand side, in its place.
    pub(super) fn solve(&self, x: &mut [f64]) {
        let size = self.size;
        for (i, pivot) in self.pivots.iter().enumerate() {
            x.swap(i, *pivot);
        }
        for i in 0..size {
            let row = &self.factors[i * size..i * size + i];
            x[i] -= row.iter().zip(&*x).map(|(l, x)| l * x).sum::<f64>();
        }
        for i in (0..size).rev() {
            let row = &self.factors[i * size..(i + 1) * size];
            let rest: f64 = row[i + 1..]
                .iter()
                .zip(&x[i + 1..])
                .map(|(u, x)| u * x)
                .sum();
            x[i] = (x[i] - rest) / row[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_solve() {
        // Its first pivot is zero, so rows must be exchanged, twice.
        let matrix = [0.0, 2.0, 1.0, 1.0, 0.0, 3.0, 4.0, 1.0, 0.5];
        let right = [1.0, -2.0, 0.25];
        let mut x = right;
        let mut factors = Factors::new(3);
        factors.factor(|to| to.copy_from_slice(&matrix));
        factors.solve(&mut x);
        for (row, right) in matrix.chunks(3).zip(right) {
            let product: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((product - right).abs() < 1e-14, "{product} is not {right}");
        }
    }
}
