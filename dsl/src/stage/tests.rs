//! A loop in lanes computes what its iterations compute one after the other.

use std::sync::Arc;

use firebrand_graph::{Options, Program};
use proptest::prelude::*;

use crate::check::check;
use crate::data::Data;
use crate::hir;
use crate::stager::{Staged, stage, stage_as};
use crate::syntax::{SourceMap, no_includes, parse};

fn program(text: &str) -> Arc<hir::Program> {
    let mut sources = SourceMap::new("model.stan", text);
    let (tree, mut diagnostics) = parse(&mut sources, &no_includes);
    let (program, found) = check(&tree);
    diagnostics.extend(found);
    let problems: Vec<String> = diagnostics.iter().map(|d| d.one_line(&sources)).collect();
    Arc::new(program.unwrap_or_else(|| panic!("{problems:?}")))
}

/// Log density and score at a point.
fn evaluate(staged: Staged, theta: &[f64]) -> Vec<f64> {
    let Staged {
        mut graph,
        theta: input,
        log_density,
        ..
    } = staged;
    let output = graph.node_of(&log_density);
    let input = input.as_node().expect("the input is a node");
    let score = graph.gradient(output, &[input]).remove(0);
    let score = graph.node_of(&score);
    let program = Program::compile(&graph, &[output, score], &Options::default());
    program.run_host(&[theta], 1).concat()
}

/// How many nodes the log density needs.
fn nodes(staged: &mut Staged) -> usize {
    let output = staged.graph.node_of(&staged.log_density);
    staged
        .graph
        .live(&[output])
        .iter()
        .filter(|live| **live)
        .count()
}

/// Both ways agree to rounding: sums of up to a few hundred terms in another order.
fn both_ways_agree(text: &str, data: &str, theta: &[f64]) {
    let (program, data) = (program(text), Data::from_json(data).expect("data"));
    let lanes = evaluate(
        stage_as(&program, &data, true).unwrap_or_else(|e| panic!("{e:?}")),
        theta,
    );
    let unrolled = evaluate(
        stage_as(&program, &data, false).unwrap_or_else(|e| panic!("{e:?}")),
        theta,
    );
    assert_eq!(lanes.len(), unrolled.len());
    for (a, b) in lanes.iter().zip(&unrolled) {
        let scale = 1.0_f64.max(a.abs());
        assert!(
            (a - b).abs() <= 1e-11 * scale || (a.is_nan() && b.is_nan()),
            "{lanes:?} against {unrolled:?}"
        );
    }
}

const DATA: &str =
    "data { int N; int K; array[N] int<lower=1, upper=K> g; vector[N] y; array[N] int<lower=0> m; }
    parameters { vector[K] a; real b; real<lower=0> s; }\n";

/// Loops of every kind: each body stands in `model`, with `DATA` around it.
const LOOPS: &[(&str, &str)] = &[
    (
        "gathers",
        "vector[N] mu; for (n in 1:N) mu[n] = a[g[n]] + b * y[n]; y ~ normal(mu, s);",
    ),
    (
        "density by row",
        "for (n in 1:N) y[n] ~ normal(a[g[n]], s);",
    ),
    (
        "scratch array",
        "for (n in 1:N) { vector[2] ps; ps[1] = normal_lpdf(y[n] | a[1], s); ps[2] = normal_lpdf(y[n] | b, 1); target += log_sum_exp(ps); }",
    ),
    (
        "scratch outside",
        "array[2] real ps; for (n in 1:N) { for (k in 1:2) ps[k] = normal_lpdf(y[n] | a[1] * k, s); target += log_sum_exp(ps); } target += ps[1];",
    ),
    (
        "sum in a scalar",
        "real t = 0; for (n in 1:N) t += square(y[n] - a[g[n]]); target += -t; ",
    ),
    (
        "sum written out",
        "real t = b; for (n in 1:N) t = t + a[g[n]] * y[n]; target += -square(t);",
    ),
    (
        "sums by group",
        "vector[K] t = rep_vector(0, K); for (n in 1:N) t[g[n]] += y[n] * b; target += -dot_self(t - a);",
    ),
    (
        "inner sum",
        "for (n in 1:N) { real mu = b; for (k in 1:K) mu += a[k] * k; y[n] ~ normal(mu, s); }",
    ),
    (
        "ragged inner loop",
        "for (n in 1:N) { real mu = 0; for (k in 1:m[n]) mu += b / k; y[n] ~ normal(mu, s); }",
    ),
    (
        "recursion",
        "vector[N] e; e[1] = y[1] - b; for (n in 2:N) e[n] = y[n] - tanh(b) * e[n - 1]; e ~ normal(0, s);",
    ),
    (
        "running total",
        "real t = 0; for (n in 1:N) { t += a[g[n]]; y[n] ~ normal(t, s); }",
    ),
    (
        "branch on data",
        "for (n in 1:N) { if (m[n] > 1) y[n] ~ normal(a[g[n]], s); else y[n] ~ cauchy(b, s); }",
    ),
    (
        "branch that assigns",
        "vector[N] mu; for (n in 1:N) { if (m[n] == 0) { mu[n] = b; } else if (m[n] == 1) { mu[n] = a[1]; } else { mu[n] = a[g[n]] * m[n]; } } y ~ normal(mu, s);",
    ),
    (
        "branch on a parameter",
        "for (n in 1:N) { if (a[g[n]] > b) target += -square(a[g[n]] - b); else target += -square(y[n] - b); }",
    ),
    (
        "value chosen by a parameter",
        "vector[N] mu; for (n in 1:N) { mu[n] = b; if (b > 0) mu[n] = a[g[n]]; } y ~ normal(mu, s);",
    ),
    (
        "conditional expression",
        "for (n in 1:N) y[n] ~ normal(m[n] > 0 ? a[g[n]] : b, s);",
    ),
    (
        "matrix by cell",
        "matrix[N, K] x; for (n in 1:N) for (k in 1:K) x[n, k] = a[k] * y[n] + b; target += -sum(square(x * a));",
    ),
    (
        "rows",
        "matrix[N, K] x; for (n in 1:N) x[n] = a' * y[n]; for (k in 1:K) x[:, k] ~ normal(b, s);",
    ),
    (
        "reads what others wrote",
        "vector[N] u; vector[N] v; for (n in 1:N) u[n] = a[g[n]] * y[n]; for (n in 1:N) v[n] = u[N - n + 1] + b; v ~ normal(0, s);",
    ),
    (
        "overwrites in order",
        "vector[K] last = rep_vector(0, K); for (n in 1:N) last[g[n]] = y[n] * b; target += -dot_self(last - a);",
    ),
    (
        "swaps in place",
        "vector[N] u = y * b; for (n in 1:(N - 1)) u[n] = u[n + 1] + a[1]; u ~ normal(0, s);",
    ),
    (
        "continue and break",
        "for (n in 1:N) { if (m[n] == 2) continue; if (n > 5) break; y[n] ~ normal(a[g[n]], s); }",
    ),
    (
        "slices",
        "for (n in 3:N) target += -square(sum(y[(n - 2):n]) - b - sum(a[1:1]));",
    ),
    (
        "slices of different sizes",
        "for (n in 1:N) target += -square(sum(a[1:g[n]]) - b * y[n]);",
    ),
    (
        "local sizes",
        "for (n in 1:N) { vector[m[n] + 1] t = rep_vector(b, m[n] + 1); t[1] = a[g[n]]; target += -dot_self(t - y[n]); }",
    ),
    (
        "different sizes and the last of them",
        "real last = 0; for (n in 1:N) last = sum(head(a, g[n])) * y[n]; target += -square(last - b);",
    ),
    (
        "growing slices of a recursion",
        "vector[N] u; u[1] = b; for (n in 2:N) u[n] = sum(u[1:(n - 1)]) * tanh(a[1]) + y[n]; u ~ normal(0, s);",
    ),
    (
        "a recursion in each column",
        "matrix[N, K] x = rep_matrix(0, N, K); for (k in 1:K) { x[1, k] = a[k]; for (n in 2:N) x[n, k] = sum(sub_col(x, 1, k, n - 1)) * tanh(b) + y[n]; } target += -sum(square(x));",
    ),
    (
        "foreach",
        "for (x in y) target += -square(x - b); for (x in a) target += -square(x);",
    ),
    (
        "quotients by a matrix",
        r"matrix[2, 2] w = [[2 + s, b], [0.5, 1 + s]]; for (n in 1:N) { vector[2] q = w \ [y[n], b]'; row_vector[2] r = [b, y[n]] / (w * n); target += q[1] * r[2]; }",
    ),
    (
        "vectors by row",
        "matrix[2, 2] c = add_diag(rep_matrix(s * tanh(b) / 2, 2, 2), s); for (n in 1:N) { vector[2] x = [y[n], a[g[n]]]'; target += multi_normal_lpdf(x | [b, 0]', c) + multi_normal_lpdf(x | [b, 0]', c * n); }",
    ),
    (
        "nested scratch",
        "array[2] real acc; array[N, 2] real f; for (k in 1:2) f[1, k] = b * k; for (n in 2:N) { for (k in 1:2) { for (j in 1:2) acc[j] = f[n - 1, j] + a[1] * j * k + y[n]; f[n, k] = log_sum_exp(acc); } } target += -square(f[N, 1] + f[N, 2]);",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn lanes_agree_with_one_iteration_after_the_other(
        rows in prop::collection::vec((1..=3_usize, -2.0..2.0_f64, 0..=3_usize), 3..9),
        theta in prop::collection::vec(-1.0..1.0_f64, 5),
    ) {
        let column = |f: &dyn Fn(&(usize, f64, usize)) -> String| rows.iter().map(f).collect::<Vec<_>>().join(",");
        let data = format!(
            "{{\"N\": {}, \"K\": 3, \"g\": [{}], \"y\": [{}], \"m\": [{}]}}",
            rows.len(), column(&|r| r.0.to_string()), column(&|r| r.1.to_string()), column(&|r| r.2.to_string()),
        );
        for (name, body) in LOOPS {
            let text = format!("{DATA} model {{ {body} }}");
            if std::panic::catch_unwind(|| both_ways_agree(&text, &data, &theta)).is_err() {
                panic!("{name}: {body}\n{data}\n{theta:?}");
            }
        }
    }
}

#[test]
fn functions_that_return_in_some_lanes_go_on_in_the_others() {
    let text = "functions { real f(int m, real x) { if (m == 0) return x; if (m == 1) { return 2 * x; } return m * x; } }
        data { int N; array[N] int m; vector[N] y; } parameters { real b; }
        model { for (n in 1:N) target += -square(y[n] - f(m[n], b)); }";
    both_ways_agree(
        text,
        r#"{"N": 4, "m": [0, 1, 2, 3], "y": [1, 2, 3, 4]}"#,
        &[0.7],
    );
}

#[test]
fn quotients_by_a_matrix_times_it_are_what_was_divided() {
    let text = r"parameters { matrix[3, 3] w; vector[3] a; matrix[2, 3] m; }
        model { target += dot_self(w * (w \ a) - a) + dot_self((a' / w) * w - a'); target += sum(square((m / w) * w - m)); }";
    let theta: Vec<f64> = (0..18).map(|i| (1.7 * f64::from(i * i)).sin()).collect();
    let staged = stage(&program(text), &Data::from_json("{}").expect("data")).expect("a program");
    let density = evaluate(staged, &theta)[0];
    assert!(density.abs() < 1e-25, "{density}");
}

#[test]
fn more_rows_make_no_more_nodes() {
    let row = |n: usize, times: usize| {
        let column = |f: &dyn Fn(usize) -> String| {
            (0..n * times)
                .map(|i| f(i % n))
                .collect::<Vec<_>>()
                .join(",")
        };
        format!(
            "{{\"N\": {}, \"K\": 3, \"g\": [{}], \"y\": [{}], \"m\": [{}]}}",
            n * times,
            column(&|i| (i % 3 + 1).to_string()),
            column(&|i| (i as f64 * 0.37).sin().to_string()),
            column(&|i| (i % 4).to_string())
        )
    };
    // What is sequential by nature (recursion, running totals, breaks) is left out, and `for (x in y)` is not merged.
    let sequential = [
        "recursion",
        "running total",
        "swaps in place",
        "continue and break",
        "foreach",
        "nested scratch",
        "growing slices of a recursion",
        "a recursion in each column",
    ];
    for (name, body) in LOOPS.iter().filter(|(name, _)| !sequential.contains(name)) {
        let program = program(&format!("{DATA} model {{ {body} }}"));
        let count = |times| {
            let data = Data::from_json(&row(8, times)).expect("data");
            nodes(&mut stage(&program, &data).unwrap_or_else(|e| panic!("{name}: {e:?}")))
        };
        // With fewer rows, what is picked of a group may happen to lie in order, and need no gather.
        assert_eq!(count(2), count(3), "{name}");
    }
}

#[test]
fn a_density_with_every_row_twice_is_twice_the_density() {
    let text = "data { int N; vector[N] y; } parameters { real b; } model { for (n in 1:N) y[n] ~ normal(b, 2); }";
    let program = program(text);
    let at = |json: &str| {
        evaluate(
            stage(&program, &Data::from_json(json).expect("data")).expect("staged"),
            &[0.3],
        )
    };
    let (once, twice) = (
        at(r#"{"N": 2, "y": [1, 2]}"#),
        at(r#"{"N": 4, "y": [1, 2, 1, 2]}"#),
    );
    assert!((twice[0] - 2.0 * once[0]).abs() < 1e-12 && (twice[1] - 2.0 * once[1]).abs() < 1e-12);
}
