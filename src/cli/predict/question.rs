//! What is asked of a prediction: which quantity it is, and which variable is the truth.

use std::path::Path;

use clap::Args;
use firebrand::Target;
use firebrand::core::{Block, Constrained, Parameter, nearest};

use super::classification::Classification;
use super::quality::Quality;
use super::regression::{Regression, log_mean_exp};
use super::restored::Restored;
use crate::cli::Failure;

/// Probabilities may sum to one up to this, and leave [0, 1] by as much: what is computed in 32 bits does.
const SLACK: f64 = 1e-5;

/// The truth and the prediction, by their names.
#[derive(Args)]
pub struct Asked {
    /// The variable of TEST.json with the truth, a number for each row. The model need not declare it.
    #[arg(
        long,
        value_name = "NAME",
        requires = "prediction",
        help_heading = "Quality"
    )]
    observed: Option<String>,
    /// Classification: the quantity with the probabilities of each row's classes, a simplex or a row of a matrix, for a truth in
    /// 1, 2, ...; or one number for each row, the probability that the truth is 1 and not 0.
    #[arg(
        long,
        value_name = "NAME",
        requires = "observed",
        help_heading = "Quality"
    )]
    probabilities: Option<String>,
    /// Regression: the quantity with draws of the truth, noise included, as `normal_rng` makes them; a number for each row.
    #[arg(
        long,
        value_name = "NAME",
        requires = "observed",
        help_heading = "Quality"
    )]
    predicted: Option<String>,
    /// The quantity with the log-likelihood of each row: of regressions nothing else has it, and of classes it is more exact where
    /// probabilities are tiny.
    #[arg(
        long,
        value_name = "NAME",
        requires = "observed",
        help_heading = "Quality"
    )]
    log_likelihood: Option<String>,
}

/// What is asked, found.
pub struct Question {
    prediction: Prediction,
    log_likelihood: Option<Columns>,
}

enum Prediction {
    Classes {
        /// Of each row, counted from zero.
        truth: Vec<usize>,
        probabilities: Columns,
        /// Of one number a row, of which two classes come.
        is_binary: bool,
        classes: usize,
    },
    Numbers {
        truth: Vec<f64>,
        predicted: Columns,
    },
}

/// A quantity among the columns of the draws.
struct Columns {
    name: String,
    first: usize,
    shape: Vec<usize>,
}

impl Question {
    /// `None` if nothing is asked.
    ///
    /// # Errors
    /// Names that there are not, sizes that do not agree, and a truth that is no number or no class.
    pub fn of(asked: &Asked, restored: &Restored, data: &Path) -> Result<Option<Self>, Failure> {
        let Some(observed) = &asked.observed else {
            return Ok(None);
        };
        let truth = truth(observed, restored, data)?;
        let rows = truth.len();
        let find =
            |option, name: &str| Columns::find(option, name, restored.posterior.parameters());
        let one_a_row = |option, name: &str| {
            let columns = find(option, name)?;
            match columns.shape.as_slice() {
                [found] if *found == rows => Ok(columns),
                _ => Err(columns.disagrees(observed, rows, "one number for each row")),
            }
        };
        let prediction = match (&asked.probabilities, &asked.predicted) {
            (Some(name), _) => {
                let probabilities = find("--probabilities", name)?;
                let (is_binary, classes) = match probabilities.shape.as_slice() {
                    [found] if *found == rows => (true, 2),
                    [found, classes] if *found == rows && *classes > 0 => (false, *classes),
                    _ => {
                        let wanted = "the probabilities of the classes of each row";
                        return Err(probabilities.disagrees(observed, rows, wanted));
                    }
                };
                let lowest = usize::from(!is_binary);
                let truth = classes_of(observed, &truth, lowest, classes, name)?;
                Prediction::Classes {
                    truth,
                    probabilities,
                    is_binary,
                    classes,
                }
            }
            (None, Some(name)) => Prediction::Numbers {
                predicted: one_a_row("--predicted", name)?,
                truth,
            },
            // The command line asks for one of them.
            (None, None) => return Ok(None),
        };
        if asked.log_likelihood.is_some() && asked.log_likelihood == asked.predicted {
            return Err(Failure::Usage(
                "`--predicted` and `--log-likelihood` have the same name: one is the draws of what is predicted, the other the log density of what is observed".into(),
            ));
        }
        let log_likelihood = asked.log_likelihood.as_ref();
        let log_likelihood = log_likelihood.map(|name| one_a_row("--log-likelihood", name));
        Ok(Some(Question {
            prediction,
            log_likelihood: log_likelihood.transpose()?,
        }))
    }

    /// Measures the draws.
    ///
    /// # Errors
    /// Draws that are no numbers, or no probabilities.
    pub fn answer(&self, draws: &Constrained) -> Result<Quality, Failure> {
        let log_likelihood = self.log_likelihood.as_ref();
        let log_likelihood = log_likelihood
            .map(|columns| columns.log_likelihoods(draws))
            .transpose()?;
        Ok(match &self.prediction {
            Prediction::Classes {
                truth,
                probabilities,
                is_binary,
                classes,
            } => {
                let averaged = match is_binary {
                    true => probabilities.binary(draws)?,
                    false => probabilities.simplexes(*classes, draws)?,
                };
                // The log of a mean of probabilities is a log mean exp of their logs.
                let log_scores = log_likelihood.unwrap_or_else(|| {
                    let came = averaged.iter().zip(truth);
                    came.map(|(probabilities, class)| probabilities[*class].ln())
                        .collect()
                });
                Quality::Classification(Classification::new(&averaged, truth, &log_scores))
            }
            Prediction::Numbers { truth, predicted } => {
                let rows = (0..truth.len()).map(|row| predicted.finite(row, draws));
                let rows = rows.collect::<Result<Vec<_>, _>>()?;
                Quality::Regression(Regression::new(truth, &rows, log_likelihood.as_deref()))
            }
        })
    }
}

/// The truth, a finite number for each row.
fn truth(name: &str, restored: &Restored, data: &Path) -> Result<Vec<f64>, Failure> {
    let file = data.display();
    let wrong = |because: String| Failure::Model(format!("`{name}` of {file} {because}"));
    let names: Vec<&str> = restored.data.names().collect();
    if !names.contains(&name) {
        return Err(Failure::Usage(format!(
            "`--observed {name}`: {file} has no variable `{name}`{}",
            meant(name, &names)
        )));
    }
    let found = restored.data.numbers(name);
    let (sizes, truth) = found.map_err(|what| wrong(format!("is no array of numbers: {what}")))?;
    match sizes.as_slice() {
        [0] => Err(wrong("has no rows: there is nothing to measure".into())),
        [_] => match truth.iter().position(|y| !y.is_finite()) {
            None => Ok(truth),
            Some(row) => Err(wrong(format!(
                "is no truth: row {} is {}",
                row + 1,
                truth[row]
            ))),
        },
        _ => Err(wrong("has to be one number for each row".into())),
    }
}

/// The class of each row, counted from zero.
fn classes_of(
    observed: &str,
    truth: &[f64],
    lowest: usize,
    classes: usize,
    probabilities: &str,
) -> Result<Vec<usize>, Failure> {
    let highest = lowest + classes - 1;
    let class = |(row, &y): (usize, &f64)| {
        if y.fract() == 0.0 && (lowest as f64..=highest as f64).contains(&y) {
            return Ok(y as usize - lowest);
        }
        Err(Failure::Model(format!(
            "`{observed}[{}]` is {y}, but the classes that `{probabilities}` has probabilities of are {lowest} to {highest}",
            row + 1
        )))
    };
    truth.iter().enumerate().map(class).collect()
}

/// ` (did you mean ...?)`, or all there are.
fn meant(name: &str, names: &[&str]) -> String {
    let others = names.iter().copied().filter(|other| *other != name);
    match nearest(name, others) {
        Some(nearest) => format!(" (did you mean `{nearest}`?)"),
        None if names.is_empty() => String::new(),
        None => format!("; there are {}", names.join(", ")),
    }
}

impl Columns {
    /// The quantity of this name among those that the draws have: all but the parameters.
    fn find(option: &str, name: &str, quantities: &[Parameter]) -> Result<Self, Failure> {
        let mut first = 0;
        let drawn = quantities.iter().filter(|q| q.block != Block::Parameters);
        for quantity in drawn.clone() {
            if quantity.name == name {
                return Ok(Columns {
                    name: name.into(),
                    first,
                    shape: quantity.shape.clone(),
                });
            }
            first += quantity.shape.iter().product::<usize>();
        }
        let names: Vec<&str> = drawn.map(|quantity| quantity.name.as_str()).collect();
        Err(Failure::Usage(format!(
            "`{option} {name}`: the model generates no `{name}` whose size is known{}",
            meant(name, &names)
        )))
    }

    fn disagrees(&self, observed: &str, rows: usize, wanted: &str) -> Failure {
        let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let sizes = match sizes.is_empty() {
            true => "is one number".into(),
            false => format!("has sizes [{}]", sizes.join(", ")),
        };
        Failure::Model(format!(
            "`{}` {sizes}, but `{observed}` has {rows} rows: it has to be {wanted}",
            self.name
        ))
    }

    fn wrong(&self, draws: &Constrained, entry: usize, draw: usize, what: &str) -> Failure {
        let name = &draws.columns[self.first + entry].name;
        Failure::Model(format!(
            "nothing can be measured: `{name}` {what} in draw {}, with the new data",
            draw + 1
        ))
    }

    /// One entry in all draws.
    fn finite(&self, entry: usize, draws: &Constrained) -> Result<Vec<f64>, Failure> {
        let values = draws.column(self.first + entry);
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(draw) => {
                let what = format!("is {}", values[draw]);
                Err(self.wrong(draws, entry, draw, &what))
            }
        }
    }

    /// Of one entry the mean over draws, each of which has to be a probability.
    fn mean(&self, entry: usize, draws: &Constrained) -> Result<f64, Failure> {
        let values = self.finite(entry, draws)?;
        let outside = |value: &f64| !(-SLACK..=1.0 + SLACK).contains(value);
        if let Some(draw) = values.iter().position(outside) {
            let what = format!("is {}, which is no probability,", values[draw]);
            return Err(self.wrong(draws, entry, draw, &what));
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Ok(mean.clamp(0.0, 1.0))
    }

    /// Two classes for each row, of the probability of the second.
    fn binary(&self, draws: &Constrained) -> Result<Vec<Vec<f64>>, Failure> {
        let rows = 0..self.shape[0];
        rows.map(|row| self.mean(row, draws).map(|p| vec![1.0 - p, p]))
            .collect()
    }

    /// All classes for each row.
    fn simplexes(&self, classes: usize, draws: &Constrained) -> Result<Vec<Vec<f64>>, Failure> {
        let rows = self.shape[0];
        // The first index is the fastest.
        let entry = |row: usize, class: usize| class * rows + row;
        let mut averaged = Vec::with_capacity(rows);
        for row in 0..rows {
            let means = (0..classes).map(|class| self.mean(entry(row, class), draws));
            averaged.push(means.collect::<Result<Vec<_>, _>>()?);
            for draw in 0..draws.draws() {
                let all = &draws.row(draw)[self.first..];
                let sum: f64 = (0..classes).map(|class| all[entry(row, class)]).sum();
                if (sum - 1.0).abs() > SLACK {
                    let what = format!("and its row's other probabilities sum to {sum}");
                    return Err(self.wrong(draws, row, draw, &what));
                }
            }
        }
        Ok(averaged)
    }

    /// Of each row the log of the likelihood's mean over draws.
    fn log_likelihoods(&self, draws: &Constrained) -> Result<Vec<f64>, Failure> {
        let rows = 0..self.shape[0];
        rows.map(|row| {
            let values = draws.column(self.first + row);
            let is_wrong = |value: &f64| value.is_nan() || *value == f64::INFINITY;
            match values.iter().position(is_wrong) {
                None => Ok(log_mean_exp(&values)),
                Some(draw) => {
                    let what = format!("is {}", values[draw]);
                    Err(self.wrong(draws, row, draw, &what))
                }
            }
        })
        .collect()
    }
}
