//! One layer of a flow.

use firebrand_graph::{Expr, Graph, Index};
use serde::{Deserialize, Serialize};

use crate::conditioner::Conditioner;
use crate::spline::Spline;

/// The monotone functions of a coupling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Shift and scale.
    #[default]
    Affine,
    /// Rational-quadratic splines.
    Spline,
}

/// A layer: the coordinates that it keeps, those that it maps, and how.
#[derive(Clone, Debug)]
pub struct Coupling {
    kept: Index,
    mapped: Index,
    /// For each coordinate, its position among the kept ones followed by the mapped ones.
    order: Index,
    conditioner: Conditioner,
    spline: Option<Spline>,
}

impl Coupling {
    /// The layer of this number. Layers halve the coordinates by one binary digit of their number after another, first mapping one
    /// half and then the other: any two coordinates differ in some digit.
    pub fn new(number: usize, dimension: usize, hidden: usize, spline: Option<Spline>) -> Self {
        let digits = usize::BITS - (dimension - 1).max(1).leading_zeros();
        let digit = (number / 2) as u32 % digits;
        let kept = |d: &usize| dimension > 1 && (d >> digit & 1 == 1) == (number % 2 == 1);
        let all = || 0..dimension;
        let kept_ones: Vec<usize> = all().filter(kept).collect();
        let mapped_ones: Vec<usize> = all().filter(|d| !kept(d)).collect();
        let position = |d: usize| {
            let mut order = kept_ones.iter().chain(&mapped_ones);
            order.position(|other| *other == d).unwrap_or(d) as u32
        };
        let outputs = mapped_ones.len() * spline.map_or(2, |spline| spline.numbers());
        Coupling {
            order: all().map(position).collect(),
            conditioner: Conditioner {
                inputs: kept_ones.len(),
                hidden,
                outputs,
            },
            kept: kept_ones.iter().map(|d| *d as u32).collect(),
            mapped: mapped_ones.iter().map(|d| *d as u32).collect(),
            spline,
        }
    }

    pub fn parameters(&self) -> usize {
        self.conditioner.parameters()
    }

    /// Parameters of the identity. `number` tells layers apart.
    pub fn beginning(&self, number: usize) -> Vec<f64> {
        self.conditioner.beginning(number)
    }

    /// The way to the noise, `[D]`, and the logarithm of the determinant of its derivative, a scalar.
    pub fn to_noise(&self, graph: &mut Graph, parameters: &Expr, x: &Expr) -> (Expr, Expr) {
        let (kept, mapped, shape) = self.parts(graph, parameters, x);
        let (mapped, log_slopes) = match &self.spline {
            Some(spline) => spline.forward(graph, &shape, &mapped),
            None => {
                let (shift, log_scale) = shift_and_log_scale(graph, &shape);
                let scale = graph.exp(&log_scale);
                let mapped = graph.mul(&mapped, &scale);
                (graph.add(&mapped, &shift), log_scale)
            }
        };
        let log_determinant = graph.sum(&log_slopes, 0);
        (self.joined(graph, kept, mapped), log_determinant)
    }

    /// The way back from the noise, `[D]`.
    pub fn of_noise(&self, graph: &mut Graph, parameters: &Expr, x: &Expr) -> Expr {
        let (kept, mapped, shape) = self.parts(graph, parameters, x);
        let mapped = match &self.spline {
            Some(spline) => spline.backward(graph, &shape, &mapped),
            None => {
                let (shift, log_scale) = shift_and_log_scale(graph, &shape);
                let inverse = graph.neg(&log_scale);
                let inverse = graph.exp(&inverse);
                let centred = graph.sub(&mapped, &shift);
                graph.mul(&centred, &inverse)
            }
        };
        self.joined(graph, kept, mapped)
    }

    /// What is kept, what is mapped `[M]`, and the numbers that say how, `[M, numbers]`.
    fn parts(&self, graph: &mut Graph, parameters: &Expr, x: &Expr) -> (Expr, Expr, Expr) {
        let kept = graph.gather(x, &self.kept);
        let mapped = graph.gather(x, &self.mapped);
        let shape = self.conditioner.outputs(graph, parameters, &kept);
        let each = self.conditioner.outputs / self.mapped.len();
        let shape = graph.reshape(&shape, &[self.mapped.len(), each]);
        (kept, mapped, shape)
    }

    fn joined(&self, graph: &mut Graph, kept: Expr, mapped: Expr) -> Expr {
        let joined = graph.concat(&[kept, mapped], 0);
        graph.gather(&joined, &self.order)
    }
}

/// The columns of `[M, 2]`.
fn shift_and_log_scale(graph: &mut Graph, shape: &Expr) -> (Expr, Expr) {
    let count = graph.shape(shape)[0];
    let [shift, log_scale] = [0, 1].map(|column| {
        let column = graph.slice(shape, 1, column, 1);
        graph.reshape(&column, &[count])
    });
    (shift, log_scale)
}
