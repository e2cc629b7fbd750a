//! Vision transformers.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use firebrand_core::network::ModuleNetwork;
use firebrand_core::{NetworkPlugin, OptionsError, Plugin, inventory};

use crate::Activation;
use crate::images::Images;
use crate::layers::{LayerNorm, Linear, convolution};

firebrand_core::options! {
    /// Options of `vit`. By default B/16; L/32 has patches of 32, width 1024, depth 24, 16 heads and an mlp of 4096.
    pub struct VitOptions {
        /// The side of a patch.
        patch: usize = 16,
        /// Numbers that make up a token.
        width: usize = 768,
        /// Blocks of attention and perceptron.
        depth: usize = 12,
        /// Heads of attention; they share the width.
        heads: usize = 12,
        /// Units of the perceptrons.
        mlp: usize = 3072,
        /// The side of an image.
        image: usize = 224,
        /// Numbers in a row of outputs.
        classes: usize = 1000,
        /// Channels of an image.
        channels: usize = 3,
    }
}

/// A vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929): square images as patches, with a token that stands for the
/// class. Weights have the names of `timm`.
#[derive(Debug)]
pub struct Vit(ModuleNetwork<Layers>);

crate::delegate_network!(Vit);

#[derive(Module, Debug)]
struct Layers {
    cls_token: Param<Tensor<3>>,
    pos_embed: Param<Tensor<3>>,
    patch_embed: Patches,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

#[derive(Module, Debug)]
struct Patches {
    proj: Conv2d,
}

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Perceptron,
}

#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

#[derive(Module, Debug)]
struct Perceptron {
    fc1: Linear,
    fc2: Linear,
}

impl Plugin for Vit {
    type Options = VitOptions;
    const NAME: &'static str = "vit";
    const DOC: &'static str = "Vision transformer: attention between the patches of an image.";

    fn new(options: VitOptions) -> Result<Self, OptionsError> {
        let invalid = |reason: &str| Err(OptionsError::invalid::<VitOptions>(Vit::NAME, reason));
        let VitOptions {
            patch,
            width,
            heads,
            mlp,
            image,
            classes,
            channels,
            ..
        } = options;
        if [patch, width, heads, mlp, image, classes, channels].contains(&0) {
            return invalid("all sizes must be at least 1");
        }
        if width % heads != 0 {
            return invalid("`heads` must divide `width`");
        }
        if image % patch != 0 {
            return invalid("`patch` must divide `image`");
        }
        let images = Images {
            channels,
            height: image,
            width: image,
        };
        let tokens = (image / patch).pow(2) + 1;
        let in_block = tokens * (10 * width + 3 * mlp) + 3 * heads * tokens * tokens;
        let numbers = images.numbers() + options.depth.max(1) * in_block;
        let make = move |device: &Device| Layers::new(&options, tokens, device);
        let network = ModuleNetwork::new(images.numbers(), classes, make, move |layers, rows| {
            layers.forward(images.of_rows(rows))
        });
        Ok(Vit(network.with_numbers_per_row(numbers)))
    }
}

inventory::submit! { NetworkPlugin::of::<Vit>() }

impl Layers {
    fn new(options: &VitOptions, tokens: usize, device: &Device) -> Layers {
        let width = options.width;
        let small = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let block = |_| Block {
            norm1: LayerNorm::new(width, device),
            attn: Attention {
                qkv: Linear::new(width, 3 * width, device),
                proj: Linear::new(width, width, device),
                heads: options.heads,
            },
            norm2: LayerNorm::new(width, device),
            mlp: Perceptron {
                fc1: Linear::new(width, options.mlp, device),
                fc2: Linear::new(options.mlp, width, device),
            },
        };
        let proj = convolution([options.channels, width], options.patch, options.patch, 0);
        Layers {
            cls_token: small.init([1, 1, width], device),
            pos_embed: small.init([1, tokens, width], device),
            patch_embed: Patches {
                proj: proj.init(device),
            },
            blocks: (0..options.depth).map(block).collect(),
            norm: LayerNorm::new(width, device),
            head: Linear::new(width, options.classes, device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let patches = self.patch_embed.proj.forward(images);
        let [rows, width, lines, columns] = patches.dims();
        let patches = patches.reshape([rows, width, lines * columns]);
        let class = self.cls_token.val().expand([rows, 1, width]);
        let mut x = Tensor::cat(vec![class, patches.swap_dims(1, 2)], 1) + self.pos_embed.val();
        for block in &self.blocks {
            x = block.forward(x);
        }
        let class = self.norm.forward(x).narrow(1, 0, 1);
        self.head.forward(class.reshape([rows, width]))
    }
}

impl Block {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attn.forward(self.norm1.forward(x));
        x.clone() + self.mlp.forward(self.norm2.forward(x))
    }
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [rows, tokens, width] = x.dims();
        let head = width / self.heads;
        let all = self.qkv.forward_each(x);
        let all = all
            .reshape([rows, tokens, 3 * self.heads, head])
            .swap_dims(1, 2);
        let part = |number: usize| all.clone().narrow(1, number * self.heads, self.heads);
        let scores = part(0).matmul(part(1).swap_dims(2, 3));
        let weights = softmax(scores.mul_scalar((head as f64).sqrt().recip()), 3);
        let mixed = weights.matmul(part(2)).swap_dims(1, 2);
        self.proj.forward_each(mixed.reshape([rows, tokens, width]))
    }
}

impl Perceptron {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = Activation::Gelu.apply(self.fc1.forward_each(x));
        self.fc2.forward_each(hidden)
    }
}
