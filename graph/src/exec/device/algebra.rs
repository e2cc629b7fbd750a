//! Linear algebra, which Burn lacks: libtorch's own where a tensor is libtorch's, the host's elsewhere.
//!
//! It is done in 64 bits, whatever the precision of the program: a covariance matrix that is positive definite in exact numbers often is
//! not in 32 bits. Matrices are the last two axes, and their factors agree with the host's in what they are where none exists: NaN.

// Burn marks its libtorch backend as deprecated, and has no other that reaches f64 on a GPU.
#![cfg_attr(feature = "tch", allow(deprecated))]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{TensorData, try_read_sync};

use crate::{Array, MatrixFunction, System, linear};

/// Functions of square matrices, each of a kind that is passed along. Tensors are in 64 bits.
#[backend_extension(Flex, LibTorch: cfg(feature = "tch"))]
pub trait AlgebraOps: Backend {
    /// The function of each matrix.
    fn matrix_function(kind: MatrixFunction, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let device = x.device();
        to_device::<Self>(&linear::matrix_function(kind, &to_host::<Self>(x)), &device)
    }

    /// The X of `matrix X = right`; leading axes, as many for both, broadcast.
    fn linear_solve(
        system: System,
        matrix: FloatTensor<Self>,
        right: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let device = matrix.device();
        let (matrix, right) = (to_host::<Self>(matrix), to_host::<Self>(right));
        to_device::<Self>(&linear::solve(system, &matrix, &right), &device)
    }
}

impl AlgebraOps for Flex {}

fn to_host<B: Backend>(x: FloatTensor<B>) -> Array {
    let shape: Vec<usize> = x.shape().iter().copied().collect();
    let data = try_read_sync(B::float_into_data(x))
        .and_then(Result::ok)
        .expect("a device that the host can read");
    Array::new(shape, data.iter::<f64>().collect())
}

fn to_device<B: Backend>(x: &Array, device: &B::Device) -> FloatTensor<B> {
    let data = TensorData::new(x.data().to_vec(), x.shape().to_vec());
    B::float_from_data(data, device)
}

#[cfg(feature = "tch")]
mod libtorch {
    use burn::backend::LibTorch;
    use burn::backend::libtorch::TchTensor;
    use tch::Tensor;

    use super::*;

    impl AlgebraOps for LibTorch {
        fn matrix_function(kind: MatrixFunction, x: TchTensor) -> TchTensor {
            TchTensor::new(match kind {
                MatrixFunction::Cholesky => {
                    let (factor, failed_at) = x.tensor.linalg_cholesky_ex(false, false);
                    nan_where(factor, &failed_at.not_equal(0))
                }
                MatrixFunction::Eigen => eigen(&x.tensor),
                MatrixFunction::Determinant => x.tensor.det(),
                MatrixFunction::LogDeterminant => x.tensor.slogdet().1,
            })
        }

        fn linear_solve(system: System, matrix: TchTensor, right: TchTensor) -> TchTensor {
            let (matrix, right) = (matrix.tensor, right.tensor);
            let triangular = |matrix: &Tensor, upper: bool| {
                matrix.linalg_solve_triangular(&right, upper, true, false)
            };
            TchTensor::new(match system {
                System::Lower => triangular(&matrix, false),
                System::LowerTransposed => triangular(&matrix.transpose(-2, -1), true),
                System::General => {
                    let (solution, singular_at) =
                        Tensor::linalg_solve_ex(&matrix, &right, true, false);
                    nan_where(solution, &singular_at.not_equal(0))
                }
            })
        }
    }

    /// NaN in place of the matrices where it holds.
    fn nan_where(matrices: Tensor, holds: &Tensor) -> Tensor {
        matrices.masked_fill(&holds.unsqueeze(-1).unsqueeze(-1), f64::NAN)
    }

    /// Values above vectors. libtorch refuses the whole batch for one matrix that is not finite, so it is given zeros instead.
    fn eigen(x: &Tensor) -> Tensor {
        let unusable = x
            .isfinite()
            .logical_not()
            .any_dims([-2, -1].as_slice(), true);
        let (values, vectors) = x.masked_fill(&unusable, 0.0).linalg_eigh("L");
        Tensor::cat(&[values.unsqueeze(-2), vectors], -2).masked_fill(&unusable, f64::NAN)
    }
}
