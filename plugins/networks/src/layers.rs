//! Layers with the names and layouts that PyTorch has, so that its files of weights fit.
//!
//! Sums are scaled by reciprocals, never divided by scalars: that derivative has only single precision in Burn's autodiff.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{PaddingConfig2d, conv};
use burn::tensor::{Device, Tensor};

/// `x W' + b`, with W `[to, from]`.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Linear {
    pub(crate) fn new(from: usize, to: usize, device: &Device) -> Linear {
        let bound = (from as f64).sqrt().recip();
        let uniform = Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        Linear {
            weight: uniform.init([to, from], device),
            bias: uniform.init([to], device),
        }
    }

    /// `[rows, from]` to `[rows, to]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze::<2>()
    }

    /// The same for each of the rows in `[outer, rows, from]`.
    pub(crate) fn forward_each(&self, x: Tensor<3>) -> Tensor<3> {
        let [outer, rows, from] = x.dims();
        let flat = self.forward(x.reshape([outer * rows, from]));
        let to = flat.dims()[1];
        flat.reshape([outer, rows, to])
    }
}

/// A scale and a shift for each channel, after numbers were brought to mean zero and variance one in each group of channels.
/// Unlike normalisation over a batch it looks at one row alone (Wu and He 2018, arXiv 1803.08494).
#[derive(Module, Debug)]
pub(crate) struct GroupNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    groups: usize,
}

impl GroupNorm {
    /// In groups of `size` channels, or of as many more as divide their number.
    pub(crate) fn new(channels: usize, size: usize, device: &Device) -> GroupNorm {
        let size = (size..=channels)
            .find(|size| channels.is_multiple_of(*size))
            .unwrap_or(channels);
        GroupNorm {
            weight: Initializer::Ones.init([channels], device),
            bias: Initializer::Zeros.init([channels], device),
            groups: channels / size,
        }
    }

    /// Images `[rows, channels, height, width]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [rows, channels, height, width] = x.dims();
        let group = channels / self.groups * height * width;
        let scaled = standardized(x.reshape([rows, self.groups, group]), 1e-5);
        let by_channel = |values: &Param<Tensor<1>>| values.val().reshape([1, channels, 1, 1]);
        scaled.reshape([rows, channels, height, width]) * by_channel(&self.weight)
            + by_channel(&self.bias)
    }
}

/// The same over the numbers of one token (Ba, Kiros and Hinton 2016, arXiv 1607.06450).
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl LayerNorm {
    pub(crate) fn new(size: usize, device: &Device) -> LayerNorm {
        LayerNorm {
            weight: Initializer::Ones.init([size], device),
            bias: Initializer::Zeros.init([size], device),
        }
    }

    /// Tokens `[rows, tokens, size]`.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        standardized(x, 1e-6) * self.weight.val().unsqueeze::<3>()
            + self.bias.val().unsqueeze::<3>()
    }
}

/// The last axis brought to mean zero and variance one.
fn standardized(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    let scale = (x.dims()[2] as f64).recip();
    let centred = x.clone() - x.sum_dim(2).mul_scalar(scale);
    let variance = centred.clone().square().sum_dim(2).mul_scalar(scale);
    centred * variance.add_scalar(epsilon).sqrt().recip()
}

/// A convolution with a square kernel, padded on all sides.
pub(crate) fn convolution(
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
) -> conv::Conv2dConfig {
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(match padding {
            0 => PaddingConfig2d::Valid,
            padding => PaddingConfig2d::Explicit(padding, padding, padding, padding),
        })
}

/// The same without a bias, for normalisation follows, and with the start of He et al. (2015, arXiv 1502.01852).
pub(crate) fn bare_convolution(
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    device: &Device,
) -> Conv2d {
    convolution(channels, kernel, stride, kernel / 2)
        .with_bias(false)
        .with_initializer(Initializer::KaimingNormal {
            gain: 2.0f64.sqrt(),
            fan_out_only: true,
        })
        .init(device)
}
