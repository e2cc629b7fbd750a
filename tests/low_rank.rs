//! What steps over Gaussians of low rank cost. Run it with `--ignored --nocapture`; in a release build the numbers are worth noting.

use std::time::Instant;

use firebrand::core::start::{Agreement, Candidate, Start};
use firebrand::core::{
    Batch, FnTarget, GaussianStart, Placement, SampleCotangent, StepContext, Stop, Stream, noise,
    registry, to_host,
};

const DRAWS: usize = 64;

/// Microseconds of one call, the least of a few.
fn microseconds(mut call: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..7 {
        let began = Instant::now();
        call();
        least = least.min(began.elapsed().as_secs_f64() * 1e6);
    }
    least
}

#[test]
#[ignore = "a measurement"]
fn the_cost_of_steps() {
    for (dimension, family) in [
        (100, "full-rank"),
        (100, "low-rank"),
        (1000, "full-rank"),
        (1000, "low-rank"),
        (10_000, "low-rank"),
    ] {
        let placement = Placement::cpu();
        let gaussian = GaussianStart::standard(dimension);
        let plugin = registry::family(family).unwrap().plugin;
        let q = plugin.start(dimension, &gaussian, &placement).unwrap();
        let at = noise(1, Stream::Draws, 0, q.noise_shape(DRAWS), &placement);
        let theta = q.sample(&at).unwrap().theta;
        let weight = placement.vector(&[1.0; DRAWS]);
        let cotangent = SampleCotangent::from(theta.clone());
        let lambda = q.lambda();
        let mut moved = q.clone_box();
        let timed = [
            (
                "set_lambda",
                microseconds(|| moved.set_lambda(&lambda).unwrap()),
            ),
            (
                "sample",
                microseconds(|| drop(to_host(&q.sample(&at).unwrap().theta))),
            ),
            (
                "log_prob",
                microseconds(|| drop(to_host(&q.log_prob(&theta).unwrap()))),
            ),
            (
                "score",
                microseconds(|| drop(to_host(&q.score(&theta).unwrap()))),
            ),
            (
                "pull_sample",
                microseconds(|| drop(to_host(&q.pull_sample(&at, &cotangent).unwrap()))),
            ),
            (
                "pull_log_prob",
                microseconds(|| drop(to_host(&q.pull_log_prob(&theta, &weight).unwrap()))),
            ),
            (
                "pull_score",
                microseconds(|| drop(to_host(&q.pull_score(&theta, &theta).unwrap()))),
            ),
        ];
        for (what, time) in timed {
            println!("{family} D={dimension} {what}: {time:.0} us");
        }
        let target = FnTarget::new(dimension, |x: &[f64], score: &mut [f64]| {
            let mut log_density = 0.0;
            for (i, (score, x)) in score.iter_mut().zip(x).enumerate() {
                let precision = 1.0 + (i % 7) as f64;
                *score = -precision * x;
                log_density -= 0.5 * precision * x * x;
            }
            log_density
        });
        let start = Start {
            candidates: vec![Candidate {
                gaussian,
                elbo: 0.0,
                elbo_error: 0.0,
            }],
            agreement: Agreement {
                tried: 1,
                succeeded: 1,
                agreed: 1,
            },
        };
        for algorithm in [
            "bam(batch: 64)",
            "prox-score(batch: 64)",
            "advi(draws: 64, adaptive: true)",
        ] {
            if family == "full-rank" && dimension == 1000 && !algorithm.starts_with("bam") {
                continue;
            }
            let inference = registry::inference(algorithm).unwrap().plugin;
            let mut running = inference.begin(q.clone_box(), &target, &start).unwrap();
            let mut step = 0;
            let time = microseconds(|| {
                let context = StepContext {
                    target: &target,
                    batch: &Batch::Full,
                    step,
                    seed: 1,
                    stop: Stop::never(),
                };
                running.step(&context).unwrap();
                step += 1;
            });
            println!("{family} D={dimension} a step of {algorithm}: {time:.0} us");
        }
    }
}
