//! Files as memory: the other thing that only unsafe code can have.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file's bytes, of which the system reads those that are looked at.
///
/// The file must not be made shorter while it is mapped: the system ends a program that looks beyond a file's end.
#[derive(Debug)]
pub struct MappedFile(memmap2::Mmap);

impl MappedFile {
    /// Maps a file.
    ///
    /// # Errors
    /// What the system says, and a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        // SAFETY: the map is read only, and nothing here assumes that bytes stay what they were: each use reads them as plain numbers. That
        // nobody shortens the file meanwhile is asked of the user, as of every program that maps files.
        Ok(MappedFile(unsafe { memmap2::Mmap::map(&file) }?))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
