//! Tensor graphs with static shapes and one axis of draws, their reverse pass, and their execution on Burn.
//!
//! A [`Graph`] is built through its own methods, which fold what is constant, merge what is repeated and
//! simplify as they go. [`Expr`] is what those methods take and return: data on the host, or a node.

mod adjoint;
mod array;
mod build;
mod exec;
pub mod factors;
mod fold;
mod function;
mod graph;
mod linear;
mod masses;
mod op;
mod peephole;
mod program;
mod simplify;
mod solve;
mod special;
mod template;

pub use array::{Array, Shape, broadcast_shape};
pub use function::{Function, RowFunction, Wanted};
pub use graph::{Expr, Graph, InputId, Node, NodeId, SourceId};
pub use masses::{Mass, MassDerivative, inv_phi};
pub use op::{Binary, Index, MatrixFunction, Op, System, Unary};
pub use program::{Options, Precision, Program};
pub use solve::{Equations, Method, Problem, SolveOptions};
pub use special::{
    digamma, lgamma, log_add_exp, log1m_exp, log1p_exp, multiply_log, polygamma, sigmoid, trigamma,
};
pub use template::Template;
