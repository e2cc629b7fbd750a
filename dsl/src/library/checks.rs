//! Where the arguments of a function must lie, or the draw is rejected.

use firebrand_graph::{Array, Binary, Expr, Graph, NodeId, Op, Unary};

use super::call::Call;

/// An argument of a distribution: its name in messages, and where it must lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    pub(crate) what: &'static str,
    pub(crate) domain: Domain,
}

/// Where an argument must lie, or the draw is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    NotNan,
    Finite,
    Positive,
    PositiveFinite,
    Nonnegative,
    /// 0 to 1, both included
    Probability,
    /// 0 to 1, both excluded
    OpenUnit,
    /// 0 or 1
    Binary,
}

const fn argument(what: &'static str, domain: Domain) -> Argument {
    Argument { what, domain }
}

pub(crate) const fn not_nan(what: &'static str) -> Argument {
    argument(what, Domain::NotNan)
}

pub(crate) const fn finite(what: &'static str) -> Argument {
    argument(what, Domain::Finite)
}

pub(crate) const fn positive(what: &'static str) -> Argument {
    argument(what, Domain::Positive)
}

pub(crate) const fn positive_finite(what: &'static str) -> Argument {
    argument(what, Domain::PositiveFinite)
}

pub(crate) const fn nonnegative(what: &'static str) -> Argument {
    argument(what, Domain::Nonnegative)
}

pub(crate) const fn probability(what: &'static str) -> Argument {
    argument(what, Domain::Probability)
}

pub(crate) const fn open_unit(what: &'static str) -> Argument {
    argument(what, Domain::OpenUnit)
}

pub(crate) const fn binary(what: &'static str) -> Argument {
    argument(what, Domain::Binary)
}

impl Domain {
    pub(crate) fn holds(self, x: f64) -> bool {
        match self {
            Domain::NotNan => !x.is_nan(),
            Domain::Finite => x.is_finite(),
            Domain::Positive => x > 0.0,
            Domain::PositiveFinite => x > 0.0 && x.is_finite(),
            Domain::Nonnegative => x >= 0.0,
            Domain::Probability => (0.0..=1.0).contains(&x),
            Domain::OpenUnit => x > 0.0 && x < 1.0,
            Domain::Binary => x == 0.0 || x == 1.0,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Domain::NotNan => "not nan",
            Domain::Finite => "finite",
            Domain::Positive => "positive",
            Domain::PositiveFinite => "positive finite",
            Domain::Nonnegative => "nonnegative",
            Domain::Probability => "in the interval [0, 1]",
            Domain::OpenUnit => "in the interval (0, 1)",
            Domain::Binary => "0 or 1",
        }
    }

    /// The bounds to test where the value is not known yet: lower, upper, and whether they are included. What is not
    /// finite needs no test: the density is not finite then, and the draw is rejected for that.
    fn bounds(self) -> (Option<f64>, Option<f64>, bool) {
        match self {
            Domain::NotNan | Domain::Finite => (None, None, true),
            Domain::Positive | Domain::PositiveFinite => (Some(0.0), None, false),
            Domain::Nonnegative => (Some(0.0), None, true),
            Domain::Probability | Domain::Binary => (Some(0.0), Some(1.0), true),
            Domain::OpenUnit => (Some(0.0), Some(1.0), false),
        }
    }
}

impl Call<'_> {
    /// Rejects the draws for which `x` lies elsewhere than the argument must.
    pub(crate) fn check(&mut self, x: &Expr, argument: Argument) {
        let Argument { what, domain } = argument;
        let (name, words) = (self.name, domain.words());
        if let Expr::Data(known) = x {
            if let Some(i) = known.data().iter().position(|x| !domain.holds(*x)) {
                let position = if known.shape().len() > 1 {
                    format!("[{}]", i % known.shape()[1] + 1)
                } else {
                    String::new()
                };
                let value = known.data()[i];
                // Lane by lane: what is wrong in one is not in the others.
                let holds = known.data().iter().map(|x| f64::from(domain.holds(*x)));
                let met = Array::new(known.shape(), holds.collect());
                self.require(met.into(), || {
                    format!("{name}: {what}{position} is {value}, but must be {words}")
                });
            }
            return;
        }
        let (lower, upper, included) = domain.bounds();
        let (least, most) = range(self.graph, x);
        let tests = [
            lower
                .filter(|lower| least < *lower)
                .map(|lower| (Expr::scalar(lower), x.clone())),
            upper
                .filter(|upper| most > *upper)
                .map(|upper| (x.clone(), Expr::scalar(upper))),
        ];
        for (smaller, larger) in tests.into_iter().flatten() {
            let kind = if included {
                Binary::LessEqual
            } else {
                Binary::Less
            };
            let met = self.graph.binary(kind, &smaller, &larger);
            self.require(met, || format!("{name}: {what} must be {words}"));
        }
    }
}

/// Bounds that a value keeps whatever the parameters are, as far as the operations that made it tell. A value that
/// underflows to a bound is taken to be within: its density is not finite then.
pub(crate) fn range(graph: &Graph, x: &Expr) -> (f64, f64) {
    match x {
        Expr::Data(known) => range_of(known),
        Expr::Node(node) => range_of_node(graph, *node, 12),
    }
}

const ANYWHERE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn range_of(known: &Array) -> (f64, f64) {
    if known.data().iter().any(|x| x.is_nan()) {
        return ANYWHERE;
    }
    known
        .data()
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| {
            (least.min(*x), most.max(*x))
        })
}

/// By as many operations as `depth` says.
fn range_of_node(graph: &Graph, node: NodeId, depth: u32) -> (f64, f64) {
    let Some(depth) = depth.checked_sub(1) else {
        return ANYWHERE;
    };
    let of = |x: NodeId| range_of_node(graph, x, depth);
    match &graph.node(node).op {
        // A known zero is one, and no underflow.
        Op::Const(known) if known.data().contains(&0.0) => ANYWHERE,
        Op::Const(known) => range_of(known),
        Op::Unary(Unary::Sigmoid, _) => (0.0, 1.0),
        Op::Unary(Unary::Exp | Unary::Sqrt | Unary::Square | Unary::Abs | Unary::Log1pExp, _) => {
            (0.0, f64::INFINITY)
        }
        Op::Reshape(x)
        | Op::Broadcast(x)
        | Op::Gather(x, _)
        | Op::Slice { x, .. }
        | Op::Permute(x, _) => of(*x),
        Op::Concat(parts, _) => parts.iter().map(|part| of(*part)).fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(least, most), (lower, upper)| (least.min(lower), most.max(upper)),
        ),
        Op::Binary(kind, x, y) => {
            let (x, y) = (of(*x), of(*y));
            let both_nonnegative = x.0 >= 0.0 && y.0 >= 0.0;
            match kind {
                Binary::Add if both_nonnegative => (x.0 + y.0, f64::INFINITY),
                Binary::Mul if both_nonnegative && x.1 <= 1.0 && y.1 <= 1.0 => (0.0, 1.0),
                Binary::Mul | Binary::Div if both_nonnegative => (0.0, f64::INFINITY),
                // 1 - p
                Binary::Sub if x == (1.0, 1.0) && y.0 >= 0.0 && y.1 <= 1.0 => (0.0, 1.0),
                _ => ANYWHERE,
            }
        }
        _ => ANYWHERE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_operations_keep_positive_needs_no_test() {
        let mut graph = Graph::new();
        let x = graph.input(3, true);
        assert_eq!(range(&graph, &x), ANYWHERE);
        let scale = graph.exp(&x);
        assert_eq!(range(&graph, &scale), (0.0, f64::INFINITY));
        let first = graph.slice(&scale, 0, 0, 1);
        let product = graph.mul(&first, &scale);
        let shifted = graph.add_scalar(&product, 2.0);
        assert_eq!(range(&graph, &shifted), (2.0, f64::INFINITY));
        let difference = graph.sub(&scale, &first);
        assert_eq!(range(&graph, &difference), ANYWHERE);
    }

    #[test]
    fn probabilities_stay_between_0_and_1() {
        let mut graph = Graph::new();
        let x = graph.input(3, true);
        let p = graph.unary(Unary::Sigmoid, &x);
        let other = graph.sub(&1.0.into(), &p);
        let both = graph.mul(&p, &other);
        for x in [p, other, both] {
            assert_eq!(range(&graph, &x), (0.0, 1.0));
        }
    }

    #[test]
    fn what_is_not_a_number_has_no_bounds() {
        assert_eq!(range(&Graph::new(), &f64::NAN.into()), ANYWHERE);
    }
}
