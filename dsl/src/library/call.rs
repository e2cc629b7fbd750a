use firebrand_graph::{Array, Binary, Expr, Graph, Shape, broadcast_shape};

use super::streams::Streams;
use crate::types::Type;
use crate::value::{Ints, Value};

/// What a function of the language does with its arguments.
pub type Evaluate = fn(&mut Call) -> Result<Value, Failure>;

/// Why a function has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The arguments are wrong whatever the parameters are: sizes that do not fit, an index out of range.
    Wrong(String),
    /// It would be right in Stan, but is not supported here.
    Unsupported(String),
    /// As above, because these numbers, one for each lane, are not the same.
    Differs(String, Vec<i64>),
}

/// A condition that every draw must meet, or be rejected.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Not zero where it is met; any shape.
    pub met: Expr,
    /// What to say where it is not.
    pub message: String,
}

/// One evaluation of a function: its arguments, and the graph that it may add to.
///
/// Shapes of arguments lead with the axis of lanes (see [`crate::value`]), and so must the result's.
pub struct Call<'a> {
    pub graph: &'a mut Graph,
    pub name: &'a str,
    pub arguments: &'a [Value],
    pub types: &'a [Type],
    pub(crate) requirements: &'a mut Vec<Requirement>,
    pub(crate) random: Option<Streams<'a>>,
    /// How many iterations run together; random numbers differ between them.
    pub lanes: usize,
}

impl<'a> Call<'a> {
    /// Argument `i` as reals.
    pub fn real(&self, i: usize) -> Expr {
        self.arguments[i].to_reals()
    }

    /// Argument `i` as ints.
    ///
    /// # Panics
    /// When the signature let something else through.
    pub fn int(&self, i: usize) -> Ints {
        match &self.arguments[i] {
            Value::Int(ints) => ints.clone(),
            Value::Real(_) => panic!("{}: argument {i} is not an int", self.name),
        }
    }

    /// Argument `i` as one int that is the same in all lanes: a size, an axis.
    pub fn uniform_int(&self, i: usize) -> Result<i64, Failure> {
        let ints = self.int(i);
        match ints.data.iter().find(|x| **x != ints.data[0]) {
            None if !ints.data.is_empty() => Ok(ints.data[0]),
            _ => {
                let (name, number) = (self.name, i + 1);
                let message =
                    format!("{name}: a size that differs between iterations (argument {number})");
                Err(Failure::Differs(message, ints.data.to_vec()))
            }
        }
    }

    /// The axes of argument `i` without the lanes.
    pub fn dims(&self, i: usize) -> Shape {
        self.arguments[i].dims(self.graph)
    }

    /// Rejects the draws for which `met` is zero anywhere. What is known to be met costs nothing.
    pub fn require(&mut self, met: Expr, message: impl FnOnce() -> String) {
        if let Expr::Data(known) = &met
            && known.data().iter().all(|x| *x != 0.0)
        {
            return;
        }
        self.requirements.push(Requirement {
            met,
            message: message(),
        });
    }

    /// Rejects the draws for which `x` is not positive.
    pub fn require_positive(&mut self, x: &Expr, what: &str) {
        let positive = self.less(&0.0.into(), x);
        let (name, known) = (self.name.to_string(), known_value(x));
        self.require(positive, || {
            format!("{name}: {what} is {known}, but must be positive")
        });
    }

    /// Random numbers, where they may be drawn.
    pub fn random(&mut self) -> Result<&mut Streams<'a>, Failure> {
        let name = self.name;
        self.random
            .as_mut()
            .ok_or_else(|| Failure::Wrong(format!("{name}: no random numbers may be drawn here")))
    }

    /// 1 where x < y, else 0.
    pub fn less(&mut self, x: &Expr, y: &Expr) -> Expr {
        let (x, y) = self.aligned(x, y);
        self.graph.binary(Binary::Less, &x, &y)
    }

    /// Both with as many axes: a scalar (in each lane) gets axes of size one behind its lanes.
    pub fn aligned(&mut self, x: &Expr, y: &Expr) -> (Expr, Expr) {
        let rank = self.graph.shape(x).len().max(self.graph.shape(y).len());
        (align(self.graph, x, rank), align(self.graph, y, rank))
    }
}

/// `x` with axes of size one between its lanes and its own axes, up to `rank` axes in all.
pub fn align(graph: &mut Graph, x: &Expr, rank: usize) -> Expr {
    let shape = graph.shape(x);
    if shape.is_empty() || shape.len() >= rank {
        return x.clone();
    }
    let mut longer = Shape::from_slice(&shape[..1]);
    longer.extend(std::iter::repeat_n(1, rank - shape.len()));
    longer.extend_from_slice(&shape[1..]);
    graph.reshape(x, &longer)
}

/// The shape of an elementwise result, or a sentence on why there is none.
pub fn elementwise_shape(graph: &Graph, name: &str, x: &Expr, y: &Expr) -> Result<Shape, Failure> {
    let (xs, ys) = (graph.shape(x), graph.shape(y));
    broadcast_shape(&xs, &ys).ok_or_else(|| {
        Failure::Wrong(format!(
            "{name}: sizes {:?} and {:?} do not match",
            &xs[1..],
            &ys[1..]
        ))
    })
}

fn known_value(x: &Expr) -> String {
    let first = |array: &Array| {
        array
            .data()
            .iter()
            .find(|x| x.is_nan() || **x <= 0.0)
            .copied()
    };
    match x.as_data().and_then(first) {
        Some(value) => value.to_string(),
        None => "not".to_string(),
    }
}
