//! A target of the other side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;

use crate::boundary::abi::{self, Object, TargetTable};
use crate::boundary::failure::Failure;
use crate::boundary::numbers::{Lent, Numbers};
use crate::boundary::object::Foreign;
use crate::boundary::records::AboutTarget;
use crate::boundary::sink::{Given, lend};
use crate::placement::{Placement, to_host};
use crate::target::{
    Batch, Block, Column, Constrained, Density, Evaluation, Parameter, Target, TargetError,
};

/// A target of the other side.
pub(in crate::boundary) struct ForeignTarget {
    target: Foreign<TargetTable>,
    name: String,
    about: Arc<AboutTarget>,
    placement: Placement,
}

impl ForeignTarget {
    /// Takes one over.
    ///
    /// # Safety
    /// As [`Foreign::take`].
    pub unsafe fn take(object: Object<TargetTable>, name: &str) -> Result<Self, Failure> {
        // SAFETY: handed on.
        Self::new(unsafe { Foreign::take(object) }?, name, None)
    }

    /// Uses one that is lent. What it says of itself is asked for if it is not known.
    ///
    /// # Safety
    /// As [`Foreign::borrow`].
    pub unsafe fn borrow(
        object: Object<TargetTable>,
        about: Option<Arc<AboutTarget>>,
    ) -> Result<Self, Failure> {
        // SAFETY: handed on.
        Self::new(unsafe { Foreign::borrow(object) }?, "the target", about)
    }

    fn new(
        target: Foreign<TargetTable>,
        name: &str,
        about: Option<Arc<AboutTarget>>,
    ) -> Result<Self, Failure> {
        let about = match about {
            Some(about) => about,
            None => Arc::new(
                target
                    // SAFETY: its own function and handle; the sink lives until it returns.
                    .call(target.table.describe, |f, target, sink| unsafe {
                        f(target, sink)
                    })?
                    .record("a description of a target")?,
            ),
        };
        let unconstrained: usize = about.parameters.iter().map(|p| p.unconstrained).sum();
        if unconstrained != about.dimension {
            return Err(Failure::Broken(format!(
                "has parameters that take {unconstrained} unconstrained numbers, but dimension {}",
                about.dimension
            )));
        }
        let placement = Placement {
            precision: about.precision,
            ..Placement::cpu()
        };
        Ok(ForeignTarget {
            target,
            name: name.into(),
            about,
            placement,
        })
    }

    /// What it says of itself.
    pub fn about(&self) -> Arc<AboutTarget> {
        self.about.clone()
    }

    fn check(&self, theta: &Tensor<2>) -> Result<(), TargetError> {
        match theta.dims()[1] {
            found if found != self.about.dimension => Err(TargetError::Dimension {
                expected: self.about.dimension,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// The log densities `[S]` that a call gave: minus infinity outside the support, and never NaN.
    fn read_log_density(
        &self,
        given: &mut Given,
        draws: usize,
    ) -> Result<(Tensor<1>, Vec<bool>), Failure> {
        let log_density = given.shaped("log densities", &[draws])?;
        if !log_density.all(|value| value < f64::INFINITY) {
            return Err(Failure::NotFinite("a log density".into()));
        }
        let log_density = log_density.into_tensor(&self.placement)?;
        let valid = to_host(&log_density).into_iter().map(f64::is_finite);
        let valid = valid.collect();
        Ok((log_density, valid))
    }

    fn read_constrained(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        generated: bool,
    ) -> Result<Constrained, Failure> {
        let lent = Lent::tensor(theta);
        if self.target.table.constrain.is_none() {
            return Ok(Constrained {
                columns: self.columns(),
                values: to_host(theta),
            });
        }
        let given = self
            .target
            // SAFETY: as in `new`; the points are lent until the call returns.
            .call(self.target.table.constrain, |f, target, sink| unsafe {
                f(target, &lent.raw(), seed, i32::from(generated), sink)
            })?;
        self.table_of(given, theta)
    }

    /// The draws on the model's scale that a call gave, for the points `theta`.
    fn table_of(&self, mut given: Given, theta: &Tensor<2>) -> Result<Constrained, Failure> {
        let columns: Vec<Column> = given.record("columns")?;
        let shape = [theta.dims()[0], columns.len()];
        let values = given.shaped("draws on the model's scale", &shape)?;
        Ok(Constrained {
            columns,
            values: Numbers::into_vec(values),
        })
    }

    /// The columns of a target whose parameters are unconstrained.
    fn columns(&self) -> Vec<Column> {
        let parameters = self.about.parameters.iter();
        let names = parameters
            .filter(|parameter| parameter.block == Block::Parameters)
            .flat_map(Parameter::columns);
        names
            .map(|name| Column {
                name,
                block: Block::Parameters,
            })
            .collect()
    }

    fn failed(&self) -> impl Fn(Failure) -> TargetError + '_ {
        |failure| failure.target(&self.name)
    }
}

/// Calls `body` with a batch as the other side takes it.
pub(super) fn with_batch<R>(batch: &Batch, body: impl FnOnce(*const abi::Batch) -> R) -> R {
    match batch {
        Batch::Full => body(std::ptr::null()),
        Batch::Rows { plate, rows } => {
            let rows: Vec<u64> = rows.iter().map(|&row| row as u64).collect();
            body(&abi::Batch {
                plate: lend(plate.as_bytes()),
                rows: rows.as_ptr(),
                count: rows.len(),
            })
        }
    }
}

impl Target for ForeignTarget {
    fn dimension(&self) -> usize {
        self.about.dimension
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.check(theta)?;
        let lent = Lent::tensor(theta);
        let given = with_batch(batch, |batch| {
            self.target
                // SAFETY: as in `new`; points and batch are lent until the call returns.
                .call(
                    self.target.table.log_density_and_score,
                    |f, target, sink| unsafe { f(target, &lent.raw(), batch, sink) },
                )
        });
        given
            .and_then(|mut given| {
                let (log_density, valid) = self.read_log_density(&mut given, theta.dims()[0])?;
                let score = given.finite("a score", &theta.dims())?;
                Ok(Evaluation {
                    log_density,
                    score: score.into_tensor(&self.placement)?,
                    valid,
                })
            })
            .map_err(self.failed())
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        self.check(theta)?;
        let lent = Lent::tensor(theta);
        let given = with_batch(batch, |batch| {
            self.target
                // SAFETY: as above.
                .call(self.target.table.log_density, |f, target, sink| unsafe {
                    f(target, &lent.raw(), batch, sink)
                })
        });
        let density = given.and_then(|mut given| {
            let (log_density, valid) = self.read_log_density(&mut given, theta.dims()[0])?;
            Ok(Density { log_density, valid })
        });
        density.map_err(self.failed())
    }

    fn parameters(&self) -> &[Parameter] {
        &self.about.parameters
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.check(theta)?;
        self.read_constrained(theta, seed, true)
            .map_err(self.failed())
    }

    fn constrain_until(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<Constrained, TargetError> {
        if cancelled.load(Ordering::Relaxed) {
            return Err(TargetError::Interrupted);
        }
        if self.target.table.constrain_until.is_none() {
            return self.constrain(theta, seed);
        }
        self.check(theta)?;
        let lent = Lent::tensor(theta);
        let given = self
            .target
            // SAFETY: as above; the flag is a byte, which lives and is changed only atomically until the call returns.
            .call(
                self.target.table.constrain_until,
                |f, target, sink| unsafe {
                    f(target, &lent.raw(), seed, cancelled.as_ptr().cast(), sink)
                },
            );
        given
            .and_then(|given| self.table_of(given, theta))
            .map_err(self.failed())
    }

    fn constrain_parameters(&self, theta: &Tensor<2>) -> Result<Constrained, TargetError> {
        self.check(theta)?;
        self.read_constrained(theta, 0, false)
            .map_err(self.failed())
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}
