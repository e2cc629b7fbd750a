//! Microseconds per draw for the log density and score of a few models, written as a compiler would write them.
//!
//! `cargo bench -p firebrand-graph`; a word after `--` picks models by name.

mod models {
    pub mod regressions;
    pub mod schools;
}

use std::time::Instant;

use firebrand_graph::{Graph, NodeId, Options, Program};

/// A log density of one input vector.
pub struct Model {
    pub name: &'static str,
    pub graph: Graph,
    pub theta: NodeId,
    pub density: NodeId,
    /// What Stan 2.35 takes for one density and gradient on a machine of this kind, in microseconds.
    pub stan: f64,
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    println!(
        "{:<28} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10}",
        "us per draw, draws:", "Stan", "1", "16", "64", "1024", "compile ms"
    );
    let models = [
        models::schools::eight_schools(),
        models::schools::mixture(),
        models::regressions::nes(),
        models::regressions::earnings(),
        models::regressions::radon_pooled(),
        models::regressions::radon_slopes(),
        models::regressions::dogs(),
        models::regressions::logistic_hierarchy(),
    ];
    for model in models {
        if wanted.is_empty() || wanted.iter().any(|word| model.name.contains(word.as_str())) {
            measure(model);
        }
    }
}

fn measure(model: Model) {
    let Model {
        name,
        mut graph,
        theta,
        density,
        stan,
    } = model;
    let begin = Instant::now();
    let density = if std::env::var_os("FIREBRAND_AS_WRITTEN").is_some() {
        density
    } else {
        graph.simplify(&[density])[0]
    };
    let gradient = graph.gradient(density, &[theta]);
    let gradient = graph.node_of(&gradient[0]);
    let program = Program::compile(&graph, &[density, gradient], &Options::default());
    if std::env::var_os("FIREBRAND_SHOW_PROGRAM").is_some() {
        println!("{program:#?}");
    }
    let compile = begin.elapsed().as_secs_f64() * 1e3;
    let length = graph.node(theta).shape[0];
    let times = [1, 16, 64, 1024].map(|draws| {
        let at: Vec<f64> = (0..draws * length)
            .map(|i| (i as f64 * 0.7).sin() * 0.3)
            .collect();
        let check = program.run_host(&[&at], draws);
        assert!(
            check.iter().flatten().all(|x| x.is_finite()),
            "{name} is finite"
        );
        let mut best = f64::INFINITY;
        let begin = Instant::now();
        while begin.elapsed().as_secs_f64() < 0.3 {
            let begin = Instant::now();
            std::hint::black_box(program.run_host(&[&at], draws));
            best = best.min(begin.elapsed().as_secs_f64());
        }
        best * 1e6 / draws as f64
    });
    let [a, b, c, d] = times;
    println!("{name:<28} {stan:>8.2} {a:>9.3} {b:>9.3} {c:>9.3} {d:>9.3} {compile:>10.2}");
}
