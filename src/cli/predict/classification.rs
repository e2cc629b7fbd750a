//! How well probabilities of classes predict.

use firebrand::core::record::number;
use serde::Serialize;

use super::figure::{Point, Reliability};
use super::quality::{Calibration, FEWEST_ROWS, MOST_CHANCE, Verdict};
use super::scored::{STANDARD_ERRORS, Scored};

/// Bins of confidence, of equal width: as many as Guo et al. (2017) take.
const BINS: usize = 15;

/// What was measured of probabilities that are averaged over the draws, each against what the frequencies of the classes among the same
/// rows give without a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// Rows.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
    /// The share of rows whose class is not the most probable one; of equal probabilities the first class counts.
    pub error: Scored,
    /// The mean of -log p of the class that came, natural logarithms.
    pub nll: Scored,
    /// The mean over rows of sum_k (p_k - 1[k came])^2, from 0 to 2. G. W. Brier (1950), Verification of forecasts expressed in terms
    /// of probability, Monthly Weather Review 78.
    pub brier: Scored,
    /// The expected calibration error of the most probable class: sum over bins of share |accuracy - mean confidence|. C. Guo et al.
    /// (2017), On calibration of modern neural networks, ICML; bins ((m - 1)/15, m/15].
    pub ece: f64,
    /// The ECE that is expected of calibrated probabilities, since a bin's accuracy has an error.
    pub ece_by_chance: f64,
    /// Calibrated probabilities have an ECE above this one time in twenty at most: the expected one and two of its sds.
    pub ece_limit: f64,
    /// The mean probability of the most probable class.
    #[serde(serialize_with = "number::serialize")]
    pub confidence: f64,
    /// Bins that are not empty.
    pub bins: Vec<Bin>,
}

/// Rows whose most probable class has a probability between two bounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Rows in it.
    pub rows: usize,
    /// Their mean probability of the most probable class.
    pub confidence: f64,
    /// The share of them whose class it was.
    pub accuracy: f64,
    /// The standard error of the accuracy if probabilities are calibrated: sqrt(sum c (1 - c)) / rows.
    pub standard_error: f64,
}

impl Classification {
    /// Of the probabilities of each row's classes, the classes that came, and the log probability of each.
    pub fn new(probabilities: &[Vec<f64>], came: &[usize], log_scores: &[f64]) -> Self {
        let rows = came.len();
        let classes = probabilities.first().map_or(0, Vec::len);
        let share = 1.0 / rows as f64;
        let mut frequencies = vec![0.0; classes];
        came.iter().for_each(|&class| frequencies[class] += share);
        let usual = most_probable(&frequencies);
        let wrong = |chosen: usize, class: usize| f64::from(u8::from(chosen != class));
        let losses = |of: &dyn Fn(usize, usize) -> (f64, f64)| {
            let pairs: Vec<_> = came
                .iter()
                .enumerate()
                .map(|(row, &class)| of(row, class))
                .collect();
            Scored::of(&pairs)
        };
        let bins = bins(probabilities, came);
        let weighted = |of: &dyn Fn(&Bin) -> f64| {
            bins.iter()
                .map(|bin| bin.rows as f64 * share * of(bin))
                .sum::<f64>()
        };
        // The accuracy of a bin is near to normal, so its distance from the truth near to half-normal: mean sqrt(2/pi), variance 1 - 2/pi.
        let half_normal = std::f64::consts::FRAC_2_PI;
        let ece_by_chance = weighted(&|bin| half_normal.sqrt() * bin.standard_error);
        let variance: f64 = bins
            .iter()
            .map(|bin| (bin.rows as f64 * share * bin.standard_error).powi(2))
            .sum();
        let ece_sd = ((1.0 - half_normal) * variance).sqrt();
        Classification {
            rows,
            classes,
            error: losses(&|row, class| {
                let chosen = most_probable(&probabilities[row]);
                (wrong(chosen, class), wrong(usual, class))
            }),
            nll: losses(&|row, class| (-log_scores[row], -frequencies[class].ln())),
            brier: losses(&|row, class| {
                (
                    brier(&probabilities[row], class),
                    brier(&frequencies, class),
                )
            }),
            ece: weighted(&|bin| (bin.accuracy - bin.confidence).abs()),
            ece_by_chance,
            ece_limit: ece_by_chance + STANDARD_ERRORS * ece_sd,
            confidence: weighted(&|bin| bin.confidence),
            bins,
        }
    }

    /// Whether the ECE is what chance gives calibrated probabilities.
    pub fn calibration(&self) -> Calibration {
        if self.rows < FEWEST_ROWS || self.ece_limit - self.ece_by_chance > MOST_CHANCE {
            return Calibration::Unknown;
        }
        // Sums of the same probabilities differ in their last bits.
        if self.ece <= self.ece_limit + 1e-9 {
            Calibration::Calibrated
        } else if self.confidence > 1.0 - self.error.value {
            Calibration::OverConfident
        } else {
            Calibration::UnderConfident
        }
    }

    pub fn verdict(&self) -> Verdict {
        let calibration = self.calibration();
        let words = match calibration {
            Calibration::Calibrated => "are calibrated within their sampling error",
            Calibration::OverConfident => "are over-confident",
            Calibration::UnderConfident => "are under-confident",
            Calibration::Unknown => "are of too few rows to say whether they are calibrated",
        };
        let (ece, limit) = (self.ece, self.ece_limit);
        let because =
            format!("its probabilities {words} (ECE {ece:.3}; chance gives up to {limit:.3})");
        let baseline = "the frequencies of the classes";
        Verdict::new(("NLL", &self.nll), baseline, calibration, &because)
    }

    pub fn figure(&self) -> Reliability {
        Reliability {
            title: "reliability",
            horizontal: "probability of the most probable class",
            vertical: "how often it came",
            points: self
                .bins
                .iter()
                .map(|bin| Point {
                    predicted: bin.confidence,
                    found: bin.accuracy,
                    chance: STANDARD_ERRORS * bin.standard_error,
                    share: bin.rows as f64 / self.rows as f64,
                })
                .collect(),
        }
    }
}

/// The first of the largest.
fn most_probable(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[best] {
            best = class;
        }
    }
    best
}

fn brier(probabilities: &[f64], came: usize) -> f64 {
    let term = |(class, p): (usize, &f64)| (p - f64::from(u8::from(class == came))).powi(2);
    probabilities.iter().enumerate().map(term).sum()
}

/// The bins that are not empty, from the least confident.
fn bins(probabilities: &[Vec<f64>], came: &[usize]) -> Vec<Bin> {
    let mut members: Vec<Vec<(f64, bool)>> = vec![Vec::new(); BINS];
    for (probabilities, &came) in probabilities.iter().zip(came) {
        let chosen = most_probable(probabilities);
        let confidence = probabilities[chosen];
        let bin = (confidence * BINS as f64).ceil() as usize;
        members[bin.clamp(1, BINS) - 1].push((confidence, chosen == came));
    }
    let filled = members.into_iter().filter(|members| !members.is_empty());
    filled
        .map(|members| {
            let rows = members.len() as f64;
            let sum = |of: &dyn Fn(&(f64, bool)) -> f64| members.iter().map(of).sum::<f64>();
            // A sum of probabilities may be above one by its last bits.
            let variance = sum(&|(confidence, _)| (confidence * (1.0 - confidence)).max(0.0));
            Bin {
                rows: members.len(),
                confidence: sum(&|(confidence, _)| *confidence) / rows,
                accuracy: sum(&|(_, right)| f64::from(u8::from(*right))) / rows,
                standard_error: variance.sqrt() / rows,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    fn measured(probabilities: &[Vec<f64>], came: &[usize]) -> Classification {
        let log_scores: Vec<f64> = probabilities
            .iter()
            .zip(came)
            .map(|(p, &class)| p[class].ln())
            .collect();
        Classification::new(probabilities, came, &log_scores)
    }

    #[test]
    fn a_small_case_by_hand() {
        let probabilities = [
            vec![0.7, 0.2, 0.1],
            vec![0.3, 0.3, 0.4],
            vec![0.5, 0.5, 0.0],
        ];
        let found = measured(&probabilities, &[0, 1, 1]);
        // Chosen: 0 (right), 2 (wrong), 0, the first of two (wrong). Without a model class 1 is chosen: one of three is wrong.
        near(found.error.value, 2.0 / 3.0);
        near(found.error.baseline, 1.0 / 3.0);
        near(found.nll.value, -(0.7 * 0.3 * 0.5_f64).ln() / 3.0);
        near(found.nll.baseline, -(4.0 / 27.0_f64).ln() / 3.0);
        // (0.09 + 0.04 + 0.01) + (0.09 + 0.49 + 0.16) + (0.25 + 0.25 + 0).
        near(found.brier.value, (0.14 + 0.74 + 0.5) / 3.0);
        // Frequencies 1/3, 2/3, 0: 8/9 where the first class came, 2/9 where the second did.
        near(found.brier.baseline, (8.0 + 2.0 + 2.0) / 27.0);
        // Three bins of one row: 0.7 right, 0.4 wrong, 0.5 wrong.
        near(found.ece, (0.3 + 0.4 + 0.5) / 3.0);
        near(found.confidence, 1.6 / 3.0);
        // sqrt(2/pi) and sqrt(1 - 2/pi) of errors sqrt(0.21), sqrt(0.24), 1/2, each with a share of a third.
        let errors = 0.21_f64.sqrt() + 0.24_f64.sqrt() + 0.5;
        near(found.ece_by_chance, 0.7978845608028654 * errors / 3.0);
        let sd = 0.6028102749890869 * (0.21_f64 + 0.24 + 0.25).sqrt() / 3.0;
        near(found.ece_limit, found.ece_by_chance + 2.0 * sd);
    }

    #[test]
    fn bins_hold_their_upper_bound() {
        // 8/15 and 0.54 lie on both sides of a bound, 0.6 is one.
        let of = |confidence: f64| vec![confidence, 1.0 - confidence];
        let bins = bins(&[of(8.0 / 15.0), of(0.54), of(0.6)], &[0, 0, 1]);
        let rows: Vec<usize> = bins.iter().map(|bin| bin.rows).collect();
        assert_eq!(rows, [1, 2]);
        near(bins[1].confidence, 0.57);
        near(bins[1].accuracy, 0.5);
    }

    #[test]
    fn calibrated_probabilities_are_told_from_those_that_are_too_sure_or_not_sure_enough() {
        // 100 rows of two classes; the first comes `right` times.
        let case = |confidence: f64, right: usize| {
            let came: Vec<usize> = (0..100).map(|row| usize::from(row >= right)).collect();
            measured(&vec![vec![confidence, 1.0 - confidence]; 100], &came).calibration()
        };
        // One bin with error 0.04: the limit is (0.798 + 2 * 0.603) * 0.04 = 0.080.
        assert_eq!(case(0.8, 80), Calibration::Calibrated);
        assert_eq!(case(0.8, 73), Calibration::Calibrated);
        assert_eq!(case(0.8, 71), Calibration::OverConfident);
        assert_eq!(case(0.8, 89), Calibration::UnderConfident);
        assert_eq!(case(1.0, 100), Calibration::Calibrated);
        let one = measured(&[vec![0.9, 0.1]], &[0]);
        assert_eq!(one.calibration(), Calibration::Unknown);
        let sentence = one.verdict().sentence;
        assert!(sentence.contains("too few rows"), "{sentence}");
        assert_eq!(case(1.0, 99), Calibration::OverConfident);
    }

    #[test]
    fn what_was_given_no_probability_costs_without_end() {
        let found = measured(&[vec![1.0, 0.0], vec![1.0, 0.0]], &[0, 1]);
        assert_eq!(found.nll.value, f64::INFINITY);
        let sentence = found.verdict().sentence;
        assert!(
            sentence.starts_with("predicts worse than the frequencies of the classes (NLL inf"),
            "{sentence}"
        );
    }
}
