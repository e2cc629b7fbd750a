//! Data, given to the variables that a model declares.

use firebrand_graph::{Array, Shape};

use super::{Data, Entry, Numbers, Stored};
use crate::diagnostics::{Diagnostic, suggest};
use crate::hir::{Constraint, Declaration, Element, Expression, Slot};
use crate::stage::{Interpreter, Stop};
use crate::value::{Ints, Value};

/// Rows of an array in a file that are looked at together, when all are checked.
const ROWS_CHECKED: usize = 4096;

/// Variables of the data block that stay in their files.
pub(crate) type Bound = Vec<(Slot, Stored)>;

/// Gives every variable of the data block its value, but for those that are arrays in files and that `stays` says of that they can stay
/// there: these are checked and given back.
///
/// # Errors
/// One diagnostic for each variable that is missing or contradicts its declaration.
pub(crate) fn bind(
    interpreter: &mut Interpreter,
    declarations: &[Declaration],
    data: &Data,
    stays: &dyn Fn(&Declaration) -> bool,
) -> Result<Bound, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut bound = Vec::new();
    for declaration in declarations {
        let broken = match bind_one(interpreter, declaration, data) {
            Ok(Given::Stored(stored)) if stays(declaration) && is_checked_by_rows(declaration) => {
                let broken = check_rows(interpreter, declaration, &stored);
                bound.push((declaration.slot, stored));
                broken
            }
            Ok(given) => {
                interpreter.set(declaration.slot, given.into_value(declaration));
                check(interpreter, declaration)
            }
            Err(diagnostic) => {
                diagnostics.push(*diagnostic);
                // Sizes of what follows may rest on this one.
                if matches!(declaration.type_.element, Element::Int) {
                    break;
                }
                continue;
            }
        };
        diagnostics.extend(broken);
    }
    if diagnostics.is_empty() {
        Ok(bound)
    } else {
        Err(diagnostics)
    }
}

/// What a variable breaks of its declared constraint.
fn check(interpreter: &mut Interpreter, declaration: &Declaration) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let before = interpreter.requirements.len();
    if let Err(Stop::Error(error)) = interpreter.check_constraint(declaration) {
        diagnostics.push(Diagnostic::error(error.span, error.message));
    }
    for broken in interpreter.requirements.split_off(before) {
        let message = format!("data: {}", broken.message);
        diagnostics.push(
            Diagnostic::error(declaration.span, message)
                .label(format!("{} is declared here", declaration.name))
                .help("correct the value in the data, or the bound in the declaration"),
        );
    }
    diagnostics
}

/// The same of an array in a file, some rows at a time.
fn check_rows(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    stored: &Stored,
) -> Vec<Diagnostic> {
    if matches!(declaration.type_.constraint, Constraint::None) {
        return Vec::new();
    }
    let is_int = matches!(declaration.type_.element, Element::Int);
    let total = stored.dims().first().copied().unwrap_or(0);
    for first in (0..total).step_by(ROWS_CHECKED) {
        let rows: Vec<usize> = (first..total.min(first + ROWS_CHECKED)).collect();
        let value = rows_of(stored, &rows, is_int);
        interpreter.set(declaration.slot, value);
        let broken = check(interpreter, declaration);
        interpreter.unset(declaration.slot);
        if !broken.is_empty() {
            return broken;
        }
    }
    Vec::new()
}

/// Whether the constraint of an array is one of each of its elements alone.
fn is_checked_by_rows(declaration: &Declaration) -> bool {
    let scalar = |bound: &Option<Expression>| bound.as_ref().is_none_or(|x| x.type_.rank() == 0);
    match &declaration.type_.constraint {
        Constraint::None => true,
        Constraint::Bounds { lower, upper } => scalar(lower) && scalar(upper),
        _ => false,
    }
}

/// What the data have for a variable.
enum Given {
    Value(Value),
    Stored(Stored),
}

impl Given {
    fn into_value(self, declaration: &Declaration) -> Value {
        match self {
            Given::Value(value) => value,
            Given::Stored(stored) => {
                let is_int = matches!(declaration.type_.element, Element::Int);
                value_of(is_int, stored.dims(), &stored.all())
            }
        }
    }
}

/// Rows of an array in a file, as a value of one lane.
pub(crate) fn rows_of(stored: &Stored, rows: &[usize], is_int: bool) -> Value {
    let mut dims = stored.dims().to_vec();
    if let Some(first) = dims.first_mut() {
        *first = rows.len();
    }
    value_of(is_int, &dims, &stored.rows(rows))
}

fn bind_one(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    data: &Data,
) -> Result<Given, Box<Diagnostic>> {
    let name = &declaration.name;
    let root = interpreter.root();
    let dims = interpreter
        .dims_of(&declaration.type_, &root)
        .map_err(|stop| match stop {
            Stop::Error(error) => Box::new(Diagnostic::error(error.span, error.message)),
            Stop::Dependence(..) | Stop::Interrupted => Box::new(Diagnostic::error(
                declaration.span,
                "a size that is not known",
            )),
        })?;
    let declared = describe(
        &declaration.type_.element,
        declaration.type_.array.len(),
        &dims,
    );
    let wrong = |message: String, found: String| {
        Diagnostic::error(declaration.span, message)
            .label(format!("declared as {declared}"))
            .note(format!("the data has {found}"))
    };
    let is_int = matches!(declaration.type_.element, Element::Int);
    let count: usize = dims.iter().product();
    let entry = match data.variables.get(name) {
        Some(entry) => entry,
        None if count == 0 && !dims.is_empty() => {
            let none = value_of(is_int, &dims, &Numbers::Ints(Vec::new()));
            return Ok(Given::Value(none));
        }
        None => {
            let mut diagnostic =
                Diagnostic::error(declaration.span, format!("the data has no variable {name}"))
                    .label(format!("declared as {declared}"));
            diagnostic = match suggest(name, data.names()) {
                Some(near) => {
                    diagnostic.help(format!("the data has a variable {near}: is that the one?"))
                }
                None => diagnostic.help(format!("add \"{name}\" to the data")),
            };
            return Err(Box::new(diagnostic));
        }
    };
    let found = match entry {
        Entry::Other(what) => {
            return Err(Box::new(wrong(
                format!("the data's {name} is not a number or an array of numbers"),
                what.clone(),
            )));
        }
        Entry::Numbers { dims, numbers } => Found::Numbers(dims, numbers),
        Entry::File(reference) => match Stored::open(reference) {
            Ok(stored) => Found::Stored(stored),
            Err(problem) => {
                let message = format!("the data's {name} cannot be read: {problem}");
                let diagnostic = Diagnostic::error(declaration.span, message);
                return Err(Box::new(
                    diagnostic.label(format!("declared as {declared}")),
                ));
            }
        },
    };
    let found_dims = found.dims();
    let found_count: usize = found_dims.iter().product();
    let fits =
        found_dims == dims.as_slice() || (count == 0 && found_count == 0 && !dims.is_empty());
    if !fits {
        let mut diagnostic = wrong(
            format!("the data's {name} has the wrong shape"),
            shape_of(found_dims),
        );
        if found_dims.is_empty() && count == 1 {
            diagnostic = diagnostic.help(format!(
                "write it as an array of one element: \"{name}\": [...]"
            ));
        }
        return Err(Box::new(diagnostic));
    }
    match found {
        Found::Numbers(_, Numbers::Reals(reals)) if is_int => {
            let bad = reals.iter().find(|x| x.fract() != 0.0 || !x.is_finite());
            let found = match bad {
                Some(bad) => format!("the value {bad}"),
                None => format!("reals, such as {:?}", reals[0]),
            };
            Err(Box::new(wrong(
                format!("the data's {name} is not of integers"),
                found,
            )))
        }
        Found::Stored(stored) if is_int && !stored.is_int() => {
            let message = format!("the data's {name} is not of integers");
            let diagnostic = wrong(message, "reals in a file".into());
            Err(Box::new(
                diagnostic.help("write it with integers, such as int32"),
            ))
        }
        Found::Numbers(_, numbers) => Ok(Given::Value(value_of(is_int, &dims, numbers))),
        Found::Stored(stored) => Ok(Given::Stored(stored)),
    }
}

/// What the data have under a variable's name.
enum Found<'a> {
    Numbers(&'a [usize], &'a Numbers),
    Stored(Stored),
}

impl Found<'_> {
    fn dims(&self) -> &[usize] {
        match self {
            Found::Numbers(dims, _) => dims,
            Found::Stored(stored) => stored.dims(),
        }
    }
}

fn value_of(is_int: bool, dims: &[usize], numbers: &Numbers) -> Value {
    let mut shape = Shape::from_slice(&[1]);
    shape.extend_from_slice(dims);
    match numbers {
        Numbers::Ints(ints) if is_int => Value::Int(Ints::new(shape, ints.clone())),
        Numbers::Ints(ints) => {
            Value::Real(Array::new(shape, ints.iter().map(|x| *x as f64).collect()).into())
        }
        Numbers::Reals(reals) => Value::Real(Array::new(shape, reals.clone()).into()),
    }
}

/// `array[3] vector[2]`
fn describe(element: &Element, array_axes: usize, dims: &[usize]) -> String {
    let list = |dims: &[usize]| {
        dims.iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (outer, inner) = dims.split_at(array_axes);
    let element = match element {
        Element::Int => "int".to_string(),
        Element::Real => "real".to_string(),
        Element::Vector(_) | Element::Weights(_) => format!("vector[{}]", list(inner)),
        Element::RowVector(_) => format!("row_vector[{}]", list(inner)),
        Element::Matrix(..) => format!("matrix[{}]", list(inner)),
    };
    if outer.is_empty() {
        element
    } else {
        format!("array[{}] {element}", list(outer))
    }
}

fn shape_of(dims: &[usize]) -> String {
    match dims {
        [] => "a single number".to_string(),
        [length] => format!("{length} numbers"),
        dims => format!(
            "an array of {} numbers",
            dims.iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" x ")
        ),
    }
}
