//! Indices, and the places that assignments write to.

use super::scope::Role;
use super::{Block, Checker, unknown};
use crate::diagnostics::Diagnostic;
use crate::hir::{self, ExpressionKind, Index};
use crate::syntax::{Span, ast};
use crate::types::Type;

/// What indices select from a value, or how many indices it takes when there are too many.
fn indexed_type(base: &Type, indices: &[Index]) -> Result<Type, usize> {
    let single = |index: &Index| matches!(index, Index::Single(_));
    match base {
        Type::Unknown => Ok(Type::Unknown),
        Type::Array {
            element,
            dimensions,
        } => {
            let (own, rest) = indices.split_at(indices.len().min(*dimensions));
            let left = dimensions - own.iter().filter(|index| single(index)).count();
            let inner = indexed_type(element, rest).map_err(|taken| dimensions + taken)?;
            Ok(inner.array_of(left))
        }
        Type::Matrix => match indices {
            [] => Ok(Type::Matrix),
            [row] => Ok(if single(row) {
                Type::RowVector
            } else {
                Type::Matrix
            }),
            [row, column] => Ok(match (single(row), single(column)) {
                (true, true) => Type::Real,
                (true, false) => Type::RowVector,
                (false, true) => Type::Vector,
                (false, false) => Type::Matrix,
            }),
            _ => Err(2),
        },
        Type::Vector | Type::RowVector => match indices {
            [] => Ok(base.clone()),
            [index] => Ok(if single(index) {
                Type::Real
            } else {
                base.clone()
            }),
            _ => Err(1),
        },
        _ if indices.is_empty() => Ok(base.clone()),
        _ => Err(0),
    }
}

impl Checker {
    pub(super) fn index_expression(
        &mut self,
        base: hir::Expression,
        indices: &[ast::Index],
        span: Span,
    ) -> hir::Expression {
        let indices = self.indices(indices);
        match self.select(&base.type_, &indices, span) {
            Type::Unknown => unknown(span),
            type_ => hir::Expression {
                kind: ExpressionKind::indexed(base, indices),
                type_,
                span,
            },
        }
    }

    fn indices(&mut self, indices: &[ast::Index]) -> Vec<Index> {
        indices.iter().map(|index| self.index(index)).collect()
    }

    fn index(&mut self, index: &ast::Index) -> Index {
        match index {
            ast::Index::Single(index) => {
                let index = self.expression(index);
                match &index.type_ {
                    Type::Int | Type::Unknown => Index::Single(index),
                    type_ if *type_ == Type::Int.array() => Index::Multiple(index),
                    type_ => {
                        let diagnostic =
                            Diagnostic::error(index.span, "an index is an int or an array of ints")
                                .label(format!("found `{type_}`"));
                        Index::Single(self.wrong(diagnostic, index.span))
                    }
                }
            }
            ast::Index::Slice { first, last, .. } => {
                let mut end = |end: &Option<ast::Expr>| {
                    end.as_ref()
                        .map(|end| self.int_expression(end, "the end of a range"))
                };
                Index::Range(end(first), end(last))
            }
        }
    }

    fn select(&mut self, base: &Type, indices: &[Index], span: Span) -> Type {
        indexed_type(base, indices).unwrap_or_else(|taken| {
            let message = match taken {
                0 => format!("a value of type `{base}` has no index"),
                1 => format!("a value of type `{base}` has one index"),
                n => format!("a value of type `{base}` has {n} indices"),
            };
            self.report(Diagnostic::error(span, message).label(format!("found {}", indices.len())));
            Type::Unknown
        })
    }

    /// What an assignment writes to; `None` if it was refused.
    pub(super) fn place(&mut self, target: &ast::LValue) -> Option<hir::Place> {
        match &target.kind {
            ast::LValueKind::Variable(name) => {
                let slot = self.assignable(name)?;
                let type_ = self.scope.variables[slot].type_.clone();
                Some(hir::Place {
                    slot,
                    indices: Vec::new(),
                    type_,
                    span: target.span,
                })
            }
            ast::LValueKind::Index { base, indices } => {
                let place = self.place(base);
                let indices = self.indices(indices);
                let mut place = place?;
                if place
                    .indices
                    .iter()
                    .any(|index| !matches!(index, Index::Single(_)))
                {
                    let construct = "assignment to an index of a selection";
                    self.report(
                        Diagnostic::unsupported(target.span, construct)
                            .label("indexed again here")
                            .help("write all indices into one pair of brackets"),
                    );
                    return None;
                }
                place.type_ = self.select(&place.type_, &indices, target.span);
                place.indices.extend(indices);
                place.span = target.span;
                Some(place)
            }
            ast::LValueKind::Project { .. } | ast::LValueKind::Tuple(_) => {
                self.unsupported(target.span, "tuples");
                None
            }
        }
    }

    /// The slot of a variable that may be assigned to here.
    fn assignable(&mut self, name: &ast::Ident) -> Option<hir::Slot> {
        let Some(binding) = self.scope.find(&name.name).cloned() else {
            let diagnostic = self.no_variable(name);
            self.report(diagnostic);
            return None;
        };
        let text = &name.name;
        let (problem, help) = match binding.role {
            Role::Local => return Some(binding.slot),
            Role::Global(block) if block == self.context.block => return Some(binding.slot),
            Role::Global(Block::Data) => {
                (format!("`{text}` is data and cannot be assigned to"), None)
            }
            Role::Global(Block::Parameters) => (
                format!("`{text}` is a parameter and cannot be assigned to"),
                None,
            ),
            Role::Global(block) => {
                let block = block.name();
                (
                    format!("`{text}` can be assigned to in the `{block}` block only"),
                    None,
                )
            }
            Role::LoopVariable => (
                format!("the loop variable `{text}` cannot be assigned to"),
                None,
            ),
            Role::Argument => (
                format!("the argument `{text}` cannot be assigned to"),
                Some("copy it to a local variable first"),
            ),
        };
        let mut diagnostic = Diagnostic::error(name.span, problem)
            .label("assigned to here")
            .related(binding.span, "declared here");
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Index {
        Index::Single(unknown(Span::default()))
    }

    fn many() -> Index {
        Index::Range(None, None)
    }

    #[test]
    fn a_single_index_removes_an_axis_and_a_range_keeps_it() {
        let array = Type::Matrix.array_of(2);
        let selected = |indices: &[Index]| indexed_type(&array, indices);
        assert_eq!(selected(&[]), Ok(array.clone()));
        assert_eq!(selected(&[one()]), Ok(Type::Matrix.array()));
        assert_eq!(selected(&[many(), one()]), Ok(Type::Matrix.array()));
        assert_eq!(selected(&[one(), one(), one()]), Ok(Type::RowVector));
        assert_eq!(selected(&[one(), one(), many(), one()]), Ok(Type::Vector));
        assert_eq!(
            selected(&[many(), one(), one(), one()]),
            Ok(Type::Real.array())
        );
        assert_eq!(selected(&[one(), one(), one(), one(), one()]), Err(4));
        assert_eq!(indexed_type(&Type::Real, &[one()]), Err(0));
    }
}
