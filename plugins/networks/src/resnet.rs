//! Residual networks with normalisation by groups.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use firebrand_core::network::ModuleNetwork;
use firebrand_core::{NetworkPlugin, OptionsError, Plugin, inventory};

use crate::images::Images;
use crate::layers::{GroupNorm, Linear, bare_convolution};

firebrand_core::options! {
    /// Options of `resnet`.
    pub struct ResNetOptions {
        /// Layers with weights: 18, 34, 50 or 101.
        depth: usize = 18,
        /// Channels of an image.
        channels: usize = 3,
        /// Lines of an image.
        height: usize = 224,
        /// Columns of an image.
        width: usize = 224,
        /// Numbers in a row of outputs.
        classes: usize = 1000,
        /// Channels of the first stage; each of the three that follow has twice as many.
        filters: usize = 64,
        /// Channels that are normalised together, at least.
        group: usize = 16,
    }
}

/// A residual network (He et al. 2016, arXiv 1512.03385), of basic blocks up to 34 layers and of bottlenecks beyond, with
/// groups of channels normalised in place of batches of rows. Weights have PyTorch's names.
///
/// Images of fewer than 64 lines or columns are not reduced before the first stage.
#[derive(Debug)]
pub struct ResNet(ModuleNetwork<Layers>);

crate::delegate_network!(ResNet);

/// Sides below which images are small.
const SMALL: usize = 64;

#[derive(Module, Debug)]
struct Layers {
    conv1: Conv2d,
    bn1: GroupNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    fc: Linear,
    reduces: bool,
}

/// Convolutions beside a short cut: two of 3 by 3, or in a bottleneck one of 3 by 3 between two of 1 by 1.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: GroupNorm,
    conv2: Conv2d,
    bn2: GroupNorm,
    conv3: Option<Conv2d>,
    bn3: Option<GroupNorm>,
    /// Where the number of channels or the size changes.
    downsample: Option<(Conv2d, GroupNorm)>,
}

/// How many times wider a bottleneck's result is than what is between its convolutions.
const EXPANSION: usize = 4;

/// What all blocks of a network share.
#[derive(Clone, Copy)]
struct Kind {
    bottleneck: bool,
    group: usize,
}

impl Plugin for ResNet {
    type Options = ResNetOptions;
    const NAME: &'static str = "resnet";
    const DOC: &'static str =
        "Residual network of 18, 34, 50 or 101 layers, with group normalisation.";

    fn new(options: ResNetOptions) -> Result<Self, OptionsError> {
        let invalid =
            |reason: &str| Err(OptionsError::invalid::<ResNetOptions>(ResNet::NAME, reason));
        let blocks = match options.depth {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            _ => return invalid("`depth` is 18, 34, 50 or 101"),
        };
        let ResNetOptions {
            depth,
            channels,
            height,
            width,
            classes,
            filters,
            group,
        } = options;
        if [channels, height, width, classes, filters, group].contains(&0) {
            return invalid("all sizes must be at least 1");
        }
        let images = Images {
            channels,
            height,
            width,
        };
        let kind = Kind {
            bottleneck: depth >= 50,
            group,
        };
        let reduces = height.min(width) >= SMALL;
        let make = move |device: &Device| {
            Layers::new(blocks, kind, [channels, filters, classes], reduces, device)
        };
        let network = ModuleNetwork::new(images.numbers(), classes, make, move |layers, rows| {
            layers.forward(images.of_rows(rows))
        });
        // The first stage holds most: some tensors for each of its blocks, at the size of its images.
        let side = if reduces { 16 } else { 1 };
        let stage = filters * height * width / side * if kind.bottleneck { EXPANSION } else { 1 };
        Ok(ResNet(network.with_numbers_per_row(
            2 * stage * blocks.iter().sum::<usize>() + 4 * images.numbers(),
        )))
    }
}

inventory::submit! { NetworkPlugin::of::<ResNet>() }

impl Layers {
    fn new(
        blocks: [usize; 4],
        kind: Kind,
        [channels, filters, classes]: [usize; 3],
        reduces: bool,
        device: &Device,
    ) -> Layers {
        let mut from = filters;
        let mut stage = |number: usize| {
            let inner = filters << number;
            (0..blocks[number])
                .map(|block| {
                    let stride = if block == 0 && number > 0 { 2 } else { 1 };
                    let made = Block::new([from, inner], stride, kind, device);
                    from = kind.width(inner);
                    made
                })
                .collect()
        };
        let (kernel, stride) = if reduces { (7, 2) } else { (3, 1) };
        Layers {
            conv1: bare_convolution([channels, filters], kernel, stride, device),
            bn1: GroupNorm::new(filters, kind.group, device),
            layer1: stage(0),
            layer2: stage(1),
            layer3: stage(2),
            layer4: stage(3),
            fc: Linear::new(kind.width(filters << 3), classes, device),
            reduces,
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.bn1.forward(self.conv1.forward(images)));
        if self.reduces {
            x = max_pool2d(
                x,
                MaxPoolOptions::new([3, 3])
                    .with_stride([2, 2])
                    .with_padding([1, 1]),
            );
        }
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for block in stages.into_iter().flatten() {
            x = block.forward(x);
        }
        let [rows, channels, lines, columns] = x.dims();
        let pixels = lines * columns;
        let total = x.reshape([rows, channels, pixels]).sum_dim(2);
        let mean = total.mul_scalar((pixels as f64).recip());
        self.fc.forward(mean.reshape([rows, channels]))
    }
}

impl Kind {
    /// Channels that a block makes.
    fn width(self, inner: usize) -> usize {
        if self.bottleneck {
            EXPANSION * inner
        } else {
            inner
        }
    }
}

impl Block {
    fn new([from, inner]: [usize; 2], stride: usize, kind: Kind, device: &Device) -> Block {
        let to = kind.width(inner);
        let norm = |channels| GroupNorm::new(channels, kind.group, device);
        let convolution =
            |from, to, kernel, stride| bare_convolution([from, to], kernel, stride, device);
        let changes = stride > 1 || from != to;
        // A bottleneck makes its step in the middle, as PyTorch's does.
        let (first, strides) = match kind.bottleneck {
            true => (1, [1, stride]),
            false => (3, [stride, 1]),
        };
        Block {
            conv1: convolution(from, inner, first, strides[0]),
            bn1: norm(inner),
            conv2: convolution(inner, inner, 3, strides[1]),
            bn2: norm(inner),
            conv3: kind.bottleneck.then(|| convolution(inner, to, 1, 1)),
            bn3: kind.bottleneck.then(|| norm(to)),
            downsample: changes.then(|| (convolution(from, to, 1, stride), norm(to))),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let short = match &self.downsample {
            Some((conv, norm)) => norm.forward(conv.forward(x.clone())),
            None => x.clone(),
        };
        let x = relu(self.bn1.forward(self.conv1.forward(x)));
        let mut x = self.bn2.forward(self.conv2.forward(x));
        if let (Some(conv), Some(norm)) = (&self.conv3, &self.bn3) {
            x = norm.forward(conv.forward(relu(x)));
        }
        relu(x + short)
    }
}
