//! Numbers that carry a derivative, so that one algorithm gives a function and its derivatives.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::special::{lgamma, polygamma};

/// What the algorithms compute with.
pub(super) trait Number:
    Copy
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Without derivatives.
    fn value(self) -> f64;
    /// The largest of its parts, by size.
    fn size(self) -> f64;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    /// The derivative of log Gamma of this order.
    fn log_gamma(self, order: u8) -> Self;
    /// The standard normal's quantile.
    fn inv_phi(self) -> Self;

    fn scale(self, factor: f64) -> Self {
        self * factor.into()
    }

    fn plus(self, term: f64) -> Self {
        self + term.into()
    }
}

impl Number for f64 {
    fn value(self) -> f64 {
        self
    }

    fn size(self) -> f64 {
        self.abs()
    }

    fn exp(self) -> f64 {
        self.exp()
    }

    fn ln(self) -> f64 {
        self.ln()
    }

    fn ln_1p(self) -> f64 {
        self.ln_1p()
    }

    fn log_gamma(self, order: u8) -> f64 {
        match order.checked_sub(1) {
            None => lgamma(self),
            Some(order) => polygamma(order, self),
        }
    }

    fn inv_phi(self) -> f64 {
        super::quantile::inv_phi(self)
    }
}

/// A number and its derivative; of duals, for second derivatives.
#[derive(Clone, Copy)]
pub(super) struct Dual<T> {
    pub(super) value: T,
    pub(super) slope: T,
}

impl<T: Number> Dual<T> {
    /// A function's value here, and its slope.
    fn chain(self, value: T, slope: T) -> Self {
        Dual {
            value,
            slope: slope * self.slope,
        }
    }
}

impl<T: Number> From<f64> for Dual<T> {
    fn from(x: f64) -> Self {
        Dual {
            value: x.into(),
            slope: 0.0.into(),
        }
    }
}

impl<T: Number> Add for Dual<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Dual {
            value: self.value + other.value,
            slope: self.slope + other.slope,
        }
    }
}

impl<T: Number> Sub for Dual<T> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Dual {
            value: self.value - other.value,
            slope: self.slope - other.slope,
        }
    }
}

impl<T: Number> Mul for Dual<T> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Dual {
            value: self.value * other.value,
            slope: self.slope * other.value + self.value * other.slope,
        }
    }
}

impl<T: Number> Div for Dual<T> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Dual {
            value,
            slope: (self.slope - value * other.slope) / other.value,
        }
    }
}

impl<T: Number> Neg for Dual<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Dual {
            value: -self.value,
            slope: -self.slope,
        }
    }
}

impl<T: Number> Number for Dual<T> {
    fn value(self) -> f64 {
        self.value.value()
    }

    fn size(self) -> f64 {
        self.value.size().max(self.slope.size())
    }

    fn exp(self) -> Self {
        let value = self.value.exp();
        self.chain(value, value)
    }

    fn ln(self) -> Self {
        self.chain(self.value.ln(), T::from(1.0) / self.value)
    }

    fn ln_1p(self) -> Self {
        self.chain(self.value.ln_1p(), T::from(1.0) / self.value.plus(1.0))
    }

    fn log_gamma(self, order: u8) -> Self {
        let (value, slope) = (self.value.log_gamma(order), self.value.log_gamma(order + 1));
        self.chain(value, slope)
    }

    fn inv_phi(self) -> Self {
        let z = self.value.inv_phi();
        let density = (z * z).scale(-0.5).plus(-super::HALF_LOG_TWO_PI).exp();
        self.chain(z, T::from(1.0) / density)
    }
}
