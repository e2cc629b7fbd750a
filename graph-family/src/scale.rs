//! Square roots of covariances as parameters: what families that are made of Gaussians share.

use faer::Mat;
use firebrand_core::{FamilyError, Structure};
use firebrand_graph::{Array, Expr, Graph, Index, System};

/// How the lower triangular square roots of `count` covariances are kept in parameters.
///
/// First the logarithms of all diagonals, `[count, D]`; then, where the structure is not diagonal, what is below them, row by row,
/// `[count, D (D - 1) / 2]`. Every vector of parameters is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    structure: Structure,
    dimension: usize,
    count: usize,
}

impl Scale {
    /// Square roots of `count` covariances in `dimension` dimensions.
    pub fn new(structure: Structure, dimension: usize, count: usize) -> Self {
        // One number is its own diagonal.
        let structure = match dimension {
            1 => Structure::Diagonal,
            _ => structure,
        };
        Scale {
            structure,
            dimension,
            count,
        }
    }

    fn below_the_diagonal(&self) -> usize {
        match self.structure {
            Structure::Diagonal => 0,
            // A root of either has no zeros below its diagonal.
            Structure::LowRank | Structure::Dense => self.dimension * (self.dimension - 1) / 2,
        }
    }

    /// How many parameters they take.
    pub fn parameters(&self) -> usize {
        self.count * (self.dimension + self.below_the_diagonal())
    }

    /// The parameters of these lower triangular factors, `[D, D]` each. Where coordinates are independent, the diagonals
    /// alone are read.
    pub fn pack(&self, factors: &[Mat<f64>]) -> Vec<f64> {
        let mut packed = Vec::with_capacity(self.parameters());
        for factor in factors {
            packed.extend((0..self.dimension).map(|d| factor[(d, d)].ln()));
        }
        if self.below_the_diagonal() > 0 {
            for factor in factors {
                for i in 0..self.dimension {
                    packed.extend((0..i).map(|j| factor[(i, j)]));
                }
            }
        }
        packed
    }

    /// Whether the diagonals of these parameters are positive numbers, neither overflowing nor vanishing.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`], which is recoverable.
    pub fn check(&self, packed: &[f64]) -> Result<(), FamilyError> {
        let usable = |log: &f64| log.exp().is_finite() && (-log).exp().is_finite();
        let logs = &packed[..self.count * self.dimension];
        if logs.iter().all(usable) {
            return Ok(());
        }
        Err(FamilyError::NotPositiveDefinite)
    }

    /// The factors that parameters `packed` stand for.
    pub fn factors(&self, graph: &mut Graph, packed: &Expr) -> Factors {
        let (count, dimension) = (self.count, self.dimension);
        let logs = graph.slice(packed, 0, 0, count * dimension);
        let log_diagonals = graph.reshape(&logs, &[count, dimension]);
        let matrices = (self.below_the_diagonal() > 0).then(|| {
            let below = count * self.below_the_diagonal();
            let below = graph.slice(packed, 0, count * dimension, below);
            self.matrices(graph, &log_diagonals, &below)
        });
        Factors {
            log_diagonals,
            matrices,
        }
    }

    /// The factors and their inverses, each `[count, D, D]`.
    fn matrices(&self, graph: &mut Graph, log_diagonals: &Expr, below: &Expr) -> (Expr, Expr) {
        let (count, n, each) = (self.count, self.dimension, self.below_the_diagonal());
        // The position behind the last one holds zero.
        let nothing = Array::vector(vec![0.0]).into();
        let padded = graph.concat(&[below.clone(), nothing], 0);
        let position = |k: usize| {
            let (block, i, j) = (k / (n * n), k / n % n, k % n);
            if j < i {
                block * each + i * (i - 1) / 2 + j
            } else {
                count * each
            }
        };
        let positions: Index = (0..count * n * n).map(|k| position(k) as u32).collect();
        let strict = graph.gather(&padded, &positions);
        let strict = graph.reshape(&strict, &[count, n, n]);
        let identity = Array::new(
            [n, n],
            (0..n * n).map(|k| f64::from(k / n == k % n)).collect(),
        );
        let identity = Expr::from(identity);
        let diagonals = graph.exp(log_diagonals);
        let diagonals = graph.reshape(&diagonals, &[count, n, 1]);
        let diagonals = graph.mul(&diagonals, &identity);
        let factors = graph.add(&strict, &diagonals);
        let inverses = graph.linear_solve(System::Lower, &factors, &identity);
        (factors, inverses)
    }
}

/// Square roots of covariances in a graph.
#[derive(Clone, Debug)]
pub struct Factors {
    /// `[count, D]`
    log_diagonals: Expr,
    /// Factors and inverses, `[count, D, D]` each; `None` where coordinates are independent.
    matrices: Option<(Expr, Expr)>,
}

impl Factors {
    /// Each factor times each row of `x`, which is `[count, D]` or `[D]`: `[count, D]`.
    pub fn multiply(&self, graph: &mut Graph, x: &Expr) -> Expr {
        match &self.matrices {
            Some((factors, _)) => product(graph, factors, x),
            None => {
                let diagonals = graph.exp(&self.log_diagonals);
                graph.mul(&diagonals, x)
            }
        }
    }

    /// The inverse of each factor times each row of `x`, which is `[count, D]` or `[D]`: `[count, D]`.
    pub fn solve(&self, graph: &mut Graph, x: &Expr) -> Expr {
        match &self.matrices {
            Some((_, inverses)) => product(graph, inverses, x),
            None => {
                let inverses = graph.neg(&self.log_diagonals);
                let inverses = graph.exp(&inverses);
                graph.mul(&inverses, x)
            }
        }
    }

    /// The logarithms of the factors' determinants, `[count]`.
    pub fn log_determinants(&self, graph: &mut Graph) -> Expr {
        graph.sum(&self.log_diagonals, 1)
    }
}

fn product(graph: &mut Graph, matrices: &Expr, x: &Expr) -> Expr {
    let mut column = graph.shape(x);
    column.push(1);
    let column = graph.reshape(x, &column);
    let product = graph.matmul(matrices, &column);
    let shape = graph.shape(&product);
    graph.reshape(&product, &shape[..2])
}
