//! `reduce_sum` is the function that it is given, of the whole array.

use firebrand_core::{Batch, Placement, Target, to_host};
use firebrand_dsl::{Data, Model};

const PROGRAM: &str = "functions {
  real partial_lpmf(array[] int slice, int start, int end, vector x, real alpha) {
    return poisson_log_lpmf(slice | alpha + x[start:end]);
  }
  real squares(array[] real slice, int start, int end) { return -dot_product(slice, slice); }
}
data { int N; array[N] int y; vector[N] x; array[0] real none; }
parameters { real alpha; array[2] real beta; }
";

const DATA: &str = r#"{"N": 3, "y": [2, 0, 5], "x": [0.5, -1.0, 2.0], "none": []}"#;

/// Log density and score of a model of these terms.
fn evaluate(terms: &str) -> (Vec<f64>, Vec<f64>) {
    let text = format!("{PROGRAM}model {{ {terms} }}");
    let model = Model::parse("model.stan", &text).unwrap_or_else(|report| panic!("{report}"));
    let data = Data::from_json(DATA).expect("data");
    let posterior = model
        .compile(&data, &Placement::cpu())
        .unwrap_or_else(|report| panic!("{report}"));
    let theta = Placement::cpu().matrix(vec![0.3, -1.0, 0.7], [1, 3]);
    let evaluation = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .expect("a density");
    (to_host(&evaluation.log_density), to_host(&evaluation.score))
}

#[test]
fn a_sum_in_parallel_is_the_sum() {
    let whole = evaluate("y ~ poisson_log(alpha + x); target += -dot_product(beta, beta);");
    for name in ["reduce_sum", "reduce_sum_static"] {
        for partial in ["partial_lpmf", "partial_lupmf"] {
            let terms = format!(
                "target += {name}({partial}, y, 1, x, alpha); target += {name}(squares, beta, 2);
                 target += {name}(squares, none, 1);"
            );
            assert_eq!(evaluate(&terms), whole, "{terms}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_call_is_said() {
    let wrong = [
        (
            "reduce_sum(partial_lpmf, y)",
            "does not take these arguments",
        ),
        (
            "reduce_sum(nothing, y, 1)",
            "there is no function `nothing`",
        ),
        (
            "reduce_sum(squares, y, 1, x)",
            "calls `squares` with (array[] int, int, int, vector)",
        ),
        ("reduce_sum(1, y, 1)", "does not take these arguments"),
        ("reduce_sum()", "does not take these arguments"),
    ];
    for (call, message) in wrong {
        let text = format!("{PROGRAM}model {{ target += {call}; }}");
        let report = Model::parse("model.stan", &text).expect_err(call);
        let rendered = report.render(false);
        assert!(rendered.contains(message), "{call}\n{rendered}");
        assert_eq!(rendered.matches("Error: ").count(), 1, "{rendered}");
    }
}
