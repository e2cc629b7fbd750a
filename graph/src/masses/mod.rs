//! Functions of several numbers that have no short formula: masses of distributions and quantiles, by series and continued
//! fractions, with derivatives with respect to every argument.

mod beta;
mod dual;
mod gamma;
mod quantile;
mod stirling;

use dual::{Dual, Number};
pub use quantile::inv_phi;

/// log(2 pi) / 2
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// Terms of a series or fraction after which it is given up (NaN).
const MOST_TERMS: usize = 1_000_000;

/// A function of a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mass {
    /// (a, x): log of the regularised lower incomplete gamma function, for a > 0 and x >= 0
    LogGammaP,
    /// (a, x): log of the regularised upper incomplete gamma function, for a > 0 and x >= 0
    LogGammaQ,
    /// (a, b, x, 1 - x): log of the regularised incomplete beta function; both x and 1 - x, so that the smaller keeps its digits
    LogBeta,
    /// (nu, t): log of the mass of Student's t distribution below t
    LogStudentT,
    /// (p): the standard normal's quantile, infinite at 0 and 1
    InvPhi,
}

/// A [`Mass`], or a derivative of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MassDerivative {
    /// The function.
    pub mass: Mass,
    /// With respect to which arguments it was differentiated: first, then second.
    pub by: [Option<u8>; 2],
}

impl Mass {
    /// How many numbers it takes.
    pub fn arguments(self) -> usize {
        match self {
            Mass::LogGammaP | Mass::LogGammaQ | Mass::LogStudentT => 2,
            Mass::LogBeta => 4,
            Mass::InvPhi => 1,
        }
    }

    fn of<T: Number>(self, x: &[T]) -> T {
        match (self, x) {
            (Mass::LogGammaP, [a, x]) => gamma::log_lower(*a, *x),
            (Mass::LogGammaQ, [a, x]) => gamma::log_upper(*a, *x),
            (Mass::LogBeta, [a, b, x, y]) => beta::log_incomplete(*a, *b, *x, *y),
            (Mass::LogStudentT, [nu, t]) => beta::log_student_t(*nu, *t),
            (Mass::InvPhi, [p]) => p.inv_phi(),
            _ => f64::NAN.into(),
        }
    }
}

impl MassDerivative {
    /// The function itself.
    pub fn none(mass: Mass) -> Self {
        MassDerivative {
            mass,
            by: [None; 2],
        }
    }

    /// The derivative of this with respect to an argument.
    ///
    /// # Panics
    /// When it is a second derivative already.
    pub fn then_by(self, argument: u8) -> Self {
        let by = match self.by {
            [None, _] => [Some(argument), None],
            [first, None] => [first, Some(argument)],
            _ => panic!("third derivatives of {:?}", self.mass),
        };
        MassDerivative { by, ..self }
    }

    /// The value at these numbers.
    pub fn apply(self, x: &[f64]) -> f64 {
        if x.iter().any(|x| x.is_nan()) {
            return f64::NAN;
        }
        let seed = |by: Option<u8>, i: usize| f64::from(by == Some(i as u8));
        let numbered = x.iter().copied().enumerate();
        match self.by {
            [None, _] => self.mass.of(x),
            [first, None] => {
                let x: Vec<Dual<f64>> = numbered
                    .map(|(i, value)| Dual {
                        value,
                        slope: seed(first, i),
                    })
                    .collect();
                self.mass.of(&x).slope
            }
            [first, second] => {
                let x: Vec<Dual<Dual<f64>>> = numbered
                    .map(|(i, value)| Dual {
                        value: Dual {
                            value,
                            slope: seed(second, i),
                        },
                        slope: seed(first, i).into(),
                    })
                    .collect();
                self.mass.of(&x).slope.slope
            }
        }
    }
}

/// log(1 - exp(x)) for x <= 0
fn log1m_exp<T: Number>(x: T) -> T {
    (-x.exp()).ln_1p()
}

/// A continued fraction by the modified Lentz algorithm: `a(k) / (b(k) + a(k + 1) / (b(k + 1) + ...))` for k from 1.
fn continued_fraction<T: Number>(mut term: impl FnMut(usize) -> (T, T)) -> T {
    const TINY: f64 = 1e-300;
    let guarded = |x: T| if x.value() == 0.0 { x.plus(TINY) } else { x };
    let (first, below) = term(1);
    let mut d = T::from(1.0) / guarded(below);
    let mut fraction = first * d;
    let mut c: Option<T> = None;
    for k in 2..MOST_TERMS {
        let (a, b) = term(k);
        d = T::from(1.0) / guarded(a * d + b);
        // c begins infinite.
        let next = guarded(c.map_or(b, |c| b + a / c));
        c = Some(next);
        let change = next * d;
        fraction = fraction * change;
        if change.plus(-1.0).size() < 1e-16 {
            return fraction;
        }
    }
    f64::NAN.into()
}
