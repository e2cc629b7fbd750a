//! Every kind of elementwise operation, with where its arguments are drawn from.

use firebrand_graph::{Binary, Unary};

/// Every unary kind with the interval its argument is drawn from.
pub const UNARY: &[(Unary, f64, f64)] = &[
    (Unary::Neg, -3.0, 3.0),
    (Unary::Abs, 0.1, 3.0),
    (Unary::Sign, 0.1, 3.0),
    (Unary::Exp, -3.0, 3.0),
    (Unary::Expm1, -3.0, 3.0),
    (Unary::Log, 0.2, 5.0),
    (Unary::Log1p, -0.7, 5.0),
    (Unary::Log1mExp, -4.0, -0.2),
    (Unary::Log1pExp, -6.0, 6.0),
    (Unary::Sqrt, 0.2, 5.0),
    (Unary::Square, -3.0, 3.0),
    (Unary::Recip, 0.3, 4.0),
    (Unary::Sin, -3.0, 3.0),
    (Unary::Cos, -3.0, 3.0),
    (Unary::Tan, -1.2, 1.2),
    (Unary::Asin, -0.9, 0.9),
    (Unary::Acos, -0.9, 0.9),
    (Unary::Atan, -3.0, 3.0),
    (Unary::Sinh, -2.0, 2.0),
    (Unary::Cosh, -2.0, 2.0),
    (Unary::Tanh, -2.0, 2.0),
    (Unary::Floor, 1.1, 1.9),
    (Unary::Ceil, 1.1, 1.9),
    (Unary::Round, 1.6, 2.4),
    (Unary::Sigmoid, -6.0, 6.0),
    (Unary::Lgamma, 0.3, 20.0),
    (Unary::Digamma, 0.3, 20.0),
    (Unary::Trigamma, 0.5, 20.0),
    (Unary::Polygamma(2), 0.5, 20.0),
    (Unary::Erf, -2.0, 2.0),
    (Unary::Erfc, -2.0, 2.0),
];

/// Every binary kind with the intervals its arguments are drawn from.
pub const BINARY: &[(Binary, [f64; 4])] = &[
    (Binary::Add, [-3.0, 3.0, -3.0, 3.0]),
    (Binary::Sub, [-3.0, 3.0, -3.0, 3.0]),
    (Binary::Mul, [-3.0, 3.0, -3.0, 3.0]),
    (Binary::ZeroMul, [0.2, 3.0, -3.0, 3.0]),
    (Binary::Div, [-3.0, 3.0, 0.4, 3.0]),
    (Binary::Pow, [0.3, 3.0, -2.0, 2.0]),
    (Binary::Atan2, [0.3, 3.0, -2.0, 2.0]),
    (Binary::Min, [0.0, 1.0, 1.1, 2.0]),
    (Binary::Max, [0.0, 1.0, 1.1, 2.0]),
    (Binary::MultiplyLog, [-2.0, 2.0, 0.3, 3.0]),
    (Binary::LogAddExp, [-3.0, 3.0, -3.0, 3.0]),
    (Binary::Less, [0.0, 1.0, 1.1, 2.0]),
    (Binary::LessEqual, [0.0, 1.0, 1.1, 2.0]),
    (Binary::Equal, [0.0, 1.0, 1.1, 2.0]),
];

/// Numbers at which functions turn or end.
pub const SPECIAL: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    1e-300,
    1e300,
    -1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    700.0,
    -700.0,
    1e-20,
];
