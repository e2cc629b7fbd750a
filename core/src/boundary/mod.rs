//! The boundary between this program and shared libraries with plugins: a table of C functions over numbers and handles.
//!
//! [`abi`] is what crosses it. The rest is this project's own use of it, the same on both sides:
//!
//! - [`export_plugins!`](crate::export_plugins!) exports what a crate registers, from the same `impl`s that are used when it is linked;
//! - [`load_all`] finds libraries, [`load`] opens one and adds its plugins to the [registry](crate::registry), where nobody can tell them
//!   from linked ones.
//!
//! Whatever implements one of this crate's traits can be handed to the other side (`export`), which sees it as an implementation of the
//! same trait again (`import`). So an algorithm of a library drives a target and a family of the host, the host's algorithms drive a
//! library's family, and a library's algorithm that of another library through the host.
//!
//! No Rust type crosses, and no tensor of Burn: each library has its own copy of Burn. This is the only part of the project that has
//! unsafe code.

pub mod abi;
pub mod across;
mod export;
mod failure;
mod host;
mod import;
mod load;
mod mapped;
mod numbers;
mod object;
mod plugin;
mod records;
mod refusal;
mod search;
mod sink;
mod starts;
mod symbols;
#[cfg(test)]
mod tests;

pub(crate) use host::family_of_host;
pub use load::{Loaded, LoadedPlugin, load};
pub use mapped::MappedFile;
pub use plugin::plugin_table;
pub use refusal::Refusal;
pub use search::{VARIABLE, load_all, user_folder};
