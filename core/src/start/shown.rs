//! What an iteration on a device shows to the host: made when somebody asks.

use std::cell::OnceCell;

use super::independent::IndependentGaussian;
use crate::family::{Approximation, FamilyError};
use crate::gaussian::Covariance;
use crate::panics::tell;

/// An approximation that follows an iteration, and costs nothing while nobody looks.
pub struct Shown {
    /// Some member of the family.
    member: Box<dyn Approximation>,
    shown: OnceCell<Box<dyn Approximation>>,
}

impl Shown {
    /// Members of the family of this one, a Gaussian.
    pub fn like(member: Box<dyn Approximation>) -> Self {
        Shown {
            member,
            shown: OnceCell::new(),
        }
    }

    /// The iteration has moved.
    pub fn outdate(&mut self) {
        self.shown.take();
    }

    /// The member with the means and deviations that `now` gives, which is asked once after each move.
    ///
    /// # Panics
    /// If the family refuses them, with what it says.
    pub fn get(&self, now: impl FnOnce() -> IndependentGaussian) -> &dyn Approximation {
        let shown = self.shown.get_or_init(|| match self.made(now()) {
            Ok(shown) => shown,
            Err(error) => tell(error.to_string()),
        });
        shown.as_ref()
    }

    fn made(&self, gaussian: IndependentGaussian) -> Result<Box<dyn Approximation>, FamilyError> {
        let variances = gaussian.deviation.iter().map(|s| s * s).collect();
        let mut shown = self.member.clone_box();
        shown
            .gaussian_mut()
            .ok_or_else(|| FamilyError::Other("the approximation is not a Gaussian".into()))?
            .set(&gaussian.mean, &Covariance::Diagonal(variances))?;
        Ok(shown)
    }
}
