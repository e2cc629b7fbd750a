//! Shared libraries, forged for the purpose: what is refused, with which words, and what comes of a plugin that misbehaves.

mod faults;
mod forge;
mod refusals;
