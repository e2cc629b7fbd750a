//! A family of the other side.

use super::ForeignApproximation;
use crate::boundary::abi::{FamilyTable, Object};
use crate::boundary::failure::Failure;
use crate::boundary::numbers::{Lent, raw_placement};
use crate::boundary::object::{Foreign, nothing};
use crate::boundary::starts::with_start;
use crate::family::{Approximation, Family, FamilyCapabilities, FamilyError};
use crate::gaussian::GaussianStart;
use crate::placement::Placement;
use crate::start::Start;

/// A family of the other side.
pub(in crate::boundary) struct ForeignFamily {
    family: Foreign<FamilyTable>,
    name: String,
    capabilities: FamilyCapabilities,
}

impl ForeignFamily {
    /// Takes one over.
    ///
    /// # Safety
    /// As [`Foreign::take`].
    pub unsafe fn take(object: Object<FamilyTable>, name: &str) -> Result<Self, Failure> {
        // SAFETY: handed on.
        let family = unsafe { Foreign::take(object) }?;
        let capabilities = family
            // SAFETY: its own function and handle; the sink lives until it returns.
            .call(family.table.describe, |f, family, sink| unsafe {
                f(family, sink)
            })?
            .record("a description of a family")?;
        Ok(ForeignFamily {
            family,
            name: name.into(),
            capabilities,
        })
    }
}

impl Family for ForeignFamily {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> FamilyCapabilities {
        self.capabilities
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let mean = Lent::slice(&gaussian.mean, &[gaussian.mean.len()]);
        let covariance = Lent::covariance(&gaussian.covariance);
        let mut made = nothing();
        let member = self
            .family
            // SAFETY: as in `take`; arguments are lent until the call returns, and what was made is ours.
            .call(self.family.table.start, |f, family, sink| unsafe {
                f(
                    family,
                    dimension as u64,
                    &mean.raw(),
                    &covariance.raw(),
                    &raw_placement(placement),
                    &mut made,
                    sink,
                )
            })
            .and_then(|_| unsafe { ForeignApproximation::take(made, placement) });
        self.begun(member, dimension)
    }

    fn start_from(
        &self,
        start: &Start,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let gaussian = &start.best().gaussian;
        if self.family.table.start_from.is_none() {
            return self.start(gaussian.dimension(), gaussian, placement);
        }
        let mut made = nothing();
        let member = with_start(start, |start| {
            self.family
                // SAFETY: as in `start`.
                .call(self.family.table.start_from, |f, family, sink| unsafe {
                    f(family, start, &raw_placement(placement), &mut made, sink)
                })
        })
        .and_then(|_| unsafe { ForeignApproximation::take(made, placement) });
        self.begun(member, gaussian.dimension())
    }
}

impl ForeignFamily {
    /// A member that was made, which has to have that many dimensions.
    fn begun(
        &self,
        member: Result<ForeignApproximation, Failure>,
        dimension: usize,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let member = member.map_err(|failure| failure.family(&self.name))?;
        if member.dimension() != dimension {
            return Err(FamilyError::Size {
                what: format!("a member of `{}`", self.name),
                expected: dimension,
                found: member.dimension(),
            });
        }
        Ok(Box::new(member))
    }
}
