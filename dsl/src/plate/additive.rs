//! Whether a model is a sum over rows: found by trial.
//!
//! A statement's contribution T is a sum over rows, and a part that belongs to none, if and only if `T(A and B) - T(0) = (T(A) - T(0)) +
//! (T(B) - T(0))` for all sets of rows A and B without a common row. It is evaluated on a few such sets, at random points, statement by statement; a
//! contribution in which rows meet, or that depends on how many there are or where they stand, breaks it at all points but
//! exceptional ones. In the same way what a model requires, and rejects a draw without, must be required of A and B exactly where it is
//! of one of them.

use std::collections::{BTreeMap, BTreeSet};

use firebrand_core::{Normals, Stream, generator};
use firebrand_graph::{Expr, Graph, Options, Program};
use rand::seq::SliceRandom;

use super::{Plated, met};
use crate::diagnostics::Diagnostic;
use crate::library::Requirement;
use crate::stage::Term;
use crate::syntax::Span;

/// Points at which contributions are compared; those outside the support do not count.
const POINTS: usize = 16;
/// Rows in each of two sets of different sizes, so that more than their mean matters.
const UNEQUAL: (usize, usize) = (2, 3);
/// Rows, or a quarter of all, that a set has at least for it to matter what is rejected of it: a model may ask for two rows or three.
const FEWEST_REJECTED: usize = 8;
/// Rows that are tried together where all have too many numbers; and rows next to each other.
const SOME: usize = 100;
/// All rows are taken where they have at most so many numbers.
const MOST_NUMBERS: usize = 1 << 20;
/// Numbers in points that are tried together.
const NUMBERS_AT_ONCE: usize = 1 << 20;
/// What rounding may make of sums, relative to their terms.
const TOLERANCE: f64 = 1e-8;
/// What remains of a statement without rows by rounding alone, relative to what it is with rows.
const NOTHING: f64 = 1e-12;
const SEED: u64 = 0;
const STREAM: Stream = Stream::Other(0x706c_6174);

/// Refuses a model that is no sum over its rows, at the statement that is none. Gives the statements of which nothing is there without
/// rows.
///
/// # Errors
/// The statements, and what is wrong with the model on some of its rows.
pub(super) fn check(plated: &Plated) -> Result<BTreeSet<Span>, Vec<Diagnostic>> {
    let mut without_rows = BTreeMap::new();
    for (mut whole, first) in sets(plated) {
        let (mut first, mut second) = (whole[..first].to_vec(), whole[first..].to_vec());
        // In the data's own order, as batches are: so it matters where a row stands.
        for rows in [&mut whole, &mut first, &mut second] {
            rows.sort_unstable();
        }
        for (span, nothing) in compare(plated, [&whole, &first, &second])? {
            *without_rows.entry(span).or_insert(true) &= nothing;
        }
    }
    Ok(without_rows
        .into_iter()
        .filter(|(_, nothing)| *nothing)
        .map(|(span, _)| span)
        .collect())
}

/// Sets of rows, and how many of each are the first part.
///
/// From all rows, if they are not too many, or else from some at random, each set is half of the one before, down to two rows: a model that
/// does something else once there are more than so many rows does not do so on both sides of every step. Among some at random would seldom
/// be those that meet: so there are some that are next to each other, and some that an int of the data, such as the number of a group, says
/// the same of.
fn sets(plated: &Plated) -> Vec<(Vec<usize>, usize)> {
    let rows = plated.rows();
    let mut rng = generator(SEED, STREAM, 0);
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut rng);
    let all = plated.variables.numbers() <= MOST_NUMBERS;
    let mut sets = Vec::new();
    let mut size = if all { rows } else { SOME.min(rows) };
    while size > 1 {
        order.rotate_left(rows / 3);
        sets.push((order[..size].to_vec(), size / 2));
        size = size.div_ceil(2);
    }
    if UNEQUAL.0 + UNEQUAL.1 <= rows {
        sets.push((order[..UNEQUAL.0 + UNEQUAL.1].to_vec(), UNEQUAL.0));
    }
    if all || rows < 2 {
        return sets;
    }
    let in_order: Vec<usize> = (0..rows).collect();
    let orders = std::iter::once(in_order.clone()).chain(plated.variables.ints().map(|ints| {
        let mut alike = in_order.clone();
        alike.sort_by_key(|&row| ints[row]);
        alike
    }));
    for order in orders {
        let mut near = order[rows / 3..].to_vec();
        near.truncate(SOME);
        near.shuffle(&mut rng);
        let first = near.len() / 2;
        sets.push((near, first));
    }
    sets
}

/// Whether a statement contributes nothing without rows, for each that depends on rows.
fn compare(plated: &Plated, sets: [&[usize]; 3]) -> Result<Vec<(Span, bool)>, Vec<Diagnostic>> {
    let mut graph = plated.base.graph().clone();
    let mut by_statement: BTreeMap<Span, [Vec<(Expr, f64)>; 4]> = BTreeMap::new();
    let mut note = |Term { value, span }: Term, times: f64, set: usize| {
        by_statement.entry(span).or_default()[set].push((value, times));
    };
    let mut required = Vec::with_capacity(sets.len());
    for (set, rows) in sets.iter().enumerate() {
        let ran = plated
            .base
            .run_in(graph, &plated.program, &plated.variables, rows)?;
        graph = ran.graph;
        ran.terms.into_iter().for_each(|term| note(term, 1.0, set));
        required.push(ran.requirements);
    }
    for (term, times) in &plated.base.terms {
        note(term.clone(), *times, 3);
    }
    by_statement.retain(|_, sums| !is_same(sums));
    let mut totals: Vec<Expr> = required
        .iter()
        .map(|requirements| {
            let met = met(&mut graph, requirements);
            graph.reshape(&met, &[1])
        })
        .collect();
    let conditions = totals.len();
    for sums in by_statement.values() {
        for terms in sums {
            let mut total = Expr::scalar(0.0);
            for (term, times) in terms {
                let term = graph.scale(term, *times);
                total = graph.add(&total, &term);
            }
            totals.push(graph.reshape(&total, &[1]));
        }
    }
    let found = evaluate(&mut graph, &totals, plated.base.dimension);
    let (mut refused, mut without_rows) = (Vec::new(), Vec::new());
    let is_met = |point: usize, set: usize| found[point * totals.len() + set] != 0.0;
    let fewest = FEWEST_REJECTED.min(plated.rows() / 4);
    let is_judged = sets.iter().all(|set| set.len() >= fewest);
    if is_judged
        && !(0..POINTS).all(|point| is_met(point, 0) == (is_met(point, 1) && is_met(point, 2)))
    {
        refused.push(rejecting(plated, &required));
    }
    for (statement, span) in by_statement.keys().enumerate() {
        let at = |point: usize| -> [f64; 4] {
            let first = point * totals.len() + conditions + 4 * statement;
            std::array::from_fn(|set| found[first + set])
        };
        let points: Vec<[f64; 4]> = (0..POINTS)
            .map(at)
            .filter(|sums| sums.iter().all(|x| x.is_finite()))
            .collect();
        if points.is_empty() {
            refused.push(unseen(*span, plated.name()));
        } else if !points.iter().all(is_sum) {
            refused.push(mixing(*span, plated.name()));
        }
        without_rows.push((*span, points.iter().all(is_nothing_without_rows)));
    }
    if refused.is_empty() {
        Ok(without_rows)
    } else {
        Err(refused)
    }
}

/// Whether a statement has the same nodes on all sets of rows, so that it has nothing to do with them.
fn is_same(sums: &[Vec<(Expr, f64)>; 4]) -> bool {
    let nodes = |terms: &[(Expr, f64)]| {
        let nodes = terms
            .iter()
            .map(|(term, times)| Some((term.as_node()?, *times == 1.0)));
        nodes.collect::<Option<Vec<_>>>()
    };
    let first = nodes(&sums[0]);
    first.is_some() && sums.iter().all(|terms| nodes(terms) == first)
}

fn is_sum(sums: &[f64; 4]) -> bool {
    let [both, first, second, none] = *sums;
    (both + none - first - second).abs() <= TOLERANCE * (1.0 + size(sums))
}

fn is_nothing_without_rows(sums: &[f64; 4]) -> bool {
    sums[3].abs() <= NOTHING * size(sums)
}

fn size(sums: &[f64; 4]) -> f64 {
    sums.iter().map(|x| x.abs()).sum()
}

/// The totals at each of the points, row by row.
fn evaluate(graph: &mut Graph, totals: &[Expr], dimension: usize) -> Vec<f64> {
    let joined = graph.concat(totals, 0);
    let node = graph.node_of(&joined);
    let batched = graph.node(node).batched;
    let program = Program::compile(graph, &[node], &Options::default());
    let mut numbers = Normals::new(SEED, STREAM, 1);
    let at_once = (NUMBERS_AT_ONCE / dimension.max(1)).clamp(1, POINTS);
    let mut found = Vec::with_capacity(POINTS * totals.len());
    for first in (0..POINTS).step_by(at_once) {
        let count = at_once.min(POINTS - first);
        let mut points = numbers.take(count * dimension);
        // Some near zero, where most models have their support.
        for (point, values) in points.chunks_mut(dimension.max(1)).enumerate() {
            let scale = [1.0, 0.3, 0.1, 0.01][(first + point) % 4];
            values.iter_mut().for_each(|x| *x *= scale);
        }
        let values = program.run_host(&[&points], count).concat();
        if !batched {
            return values.repeat(POINTS);
        }
        found.extend(values);
    }
    found
}

fn mixing(span: Span, plate: &str) -> Diagnostic {
    Diagnostic::error(
        span,
        format!("this term is no sum over the rows of {plate}, so it cannot be estimated from some of them"),
    )
    .label("here rows meet, or it matters how many they are or where they stand")
    .help("leave minibatches out, or compute what needs all rows in transformed data")
}

fn rejecting(plated: &Plated, required: &[Vec<Requirement>]) -> Diagnostic {
    let never_met = |requirement: &&Requirement| {
        let met = requirement.met.as_data();
        met.is_some_and(|met| met.data().contains(&0.0))
    };
    let what = match required.iter().flatten().find(never_met) {
        Some(Requirement { message, .. }) => format!(": {message}"),
        None => String::new(),
    };
    let plate = plated.name();
    Diagnostic::error(
        plated.variables.declared_at(&plated.program),
        format!("the model rejects some rows of {plate} by themselves and not together, or the other way round, so it cannot be fitted on some of them{what}"),
    )
    .label("a minibatch was asked of this")
    .help("leave minibatches out, or check the data in transformed data, which see all rows")
}

fn unseen(span: Span, plate: &str) -> Diagnostic {
    Diagnostic::error(
        span,
        format!("whether this term is a sum over the rows of {plate} cannot be seen: it is not finite at any of {POINTS} points near zero"),
    )
    .help("look for NaN in the data, of which every density is NaN; else leave minibatches out")
}
