//! Files that are either written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that could not be written. What was there before is still there.
#[derive(Debug, Error)]
#[error("cannot write `{}`: {source}", .path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Writes a file by way of a temporary one beside it, which takes its place only once it is complete and on the disk.
///
/// # Errors
/// Whatever the file system says, such as that there is no space left; then neither a partial nor a temporary file
/// remains.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    replace_atomically(path, |temporary| {
        let mut out = BufWriter::new(File::create(temporary)?);
        write(&mut out)?;
        out.into_inner()
            .map(drop)
            .map_err(io::IntoInnerError::into_error)
    })
}

/// [`write_atomically`] for what writes a whole file itself, given its path.
pub(super) fn replace_atomically(
    path: &Path,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), WriteError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}{TEMPORARY}", std::process::id()));
    let temporary = path.with_file_name(name);
    write(&temporary)
        .and_then(|()| File::options().write(true).open(&temporary)?.sync_all())
        .and_then(|()| fs::rename(&temporary, path))
        .map(|()| keep_name(path))
        .map_err(|source| {
            // The first error is the one to report; a temporary file that cannot be removed adds nothing.
            let _ = fs::remove_file(&temporary);
            WriteError {
                path: path.into(),
                source,
            }
        })
}

/// Has the disk keep a new name, which is in the folder and not in the file. Not every system can; then it does so in its own time.
fn keep_name(path: &Path) {
    if let (true, Some(folder)) = (cfg!(unix), path.parent()) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// How the names of temporary files end.
const TEMPORARY: &str = ".tmp";

/// Whether this is the name of a temporary file of [`write_atomically`] for `file`, which a process that is killed leaves behind.
pub fn is_temporary_of(file: &str, name: &str) -> bool {
    let between = name
        .strip_prefix(file)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(TEMPORARY));
    between.is_some_and(|process| {
        !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("draws.csv");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |out| {
            out.write_all(b"new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        let expected = format!("cannot write `{}`: no storage space", path.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_leaves_is_known_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("draws.csv");
        let mut seen = None;
        write_atomically(&path, |_| {
            seen = fs::read_dir(folder.path())?.next().transpose()?;
            Ok(())
        })
        .unwrap();
        let name = seen.unwrap().file_name();
        assert!(is_temporary_of("draws.csv", name.to_str().unwrap()));
        for other in [
            "draws.csv",
            "draws.csv.old.tmp",
            "draws.csv..tmp",
            "my.12.tmp",
        ] {
            assert!(!is_temporary_of("draws.csv", other));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write_atomically(Path::new("/no/such/folder/x.csv"), |_| Ok(())).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot write `/no/such/folder/x.csv`: ")
        );
    }
}
