//! Declarations: sizes, constraints, and names that may be declared.

use super::scope::Role;
use super::{Block, Checker};
use crate::diagnostics::Diagnostic;
use crate::hir::{self, Constraint, Element, SizedType, Slot};
use crate::syntax::ast::{self, BaseType};
use crate::types::Type;

/// Names that Stan keeps for itself.
const RESERVED: [&str; 15] = [
    "generated",
    "quantities",
    "transformed",
    "repeat",
    "until",
    "then",
    "true",
    "false",
    "typedef",
    "struct",
    "var",
    "export",
    "extern",
    "static",
    "auto",
];

impl Checker {
    /// One declaration for each name; gives the declarations with their values.
    pub(super) fn declarations(
        &mut self,
        ty: &ast::DeclType,
        names: &[ast::Declarator],
    ) -> Vec<(hir::Declaration, Option<hir::Expression>)> {
        let (type_, sized) = self.declared_type(ty);
        let mut declarations = Vec::new();
        for declarator in names {
            let value = declarator
                .value
                .as_ref()
                .map(|value| self.expression(value));
            let slot = self.declare_variable(&declarator.name, type_.clone());
            if let Some(value) = &value {
                self.check_assigned(
                    &type_,
                    value,
                    &declarator.name.name,
                    Some(declarator.name.span),
                );
            }
            if let Some(sized) = &sized {
                let name = declarator.name.name.clone();
                let span = declarator.name.span;
                declarations.push((
                    hir::Declaration {
                        slot,
                        name,
                        type_: sized.clone(),
                        span,
                    },
                    value,
                ));
            }
        }
        declarations
    }

    /// Brings a declared variable into scope.
    pub(super) fn declare_variable(&mut self, name: &ast::Ident, type_: Type) -> Slot {
        let block = self.context.block;
        let global = self.context.top_level && block != Block::Model;
        let role = if global {
            Role::Global(block)
        } else {
            Role::Local
        };
        let known = matches!(
            block,
            Block::Data | Block::TransformedData | Block::GeneratedQuantities
        );
        let depends = !known && type_.scalar() != Type::Int;
        self.declare(name, type_, role, depends)
    }

    /// Brings a name into scope, if it is free.
    pub(super) fn declare(
        &mut self,
        name: &ast::Ident,
        type_: Type,
        role: Role,
        depends: bool,
    ) -> Slot {
        self.check_name(name);
        if let Some(earlier) = self.scope.find(&name.name) {
            let diagnostic =
                Diagnostic::error(name.span, format!("`{}` is already declared", name.name))
                    .label("declared again here")
                    .related(earlier.span, "declared here");
            self.report(diagnostic);
        } else if role != Role::Argument
            && self
                .functions
                .iter()
                .any(|function| function.name == name.name)
        {
            let message = format!("`{}` is already the name of a function", name.name);
            self.report(Diagnostic::error(name.span, message).label("declared again here"));
        }
        self.scope
            .declare(&name.name, type_, role, depends, name.span)
    }

    pub(super) fn check_name(&mut self, name: &ast::Ident) {
        if RESERVED.contains(&name.name.as_str()) {
            let message = format!("`{}` is a reserved word", name.name);
            self.report(Diagnostic::error(name.span, message).label("cannot be a name"));
        }
    }

    /// The type of a declaration, and that type with its sizes unless it was refused.
    fn declared_type(&mut self, ty: &ast::DeclType) -> (Type, Option<SizedType>) {
        let array: Vec<_> = ty.array_sizes.iter().map(|size| self.size(size)).collect();
        let ast::DeclElement::Base {
            base,
            constraint,
            sizes,
        } = &ty.element
        else {
            self.unsupported(ty.span, "tuples");
            return (Type::Unknown, None);
        };
        let sizes: Vec<_> = sizes.iter().map(|size| self.size(size)).collect();
        let Some((type_, element, built_in)) = element(*base, sizes) else {
            self.unsupported(ty.span, unsupported_type(*base));
            return (Type::Unknown, None);
        };
        let parameter = matches!(
            self.context.block,
            Block::Parameters | Block::TransformedParameters
        );
        if self.context.top_level && parameter && type_ == Type::Int {
            let block = self.context.block.name();
            self.report(
                Diagnostic::error(
                    ty.span,
                    format!("variables of the `{block}` block cannot be ints"),
                )
                .label("declared as int")
                .note("the log density must be differentiable in its parameters"),
            );
        }
        let type_ = type_.array_of(array.len());
        let constraint = match constraint {
            ast::Constraint::None => built_in,
            ast::Constraint::Bounds { lower, upper, .. } => Constraint::Bounds {
                lower: self.bound(lower.as_deref(), &type_, "the lower bound"),
                upper: self.bound(upper.as_deref(), &type_, "the upper bound"),
            },
            ast::Constraint::Affine {
                offset, multiplier, ..
            } => Constraint::Affine {
                offset: self.bound(offset.as_deref(), &type_, "the offset"),
                multiplier: self.bound(multiplier.as_deref(), &type_, "the multiplier"),
            },
        };
        (
            type_,
            Some(SizedType {
                array,
                element,
                constraint,
            }),
        )
    }

    /// A size: an int, and in the declarations of a block one that is known from data.
    fn size(&mut self, size: &ast::Expr) -> hir::Expression {
        let size = self.int_expression(size, "a size");
        if self.context.top_level && self.context.block != Block::Model && !self.is_data_only(&size)
        {
            self.report(
                Diagnostic::error(
                    size.span,
                    "the sizes of a block's variables must be known from data",
                )
                .label("depends on parameters"),
            );
        }
        size
    }

    /// A bound, offset or multiplier of a variable of type `declared`: a number, or a container
    /// of the same shape.
    fn bound(
        &mut self,
        bound: Option<&ast::Expr>,
        declared: &Type,
        what: &str,
    ) -> Option<hir::Expression> {
        let bound = self.expression(bound?);
        let scalar = bound.type_.is_scalar();
        let fits =
            scalar || bound.type_ == Type::Unknown || bound.type_.promoted() == declared.promoted();
        let expected = if declared.is_scalar() {
            "a number".to_string()
        } else {
            format!("a number or `{declared}`")
        };
        if !fits {
            self.report(
                Diagnostic::error(bound.span, format!("{what} does not fit the variable"))
                    .label(format!("found `{}`, expected {expected}", bound.type_)),
            );
        } else if declared.scalar() == Type::Int && bound.type_.scalar() == Type::Real {
            self.report(
                Diagnostic::error(bound.span, format!("{what} of an int must be an int"))
                    .label(format!("found `{}`", bound.type_)),
            );
        }
        Some(bound)
    }

    /// Checks that a value can be assigned to something of type `expected`, called `name`.
    pub(super) fn check_assigned(
        &mut self,
        expected: &Type,
        value: &hir::Expression,
        name: &str,
        declared: Option<crate::syntax::Span>,
    ) {
        if value.type_.converts_to(expected) {
            return;
        }
        let message = format!(
            "a value of type `{}` cannot be assigned to `{name}`",
            value.type_
        );
        let mut diagnostic = Diagnostic::error(value.span, message)
            .label(format!("found `{}`, expected `{expected}`", value.type_));
        if let Some(span) = declared {
            diagnostic = diagnostic.related(span, format!("declared as `{expected}`"));
        }
        self.report(match (&value.type_, expected) {
            (Type::RowVector, Type::Vector) | (Type::Vector, Type::RowVector) => {
                diagnostic.help("transpose it with `'`")
            }
            _ => diagnostic,
        });
    }

    /// The type of a function's argument or result.
    pub(super) fn unsized_type(&mut self, ty: &ast::UnsizedType) -> Type {
        let base = match &ty.element {
            ast::UnsizedElement::Tuple(_) => None,
            ast::UnsizedElement::Base(base) => match base {
                BaseType::Int => Some(Type::Int),
                BaseType::Real => Some(Type::Real),
                BaseType::Vector => Some(Type::Vector),
                BaseType::RowVector => Some(Type::RowVector),
                BaseType::Matrix => Some(Type::Matrix),
                _ => None,
            },
        };
        match base {
            Some(base) => base.array_of(ty.array_rank),
            None => {
                let construct = match &ty.element {
                    ast::UnsizedElement::Tuple(_) => "tuples",
                    ast::UnsizedElement::Base(base) => unsupported_type(*base),
                };
                self.unsupported(ty.span, construct);
                Type::Unknown
            }
        }
    }
}

/// What a declared type is, what it holds, and the constraint in its name; `None` for types that
/// are not supported. There are as many sizes as [`BaseType::sizes`] allows.
fn element(base: BaseType, sizes: Vec<hir::Expression>) -> Option<(Type, Element, Constraint)> {
    let mut sizes = sizes.into_iter();
    let constraint = match base {
        BaseType::Int => return Some((Type::Int, Element::Int, Constraint::None)),
        BaseType::Real => return Some((Type::Real, Element::Real, Constraint::None)),
        BaseType::Vector | BaseType::RowVector | BaseType::Matrix => Constraint::None,
        BaseType::Ordered => Constraint::Ordered,
        BaseType::PositiveOrdered => Constraint::PositiveOrdered,
        BaseType::Simplex => Constraint::Simplex,
        BaseType::UnitVector => Constraint::UnitVector,
        BaseType::SumToZeroVector => Constraint::SumToZero,
        BaseType::CholeskyFactorCorr => Constraint::CholeskyFactorCorr,
        BaseType::CholeskyFactorCov => Constraint::CholeskyFactorCov,
        BaseType::CorrMatrix => Constraint::CorrMatrix,
        BaseType::CovMatrix => Constraint::CovMatrix,
        BaseType::ColumnStochasticMatrix => Constraint::ColumnStochastic,
        BaseType::RowStochasticMatrix => Constraint::RowStochastic,
        BaseType::SumToZeroMatrix
        | BaseType::Complex
        | BaseType::ComplexVector
        | BaseType::ComplexRowVector
        | BaseType::ComplexMatrix => return None,
    };
    let first = sizes.next()?;
    let (type_, element) = match base {
        BaseType::RowVector => (Type::RowVector, Element::RowVector(first)),
        BaseType::Matrix
        | BaseType::CholeskyFactorCorr
        | BaseType::CholeskyFactorCov
        | BaseType::CorrMatrix
        | BaseType::CovMatrix
        | BaseType::ColumnStochasticMatrix
        | BaseType::RowStochasticMatrix => {
            // One size stands for a square matrix.
            let columns = sizes.next().unwrap_or_else(|| first.clone());
            (Type::Matrix, Element::Matrix(first, columns))
        }
        _ => (Type::Vector, Element::Vector(first)),
    };
    Some((type_, element, constraint))
}

fn unsupported_type(base: BaseType) -> &'static str {
    match base {
        BaseType::SumToZeroMatrix => "the type `sum_to_zero_matrix`",
        _ => "complex numbers",
    }
}
