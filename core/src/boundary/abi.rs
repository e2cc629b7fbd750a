//! What crosses the boundary, as C has it: version 1. This file stands alone, so that a plugin can be written against it without the
//! rest of this crate.
//!
//! A library exports one constant [`PluginTable`] under a name that begins with [`SYMBOL`]. Every table begins with its size in bytes and
//! may grow at its end: who reads a larger one ignores the rest. What a table grows by is optional, so that a smaller one is that of an
//! object which lacks the last functions; one that has not all of the functions that have to be there is refused. Whatever else changes
//! raises [`VERSION`].
//!
//! - **Numbers** cross as [`Tensor`]s, which have the layout of DLPack's `DLTensor`: floating-point numbers of 32 or 64 bits, contiguous,
//!   row by row. In version 1 they lie in host memory; `device` says so, and may say otherwise one day.
//! - **Text** is UTF-8, without a zero at its end. What is a record rather than numbers crosses as JSON, in which unknown fields are
//!   ignored.
//! - **Results** are handed to the caller's [`Sink`], in the order that each function states. Whatever is lent, in either direction, may be
//!   read until the call that lent it returns.
//! - **Errors** are a [`Status`] other than [`OK`], and a text in the sink. No panic or exception may leave a function.
//! - **Objects** are a table and a handle that only this table's functions understand. Who receives an [`Object`] owns it, unless
//!   stated otherwise, and gives it back to its table's `drop`.
//! - **Threads**: the functions of a target, a family or an algorithm may be called from several threads at once; those of an
//!   approximation or a running iteration, from any thread, but from one at a time.

use core::ffi::c_void;

/// The version of this boundary.
pub const VERSION: u32 = 1;

/// How the name of the exported table begins; what follows tells libraries apart that are linked into one.
pub const SYMBOL: &str = "firebrand_plugin";

/// What every [`PluginTable`] begins with.
pub const MAGIC: [u8; 8] = *b"FIREBRND";

/// How a call ended.
pub type Status = i32;

/// It did what it should.
pub const OK: Status = 0;
/// It could not; the text says why.
pub const FAILED: Status = 1;
/// It panicked; the text is the panic's message.
pub const PANICKED: Status = 2;
/// A covariance is not positive definite. A smaller step may work.
pub const NOT_POSITIVE_DEFINITE: Status = 3;
/// A number is not finite; the text says which. A smaller step may work.
pub const NOT_FINITE: Status = 4;
/// A step that would have broken an invariant was rejected, and the next one may work; the text says why.
pub const REJECTED: Status = 5;
/// The run was asked to end.
pub const INTERRUPTED: Status = 6;

/// Text, or bytes, that somebody else owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

/// DLPack's code of host memory.
pub const CPU: i32 = 1;
/// DLPack's code of floating-point numbers.
pub const FLOAT: u8 = 2;

/// Where memory is: DLPack's `DLDevice`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// [`CPU`].
    pub kind: i32,
    /// Zero.
    pub id: i32,
}

/// The type of numbers: DLPack's `DLDataType`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// [`FLOAT`].
    pub code: u8,
    /// 32 or 64.
    pub bits: u8,
    /// One.
    pub lanes: u16,
}

/// Numbers that somebody else owns: DLPack's `DLTensor`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Tensor {
    /// The memory that the numbers lie in.
    pub data: *const c_void,
    /// Where it is.
    pub device: Device,
    /// How many axes there are.
    pub axes: i32,
    /// The type of the numbers.
    pub number: Number,
    /// The length of each axis.
    pub shape: *const i64,
    /// For each axis, by how many numbers its neighbours are apart; null if the numbers are contiguous.
    pub strides: *const i64,
    /// Where in the memory the first number is, in bytes.
    pub offset: u64,
}

/// Where results go.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sink {
    /// The size of this table.
    pub size: usize,
    /// Handed to its functions.
    pub context: *mut c_void,
    /// Takes a result that is numbers.
    pub tensor: Option<unsafe extern "C" fn(context: *mut c_void, tensor: *const Tensor)>,
    /// Takes a result that is text or bytes, or what an error has to say.
    pub text: Option<unsafe extern "C" fn(context: *mut c_void, text: Text)>,
}

/// Something with functions.
#[repr(C)]
pub struct Object<T> {
    /// Its functions.
    pub table: *const T,
    /// What they are called with.
    pub handle: *mut c_void,
}

impl<T> Clone for Object<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Object<T> {}

/// Where an approximation computes, and in what precision.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Placement {
    /// Where.
    pub device: Device,
    /// What its numbers are.
    pub number: Number,
}

/// Rows of the data that a density is evaluated on. Null stands for all of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Batch {
    /// The data size whose rows these are.
    pub plate: Text,
    /// Their indices, from zero.
    pub rows: *const u64,
    /// How many there are.
    pub count: usize,
}

/// A Gaussian that a search for a start found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Candidate {
    /// `[D]`.
    pub mean: Tensor,
    /// Of a shape as `ApproximationTable::covariance` gives.
    pub covariance: Tensor,
    /// Its evidence lower bound; NaN if it was not measured.
    pub elbo: f64,
    /// The standard error of that.
    pub elbo_error: f64,
}

/// What a search for a start found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Start {
    /// By falling evidence lower bound.
    pub candidates: *const Candidate,
    /// How many there are: at least one.
    pub count: usize,
    /// Starts that were tried.
    pub tried: u64,
    /// Of those, the ones that ended somewhere.
    pub succeeded: u64,
    /// Of those, the ones that ended where the best did.
    pub agreed: u64,
}

/// Declares a table: its size, then functions, all of which but the optional ones have to be there.
macro_rules! table {
    (
        $(#[$outer:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $function:ident ( $($argument:ident : $kind:ty),* ) ),* $(,)?
            ; $( $(#[doc = $optional_doc:literal])+ $optional:ident ( $($optional_argument:ident : $optional_kind:ty),* ) ),* $(,)?
        }
    ) => {
        $(#[$outer])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $name {
            /// The size of this table.
            pub size: usize,
            $( $(#[doc = $doc])+ pub $function: Option<unsafe extern "C" fn($($argument: $kind),*) -> Status>, )*
            $( $(#[doc = $optional_doc])+
               pub $optional: Option<unsafe extern "C" fn($($optional_argument: $optional_kind),*) -> Status>, )*
        }

        impl $name {
            /// The size of a table with the functions that have to be there, and no more.
            pub const LEAST: usize = size_of::<usize>() * (1 + [$(stringify!($function)),*].len());

            /// The first function that has to be there and is not.
            pub fn missing(&self) -> Option<&'static str> {
                $( if self.$function.is_none() { return Some(stringify!($function)); } )*
                None
            }
        }
    };
}

table! {
    /// A target: an unnormalised log density on R^D. Points are `[S, D]`, for any S.
    pub struct TargetTable {
        /// Frees it.
        drop(target: *mut c_void, sink: *const Sink),
        /// Gives text: `{"dimension": D, "precision": "f64", "parameters": [{"name": "x", "shape": [D], "block": "parameters",
        /// "unconstrained": D}]}`.
        describe(target: *mut c_void, sink: *const Sink),
        /// Gives the log density `[S]` and the score `[S, D]`. A point outside the support has log density minus infinity and score
        /// zero; nothing is NaN.
        log_density_and_score(target: *mut c_void, theta: *const Tensor, batch: *const Batch, sink: *const Sink),
        /// Gives the log density `[S]`.
        log_density(target: *mut c_void, theta: *const Tensor, batch: *const Batch, sink: *const Sink),
        ;
        /// Gives text, the columns of draws on the model's scale, `[{"name": "x[1]", "block": "parameters"}]`, and their values
        /// `[S, columns]` in 64 bits, where NaN is allowed. `generated` is zero if generated quantities may be left out. If there is no
        /// such function, the points are the parameters.
        constrain(target: *mut c_void, theta: *const Tensor, seed: u64, generated: i32, sink: *const Sink),
        /// The same with generated quantities, given up with `INTERRUPTED` once `cancelled` is one. That is a byte, zero until then, which
        /// another thread may set while the call lasts: it is to be read atomically. If there is no such function, `constrain` takes as
        /// long as it takes.
        constrain_until(
            target: *mut c_void, theta: *const Tensor, seed: u64, cancelled: *const u8, sink: *const Sink
        ),
    }
}

table! {
    /// A variational family.
    pub struct FamilyTable {
        /// Frees it.
        drop(family: *mut c_void, sink: *const Sink),
        /// Gives text: `{"gaussian": "dense", "score": true}`, with null for a family that is not Gaussian.
        describe(family: *mut c_void, sink: *const Sink),
        /// Makes the member closest to the Gaussian with this mean `[D]` and covariance, of a shape as `covariance` gives.
        start(
            family: *mut c_void, dimension: u64, mean: *const Tensor, covariance: *const Tensor,
            placement: *const Placement, made: *mut Object<ApproximationTable>, sink: *const Sink
        ),
        ;
        /// Makes the member to begin a fit from, where several Gaussians were found: for a family that can be in several places at once.
        /// If there is no such function, `start` is called with the best of them.
        start_from(
            family: *mut c_void, start: *const Start, placement: *const Placement, made: *mut Object<ApproximationTable>,
            sink: *const Sink
        ),
    }
}

table! {
    /// One member q of a family, with parameters lambda.
    pub struct ApproximationTable {
        /// Frees it.
        drop(q: *mut c_void, sink: *const Sink),
        /// Gives text: `{"family": "full-rank", "dimension": D, "gaussian": "dense"}`, with null for one that is not Gaussian.
        describe(q: *mut c_void, sink: *const Sink),
        /// Makes a copy.
        clone(q: *mut c_void, made: *mut Object<ApproximationTable>, sink: *const Sink),
        /// Gives lambda `[lambda]`.
        lambda(q: *mut c_void, sink: *const Sink),
        /// Sets lambda.
        set_lambda(q: *mut c_void, lambda: *const Tensor, sink: *const Sink),
        /// Writes the shape of the noise that so many draws take.
        noise_shape(q: *mut c_void, draws: u64, shape: *mut [u64; 2], sink: *const Sink),
        /// Gives draws `[S, D]` and, if they are not equally weighted, the logarithms of their weights `[S]`.
        sample(q: *mut c_void, noise: *const Tensor, sink: *const Sink),
        /// Gives the normalised log density `[S]`.
        log_prob(q: *mut c_void, theta: *const Tensor, sink: *const Sink),
        /// Gives the gradient `[S, D]` of the log density in theta.
        score(q: *mut c_void, theta: *const Tensor, sink: *const Sink),
        /// Gives the derivative `[lambda]` of a number whose derivatives in draws, and in the logarithms of their weights (null for
        /// none), are these.
        pull_sample(
            q: *mut c_void, noise: *const Tensor, theta: *const Tensor, log_weight: *const Tensor, sink: *const Sink
        ),
        /// The same through the log density; theta is held fixed.
        pull_log_prob(q: *mut c_void, theta: *const Tensor, cotangent: *const Tensor, sink: *const Sink),
        /// The same through the score.
        pull_score(q: *mut c_void, theta: *const Tensor, cotangent: *const Tensor, sink: *const Sink),
        /// Gives bytes from which `restore` sets its state.
        save(q: *mut c_void, sink: *const Sink),
        /// Sets its state to what `save` gave.
        restore(q: *mut c_void, state: Text, sink: *const Sink),
        ;
        /// Gives the mean `[D]`. A Gaussian has this and the three that follow.
        mean(q: *mut c_void, sink: *const Sink),
        /// Gives the covariance: `[D]` for variances of independent coordinates, `[1, D, 1 + R]` for a diagonal plus a factor of R
        /// columns times itself (in each row an entry of the diagonal and a row of the factor), else `[D, D]`.
        covariance(q: *mut c_void, sink: *const Sink),
        /// Gives the lower triangular square root `[D, D]` of the covariance.
        scale(q: *mut c_void, sink: *const Sink),
        /// Sets mean and covariance; nothing has changed if it fails.
        set_gaussian(q: *mut c_void, mean: *const Tensor, covariance: *const Tensor, sink: *const Sink),
    }
}

table! {
    /// An inference algorithm.
    pub struct InferenceTable {
        /// Frees it.
        drop(inference: *mut c_void, sink: *const Sink),
        /// Gives text: `{"gaussian": "dense", "score": false, "default_family": "full-rank", "max_steps": 1000}`: what it needs of a
        /// family, the family it is used with if none is asked for, and how many steps it takes.
        describe(inference: *mut c_void, sink: *const Sink),
        /// Begins from an approximation, which it owns from now on even if it fails. The target is lent.
        begin(
            inference: *mut c_void, approximation: Object<ApproximationTable>, target: Object<TargetTable>,
            start: *const Start, made: *mut Object<RunningTable>, sink: *const Sink
        ),
        ;
        /// Looks for Gaussians to start from. The target is lent, and the options are text in RON. Gives for every candidate its mean,
        /// its covariance, and `[elbo, error]`; then text: `{"tried": 4, "succeeded": 4, "agreed": 4}`. If there is no such function,
        /// the host's own search is used.
        find_start(inference: *mut c_void, target: Object<TargetTable>, seed: u64, options: Text, sink: *const Sink),
    }
}

table! {
    /// An inference that is under way.
    pub struct RunningTable {
        /// Frees it.
        drop(running: *mut c_void, sink: *const Sink),
        /// Takes a step. Gives text if it has converged: how it knows.
        step(running: *mut c_void, step: *const Step, sink: *const Sink),
        /// Makes a copy of the approximation as it is now.
        approximation(running: *mut c_void, made: *mut Object<ApproximationTable>, sink: *const Sink),
        /// Gives bytes from which `restore` sets its state.
        save(running: *mut c_void, sink: *const Sink),
        /// Sets its state to what `save` gave.
        restore(running: *mut c_void, state: Text, sink: *const Sink),
        ;
    }
}

/// What a step may use. All of it is lent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Step {
    /// The size of this table.
    pub size: usize,
    /// Handed to its functions.
    pub context: *mut c_void,
    /// The target.
    pub target: Object<TargetTable>,
    /// The rows of the data that this step sees; null for all.
    pub batch: *const Batch,
    /// The number of this step, from zero.
    pub step: u64,
    /// The seed of the run.
    pub seed: u64,
    /// Not zero once the run should end: 1 if the user asked for it, 2 if its time is over. Any thread may ask.
    pub cancelled: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Adds a diagnostic to the trace of the run. The names are the same in every step.
    pub record: Option<unsafe extern "C" fn(context: *mut c_void, name: Text, value: f64)>,
}

table! {
    /// What the host does for plugins. It lives as long as the program.
    pub struct HostTable {
        /// Gives standard normal numbers `[rows, columns]` in 64 bits. They follow from seed, stream and step alone: 1 is the stream of
        /// the draws of a step, and 2^32 + N a stream that nobody else uses.
        noise(seed: u64, stream: u64, step: u64, rows: u64, columns: u64, sink: *const Sink),
        /// Makes a family of the host by name and options, such as `mixture(components: 3)`.
        family(text: Text, made: *mut Object<FamilyTable>, sink: *const Sink),
        ;
    }
}

/// What a library has to offer. Its first three fields are read from the file before the library is opened.
#[repr(C)]
pub struct PluginTable {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u32,
    /// The size of this table.
    pub size: u32,
    /// Called once, before anything else.
    pub load: Option<unsafe extern "C" fn(host: *const HostTable, sink: *const Sink) -> Status>,
    /// Gives text: `[{"kind": "family", "name": "student-t", "doc": "...", "version": "0.1.0", "options": [{"name": "freedom", "type":
    /// "f64", "default": "5.0", "doc": "..."}]}]`. Kinds are "family", "inference" and "target".
    pub entries: Option<unsafe extern "C" fn(sink: *const Sink) -> Status>,
    /// Makes a family from its options, text in RON; empty text means all defaults. Gives text: all options, defaults included.
    pub family: Option<
        unsafe extern "C" fn(
            name: Text,
            options: Text,
            made: *mut Object<FamilyTable>,
            sink: *const Sink,
        ) -> Status,
    >,
    /// The same for algorithms.
    pub inference: Option<
        unsafe extern "C" fn(
            name: Text,
            options: Text,
            made: *mut Object<InferenceTable>,
            sink: *const Sink,
        ) -> Status,
    >,
    /// The same for targets.
    pub target: Option<
        unsafe extern "C" fn(
            name: Text,
            options: Text,
            made: *mut Object<TargetTable>,
            sink: *const Sink,
        ) -> Status,
    >,
}
