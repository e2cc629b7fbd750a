//! Lanes: the iterations of loops that run together.

use std::sync::{Arc, OnceLock};

use firebrand_graph::Index;

/// A set of lanes. One that a loop or a branch opens remembers the lane of the set around it that each of its own
/// belongs to.
#[derive(Debug)]
pub struct Lanes {
    /// How many run together.
    pub count: usize,
    /// How many sets lie around it.
    pub depth: usize,
    parent: Option<(Arc<Lanes>, Index)>,
    /// Each lane's own number, once it has been asked for.
    own: OnceLock<Index>,
}

impl Lanes {
    /// The one lane outside all loops.
    pub fn root() -> Arc<Self> {
        Arc::new(Lanes {
            count: 1,
            depth: 0,
            parent: None,
            own: OnceLock::new(),
        })
    }

    /// A set inside `parent`: lane `i` of it belongs to lane `origin[i]` there.
    pub fn inside(parent: &Arc<Lanes>, origin: Vec<u32>) -> Arc<Self> {
        Arc::new(Lanes {
            count: origin.len(),
            depth: parent.depth + 1,
            parent: Some((Arc::clone(parent), origin.into())),
            own: OnceLock::new(),
        })
    }

    /// For each lane, the lane that it belongs to in the set at `depth`, which must lie around this one or be it.
    pub fn origin_at(self: &Arc<Self>, depth: usize) -> Index {
        match &self.parent {
            Some((parent, origin)) if self.depth > depth => {
                if parent.depth == depth {
                    return origin.clone();
                }
                let outer = parent.origin_at(depth);
                origin.iter().map(|lane| outer[*lane as usize]).collect()
            }
            _ => Index::clone(self.own.get_or_init(|| (0..self.count as u32).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_compose() {
        let root = Lanes::root();
        let outer = Lanes::inside(&root, vec![0, 0]);
        let inner = Lanes::inside(&outer, vec![0, 0, 1, 1, 1]);
        assert_eq!(*inner.origin_at(1), [0, 0, 1, 1, 1]);
        assert_eq!(*inner.origin_at(0), [0; 5]);
        assert_eq!(*inner.origin_at(2), [0, 1, 2, 3, 4]);
    }
}
