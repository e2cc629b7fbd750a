//! Architectures of neural networks: what `network f = mlp(784, {1200, 1200}, 10);` in a model can name.
//!
//! All of them work on each row by itself: normalisation is by group or layer, and nothing is random. Weights have the names
//! and layouts of PyTorch, so that files of its weights fit.

mod activation;
mod delegate;
mod images;
mod layers;
mod lenet;
mod mlp;
mod resnet;
mod vit;

pub use activation::Activation;
pub use lenet::{LeNet, LeNetOptions};
pub use mlp::{Mlp, MlpOptions};
pub use resnet::{ResNet, ResNetOptions};
pub use vit::{Vit, VitOptions};

use delegate::delegate_network;
