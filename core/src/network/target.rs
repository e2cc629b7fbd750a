//! A Burn module as a [`Target`]: the log density that a program computes with it, and Burn's derivatives.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::module::Parts;
use crate::placement::{Placement, to_host};
use crate::target::{Batch, Constrained, Evaluation, Parameter, Plate, Target, TargetError};

/// The posterior of a module's weights, given by a Rust function of the module.
///
/// Weights are independent normal before the data. Draws are worked on one after the other, each with a pass forward and one
/// back. Weights are too many to be looked at one by one, so draws on the model's scale have no columns.
///
/// ```
/// use burn::nn::{Linear, LinearConfig};
/// use burn::tensor::Tensor;
/// use firebrand_core::{Batch, Placement, Target, network::ModuleTarget};
///
/// let placement = Placement::cpu();
/// let x = placement.matrix(vec![0.0, 1.0, 2.0], [3, 1]);
/// let y = placement.matrix(vec![1.0, 3.0, 5.0], [3, 1]);
/// let target = ModuleTarget::new(
///     |device| LinearConfig::new(1, 1).init(device),
///     move |line: &Linear, _: &Batch| {
///         let residual = line.forward(x.clone().autodiff()) - y.clone().autodiff();
///         residual.square().sum().mul_scalar(-0.5)
///     },
/// )
/// .with_prior(10.0);
///
/// // The line y = 1 + 2 x leaves no residual, so that the prior alone pulls at its weights.
/// let weights = placement.matrix(vec![2.0, 1.0], [1, 2]);
/// let at = target.log_density_and_score(&weights, &Batch::Full)?;
/// assert_eq!(firebrand_core::to_host(&at.score), [-0.02, -0.01]);
/// # Ok::<(), firebrand_core::TargetError>(())
/// ```
pub struct ModuleTarget<M, L> {
    parts: Parts<M>,
    log_likelihood: L,
    /// The standard deviation of each weight before the data; none for a constant density.
    prior: Option<f64>,
    /// What the rows of the data are counted by, if the log likelihood can be asked for some of them.
    plate: Option<Plate>,
    parameters: Vec<Parameter>,
    placement: Placement,
}

impl<M, L> ModuleTarget<M, L>
where
    M: Module + Sync,
    L: Fn(&M, &Batch) -> Tensor<1> + Send + Sync,
{
    /// The module that `make` makes on a device, on the CPU in 64 bits; `log_likelihood` gives one number, on the batch of the
    /// data that it is asked for.
    pub fn new(make: impl Fn(&Device) -> M + Send + Sync + 'static, log_likelihood: L) -> Self {
        let parts = Parts::new(make);
        let parameters = parts.tensors.iter().map(|tensor| Parameter {
            shape: tensor.shape.clone(),
            ..Parameter::weights(&tensor.name, tensor.size())
        });
        ModuleTarget {
            parameters: parameters.collect(),
            parts,
            log_likelihood,
            prior: None,
            plate: None,
            placement: Placement::cpu(),
        }
    }

    /// With a normal prior of this standard deviation about zero on each weight.
    pub fn with_prior(self, deviation: f64) -> Self {
        ModuleTarget {
            prior: Some(deviation),
            ..self
        }
    }

    /// With data of so many rows, of which `name` is the size: then the target can be fitted on minibatches. Asked for a batch of rows, the
    /// log likelihood is the sum over these alone; the target scales it up.
    pub fn with_rows(self, name: &str, rows: usize) -> Self {
        let name = name.into();
        ModuleTarget {
            plate: Some(Plate { name, rows }),
            ..self
        }
    }

    /// The same target elsewhere: points and results live where `placement` says.
    pub fn placed(self, placement: Placement) -> Self {
        ModuleTarget { placement, ..self }
    }

    /// How often each row of a batch counts.
    fn weight(&self, batch: &Batch) -> Result<f64, TargetError> {
        let Batch::Rows { plate, rows } = batch else {
            return Ok(1.0);
        };
        let because = match &self.plate {
            None => "it has no rows: say how many with `with_rows`".into(),
            Some(own) => {
                let are_own = own.name == *plate && rows.iter().all(|row| *row < own.rows);
                if are_own && !rows.is_empty() {
                    return Ok(own.rows as f64 / rows.len() as f64);
                }
                format!("its plate is `{}`, with {} rows", own.name, own.rows)
            }
        };
        let plate = plate.clone();
        Err(TargetError::Batch { plate, because })
    }

    /// Log density and score `[1, P]` of one draw, rows counting `weight` times.
    fn evaluate(
        &self,
        theta: &Tensor<2>,
        draw: usize,
        batch: &Batch,
        weight: f64,
    ) -> (f64, Tensor<2>) {
        let module = self.parts.with_weights(theta, draw, true);
        let log_likelihood = (self.log_likelihood)(&module, batch).mul_scalar(weight);
        let gradients = log_likelihood.backward();
        let mut log_density: f64 = to_host(&log_likelihood.inner()).iter().sum();
        let mut score = self.parts.gradient(&module, &gradients).unsqueeze::<2>();
        if let Some(deviation) = self.prior {
            let weights = theta.clone().narrow(0, draw, 1);
            let precision = deviation.powi(-2);
            let squares: f64 = to_host(&weights.clone().square().sum()).iter().sum();
            let scale = deviation.ln() + 0.5 * (2.0 * std::f64::consts::PI).ln();
            log_density -= 0.5 * squares * precision + self.dimension() as f64 * scale;
            score = score - weights.mul_scalar(precision);
        }
        (log_density, score)
    }
}

impl<M, L> Target for ModuleTarget<M, L>
where
    M: Module + Sync,
    L: Fn(&M, &Batch) -> Tensor<1> + Send + Sync,
{
    fn dimension(&self) -> usize {
        self.parameters
            .iter()
            .map(|tensor| tensor.unconstrained)
            .sum()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let [draws, found] = theta.dims();
        if found != self.dimension() {
            return Err(TargetError::Dimension {
                expected: self.dimension(),
                found,
            });
        }
        let weight = self.weight(batch)?;
        let (mut log_density, mut valid, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for draw in 0..draws {
            let (value, score) = self.evaluate(theta, draw, batch, weight);
            let finite =
                value.is_finite() && to_host(&score.clone().sum()).iter().all(|x| x.is_finite());
            log_density.push(if finite { value } else { f64::NEG_INFINITY });
            valid.push(finite);
            scores.push(if finite { score } else { score.zeros_like() });
        }
        Ok(Evaluation {
            log_density: self.placement.vector(&log_density),
            score: Tensor::cat(scores, 0),
            valid,
        })
    }

    fn plates(&self) -> Vec<Plate> {
        self.plate.iter().cloned().collect()
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn constrain(&self, _theta: &Tensor<2>, _seed: u64) -> Result<Constrained, TargetError> {
        Ok(Constrained::default())
    }

    fn propose_start(&self, seed: u64, point: &mut [f64]) {
        point.copy_from_slice(&self.parts.initial(seed));
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}
