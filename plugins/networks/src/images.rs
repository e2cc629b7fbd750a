//! Images as rows of numbers.

use burn::tensor::Tensor;

/// The size of images that are given as flat rows: channel by channel, line by line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Images {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Images {
    /// Numbers in a row.
    pub(crate) fn numbers(self) -> usize {
        self.channels * self.height * self.width
    }

    /// `[rows, channels, height, width]`
    pub(crate) fn of_rows(self, rows: Tensor<2>) -> Tensor<4> {
        let count = rows.dims()[0];
        rows.reshape([count, self.channels, self.height, self.width])
    }
}
