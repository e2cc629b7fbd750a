//! The largest posterior of PosteriorDB, `mnist-nn_rbm1bJ100`: a network with 79,411 unconstrained parameters on 60,000 images. Checkouts often
//! lack its data, so the test makes some of the documented shape. It takes minutes, two gigabytes and a checkout:
//!
//! ```text
//! FIREBRAND_POSTERIORDB=~/posteriordb cargo test --release --test full_mnist -- --ignored --nocapture
//! ```

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use firebrand::core::{Batch, Placement, Stream, Target, normals, to_host};
use firebrand::dsl::{Data, Model};

const IMAGES: usize = 60_000;
const PIXELS: usize = 784;
const CLASSES: usize = 10;
const DRAWS: usize = 16;

/// A linear congruential generator (Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A row of numbers in JSON.
fn row(length: usize, mut number: impl FnMut() -> u64) -> String {
    let numbers: Vec<String> = (0..length).map(|_| number().to_string()).collect();
    format!("[{}]", numbers.join(","))
}

/// Grey values from 0 to 255, of which a fifth are not zero, as in MNIST; what is on the images makes no difference here.
fn write_data(path: &Path) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    let mut numbers = Numbers(1);
    let classes = row(IMAGES, || 1 + numbers.below(CLASSES as u64));
    write!(
        out,
        r#"{{"N": {IMAGES}, "M": {PIXELS}, "K": {CLASSES}, "y": {classes}, "x": ["#
    )
    .unwrap();
    for image in 0..IMAGES {
        if image > 0 {
            writeln!(out, ",").unwrap();
        }
        let pixels = row(PIXELS, || match numbers.below(5) {
            0 => 1 + numbers.below(255),
            _ => 0,
        });
        write!(out, "{pixels}").unwrap();
    }
    write!(out, "]}}").unwrap();
    out.flush().unwrap();
}

/// The most memory that this process has taken, in bytes, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}

#[test]
#[ignore = "takes minutes, two gigabytes and a checkout of PosteriorDB"]
fn the_network_on_all_of_mnist_compiles_and_runs_within_its_bounds() {
    let root =
        std::env::var("FIREBRAND_POSTERIORDB").expect("FIREBRAND_POSTERIORDB names a checkout");
    let code = "models/stan/nn_rbm1bJ100.stan";
    let model = ["", "posterior_database"].map(|folder| Path::new(&root).join(folder).join(code));
    let model = model.iter().find(|path| path.is_file()).expect("the model");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mnist.json");
    write_data(&path);

    let began = Instant::now();
    let data = Data::from_file(&path).unwrap();
    let read = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let posterior = Model::from_file(model)
        .unwrap()
        .compile(&data, &Placement::cpu())
        .unwrap();
    let compiled = began.elapsed().as_secs_f64();
    drop(data);
    let dimension = posterior.dimension();
    assert_eq!(
        dimension,
        2 + PIXELS * 100 + 100 * (CLASSES - 1) + 100 + (CLASSES - 1)
    );

    // Weights of the size that keeps hidden units from saturating. Draws 1 and 2 are draw 0 moved along a direction, and back.
    let noise = normals(1, Stream::Evaluation, 0, DRAWS * dimension);
    let mut points: Vec<f64> = noise.iter().map(|z| 1e-3 * z).collect();
    let step = 1e-6;
    for d in 0..dimension {
        let direction = noise[DRAWS / 2 * dimension + d];
        points[dimension + d] = points[d] + step * direction;
        points[2 * dimension + d] = points[d] - step * direction;
    }
    let theta = posterior.placement().matrix(points, [DRAWS, dimension]);
    let began = Instant::now();
    let out = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .unwrap();
    let evaluated = began.elapsed().as_secs_f64();

    assert!(out.valid.iter().all(|&valid| valid));
    let (value, score) = (to_host(&out.log_density), to_host(&out.score));
    let difference = (value[1] - value[2]) / (2.0 * step);
    let along: f64 = (0..dimension)
        .map(|d| score[d] * noise[DRAWS / 2 * dimension + d])
        .sum();
    // Values of about 1e5 carry an error of 1e-11, over the step 1e-5; the difference's own error is that of a third derivative.
    let tolerance = 1e-4 * along.abs().max(1.0);
    assert!(
        (difference - along).abs() < tolerance,
        "{difference} but {along}"
    );

    let peak = peak_memory();
    println!(
        "read in {read:.2} s, compiled in {compiled:.2} s, {DRAWS} draws in {evaluated:.1} s, at most {} MB",
        peak.map_or_else(|| "?".into(), |bytes| (bytes >> 20).to_string())
    );
    assert!(
        peak.is_none_or(|bytes| bytes < 2_000_000_000),
        "{peak:?} bytes"
    );
}
