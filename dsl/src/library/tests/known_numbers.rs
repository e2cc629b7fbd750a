//! Functions of numbers that are known before the model runs, and what is refused.

use super::containers::{Case, six, three, two};
use super::*;

#[test]
fn known_numbers_and_sizes_are_as_stan_has_them() {
    let cases: Vec<Case> = vec![
        ("pi", vec![], vec![std::f64::consts::PI]),
        ("log2", vec![], vec![2.0_f64.ln()]),
        ("log10", vec![], vec![10.0_f64.ln()]),
        ("log10", vec![real(1000.0)], vec![3.0]),
        ("machine_precision", vec![], vec![f64::EPSILON]),
        ("negative_infinity", vec![], vec![f64::NEG_INFINITY]),
        ("identity_matrix", vec![int(2)], vec![1.0, 0.0, 0.0, 1.0]),
        ("zeros_vector", vec![int(2)], vec![0.0; 2]),
        ("ones_int_array", vec![int(3)], vec![1.0; 3]),
        ("uniform_simplex", vec![int(4)], vec![0.25; 4]),
        ("one_hot_vector", vec![int(3), int(2)], vec![0.0, 1.0, 0.0]),
        (
            "one_hot_int_array",
            vec![int(3), int(3)],
            vec![0.0, 0.0, 1.0],
        ),
        (
            "linspaced_vector",
            vec![int(5), real(-1.0), real(1.0)],
            vec![-1.0, -0.5, 0.0, 0.5, 1.0],
        ),
        (
            "linspaced_vector",
            vec![int(1), real(-1.0), real(1.0)],
            vec![1.0],
        ),
        (
            "linspaced_int_array",
            vec![int(3), int(1), int(6)],
            vec![1.0, 3.0, 5.0],
        ),
        (
            "linspaced_int_array",
            vec![int(4), int(1), int(2)],
            vec![1.0, 1.0, 2.0, 2.0],
        ),
        ("rep_array", vec![int(7), int(2)], vec![7.0, 7.0]),
        ("head", vec![ints(&[4, 5, 6]), int(2)], vec![4.0, 5.0]),
        ("reverse", vec![ints(&[4, 5, 6])], vec![6.0, 5.0, 4.0]),
        ("append_array", vec![ints(&[4]), ints(&[])], vec![4.0]),
        (
            "cumulative_sum",
            vec![ints(&[4, 5, 6])],
            vec![4.0, 9.0, 15.0],
        ),
        ("abs", vec![ints(&[-4, 5])], vec![4.0, 5.0]),
        ("sum", vec![ints(&[4, 5, 6])], vec![15.0]),
        ("prod", vec![ints(&[4, 5, 6])], vec![120.0]),
        ("max", vec![int(4), int(-5)], vec![4.0]),
        ("min", vec![ints(&[4, -5])], vec![-5.0]),
        ("sort_asc", vec![ints(&[4, -5, 3])], vec![-5.0, 3.0, 4.0]),
        ("sort_desc", vec![three()], vec![1.5, 0.25, -2.0]),
        ("sort_indices_asc", vec![three()], vec![2.0, 3.0, 1.0]),
        ("sort_indices_desc", vec![three()], vec![1.0, 3.0, 2.0]),
        ("rank", vec![three(), int(3)], vec![1.0]),
        (
            "quantile",
            vec![vector(&[4.0, 1.0, 2.0]), real(0.75)],
            vec![3.0],
        ),
        (
            "quantile",
            vec![vector(&[4.0, 1.0, 2.0]), reals(&[0.0, 0.5, 1.0])],
            vec![1.0, 2.0, 4.0],
        ),
        ("choose", vec![int(30), int(15)], vec![155_117_520.0]),
        ("modulus", vec![int(-7), int(3)], vec![-1.0]),
        ("int_step", vec![real(0.0)], vec![0.0]),
        ("step", vec![real(0.0)], vec![1.0]),
        ("is_nan", vec![real(f64::NAN)], vec![1.0]),
        ("is_inf", vec![real(f64::NEG_INFINITY)], vec![1.0]),
        ("logical_gte", vec![real(1.0), int(1)], vec![1.0]),
        ("to_int", vec![real(-2.9)], vec![-2.0]),
        ("size", vec![six()], vec![6.0]),
        ("size", vec![three()], vec![3.0]),
        ("size", vec![real(1.0)], vec![1.0]),
        ("num_elements", vec![six()], vec![6.0]),
        ("rows", vec![six()], vec![2.0]),
        ("cols", vec![six()], vec![3.0]),
        ("rows", vec![row_vector(&[1.0; 5])], vec![1.0]),
        ("cols", vec![row_vector(&[1.0; 5])], vec![5.0]),
        ("dims", vec![six()], vec![2.0, 3.0]),
        ("rising_factorial", vec![int(3), int(3)], vec![60.0]),
    ];
    for (name, arguments, want) in cases {
        assert_eq!(evaluate(name, &arguments), want, "{name}");
    }
}

#[test]
fn what_needs_known_numbers_refuses_parameters() {
    let mut graph = Graph::new();
    let x = graph.input(3, true);
    let x = Argument(Value::Real(graph.reshape(&x, &[1, 3])), Type::Vector);
    for (name, arguments) in [
        ("sort_asc", vec![x.clone()]),
        ("rank", vec![x.clone(), int(1)]),
        ("quantile", vec![x.clone(), real(0.5)]),
        ("std_normal_log_qf", vec![x]),
    ] {
        let failure = call_in(&mut graph, name, &arguments, 1, None).unwrap_err();
        assert_eq!(
            failure,
            Failure::Unsupported(format!("{name} of a value that depends on parameters"))
        );
    }
}

#[test]
fn parts_that_are_not_there_are_wrong() {
    for (name, arguments) in [
        ("head", vec![three(), int(4)]),
        ("tail", vec![three(), int(4)]),
        ("segment", vec![three(), int(3), int(2)]),
        ("row", vec![six(), int(3)]),
        ("col", vec![six(), int(0)]),
        ("block", vec![six(), int(1), int(2), int(2), int(3)]),
        ("rep_vector", vec![real(1.0), int(-1)]),
        ("to_matrix", vec![three(), int(2), int(2)]),
        ("dot_product", vec![three(), two()]),
        ("append_row", vec![six(), row_vector(&[1.0])]),
        ("diag_pre_multiply", vec![three(), six()]),
        ("quad_form", vec![six(), two()]),
        ("max", vec![ints(&[])]),
        ("mean", vec![vector(&[])]),
        ("choose", vec![int(60), int(30)]),
        ("modulus", vec![int(1), int(0)]),
        ("one_hot_vector", vec![int(2), int(3)]),
    ] {
        let outcome = call_in(&mut Graph::new(), name, &arguments, 1, None);
        assert!(
            matches!(outcome, Err(Failure::Wrong(_))),
            "{name}: {outcome:?}"
        );
    }
}
