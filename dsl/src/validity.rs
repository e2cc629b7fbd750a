//! Which draws have a density: whose numbers are finite, and that meet what the model requires.

use burn::tensor::{Device, Tensor};
use firebrand_core::to_host;
use firebrand_graph::{Binary, Expr, Graph};

/// Whether all numbers of each row are finite. The numbers stay on their device: only one for each row comes to the host.
pub fn finite_rows(rows: &Tensor<2>) -> Vec<bool> {
    let [count, columns] = rows.dims();
    if columns == 0 {
        return vec![true; count];
    }
    if rows.device() == Device::flex() {
        let numbers = to_host(rows);
        let rows = numbers.chunks_exact(columns);
        return rows.map(|row| row.iter().all(|x| x.is_finite())).collect();
    }
    // A finite number less itself is zero; infinity and NaN leave NaN.
    let nothing = (rows.clone() - rows.clone()).sum_dim(1);
    to_host(&nothing).iter().map(|sum| *sum == 0.0).collect()
}

/// `[S, n]` from an output that may be the same for all draws.
pub fn spread(output: Tensor<2>, draws: usize) -> Tensor<2> {
    let [rows, columns] = output.dims();
    if rows == draws {
        output
    } else if columns == 0 {
        // A size of zero cannot be expanded to.
        Tensor::zeros([draws, 0], (&output.device(), output.dtype()))
    } else {
        output.expand([draws, columns])
    }
}

/// The log density on the host, minus infinity where a draw is not valid.
pub fn validity(density: &Tensor<2>, met: &Tensor<2>, draws: usize) -> (Vec<f64>, Vec<bool>) {
    let (density, met) = (to_host(density), to_host(met));
    let valid: Vec<bool> = (0..draws)
        .map(|draw| met[draw % met.len()] != 0.0 && density[draw % density.len()].is_finite())
        .collect();
    let log_density = (0..draws)
        .map(|draw| {
            if valid[draw] {
                density[draw % density.len()]
            } else {
                f64::NEG_INFINITY
            }
        })
        .collect();
    (log_density, valid)
}

/// 1 for a draw in which every element of `met` is not zero, else 0.
pub fn met_by_draw(graph: &mut Graph, met: &Expr) -> Expr {
    let count: usize = graph.shape(met).iter().product();
    let broken = graph.binary(Binary::Equal, met, &Expr::scalar(0.0));
    let broken = graph.reshape(&broken, &[count]);
    let any = graph.sum(&broken, 0);
    graph.binary(Binary::Equal, &any, &Expr::scalar(0.0))
}
