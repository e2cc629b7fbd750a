//! Functions that build, take apart and rearrange containers.

use super::*;

/// A call, and the numbers that it gives (row-major).
pub type Case = (&'static str, Vec<Argument>, Vec<f64>);

/// 1 2 3
/// 4 5 6
pub fn six() -> Argument {
    matrix(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
}

/// 2 1
/// 1 3
fn four() -> Argument {
    matrix(2, 2, &[2.0, 1.0, 1.0, 3.0])
}

pub fn three() -> Argument {
    vector(&[1.5, -2.0, 0.25])
}

pub fn two() -> Argument {
    vector(&[10.0, 20.0])
}

/// Functions of reals that may be parameters.
fn cases() -> Vec<Case> {
    vec![
        ("rep_vector", vec![real(2.5), int(3)], vec![2.5; 3]),
        ("rep_row_vector", vec![real(2.5), int(0)], vec![]),
        ("rep_matrix", vec![real(2.5), int(2), int(3)], vec![2.5; 6]),
        (
            "rep_matrix",
            vec![two(), int(3)],
            vec![10.0, 10.0, 10.0, 20.0, 20.0, 20.0],
        ),
        (
            "rep_matrix",
            vec![row_vector(&[10.0, 20.0]), int(3)],
            vec![10.0, 20.0, 10.0, 20.0, 10.0, 20.0],
        ),
        (
            "rep_array",
            vec![two(), int(2), int(1)],
            vec![10.0, 20.0, 10.0, 20.0],
        ),
        (
            "append_row",
            vec![two(), three()],
            vec![10.0, 20.0, 1.5, -2.0, 0.25],
        ),
        ("append_row", vec![real(7.0), two()], vec![7.0, 10.0, 20.0]),
        (
            "append_row",
            vec![six(), row_vector(&[7.0, 8.0, 9.0])],
            vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        ),
        (
            "append_row",
            vec![row_vector(&[1.0, 2.0]), row_vector(&[3.0, 4.0])],
            vec![1.0, 2.0, 3.0, 4.0],
        ),
        (
            "append_col",
            vec![two(), six()],
            vec![10.0, 1.0, 2.0, 3.0, 20.0, 4.0, 5.0, 6.0],
        ),
        (
            "append_col",
            vec![two(), vector(&[3.0, 4.0])],
            vec![10.0, 3.0, 20.0, 4.0],
        ),
        (
            "append_col",
            vec![row_vector(&[1.0, 2.0]), real(3.0)],
            vec![1.0, 2.0, 3.0],
        ),
        (
            "append_array",
            vec![reals(&[1.0]), reals(&[2.0, 3.0])],
            vec![1.0, 2.0, 3.0],
        ),
        ("head", vec![three(), int(2)], vec![1.5, -2.0]),
        ("tail", vec![three(), int(2)], vec![-2.0, 0.25]),
        ("tail", vec![three(), int(0)], vec![]),
        ("segment", vec![three(), int(2), int(1)], vec![-2.0]),
        ("reverse", vec![three()], vec![0.25, -2.0, 1.5]),
        ("row", vec![six(), int(2)], vec![4.0, 5.0, 6.0]),
        ("col", vec![six(), int(2)], vec![2.0, 5.0]),
        (
            "sub_row",
            vec![six(), int(2), int(2), int(2)],
            vec![5.0, 6.0],
        ),
        (
            "sub_col",
            vec![six(), int(1), int(3), int(2)],
            vec![3.0, 6.0],
        ),
        (
            "block",
            vec![six(), int(1), int(2), int(2), int(2)],
            vec![2.0, 3.0, 5.0, 6.0],
        ),
        (
            "mdivide_left",
            vec![four(), vector(&[1.0, 2.0])],
            vec![0.2, 0.6],
        ),
        (
            "mdivide_left",
            vec![four(), six()],
            vec![-0.2, 0.2, 0.6, 1.4, 1.6, 1.8],
        ),
        (
            "mdivide_right",
            vec![row_vector(&[1.0, 2.0]), four()],
            vec![0.2, 0.6],
        ),
        (
            "mdivide_right",
            vec![matrix(1, 2, &[1.0, 2.0]), four()],
            vec![0.2, 0.6],
        ),
        (
            "mdivide_left_tri_low",
            vec![four(), vector(&[1.0, 2.0])],
            vec![0.5, 0.5],
        ),
        (
            "mdivide_right_tri_low",
            vec![row_vector(&[1.0, 6.0]), four()],
            vec![-0.5, 2.0],
        ),
        (
            "mdivide_right_tri_low",
            vec![matrix(2, 2, &[1.0, 6.0, 4.0, 0.0]), four()],
            vec![-0.5, 2.0, 2.0, 0.0],
        ),
        ("inverse", vec![four()], vec![0.6, -0.2, -0.2, 0.4]),
        ("determinant", vec![four()], vec![5.0]),
        ("log_determinant", vec![four()], vec![5.0_f64.ln()]),
        (
            "matrix_power",
            vec![four(), int(0)],
            vec![1.0, 0.0, 0.0, 1.0],
        ),
        (
            "matrix_power",
            vec![four(), int(3)],
            vec![15.0, 20.0, 20.0, 35.0],
        ),
        ("diagonal", vec![six()], vec![1.0, 5.0]),
        ("diag_matrix", vec![two()], vec![10.0, 0.0, 0.0, 20.0]),
        (
            "add_diag",
            vec![six(), two()],
            vec![11.0, 2.0, 3.0, 4.0, 25.0, 6.0],
        ),
        (
            "add_diag",
            vec![six(), real(0.5)],
            vec![1.5, 2.0, 3.0, 4.0, 5.5, 6.0],
        ),
        (
            "add_diag",
            vec![matrix(3, 1, &[1.0, 2.0, 3.0]), vector(&[0.5])],
            vec![1.5, 2.0, 3.0],
        ),
        (
            "diag_pre_multiply",
            vec![two(), six()],
            vec![10.0, 20.0, 30.0, 80.0, 100.0, 120.0],
        ),
        (
            "diag_post_multiply",
            vec![six(), three()],
            vec![1.5, -4.0, 0.75, 6.0, -10.0, 1.5],
        ),
        (
            "quad_form_diag",
            vec![four(), two()],
            vec![200.0, 200.0, 200.0, 1200.0],
        ),
        (
            "quad_form",
            vec![four(), two()],
            vec![200.0 + 2.0 * 200.0 + 1200.0],
        ),
        (
            "quad_form",
            vec![four(), matrix(2, 1, &[10.0, 20.0])],
            vec![1800.0],
        ),
        (
            "trace_quad_form",
            vec![four(), six()],
            vec![58.0 + 103.0 + 162.0],
        ),
        (
            "crossprod",
            vec![six()],
            vec![17.0, 22.0, 27.0, 22.0, 29.0, 36.0, 27.0, 36.0, 45.0],
        ),
        ("tcrossprod", vec![six()], vec![14.0, 32.0, 32.0, 77.0]),
        (
            "multiply_lower_tri_self_transpose",
            vec![four()],
            vec![4.0, 2.0, 2.0, 10.0],
        ),
        (
            "symmetrize_from_lower_tri",
            vec![matrix(2, 2, &[1.0, 2.0, 3.0, 4.0])],
            vec![1.0, 3.0, 3.0, 4.0],
        ),
        ("trace", vec![four()], vec![5.0]),
        ("transpose", vec![six()], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
        ("to_vector", vec![six()], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
        (
            "to_row_vector",
            vec![six()],
            vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        ),
        (
            "to_array_1d",
            vec![six()],
            vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        ),
        (
            "to_array_2d",
            vec![six()],
            vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        (
            "to_matrix",
            vec![six(), int(3), int(2)],
            vec![1.0, 5.0, 4.0, 3.0, 2.0, 6.0],
        ),
        (
            "to_matrix",
            vec![vector(&[1.0, 2.0, 3.0, 4.0]), int(2), int(2)],
            vec![1.0, 3.0, 2.0, 4.0],
        ),
        (
            "to_matrix",
            vec![vector(&[1.0, 2.0, 3.0, 4.0]), int(2), int(2), int(0)],
            vec![1.0, 2.0, 3.0, 4.0],
        ),
        ("to_matrix", vec![three()], vec![1.5, -2.0, 0.25]),
        ("cumulative_sum", vec![three()], vec![1.5, -0.5, -0.25]),
        (
            "columns_dot_product",
            vec![six(), six()],
            vec![17.0, 29.0, 45.0],
        ),
        ("rows_dot_product", vec![six(), six()], vec![14.0, 77.0]),
        ("columns_dot_self", vec![three()], vec![6.3125]),
        ("rows_dot_self", vec![three()], vec![2.25, 4.0, 0.0625]),
        ("sum", vec![six()], vec![21.0]),
        ("sum", vec![vector(&[])], vec![0.0]),
        ("prod", vec![vector(&[])], vec![1.0]),
        ("max", vec![six()], vec![6.0]),
        ("max", vec![vector(&[])], vec![f64::NEG_INFINITY]),
        ("mean", vec![six()], vec![3.5]),
        ("variance", vec![real_as_vector()], vec![0.0]),
        (
            "log_softmax",
            vec![vector(&[0.0, 3.0_f64.ln()])],
            vec![0.25_f64.ln(), 0.75_f64.ln()],
        ),
        (
            "softmax",
            vec![vector(&[700.0, 700.0 + 3.0_f64.ln()])],
            vec![0.25, 0.75],
        ),
        (
            "gp_exp_quad_cov",
            vec![points(), real(3.0), real(0.5)],
            kernel(9.0, |d| (-2.0 * d * d).exp()),
        ),
        (
            "gp_exponential_cov",
            vec![points(), real(3.0), real(0.5)],
            kernel(9.0, |d| (-2.0 * d).exp()),
        ),
        (
            "gp_matern32_cov",
            vec![points(), real(3.0), real(0.5)],
            kernel(9.0, |d| {
                (1.0 + 12.0_f64.sqrt() * d) * (-12.0_f64.sqrt() * d).exp()
            }),
        ),
        (
            "gp_matern52_cov",
            vec![points(), real(3.0), real(0.5)],
            kernel(9.0, |d| {
                (1.0 + 20.0_f64.sqrt() * d + 20.0 / 3.0 * d * d) * (-20.0_f64.sqrt() * d).exp()
            }),
        ),
        (
            "gp_periodic_cov",
            vec![points(), real(3.0), real(0.5), real(2.5)],
            kernel(9.0, |d| {
                (-8.0 * (std::f64::consts::PI * d / 2.5).sin().powi(2)).exp()
            }),
        ),
        (
            "gp_dot_prod_cov",
            vec![points(), real(3.0)],
            vec![9.0, 9.0, 9.0, 9.0, 10.0, 8.5, 9.0, 8.5, 9.25],
        ),
        (
            "gp_exp_quad_cov",
            vec![plane(), plane(), real(1.0), reals(&[3.0, 2.0])],
            vec![1.0, (-0.5_f64 * 2.0).exp(), (-0.5_f64 * 2.0).exp(), 1.0],
        ),
        (
            "fma",
            vec![three(), real(2.0), three()],
            vec![4.5, -6.0, 0.75],
        ),
    ]
}

fn points() -> Argument {
    reals(&PLACES)
}

const PLACES: [f64; 3] = [0.0, 1.0, -0.5];

/// Two points of a plane, 3 and 2 apart.
fn plane() -> Argument {
    let places = Array::new([1, 2, 2], vec![1.0, 1.0, 4.0, 3.0]);
    Argument(Value::Real(places.into()), Type::Vector.array())
}

/// A scale times a function of distance, for each pair of points.
fn kernel(scale: f64, function: impl Fn(f64) -> f64) -> Vec<f64> {
    let distances = PLACES
        .iter()
        .flat_map(|x| PLACES.iter().map(move |y| (x - y).abs()));
    distances.map(|d| scale * function(d)).collect()
}

fn real_as_vector() -> Argument {
    vector(&[3.0])
}

#[test]
fn known_containers_are_as_stan_has_them() {
    for (name, arguments, want) in cases() {
        let got = evaluate(name, &arguments);
        let same = got.len() == want.len()
            && got
                .iter()
                .zip(&want)
                .all(|(got, want)| close(*got, *want, 1e-13));
        assert!(same, "{name}: {got:?}, not {want:?}");
    }
}

#[test]
fn parameters_come_out_as_the_same_numbers() {
    for (name, arguments, want) in cases() {
        if want.is_empty()
            || arguments
                .iter()
                .any(|Argument(x, _)| x.shape(&Graph::new()).contains(&0))
        {
            continue;
        }
        let (got, rejected, _) = differentiate(name, &arguments);
        let want: f64 = want.iter().sum();
        assert!(
            !rejected && close(got, want, 1e-13),
            "{name}: {got}, not {want}"
        );
    }
}

#[test]
fn covariances_of_moving_points_have_finite_gradients() {
    for name in [
        "gp_exp_quad_cov",
        "gp_exponential_cov",
        "gp_matern32_cov",
        "gp_matern52_cov",
    ] {
        let (_, rejected, gradient) = differentiate(name, &[points(), real(3.0), real(0.5)]);
        assert!(
            !rejected && gradient.iter().all(|x| x.is_finite()),
            "{name}: {gradient:?}"
        );
    }
}

/// The argument in two lanes: as it is, and another in its place.
fn doubled(Argument(value, type_): &Argument) -> (Argument, Argument) {
    let Value::Real(x) = value else {
        return (
            Argument(value.clone(), type_.clone()),
            Argument(value.clone(), type_.clone()),
        );
    };
    let known = x.as_data().unwrap();
    let other: Vec<f64> = known.data().iter().map(|x| 2.0 - 0.5 * x).collect();
    let mut shape = known.shape().to_vec();
    let second = Argument(
        Value::Real(Array::new(&shape, other.clone()).into()),
        type_.clone(),
    );
    shape[0] = 2;
    let both = known.data().iter().copied().chain(other).collect();
    (
        Argument(Value::Real(Array::new(shape, both).into()), type_.clone()),
        second,
    )
}

#[test]
fn lanes_are_kept_apart_whichever_arguments_share_them() {
    for (name, arguments, first) in cases() {
        for shared in 0..1_usize << arguments.len() {
            let is_shared = |i: usize| shared >> i & 1 == 1;
            let (both, second): (Vec<_>, Vec<_>) = arguments
                .iter()
                .enumerate()
                .map(|(i, x)| {
                    if is_shared(i) {
                        (x.clone(), x.clone())
                    } else {
                        doubled(x)
                    }
                })
                .unzip();
            let mut want = first.clone();
            want.extend(evaluate(name, &second));
            let got = evaluate(name, &both);
            let same = got
                .iter()
                .cycle()
                .zip(&want)
                .all(|(got, want)| close(*got, *want, 1e-13));
            let whole = got.len() == want.len() || got.len() * 2 == want.len();
            assert!(same && whole, "{name} {shared:b}: {got:?}, not {want:?}");
        }
    }
}
