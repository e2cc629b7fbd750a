//! Results on their way across the boundary: given to a caller's sink, and taken by one.

use std::collections::VecDeque;
use std::ffi::c_void;

use burn::tensor::Tensor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::abi::{self, Sink, Status, Text};
use super::failure::Failure;
use super::numbers::{Lent, Numbers, broken};

/// The caller's sink, during a call.
#[derive(Clone, Copy)]
pub(super) struct Giver(Option<Sink>);

impl Giver {
    /// The sink that a function was called with. What is given to one that is not whole is lost.
    ///
    /// # Safety
    /// `sink` is null, or may be read; what it points to may be called until the call that it came with returns.
    pub unsafe fn new(sink: *const Sink) -> Self {
        // SAFETY: the caller vouches for the pointer; the size is read first, and the rest only if it is there.
        let whole = !sink.is_null() && unsafe { (*sink).size } >= size_of::<Sink>();
        Giver(whole.then(|| unsafe { *sink }))
    }

    pub fn tensor<const D: usize>(self, tensor: Tensor<D>) {
        self.lent(&Lent::last(tensor));
    }

    pub fn lent(self, lent: &Lent<'_>) {
        let raw = lent.raw();
        if let Some((sink, give)) = self.0.and_then(|sink| Some((sink, sink.tensor?))) {
            // SAFETY: the sink's own function, with its context; `lent` outlives the call.
            unsafe { give(sink.context, &raw) }
        }
    }

    pub fn text(self, bytes: &[u8]) {
        if let Some((sink, give)) = self.0.and_then(|sink| Some((sink, sink.text?))) {
            // SAFETY: the sink's own function, with its context; `bytes` outlive the call.
            unsafe { give(sink.context, lend(bytes)) }
        }
    }

    /// A record, as JSON.
    pub fn record(self, record: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_vec(record).map_err(|error| Failure::Said(error.to_string()))?;
        self.text(&text);
        Ok(())
    }
}

/// Bytes, for the other side to read while they are lent.
pub(super) fn lend(bytes: &[u8]) -> Text {
    Text {
        data: bytes.as_ptr(),
        length: bytes.len(),
    }
}

/// Bytes that the other side lends.
///
/// # Safety
/// The bytes may be read for as long as `'a`.
pub(super) unsafe fn bytes<'a>(text: Text) -> &'a [u8] {
    match text.data.is_null() || text.length == 0 {
        true => &[],
        // SAFETY: the caller vouches for `length` bytes.
        false => unsafe { std::slice::from_raw_parts(text.data, text.length) },
    }
}

/// Text that the other side lends.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn string(text: Text) -> Result<String, Failure> {
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { bytes(text) };
    let text = std::str::from_utf8(bytes).map_err(|_| broken("gave text that is not UTF-8"))?;
    Ok(text.into())
}

/// What a call gave.
#[derive(Default)]
pub(super) struct Given {
    numbers: VecDeque<Numbers>,
    texts: VecDeque<Vec<u8>>,
    broken: Option<Failure>,
}

/// Calls a function of the other side, with a sink for what it gives.
///
/// # Errors
/// What its status and its text say; numbers that cannot be read.
pub(super) fn call(function: impl FnOnce(*const Sink) -> Status) -> Result<Given, Failure> {
    let mut given = Given::default();
    let sink = Sink {
        size: size_of::<Sink>(),
        context: (&raw mut given).cast(),
        tensor: Some(take_tensor),
        text: Some(take_text),
    };
    let status = function(&sink);
    if status != abi::OK {
        let text = given.texts.pop_back().unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(Failure::read(status, text));
    }
    match given.broken.take() {
        Some(failure) => Err(failure),
        None => Ok(given),
    }
}

unsafe extern "C" fn take_tensor(context: *mut c_void, tensor: *const abi::Tensor) {
    // SAFETY: the context is the `Given` of the call that is under way, which nothing else uses; the tensor is lent.
    unsafe {
        let given = &mut *context.cast::<Given>();
        match Numbers::copy(tensor) {
            Ok(numbers) => given.numbers.push_back(numbers),
            Err(failure) => given.broken = Some(failure),
        }
    }
}

unsafe extern "C" fn take_text(context: *mut c_void, text: Text) {
    // SAFETY: as above.
    unsafe {
        let given = &mut *context.cast::<Given>();
        given.texts.push_back(bytes(text).to_vec());
    }
}

impl Given {
    /// The next numbers, if there are more.
    pub fn next_numbers(&mut self) -> Option<Numbers> {
        self.numbers.pop_front()
    }

    /// The next numbers, which `what` names.
    pub fn numbers(&mut self, what: &str) -> Result<Numbers, Failure> {
        self.next_numbers()
            .ok_or_else(|| broken(&format!("did not give {what}")))
    }

    /// The next numbers: of this shape, and all finite.
    pub fn finite(&mut self, what: &str, shape: &[usize]) -> Result<Numbers, Failure> {
        let numbers = self.shaped(what, shape)?;
        match numbers.all(f64::is_finite) {
            true => Ok(numbers),
            false => Err(Failure::NotFinite(what.into())),
        }
    }

    /// The next numbers: of this shape.
    pub fn shaped(&mut self, what: &str, shape: &[usize]) -> Result<Numbers, Failure> {
        let numbers = self.numbers(what)?;
        match numbers.shape() == shape {
            true => Ok(numbers),
            false => Err(broken(&format!(
                "gave {what} of shape {:?}, not {shape:?}",
                numbers.shape()
            ))),
        }
    }

    /// The next text or bytes, if there are more.
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        self.texts.pop_front()
    }

    /// The next text or bytes.
    pub fn bytes(&mut self, what: &str) -> Result<Vec<u8>, Failure> {
        self.next_bytes()
            .ok_or_else(|| broken(&format!("did not give {what}")))
    }

    /// The next text, as a record.
    pub fn record<R: DeserializeOwned>(&mut self, what: &str) -> Result<R, Failure> {
        let bytes = self.bytes(what)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| broken(&format!("gave {what} that cannot be read: {error}")))
    }
}
