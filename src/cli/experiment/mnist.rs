//! Networks on MNIST, for growing numbers of images: how often they err, and how well they know when.

use std::fmt::Write;
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use firebrand::core::start::StartOptions;
use firebrand::core::{Stream, generator};
use firebrand::{Data, Model, Placement};
use indicatif::ProgressBar;
use rand::seq::SliceRandom;

use super::contest::{Course, Measured};
use super::idx::{Digits, PIXELS};
use super::networks::{Learned, Lesson, absent};
use super::plot;
use super::results::{Results, Row, cannot_write};
use super::statistics::{Band, algorithms, bands};
use super::summary::shown;
use crate::cli::Failure;
use crate::cli::inputs::Computing;
use crate::cli::predict::Classification;
use crate::cli::progress::{catch_interrupts, style};

/// Measures in the order of the table's columns; the wall time is in the results alone.
const METRICS: [&str; 3] = ["error", "nll", "ece"];
const CLASSES: usize = 10;

/// Which random numbers choose the images of a seed.
const CHOICE: Stream = Stream::Other(17);

/// Networks on MNIST: error, NLL and ECE for growing numbers of images.
#[derive(Args)]
#[command(after_help = "\
Examples:
  scripts/mnist.sh mnist
  firebrand experiment mnist --data mnist --out mnist-mlp
  firebrand experiment mnist --data mnist --network lenet --sizes 1000 --seeds 1 --out look

Each fit learns from that many of the training images, others for every seed, with Gaussians of independent coordinates, and is measured on
the test images. Algorithms have the same number of steps. ECE: of the most probable class, 15 bins of equal width (Guo et al. 2017).
DIR gets results.csv, summary.md and NETWORK.svg, and in DIR/data the last images that were learned from.")]
pub struct MnistArgs {
    /// The folder with `train-images-idx3-ubyte` and the three others: `scripts/mnist.sh` brings them.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The folder for results, which is made if it is not there. Results of an earlier run are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Numbers of training images.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N,..",
        default_value = "1000,3000,10000,30000,60000"
    )]
    sizes: Vec<NonZeroUsize>,
    /// How many seeds; the first is 1.
    #[arg(long, value_name = "N", default_value = "5")]
    seeds: NonZeroU64,
    /// The network.
    #[arg(long, value_enum, default_value = "mlp")]
    network: Architecture,
    /// Units of hidden layers; by default 1200 of both of the perceptron's, and 500 of LeNet's.
    #[arg(long, value_name = "N")]
    hidden: Option<NonZeroUsize>,
    /// The algorithms, with their options.
    #[arg(
        long,
        value_delimiter = ';',
        value_name = "NAME;..",
        default_value = "prox-score;advi;map"
    )]
    algorithms: Vec<String>,
    /// Steps of each fit. What is measured is the average over the last whole epoch; epochs end after 64, 192, 448, 960, 1984, ...
    /// steps.
    #[arg(long, value_name = "N", default_value = "8128")]
    steps: NonZeroU64,
    /// Images that each step sees.
    #[arg(long, value_name = "N", default_value = "128")]
    minibatch: NonZeroUsize,
    /// What the KL divergence from the prior is multiplied by; 1 is Bayes' rule.
    #[arg(long, value_name = "X", default_value = "0.001", value_parser = discount)]
    kl_discount: f64,
    /// How many of the 10,000 test images to predict, the first ones.
    #[arg(long, value_name = "N")]
    test_images: Option<NonZeroUsize>,
    /// Draws whose probabilities are averaged.
    #[arg(long, value_name = "N", default_value = "10")]
    draws: NonZeroUsize,
    #[command(flatten)]
    computing: Computing,
}

/// A network of `examples/mnist`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Architecture {
    /// A perceptron with two hidden layers.
    Mlp,
    /// Two convolutions and two full layers.
    Lenet,
}

impl Architecture {
    fn name(self) -> &'static str {
        match self {
            Architecture::Mlp => "mlp",
            Architecture::Lenet => "lenet",
        }
    }

    fn model(self) -> &'static str {
        match self {
            Architecture::Mlp => include_str!("../../../examples/mnist/mlp.stan"),
            Architecture::Lenet => include_str!("../../../examples/mnist/lenet.stan"),
        }
    }

    fn hidden(self) -> usize {
        match self {
            Architecture::Mlp => 1200,
            Architecture::Lenet => 500,
        }
    }
}

fn discount(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(number) if number > 0.0 && number <= 1.0 => Ok(number),
        _ => Err("it is a number above 0, and at most 1".into()),
    }
}

/// Everything that all fits share.
struct Setup<'a> {
    args: &'a MnistArgs,
    model: Model,
    train: Digits,
    test: Digits,
    placement: Placement,
}

/// Runs the experiment.
///
/// # Errors
/// Data that is not there, a folder that cannot be written to, and a fit that fails.
pub fn run(args: &MnistArgs) -> Result<(), Failure> {
    let read = |part| {
        Digits::read(&args.data, part)
            .map_err(|because| absent("MNIST", &args.data, "scripts/mnist.sh", &because))
    };
    let name = args.network.name();
    let model = Model::parse(&format!("examples/mnist/{name}.stan"), args.network.model());
    let mut test = read("t10k")?;
    if let Some(images) = args.test_images {
        let first: Vec<usize> = (0..images.get().min(test.len())).collect();
        test = test.chosen(&first);
    }
    let setup = Setup {
        args,
        model: model?,
        train: read("train")?,
        test,
        placement: args.computing.placement()?,
    };
    let most = args.sizes.iter().map(|size| size.get()).max().unwrap_or(0);
    if most > setup.train.len() {
        return Err(Failure::Usage(format!(
            "`--sizes`: there are {} training images, not {most}",
            setup.train.len()
        )));
    }
    let cancelled = catch_interrupts()?;
    let mut results = Results::create(&args.out, "mnist", "images")?;
    let done = setup.fill(&mut results, cancelled)?;
    let summary = table(name, results.rows());
    let write = |file: &str, text: &str| {
        fs::write(args.out.join(file), text).map_err(|error| cannot_write(&args.out, &error))
    };
    write("summary.md", &summary)?;
    write(&format!("{name}.svg"), &figure(name, results.rows()))?;
    println!("{summary}");
    if !done {
        eprintln!("the experiment was interrupted; what is written is of the runs that were done");
    }
    eprintln!("the results are in {}", args.out.display());
    Ok(())
}

impl Setup<'_> {
    /// Runs everything, seed after seed. Whether it came to the end.
    fn fill(&self, results: &mut Results, cancelled: &AtomicBool) -> Result<bool, Failure> {
        let args = self.args;
        let fits = args.seeds.get() * (args.sizes.len() * args.algorithms.len()) as u64;
        let bar = ProgressBar::new(fits).with_style(style(
            "{spinner} {bar:30} {pos} of {len} fits [{elapsed}] {msg}",
        ));
        let folder = args.out.join("data");
        fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
        let test = self.data(&self.test, &folder, "test")?;
        for seed in 1..=args.seeds.get() {
            let mut order: Vec<usize> = (0..self.train.len()).collect();
            order.shuffle(&mut generator(seed, CHOICE, 0));
            for size in args.sizes.iter().map(|size| size.get()) {
                let train = self.data(&self.train.chosen(&order[..size]), &folder, "train")?;
                for algorithm in &args.algorithms {
                    bar.set_message(format!("{algorithm}, {size} images, seed {seed}"));
                    let lesson = Lesson {
                        model: &self.model,
                        train: &train,
                        test: &test,
                        inference: algorithm,
                        rows: args.minibatch.get().min(size),
                        max_steps: args.steps.get(),
                        seed,
                        start: StartOptions {
                            path_limit: 0,
                            ..StartOptions::default()
                        },
                        draws: args.draws.get(),
                        placement: &self.placement,
                    };
                    let Some(learned) = lesson.take(cancelled)? else {
                        bar.finish_and_clear();
                        return Ok(false);
                    };
                    let course = Course {
                        points: vec![(size as u64, self.measured(&learned)?)],
                        ended: learned.ended,
                    };
                    results.add(args.network.name(), algorithm, seed, course)?;
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok(true)
    }

    /// Writes images to files, as a user would have them, and reads them as the model's data.
    fn data(&self, digits: &Digits, folder: &Path, name: &str) -> Result<Data, Failure> {
        let labels: Vec<u8> = digits.labels.iter().map(|label| label + 1).collect();
        let hidden = self.args.hidden.map(NonZeroUsize::get);
        let text = serde_json::json!({
            "N": digits.len(),
            "x": {"file": format!("{name}.npy")},
            "y": labels,
            "hidden": hidden.unwrap_or(self.args.network.hidden()),
            "kl_discount": self.args.kl_discount,
        });
        let path = folder.join(format!("{name}.json"));
        digits
            .write_images(&folder.join(format!("{name}.npy")))
            .and_then(|()| fs::write(&path, text.to_string()))
            .map_err(|error| cannot_write(folder, &error))?;
        Ok(Data::from_file(&path)?)
    }

    /// The measures of `firebrand predict`, and the wall time of the fit.
    fn measured(&self, learned: &Learned) -> Result<Measured, Failure> {
        let first = learned.column("probability[1,1]")?;
        let draws = &learned.predicted;
        let rows = self.test.len();
        debug_assert_eq!(self.test.images.len(), rows * PIXELS);
        let mut probabilities = vec![vec![0.0; CLASSES]; rows];
        let share = 1.0 / draws.draws() as f64;
        for draw in 0..draws.draws() {
            // The first index is the fastest.
            let all = &draws.row(draw)[first..first + rows * CLASSES];
            for (row, probabilities) in probabilities.iter_mut().enumerate() {
                for (class, probability) in probabilities.iter_mut().enumerate() {
                    *probability += share * all[class * rows + row];
                }
            }
        }
        let came: Vec<usize> = self.test.labels.iter().map(|&l| usize::from(l)).collect();
        let log_scores: Vec<f64> = probabilities
            .iter()
            .zip(&came)
            .map(|(p, &class)| p[class].ln())
            .collect();
        let found = Classification::new(&probabilities, &came, &log_scores);
        Ok(vec![
            ("error", found.error.value),
            ("nll", found.nll.value),
            ("ece", found.ece),
            ("seconds", learned.seconds),
        ])
    }
}

/// The band over seeds at each number of images.
fn table(network: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "### {network}\n\n| images | algorithm | error | NLL | ECE |\n| ---: | --- | ---: | ---: | ---: |\n"
    );
    let sizes: Vec<u64> = bands_of_first(network, rows);
    for size in sizes {
        for algorithm in algorithms(rows, network) {
            let cells = METRICS.map(|metric| {
                let bands = bands(rows, network, algorithm, metric);
                let band = bands.iter().find(|(at, _)| *at == size);
                band.map_or_else(String::new, |(_, band)| shown(*band))
            });
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {size} | {algorithm} | {} |", cells.join(" | "));
        }
    }
    text
}

/// The numbers of images for which there is anything.
fn bands_of_first(network: &str, rows: &[Row]) -> Vec<u64> {
    let first = algorithms(rows, network).first().copied();
    let bands = first.map(|algorithm| bands(rows, network, algorithm, METRICS[0]));
    bands
        .unwrap_or_default()
        .iter()
        .map(|band| band.0)
        .collect()
}

fn figure(network: &str, rows: &[Row]) -> String {
    let algorithms = algorithms(rows, network);
    let curve = |algorithm: &str, metric: &str| -> Vec<(f64, Band)> {
        let bands = bands(rows, network, algorithm, metric);
        bands
            .into_iter()
            .map(|(at, band)| (at as f64, band))
            .collect()
    };
    let panels = METRICS.map(|metric| plot::Panel {
        vertical: match metric {
            "error" => "error on the test images".into(),
            metric => metric.to_uppercase(),
        },
        horizontal: "training images".into(),
        curves: algorithms
            .iter()
            .map(|algorithm| curve(algorithm, metric))
            .collect(),
    });
    plot::draw(network, &algorithms, &panels)
}
