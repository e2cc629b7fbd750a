//! Numbers on their way across the boundary: lent to the other side, and copied from it.

use std::ffi::c_void;

use burn::tensor::{DType, Tensor, TensorData};
use faer::Mat;

use super::abi;
use super::failure::Failure;
use crate::gaussian::Covariance;
use crate::low_rank::LowRank;
use crate::placement::{Placement, Precision};

/// More axes than anything here has.
const AXES: i32 = 8;

/// Numbers that the other side may read while this lives.
pub(super) struct Lent<'a> {
    memory: Memory<'a>,
    shape: Vec<i64>,
}

enum Memory<'a> {
    Tensor(TensorData),
    Slice(&'a [f64]),
    Matrix(Vec<f64>),
}

impl<'a> Lent<'a> {
    /// A tensor's numbers, in its own precision: copied, for a tensor's memory is its own.
    pub fn tensor<const D: usize>(tensor: &Tensor<D>) -> Self {
        Lent::last(tensor.clone())
    }

    /// The same of a tensor that is not needed any more: nothing is copied if nobody else has it.
    pub fn last<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = signed(&tensor.dims());
        let data = tensor.into_data();
        let data = match data.dtype() {
            DType::F32 | DType::F64 => data,
            _ => data.convert::<f64>(),
        };
        Lent {
            memory: Memory::Tensor(data),
            shape,
        }
    }

    /// Numbers of this shape, row by row.
    pub fn slice(numbers: &'a [f64], shape: &[usize]) -> Self {
        Lent {
            memory: Memory::Slice(numbers),
            shape: signed(shape),
        }
    }

    /// A matrix.
    pub fn matrix(matrix: &Mat<f64>) -> Lent<'static> {
        let (rows, columns) = (matrix.nrows(), matrix.ncols());
        let entries = (0..rows).flat_map(|i| (0..columns).map(move |j| matrix[(i, j)]));
        Lent {
            memory: Memory::Matrix(entries.collect()),
            shape: signed(&[rows, columns]),
        }
    }

    /// A covariance: a vector of variances, a diagonal with a factor, or a matrix.
    pub fn covariance(covariance: &'a Covariance) -> Self {
        match covariance {
            Covariance::Diagonal(variances) => Lent::slice(variances, &[variances.len()]),
            Covariance::LowRank(covariance) => Lent::low_rank(covariance),
            Covariance::Dense(matrix) => Lent::matrix(matrix),
        }
    }

    /// `[1, D, 1 + R]`, in each row an entry of the diagonal and a row of the factor; its third axis tells it from a matrix.
    fn low_rank(covariance: &LowRank) -> Lent<'static> {
        let (dimension, rank) = (covariance.dimension(), covariance.rank());
        let mut entries = Vec::with_capacity(dimension * (1 + rank));
        for (i, diagonal) in covariance.diagonal.iter().enumerate() {
            entries.push(*diagonal);
            entries.extend(covariance.factor.row(i).iter());
        }
        Lent {
            memory: Memory::Matrix(entries),
            shape: signed(&[1, dimension, 1 + rank]),
        }
    }

    /// What the other side is shown.
    pub fn raw(&self) -> abi::Tensor {
        let (data, bits): (*const c_void, u8) = match &self.memory {
            Memory::Tensor(data) if data.dtype() == DType::F32 => {
                (data.as_bytes().as_ptr().cast(), 32)
            }
            Memory::Tensor(data) => (data.as_bytes().as_ptr().cast(), 64),
            Memory::Slice(numbers) => (numbers.as_ptr().cast(), 64),
            Memory::Matrix(numbers) => (numbers.as_ptr().cast(), 64),
        };
        abi::Tensor {
            data,
            device: host(),
            axes: self.shape.len() as i32,
            number: float(bits),
            shape: self.shape.as_ptr(),
            strides: std::ptr::null(),
            offset: 0,
        }
    }
}

fn signed(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&length| length as i64).collect()
}

/// Host memory.
fn host() -> abi::Device {
    abi::Device {
        kind: abi::CPU,
        id: 0,
    }
}

fn float(bits: u8) -> abi::Number {
    abi::Number {
        code: abi::FLOAT,
        bits,
        lanes: 1,
    }
}

/// Numbers that came across.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numbers {
    values: Values,
    shape: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Numbers {
    /// Copies what the other side lends.
    ///
    /// # Errors
    /// What this version does not read: other devices, other numbers, numbers that are not contiguous.
    ///
    /// # Safety
    /// `tensor` is null, or it and what it points to may be read.
    pub unsafe fn copy(tensor: *const abi::Tensor) -> Result<Self, Failure> {
        // SAFETY: the caller vouches for the pointer, and null is looked for.
        let tensor = unsafe { tensor.as_ref() };
        let tensor = tensor.ok_or_else(|| broken("gave null where numbers were expected"))?;
        if tensor.device.kind != abi::CPU {
            return Err(broken("gave numbers that are not in host memory"));
        }
        if !(0..=AXES).contains(&tensor.axes) {
            return Err(broken(&format!("gave numbers with {} axes", tensor.axes)));
        }
        let axes = tensor.axes as usize;
        // SAFETY: the caller vouches for `axes` lengths and strides, where these are.
        let (shape, strides) =
            unsafe { (lengths(tensor.shape, axes), lengths(tensor.strides, axes)) };
        let (shape, count) =
            sizes(shape).ok_or_else(|| broken("gave numbers of a shape that cannot be"))?;
        if !tensor.strides.is_null() && strides != contiguous(&shape) {
            return Err(broken("gave numbers that are not contiguous"));
        }
        if count > 0 && tensor.data.is_null() {
            return Err(broken("gave null where numbers were expected"));
        }
        let start = tensor
            .data
            .cast::<u8>()
            .wrapping_add(tensor.offset as usize);
        // SAFETY: the caller vouches for `count` numbers of the stated type.
        let values = match (tensor.number.code, tensor.number.bits, tensor.number.lanes) {
            (abi::FLOAT, 64, 1) => Values::F64(unsafe { copied(start, count) }),
            (abi::FLOAT, 32, 1) => Values::F32(unsafe { copied(start, count) }),
            _ => return Err(broken("gave numbers that are not of 32 or 64 bits")),
        };
        Ok(Numbers { values, shape })
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether `allowed` holds for every number.
    pub fn all(&self, allowed: impl Fn(f64) -> bool) -> bool {
        // All are looked at, so that several can be at once: almost always all of them are allowed.
        match &self.values {
            Values::F64(values) => values.iter().fold(true, |all, &value| all & allowed(value)),
            Values::F32(values) => values
                .iter()
                .fold(true, |all, &value| all & allowed(value.into())),
        }
    }

    /// In 64 bits, row by row.
    pub fn into_vec(self) -> Vec<f64> {
        match self.values {
            Values::F64(values) => values,
            Values::F32(values) => values.into_iter().map(f64::from).collect(),
        }
    }

    /// A tensor of that many axes.
    pub fn into_tensor<const D: usize>(self, placement: &Placement) -> Result<Tensor<D>, Failure> {
        let shape: [usize; D] = self.shape.try_into().map_err(|shape: Vec<usize>| {
            broken(&format!("gave numbers of shape {shape:?}, not of {D} axes"))
        })?;
        let data = match self.values {
            Values::F64(values) => TensorData::new(values, shape),
            Values::F32(values) => TensorData::new(values, shape),
        };
        Ok(Tensor::from_data(
            data,
            (&placement.device, placement.precision.dtype()),
        ))
    }

    /// Whether the shape is one that covariances in so many dimensions have.
    pub fn is_covariance(&self, dimension: usize) -> bool {
        match self.shape() {
            [length] => *length == dimension,
            [rows, columns] => *rows == dimension && *columns == dimension,
            [1, rows, columns] => *rows == dimension && *columns >= 1,
            _ => false,
        }
    }

    /// A vector `[D]` of variances, a diagonal with a factor `[1, D, 1 + R]`, or a matrix `[D, D]`.
    pub fn into_covariance(self) -> Result<Covariance, Failure> {
        match *self.shape.as_slice() {
            [_] => Ok(Covariance::Diagonal(self.into_vec())),
            [_, _] => Ok(Covariance::Dense(self.into_matrix()?)),
            [1, dimension, columns] if columns > 0 => {
                let values = self.into_vec();
                let entry = |i: usize, k: usize| values[i * columns + k];
                Ok(Covariance::LowRank(LowRank {
                    diagonal: (0..dimension).map(|i| entry(i, 0)).collect(),
                    factor: Mat::from_fn(dimension, columns - 1, |i, k| entry(i, k + 1)),
                }))
            }
            _ => Err(broken("gave a covariance that is no vector and no matrix")),
        }
    }

    pub fn into_matrix(self) -> Result<Mat<f64>, Failure> {
        match *self.shape.as_slice() {
            [rows, columns] => {
                let values = self.into_vec();
                Ok(Mat::from_fn(rows, columns, |i, j| values[i * columns + j]))
            }
            _ => Err(broken("gave numbers that are no matrix")),
        }
    }
}

/// Where something computes, as the other side is told.
pub(super) fn raw_placement(placement: &Placement) -> abi::Placement {
    abi::Placement {
        device: host(),
        number: float(match placement.precision {
            Precision::F32 => 32,
            Precision::F64 => 64,
        }),
    }
}

/// The same, on this side.
pub(super) fn read_placement(placement: abi::Placement) -> Result<Placement, Failure> {
    let precision = match placement.number {
        abi::Number {
            code: abi::FLOAT,
            bits: 64,
            lanes: 1,
        } => Precision::F64,
        abi::Number {
            code: abi::FLOAT,
            bits: 32,
            lanes: 1,
        } => Precision::F32,
        _ => return Err(broken("asks for numbers that are not of 32 or 64 bits")),
    };
    Ok(Placement {
        precision,
        ..Placement::cpu()
    })
}

pub(super) fn broken(how: &str) -> Failure {
    Failure::Broken(how.into())
}

/// # Safety
/// `start` is null, or `count` lengths follow it.
unsafe fn lengths(start: *const i64, count: usize) -> Vec<i64> {
    match start.is_null() {
        true => Vec::new(),
        // SAFETY: the caller vouches for it.
        false => unsafe { std::slice::from_raw_parts(start, count) }.to_vec(),
    }
}

/// # Safety
/// `count` numbers follow `start`, or there are none.
unsafe fn copied<T: Float>(start: *const u8, count: usize) -> Vec<T> {
    let mut values: Vec<T> = Vec::with_capacity(count);
    if count > 0 {
        // SAFETY: the caller vouches for the source; bytes need no alignment; the memory is new, and any bytes are a number.
        unsafe {
            let bytes = count * size_of::<T>();
            std::ptr::copy_nonoverlapping(start, values.as_mut_ptr().cast::<u8>(), bytes);
            values.set_len(count);
        }
    }
    values
}

/// Numbers that any bytes are one of.
trait Float: Copy {}
impl Float for f32 {}
impl Float for f64 {}

/// The shape, and the number of entries; `None` if a length is negative or the product too large.
fn sizes(shape: Vec<i64>) -> Option<(Vec<usize>, usize)> {
    let shape: Option<Vec<usize>> = shape
        .into_iter()
        .map(|length| usize::try_from(length).ok())
        .collect();
    let shape = shape?;
    let count = shape
        .iter()
        .try_fold(1_usize, |count, &length| count.checked_mul(length))?;
    let bytes = count.checked_mul(size_of::<f64>())?;
    isize::try_from(bytes).ok()?;
    Some((shape, count))
}

fn contiguous(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as i64;
    }
    strides
}
