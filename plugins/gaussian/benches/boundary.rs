//! What a family of a shared library costs beside the same one when it is linked: the work of a step at D = 100 and 64 draws, here and
//! across the boundary. `cargo bench -p firebrand-gaussian`, or, with the features of the whole, `cargo bench --workspace --bench boundary`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use firebrand_core::boundary::across;
use firebrand_core::{
    Approximation, Covariance, GaussianStart, Placement, SampleCotangent, Stream, noise, registry,
};
use firebrand_gaussian as _;

const DIMENSION: usize = 100;
const DRAWS: usize = 64;
/// Calls in one round, and rounds: the fastest round counts.
const CALLS: u32 = 50;
const ROUNDS: usize = 20;

/// About the size of a library's file, which is read as a whole before it is opened.
const FILE: usize = 4 << 20;

fn main() {
    // From the first large block that is freed, glibc's allocator keeps memory that would else go back to the system after every call, to
    // come in again page by page: a program that has loaded a library has freed its file.
    drop(black_box(vec![1_u8; FILE]));
    println!(
        "{:<12} {:<24} {:>10} {:>10} {:>10}",
        "family", "work", "linked", "loaded", "us more"
    );
    for name in ["mean-field", "full-rank"] {
        let family = || registry::family(name).expect("a linked family").plugin;
        let start = GaussianStart {
            mean: vec![0.5; DIMENSION],
            covariance: Covariance::Diagonal(vec![2.0; DIMENSION]),
        };
        let start = |family: Box<dyn firebrand_core::Family>| {
            let member = family.start(DIMENSION, &start, &Placement::cpu());
            member.expect("a member")
        };
        let mut linked = start(family());
        let mut loaded = start(across::family(family()).expect("the family"));
        type Work = fn(&mut dyn Approximation);
        let works: [(&str, Work); 3] = [
            ("sample", sample),
            ("sample, score, density", evaluate),
            ("a gradient step of advi", step),
        ];
        for (what, work) in works {
            let (linked, loaded) = (time(linked.as_mut(), work), time(loaded.as_mut(), work));
            let us = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(CALLS);
            println!(
                "{name:<12} {what:<24} {:>10.1} {:>10.1} {:>10.1}",
                us(linked),
                us(loaded),
                us(loaded) - us(linked)
            );
        }
    }
}

fn time(q: &mut dyn Approximation, work: fn(&mut dyn Approximation)) -> Duration {
    let round = |_| {
        let began = Instant::now();
        (0..CALLS).for_each(|_| work(q));
        began.elapsed()
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn sample(q: &mut dyn Approximation) {
    let noise = noise(1, Stream::Draws, 0, q.noise_shape(DRAWS), q.placement());
    black_box(q.sample(&noise).expect("draws"));
}

fn evaluate(q: &mut dyn Approximation) {
    let noise = noise(1, Stream::Draws, 0, q.noise_shape(DRAWS), q.placement());
    let theta = q.sample(&noise).expect("draws").theta;
    black_box(q.log_prob(&theta).expect("densities"));
    black_box(q.score(&theta).expect("scores"));
}

fn step(q: &mut dyn Approximation) {
    let noise = noise(1, Stream::Draws, 0, q.noise_shape(DRAWS), q.placement());
    let theta = q.sample(&noise).expect("draws").theta;
    let score = q.score(&theta).expect("scores");
    let slope = q
        .pull_sample(&noise, &SampleCotangent::from(score))
        .expect("a slope");
    let lambda = q.lambda() + slope * 1e-12;
    q.set_lambda(&lambda).expect("a step");
}
