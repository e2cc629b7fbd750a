//! Objects of the other side: a table that was checked, and a handle that is given back at the end.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use super::abi::{
    ApproximationTable, FamilyTable, InferenceTable, Object, RunningTable, Sink, Status,
    TargetTable,
};
use super::failure::Failure;
use super::numbers::broken;
use super::sink::{Given, call};

/// A table of functions on a handle: its size, and then nothing but functions that may be absent.
pub(super) trait Table: Copy {
    /// What it is a table of.
    const WHAT: &'static str;
    /// The size of one with the functions that have to be there, and no more.
    const LEAST: usize;
    /// The first function that has to be there and is not.
    fn missing(&self) -> Option<&'static str>;
    /// The function that frees a handle.
    fn free(&self) -> Option<unsafe extern "C" fn(*mut c_void, *const Sink) -> Status>;
}

macro_rules! is_table {
    ($($table:ty, $what:literal);* $(;)?) => { $(
        impl Table for $table {
            const WHAT: &'static str = $what;
            const LEAST: usize = <$table>::LEAST;
            fn missing(&self) -> Option<&'static str> {
                <$table>::missing(self)
            }
            fn free(&self) -> Option<unsafe extern "C" fn(*mut c_void, *const Sink) -> Status> {
                self.drop
            }
        }
    )* };
}

is_table! {
    TargetTable, "target";
    FamilyTable, "family";
    ApproximationTable, "approximation";
    InferenceTable, "algorithm";
    RunningTable, "running iteration";
}

/// An object of the other side.
pub(super) struct Foreign<T: Table> {
    /// Its functions.
    pub table: T,
    handle: *mut c_void,
    owned: bool,
}

// SAFETY: the boundary allows every function of every object to be called from any thread.
unsafe impl<T: Table> Send for Foreign<T> {}
// SAFETY: it allows these to be called from several threads at once.
unsafe impl Sync for Foreign<TargetTable> {}
unsafe impl Sync for Foreign<FamilyTable> {}
unsafe impl Sync for Foreign<InferenceTable> {}

impl<T: Table> Foreign<T> {
    /// Takes an object over.
    ///
    /// # Errors
    /// A table that is cut short, or has no function where there has to be one.
    ///
    /// # Safety
    /// The object is the caller's to give. Its table is null, or as large as it says, and its functions may be called with its handle.
    pub unsafe fn take(object: Object<T>) -> Result<Self, Failure> {
        // SAFETY: handed on.
        let lent = unsafe { Self::borrow(object) }?;
        Ok(Foreign {
            owned: true,
            ..Self::parts(lent)
        })
    }

    /// Uses an object that is lent.
    ///
    /// # Errors
    /// As [`take`](Foreign::take).
    ///
    /// # Safety
    /// As [`take`](Foreign::take), while the result lives.
    pub unsafe fn borrow(object: Object<T>) -> Result<Self, Failure> {
        if object.table.is_null() {
            return Err(broken(&format!("gave no {}", T::WHAT)));
        }
        // SAFETY: every table begins with its size, which is read first.
        let size = unsafe { object.table.cast::<usize>().read_unaligned() };
        if size < T::LEAST {
            return Err(broken(&format!(
                "has a table of a{} {} that is cut short: {size} bytes, not {}",
                if T::WHAT.starts_with('a') { "n" } else { "" },
                T::WHAT,
                T::LEAST
            )));
        }
        let mut table = MaybeUninit::<T>::zeroed();
        // SAFETY: as much as it says is there. Zeroes are functions that it lacks: a table is its size and optional functions.
        let table = unsafe {
            let part = size.min(size_of::<T>());
            let source = object.table.cast::<u8>();
            std::ptr::copy_nonoverlapping(source, table.as_mut_ptr().cast::<u8>(), part);
            table.assume_init()
        };
        if let Some(function) = table.missing() {
            return Err(broken(&format!(
                "has no function `{function}` of its {}",
                T::WHAT
            )));
        }
        Ok(Foreign {
            table,
            handle: object.handle,
            owned: false,
        })
    }

    /// The same object, whose drop is now somebody else's.
    fn parts(mut self) -> Self {
        self.owned = false;
        Foreign {
            table: self.table,
            handle: self.handle,
            owned: false,
        }
    }

    /// Calls one of its functions, by its name where an error has to say it.
    pub fn call<F>(
        &self,
        function: Option<F>,
        with: impl FnOnce(F, *mut c_void, *const Sink) -> Status,
    ) -> Result<Given, Failure> {
        let function =
            function.ok_or_else(|| broken(&format!("lacks a function of its {}", T::WHAT)))?;
        call(|sink| with(function, self.handle, sink))
    }
}

impl<T: Table> Drop for Foreign<T> {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: it is ours, and not used again. What freeing it has to say helps nobody.
            let _ = self.call(self.table.free(), |free, handle, sink| unsafe {
                free(handle, sink)
            });
        }
    }
}

/// A place for an object that a call will make.
pub(super) fn nothing<T>() -> Object<T> {
    Object {
        table: std::ptr::null(),
        handle: std::ptr::null_mut(),
    }
}

/// Hands an object out: a box behind a handle.
pub(super) fn hand_out<T, H>(table: &'static T, held: H) -> Object<T> {
    Object {
        table,
        handle: Box::into_raw(Box::new(held)).cast(),
    }
}

/// What a handle of [`hand_out`] holds.
///
/// # Safety
/// The handle is null, or came from [`hand_out`] with the same type and was not freed; nobody else uses it as long as `'a`, except to
/// read.
pub(super) unsafe fn held<'a, H>(handle: *mut c_void) -> Result<&'a mut H, Failure> {
    // SAFETY: the caller vouches for it.
    unsafe { handle.cast::<H>().as_mut() }.ok_or_else(|| broken("gave null for an object"))
}

/// The same, to read only.
///
/// # Safety
/// As [`held`], and others may read at the same time.
pub(super) unsafe fn shared<'a, H>(handle: *mut c_void) -> Result<&'a H, Failure> {
    // SAFETY: the caller vouches for it.
    unsafe { handle.cast::<H>().as_ref() }.ok_or_else(|| broken("gave null for an object"))
}

/// Frees what a handle of [`hand_out`] holds.
///
/// # Safety
/// As [`held`], and the handle is not used again.
pub(super) unsafe fn free<H>(handle: *mut c_void) {
    if !handle.is_null() {
        // SAFETY: the caller vouches for it.
        drop(unsafe { Box::from_raw(handle.cast::<H>()) });
    }
}

/// Writes an object where the caller asked for it.
///
/// # Safety
/// `made` is null, or may be written to.
pub(super) unsafe fn put<T>(made: *mut Object<T>, object: Object<T>) -> Result<(), Failure> {
    if made.is_null() {
        return Err(broken("gave no place for what it asked for"));
    }
    // SAFETY: the caller vouches for it.
    unsafe { made.write(object) };
    Ok(())
}
