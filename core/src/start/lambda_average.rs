//! Averages of a family's parameters over epochs that double in length, for families of any kind.

use super::bytes::{StateReader, StateWriter};
use crate::inference::InferenceError;

/// What a finished epoch says.
#[derive(Clone, Debug, PartialEq)]
pub struct LambdaEpoch {
    /// The average of the parameters.
    pub lambda: Vec<f64>,
    /// The average of the objective.
    pub objective: f64,
    /// The average of the objective over the epoch before; `None` for the first.
    pub last_objective: Option<f64>,
}

/// Running averages over the present epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct LambdaAverage {
    length: u64,
    count: u64,
    lambda: Vec<f64>,
    objective: f64,
    last_objective: Option<f64>,
}

impl LambdaAverage {
    /// Begins with an epoch of `length` iterates of `size` parameters.
    pub fn new(size: usize, length: u64) -> Self {
        Self {
            length: length.max(1),
            count: 0,
            lambda: vec![0.0; size],
            objective: 0.0,
            last_objective: None,
        }
    }

    /// Iterates in the present epoch, once it is whole.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The share that the next iterate will have in the average.
    pub fn next_share(&self) -> f64 {
        1.0 / (self.count + 1) as f64
    }

    /// Whether an epoch has ended yet.
    pub fn has_epoch(&self) -> bool {
        self.last_objective.is_some()
    }

    /// Adds an iterate and its objective; at the end of an epoch returns its averages and begins one of twice the length.
    pub fn push(
        &mut self,
        lambda: impl IntoIterator<Item = f64>,
        objective: f64,
    ) -> Option<LambdaEpoch> {
        let weight = self.next_share();
        self.count += 1;
        self.objective += weight * (objective - self.objective);
        for (average, value) in self.lambda.iter_mut().zip(lambda) {
            *average += weight * (value - *average);
        }
        if self.count < self.length {
            return None;
        }
        let size = self.lambda.len();
        let epoch = LambdaEpoch {
            lambda: std::mem::replace(&mut self.lambda, vec![0.0; size]),
            objective: self.objective,
            last_objective: self.last_objective,
        };
        self.last_objective = Some(self.objective);
        self.objective = 0.0;
        self.length *= 2;
        self.count = 0;
        Some(epoch)
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .count(self.length)
            .count(self.count)
            .numbers(&self.lambda)
            .number(self.objective)
            .numbers(self.last_objective.as_slice())
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.length = reader.count()?;
        self.count = reader.count()?;
        self.lambda = reader.numbers()?;
        self.objective = reader.number()?;
        self.last_objective = reader.numbers()?.first().copied();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_double_and_average_parameters_and_objective() {
        let mut average = LambdaAverage::new(1, 2);
        let ends: Vec<_> = (1..=6)
            .map(|i| average.push([f64::from(i)], -f64::from(i)))
            .collect();
        let first = ends[1].clone().unwrap();
        assert_eq!(
            (first.lambda[0], first.objective, first.last_objective),
            (1.5, -1.5, None)
        );
        let second = ends[5].clone().unwrap();
        assert_eq!((second.lambda[0], second.last_objective), (4.5, Some(-1.5)));
        assert!([0, 2, 3, 4].iter().all(|&i| ends[i].is_none()));
    }
}
