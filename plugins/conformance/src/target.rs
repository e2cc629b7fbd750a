//! The identities of a target.

use firebrand_core::{
    Batch, Evaluation, Plate, Stream, Target, TargetError, generator, normals, to_host,
};
use rand::seq::SliceRandom;

use crate::report::{Check, Report, Worst};

/// Relative step of central differences, at the cube root of the rounding error.
const STEP: f64 = 6e-6;

/// Every identity of a target. Its points are standard normal, and a tenth of that: on the unconstrained scale most targets have mass there.
pub fn report(target: &dyn Target) -> Report {
    let mut report = Report::default();
    report.add([
        the_score_is_the_gradient_of_the_log_density(target),
        a_batch_is_its_rows(target),
        the_log_density_alone_is_the_same(target),
        invalid_draws_are_marked_and_disturb_no_others(target),
        constrained_draws_are_complete(target),
    ]);
    if !target.plates().is_empty() {
        report.add([minibatch_scores_average_to_the_full_score(target)]);
    }
    report
}

/// Points, row by row.
struct Points {
    values: Vec<f64>,
    rows: usize,
}

impl Points {
    fn of(target: &dyn Target) -> Self {
        let (rows, dimension) = (8, target.dimension());
        let numbers = normals(1, Stream::Other(12), 0, rows * dimension);
        let far = |i: usize| if i / dimension < rows / 2 { 1.0 } else { 0.1 };
        let values = numbers.iter().enumerate().map(|(i, n)| far(i) * n);
        Points {
            values: values.collect(),
            rows,
        }
    }
}

/// Log densities, scores and validity on the host.
struct At {
    log_density: Vec<f64>,
    score: Vec<f64>,
    valid: Vec<bool>,
}

fn evaluate(target: &dyn Target, values: &[f64]) -> Result<At, TargetError> {
    evaluate_on(target, values, &Batch::Full)
}

fn evaluate_on(target: &dyn Target, values: &[f64], batch: &Batch) -> Result<At, TargetError> {
    let rows = values.len() / target.dimension();
    let theta = target
        .placement()
        .matrix(values.to_vec(), [rows, target.dimension()]);
    let Evaluation {
        log_density,
        score,
        valid,
    } = target.log_density_and_score(&theta, batch)?;
    let at = At {
        log_density: to_host(&log_density),
        score: to_host(&score),
        valid,
    };
    if (at.log_density.len(), at.score.len(), at.valid.len()) == (rows, values.len(), rows) {
        return Ok(at);
    }
    Err(TargetError::Model(format!(
        "{} log densities, {} numbers in scores and {} marks came of {rows} draws",
        at.log_density.len(),
        at.score.len(),
        at.valid.len()
    )))
}

fn outcome(identity: &'static str, measured: Result<Worst, TargetError>) -> Check {
    measured.map_or_else(
        |error| Check::impossible(identity, error),
        |worst| worst.check(),
    )
}

/// The score against central differences of the log density, at draws that are valid with those on both sides.
pub fn the_score_is_the_gradient_of_the_log_density(target: &dyn Target) -> Check {
    let identity = "the score is the gradient of the log density";
    let mut worst = Worst::new(identity, 1e-6);
    let measured = || {
        let dimension = target.dimension();
        let points = Points::of(target);
        let at = evaluate(target, &points.values)?;
        let mut compared = 0;
        for d in 0..dimension {
            let shifted = |step: f64| {
                let mut moved = points.values.clone();
                for value in moved.iter_mut().skip(d).step_by(dimension) {
                    *value += step;
                }
                evaluate(target, &moved)
            };
            // Which step balances truncation and rounding depends on the coordinate's scale, which is not known.
            let pairs = [STEP, 0.01 * STEP, 30.0 * STEP]
                .map(|step| Ok::<_, TargetError>((step, shifted(step)?, shifted(-step)?)));
            let pairs: Vec<_> = pairs.into_iter().collect::<Result<_, _>>()?;
            for s in (0..points.rows).filter(|&s| at.valid[s]) {
                let found = at.score[s * dimension + d];
                let near = pairs
                    .iter()
                    .filter(|(_, up, down)| up.valid[s] && down.valid[s])
                    .map(|(step, up, down)| {
                        let slope = (up.log_density[s] - down.log_density[s]) / (2.0 * step);
                        let rounding = 1e-15 * at.log_density[s].abs().max(1.0) / step;
                        (slope, found.abs() + 1.0 + rounding / 1e-6)
                    })
                    .min_by(|a, b| {
                        ((a.0 - found).abs() / a.1).total_cmp(&((b.0 - found).abs() / b.1))
                    });
                if let Some((slope, scale)) = near {
                    compared += 1;
                    worst.close(found, slope, scale, || format!("coordinate {d}, draw {s}"));
                }
            }
        }
        worst.holds(compared > 0, || "no draw near zero is valid".into());
        Ok(worst)
    };
    outcome(identity, measured())
}

/// A batch of draws gives what each gives alone, up to the order of additions.
pub fn a_batch_is_its_rows(target: &dyn Target) -> Check {
    let identity = "a batch of draws is its rows, one by one";
    let mut worst = Worst::new(identity, 1e-9);
    let measured = || {
        let points = Points::of(target);
        let all = evaluate(target, &points.values)?;
        for (s, row) in points.values.chunks(target.dimension()).enumerate() {
            let alone = evaluate(target, row)?;
            worst.holds(alone.valid[0] == all.valid[s], || {
                format!("draw {s} is valid in one of them alone")
            });
            if !alone.valid[0] {
                continue;
            }
            let (found, expected) = (all.log_density[s], alone.log_density[0]);
            worst.close(found, expected, expected.abs() + 1.0, || {
                format!("the log density of draw {s}")
            });
            for (d, expected) in alone.score.iter().enumerate() {
                let found = all.score[s * row.len() + d];
                worst.close(found, *expected, expected.abs() + 1.0, || {
                    format!("the score of draw {s}, coordinate {d}")
                });
            }
        }
        Ok(worst)
    };
    outcome(identity, measured())
}

/// `log_density` agrees with `log_density_and_score`.
pub fn the_log_density_alone_is_the_same(target: &dyn Target) -> Check {
    let identity = "the log density alone is the same";
    let mut worst = Worst::new(identity, 1e-9);
    let measured = || {
        let points = Points::of(target);
        let shape = [points.rows, target.dimension()];
        let theta = target.placement().matrix(points.values.clone(), shape);
        let alone = target.log_density(&theta, &Batch::Full)?;
        let both = evaluate(target, &points.values)?;
        worst.holds(alone.valid == both.valid, || {
            format!("valid are {:?} and {:?}", alone.valid, both.valid)
        });
        let pairs = to_host(&alone.log_density)
            .into_iter()
            .zip(&both.log_density);
        for (s, (found, expected)) in pairs.enumerate().filter(|(s, _)| both.valid[*s]) {
            worst.close(found, *expected, expected.abs() + 1.0, || {
                format!("draw {s}")
            });
        }
        Ok(worst)
    };
    outcome(identity, measured())
}

/// Draws so far out that numbers overflow are either valid with finite numbers, or invalid with log density minus infinity and score
/// zero; and those beside them in the batch are what they are alone.
pub fn invalid_draws_are_marked_and_disturb_no_others(target: &dyn Target) -> Check {
    let identity = "invalid draws have density zero and score zero";
    let mut worst = Worst::new(identity, 0.0);
    let measured = || {
        let dimension = target.dimension();
        let points = Points::of(target);
        let mut values = points.values.clone();
        for (row, size) in [(1, 1e200), (3, -1e200), (5, 1e4)] {
            values[row * dimension..(row + 1) * dimension].fill(size);
        }
        let (plain, at) = (
            evaluate(target, &points.values)?,
            evaluate(target, &values)?,
        );
        let invalid = at.valid.iter().filter(|valid| !**valid).count();
        worst.residual(0.0, || {
            format!("{invalid} of {} draws are invalid", points.rows)
        });
        for s in 0..points.rows {
            let (log_density, score) = (
                at.log_density[s],
                &at.score[s * dimension..(s + 1) * dimension],
            );
            let consistent = match at.valid[s] {
                true => log_density.is_finite() && score.iter().all(|x| x.is_finite()),
                false => log_density == f64::NEG_INFINITY && score.iter().all(|x| *x == 0.0),
            };
            worst.holds(consistent, || {
                let valid = if at.valid[s] { "valid" } else { "invalid" };
                format!("draw {s} is {valid} with log density {log_density} and score {score:?}")
            });
            if ![1, 3, 5].contains(&s) {
                worst.holds(at.valid[s] == plain.valid[s], || {
                    format!("draw {s} depends on those beside it")
                });
            }
        }
        Ok(worst)
    };
    outcome(identity, measured())
}

/// Each draw on the model's scale has a number for each column, all finite where the draw is valid.
pub fn constrained_draws_are_complete(target: &dyn Target) -> Check {
    let identity = "draws on the model's scale are complete";
    let mut worst = Worst::new(identity, 0.0);
    let measured = || {
        let points = Points::of(target);
        let valid = evaluate(target, &points.values)?.valid;
        let shape = [points.rows, target.dimension()];
        let theta = target.placement().matrix(points.values, shape);
        let draws = target.constrain(&theta, 1)?;
        let columns = draws.columns.len();
        worst.residual(0.0, || format!("{columns} columns"));
        worst.holds(draws.values.len() == columns * points.rows, || {
            format!(
                "{} numbers for {columns} columns of {} draws",
                draws.values.len(),
                points.rows
            )
        });
        for (s, row) in draws.values.chunks(columns.max(1)).enumerate() {
            let finite = row.iter().all(|value| value.is_finite());
            worst.holds(finite || !valid.get(s).is_some_and(|valid| *valid), || {
                format!("draw {s} has numbers that are not finite")
            });
        }
        Ok(worst)
    };
    outcome(identity, measured())
}

/// Batches that have every row of a plate once between them, weighted by their sizes, have the full log density and score on average; so
/// does the log density alone.
pub fn minibatch_scores_average_to_the_full_score(target: &dyn Target) -> Check {
    let identity = "minibatch scores average to the full score";
    let mut worst = Worst::new(identity, 1e-8);
    let measured = || {
        for Plate { name, rows } in target.plates() {
            let points = Points::of(target);
            let full = evaluate(target, &points.values)?;
            let mut order: Vec<usize> = (0..rows).collect();
            order.shuffle(&mut generator(1, Stream::Other(13), 0));
            // Batches of one size but for the last, and one row beside all the others.
            for cuts in [chunks(&order, rows.div_ceil(4)), first_and_rest(&order)] {
                let mut average = At {
                    log_density: vec![0.0; points.rows],
                    score: vec![0.0; points.values.len()],
                    valid: full.valid.clone(),
                };
                let mut size = vec![0.0; points.values.len()];
                for cut in &cuts {
                    let batch = Batch::Rows {
                        plate: name.clone(),
                        rows: cut.to_vec(),
                    };
                    let at = evaluate_on(target, &points.values, &batch)?;
                    let share = cut.len() as f64 / rows as f64;
                    add(&mut average.log_density, &at.log_density, share);
                    add(&mut average.score, &at.score, share);
                    size.iter_mut()
                        .zip(&at.score)
                        .for_each(|(size, x)| *size += share * x.abs());
                    for (all, here) in average.valid.iter_mut().zip(&at.valid) {
                        *all &= here;
                    }
                }
                let dimension = target.dimension();
                for s in (0..points.rows).filter(|&s| average.valid[s]) {
                    let expected = full.log_density[s];
                    worst.close(
                        average.log_density[s],
                        expected,
                        expected.abs() + 1.0,
                        || {
                            format!(
                                "the log density of draw {s} on {} batches of {name}",
                                cuts.len()
                            )
                        },
                    );
                    for d in 0..dimension {
                        let i = s * dimension + d;
                        let (found, expected) = (average.score[i], full.score[i]);
                        worst.close(found, expected, size[i] + 1.0, || {
                            format!("coordinate {d}, draw {s}, {} batches of {name}", cuts.len())
                        });
                    }
                }
            }
        }
        Ok(worst)
    };
    outcome(identity, measured())
}

fn chunks(order: &[usize], size: usize) -> Vec<&[usize]> {
    order.chunks(size.max(1)).collect()
}

fn first_and_rest(order: &[usize]) -> Vec<&[usize]> {
    let (first, rest) = order.split_at(order.len().min(1));
    [first, rest]
        .into_iter()
        .filter(|cut| !cut.is_empty())
        .collect()
}

fn add(to: &mut [f64], from: &[f64], share: f64) {
    to.iter_mut()
        .zip(from)
        .for_each(|(to, from)| *to += share * from);
}
