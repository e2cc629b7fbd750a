//! An approximation that moves by its parameters, and the average of where it was.

use super::bytes::{StateReader, StateWriter};
use super::lambda_average::{LambdaAverage, LambdaEpoch};
use crate::family::{Approximation, FamilyError};
use crate::inference::InferenceError;
use crate::placement::to_host;

/// The iterate of an algorithm for families of any kind, and its average over the last whole epoch.
pub struct AveragedLambda {
    /// The average over the last whole epoch; the iterate while there is none.
    approximation: Box<dyn Approximation>,
    iterate: Box<dyn Approximation>,
    average: LambdaAverage,
}

impl AveragedLambda {
    /// Begins from an approximation, with an epoch of `length` iterates.
    pub fn new(approximation: Box<dyn Approximation>, length: u64) -> Self {
        Self {
            iterate: approximation.clone_box(),
            average: LambdaAverage::new(approximation.lambda().dims()[0], length),
            approximation,
        }
    }

    /// What the algorithm has to show.
    pub fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    /// Where it is.
    pub fn iterate(&self) -> &dyn Approximation {
        self.iterate.as_ref()
    }

    /// Iterates in the present epoch, once it is whole.
    pub fn epoch_length(&self) -> u64 {
        self.average.length()
    }

    /// Moves the iterate to `lambda`, with its objective there; returns the averages of an epoch that ends with it.
    ///
    /// # Errors
    /// If the family refuses the parameters.
    pub fn advance(
        &mut self,
        lambda: Vec<f64>,
        objective: f64,
    ) -> Result<Option<LambdaEpoch>, FamilyError> {
        let placement = self.iterate.placement().clone();
        self.iterate.set_lambda(&placement.vector_of(lambda))?;
        let lambda = self.iterate.lambda();
        let epoch = self.average.push(to_host(&lambda), objective);
        if let Some(epoch) = &epoch {
            self.approximation
                .set_lambda(&placement.vector(&epoch.lambda))?;
        } else if !self.average.has_epoch() {
            self.approximation.set_lambda(&lambda)?;
        }
        Ok(epoch)
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        let writer = writer
            .blob(&self.approximation.save())
            .blob(&self.iterate.save());
        self.average.save(writer)
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.approximation.restore(reader.blob()?)?;
        self.iterate.restore(reader.blob()?)?;
        self.average.restore(reader)
    }
}
