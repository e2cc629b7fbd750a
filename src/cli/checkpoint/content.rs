//! What is in a file, in so few bytes that it can be compared with what was in it before.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Files up to this size are read whole, in seconds.
const MOST_WHOLE: u64 = 1 << 30;
/// Of larger ones so many pieces are read, evenly spaced, the first and the last bytes among them ...
const PIECES: u64 = 256;
/// ... each of this size.
const PIECE: u64 = 1 << 18;

/// The size of a file and a digest of its bytes; of those of some pieces, if it is larger than a gigabyte. A change elsewhere
/// in so large a file is not seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    size: u64,
    sha256: String,
}

impl Content {
    /// What is in a file now.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::within(path, MOST_WHOLE, PIECE)
    }

    fn within(path: &Path, most_whole: u64, piece: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut hasher = Sha256::new();
        if size <= most_whole {
            io::copy(&mut file, &mut hasher)?;
        } else {
            let last = size.saturating_sub(piece);
            for number in 0..PIECES {
                let at = u128::from(last) * u128::from(number) / u128::from(PIECES - 1);
                file.seek(SeekFrom::Start(at as u64))?;
                io::copy(&mut (&file).take(piece), &mut hasher)?;
            }
        }
        Ok(Content {
            size,
            sha256: format!("{:x}", hasher.finalize()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_of_size_or_bytes_is_seen_and_in_large_files_at_both_ends_and_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("array.npy");
        let of = |bytes: &[u8], most_whole| {
            fs::write(&path, bytes).expect("a file");
            Content::within(&path, most_whole, 4).expect("a readable file")
        };
        let bytes = vec![7; 1024];
        for most_whole in [1024, 1023] {
            let whole = of(&bytes, most_whole);
            assert_eq!(of(&bytes, most_whole), whole);
            assert_ne!(of(&bytes[1..], most_whole), whole);
            for at in [0, 512, 1023] {
                let mut changed = bytes.clone();
                changed[at] = 8;
                assert_ne!(of(&changed, most_whole), whole, "byte {at}");
            }
        }
        // Pieces of four bytes, 64 apart: a change between them is not seen, as is said above.
        let sparse = |at: usize| {
            let mut bytes = vec![7; 1 << 14];
            bytes[at] = 8;
            of(&bytes, 0)
        };
        assert_eq!(sparse(40), sparse(41));
        assert_ne!(sparse(40), sparse(0));
    }
}
