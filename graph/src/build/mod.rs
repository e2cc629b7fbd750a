//! The methods that build a graph. Each folds what is known, and takes the simplest form of what is not.

mod arrange;
mod elementwise;
mod function;
mod linear;
mod reduce;
mod solve;

use crate::{Graph, NodeId, Shape};

/// What a new node inherits from its argument.
struct Facts {
    shape: Shape,
    batched: bool,
}

impl Graph {
    fn facts(&self, node: NodeId) -> Facts {
        let node = self.node(node);
        Facts {
            shape: node.shape.clone(),
            batched: node.batched,
        }
    }
}
