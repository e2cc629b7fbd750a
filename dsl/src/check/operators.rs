//! The types that operators take and give.

use super::Checker;
use crate::diagnostics::Diagnostic;
use crate::hir::{self, BinaryOp, ExpressionKind, UnaryOp};
use crate::syntax::{Span, ast};
use crate::types::Type;

/// What an operator gives for operands of these types, if it takes them.
pub(super) fn binary_type(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Int, Matrix, Real, RowVector, Vector};
    if *left == Type::Unknown || *right == Type::Unknown {
        return Some(Type::Unknown);
    }
    let scalars = left.is_scalar() && right.is_scalar();
    let ints = *left == Int && *right == Int;
    let numeric = |t: &Type| t.is_scalar() || matches!(t, Vector | RowVector | Matrix);
    // Element by element: equal containers, or one of them a scalar.
    let elementwise = || match (left, right) {
        _ if ints => Some(Int),
        _ if scalars => Some(Real),
        (a, b) if !numeric(a) || !numeric(b) => None,
        (a, b) if a == b || b.is_scalar() => Some(a.clone()),
        (a, b) if a.is_scalar() => Some(b.clone()),
        _ => None,
    };
    match op {
        BinaryOp::Add
        | BinaryOp::Subtract
        | BinaryOp::ElementMultiply
        | BinaryOp::ElementDivide => elementwise(),
        BinaryOp::Multiply => match (left, right) {
            (Vector, RowVector) => Some(Matrix),
            (RowVector, Vector) => Some(Real),
            (RowVector, Matrix) => Some(RowVector),
            (Matrix, Vector) => Some(Vector),
            (Vector, Vector) | (RowVector, RowVector) => None,
            _ => elementwise(),
        },
        BinaryOp::Divide => match (left, right) {
            (RowVector | Matrix, Matrix) => Some(left.clone()),
            (Vector, Vector) | (RowVector, RowVector) => None,
            _ => elementwise(),
        },
        BinaryOp::LeftDivide => match (left, right) {
            (Matrix, Vector | Matrix) => Some(right.clone()),
            _ => None,
        },
        BinaryOp::IntDivide | BinaryOp::Modulo => ints.then_some(Int),
        BinaryOp::Power | BinaryOp::ElementPower => power_type(left, right),
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual => scalars.then_some(Int),
    }
}

/// Powers are real, and go through arrays too.
fn power_type(left: &Type, right: &Type) -> Option<Type> {
    if !matches!(left.scalar(), Type::Int | Type::Real)
        || !matches!(right.scalar(), Type::Int | Type::Real)
    {
        return None;
    }
    match (left.promoted(), right.promoted()) {
        (left, right) if left == right || right.is_scalar() => Some(left),
        (left, right) if left.is_scalar() => Some(right),
        _ => None,
    }
}

fn unary_type(op: UnaryOp, operand: &Type) -> Option<Type> {
    let real = || matches!(operand.scalar(), Type::Int | Type::Real).then(|| operand.clone());
    match (op, operand) {
        (_, Type::Unknown) => Some(Type::Unknown),
        (UnaryOp::Not, Type::Int) => Some(Type::Int),
        (UnaryOp::Not, _) => None,
        (UnaryOp::Minus | UnaryOp::Plus, _) => real(),
        (UnaryOp::Transpose, Type::Vector) => Some(Type::RowVector),
        (UnaryOp::Transpose, Type::RowVector) => Some(Type::Vector),
        (UnaryOp::Transpose, Type::Matrix) => Some(Type::Matrix),
        (UnaryOp::Transpose, _) => None,
    }
}

/// The operator of the checked program; `None` for `&&` and `||`, which are no functions.
pub(super) fn binary_op(op: ast::BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        ast::BinaryOp::Or | ast::BinaryOp::And => return None,
        ast::BinaryOp::Equal => BinaryOp::Equal,
        ast::BinaryOp::NotEqual => BinaryOp::NotEqual,
        ast::BinaryOp::Less => BinaryOp::Less,
        ast::BinaryOp::LessEqual => BinaryOp::LessEqual,
        ast::BinaryOp::Greater => BinaryOp::Greater,
        ast::BinaryOp::GreaterEqual => BinaryOp::GreaterEqual,
        ast::BinaryOp::Add => BinaryOp::Add,
        ast::BinaryOp::Subtract => BinaryOp::Subtract,
        ast::BinaryOp::Multiply => BinaryOp::Multiply,
        ast::BinaryOp::Divide => BinaryOp::Divide,
        ast::BinaryOp::IntegerDivide => BinaryOp::IntDivide,
        ast::BinaryOp::Modulo => BinaryOp::Modulo,
        ast::BinaryOp::ElementMultiply => BinaryOp::ElementMultiply,
        ast::BinaryOp::ElementDivide => BinaryOp::ElementDivide,
        ast::BinaryOp::LeftDivide => BinaryOp::LeftDivide,
        ast::BinaryOp::Power => BinaryOp::Power,
        ast::BinaryOp::ElementPower => BinaryOp::ElementPower,
    })
}

impl Checker {
    pub(super) fn unary(
        &mut self,
        op: UnaryOp,
        symbol: &str,
        operand: hir::Expression,
        span: Span,
    ) -> hir::Expression {
        match unary_type(op, &operand.type_) {
            Some(type_) => hir::Expression {
                kind: ExpressionKind::Unary(op, Box::new(operand)),
                type_,
                span,
            },
            None => {
                let takes = match op {
                    UnaryOp::Not => "an int",
                    UnaryOp::Minus | UnaryOp::Plus => "numbers, or a container of them",
                    UnaryOp::Transpose => "a vector, row_vector or matrix",
                };
                let message = format!("`{symbol}` cannot be applied to this");
                let diagnostic = Diagnostic::error(span, message)
                    .label(format!("found `{}`, expected {takes}", operand.type_));
                self.wrong(diagnostic, span)
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        op: ast::BinaryOp,
        op_span: Span,
        left: hir::Expression,
        right: hir::Expression,
    ) -> hir::Expression {
        let span = left.span.to(right.span);
        let Some(function) = binary_op(op) else {
            return self.logical(op, left, right, span);
        };
        match binary_type(function, &left.type_, &right.type_) {
            Some(type_) => {
                if function == BinaryOp::Divide && type_ == Type::Int {
                    self.report(rounded_division(span));
                }
                let kind = ExpressionKind::Binary(function, Box::new(left), Box::new(right));
                hir::Expression { kind, type_, span }
            }
            None => {
                let diagnostic = mismatch(op, op_span, function, &left, &right);
                self.wrong(diagnostic, span)
            }
        }
    }

    fn logical(
        &mut self,
        op: ast::BinaryOp,
        left: hir::Expression,
        right: hir::Expression,
        span: Span,
    ) -> hir::Expression {
        for side in [&left, &right] {
            if !matches!(side.type_, Type::Int | Type::Unknown) {
                let message = format!("`{}` combines conditions, which are ints", op.symbol());
                let diagnostic = Diagnostic::error(side.span, message)
                    .label(format!("found `{}`, expected `int`", side.type_));
                self.report(diagnostic);
            }
        }
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match op {
            ast::BinaryOp::And => ExpressionKind::And(left, right),
            _ => ExpressionKind::Or(left, right),
        };
        hir::Expression {
            kind,
            type_: Type::Int,
            span,
        }
    }
}

fn rounded_division(span: Span) -> Diagnostic {
    Diagnostic::warning(span, "the quotient of two ints is rounded towards zero")
        .label("both sides are ints")
        .help("write `%/%` if that is meant, or make one side real: `1.0 * n / m`")
}

fn mismatch(
    op: ast::BinaryOp,
    op_span: Span,
    function: BinaryOp,
    left: &hir::Expression,
    right: &hir::Expression,
) -> Diagnostic {
    let symbol = op.symbol();
    let message = format!(
        "`{symbol}` cannot combine `{}` and `{}`",
        left.type_, right.type_
    );
    let mut diagnostic = Diagnostic::error(op_span, message)
        .related(left.span, format!("this is `{}`", left.type_))
        .related(right.span, format!("this is `{}`", right.type_));
    let types = [
        Type::Int,
        Type::Real,
        Type::Vector,
        Type::RowVector,
        Type::Matrix,
    ];
    let accepted: Vec<String> = types
        .iter()
        .filter(|right| binary_type(function, &left.type_, right).is_some())
        .map(|right| format!("`{right}`"))
        .collect();
    if !accepted.is_empty() {
        let list = accepted.join(", ");
        diagnostic = diagnostic.note(format!("after `{} {symbol}` can stand {list}", left.type_));
    }
    let elementwise = binary_type(BinaryOp::ElementMultiply, &left.type_, &right.type_).is_some();
    match function {
        BinaryOp::Multiply if elementwise => diagnostic
            .help("write `.*` to multiply element by element, or transpose one side with `'`"),
        BinaryOp::Divide if elementwise => {
            diagnostic.help("write `./` to divide element by element")
        }
        BinaryOp::IntDivide => diagnostic.help("write `/` to divide reals"),
        _ => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type::{Int, Matrix, Real, RowVector, Vector};

    #[test]
    fn products_are_those_of_linear_algebra() {
        let product = |a, b| binary_type(BinaryOp::Multiply, &a, &b);
        assert_eq!(product(RowVector, Vector), Some(Real));
        assert_eq!(product(Vector, RowVector), Some(Matrix));
        assert_eq!(product(Matrix, Vector), Some(Vector));
        assert_eq!(product(RowVector, Matrix), Some(RowVector));
        assert_eq!(product(Matrix, Matrix), Some(Matrix));
        assert_eq!(product(Int, Vector), Some(Vector));
        assert_eq!(product(Vector, Vector), None);
        assert_eq!(product(Vector, Matrix), None);
        assert_eq!(product(Real.array(), Real), None);
    }

    #[test]
    fn ints_stay_ints_except_in_powers() {
        assert_eq!(binary_type(BinaryOp::Divide, &Int, &Int), Some(Int));
        assert_eq!(binary_type(BinaryOp::Add, &Int, &Real), Some(Real));
        assert_eq!(binary_type(BinaryOp::Power, &Int, &Int), Some(Real));
        assert_eq!(
            binary_type(BinaryOp::ElementPower, &Int.array(), &Int),
            Some(Real.array())
        );
        assert_eq!(binary_type(BinaryOp::Modulo, &Int, &Real), None);
    }
}
