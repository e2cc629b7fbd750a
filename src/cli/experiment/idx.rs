//! MNIST as its authors publish it: arrays of bytes behind a header of sizes.

use std::fs;
use std::io;
use std::path::Path;

/// Numbers in an image.
pub const PIXELS: usize = 784;

/// Images and their digits.
pub struct Digits {
    /// Grey values, image by image.
    pub images: Vec<u8>,
    /// From 0 to 9.
    pub labels: Vec<u8>,
}

impl Digits {
    /// `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or those of `t10k`.
    ///
    /// # Errors
    /// Files that are not there or not what their names say, in a sentence.
    pub fn read(folder: &Path, part: &str) -> Result<Self, String> {
        let images = array(&folder.join(format!("{part}-images-idx3-ubyte")), 3, PIXELS)?;
        let labels = array(&folder.join(format!("{part}-labels-idx1-ubyte")), 1, 1)?;
        if images.len() != PIXELS * labels.len() || labels.iter().any(|label| *label > 9) {
            return Err(format!(
                "its {part} images and labels do not belong together"
            ));
        }
        Ok(Digits { images, labels })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Those with these numbers.
    pub fn chosen(&self, numbers: &[usize]) -> Digits {
        let image = |&n: &usize| &self.images[n * PIXELS..(n + 1) * PIXELS];
        Digits {
            images: numbers.iter().flat_map(image).copied().collect(),
            labels: numbers.iter().map(|&n| self.labels[n]).collect(),
        }
    }

    /// Writes the images as an `.npy` file `[images, 784]`, so that batches are read from it as they come.
    pub fn write_images(&self, path: &Path) -> io::Result<()> {
        let shape = format!(
            "{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, {PIXELS}), }}",
            self.len()
        );
        // Magic, version and length take ten bytes, and the header ends with a newline at a multiple of 64.
        let length = (10 + shape.len() + 1).next_multiple_of(64) - 10;
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend(format!("{shape:<width$}\n", width = length - 1).bytes());
        bytes.extend(&self.images);
        fs::write(path, bytes)
    }
}

/// The bytes behind a header that says `dimensions` sizes, of which those after the first have the product `each`.
fn array(path: &Path, dimensions: usize, each: usize) -> Result<Vec<u8>, String> {
    let name = path.file_name().unwrap_or_default().display().to_string();
    let bytes = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    let wrong = || format!("{name} is no IDX file of bytes as MNIST has it");
    let (header, body) = bytes
        .split_at_checked(4 + 4 * dimensions)
        .ok_or_else(wrong)?;
    let (magic, sizes) = header.split_at(4);
    let sizes: Vec<usize> = sizes
        .chunks_exact(4)
        .map(|size| {
            size.iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte))
        })
        .collect();
    let is_one = magic == [0, 0, 8, dimensions as u8]
        && sizes[1..].iter().product::<usize>() == each
        && sizes[0].checked_mul(each) == Some(body.len());
    is_one.then(|| body.to_vec()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(header: &[u8], body: &[u8]) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels");
        fs::write(&path, [header, body].concat()).unwrap();
        array(&path, 1, 1)
    }

    #[test]
    fn a_header_has_to_say_what_follows() {
        assert_eq!(labels(&[0, 0, 8, 1, 0, 0, 0, 2], &[7, 1]), Ok(vec![7, 1]));
        for header in [
            [0, 0, 8, 1, 0, 0, 0, 3],
            [0, 0, 8, 3, 0, 0, 0, 2],
            [0, 0, 9, 1, 0, 0, 0, 2],
        ] {
            assert!(labels(&header, &[7, 1]).is_err(), "{header:?}");
        }
        assert!(labels(&[0, 0], &[]).is_err());
    }
}
