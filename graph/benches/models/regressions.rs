//! Regressions, as one writes them row by row.

use std::sync::Arc;

use firebrand_graph::{Array, Expr, Graph, Unary};

use super::schools::{element, finish, normal, positive, standard_normal, total};
use crate::Model;

/// Data that is neither sorted nor equal.
fn column(rows: usize, seed: usize, scale: f64) -> Vec<f64> {
    (0..rows)
        .map(|i| ((i * (seed * 2 + 3)) as f64 * 0.618).sin() * scale)
        .collect()
}

fn linear(name: &'static str, stan: f64, rows: usize, columns: &[Vec<f64>]) -> Model {
    let mut g = Graph::new();
    let count = columns.len() + 1;
    let theta = g.input(count + 1, true);
    let beta: Vec<Expr> = (0..count).map(|i| element(&mut g, &theta, i)).collect();
    let log_sigma = element(&mut g, &theta, count);
    let (sigma, jacobian) = positive(&mut g, &log_sigma);
    let mut mu = beta[0].clone();
    for (beta, x) in beta[1..].iter().zip(columns) {
        let term = g.mul(beta, &Array::vector(x.clone()).into());
        mu = g.add(&mu, &term);
    }
    let y = Array::vector(column(rows, 99, 2.0)).into();
    let likelihood = normal(&mut g, &y, &mu, &sigma);
    let density = total(&mut g, &[likelihood, jacobian]);
    finish(name, stan, g, &theta, &density)
}

pub fn nes() -> Model {
    let columns: Vec<Vec<f64>> = (0..9).map(|k| column(476, k, 1.0)).collect();
    linear("nes2000", 21.0, 476, &columns)
}

pub fn earnings() -> Model {
    let columns: Vec<Vec<f64>> = (0..3).map(|k| column(1192, k, 1.0)).collect();
    linear("logearn_interaction", 22.0, 1192, &columns)
}

pub fn radon_pooled() -> Model {
    linear(
        "radon_all-radon_pooled",
        170.0,
        12573,
        &[column(12573, 1, 1.0)],
    )
}

/// y ~ normal(alpha[county] + beta[county] * x, sigma), both noncentred.
pub fn radon_slopes() -> Model {
    let (rows, counties) = (12573, 386);
    let mut g = Graph::new();
    let theta = g.input(2 * counties + 5, true);
    let county: Arc<[u32]> = (0..rows)
        .map(|i| (i * 31 / 977 % counties) as u32)
        .collect();
    let x: Expr = Array::vector((0..rows).map(|i| f64::from(i % 3 == 0)).collect()).into();
    let y = Array::vector(column(rows, 5, 1.0)).into();
    let effect = |g: &mut Graph, start: usize, scalars: usize| {
        let z = g.slice(&theta, 0, start, counties);
        let mu = element(g, &theta, scalars);
        let log_sigma = element(g, &theta, scalars + 1);
        let (sigma, jacobian) = positive(g, &log_sigma);
        let spread = g.mul(&z, &sigma);
        let effect = g.add(&mu, &spread);
        let priors = [
            standard_normal(g, &z),
            standard_normal(g, &mu),
            standard_normal(g, &sigma),
            jacobian,
        ];
        (g.gather(&effect, &county), total(g, &priors))
    };
    let (alpha, alpha_prior) = effect(&mut g, 0, 2 * counties);
    let (beta, beta_prior) = effect(&mut g, counties, 2 * counties + 2);
    let log_sigma = element(&mut g, &theta, 2 * counties + 4);
    let (sigma, jacobian) = positive(&mut g, &log_sigma);
    let slope = g.mul(&x, &beta);
    let mu = g.add(&alpha, &slope);
    let likelihood = normal(&mut g, &y, &mu, &sigma);
    let density = total(&mut g, &[likelihood, alpha_prior, beta_prior, jacobian]);
    finish("radon_slope_intercept_nc", 450.0, g, &theta, &density)
}

/// The log mass of outcomes 0 or 1 with log odds eta.
fn bernoulli_logit(g: &mut Graph, outcomes: &[f64], eta: &Expr) -> Expr {
    let signs = Array::vector(outcomes.iter().map(|y| 1.0 - 2.0 * y).collect()).into();
    let signed = g.mul(&signs, eta);
    let softplus = g.unary(Unary::Log1pExp, &signed);
    let minus = g.neg(&softplus);
    g.sum_all(&minus)
}

pub fn dogs() -> Model {
    let (dogs, trials) = (30, 25);
    let rows = dogs * trials;
    let mut g = Graph::new();
    let theta = g.input(3, true);
    let (mut avoided, mut shocked, mut y) = (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]);
    for dog in 0..dogs {
        for trial in 0..trials {
            let row = dog * trials + trial;
            y[row] = f64::from((dog * 7 + trial * 5) % 11 < trial.min(8));
            if trial > 0 {
                avoided[row] = avoided[row - 1] + y[row - 1];
                shocked[row] = shocked[row - 1] + 1.0 - y[row - 1];
            }
        }
    }
    let beta: Vec<Expr> = (0..3).map(|i| element(&mut g, &theta, i)).collect();
    let a = g.mul(&beta[1], &Array::vector(avoided).into());
    let s = g.mul(&beta[2], &Array::vector(shocked).into());
    let eta = g.add(&beta[0], &a);
    let eta = g.add(&eta, &s);
    let likelihood = bernoulli_logit(&mut g, &y, &eta);
    let prior = standard_normal(&mut g, &theta);
    let density = total(&mut g, &[likelihood, prior]);
    finish("dogs", 66.0, g, &theta, &density)
}

/// A logistic regression with two grouped effects and two coefficients, like election88.
pub fn logistic_hierarchy() -> Model {
    let (rows, states, ages) = (11566, 51, 4);
    let mut g = Graph::new();
    let theta = g.input(2 + states + ages + 2, true);
    let state: Arc<[u32]> = (0..rows).map(|i| (i * 37 % states) as u32).collect();
    let age: Arc<[u32]> = (0..rows).map(|i| (i * 11 / 5 % ages) as u32).collect();
    let black = Array::vector((0..rows).map(|i| f64::from(i % 7 == 0)).collect()).into();
    let female = Array::vector((0..rows).map(|i| f64::from(i * i % 5 < 2)).collect()).into();
    let beta = [0, 1].map(|i| element(&mut g, &theta, i));
    let mut effects = Vec::new();
    let mut terms = Vec::new();
    for (start, count, index, scale) in [
        (2, states, &state, 2 + states + ages),
        (2 + states, ages, &age, 3 + states + ages),
    ] {
        let z = g.slice(&theta, 0, start, count);
        let log_sigma = element(&mut g, &theta, scale);
        let (sigma, jacobian) = positive(&mut g, &log_sigma);
        terms.push(normal(&mut g, &z, &0.0.into(), &sigma));
        terms.push(jacobian);
        effects.push(g.gather(&z, index));
    }
    let black = g.mul(&beta[0], &black);
    let female = g.mul(&beta[1], &female);
    let eta = total(
        &mut g,
        &[black, female, effects[0].clone(), effects[1].clone()],
    );
    let y: Vec<f64> = (0..rows).map(|i| f64::from(i * i % 13 < 6)).collect();
    terms.push(bernoulli_logit(&mut g, &y, &eta));
    let density = total(&mut g, &terms);
    finish("election88_like", 1040.0, g, &theta, &density)
}
