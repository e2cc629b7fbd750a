//! The state of an algorithm as bytes: numbers one after another, little-endian, read in the order they were written.

use burn::tensor::{DType, Tensor, TensorData};
use faer::Mat;

use crate::inference::InferenceError;
use crate::placement::{Placement, Precision, singles, to_host};

/// Writes numbers.
#[derive(Clone, Debug, Default)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

impl StateWriter {
    /// An integer.
    pub fn count(mut self, value: u64) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// A number.
    pub fn number(mut self, value: f64) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// Numbers, with how many there are.
    pub fn numbers(self, values: &[f64]) -> Self {
        self.count(values.len() as u64).values(values.len(), values)
    }

    /// The row of a device `[1, D]`, in the precision that it has there.
    pub fn row(self, row: &Tensor<2>) -> Self {
        if row.dtype() != DType::F32 {
            return self.numbers(&to_host(row));
        }
        let values = singles(row);
        let mut writer = self.count(values.len() as u64);
        writer.bytes.reserve_exact(4 * values.len());
        for value in values {
            writer.bytes.extend(value.to_le_bytes());
        }
        writer
    }

    /// A matrix, column by column, with its shape.
    pub fn matrix(self, matrix: &Mat<f64>) -> Self {
        let values = (0..matrix.ncols()).flat_map(|j| matrix.col(j).iter());
        self.count(matrix.nrows() as u64)
            .count(matrix.ncols() as u64)
            .values(matrix.nrows() * matrix.ncols(), values)
    }

    /// Bytes, with how many there are.
    pub fn blob(self, bytes: &[u8]) -> Self {
        let mut writer = self.count(bytes.len() as u64);
        writer.bytes.extend(bytes);
        writer
    }

    /// So many numbers, which can be very many: there is room for no more than them.
    fn values<'a>(mut self, count: usize, values: impl IntoIterator<Item = &'a f64>) -> Self {
        self.bytes.reserve_exact(8 * count);
        for value in values {
            self.bytes.extend(value.to_le_bytes());
        }
        self
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what a [`StateWriter`] wrote.
#[derive(Clone, Debug)]
pub struct StateReader<'a> {
    rest: &'a [u8],
}

impl<'a> StateReader<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// An integer.
    pub fn count(&mut self) -> Result<u64, InferenceError> {
        Ok(u64::from_le_bytes(self.eight()?))
    }

    /// A number.
    pub fn number(&mut self) -> Result<f64, InferenceError> {
        Ok(f64::from_le_bytes(self.eight()?))
    }

    /// As many numbers as were written.
    pub fn numbers(&mut self) -> Result<Vec<f64>, InferenceError> {
        let count = self.size(8)?;
        (0..count).map(|_| self.number()).collect()
    }

    /// The row of a device `[1, D]` that was written.
    pub fn any_row(&mut self, placement: &Placement) -> Result<Tensor<2>, InferenceError> {
        if placement.precision == Precision::F64 {
            let numbers = self.numbers()?;
            let shape = [1, numbers.len()];
            return Ok(placement.matrix(numbers, shape));
        }
        let count = self.size(4)?;
        let (bytes, rest) = self.rest.split_at(4 * count);
        self.rest = rest;
        let chunks = bytes.as_chunks::<4>().0.iter();
        let numbers: Vec<f32> = chunks.map(|chunk| f32::from_le_bytes(*chunk)).collect();
        let data = TensorData::new(numbers, [1, count]);
        Ok(Tensor::from_data(data, (&placement.device, DType::F32)))
    }

    /// The row of a device `[1, D]` for that which is there now.
    ///
    /// # Errors
    /// If it has not D numbers, in the words of `otherwise`.
    pub fn row(
        &mut self,
        like: &Tensor<2>,
        placement: &Placement,
        otherwise: &str,
    ) -> Result<Tensor<2>, InferenceError> {
        let row = self.any_row(placement)?;
        match row.dims() == like.dims() {
            true => Ok(row),
            false => Err(InferenceError::Restore(otherwise.into())),
        }
    }

    /// A matrix.
    pub fn matrix(&mut self) -> Result<Mat<f64>, InferenceError> {
        let (rows, columns) = (self.count()? as usize, self.count()? as usize);
        let entries = rows.checked_mul(columns);
        if entries.is_none_or(|entries| entries > self.rest.len() / 8) {
            return Err(ended());
        }
        let mut matrix = Mat::zeros(rows, columns);
        for j in 0..columns {
            for i in 0..rows {
                matrix[(i, j)] = self.number()?;
            }
        }
        Ok(matrix)
    }

    /// As many bytes as were written.
    pub fn blob(&mut self) -> Result<&'a [u8], InferenceError> {
        let count = self.size(1)?;
        let (blob, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(blob)
    }

    /// Checks that everything was read.
    pub fn finish(self) -> Result<(), InferenceError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let because = format!("{} bytes are left over", self.rest.len());
        Err(InferenceError::Restore(because))
    }

    /// A count of items of `width` bytes each, all of which must be there.
    fn size(&mut self, width: usize) -> Result<usize, InferenceError> {
        let count = self.count()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() / width => Ok(count),
            _ => Err(ended()),
        }
    }

    fn eight(&mut self) -> Result<[u8; 8], InferenceError> {
        let (chunk, rest) = self.rest.split_first_chunk::<8>().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*chunk)
    }
}

fn ended() -> InferenceError {
    InferenceError::Restore("it ends too early".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        StateWriter::default()
            .count(3)
            .numbers(&[0.1, -0.0])
            .matrix(&faer::mat![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
            .blob(b"abc")
            .finish()
    }

    #[test]
    fn what_is_written_is_read_back_bit_for_bit() {
        let bytes = written();
        let mut reader = StateReader::new(&bytes);
        assert_eq!(reader.count(), Ok(3));
        let numbers = reader.numbers().unwrap();
        assert_eq!(numbers.map_bits(), [0.1_f64, -0.0].map(f64::to_bits));
        assert_eq!(reader.matrix().unwrap()[(2, 1)], 6.0);
        assert_eq!(reader.blob(), Ok(b"abc".as_slice()));
        assert_eq!(reader.finish(), Ok(()));
    }

    trait Bits {
        fn map_bits(&self) -> Vec<u64>;
    }

    impl Bits for Vec<f64> {
        fn map_bits(&self) -> Vec<u64> {
            self.iter().map(|value| value.to_bits()).collect()
        }
    }

    #[test]
    fn a_state_that_is_cut_anywhere_is_refused() {
        let bytes = written();
        for length in 0..bytes.len() {
            let mut reader = StateReader::new(&bytes[..length]);
            let read = reader
                .count()
                .and_then(|_| reader.numbers())
                .and_then(|_| reader.matrix())
                .and_then(|_| reader.blob().map(drop));
            assert!(read.is_err(), "cut to {length} bytes");
        }
    }
}
