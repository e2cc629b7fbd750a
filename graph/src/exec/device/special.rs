//! Functions that Burn lacks: libtorch's own where it has them, the host's elsewhere.

// Burn marks its libtorch backend as deprecated, and has no other that reaches f64 on a GPU.
#![cfg_attr(feature = "tch", allow(deprecated))]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{TensorData, try_read_sync};

use crate::Unary;

/// Elementwise functions, each of a kind that is passed along.
#[backend_extension(Flex, LibTorch: cfg(feature = "tch"))]
pub trait SpecialOps: Backend {
    /// `kind(x)` for each element.
    fn special(kind: Unary, x: FloatTensor<Self>) -> FloatTensor<Self> {
        on_host::<Self>(kind, x)
    }
}

/// The function on the host, for backends that have no way of their own.
fn on_host<B: Backend>(kind: Unary, x: FloatTensor<B>) -> FloatTensor<B> {
    let (device, dtype) = (x.device(), x.dtype());
    let shape = x.shape();
    let data = try_read_sync(B::float_into_data(x))
        .and_then(Result::ok)
        .expect("a device that the host can read");
    let values: Vec<f64> = data.iter::<f64>().map(|x| kind.apply(x)).collect();
    B::float_from_data(TensorData::new(values, shape).convert_dtype(dtype), &device)
}

impl SpecialOps for Flex {}

#[cfg(feature = "tch")]
mod libtorch {
    use burn::backend::LibTorch;
    use burn::backend::libtorch::TchTensor;
    use tch::Tensor;

    use super::*;

    impl SpecialOps for LibTorch {
        fn special(kind: Unary, x: TchTensor) -> TchTensor {
            let result = match kind {
                Unary::Expm1 => x.tensor.expm1(),
                Unary::Erfc => x.tensor.erfc(),
                Unary::Lgamma => x.tensor.lgamma(),
                Unary::Digamma => x.tensor.digamma(),
                // Its own trigamma function has nine digits only: that is the zeta function, too.
                Unary::Trigamma => Tensor::special_zeta_self_scalar(2.0, &x.tensor),
                Unary::Polygamma(order) => x.tensor.polygamma(i64::from(order)),
                kind => return on_host::<LibTorch>(kind, x),
            };
            TchTensor::new(result)
        }
    }
}
