//! Declarations as a model's text has them.

use firebrand::dsl::hir::{Constraint, Element, Expression, SizedType};
use firebrand::dsl::syntax::SourceMap;

/// A type with its constraint and sizes, such as `array[J] vector<lower=0>[K]`; expressions as they stand in the text.
pub fn type_text(type_: &SizedType, sources: &SourceMap) -> String {
    let text = |expression: &Expression| sources.slice(expression.span).to_string();
    let array: Vec<String> = type_.array.iter().map(text).collect();
    let array = if array.is_empty() {
        String::new()
    } else {
        format!("array[{}] ", array.join(", "))
    };
    let (base, sizes) = match &type_.element {
        Element::Int => ("int", vec![]),
        Element::Real => ("real", vec![]),
        Element::Vector(size) => ("vector", vec![text(size)]),
        Element::RowVector(size) => ("row_vector", vec![text(size)]),
        Element::Weights(_) => ("network", vec![]),
        Element::Matrix(rows, columns) => ("matrix", vec![text(rows), text(columns)]),
    };
    let base = constrained_name(&type_.constraint).unwrap_or(base);
    let square = matches!(
        type_.constraint,
        Constraint::CholeskyFactorCorr | Constraint::CorrMatrix | Constraint::CovMatrix
    );
    let sizes = if square {
        &sizes[..sizes.len().min(1)]
    } else {
        &sizes[..]
    };
    let sizes = if sizes.is_empty() {
        String::new()
    } else {
        format!("[{}]", sizes.join(", "))
    };
    let pairs = match &type_.constraint {
        Constraint::Bounds { lower, upper } => [("lower", lower), ("upper", upper)],
        Constraint::Affine { offset, multiplier } => {
            [("offset", offset), ("multiplier", multiplier)]
        }
        _ => [("", &None), ("", &None)],
    };
    let pairs: Vec<String> = pairs
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", text(value.as_ref()?))))
        .collect();
    let pairs = if pairs.is_empty() {
        String::new()
    } else {
        format!("<{}>", pairs.join(", "))
    };
    format!("{array}{base}{pairs}{sizes}")
}

/// The name of a type whose constraint is in its name.
fn constrained_name(constraint: &Constraint) -> Option<&'static str> {
    Some(match constraint {
        Constraint::None | Constraint::Bounds { .. } | Constraint::Affine { .. } => return None,
        Constraint::Simplex => "simplex",
        Constraint::Ordered => "ordered",
        Constraint::PositiveOrdered => "positive_ordered",
        Constraint::UnitVector => "unit_vector",
        Constraint::SumToZero => "sum_to_zero_vector",
        Constraint::CholeskyFactorCorr => "cholesky_factor_corr",
        Constraint::CholeskyFactorCov => "cholesky_factor_cov",
        Constraint::CorrMatrix => "corr_matrix",
        Constraint::CovMatrix => "cov_matrix",
        Constraint::ColumnStochastic => "column_stochastic_matrix",
        Constraint::RowStochastic => "row_stochastic_matrix",
    })
}
