//! A small hierarchy, and a mixture.

use firebrand_graph::{Array, Expr, Graph, Unary};

use crate::Model;

/// -0.5 sum(x^2)
pub fn standard_normal(g: &mut Graph, x: &Expr) -> Expr {
    let square = g.unary(Unary::Square, x);
    let half = g.scale(&square, -0.5);
    let total = g.sum_all(&half);
    let count = g.shape(x).iter().product::<usize>() as f64;
    g.add_scalar(&total, -0.918_938_533_204_672_7 * count)
}

/// The sum of log densities of y ~ normal(mu, sigma), one scale for all.
pub fn normal(g: &mut Graph, y: &Expr, mu: &Expr, sigma: &Expr) -> Expr {
    let difference = g.sub(y, mu);
    let shape = g.shape(&difference);
    let precision = g.unary(Unary::Recip, sigma);
    let precision = g.unary(Unary::Square, &precision);
    let square = g.unary(Unary::Square, &difference);
    let square = g.mul(&square, &precision);
    let half = g.scale(&square, -0.5);
    let total = g.sum_all(&half);
    let rows = shape.iter().product::<usize>() as f64;
    let log = g.log(sigma);
    let log = g.sum_all(&log);
    let log = g.scale(&log, rows / g.shape(sigma).iter().product::<usize>() as f64);
    let total = g.sub(&total, &log);
    g.add_scalar(&total, -0.918_938_533_204_672_7 * rows)
}

/// Element `i` of a vector, as a scalar.
pub fn element(g: &mut Graph, x: &Expr, i: usize) -> Expr {
    let slice = g.slice(x, 0, i, 1);
    g.reshape(&slice, &[])
}

/// A positive parameter and the log Jacobian that its transform adds.
pub fn positive(g: &mut Graph, x: &Expr) -> (Expr, Expr) {
    (g.exp(x), x.clone())
}

pub fn total(g: &mut Graph, terms: &[Expr]) -> Expr {
    let mut total = Expr::scalar(0.0);
    for term in terms {
        total = g.add(&total, term);
    }
    total
}

pub fn finish(name: &'static str, stan: f64, graph: Graph, theta: &Expr, density: &Expr) -> Model {
    let (Some(theta), Some(density)) = (theta.as_node(), density.as_node()) else {
        panic!("nodes")
    };
    Model {
        name,
        graph,
        theta,
        density,
        stan,
    }
}

pub fn eight_schools() -> Model {
    let mut g = Graph::new();
    let theta = g.input(10, true);
    let y = Array::vector(vec![28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]).into();
    let sigma = Array::vector(vec![15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]).into();
    let eta = g.slice(&theta, 0, 0, 8);
    let mu = element(&mut g, &theta, 8);
    let log_tau = element(&mut g, &theta, 9);
    let (tau, jacobian) = positive(&mut g, &log_tau);
    let spread = g.mul(&tau, &eta);
    let school = g.add(&mu, &spread);
    let prior_eta = standard_normal(&mut g, &eta);
    let likelihood = normal(&mut g, &y, &school, &sigma);
    let prior_mu = normal(&mut g, &mu, &0.0.into(), &5.0.into());
    let scaled = g.scale(&tau, 0.2);
    let scaled = g.unary(Unary::Square, &scaled);
    let scaled = g.unary(Unary::Log1p, &scaled);
    let prior_tau = g.neg(&scaled);
    let density = total(
        &mut g,
        &[prior_eta, likelihood, prior_mu, prior_tau, jacobian],
    );
    finish("eight_schools_noncentered", 0.39, g, &theta, &density)
}

pub fn mixture() -> Model {
    let mut g = Graph::new();
    let theta = g.input(5, true);
    let rows = 1000;
    let y = (0..rows)
        .map(|i| if i % 3 == 0 { -2.0 } else { 2.0 } + (i as f64 * 1.7).sin())
        .collect();
    let y = Array::vector(y).into();
    let mu: Vec<Expr> = (0..2).map(|i| element(&mut g, &theta, i)).collect();
    let log_sigma: Vec<Expr> = (2..4).map(|i| element(&mut g, &theta, i)).collect();
    let logit = element(&mut g, &theta, 4);
    let minus = g.neg(&logit);
    let weights = [&minus, &logit].map(|x| {
        let softplus = g.unary(Unary::Log1pExp, x);
        g.neg(&softplus)
    });
    let mut terms = Vec::new();
    for k in 0..2 {
        let sigma = g.exp(&log_sigma[k]);
        let difference = g.sub(&y, &mu[k]);
        let z = g.div(&difference, &sigma);
        let square = g.unary(Unary::Square, &z);
        let half = g.scale(&square, -0.5);
        let log = g.log(&sigma);
        let density = g.sub(&half, &log);
        terms.push(g.add(&density, &weights[k]));
    }
    let mixed = g.binary(firebrand_graph::Binary::LogAddExp, &terms[0], &terms[1]);
    let likelihood = g.sum_all(&mixed);
    let prior = standard_normal(&mut g, &theta);
    let density = total(&mut g, &[likelihood, prior]);
    finish("low_dim_gauss_mix", 99.0, g, &theta, &density)
}
