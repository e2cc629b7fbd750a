//! What fits of very many dimensions take of memory: a small multiple of the parameters, whatever the number of draws.

use firebrand::core::diagnostics::DiagnosisOptions;
use firebrand::core::{FitOptions, Placement};
use firebrand::dsl::{Data, Model};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MODEL: &str = "
data { int N; array[N] vector[100] x; vector[N] y; }
parameters { network f = mlp(100, {900, 1000}, 1); }
model {
  f ~ normal(0, 0.05);
  for (n in 1:N) y[n] ~ normal(f(x[n])[1], 1);
}";
/// 100 x 900 + 900, 900 x 1000 + 1000, 1000 + 1 weights and biases.
const DIMENSION: usize = 992_901;

/// A quarter more than was measured: 45 with `prox-score`, 53 with `advi`. Ten million weights take half of that, since there a
/// block of the check has one draw and not two.
const MOST: f64 = 66.0;

/// The most memory that a fit on minibatches took, start, check and draws included, in vectors of the dimension in 64 bits.
fn vectors(inference: &str, max_steps: u64) -> f64 {
    let model = Model::parse("network.stan", MODEL).unwrap();
    let row = vec!["0.1"; 100].join(",");
    let rows = vec![format!("[{row}]"); 8].join(",");
    let data = format!(r#"{{"N": 8, "x": [{rows}], "y": [1, 2, 3, 4, 5, 6, 7, 8]}}"#);
    let data = Data::from_json(&data).unwrap();
    let posterior = model
        .compile_with_plate(&data, &Placement::cpu(), "N")
        .unwrap();
    let options = FitOptions {
        minibatch: Some("N=4".parse().unwrap()),
        max_steps: Some(max_steps),
        ..FitOptions::default()
    };
    let few = DiagnosisOptions {
        draws: 10,
        ..DiagnosisOptions::default()
    };
    let fitting = firebrand::fit(&posterior).inference(inference);
    let fitted = fitting.options(options).diagnosis(few).draws(2).run();
    let fitted = fitted.unwrap();
    assert_eq!(fitted.fit.approximation.dimension(), DIMENSION);
    assert_eq!(fitted.draws.log_q.len(), 2);
    MEMORY.peak_usage() as f64 / (8 * DIMENSION) as f64
}

/// One test, since there is one peak: that of a program.
#[test]
fn mean_field_fits_take_a_small_multiple_of_the_parameters_whatever_the_draws_of_a_step() {
    let [few, many, advi] = [
        "prox-score(batch: 4)",
        "prox-score(batch: 32)",
        "advi(draws: 32)",
    ]
    .map(|inference| {
        MEMORY.reset_peak_usage();
        let vectors = vectors(inference, 2);
        println!("{inference}: {vectors:.1} vectors");
        vectors
    });
    assert!(few < MOST, "{few} vectors");
    // Each of the 28 others would take five, if it were held: noise, point, score, and two of what they are made of.
    assert!(many < few + 28.0, "{few} vectors, and then {many}");
    assert!(advi < MOST, "{advi} vectors");
}
