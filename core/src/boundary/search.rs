//! Where plugins are looked for.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::load::{Loaded, load};
use super::refusal::Refusal;

/// The environment variable that names files and folders with plugins, separated as in `PATH`.
pub const VARIABLE: &str = "FIREBRAND_PLUGIN_PATH";

/// Loads every plugin that there is: in the files and folders of `named`, then in those of the environment variable
/// [`VARIABLE`], then in the folder of the user. A file that is found twice is loaded once.
///
/// In a folder, the files are considered that end as shared libraries do on this system. That a place is not there is a refusal, except
/// for the user's folder.
pub fn load_all(named: &[PathBuf]) -> Vec<Loaded> {
    let variable = std::env::var_os(VARIABLE).unwrap_or_default();
    let variable = std::env::split_paths(&variable).filter(|place| !place.as_os_str().is_empty());
    let user = user_folder().filter(|folder| folder.is_dir());
    let places = named.iter().cloned().chain(variable).chain(user);
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for place in places {
        match files(&place) {
            Ok(files) => all.extend(
                files
                    .into_iter()
                    .filter(|file| seen.insert(file.canonicalize().unwrap_or(file.clone())))
                    .map(|file| load(&file)),
            ),
            Err(refusal) => all.push(Loaded {
                file: place,
                plugins: Err(refusal),
            }),
        }
    }
    all
}

/// The file itself, or the libraries in a folder, in order.
fn files(place: &Path) -> Result<Vec<PathBuf>, Refusal> {
    if !place.is_dir() {
        return Ok(vec![place.into()]);
    }
    let unreadable = |error: std::io::Error| Refusal::Unreadable(error.to_string());
    let entries = std::fs::read_dir(place).map_err(unreadable)?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(unreadable)?.path();
        let is_library = file
            .extension()
            .is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION);
        if is_library {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The folder for plugins of the user: `$XDG_DATA_HOME/firebrand/plugins` or `~/.local/share/firebrand/plugins`, `~/Library/Application
/// Support/firebrand/plugins` on macOS, `%APPDATA%\firebrand\plugins` on Windows. `None` if the user has no home.
pub fn user_folder() -> Option<PathBuf> {
    let folder = |name: &str| -> Option<PathBuf> {
        let value: OsString = std::env::var_os(name)?;
        (!value.is_empty()).then(|| value.into())
    };
    let data = if cfg!(windows) {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME")
            .filter(|data| data.is_absolute())
            .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("firebrand").join("plugins"))
}
