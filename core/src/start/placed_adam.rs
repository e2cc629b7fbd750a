//! [`Adam`](super::Adam) on a device.

use burn::tensor::Tensor;

use super::adam::{MEAN_DECAY, SQUARE_DECAY};
use super::bytes::{StateReader, StateWriter};
use crate::inference::InferenceError;
use crate::placement::Placement;

/// Added to the size of gradients, which may be zero: its square is the smallest number, about, that 32 bits have.
const SMALLEST: f64 = 1e-18;

/// Running moments of the gradient in some parameters, `[1, P]`.
#[derive(Clone, Debug)]
pub struct PlacedAdam {
    first_moment: Tensor<2>,
    second_moment: Tensor<2>,
    /// Steps whose gradient entered the moments.
    count: u64,
}

impl PlacedAdam {
    /// For parameters like these, before the first gradient.
    pub fn new(like: &Tensor<2>) -> Self {
        PlacedAdam {
            first_moment: like.zeros_like(),
            second_moment: like.zeros_like(),
            count: 0,
        }
    }

    /// Both moments after a gradient.
    fn moved(&self, gradient: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let towards = |moment: &Tensor<2>, value: Tensor<2>, decay: f64| {
            (value - moment.clone()) * (1.0 - decay) + moment.clone()
        };
        let square = gradient.clone() * gradient.clone();
        (
            towards(&self.first_moment, gradient.clone(), MEAN_DECAY),
            towards(&self.second_moment, square, SQUARE_DECAY),
        )
    }

    /// The step up the gradient, in units of the parameters, as if it had been [learnt](Self::learn): for steps that may yet be refused.
    pub fn propose(&self, gradient: &Tensor<2>) -> Tensor<2> {
        let count = (self.count + 1) as f64;
        let mean_bias = 1.0 - MEAN_DECAY.powf(count);
        let square_bias = 1.0 - SQUARE_DECAY.powf(count);
        let (first, second) = self.moved(gradient);
        first * mean_bias.recip() / ((second * square_bias.recip()).sqrt() + SMALLEST)
    }

    /// Takes the gradient of a step into the moments.
    pub fn learn(&mut self, gradient: &Tensor<2>) {
        (self.first_moment, self.second_moment) = self.moved(gradient);
        self.count += 1;
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .row(&self.first_moment)
            .row(&self.second_moment)
            .count(self.count)
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If it was written of another number of parameters.
    pub fn restore(
        &mut self,
        reader: &mut StateReader<'_>,
        placement: &Placement,
    ) -> Result<(), InferenceError> {
        let because = "moments of the gradient have another size";
        for moment in [&mut self.first_moment, &mut self.second_moment] {
            *moment = reader.row(moment, placement, because)?;
        }
        self.count = reader.count()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::to_host;
    use crate::start::Adam;

    #[test]
    fn steps_are_those_of_the_host() {
        let placement = Placement::cpu();
        let mut host = Adam::new(vec![1.0; 3], 1.0);
        let mut here = PlacedAdam::new(&placement.zeros([1, 3]));
        for gradient in [[1e6, -1e-3, 0.0], [-1e5, 1e-3, 0.0], [3e5, 2e-3, 0.5]] {
            let mut step = [0.0; 3];
            host.propose(&mut step, &gradient);
            host.learn(&gradient);
            let gradient = placement.matrix(gradient.to_vec(), [1, 3]);
            let found = to_host(&here.propose(&gradient));
            here.learn(&gradient);
            for (found, expected) in found.iter().zip(step) {
                assert!((found - expected).abs() < 1e-13, "{found} {expected}");
            }
        }
    }
}
