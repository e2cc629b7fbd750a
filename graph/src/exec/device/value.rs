//! A tensor of any rank on a device, whose last axis is that of the draws: of size one where all draws share a value.

use burn::backend::ops::{BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn::backend::{Dispatch, DispatchTensor};
use burn::tensor::{
    BoolDType, DType, Device, FloatDType, Scalar, Shape, Slice, TensorData, try_read_sync,
};

use crate::{Unary, broadcast_shape};

use super::special::SpecialOps;

/// Where numbers live, and how wide they are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    device: Device,
    dtype: DType,
    /// Numbers that are often selected, brought to the device once.
    numbers: Vec<(f64, Value)>,
}

impl Place {
    pub(super) fn new(device: &Device, dtype: DType) -> Place {
        let mut place = Place {
            device: device.clone(),
            dtype,
            numbers: Vec::new(),
        };
        place.numbers = [0.0, 1.0, -1.0]
            .map(|number| (number, place.upload(vec![number], &[1])))
            .to_vec();
        place
    }

    /// 0, 1 or -1.
    pub(super) fn number(&self, number: f64) -> Value {
        let known = self.numbers.iter().find(|(known, _)| *known == number);
        known.map_or_else(
            || self.upload(vec![number], &[1]),
            |(_, value)| value.clone(),
        )
    }

    /// Data brought to the device.
    pub(super) fn upload(&self, data: Vec<f64>, dims: &[usize]) -> Value {
        let data = TensorData::new(data, Shape::from(dims.to_vec())).convert_dtype(self.dtype);
        Value {
            tensor: Dispatch::float_from_data(data, self.device.as_dispatch()),
            dims: dims.to_vec(),
        }
    }

    /// Positions along an axis, brought to the device.
    pub(super) fn positions(&self, index: &[u32]) -> DispatchTensor {
        let index: Vec<i64> = index.iter().map(|i| i64::from(*i)).collect();
        let count = index.len();
        Dispatch::int_from_data(TensorData::new(index, [count]), self.device.as_dispatch())
    }

    /// The type of floating-point numbers.
    fn float(&self) -> FloatDType {
        if self.dtype == DType::F64 {
            FloatDType::F64
        } else {
            FloatDType::F32
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) tensor: DispatchTensor,
    pub(super) dims: Vec<usize>,
}

/// A yes or no for each element.
pub(super) struct Mask {
    tensor: DispatchTensor,
    dims: Vec<usize>,
}

fn shape(dims: &[usize]) -> Shape {
    Shape::from(dims.to_vec())
}

fn scalar(number: f64) -> Scalar {
    Scalar::Float(number)
}

type TwoArguments = fn(DispatchTensor, DispatchTensor) -> DispatchTensor;

impl Value {
    fn same(self, f: impl FnOnce(DispatchTensor) -> DispatchTensor) -> Value {
        Value {
            tensor: f(self.tensor),
            dims: self.dims,
        }
    }

    pub(super) fn reshape(self, dims: &[usize]) -> Value {
        if self.dims == dims {
            return self;
        }
        Value {
            tensor: Dispatch::float_reshape(self.tensor, shape(dims)),
            dims: dims.to_vec(),
        }
    }

    /// In 64 bits, whatever the program's precision.
    pub(super) fn in_64_bits(self) -> Value {
        self.same(|x| Dispatch::float_cast(x, FloatDType::F64))
    }

    /// In the program's precision again.
    pub(super) fn in_precision_of(self, place: &Place) -> Value {
        self.same(|x| Dispatch::float_cast(x, place.float()))
    }

    /// As many axes, with new ones of size one in front.
    pub(super) fn ranked(self, rank: usize) -> Value {
        let mut dims = vec![1; rank.saturating_sub(self.dims.len())];
        dims.extend_from_slice(&self.dims);
        self.reshape(&dims)
    }

    pub(super) fn expand(self, dims: &[usize]) -> Value {
        let ranked = self.ranked(dims.len());
        if ranked.dims == dims {
            return ranked;
        }
        Value {
            tensor: Dispatch::float_expand(ranked.tensor, shape(dims)),
            dims: dims.to_vec(),
        }
    }

    /// Both with the same axes, for operations that broadcast sizes of one.
    fn aligned(self, other: Value) -> (Value, Value, Vec<usize>) {
        let rank = self.dims.len().max(other.dims.len());
        let dims = broadcast_shape(&self.dims, &other.dims)
            .expect("the graph's shapes broadcast")
            .to_vec();
        (self.ranked(rank), other.ranked(rank), dims)
    }

    fn with(self, other: Value, f: TwoArguments) -> Value {
        let (x, y, dims) = self.aligned(other);
        Value {
            tensor: f(x.tensor, y.tensor),
            dims,
        }
    }

    pub(super) fn add(self, other: Value) -> Value {
        self.with(other, Dispatch::float_add)
    }

    pub(super) fn sub(self, other: Value) -> Value {
        self.with(other, Dispatch::float_sub)
    }

    pub(super) fn mul(self, other: Value) -> Value {
        self.with(other, Dispatch::float_mul)
    }

    pub(super) fn div(self, other: Value) -> Value {
        self.with(other, Dispatch::float_div)
    }

    pub(super) fn pow(self, other: Value) -> Value {
        let (x, y, dims) = self.aligned(other);
        x.expand(&dims).with(y.expand(&dims), Dispatch::float_powf)
    }

    pub(super) fn atan2(self, other: Value) -> Value {
        let (x, y, dims) = self.aligned(other);
        x.expand(&dims).with(y.expand(&dims), Dispatch::float_atan2)
    }

    pub(super) fn plus(self, number: f64) -> Value {
        self.same(|x| Dispatch::float_add_scalar(x, scalar(number)))
    }

    pub(super) fn times(self, number: f64) -> Value {
        self.same(|x| Dispatch::float_mul_scalar(x, scalar(number)))
    }

    pub(super) fn below(self, number: f64) -> Mask {
        let tensor = Dispatch::float_lower_elem(self.tensor, scalar(number), BoolDType::Native);
        Mask {
            tensor,
            dims: self.dims,
        }
    }

    pub(super) fn above(self, number: f64) -> Mask {
        let tensor = Dispatch::float_greater_elem(self.tensor, scalar(number), BoolDType::Native);
        Mask {
            tensor,
            dims: self.dims,
        }
    }

    pub(super) fn is(self, number: f64) -> Mask {
        let tensor = Dispatch::float_equal_elem(self.tensor, scalar(number), BoolDType::Native);
        Mask {
            tensor,
            dims: self.dims,
        }
    }

    pub(super) fn nan_mask(self) -> Mask {
        // NaN alone differs from itself.
        let other = self.clone();
        self.compare(other, |x, y| {
            Dispatch::float_not_equal(x, y, BoolDType::Native)
        })
    }

    fn compare(self, other: Value, f: TwoArguments) -> Mask {
        let (x, y, dims) = self.aligned(other);
        Mask {
            tensor: f(x.expand(&dims).tensor, y.expand(&dims).tensor),
            dims,
        }
    }

    pub(super) fn less(self, other: Value) -> Mask {
        self.compare(other, |x, y| Dispatch::float_lower(x, y, BoolDType::Native))
    }

    pub(super) fn less_equal(self, other: Value) -> Mask {
        self.compare(other, |x, y| {
            Dispatch::float_lower_equal(x, y, BoolDType::Native)
        })
    }

    pub(super) fn equals(self, other: Value) -> Mask {
        self.compare(other, |x, y| Dispatch::float_equal(x, y, BoolDType::Native))
    }

    /// The larger of both; NaN where either is.
    pub(super) fn max(self, other: Value) -> Value {
        let larger = other.clone().less(self.clone()).select(self.clone(), other);
        self.clone().nan_mask().select(self, larger)
    }

    /// The smaller of both; NaN where either is.
    pub(super) fn min(self, other: Value) -> Value {
        let smaller = self.clone().less(other.clone()).select(self.clone(), other);
        self.clone().nan_mask().select(self, smaller)
    }

    /// Functions that Burn has.
    pub(super) fn simple(self, kind: Unary) -> Value {
        match kind {
            Unary::Neg => self.same(Dispatch::float_neg),
            Unary::Abs => self.same(Dispatch::float_abs),
            Unary::Exp => self.same(Dispatch::float_exp),
            Unary::Log => self.same(Dispatch::float_log),
            Unary::Log1p => self.same(Dispatch::float_log1p),
            Unary::Sqrt => self.same(Dispatch::float_sqrt),
            Unary::Recip => self.same(Dispatch::float_recip),
            Unary::Sin => self.same(Dispatch::float_sin),
            Unary::Cos => self.same(Dispatch::float_cos),
            Unary::Tan => self.same(Dispatch::float_tan),
            Unary::Asin => self.same(Dispatch::float_asin),
            Unary::Acos => self.same(Dispatch::float_acos),
            Unary::Atan => self.same(Dispatch::float_atan),
            Unary::Sinh => self.same(Dispatch::float_sinh),
            Unary::Cosh => self.same(Dispatch::float_cosh),
            Unary::Tanh => self.same(Dispatch::float_tanh),
            Unary::Floor => self.same(Dispatch::float_floor),
            Unary::Ceil => self.same(Dispatch::float_ceil),
            Unary::Erf => self.same(Dispatch::float_erf),
            special => self.same(|x| Dispatch::special(special, x)),
        }
    }

    pub(super) fn sum(self, axis: usize) -> Value {
        let mut dims = self.dims.clone();
        dims[axis] = 1;
        Value {
            tensor: Dispatch::float_sum_dim(self.tensor, axis),
            dims,
        }
    }

    pub(super) fn largest(self, axis: usize) -> Value {
        let mut dims = self.dims.clone();
        dims[axis] = 1;
        Value {
            tensor: Dispatch::float_max_dim(self.tensor, axis),
            dims,
        }
    }

    pub(super) fn running_sum(self, axis: usize, reverse: bool) -> Value {
        let flip = |x: Value| {
            if reverse {
                x.same(|x| Dispatch::float_flip(x, &[axis]))
            } else {
                x
            }
        };
        flip(flip(self).same(|x| Dispatch::float_cumsum(x, axis)))
    }

    pub(super) fn permute(self, axes: &[usize]) -> Value {
        let dims = axes.iter().map(|axis| self.dims[*axis]).collect();
        Value {
            tensor: Dispatch::float_permute(self.tensor, axes),
            dims,
        }
    }

    /// The numbers, row-major.
    pub(super) fn into_host(self) -> Vec<f64> {
        let data = try_read_sync(Dispatch::float_into_data(self.tensor))
            .and_then(Result::ok)
            .expect("a device that the host can read");
        data.iter::<f64>().collect()
    }

    pub(super) fn slice(self, axis: usize, start: usize, len: usize) -> Value {
        let mut dims = self.dims.clone();
        let slices: Vec<Slice> = dims
            .iter()
            .enumerate()
            .map(|(i, size)| {
                if i == axis {
                    Slice::from(start..start + len)
                } else {
                    Slice::from(0..*size)
                }
            })
            .collect();
        dims[axis] = len;
        Value {
            tensor: Dispatch::float_slice(self.tensor, &slices),
            dims,
        }
    }

    pub(super) fn rows(self, positions: DispatchTensor, count: usize) -> Value {
        let mut dims = self.dims.clone();
        dims[0] = count;
        Value {
            tensor: Dispatch::float_select(self.tensor, 0, positions),
            dims,
        }
    }

    pub(super) fn join(parts: Vec<Value>, axis: usize) -> Value {
        let mut dims = parts[0].dims.clone();
        dims[axis] = parts.iter().map(|part| part.dims[axis]).sum();
        Value {
            tensor: Dispatch::float_cat(parts.into_iter().map(|part| part.tensor).collect(), axis),
            dims,
        }
    }

    /// Product over the last two axes, of values whose other axes are the same.
    pub(super) fn matmul(self, other: Value) -> Value {
        let mut dims = self.dims.clone();
        let rank = dims.len();
        dims[rank - 1] = other.dims[rank - 1];
        Value {
            tensor: Dispatch::float_matmul(self.tensor, other.tensor),
            dims,
        }
    }
}

impl Mask {
    /// `if_true` where it holds, else `if_false`.
    pub(super) fn select(self, if_true: Value, if_false: Value) -> Value {
        let dims = broadcast_shape(&if_true.dims, &if_false.dims)
            .and_then(|dims| broadcast_shape(&dims, &self.dims))
            .expect("the graph's shapes broadcast");
        let mask = self.expand(&dims);
        let (if_true, if_false) = (if_true.expand(&dims), if_false.expand(&dims));
        let tensor = Dispatch::float_mask_where(if_false.tensor, mask.tensor, if_true.tensor);
        Value {
            tensor,
            dims: dims.to_vec(),
        }
    }

    fn expand(self, dims: &[usize]) -> Mask {
        let mut ranked = vec![1; dims.len() - self.dims.len()];
        ranked.extend_from_slice(&self.dims);
        let mut tensor = self.tensor;
        if ranked != self.dims {
            tensor = Dispatch::bool_reshape(tensor, shape(&ranked));
        }
        if ranked != dims {
            tensor = Dispatch::bool_expand(tensor, shape(dims));
        }
        Mask {
            tensor,
            dims: dims.to_vec(),
        }
    }

    pub(super) fn not(self) -> Mask {
        Mask {
            tensor: Dispatch::bool_not(self.tensor),
            dims: self.dims,
        }
    }

    /// One where it holds, else zero.
    pub(super) fn number(self, place: &Place) -> Value {
        Value {
            tensor: Dispatch::bool_into_float(self.tensor, place.float()),
            dims: self.dims,
        }
    }
}
