//! What an iteration on a device shows to the host: made when somebody asks.

use std::cell::{Cell, OnceCell};

use super::independent::IndependentGaussian;
use super::placed::PlacedGaussian;
use crate::family::{Approximation, FamilyError};
use crate::gaussian::Covariance;
use crate::panics::tell;

/// An approximation that follows an iteration, and costs nothing while nobody looks: there is one of them, which is in one of two places.
pub struct Shown {
    /// The member of the family as it was when somebody looked; what it is now it has still to be made.
    member: Cell<Option<Box<dyn Approximation>>>,
    /// The member as it is now.
    shown: OnceCell<Box<dyn Approximation>>,
}

impl Shown {
    /// Shows in this member of a family, a Gaussian.
    pub fn like(member: Box<dyn Approximation>) -> Self {
        Shown {
            member: Cell::new(Some(member)),
            shown: OnceCell::new(),
        }
    }

    /// The iteration has moved.
    pub fn outdate(&mut self) {
        if let Some(shown) = self.shown.take() {
            self.member.set(Some(shown));
        }
    }

    /// The member with the averages `[2 D]` over the last whole epoch, or those of the iterate while there are none: made once after each
    /// move.
    ///
    /// # Panics
    /// If the family refuses them, with what it says.
    pub fn get(&self, last_epoch: Option<&[f64]>, iterate: &PlacedGaussian) -> &dyn Approximation {
        let now = || match last_epoch {
            Some(lambda) => IndependentGaussian::of_lambda(lambda),
            None => iterate.to_host(),
        };
        self.shown.get_or_init(|| self.made(now())).as_ref()
    }

    /// [`get`](Self::get), of an iteration that is over.
    ///
    /// # Panics
    /// If the family refuses means and deviations, with what it says.
    pub fn into_inner(
        self,
        last_epoch: Option<&[f64]>,
        iterate: &PlacedGaussian,
    ) -> Box<dyn Approximation> {
        self.get(last_epoch, iterate);
        match self.shown.into_inner() {
            Some(shown) => shown,
            None => unreachable!("it was just made"),
        }
    }

    fn made(&self, gaussian: IndependentGaussian) -> Box<dyn Approximation> {
        let Some(mut member) = self.member.take() else {
            unreachable!("it is here where it is not shown");
        };
        if let Err(error) = set(member.as_mut(), gaussian) {
            self.member.set(Some(member));
            tell(error.to_string());
        }
        member
    }
}

fn set(member: &mut dyn Approximation, gaussian: IndependentGaussian) -> Result<(), FamilyError> {
    let variances = gaussian.deviation.into_iter().map(|s| s * s).collect();
    member
        .gaussian_mut()
        .ok_or_else(|| FamilyError::Other("the approximation is not a Gaussian".into()))?
        .set(&gaussian.mean, &Covariance::Diagonal(variances))
}
