//! Differential equations: known solutions, derivatives against finite differences and known ones, draws that fail beside
//! draws that do not.

mod common;

use common::difference;
use firebrand_graph::{Equations, Expr, Graph, Method, NodeId, Options, Program, SolveOptions};

const METHODS: [Method; 2] = [Method::Explicit, Method::Implicit];

fn options(method: Method, tolerance: f64) -> SolveOptions {
    SolveOptions {
        method,
        relative_tolerance: tolerance,
        absolute_tolerance: tolerance,
        most_steps: 100_000,
    }
}

/// Element `i` of a vector, as a vector of one number.
fn element(graph: &mut Graph, x: &Expr, i: usize) -> Expr {
    graph.slice(x, 0, i, 1)
}

/// x' = v, v' = -k x: with k as the parameter.
fn oscillator() -> Equations {
    Equations::build::<()>(2, 1, |graph, _, state, parameters| {
        let (x, v) = (element(graph, state, 0), element(graph, state, 1));
        let pull = graph.mul(parameters, &x);
        let pull = graph.neg(&pull);
        Ok(graph.concat(&[v, pull], 0))
    })
    .unwrap()
}

/// x' = cos(t) - k x, which forgets its start at the rate k: stiff where that is large.
fn forced() -> Equations {
    Equations::build::<()>(1, 1, |graph, time, state, parameters| {
        let drive = graph.unary(firebrand_graph::Unary::Cos, time);
        let decay = graph.mul(parameters, state);
        Ok(graph.sub(&drive, &decay))
    })
    .unwrap()
}

fn forced_solution(k: f64, start: f64, t: f64) -> f64 {
    let steady = |t: f64| (k * t.cos() + t.sin()) / (1.0 + k * k);
    steady(t) + (start - steady(0.0)) * (-k * t).exp()
}

/// Prey and predators; parameters as in Lotka's equations.
fn prey_and_predators() -> Equations {
    Equations::build::<()>(2, 4, |graph, _, state, parameters| {
        let [u, v] = [0, 1].map(|i| element(graph, state, i));
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| element(graph, parameters, i));
        let eaten = graph.mul(&b, &v);
        let growth = graph.sub(&a, &eaten);
        let du = graph.mul(&growth, &u);
        let fed = graph.mul(&d, &u);
        let growth = graph.sub(&fed, &c);
        let dv = graph.mul(&growth, &v);
        Ok(graph.concat(&[du, dv], 0))
    })
    .unwrap()
}

/// A graph whose one input is initial state, times and parameters, one after another, and the solution, flat.
fn all_from_one_input(
    equations: Equations,
    [states, times, parameters]: [usize; 3],
    options: SolveOptions,
) -> (Graph, NodeId, NodeId) {
    let mut graph = Graph::new();
    let input = graph.input(states + times + parameters, true);
    let mut start = 0;
    let arguments = [states, times, parameters].map(|length| {
        let part = graph.slice(&input, 0, start, length);
        start += length;
        graph.reshape(&part, &[1, length])
    });
    let solution = graph.solve(equations, &arguments, options);
    let flat = graph.reshape(&solution, &[states * (times - 1)]);
    let (input, flat) = (graph.node_of(&input), graph.node_of(&flat));
    (graph, input, flat)
}

fn run(graph: &Graph, outputs: &[NodeId], input: &[f64], draws: usize) -> Vec<Vec<f64>> {
    Program::compile(graph, outputs, &Options::default()).run_host(&[input], draws)
}

#[test]
fn oscillators_swing_each_at_its_own_rate() {
    let times = [0.5, 2.0, 2.5, 9.0];
    let rates = [0.25, 1.0, 16.0];
    for method in METHODS {
        let (graph, _, solution) =
            all_from_one_input(oscillator(), [2, 4, 1], options(method, 1e-9));
        let mut input = Vec::new();
        for rate in rates {
            input.extend([1.0, 0.0]);
            input.extend(times);
            input.push(rate);
        }
        let found = run(&graph, &[solution], &input, 3).remove(0);
        for (draw, rate) in rates.iter().enumerate() {
            let w = f64::sqrt(*rate);
            for (i, t) in times[1..].iter().enumerate() {
                let phase = w * (t - times[0]);
                let expected = [phase.cos(), -w * phase.sin()];
                for (j, expected) in expected.iter().enumerate() {
                    let found = found[(draw * 3 + i) * 2 + j];
                    // Errors of steps add up over the swings: about a hundred steps, a tenth of a thousandth of a millionth each.
                    assert!(
                        (found - expected).abs() < 1e-6,
                        "{method:?}: {found} is not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_implicit_method_takes_few_steps_where_the_equation_is_stiff() {
    let mut stiff = options(Method::Implicit, 1e-8);
    stiff.most_steps = 400;
    let (graph, _, solution) = all_from_one_input(forced(), [1, 3, 1], stiff);
    let (graph_explicit, _, explicit) = all_from_one_input(
        forced(),
        [1, 3, 1],
        SolveOptions {
            method: Method::Explicit,
            ..stiff
        },
    );
    let input = [2.0, 0.0, 1.0, 3.0, 1e6];
    let found = run(&graph, &[solution], &input, 1).remove(0);
    for (found, t) in found.iter().zip([1.0, 3.0]) {
        let expected = forced_solution(1e6, 2.0, t);
        assert!((found - expected).abs() < 1e-7, "{found} is not {expected}");
    }
    let failed = run(&graph_explicit, &[explicit], &input, 1).remove(0);
    assert!(
        failed.iter().all(|x| x.is_nan()),
        "as many steps are too few for an explicit method: {failed:?}"
    );
}

#[test]
fn prey_and_predators_keep_their_invariant() {
    let p = [0.55, 0.028, 0.84, 0.026];
    let invariant = |u: f64, v: f64| p[3] * u - p[2] * u.ln() + p[1] * v - p[0] * v.ln();
    for method in METHODS {
        let (graph, _, solution) =
            all_from_one_input(prey_and_predators(), [2, 6, 4], options(method, 1e-10));
        let mut input = vec![33.0, 6.0, 0.0, 4.0, 8.0, 12.0, 16.0, 40.0];
        input.extend(p);
        let found = run(&graph, &[solution], &input, 1).remove(0);
        for state in found.chunks(2) {
            let drift = invariant(state[0], state[1]) - invariant(33.0, 6.0);
            assert!(drift.abs() < 1e-7, "{method:?}: {drift:e}");
        }
    }
}

#[test]
fn derivatives_are_those_of_the_exact_solution() {
    let (start, t0, t1, k): (f64, f64, f64, f64) = (1.5, 0.0, 2.0, 0.7);
    for method in METHODS {
        let (mut graph, input, solution) =
            all_from_one_input(forced(), [1, 2, 1], options(method, 1e-10));
        let gradient = graph
            .pullback(
                &[(solution, firebrand_graph::Array::vector(vec![1.0]).into())],
                &[input],
            )
            .remove(0);
        let gradient = graph.node_of(&gradient);
        let found = run(&graph, &[gradient], &[start, t0, t1, k], 1).remove(0);
        let step = 1e-6;
        let by = |f: &dyn Fn(f64) -> f64| (f(step) - f(-step)) / (2.0 * step);
        let at_end = forced_solution(k, start, t1);
        let expected = [
            (-k * t1).exp(),
            // A later start means that the state has moved less: by its slope there, carried to the end.
            -(1.0 - k * start) * (-k * t1).exp(),
            t1.cos() - k * at_end,
            by(&|d| forced_solution(k + d, start, t1)),
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-8,
                "{method:?}: {found} is not {expected}"
            );
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let point = [33.0, 6.0, 0.3, 1.0, 4.0, 0.55, 0.028, 0.84, 0.026];
    for method in METHODS {
        let (mut graph, input, solution) =
            all_from_one_input(prey_and_predators(), [2, 3, 4], options(method, 1e-11));
        let weights = firebrand_graph::Array::vector(vec![0.3, -1.0, 0.7, 0.2]);
        let weighted = graph.mul(&solution.into(), &weights.into());
        let total = graph.sum(&weighted, 0);
        let total = graph.node_of(&total);
        let gradient = graph.gradient(total, &[input]).remove(0);
        let gradient = graph.node_of(&gradient);
        let found = run(&graph, &[gradient], &point, 1).remove(0);
        for i in 0..point.len() {
            let step = 1e-4 * point[i].max(0.1);
            let value = |shift: f64| {
                let mut moved = point;
                moved[i] += shift;
                run(&graph, &[total], &moved, 1)[0][0]
            };
            let expected = (value(step) - value(-step)) / (2.0 * step);
            // The differences' own error is of the order of the squared relative step.
            let size = expected.abs().max(1.0);
            assert!(
                (found[i] - expected).abs() < 1e-5 * size,
                "{method:?}, {i}: {} is not {expected}",
                found[i]
            );
        }
    }
}

#[test]
fn a_draw_without_a_solution_does_not_disturb_the_others() {
    // x' = x^2 from 1 is infinite at 1: the second draw begins at half of that.
    let explosive = || {
        Equations::build::<()>(1, 0, |graph, _, state, _| {
            Ok(graph.unary(firebrand_graph::Unary::Square, state))
        })
        .unwrap()
    };
    for method in METHODS {
        let (mut graph, input, solution) =
            all_from_one_input(explosive(), [1, 3, 0], options(method, 1e-8));
        let gradient = graph
            .pullback(
                &[(
                    solution,
                    firebrand_graph::Array::vector(vec![1.0, 1.0]).into(),
                )],
                &[input],
            )
            .remove(0);
        let outputs = [solution, graph.node_of(&gradient)];
        let together = run(
            &graph,
            &outputs,
            &[1.0, 0.0, 0.5, 1.5, 0.5, 0.0, 0.5, 1.5],
            2,
        );
        let alone = run(&graph, &outputs, &[0.5, 0.0, 0.5, 1.5], 1);
        assert!(
            (together[0][0] - 2.0).abs() < 1e-6,
            "before the end there is a solution"
        );
        assert!(
            together[0][1].is_nan(),
            "behind it there is none: {}",
            together[0][1]
        );
        assert_eq!(together[0][2..], alone[0]);
        assert_eq!(together[1][4..], alone[1]);
    }
}

#[test]
fn systems_side_by_side_are_those_alone() {
    let mut graph = Graph::new();
    let input = graph.input(2, true);
    let rates = graph.reshape(&input, &[2, 1]);
    let start = Expr::Data(firebrand_graph::Array::new([2, 1], vec![1.0, 2.0]));
    let times = Expr::Data(firebrand_graph::Array::new(
        [2, 2],
        vec![0.0, 1.0, 0.0, 3.0],
    ));
    let solution = graph.solve(
        forced(),
        &[start, times, rates],
        options(Method::Explicit, 1e-10),
    );
    let flat = graph.reshape(&solution, &[2]);
    let (input, flat) = (graph.node_of(&input), graph.node_of(&flat));
    let gradient = graph
        .pullback(
            &[(flat, firebrand_graph::Array::vector(vec![1.0, 1.0]).into())],
            &[input],
        )
        .remove(0);
    let outputs = [flat, graph.node_of(&gradient)];
    let rates = [0.5, 2.0, 1.0, 0.25];
    let found = run(&graph, &outputs, &rates, 2);
    let known = |rate: f64, i: usize| forced_solution(rate, 1.0 + i as f64, [1.0, 3.0][i]);
    for (i, rate) in rates.iter().enumerate() {
        let step = 1e-6;
        let slope = (known(rate + step, i % 2) - known(rate - step, i % 2)) / (2.0 * step);
        assert!((found[0][i] - known(*rate, i % 2)).abs() < 1e-8);
        assert!((found[1][i] - slope).abs() < 1e-8);
    }
    let burn = Program::on_burn(&graph, &outputs, &Options::default()).run_host(&[&rates], 2);
    let slow = Program::interpret(&graph, &outputs).run_host(&[&rates], 2);
    assert!(difference(&burn, &slow) < 1e-12);
    assert!(difference(&found, &slow) < 1e-12);
}

#[test]
fn what_is_known_is_solved_at_once() {
    let mut graph = Graph::new();
    let [start, rate] =
        [2.0, 0.5].map(|x| Expr::Data(firebrand_graph::Array::new([1, 1], vec![x])));
    let times = Expr::Data(firebrand_graph::Array::new([1, 2], vec![0.0, 2.0]));
    let solution = graph.solve(
        forced(),
        &[start, times, rate],
        options(Method::Explicit, 1e-10),
    );
    let found = solution.as_data().expect("known").data()[0];
    assert!((found - forced_solution(0.5, 2.0, 2.0)).abs() < 1e-9);
}
