//! Names in scope.

use super::Block;
use crate::hir::{self, Slot};
use crate::syntax::Span;
use crate::types::Type;

/// The variables of a frame (the program's, or one function's) and which of them are visible.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// All variables of the frame by slot.
    pub variables: Vec<hir::Variable>,
    /// By slot: whether the value may depend on parameters.
    depends: Vec<bool>,
    /// What is visible, innermost last.
    visible: Vec<Binding>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub name: String,
    pub slot: Slot,
    pub role: Role,
    /// Where it was declared.
    pub span: Span,
}

/// What kind of variable it is, which decides who may assign to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Declared directly in a program block.
    Global(Block),
    /// Declared between the braces of a function, loop or branch, or in the model block.
    Local,
    LoopVariable,
    Argument,
}

impl Scope {
    /// A place to return to with [`Self::close`].
    pub fn open(&self) -> usize {
        self.visible.len()
    }

    /// Forgets the names declared since `mark`. Their slots remain.
    pub fn close(&mut self, mark: usize) {
        self.visible.truncate(mark);
    }

    /// Adds a variable; `depends` says whether its value may depend on parameters.
    pub fn declare(
        &mut self,
        name: &str,
        type_: Type,
        role: Role,
        depends: bool,
        span: Span,
    ) -> Slot {
        let slot = self.variables.len();
        self.variables.push(hir::Variable {
            name: name.to_string(),
            type_,
        });
        self.depends.push(depends);
        self.visible.push(Binding {
            name: name.to_string(),
            slot,
            role,
            span,
        });
        slot
    }

    pub fn find(&self, name: &str) -> Option<&Binding> {
        self.visible
            .iter()
            .rev()
            .find(|binding| binding.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.visible.iter().map(|binding| binding.name.as_str())
    }

    /// Whether a variable's value may depend on parameters.
    pub fn depends(&self, slot: Slot) -> bool {
        self.depends[slot]
    }
}
