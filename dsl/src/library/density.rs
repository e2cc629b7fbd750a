//! What every vectorised distribution shares: one formula over all rows, its total, and random numbers for each row.

use firebrand_graph::{Array, Expr, Graph, Shape};
use rand_chacha::ChaCha8Rng;

use super::call::{Call, Failure, Requirement};
use super::checks::Argument;
use super::formula::{Num, Sheet};
use crate::value::{Ints, Value};

/// The sum over all rows of the terms that `formula` writes, one value for each lane.
///
/// Scalars and containers of one axis come to the formula as `[lanes|1, rows|1]` (or `[lanes|1]` where a scalar
/// serves all lanes, or nothing is a container). A term that is the same for all rows is not repeated: it is
/// multiplied by their number.
pub(crate) fn density<const N: usize>(
    call: &mut Call,
    arguments: [Argument; N],
    formula: impl for<'s> FnOnce([Num<'s>; N]) -> Vec<Num<'s>>,
) -> Result<Value, Failure> {
    let rows = rows(call, &arguments)?;
    if rows == Some(0) {
        return Ok(Value::real(0.0));
    }
    let aligned = align_arguments(call, &arguments, rows);
    total_of(call, rows.unwrap_or(1), |sheet| {
        formula(aligned.map(|x| sheet.num(x)))
    })
}

/// The sum over `rows` rows of the terms that `write` writes, each `[lanes|1, rows|1]` or `[lanes|1]`.
pub(crate) fn total_of(
    call: &mut Call,
    rows: usize,
    write: impl for<'s> FnOnce(&'s Sheet) -> Vec<Num<'s>>,
) -> Result<Value, Failure> {
    let (terms, requirements) = Sheet::over(call.graph, |sheet| {
        let terms: Vec<Expr> = write(sheet)
            .into_iter()
            .map(|term| term.expr().clone())
            .collect();
        (terms, sheet.take_requirements())
    });
    for Requirement { met, message } in requirements {
        let name = call.name;
        call.require(met, || format!("{name}: {message}"));
    }
    Ok(Value::Real(sum_terms(call.graph, &terms, rows)))
}

/// Sums terms over their rows, each on its own shape, to one value for each lane.
pub(crate) fn sum_terms(graph: &mut Graph, terms: &[Expr], rows: usize) -> Expr {
    let mut sums: Vec<Expr> = terms
        .iter()
        .map(|term| sum_rows(graph, term, rows))
        .collect();
    // Small ones first, so that what is known or the same in all lanes is added up before it meets the lanes.
    sums.sort_by_key(|sum| {
        (
            sum.as_data().is_none(),
            graph.shape(sum).iter().product::<usize>(),
        )
    });
    let total = sums
        .into_iter()
        .reduce(|total, sum| graph.add(&total, &sum))
        .unwrap_or_else(|| 0.0.into());
    if graph.shape(&total).is_empty() {
        graph.reshape(&total, &[1])
    } else {
        total
    }
}

fn sum_rows(graph: &mut Graph, term: &Expr, rows: usize) -> Expr {
    let shape = graph.shape(term);
    match shape.as_slice() {
        [_, n] if *n != 1 => graph.sum(term, 1),
        [lanes, _] => {
            let flat = graph.reshape(term, &[*lanes]);
            graph.scale(&flat, rows as f64)
        }
        _ => graph.scale(term, rows as f64),
    }
}

/// The common length of the arguments that are containers, if any is.
fn rows(call: &Call, arguments: &[Argument]) -> Result<Option<usize>, Failure> {
    let mut first: Option<(usize, &str)> = None;
    for (i, argument) in arguments
        .iter()
        .enumerate()
        .filter(|(i, _)| call.types[*i].rank() > 0)
    {
        let n = call.dims(i)[0];
        match first {
            None => first = Some((n, argument.what)),
            Some((m, _)) if m == n => {}
            Some((m, what)) => {
                let (name, what, other) =
                    (call.name, what.to_lowercase(), argument.what.to_lowercase());
                return Err(Failure::Wrong(format!(
                    "{name}: sizes {m} and {n} do not match ({what} and {other})"
                )));
            }
        }
    }
    Ok(first.map(|(n, _)| n))
}

fn align_arguments<const N: usize>(
    call: &mut Call,
    arguments: &[Argument; N],
    rows: Option<usize>,
) -> [Expr; N] {
    std::array::from_fn(|i| {
        let x = call.real(i);
        call.check(&x, arguments[i]);
        let shape = call.graph.shape(&x);
        // A scalar that is the same in all lanes broadcasts as it is, and so is shared between calls.
        match shape.as_slice() {
            [lanes] if rows.is_some() && *lanes > 1 => call.graph.reshape(&x, &[*lanes, 1]),
            _ => x,
        }
    })
}

/// Random numbers: one for each row in each lane.
pub(crate) fn draw<const N: usize>(
    call: &mut Call,
    arguments: [Argument; N],
    one: impl Fn(&mut ChaCha8Rng, [f64; N]) -> f64,
) -> Result<Value, Failure> {
    let (shape, data) = draw_rows(call, arguments, one)?;
    Ok(Value::Real(Array::new(shape, data).into()))
}

/// Random integers: one for each row in each lane.
pub(crate) fn draw_int<const N: usize>(
    call: &mut Call,
    arguments: [Argument; N],
    one: impl Fn(&mut ChaCha8Rng, [f64; N]) -> f64,
) -> Result<Value, Failure> {
    let (shape, data) = draw_rows(call, arguments, one)?;
    Ok(Value::Int(Ints::new(
        shape,
        data.into_iter().map(|x| x as i64).collect(),
    )))
}

fn draw_rows<const N: usize>(
    call: &mut Call,
    arguments: [Argument; N],
    one: impl Fn(&mut ChaCha8Rng, [f64; N]) -> f64,
) -> Result<(Shape, Vec<f64>), Failure> {
    let Known { shape, values } = known_arguments(call, &arguments, call.lanes)?;
    let rows = shape.get(1).copied().unwrap_or(1);
    let count = shape.iter().product();
    let random = call.random()?;
    let draw = |row: usize| match at(&values, row) {
        held if holds(&arguments, &held) => one(random.of(row / rows), held),
        _ => f64::NAN,
    };
    Ok((shape, (0..count).map(draw).collect()))
}

/// The sum over rows of a function of known arguments, for each lane.
pub(crate) fn known_rows<const N: usize>(
    call: &mut Call,
    arguments: [Argument; N],
    one: impl Fn([f64; N]) -> f64,
) -> Result<Value, Failure> {
    let lanes = (0..N)
        .map(|i| call.arguments[i].shape(call.graph)[0])
        .max()
        .unwrap_or(1);
    let Known { shape, values } = known_arguments(call, &arguments, lanes)?;
    let rows = shape.get(1).copied().unwrap_or(1);
    let term = |row: usize| match at(&values, row) {
        held if holds(&arguments, &held) => one(held),
        _ => f64::NAN,
    };
    let total = |lane: usize| (lane * rows..(lane + 1) * rows).map(term).sum();
    let data = (0..lanes).map(total).collect();
    Ok(Value::Real(Array::new([lanes], data).into()))
}

/// Known arguments, each repeated to `[lanes, rows]`.
struct Known<const N: usize> {
    /// Lanes, and rows where an argument is a container.
    shape: Shape,
    values: [Array; N],
}

fn known_arguments<const N: usize>(
    call: &mut Call,
    arguments: &[Argument; N],
    lanes: usize,
) -> Result<Known<N>, Failure> {
    let rows = rows(call, arguments)?;
    let mut values = Vec::with_capacity(N);
    for (i, argument) in arguments.iter().enumerate() {
        let x = call.real(i);
        let known = known(call, &x)?;
        call.check(&x, *argument);
        let own = [known.shape()[0], known.shape().get(1).copied().unwrap_or(1)];
        values.push(
            known
                .reshaped(own)
                .broadcast_to(&[lanes, rows.unwrap_or(1)]),
        );
    }
    let mut values = values.into_iter();
    let shape = [lanes].into_iter().chain(rows).collect();
    Ok(Known {
        shape,
        values: std::array::from_fn(|_| values.next().unwrap_or_else(|| Array::scalar(f64::NAN))),
    })
}

/// Whether arguments lie where they must.
fn holds<const N: usize>(arguments: &[Argument; N], values: &[f64; N]) -> bool {
    let each = arguments.iter().zip(values);
    each.into_iter()
        .all(|(argument, value)| argument.domain.holds(*value))
}

fn at<const N: usize>(values: &[Array; N], row: usize) -> [f64; N] {
    std::array::from_fn(|i| values[i].data()[row])
}

/// The data of an argument that must be known while the program is staged.
pub(crate) fn known(call: &Call, x: &Expr) -> Result<Array, Failure> {
    x.as_data().cloned().ok_or_else(|| {
        Failure::Unsupported(format!(
            "{} of a value that depends on parameters",
            call.name
        ))
    })
}
