//! Data, given to the variables that a model declares.

use firebrand_graph::{Array, Shape};

use super::{Data, Entry, Numbers};
use crate::diagnostics::{Diagnostic, suggest};
use crate::hir::{Declaration, Element};
use crate::stage::{Interpreter, Stop};
use crate::value::{Ints, Value};

/// Gives every variable of the data block its value.
///
/// # Errors
/// One diagnostic for each variable that is missing or contradicts its declaration.
pub(crate) fn bind(
    interpreter: &mut Interpreter,
    declarations: &[Declaration],
    data: &Data,
) -> Result<(), Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    for declaration in declarations {
        match bind_one(interpreter, declaration, data) {
            Ok(value) => interpreter.set(declaration.slot, value),
            Err(diagnostic) => {
                diagnostics.push(*diagnostic);
                // Sizes of what follows may rest on this one.
                if matches!(declaration.type_.element, Element::Int) {
                    break;
                }
                continue;
            }
        }
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
    }
    if diagnostics.is_empty() {
        Ok(())
    } else {
        Err(diagnostics)
    }
}

fn bind_one(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    data: &Data,
) -> Result<Value, Box<Diagnostic>> {
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
            return Ok(value_of(is_int, &dims, &Numbers::Ints(Vec::new())));
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
    let (found_dims, numbers) = match entry {
        Entry::File(reference) => {
            return Err(Box::new(wrong(
                format!("the data's {name} is not a number or an array of numbers"),
                format!("the file {}", reference.file.display()),
            )));
        }
        Entry::Other(what) => {
            return Err(Box::new(wrong(
                format!("the data's {name} is not a number or an array of numbers"),
                what.clone(),
            )));
        }
        Entry::Numbers { dims, numbers } => (dims, numbers),
    };
    let found_count: usize = found_dims.iter().product();
    let fits = found_dims.as_slice() == dims.as_slice()
        || (count == 0 && found_count == 0 && !dims.is_empty());
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
    match numbers {
        Numbers::Reals(reals) if is_int => {
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
        numbers => Ok(value_of(is_int, &dims, numbers)),
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
