//! Where tensors live and how precise they are, and the way between tensors and the host.

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// The width of floating-point numbers in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 64 bits: the default.
    F64,
}

impl Precision {
    /// Burn's name for this precision.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }

    /// How many bits a number has.
    pub fn bits(self) -> u32 {
        match self {
            Precision::F32 => 32,
            Precision::F64 => 64,
        }
    }

    /// The distance from 1 to the next larger number.
    pub fn epsilon(self) -> f64 {
        match self {
            Precision::F32 => f64::from(f32::EPSILON),
            Precision::F64 => f64::EPSILON,
        }
    }
}

/// A device and a precision: what is needed to make a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The device, which also chooses Burn's backend.
    pub device: Device,
    /// The precision of every floating-point tensor of the run.
    pub precision: Precision,
}

/// From this dimension on, algorithms that can leave their vectors on a device that is not the host.
///
/// On libtorch's CPU, where there is no bus to cross, a step of `prox-score` on two draws is quicker so from ten thousand dimensions on
/// (`docs/devices.md` has the figures). On a GPU it takes some hundred launches of kernels, a millisecond or a few; in this dimension the host
/// takes five beside what it copies.
pub const KEPT_FROM: usize = 65_536;

impl Placement {
    /// The CPU in 64 bits: what everything runs on unless something else is asked for.
    pub fn cpu() -> Self {
        Placement {
            device: Device::flex(),
            precision: Precision::F64,
        }
    }

    /// What the device is called where one is asked for, `cpu`, `libtorch` or `cuda:0`; Burn's name where it has none.
    pub fn device_name(&self) -> String {
        name(&self.device)
    }

    /// Whether tensors are where the host's own numbers are: on Burn's CPU backend.
    pub fn is_host(&self) -> bool {
        self.device == Device::flex()
    }

    /// Whether an algorithm does best to leave vectors of this dimension here, and to compute with them here, rather than on the host in 64 bits.
    pub fn keeps(&self, dimension: usize) -> bool {
        !self.is_host() && dimension >= KEPT_FROM
    }

    /// A vector `[values.len()]`.
    pub fn vector(&self, values: &[f64]) -> Tensor<1> {
        let data = TensorData::new(values.to_vec(), [values.len()]);
        Tensor::from_data(data, (&self.device, self.precision.dtype()))
    }

    /// A vector, of numbers that are not needed any more.
    pub fn vector_of(&self, values: Vec<f64>) -> Tensor<1> {
        let shape = [values.len()];
        Tensor::from_data(
            TensorData::new(values, shape),
            (&self.device, self.precision.dtype()),
        )
    }

    /// A matrix of the given shape; `values` row by row.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn matrix(&self, values: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
        let data = TensorData::new(values, shape);
        Tensor::from_data(data, (&self.device, self.precision.dtype()))
    }

    /// Zeros of any shape.
    pub fn zeros<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        Tensor::zeros(shape, (&self.device, self.precision.dtype()))
    }
}

fn name(device: &Device) -> String {
    let burn = format!("{device:?}");
    let inner = burn
        .strip_prefix("Device<")
        .and_then(|rest| rest.strip_suffix('>'));
    match inner.unwrap_or(&burn) {
        "Flex(Cpu)" => "cpu".into(),
        "LibTorch(Cpu)" => "libtorch".into(),
        inner => {
            let cuda = inner.strip_prefix("LibTorch(Cuda(");
            match cuda.and_then(|rest| rest.strip_suffix("))")) {
                Some(index) => format!("cuda:{index}"),
                None => burn,
            }
        }
    }
}

/// Whether a device has memory of its own.
pub(crate) fn is_gpu(device: &Device) -> bool {
    !["cpu", "libtorch"].contains(&name(device).as_str())
}

/// The values of a tensor on the host in 64 bits, in row-major order.
///
/// # Panics
/// If the device fails while it is read. The driver turns a panic in a step into a failed run.
pub fn to_host<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    let data = tensor.to_data_as::<f64>();
    data.try_into_vec::<f64>()
        .expect("the data was just converted to f64")
}

/// The values of a tensor in 32 bits, of one that has no more of them.
///
/// # Panics
/// If the device fails while it is read.
pub(crate) fn singles<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    let data = tensor.to_data_as::<f32>();
    data.try_into_vec::<f32>()
        .expect("the data was just converted to f32")
}

/// [`to_host`] of a tensor that is not needed any more, whose memory then serves again where it can.
///
/// # Panics
/// If the device fails while it is read.
pub fn into_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.into_data_as::<f64>();
    data.try_into_vec::<f64>()
        .expect("the data was just converted to f64")
}

/// A matrix `[rows, columns]` on the host, in 64 bits.
pub fn to_mat(tensor: &Tensor<2>) -> faer::Mat<f64> {
    let [rows, columns] = tensor.dims();
    let values = to_host(tensor);
    faer::Mat::from_fn(rows, columns, |i, j| values[i * columns + j])
}

/// A host matrix as a tensor of the same shape.
pub fn from_mat(matrix: faer::MatRef<'_, f64>, placement: &Placement) -> Tensor<2> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let mut values = Vec::with_capacity(rows * columns);
    for i in 0..rows {
        values.extend((0..columns).map(|j| matrix[(i, j)]));
    }
    placement.matrix(values, [rows, columns])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_survives_the_way_to_a_tensor_and_back() {
        let matrix = faer::Mat::from_fn(3, 2, |i, j| (10 * i + j) as f64 + 0.1);
        let tensor = from_mat(matrix.as_ref(), &Placement::cpu());
        assert_eq!(tensor.dims(), [3, 2]);
        assert_eq!(to_mat(&tensor), matrix);
        assert_eq!(to_host(&tensor)[3], 11.1);
    }

    #[test]
    fn single_precision_rounds_what_it_stores() {
        let placement = Placement {
            precision: Precision::F32,
            ..Placement::cpu()
        };
        assert_eq!(to_host(&placement.vector(&[0.1])), [f64::from(0.1_f32)]);
    }
}
