//! Hidden Markov models: the hidden states' path summed out, their probabilities, and paths drawn.
//!
//! Forward and backward recursions over time on the scale of probabilities, each step normalised (Rabiner 1989), so that a
//! transition of probability zero has a derivative.

use firebrand_graph::{Array, Binary, Expr, Graph};

use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::known;
use crate::library::distributions::{require_simplex, unit};
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("hmm_marginal", &["real(matrix, matrix, vector)"], |call| {
        let forward = forward(call)?;
        Ok(Value::Real(forward.log_likelihood(call.graph)))
    }),
    Function::listed(
        "hmm_hidden_state_prob",
        &["matrix(matrix, matrix, vector)"],
        hidden_state_prob,
    ),
    Function::listed(
        "hmm_latent_rng",
        &["array[] int(matrix, matrix, vector)"],
        latent_rng,
    ),
];

/// What the forward recursion gives.
struct Forward {
    lanes: usize,
    states: usize,
    /// `[lanes, 1, states]` for each time: probabilities given what was seen so far.
    filtered: Vec<Expr>,
    /// `[lanes, 1, states]` for each time: of what was seen then, the largest being 1.
    seen: Vec<Expr>,
    /// `[lanes, times]`: logarithms of what `seen` was divided by.
    largest: Expr,
    /// `[lanes, 1, 1]` for each time: probability of what was seen then, given what was seen before, over the largest.
    totals: Vec<Expr>,
    /// `[lanes, states, states]`
    transitions: Expr,
}

/// The recursion, for the arguments `log_omegas` (a column for each time), `Gamma` (a row for each state) and `rho`.
fn forward(call: &mut Call) -> Result<Forward, Failure> {
    let (dims, gamma, rho) = (call.dims(0), call.dims(1), call.dims(2));
    let (states, times) = (dims[0], dims[1]);
    if states == 0 || gamma.as_slice() != [states, states] || rho[0] != states {
        return Err(Failure::Wrong(format!(
            "{}: sizes {dims:?} (log densities), {gamma:?} (transitions) and {rho:?} (first states) do not match",
            call.name
        )));
    }
    let [logs, transitions, start] = [0, 1, 2].map(|i| call.real(i));
    require_simplex(call, &transitions, "Gamma (each of its rows)");
    require_simplex(call, &start, "rho");
    let graph = &mut *call.graph;
    let lanes = [&logs, &transitions, &start]
        .map(|x| graph.shape(x)[0])
        .into_iter()
        .max()
        .unwrap_or(1);
    let logs = graph.broadcast_to(&logs, &[lanes, states, times]);
    // Where nothing is possible, nothing is subtracted.
    let largest = graph.max(&logs, 1);
    let possible = graph.binary(Binary::Less, &f64::NEG_INFINITY.into(), &largest);
    let largest = graph.select(&possible, &largest, &0.0.into());
    let shift = graph.reshape(&largest, &[lanes, 1, times]);
    let shifted = graph.sub(&logs, &shift);
    let scaled = graph.exp(&shifted);
    let mut forward = Forward {
        lanes,
        states,
        filtered: Vec::with_capacity(times),
        seen: Vec::with_capacity(times),
        largest,
        totals: Vec::with_capacity(times),
        transitions,
    };
    let start = graph.broadcast_to(&start, &[lanes, states]);
    let mut expected = graph.reshape(&start, &[lanes, 1, states]);
    for time in 0..times {
        let seen = graph.slice(&scaled, 2, time, 1);
        let seen = graph.reshape(&seen, &[lanes, 1, states]);
        let joint = graph.mul(&expected, &seen);
        let (filtered, total) = normalised(graph, &joint);
        if time + 1 < times {
            expected = graph.matmul(&filtered, &forward.transitions);
        }
        forward.filtered.push(filtered);
        forward.seen.push(seen);
        forward.totals.push(total);
    }
    Ok(forward)
}

/// `x`, `[lanes, 1, states]`, over its sum, and the sum; a sum of zero divides nothing.
fn normalised(graph: &mut Graph, x: &Expr) -> (Expr, Expr) {
    let lanes = graph.shape(x)[0];
    let total = graph.sum(x, 2);
    let total = graph.reshape(&total, &[lanes, 1, 1]);
    let positive = graph.binary(Binary::Less, &0.0.into(), &total);
    let divisor = graph.select(&positive, &total, &1.0.into());
    (graph.div(x, &divisor), total)
}

impl Forward {
    /// `[lanes]`
    fn log_likelihood(&self, graph: &mut Graph) -> Expr {
        if self.totals.is_empty() {
            return Array::full([self.lanes], 0.0).into();
        }
        let totals = graph.concat(&self.totals, 1);
        let totals = graph.reshape(&totals, &[self.lanes, self.totals.len()]);
        let logs = graph.log(&totals);
        let logs = graph.add(&logs, &self.largest);
        graph.sum(&logs, 1)
    }
}

/// The probability of each state (rows) at each time (columns), given all that was seen.
fn hidden_state_prob(call: &mut Call) -> Result<Value, Failure> {
    let forward = forward(call)?;
    let graph = &mut *call.graph;
    let Forward { lanes, states, .. } = forward;
    let times = forward.filtered.len();
    let mut later: Expr = Array::full([lanes, states, 1], 1.0).into();
    let mut columns = Vec::with_capacity(times);
    for time in (0..times).rev() {
        let turned = graph.reshape(&later, &[lanes, 1, states]);
        let joint = graph.mul(&forward.filtered[time], &turned);
        let (smoothed, _) = normalised(graph, &joint);
        columns.push(graph.reshape(&smoothed, &[lanes, states, 1]));
        let both = graph.mul(&turned, &forward.seen[time]);
        let (both, _) = normalised(graph, &both);
        let both = graph.reshape(&both, &[lanes, states, 1]);
        later = graph.matmul(&forward.transitions, &both);
    }
    columns.reverse();
    Ok(Value::Real(if columns.is_empty() {
        Array::full([lanes, states, 0], 0.0).into()
    } else {
        graph.concat(&columns, 2)
    }))
}

/// A path of states, drawn from the last to the first given all that was seen.
fn latent_rng(call: &mut Call) -> Result<Value, Failure> {
    let forward = forward(call)?;
    let (states, times, lanes) = (forward.states, forward.filtered.len(), call.lanes);
    let transitions = known(call, &forward.transitions)?;
    let mut filtered = Vec::with_capacity(times);
    for probabilities in &forward.filtered {
        filtered.push(known(call, probabilities)?);
    }
    let random = call.random()?;
    let mut path = vec![0; lanes * times];
    for lane in 0..lanes {
        let rng = random.of(lane);
        let own = |x: &Array, size: usize| if x.len() == size { 0 } else { lane * size };
        let gamma = &transitions.data()[own(&transitions, states * states)..];
        for time in (0..times).rev() {
            let now = &filtered[time].data()[own(&filtered[time], states)..][..states];
            let weights: Vec<f64> = (0..states)
                .map(|state| match path.get(lane * times + time + 1) {
                    Some(next) if time + 1 < times => {
                        now[state] * gamma[state * states + *next as usize - 1]
                    }
                    _ => now[state],
                })
                .collect();
            let mut left = unit(rng) * weights.iter().sum::<f64>();
            let drawn = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            path[lane * times + time] = drawn.unwrap_or(states - 1) as i64 + 1;
        }
    }
    Ok(Value::Int(Ints::new([lanes, times], path)))
}
