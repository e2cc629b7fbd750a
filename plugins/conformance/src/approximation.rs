//! The identities of a member of a variational family. Each function takes the member and panics with what does not hold.

use burn::tensor::Tensor;
use firebrand_core::{Approximation, SampleCotangent, Stream, noise, normals, to_host};

/// Relative step of central differences: the cube root of the rounding error, where truncation and rounding balance.
const STEP: f64 = 6e-6;
/// Relative error allowed of a central difference.
const TOLERANCE: f64 = 1e-6;
/// Draws behind every average.
const DRAWS: usize = 20_000;
/// Standard errors allowed of an average. There are some tens of averages per test.
const ERRORS: f64 = 5.0;

/// All of the identities that hold for a member in any dimension.
pub fn check(q: &dyn Approximation) {
    the_score_is_the_gradient_of_the_log_density(q);
    the_pullback_of_sample_is_its_derivative(q);
    the_pullback_of_log_prob_is_its_derivative(q);
    the_pullback_of_score_is_its_derivative(q);
    the_score_has_mean_zero_and_the_covariance_with_draws_of_stein(q);
    the_density_is_normalised(q);
    the_weights_of_draws_sum_to_one(q);
    lambda_and_saved_state_survive_being_set(q);
}

fn draws(q: &dyn Approximation, count: usize) -> (Tensor<2>, Vec<f64>) {
    let noise = noise(11, Stream::Other(7), 0, q.noise_shape(count), q.placement());
    let theta = q.sample(&noise).expect("sample").theta;
    (noise, to_host(&theta))
}

/// The weights of draws in an average, which are one on average.
fn weights(q: &dyn Approximation, noise: &Tensor<2>) -> Vec<f64> {
    let count = noise.dims()[0];
    match q.sample(noise).expect("sample").log_weight {
        None => vec![1.0; count],
        Some(log_weight) => {
            let weights = to_host(&log_weight).into_iter();
            weights.map(|w| w.exp() * count as f64).collect()
        }
    }
}

/// The standard deviation of every coordinate over draws: the scale of finite differences.
fn deviations(q: &dyn Approximation) -> Vec<f64> {
    let (dimension, count) = (q.dimension(), 200);
    let (_, theta) = draws(q, count);
    (0..dimension)
        .map(|d| {
            let column = || theta.iter().skip(d).step_by(dimension);
            let mean = column().sum::<f64>() / count as f64;
            (column().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64).sqrt()
        })
        .collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, scale: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(
        error <= TOLERANCE * scale.max(1e-300),
        "{what}: {found} should be {expected}"
    );
}

/// `score` against central differences of `log_prob`.
pub fn the_score_is_the_gradient_of_the_log_density(q: &dyn Approximation) {
    let (count, dimension) = (4, q.dimension());
    let (_, theta) = draws(q, count);
    let at = |values: &[f64]| {
        let theta = q.placement().matrix(values.to_vec(), [count, dimension]);
        to_host(&q.log_prob(&theta).expect("log_prob"))
    };
    let points = q.placement().matrix(theta.clone(), [count, dimension]);
    let score = to_host(&q.score(&points).expect("score"));
    for (d, deviation) in deviations(q).into_iter().enumerate() {
        let step = STEP * deviation;
        let shifted = |sign: f64| {
            let mut moved = theta.clone();
            for s in 0..count {
                moved[s * dimension + d] += sign * step;
            }
            at(&moved)
        };
        let (up, down) = (shifted(1.0), shifted(-1.0));
        for s in 0..count {
            let expected = (up[s] - down[s]) / (2.0 * step);
            let found = score[s * dimension + d];
            // Rounding in the log density, a number of order D, is what limits a difference.
            let scale = found.abs() + dimension as f64 / deviation;
            assert_close(
                found,
                expected,
                scale,
                &format!("score of coordinate {d}, draw {s}"),
            );
        }
    }
}

/// The inner product of a fixed cotangent with an output, as a function of the member.
type Product<'a> = dyn Fn(&dyn Approximation) -> f64 + 'a;

fn check_pullback(q: &dyn Approximation, product: &Product<'_>, pulled: &[f64], what: &str) {
    let lambda = to_host(&q.lambda());
    assert_eq!(pulled.len(), lambda.len(), "{what}: the size of lambda");
    let largest = pulled.iter().fold(1e-300, |m: f64, p| m.max(p.abs()));
    let mut moved = q.clone_box();
    for (i, found) in pulled.iter().enumerate() {
        let mut difference = |step: f64| {
            let mut along = |sign: f64| {
                let mut shifted = lambda.clone();
                shifted[i] += sign * step;
                let placement = moved.placement().clone();
                moved
                    .set_lambda(&placement.vector(&shifted))
                    .expect("set_lambda");
                product(moved.as_ref())
            };
            (along(1.0) - along(-1.0)) / (2.0 * step)
        };
        // Which step balances truncation and rounding depends on the parameter's unit, which its value does not always tell.
        let step = STEP * lambda[i].abs().max(1e-3);
        let differences = [difference(step), difference(100.0 * step)];
        let [near, far] = differences.map(|difference| (difference - found).abs());
        let expected = differences[usize::from(far < near)];
        // Terms of order one, some tens of them, each with some units of rounding from the program behind it.
        let rounding = 1e-14 * product(q).abs().max(1.0) / step;
        let scale = found.abs() + largest * 1e-3 + rounding / TOLERANCE;
        assert_close(
            *found,
            expected,
            scale,
            &format!("{what}, entry {i} of lambda"),
        );
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `pull_sample` against central differences of `sample` in lambda, through the draws and through their weights.
pub fn the_pullback_of_sample_is_its_derivative(q: &dyn Approximation) {
    const COUNT: usize = 12;
    let (noise, theta) = draws(q, COUNT);
    let weight = normals(3, Stream::Other(8), 0, theta.len());
    let weight: Vec<f64> = scaled(&weight, &deviations(q));
    let of_weights = normals(6, Stream::Other(8), 0, COUNT);
    let has_weights = q.sample(&noise).expect("sample").log_weight.is_some();
    let cotangent = SampleCotangent {
        theta: q.placement().matrix(weight.clone(), [COUNT, q.dimension()]),
        log_weight: has_weights.then(|| q.placement().vector(&of_weights)),
    };
    let pulled = to_host(&q.pull_sample(&noise, &cotangent).expect("pull_sample"));
    let product = |q: &dyn Approximation| {
        let sample = q.sample(&noise).expect("sample");
        let through_weights = sample.log_weight.map(|w| dot(&of_weights, &to_host(&w)));
        dot(&weight, &to_host(&sample.theta)) + through_weights.unwrap_or(0.0)
    };
    check_pullback(q, &product, &pulled, "pull_sample");
}

/// The weights of a sample sum to one, however many draws it has.
pub fn the_weights_of_draws_sum_to_one(q: &dyn Approximation) {
    for count in [8, 13, 200] {
        let (noise, _) = draws(q, count);
        let total = weights(q, &noise).iter().sum::<f64>() / count as f64;
        assert_close(total, 1.0, 1.0, "the sum of the draws' weights");
    }
}

/// Cotangents of a size that makes every coordinate matter alike.
fn scaled(weight: &[f64], deviations: &[f64]) -> Vec<f64> {
    let sizes = deviations.iter().cycle();
    weight.iter().zip(sizes).map(|(w, s)| w / s).collect()
}

/// `pull_log_prob` against central differences of `log_prob` in lambda.
pub fn the_pullback_of_log_prob_is_its_derivative(q: &dyn Approximation) {
    let (_, theta) = draws(q, 3);
    let theta = q.placement().matrix(theta, [3, q.dimension()]);
    let weight = normals(4, Stream::Other(8), 0, 3);
    let cotangent = q.placement().vector(&weight);
    let pulled = to_host(&q.pull_log_prob(&theta, &cotangent).expect("pull_log_prob"));
    let product =
        |q: &dyn Approximation| dot(&weight, &to_host(&q.log_prob(&theta).expect("log_prob")));
    check_pullback(q, &product, &pulled, "pull_log_prob");
}

/// `pull_score` against central differences of `score` in lambda.
pub fn the_pullback_of_score_is_its_derivative(q: &dyn Approximation) {
    let (_, theta) = draws(q, 3);
    let theta = q.placement().matrix(theta, [3, q.dimension()]);
    let weight = normals(5, Stream::Other(8), 0, 3 * q.dimension());
    let inverse: Vec<f64> = deviations(q).iter().map(|s| 1.0 / s).collect();
    let weight = scaled(&weight, &inverse);
    let cotangent = q.placement().matrix(weight.clone(), [3, q.dimension()]);
    let pulled = to_host(&q.pull_score(&theta, &cotangent).expect("pull_score"));
    let product = |q: &dyn Approximation| dot(&weight, &to_host(&q.score(&theta).expect("score")));
    check_pullback(q, &product, &pulled, "pull_score");
}

/// `E_q[score] = 0` and `E_q[score (theta - mean)'] = -I`.
pub fn the_score_has_mean_zero_and_the_covariance_with_draws_of_stein(q: &dyn Approximation) {
    let dimension = q.dimension();
    let (noise, theta) = draws(q, DRAWS);
    let weights = weights(q, &noise);
    let points = q.placement().matrix(theta.clone(), [DRAWS, dimension]);
    let score = to_host(&q.score(&points).expect("score"));
    let deviations = deviations(q);
    let weighted = |s: usize, i: usize| score[s * dimension + i] * weights[s];
    for i in 0..dimension {
        let values: Vec<f64> = (0..DRAWS).map(|s| weighted(s, i)).collect();
        assert_mean(&values, 0.0, &format!("the score of coordinate {i}"));
        for j in 0..dimension {
            let centre = theta[j];
            let values: Vec<f64> = (0..DRAWS)
                .map(|s| weighted(s, i) * (theta[s * dimension + j] - centre))
                .map(|v| v * deviations[i] / deviations[j])
                .collect();
            let expected = if i == j { -1.0 } else { 0.0 };
            assert_mean(&values, expected, &format!("score {i} times draw {j}"));
        }
    }
}

#[track_caller]
fn assert_mean(values: &[f64], expected: f64, what: &str) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let error = (variance / count).sqrt();
    assert!(
        (mean - expected).abs() <= ERRORS * error + 1e-9,
        "{what}: the mean {mean} should be {expected}, with a standard error of {error}"
    );
}

/// The density integrates to one, by importance sampling from a Gaussian with the moments of the member's draws, half as
/// wide again in variance. Few dimensions, please: the weights' variance grows with them.
pub fn the_density_is_normalised(q: &dyn Approximation) {
    let dimension = q.dimension();
    let (_, theta) = draws(q, 2000);
    let mean: Vec<f64> = (0..dimension)
        .map(|d| theta.iter().skip(d).step_by(dimension).sum::<f64>() / 2000.0)
        .collect();
    let covariance = faer::Mat::from_fn(dimension, dimension, |i, j| {
        (0..2000)
            .map(|s| {
                (theta[s * dimension + i] - mean[i]) * (theta[s * dimension + j] - mean[j]) / 2000.0
            })
            .sum::<f64>()
            * 1.5
    });
    let factor = firebrand_core::cholesky(&covariance).expect("draws span the space");
    let normal = normals(9, Stream::Other(9), 0, DRAWS * dimension);
    let mut points = Vec::with_capacity(DRAWS * dimension);
    let mut log_proposal = Vec::with_capacity(DRAWS);
    let log_scale: f64 = (0..dimension).map(|i| factor[(i, i)].ln()).sum();
    let constant = 0.5 * dimension as f64 * (2.0 * std::f64::consts::PI).ln();
    for row in normal.chunks(dimension) {
        for i in 0..dimension {
            let shift: f64 = (0..=i).map(|j| factor[(i, j)] * row[j]).sum();
            points.push(mean[i] + shift);
        }
        log_proposal.push(-0.5 * dot(row, row) - log_scale - constant);
    }
    let points = q.placement().matrix(points, [DRAWS, dimension]);
    let log_q = to_host(&q.log_prob(&points).expect("log_prob"));
    let ratio: Vec<f64> = log_q
        .iter()
        .zip(&log_proposal)
        .map(|(q, p)| (q - p).exp())
        .collect();
    assert_mean(&ratio, 1.0, "the integral of the density");
}

/// Lambda set to itself, and a saved state restored, give the same draws.
pub fn lambda_and_saved_state_survive_being_set(q: &dyn Approximation) {
    let (noise, theta) = draws(q, 5);
    let sample = |q: &dyn Approximation| to_host(&q.sample(&noise).expect("sample").theta);
    let other: Vec<f64> = to_host(&q.lambda()).iter().map(|l| 0.5 * l + 0.1).collect();
    let mut copy = q.clone_box();
    copy.set_lambda(&q.placement().vector(&other))
        .expect("set_lambda");
    assert_ne!(sample(copy.as_ref()), theta, "a copy shares its state");
    copy.restore(&q.save()).expect("restore");
    assert_eq!(
        sample(copy.as_ref()),
        theta,
        "the saved state lost something"
    );
    copy.set_lambda(&q.lambda()).expect("set_lambda");
    for (found, expected) in sample(copy.as_ref()).iter().zip(&theta) {
        assert_close(
            *found,
            *expected,
            expected.abs().max(1.0),
            "a draw after setting lambda",
        );
    }
    let mut state = q.save();
    state.pop();
    assert!(
        copy.restore(&state).is_err(),
        "a state that was cut is accepted"
    );
}

/// The gradient of `E_q[f]` through the draws equals that by quadrature of the density, for f = cos about the member's centre: a
/// term that the pullback of `sample` leaves out shows. The member has one dimension.
pub fn the_gradient_of_an_expectation_is_that_of_quadrature(q: &dyn Approximation) {
    assert_eq!(q.dimension(), 1, "quadrature is in one dimension");
    let (noise, theta) = draws(q, DRAWS);
    let deviation = deviations(q)[0];
    let centre = theta.iter().sum::<f64>() / DRAWS as f64;
    let phase = |x: f64| (x - centre) / deviation + 0.7;
    // By quadrature: the derivative of the integral of f q is that of f q d log q.
    let (nodes, half_width) = (4001, 12.0 * deviation);
    let spacing = 2.0 * half_width / (nodes - 1) as f64;
    let grid: Vec<f64> = (0..nodes)
        .map(|i| centre - half_width + spacing * i as f64)
        .collect();
    let points = q.placement().matrix(grid.clone(), [nodes, 1]);
    let log_q = to_host(&q.log_prob(&points).expect("log_prob"));
    let weight: Vec<f64> = grid
        .iter()
        .zip(&log_q)
        .map(|(x, l)| phase(*x).cos() * l.exp() * spacing)
        .collect();
    let weight = q.placement().vector(&weight);
    let exact = to_host(&q.pull_log_prob(&points, &weight).expect("pull_log_prob"));
    // Through the draws, in batches whose spread gives the standard error.
    let (batches, size) = (50, DRAWS / 50);
    let noise = to_host(&noise);
    let width = noise.len() / DRAWS;
    let mut estimates = vec![Vec::with_capacity(batches); exact.len()];
    for batch in 0..batches {
        let rows = noise[batch * size * width..(batch + 1) * size * width].to_vec();
        let noise = q.placement().matrix(rows, [size, width]);
        let sample = q.sample(&noise).expect("sample");
        let values = to_host(&sample.theta);
        let weight: Vec<f64> = match &sample.log_weight {
            Some(log_weight) => to_host(log_weight).iter().map(|l| l.exp()).collect(),
            None => vec![1.0 / size as f64; size],
        };
        let slope: Vec<f64> = values
            .iter()
            .zip(&weight)
            .map(|(x, w)| -phase(*x).sin() / deviation * w)
            .collect();
        let through_weights = values.iter().zip(&weight).map(|(x, w)| phase(*x).cos() * w);
        let through_weights: Vec<f64> = through_weights.collect();
        let cotangent = SampleCotangent {
            theta: q.placement().matrix(slope, [size, 1]),
            log_weight: sample
                .log_weight
                .is_some()
                .then(|| q.placement().vector(&through_weights)),
        };
        let pulled = to_host(&q.pull_sample(&noise, &cotangent).expect("pull_sample"));
        for (estimates, value) in estimates.iter_mut().zip(pulled) {
            estimates.push(value);
        }
    }
    for (i, (estimates, exact)) in estimates.iter().zip(&exact).enumerate() {
        assert_mean(
            estimates,
            *exact,
            &format!("the gradient of E[f] in entry {i} of lambda"),
        );
    }
}
