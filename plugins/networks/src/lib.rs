//! Architectures of neural networks: what `network f = mlp(784, {1200, 1200}, 10);` in a model can name.
//!
//! All of them work on each row by itself: normalisation is by group or layer, and nothing is random.

mod activation;
mod mlp;

pub use activation::Activation;
pub use mlp::{Mlp, MlpOptions};
