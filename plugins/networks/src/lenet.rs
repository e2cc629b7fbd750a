//! LeNet: two convolutions, each followed by a maximum over squares of four, and two full layers.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use firebrand_core::network::ModuleNetwork;
use firebrand_core::{NetworkPlugin, OptionsError, Plugin, inventory};

use crate::images::Images;
use crate::layers::{Linear, convolution};

firebrand_core::options! {
    /// Options of `lenet`.
    pub struct LeNetOptions {
        /// Channels of an image.
        channels: usize = 1,
        /// Lines of an image.
        height: usize = 28,
        /// Columns of an image.
        width: usize = 28,
        /// Numbers in a row of outputs.
        classes: usize = 10,
        /// Channels that the two convolutions make.
        filters: Vec<usize> = vec![20, 50],
        /// Units of the layer between convolutions and outputs.
        units: usize = 500,
    }
}

/// The sides of both kernels.
const KERNEL: usize = 5;

/// A convolutional network for small images, after LeCun et al. (1998), in the form that Caffe made common: 431,080 weights for
/// images of 28 by 28.
#[derive(Debug)]
pub struct LeNet(ModuleNetwork<Layers>);

crate::delegate_network!(LeNet);

#[derive(Module, Debug)]
struct Layers {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

/// What is left of a side after a convolution and a maximum over pairs.
fn halved(side: usize) -> usize {
    side.saturating_sub(KERNEL - 1) / 2
}

impl Plugin for LeNet {
    type Options = LeNetOptions;
    const NAME: &'static str = "lenet";
    const DOC: &'static str =
        "LeNet: two convolutions with pooling and two full layers, for small images.";

    fn new(options: LeNetOptions) -> Result<Self, OptionsError> {
        let LeNetOptions {
            channels,
            height,
            width,
            classes,
            filters,
            units,
        } = options;
        let invalid =
            |reason: &str| Err(OptionsError::invalid::<LeNetOptions>(LeNet::NAME, reason));
        let [first, second] = filters[..] else {
            return invalid("`filters` has two numbers");
        };
        if [channels, classes, units, first, second].contains(&0) {
            return invalid("all sizes must be at least 1");
        }
        let [lines, columns] = [height, width].map(|side| halved(halved(side)));
        if lines * columns == 0 {
            return invalid("an image has at least 16 lines and 16 columns");
        }
        let images = Images {
            channels,
            height,
            width,
        };
        let make = move |device: &Device| Layers {
            conv1: convolution([channels, first], KERNEL, 1, 0).init(device),
            conv2: convolution([first, second], KERNEL, 1, 0).init(device),
            fc1: Linear::new(second * lines * columns, units, device),
            fc2: Linear::new(units, classes, device),
        };
        let network = ModuleNetwork::new(images.numbers(), classes, make, move |layers, rows| {
            layers.forward(images.of_rows(rows))
        });
        Ok(LeNet(network.with_numbers_per_row(
            3 * (images.numbers() + first * height * width + units),
        )))
    }
}

inventory::submit! { NetworkPlugin::of::<LeNet>() }

impl Layers {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let pooled = |x| max_pool2d(x, MaxPoolOptions::new([2, 2]));
        let x = pooled(self.conv1.forward(images));
        let x = pooled(self.conv2.forward(x));
        let [rows, channels, lines, columns] = x.dims();
        let x = x.reshape([rows, channels * lines * columns]);
        self.fc2.forward(relu(self.fc1.forward(x)))
    }
}
