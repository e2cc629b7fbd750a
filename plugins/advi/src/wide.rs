//! Units and numbers of adaptive steps in very many independent dimensions, wherever the numbers are.

/// In very many dimensions an evaluation costs as much as the rest of a step, and steps are averaged anyway.
pub const FEW_DRAWS: usize = 2;
/// Steps in the first epoch, which on batches of rows go nowhere yet.
pub const FIRST_EPOCH: u64 = 64;
/// Above this dimension, and with independent coordinates, units are not measured: probes of them cost more than many steps.
pub const WIDE: usize = 1000;
/// The unit of the logarithm of a standard deviation.
pub const LOG_DEVIATION_UNIT: f64 = 0.5;
/// How far a mean may move for one standard deviation of the draws elsewhere, if that is not more: narrow starts say nothing of where a
/// mean has to go, and at the usual step size this is what networks are trained with (Kingma and Ba 2015).
const LEAST_MEAN_UNIT: f64 = 0.05;

/// The unit of a mean, where the start has this standard deviation.
pub fn mean_unit(deviation: f64) -> f64 {
    deviation.max(LEAST_MEAN_UNIT)
}
