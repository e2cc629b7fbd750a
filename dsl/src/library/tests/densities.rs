//! Densities, masses and cumulative functions.

use super::*;

#[test]
fn values_and_gradients_are_those_of_the_definitions() {
    // Of values: rounding in the densities' own formulas, a few of which cancel (lgamma of large arguments).
    let wrong = wrong_rows("distributions.json", 2e-13, 1e-11);
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Three rows of the fixture for each function of scalars, as columns of arguments.
struct Columns {
    name: String,
    columns: Vec<Vec<serde_json::Value>>,
    /// Whether it takes parameters.
    differentiable: bool,
}

fn columns() -> Vec<Columns> {
    let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
    for row in fixture("distributions.json") {
        match groups.last_mut().filter(|(name, _)| *name == row.name) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((row.name.clone(), vec![row])),
        }
    }
    groups
        .into_iter()
        .map(|(name, rows)| {
            let picked = [0, rows.len() / 2, rows.len() - 1].map(|i| &rows[i].arguments);
            let column = |i: usize| picked.iter().map(|row| row[i].clone()).collect();
            let differentiable = rows[0].gradient.is_some();
            Columns {
                name,
                columns: (0..picked[0].len()).map(column).collect(),
                differentiable,
            }
        })
        .collect()
}

fn as_int(x: &serde_json::Value) -> i64 {
    x.as_i64().unwrap()
}

/// A column as one container.
fn container(column: &[serde_json::Value], real_container: fn(&[f64]) -> Argument) -> Argument {
    if column[0].is_i64() {
        return ints(&column.iter().map(as_int).collect::<Vec<_>>());
    }
    real_container(&column.iter().map(number).collect::<Vec<_>>())
}

/// A column as one scalar in each of several lanes.
fn in_lanes(column: &[serde_json::Value]) -> Argument {
    if column[0].is_i64() {
        return Argument(
            Value::Int(Ints::new(
                [column.len()],
                column.iter().map(as_int).collect(),
            )),
            Type::Int,
        );
    }
    lanes(&column.iter().map(number).collect::<Vec<_>>())
}

/// Whether the distribution accepts these arguments together.
fn accepts(name: &str, arguments: &[Argument]) -> bool {
    call_in(&mut Graph::new(), name, arguments, 1, None)
        .unwrap()
        .requirements
        .is_empty()
}

#[test]
fn containers_are_the_sum_of_their_elements_whichever_arguments_are_scalars() {
    for Columns {
        name,
        columns,
        differentiable,
    } in columns()
    {
        for containers in 1..1_usize << columns.len() {
            let is_container = |i: usize| containers >> i & 1 == 1;
            let row = |n: usize| -> Vec<Argument> {
                let at = |i: usize| argument(&columns[i][if is_container(i) { n } else { 0 }]);
                (0..columns.len()).map(at).collect()
            };
            if !(0..3).all(|n| accepts(&name, &row(n))) {
                continue;
            }
            let logs: f64 = (0..3).map(|n| scalar(&name, &row(n))).sum();
            for real_container in [vector, row_vector, reals] {
                let arguments: Vec<_> = (0..columns.len())
                    .map(|i| {
                        if is_container(i) {
                            container(&columns[i], real_container)
                        } else {
                            argument(&columns[i][0])
                        }
                    })
                    .collect();
                let got = scalar(&name, &arguments);
                assert!(
                    close(got, logs, 1e-13),
                    "{name} {containers:b}: {got}, not {logs}"
                );
                if !differentiable {
                    continue;
                }
                let (got, rejected, _) = differentiate(&name, &arguments);
                assert!(
                    !rejected && close(got, logs, 1e-12),
                    "{name} {containers:b} of parameters: {got}, not {logs}"
                );
            }
        }
    }
}

#[test]
fn lanes_are_computed_each_for_itself_whichever_arguments_share_them() {
    for Columns { name, columns, .. } in columns() {
        for shared in 0..(1_usize << columns.len()) - 1 {
            let is_shared = |i: usize| shared >> i & 1 == 1;
            let row = |lane: usize| -> Vec<Argument> {
                let at = |i: usize| argument(&columns[i][if is_shared(i) { 0 } else { lane }]);
                (0..columns.len()).map(at).collect()
            };
            if !(0..3).all(|lane| accepts(&name, &row(lane))) {
                continue;
            }
            let each: Vec<f64> = (0..3).map(|lane| scalar(&name, &row(lane))).collect();
            let arguments: Vec<_> = (0..columns.len())
                .map(|i| {
                    if is_shared(i) {
                        argument(&columns[i][0])
                    } else {
                        in_lanes(&columns[i])
                    }
                })
                .collect();
            let mut got = evaluate(&name, &arguments);
            // One value for all lanes, where it does not differ.
            if got.len() == 1 {
                got = vec![got[0]; 3];
            }
            assert_eq!(got.len(), 3, "{name} {shared:b}");
            let same = got
                .iter()
                .zip(&each)
                .all(|(got, want)| close(*got, *want, 1e-13));
            assert!(same, "{name} {shared:b}: {got:?}, not {each:?}");
        }
    }
}

#[test]
fn containers_of_different_length_are_refused_with_their_names() {
    let arguments = [vector(&[1.0; 3]), vector(&[1.0; 4]), real(1.0)];
    let failure = call_in(&mut Graph::new(), "normal_lpdf", &arguments, 1, None).unwrap_err();
    let message =
        "normal_lpdf: sizes 3 and 4 do not match (random variable and location parameter)";
    assert_eq!(failure, Failure::Wrong(message.to_string()));
}

#[test]
fn a_container_of_one_does_not_stretch_over_others() {
    let arguments = [vector(&[1.0; 3]), vector(&[1.0; 1]), real(1.0)];
    assert!(matches!(
        call_in(&mut Graph::new(), "normal_lpdf", &arguments, 1, None),
        Err(Failure::Wrong(_))
    ));
}

#[test]
fn no_rows_have_log_density_zero() {
    assert_eq!(
        scalar("normal_lpdf", &[vector(&[]), real(0.0), real(1.0)]),
        0.0
    );
    assert_eq!(scalar("bernoulli_lpmf", &[ints(&[]), vector(&[])]), 0.0);
}

#[test]
fn outside_the_support_the_density_is_zero_and_its_gradient_finite() {
    let minus_infinity = [
        ("uniform_lpdf", vec![real(2.0), real(0.0), real(1.0)]),
        (
            "uniform_lpdf",
            vec![vector(&[0.5, -0.1]), real(0.0), real(1.0)],
        ),
        ("inv_gamma_lpdf", vec![real(-1.0), real(2.0), real(1.0)]),
        ("inv_chi_square_lpdf", vec![real(-1.0), real(2.0)]),
        (
            "scaled_inv_chi_square_lpdf",
            vec![real(0.0), real(2.0), real(1.0)],
        ),
        ("weibull_lpdf", vec![real(-1.0), real(2.0), real(1.0)]),
        ("lognormal_lpdf", vec![real(0.0), real(2.0), real(1.0)]),
        ("pareto_lpdf", vec![real(0.5), real(1.0), real(1.0)]),
        (
            "beta_binomial_lpmf",
            vec![int(7), int(3), real(1.0), real(1.0)],
        ),
        ("pareto_lcdf", vec![real(0.5), real(1.0), real(1.0)]),
    ];
    for (name, arguments) in minus_infinity {
        assert_eq!(scalar(name, &arguments), f64::NEG_INFINITY, "{name}");
        let (value, rejected, gradient) = differentiate(name, &arguments);
        assert_eq!((value, rejected), (f64::NEG_INFINITY, false), "{name}");
        assert!(
            gradient.iter().all(|x| x.is_finite()),
            "{name}: {gradient:?}"
        );
    }
}

#[test]
fn bad_arguments_reject_the_draw_known_or_not() {
    let bad = [
        ("normal_lpdf", vec![real(0.0), real(0.0), real(-1.0)]),
        (
            "normal_lpdf",
            vec![real(0.0), real(0.0), vector(&[1.0, 0.0])],
        ),
        (
            "student_t_lpdf",
            vec![real(0.0), real(-1.0), real(0.0), real(1.0)],
        ),
        ("gamma_lpdf", vec![real(-1.0), real(1.0), real(1.0)]),
        ("lognormal_lpdf", vec![real(-1.0), real(1.0), real(1.0)]),
        ("exponential_lpdf", vec![real(-1.0), real(1.0)]),
        ("beta_lpdf", vec![real(1.5), real(1.0), real(1.0)]),
        ("uniform_lpdf", vec![real(0.5), real(1.0), real(0.0)]),
        ("bernoulli_lpmf", vec![int(1), real(1.5)]),
        ("binomial_lpmf", vec![int(1), int(3), real(-0.5)]),
        ("poisson_lpmf", vec![int(1), real(-0.5)]),
        ("neg_binomial_2_lpmf", vec![int(1), real(1.0), real(-2.0)]),
        ("categorical_lpmf", vec![int(1), vector(&[0.5, 0.6])]),
        (
            "dirichlet_lpdf",
            vec![vector(&[0.5, 0.6]), vector(&[1.0, 1.0])],
        ),
        (
            "ordered_logistic_lpmf",
            vec![int(1), real(0.0), vector(&[1.0, 0.5])],
        ),
    ];
    for (name, arguments) in bad {
        let outcome = call_in(&mut Graph::new(), name, &arguments, 1, None).unwrap();
        assert!(!outcome.requirements.is_empty(), "{name}");
        assert!(differentiate(name, &arguments).1, "{name} of parameters");
    }
}

#[test]
fn impossible_data_rejects_every_draw() {
    let bad = [
        ("bernoulli_lpmf", vec![int(2), real(0.5)]),
        ("binomial_lpmf", vec![int(4), int(3), real(0.5)]),
        ("poisson_lpmf", vec![int(-1), real(0.5)]),
        ("categorical_lpmf", vec![int(3), vector(&[0.5, 0.5])]),
        (
            "ordered_logistic_lpmf",
            vec![int(0), real(0.0), vector(&[0.5])],
        ),
    ];
    for (name, arguments) in bad {
        assert!(differentiate(name, &arguments).1, "{name}");
    }
}

#[test]
fn a_rejection_says_which_element_of_which_argument_is_bad() {
    let arguments = [real(0.0), real(0.0), vector(&[1.0, -2.0])];
    let outcome = call_in(&mut Graph::new(), "normal_lpdf", &arguments, 1, None).unwrap();
    assert_eq!(
        outcome.requirements[0].message,
        "normal_lpdf: Scale parameter[2] is -2, but must be positive"
    );
}

#[test]
fn certain_outcomes_have_finite_gradients() {
    let certain = [
        ("bernoulli_lpmf", vec![int(1), real(1.0)], vec![1.0]),
        ("bernoulli_lpmf", vec![int(0), real(0.0)], vec![-1.0]),
        (
            "bernoulli_lpmf",
            vec![ints(&[1, 0]), vector(&[1.0, 0.0])],
            vec![1.0, -1.0],
        ),
        ("bernoulli_lpmf", vec![ints(&[1, 1]), real(1.0)], vec![2.0]),
        ("binomial_lpmf", vec![int(3), int(3), real(1.0)], vec![3.0]),
        (
            "binomial_lpmf",
            vec![ints(&[3, 0]), int(3), vector(&[1.0, 0.0])],
            vec![3.0, -3.0],
        ),
        (
            "poisson_lpmf",
            vec![ints(&[0, 2]), vector(&[0.0, 2.0])],
            vec![-1.0, 0.0],
        ),
    ];
    for (name, arguments, slopes) in certain {
        let (value, rejected, gradient) = differentiate(name, &arguments);
        assert!(value.is_finite() && !rejected, "{name}: {value}");
        assert_eq!(gradient, slopes, "{name}");
        assert_eq!(scalar(name, &arguments), value, "{name}");
    }
}

#[test]
fn unnormalised_densities_are_the_normalised_ones() {
    assert!(std::ptr::eq(
        lookup("normal_lupdf").unwrap(),
        lookup("normal_lpdf").unwrap()
    ));
    assert!(std::ptr::eq(
        lookup("poisson_lupmf").unwrap(),
        lookup("poisson_lpmf").unwrap()
    ));
    assert!(lookup("normal_lupmf").is_none());
}
