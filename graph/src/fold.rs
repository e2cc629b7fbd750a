//! Evaluation of every operation on data: what constant folding uses, and the executors' independent check.

use crate::array::for_each_broadcast_offset;
use crate::special::*;
use crate::{Array, Binary, MassDerivative, Unary, broadcast_shape};

impl Unary {
    /// The value at one number.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Abs => x.abs(),
            Unary::Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            }
            Unary::Exp => x.exp(),
            Unary::Expm1 => x.exp_m1(),
            Unary::Log => x.ln(),
            Unary::Log1p => x.ln_1p(),
            Unary::Log1mExp => log1m_exp(x),
            Unary::Log1pExp => log1p_exp(x),
            Unary::Sqrt => x.sqrt(),
            Unary::Square => x * x,
            Unary::Recip => 1.0 / x,
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Tan => x.tan(),
            Unary::Asin => x.asin(),
            Unary::Acos => x.acos(),
            Unary::Atan => x.atan(),
            Unary::Sinh => x.sinh(),
            Unary::Cosh => x.cosh(),
            Unary::Tanh => x.tanh(),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => x.round(),
            Unary::Sigmoid => sigmoid(x),
            Unary::Lgamma => lgamma(x),
            Unary::Digamma => digamma(x),
            Unary::Trigamma => trigamma(x),
            Unary::Polygamma(order) => polygamma(order, x),
            Unary::Erf => libm::erf(x),
            Unary::Erfc => libm::erfc(x),
        }
    }
}

impl Binary {
    /// The value at one pair of numbers.
    pub fn apply(self, x: f64, y: f64) -> f64 {
        match self {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::ZeroMul => {
                if x == 0.0 {
                    0.0
                } else {
                    x * y
                }
            }
            Binary::Div => x / y,
            Binary::Pow => x.powf(y),
            Binary::Atan2 => x.atan2(y),
            Binary::Min => {
                if x.is_nan() || y.is_nan() {
                    f64::NAN
                } else {
                    x.min(y)
                }
            }
            Binary::Max => {
                if x.is_nan() || y.is_nan() {
                    f64::NAN
                } else {
                    x.max(y)
                }
            }
            Binary::MultiplyLog => multiply_log(x, y),
            Binary::LogAddExp => log_add_exp(x, y),
            Binary::Less => f64::from(x < y),
            Binary::LessEqual => f64::from(x <= y),
            Binary::Equal => f64::from(x == y),
        }
    }
}

pub(crate) fn unary(kind: Unary, x: &Array) -> Array {
    Array::new(x.shape(), x.data().iter().map(|x| kind.apply(*x)).collect())
}

pub(crate) fn binary(kind: Binary, x: &Array, y: &Array) -> Array {
    match kind {
        // The commonest by themselves: a loop over one of them is several times faster than one over all.
        Binary::Add => paired(x, y, |x, y| x + y),
        Binary::Sub => paired(x, y, |x, y| x - y),
        Binary::Mul => paired(x, y, |x, y| x * y),
        Binary::Div => paired(x, y, |x, y| x / y),
        Binary::Less => paired(x, y, |x, y| f64::from(x < y)),
        Binary::LessEqual => paired(x, y, |x, y| f64::from(x <= y)),
        _ => paired(x, y, |x, y| kind.apply(x, y)),
    }
}

fn paired(x: &Array, y: &Array, apply: impl Fn(f64, f64) -> f64) -> Array {
    let shape = broadcast_shape(x.shape(), y.shape()).expect("shapes broadcast");
    let data = match (x.data(), y.data()) {
        (_, [y]) => x.data().iter().map(|x| apply(*x, *y)).collect(),
        ([x], _) => y.data().iter().map(|y| apply(*x, *y)).collect(),
        _ => {
            let (x, y) = (x.broadcast_to(&shape), y.broadcast_to(&shape));
            let pairs = x.data().iter().zip(y.data());
            pairs.map(|(x, y)| apply(*x, *y)).collect()
        }
    };
    Array::new(shape, data)
}

pub(crate) fn select(condition: &Array, if_true: &Array, if_false: &Array) -> Array {
    let shape = broadcast_shape(if_true.shape(), if_false.shape())
        .and_then(|shape| broadcast_shape(condition.shape(), &shape))
        .expect("shapes broadcast");
    let (c, t, f) = (
        condition.broadcast_to(&shape),
        if_true.broadcast_to(&shape),
        if_false.broadcast_to(&shape),
    );
    let data = (0..c.len())
        .map(|i| {
            if c.data()[i] != 0.0 {
                t.data()[i]
            } else {
                f.data()[i]
            }
        })
        .collect();
    Array::new(shape, data)
}

pub(crate) fn permute(x: &Array, axes: &[usize]) -> Array {
    let shape: Vec<usize> = axes.iter().map(|axis| x.shape()[*axis]).collect();
    let mut strides = vec![1; x.shape().len()];
    for axis in (1..x.shape().len()).rev() {
        strides[axis - 1] = strides[axis] * x.shape()[axis];
    }
    let mut data = Vec::with_capacity(x.len());
    let mut position = vec![0; shape.len()];
    for _ in 0..x.len() {
        let offset: usize = position
            .iter()
            .zip(axes)
            .map(|(p, axis)| p * strides[*axis])
            .sum();
        data.push(x.data()[offset]);
        for axis in (0..shape.len()).rev() {
            position[axis] += 1;
            if position[axis] < shape[axis] {
                break;
            }
            position[axis] = 0;
        }
    }
    Array::new(shape, data)
}

pub(crate) fn concat(parts: &[Array], axis: usize) -> Array {
    let mut shape = parts[0].shape().to_vec();
    shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    let outer: usize = shape[..axis].iter().product();
    let mut data = Vec::with_capacity(shape.iter().product());
    for row in 0..outer {
        for part in parts {
            let block = part.shape()[axis..].iter().product::<usize>();
            data.extend_from_slice(&part.data()[row * block..(row + 1) * block]);
        }
    }
    Array::new(shape, data)
}

pub(crate) fn slice(x: &Array, axis: usize, start: usize, len: usize) -> Array {
    let size = x.shape()[axis];
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let outer: usize = x.shape()[..axis].iter().product();
    let mut data = Vec::with_capacity(outer * len * inner);
    for o in 0..outer {
        let from = (o * size + start) * inner;
        data.extend_from_slice(&x.data()[from..from + len * inner]);
    }
    let mut shape = x.shape().to_vec();
    shape[axis] = len;
    Array::new(shape, data)
}

pub(crate) fn gather(x: &Array, index: &[u32]) -> Array {
    let row: usize = x.shape()[1..].iter().product();
    let mut data = Vec::with_capacity(index.len() * row);
    for i in index {
        let start = *i as usize * row;
        data.extend_from_slice(&x.data()[start..start + row]);
    }
    let mut shape = x.shape().to_vec();
    shape[0] = index.len();
    Array::new(shape, data)
}

pub(crate) fn segment_sum(x: &Array, index: &[u32], rows: usize) -> Array {
    let row: usize = x.shape()[1..].iter().product();
    let mut data = vec![0.0; rows * row];
    for (from, to) in index.iter().enumerate() {
        let (from, to) = (from * row, *to as usize * row);
        for i in 0..row {
            data[to + i] += x.data()[from + i];
        }
    }
    let mut shape = x.shape().to_vec();
    shape[0] = rows;
    Array::new(shape, data)
}

/// Applies `reduce` to every line along `axis`, which is removed.
fn reduce(x: &Array, axis: usize, reduce: impl Fn(&mut dyn Iterator<Item = f64>) -> f64) -> Array {
    let mut shape = x.shape().to_vec();
    let size = shape.remove(axis);
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let outer: usize = x.shape()[..axis].iter().product();
    let mut data = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for i in 0..inner {
            data.push(reduce(
                &mut (0..size).map(|k| x.data()[(o * size + k) * inner + i]),
            ));
        }
    }
    Array::new(shape, data)
}

pub(crate) fn sum(x: &Array, axis: usize) -> Array {
    reduce(x, axis, |line| line.sum())
}

pub(crate) fn max(x: &Array, axis: usize) -> Array {
    reduce(x, axis, |line| {
        line.fold(f64::NEG_INFINITY, |a, b| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                a.max(b)
            }
        })
    })
}

pub(crate) fn log_sum_exp(x: &Array, axis: usize) -> Array {
    reduce(x, axis, |line| {
        let line: Vec<f64> = line.collect();
        let largest = line.iter().fold(
            f64::NEG_INFINITY,
            |a, b| if b.is_nan() { *b } else { a.max(*b) },
        );
        if line.iter().any(|x| x.is_nan()) {
            f64::NAN
        } else if largest.is_infinite() {
            largest
        } else {
            largest + line.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
        }
    })
}

/// Of the numbers along the first axis, which is removed.
pub(crate) fn mass(mass: MassDerivative, x: &Array) -> Array {
    let (size, shape) = (x.shape()[0], &x.shape()[1..]);
    let count: usize = shape.iter().product();
    let value = |i: usize| {
        let arguments: Vec<f64> = (0..size).map(|k| x.data()[k * count + i]).collect();
        mass.apply(&arguments)
    };
    Array::new(shape, (0..count).map(value).collect())
}

pub(crate) fn cumulative_sum(x: &Array, axis: usize, reverse: bool) -> Array {
    let size = x.shape()[axis];
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let mut result = x.clone();
    let data = result.data_mut();
    let outer = data.len().checked_div(size * inner).unwrap_or(0);
    for o in 0..outer {
        for i in 0..inner {
            let mut total = 0.0;
            for k in 0..size {
                let k = if reverse { size - 1 - k } else { k };
                let cell = &mut data[(o * size + k) * inner + i];
                total += *cell;
                *cell = total;
            }
        }
    }
    result
}

pub(crate) fn matmul(x: &Array, y: &Array) -> Array {
    let (xs, ys) = (x.shape(), y.shape());
    let (m, k, n) = (xs[xs.len() - 2], xs[xs.len() - 1], ys[ys.len() - 1]);
    let lead =
        broadcast_shape(&xs[..xs.len() - 2], &ys[..ys.len() - 2]).expect("leading axes broadcast");
    let (mut x_blocks, mut y_blocks) = (Vec::new(), Vec::new());
    for_each_broadcast_offset(&xs[..xs.len() - 2], &lead, |offset| {
        x_blocks.push(offset * m * k)
    });
    for_each_broadcast_offset(&ys[..ys.len() - 2], &lead, |offset| {
        y_blocks.push(offset * k * n)
    });
    let mut data = Vec::with_capacity(x_blocks.len() * m * n);
    for (xb, yb) in x_blocks.into_iter().zip(y_blocks) {
        for i in 0..m {
            let start = data.len();
            data.resize(start + n, 0.0);
            for l in 0..k {
                let a = x.data()[xb + i * k + l];
                for j in 0..n {
                    data[start + j] += a * y.data()[yb + l * n + j];
                }
            }
        }
    }
    let mut shape = lead.to_vec();
    shape.extend([m, n]);
    Array::new(shape, data)
}
