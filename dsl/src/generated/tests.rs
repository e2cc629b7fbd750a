//! Draws that run together give what each of them gives alone, and what a program of the log density gives.

use firebrand_core::{Constrained, Placement, Target};

use super::*;
use crate::data::Data;
use crate::model::Model;
use crate::posterior::Posterior;

const DRAWS: usize = 24;

/// x is increasing from draw to draw, below zero in the first half.
fn theta() -> Vec<f64> {
    let x = |draw: usize| draw as f64 - 11.5;
    (0..DRAWS)
        .flat_map(|draw| [0.3 * x(draw), (1.7 * x(draw)).sin()])
        .collect()
}

fn posterior(text: &str) -> Posterior {
    let model = Model::parse("m", text).unwrap_or_else(|report| panic!("{report}"));
    let posterior = model.compile(&Data::empty(), &Placement::cpu());
    posterior.unwrap_or_else(|report| panic!("{report}"))
}

fn generating(block: &str) -> Posterior {
    posterior(&format!(
        "functions {{
           int above(real x) {{ for (i in 1:5) if (i > x) return i; return 6; }}
           vector decay(real t, vector y, real rate) {{ return -rate * y; }}
         }}
         parameters {{ real x; real y; }}
         model {{ x ~ std_normal(); y ~ std_normal(); }}
         generated quantities {{ {block} }}"
    ))
}

/// The rows of these draws, run together if they can be, and whether they could.
fn generate(generator: &Generator, draws: &[usize]) -> (Vec<Vec<f64>>, bool) {
    let (values, cancelled) = (theta(), AtomicBool::new(false));
    let all = Draws {
        values: &values,
        width: 2,
        theta: &Placement::cpu().matrix(values.clone(), [DRAWS, 2]),
        seed: 5,
        cancelled: &cancelled,
    };
    let mut block = Generated::new(0, DRAWS, generator.generated_width());
    let together = generator.generate_together(&all, draws, &mut block).is_ok();
    let mut block = Generated::new(0, DRAWS, generator.generated_width());
    generator
        .generate(&all, draws, &mut block)
        .expect("it is not interrupted");
    let rows = block.rows.chunks(block.rows.len() / DRAWS);
    (rows.map(<[f64]>::to_vec).collect(), together)
}

fn together_as_alone(block: &str) -> bool {
    let posterior = generating(block);
    let (rows, together) = generate(posterior.generator(), &Vec::from_iter(0..DRAWS));
    for (draw, row) in rows.iter().enumerate() {
        let (alone, _) = generate(posterior.generator(), &[draw]);
        let bits = |row: &[f64]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(row), bits(&alone[draw]), "draw {draw} of {block}");
    }
    let some = rows.iter().flatten().any(|x| !x.is_nan());
    assert!(some, "nothing was generated: {block}");
    together
}

#[test]
fn draws_that_differ_in_what_they_do_run_together() {
    let blocks = [
        // The most probable path, with pointers that depend on parameters.
        "array[6] int path; array[6, 2] int back; array[6, 2] real best;
         for (k in 1:2) best[1, k] = normal_lpdf(x | k, 1);
         for (t in 2:6) for (k in 1:2) {
           best[t, k] = negative_infinity();
           for (j in 1:2) {
             real logp = best[t - 1, j] - 0.3 * abs(j - k + y) + normal_lpdf(x * t | k, 1);
             if (logp > best[t, k]) { back[t, k] = j; best[t, k] = logp; }
           }
         }
         path[6] = best[6, 1] > best[6, 2] ? 1 : 2;
         for (t in 1:5) path[6 - t] = back[7 - t, path[7 - t]];
         for (k in 1:2) back[1, k] = 0;",
        // Random numbers in one arm of a branch: other draws take none.
        "real a = 0; for (i in 1:5) { if (x + i > 3) a += normal_rng(y, 1); a += uniform_rng(0, 1); }",
        "int k = categorical_rng(softmax([x, y, 0]')); vector[3] z = [1, 2, 3]'; real b = z[k] + normal_rng(z[k], 1);",
        "int n = 0; real s = x; while (s < 2 && n < 40) { s += exponential_rng(1.5); n += 1; }",
        // What the second half of a condition asks is wrong where the first does not hold.
        "array[3] real z = {x, y, 0}; int i = x > 0 ? 2 : 9; int r = i < 4 && z[i] > 0; int q = i > 3 || z[i] > 0;",
        "vector[3] w = dirichlet_rng([1, 2, exp(y)]'); array[3] int m = multinomial_rng(w, 7);
         vector[2] v = multi_normal_rng([x, y]', [[2, 0.5], [0.5, 1]]); int o = ordered_logistic_rng(x, [-1, 1]');",
        "vector[2] e = ode_rk45(decay, [1, x]', 0.0, {1.0}, exp(y))[1]; real f = e[1] + normal_rng(0, 1);",
        // Two of the draws are rejected, for reasons of their own.
        "if (x > 3.4) reject(\"too large\"); real a = normal_rng(0, x + 3.4); print(a);",
    ];
    for block in blocks {
        assert!(together_as_alone(block), "not together: {block}");
    }
}

#[test]
fn draws_that_cannot_run_together_run_in_parts() {
    let blocks = [
        // Sizes, ways out of loops and mistakes that differ from draw to draw.
        "int n = poisson_rng(exp(y)); real s; { vector[n] z; for (i in 1:n) z[i] = normal_rng(x, 1); s = sum(z); }",
        "int i = 0; for (k in 1:9) { if (normal_rng(x, 1) > 1) break; i += k; }",
        "int i = above(x) + above(normal_rng(y, 2));",
        "array[3] real z = {x, y, 0}; real s = z[x < 3 ? 1 : 7];",
        // A mistake that is told without the lanes in which it was made.
        "real l = categorical_lpmf(x > 3 ? 4 : 1 | [0.2, 0.3, 0.5]') + x;",
    ];
    for block in blocks {
        assert!(!together_as_alone(block), "together: {block}");
    }
}

#[test]
fn known_draws_are_computed_as_nodes_are() {
    let blocks = [
        "vector[4] z; for (i in 1:4) z[i] = inv_logit(x * i) + log_sum_exp([x, y, i]'); real s = sd(z) * normal_lpdf(z | x, exp(y));",
        "real a = y; if (x > 0) { a = a * x; } else { a -= exp(x); } matrix[2, 2] m = [[x, a], [1, y]]; row_vector[2] p = [a, 1] * m * m';",
        "vector[3] c = softmax([x, y, x * y]'); array[2] vector[3] d = {cumulative_sum(c), reverse(-c)}; real n = x ^ 2 / (1 + y ^ 2);",
    ];
    for block in blocks {
        let quantities = posterior(&format!(
            "parameters {{ real x; real y; }} model {{ }} generated quantities {{ {block} }}"
        ));
        let nodes = posterior(&format!(
            "parameters {{ real x; real y; }} transformed parameters {{ {block} }} model {{ }}"
        ));
        let theta = Placement::cpu().matrix(theta(), [DRAWS, 2]);
        let values = |p: &Posterior| p.constrain(&theta, 1).expect("values").values;
        let (quantities, nodes) = (values(&quantities), values(&nodes));
        assert_eq!(quantities.len(), nodes.len());
        // A few hundred roundings at most, here and there.
        for (a, b) in quantities.iter().zip(&nodes) {
            assert!(
                (a - b).abs() <= 1e-12 * a.abs().max(1.0),
                "{a}, not {b}: {block}"
            );
        }
    }
}

#[test]
fn draws_have_their_own_random_numbers_and_the_same_ones_every_time() {
    let posterior = generating("real z = normal_rng(0, 1);");
    let theta = Placement::cpu().zeros([1000, 2]);
    let z = |seed| posterior.constrain(&theta, seed).expect("draws").column(2);
    assert_eq!(z(5), z(5));
    assert_ne!(z(5), z(6));
    let mut sorted = z(5);
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    assert_eq!(sorted.len(), 1000);
}

#[test]
fn a_raised_flag_ends_them_within_a_draw() {
    let posterior = generating("real z = 0; for (i in 1:100000000) z += x;");
    let (theta, cancelled) = (Placement::cpu().zeros([3, 2]), AtomicBool::new(false));
    let ended: Result<Constrained, _> = thread::scope(|scope| {
        let running = scope.spawn(|| posterior.constrain_until(&theta, 1, &cancelled));
        thread::sleep(std::time::Duration::from_millis(100));
        cancelled.store(true, Ordering::Relaxed);
        running.join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    assert_eq!(ended, Err(TargetError::Interrupted));
}

#[test]
fn draws_that_are_whole_when_they_are_interrupted_are_kept() {
    // The third of four draws never ends; each is a block of its own.
    let posterior = generating("real u = normal_rng(x, 1); if (y > 1) while (u < 1e300) u += 0;");
    let at = [0.1, 0.0, 0.2, 0.0, 0.3, 2.0, 0.4, 0.0];
    let theta = Placement::cpu().matrix(at.to_vec(), [4, 2]);
    let cancelled = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        let running = scope.spawn(|| posterior.constrain_first(&theta, 1, &cancelled));
        thread::sleep(std::time::Duration::from_millis(300));
        cancelled.store(true, Ordering::Relaxed);
        running.join().expect("no panic")
    });
    let ended = ended.expect("the first draws");
    assert_eq!((ended.count, ended.draws.draws()), (2, 2));
    let first = Placement::cpu().matrix(at[..4].to_vec(), [2, 2]);
    let alone = posterior.constrain(&first, 1).expect("two draws that end");
    assert_eq!(ended.draws.values, alone.values);
    assert_eq!(
        posterior.constrain_until(&theta, 1, &cancelled),
        Err(TargetError::Interrupted)
    );
}

#[test]
fn sizes_may_be_those_of_parameters_and_what_is_left_out_is_said() {
    let posterior = posterior(
        "parameters { vector[2] b; }
         transformed parameters { array[3] vector[2] t = {b, b, b}; }
         model { b ~ std_normal(); }
         generated quantities {
           int M = 3;
           vector[M] lost = rep_vector(b[1], M);
           vector[num_elements(b)] of_b = b;
           matrix[size(t), num_elements(t[1])] of_t = rep_matrix(b[1], 3, 2);
         }",
    );
    let names: Vec<&str> = posterior
        .generator()
        .declared()
        .iter()
        .map(|generated| generated.name.as_str())
        .collect();
    assert_eq!(names, ["M", "of_b", "of_t"]);
    assert_eq!(posterior.generator().left_out(), ["lost"]);
    assert!(posterior.printed()[0].contains("`lost`"));
}
