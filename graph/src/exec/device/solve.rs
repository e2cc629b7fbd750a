//! Differential equations are solved on the host, whatever the device.

use super::value::{Place, Value};
use crate::Problem;

/// The solution, of these sizes: the last is the number of draws.
pub(super) fn solve(
    problem: &Problem,
    arguments: [Value; 3],
    sensitivities: bool,
    dims: &[usize],
    place: &Place,
) -> Value {
    let draws = dims[dims.len() - 1];
    let systems = dims[0] * draws;
    let arguments = arguments.map(|argument| {
        let rank = argument.dims.len();
        let mut sizes = argument.dims.clone();
        sizes[rank - 1] = draws;
        let draws_first: Vec<usize> = [rank - 1].into_iter().chain(0..rank - 1).collect();
        argument.expand(&sizes).permute(&draws_first).into_host()
    });
    let solution = problem.solve(
        arguments.each_ref().map(Vec::as_slice),
        systems,
        sensitivities,
    );
    let rank = dims.len();
    let mut sizes = vec![draws];
    sizes.extend_from_slice(&dims[..rank - 1]);
    let draws_last: Vec<usize> = (1..rank).chain([0]).collect();
    place.upload(solution, &sizes).permute(&draws_last)
}
