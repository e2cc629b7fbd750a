//! Operations of the graph on values of a device.

use super::value::{Place, Value};
use crate::{Binary, Unary};

pub(super) fn unary(kind: Unary, x: Value, place: &Place) -> Value {
    match kind {
        Unary::Square => x.clone().mul(x),
        Unary::Sign => {
            let positive = x.clone().above(0.0).select(place.number(1.0), x.clone());
            x.below(0.0).select(place.number(-1.0), positive)
        }
        // Half goes away from zero.
        Unary::Round => {
            let size = x.clone().simple(Unary::Abs);
            let down = size.clone().simple(Unary::Floor);
            let up = size
                .sub(down.clone())
                .below(0.5)
                .select(down.clone(), down.plus(1.0));
            let negative = up.clone().simple(Unary::Neg);
            x.below(0.0).select(negative, up)
        }
        Unary::Log1pExp => {
            let positive = x.clone().below(0.0).select(place.number(0.0), x.clone());
            positive.add(
                x.simple(Unary::Abs)
                    .simple(Unary::Neg)
                    .simple(Unary::Exp)
                    .simple(Unary::Log1p),
            )
        }
        Unary::Log1mExp => {
            let near = x
                .clone()
                .simple(Unary::Expm1)
                .simple(Unary::Neg)
                .simple(Unary::Log);
            let far = x
                .clone()
                .simple(Unary::Exp)
                .simple(Unary::Neg)
                .simple(Unary::Log1p);
            x.above(-std::f64::consts::LN_2).select(near, far)
        }
        Unary::Sigmoid => {
            let e = x
                .clone()
                .simple(Unary::Abs)
                .simple(Unary::Neg)
                .simple(Unary::Exp);
            let above = x.below(0.0).select(e.clone(), place.number(1.0));
            above.div(e.plus(1.0))
        }
        kind => x.simple(kind),
    }
}

pub(super) fn binary(kind: Binary, x: Value, y: Value, place: &Place) -> Value {
    match kind {
        Binary::Add => x.add(y),
        Binary::Sub => x.sub(y),
        Binary::Mul => x.mul(y),
        Binary::Div => x.div(y),
        Binary::Pow => x.pow(y),
        Binary::Atan2 => x.atan2(y),
        Binary::Min => x.min(y),
        Binary::Max => x.max(y),
        Binary::Less => x.less(y).number(place),
        Binary::LessEqual => x.less_equal(y).number(place),
        Binary::Equal => x.equals(y).number(place),
        Binary::ZeroMul => {
            let product = x.clone().mul(y);
            x.is(0.0).select(place.number(0.0), product)
        }
        Binary::MultiplyLog => {
            let product = x.clone().mul(y.clone().simple(Unary::Log));
            // Both are zero where the sum of their sizes is.
            let both = x.simple(Unary::Abs).add(y.simple(Unary::Abs)).is(0.0);
            both.select(place.number(0.0), product)
        }
        Binary::LogAddExp => {
            let larger = x.clone().max(y.clone());
            let apart = x
                .clone()
                .sub(y.clone())
                .simple(Unary::Abs)
                .simple(Unary::Neg);
            // Equal infinities differ by NaN; their sum is themselves.
            let apart = x.equals(y).select(place.number(0.0), apart);
            larger.add(apart.simple(Unary::Exp).simple(Unary::Log1p))
        }
    }
}

/// log of the sum of exp along an axis, which stays with size one.
pub(super) fn log_sum_exp(x: Value, axis: usize, place: &Place) -> Value {
    let top = x.clone().largest(axis);
    // In place of infinity zero: exp of the terms themselves then says what their sum is.
    let infinite = top.clone().simple(Unary::Abs).is(f64::INFINITY);
    let top = infinite.select(place.number(0.0), top);
    let sum = x.sub(top.clone()).simple(Unary::Exp).sum(axis);
    sum.simple(Unary::Log).add(top)
}

/// Product over the two axes before that of the draws.
pub(super) fn matmul(x: Value, y: Value) -> Value {
    let (xs, ys) = (x.dims.clone(), y.dims.clone());
    let (x_rank, y_rank) = (xs.len(), ys.len());
    let (m, k, n) = (xs[x_rank - 3], xs[x_rank - 2], ys[y_rank - 2]);
    let (x_draws, y_draws) = (xs[x_rank - 1], ys[y_rank - 1]);
    let lead = crate::broadcast_shape(&xs[..x_rank - 3], &ys[..y_rank - 3])
        .expect("the graph's shapes broadcast");
    let dims = |tail: &[usize]| lead.iter().chain(tail).copied().collect::<Vec<usize>>();
    let x = x.expand(&dims(&[m, k, x_draws]));
    let y = y.expand(&dims(&[k, n, y_draws]));
    let rank = lead.len();
    let axes = |order: &[usize]| {
        (0..rank)
            .chain(order.iter().map(|i| i + rank))
            .collect::<Vec<usize>>()
    };
    if x_draws == 1 {
        // [m, k] by [k, n draws]
        let product = x
            .reshape(&dims(&[m, k]))
            .matmul(y.reshape(&dims(&[k, n * y_draws])));
        return product.reshape(&dims(&[m, n, y_draws]));
    }
    if y_draws == 1 {
        // [n, k] by [k, m draws]
        let x = x
            .permute(&axes(&[1, 0, 2]))
            .reshape(&dims(&[k, m * x_draws]));
        let y = y.reshape(&dims(&[k, n])).permute(&axes(&[1, 0]));
        let product = y.matmul(x).reshape(&dims(&[n, m, x_draws]));
        return product.permute(&axes(&[1, 0, 2]));
    }
    let product = x
        .permute(&axes(&[2, 0, 1]))
        .matmul(y.permute(&axes(&[2, 0, 1])));
    product.permute(&axes(&[1, 2, 0]))
}
