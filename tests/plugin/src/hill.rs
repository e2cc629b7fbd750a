//! A target that is code: a Gaussian about (1, 2, ..., D), each coordinate with an sd of a half.

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Block, Column, Constrained, Evaluation, OptionsError, Parameter, Placement, Plugin,
    Target, TargetError, to_host,
};

firebrand_core::options! {
    /// Options of `hill`.
    pub struct HillOptions {
        /// D.
        dimension: usize = 2,
        /// Whether its log density is NaN.
        broken: bool = false,
    }
}

/// The target.
pub struct Hill {
    options: HillOptions,
    parameters: Vec<Parameter>,
    placement: Placement,
}

impl Plugin for Hill {
    type Options = HillOptions;
    const NAME: &'static str = "hill";
    const DOC: &'static str = "A Gaussian about (1, 2, ..., D) with sds of a half.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: HillOptions) -> Result<Self, OptionsError> {
        Ok(Hill {
            parameters: vec![Parameter::vector("height", options.dimension)],
            placement: Placement::cpu(),
            options,
        })
    }
}

impl Target for Hill {
    fn dimension(&self) -> usize {
        self.options.dimension
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        _batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let [draws, dimension] = theta.dims();
        let top: Vec<f64> = (1..=dimension).map(|d| d as f64).collect();
        let away = theta.clone() - self.placement.matrix(top, [1, dimension]);
        let log_density = (away.clone() * away.clone()).sum_dim(1).reshape([draws]) * -2.0;
        if self.options.broken {
            return Ok(Evaluation {
                log_density: log_density * f64::NAN,
                score: away,
                valid: vec![true; draws],
            });
        }
        // Far out the squares overflow.
        let values = to_host(&log_density).into_iter();
        let valid: Vec<bool> = values.map(f64::is_finite).collect();
        let mut score = to_host(&(away * -4.0));
        for (row, valid) in score.chunks_mut(dimension.max(1)).zip(&valid) {
            if !valid {
                row.fill(0.0);
            }
        }
        Ok(Evaluation {
            log_density,
            score: self.placement.matrix(score, [draws, dimension]),
            valid,
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn constrain(&self, theta: &Tensor<2>, _seed: u64) -> Result<Constrained, TargetError> {
        let names = self.parameters.iter().flat_map(Parameter::columns);
        let columns = names.map(|name| Column {
            name,
            block: Block::Parameters,
        });
        Ok(Constrained {
            columns: columns.collect(),
            values: to_host(theta),
        })
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}
