//! Values while a program is interpreted.
//!
//! Every value leads with an axis of *lanes*: the iterations of the enclosing loops, run together. Its size is 1
//! where the value is the same in all of them. The axes of the value itself follow: those of arrays, then those of
//! vectors and matrices (rows, columns).

use std::sync::Arc;

use firebrand_graph::{Array, Expr, Graph, Shape};

/// Integers: always known while the program is staged.
#[derive(Clone, Debug, PartialEq)]
pub struct Ints {
    /// Lanes, then the value's own axes.
    pub shape: Shape,
    /// Row-major.
    pub data: Arc<Vec<i64>>,
}

impl Ints {
    /// One integer, the same in every lane.
    pub fn scalar(value: i64) -> Self {
        Ints {
            shape: Shape::from_slice(&[1]),
            data: Arc::new(vec![value]),
        }
    }

    /// # Panics
    /// When `data` does not fill `shape` (which leads with the lanes).
    pub fn new(shape: impl AsRef<[usize]>, data: Vec<i64>) -> Self {
        let shape = Shape::from_slice(shape.as_ref());
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "ints of shape {shape:?}"
        );
        Ints {
            shape,
            data: Arc::new(data),
        }
    }

    /// The value's own axes.
    pub fn dims(&self) -> &[usize] {
        &self.shape[1..]
    }

    /// How many lanes it tells apart.
    pub fn lanes(&self) -> usize {
        self.shape[0]
    }

    /// The same numbers as reals.
    pub fn to_reals(&self) -> Expr {
        Expr::Data(Array::new(
            &self.shape,
            self.data.iter().map(|x| *x as f64).collect(),
        ))
    }
}

/// A value: of ints, or of reals (known, or a node of the graph).
#[derive(Clone, Debug)]
pub enum Value {
    Int(Ints),
    /// Shape: lanes, then the value's own axes.
    Real(Expr),
}

impl Value {
    /// Lanes, then the value's own axes.
    pub fn shape(&self, graph: &Graph) -> Shape {
        match self {
            Value::Int(ints) => ints.shape.clone(),
            Value::Real(expr) => graph.shape(expr),
        }
    }

    /// The value's own axes.
    pub fn dims(&self, graph: &Graph) -> Shape {
        Shape::from_slice(&self.shape(graph)[1..])
    }

    /// The value as reals.
    pub fn to_reals(&self) -> Expr {
        match self {
            Value::Int(ints) => ints.to_reals(),
            Value::Real(expr) => expr.clone(),
        }
    }

    /// A known real, the same in every lane.
    pub fn real(value: f64) -> Self {
        Value::Real(Expr::Data(Array::new([1], vec![value])))
    }

    /// Whether it is known while the program is staged.
    pub fn is_known(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Real(Expr::Data(_)))
    }
}
