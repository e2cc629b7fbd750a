//! JSON files, also zipped.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use firebrand_core::SourceError;
use serde::de::DeserializeOwned;

/// Reads a file of JSON, or the first file of JSON in a `.zip`.
///
/// # Errors
/// [`SourceError::Broken`] for a file that cannot be read, or that holds something else.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, SourceError> {
    let broken = |problem: String| SourceError::Broken {
        path: path.into(),
        problem,
    };
    let file = File::open(path).map_err(|error| broken(error.to_string()))?;
    let file = BufReader::new(file);
    let zipped = path.extension().is_some_and(|extension| extension == "zip");
    let parsed = if zipped {
        let mut archive = zip::ZipArchive::new(file).map_err(|error| broken(error.to_string()))?;
        let name = json_member(&archive)
            .ok_or_else(|| broken("the archive holds no .json file".into()))?;
        let member = archive.by_name(&name);
        parse(member.map_err(|error| broken(error.to_string()))?)
    } else {
        parse(file)
    };
    parsed.map_err(|error| broken(error.to_string()))
}

/// What is all read at once: the parser is slow at taking bytes one by one.
fn parse<T: DeserializeOwned>(mut reader: impl Read) -> io::Result<T> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// The name of the first file of JSON that is not an attribute of another, as some archivers add.
fn json_member<R: Read + io::Seek>(archive: &zip::ZipArchive<R>) -> Option<String> {
    archive
        .file_names()
        .filter_map(|name| name.ok().map(|name| name.into_owned()))
        .find(|name| name.ends_with(".json") && !name.starts_with("__MACOSX"))
}
