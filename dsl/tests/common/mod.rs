//! Text-driven tests: files of small inputs, each followed by the diagnostics that it must give.
//!
//! A case is `=== title`, the model's text, `---`, and the expected output. With the environment
//! variable `FIREBRAND_UPDATE` set, the files are rewritten with what came out.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Runs every case of the `.txt` files in `folder` (relative to the crate's `tests`).
pub fn run_cases(folder: &str, output: impl Fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", folder.display());
    let mut failures = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut rewritten = String::new();
        for case in text.split("=== ").skip(1) {
            let (title, rest) = case.split_once('\n').unwrap();
            let (input, expected) = rest.split_once("---\n").unwrap_or((rest, ""));
            let found = output(input);
            if found.trim_end() != expected.trim_end() {
                let name = file.file_name().unwrap().to_string_lossy();
                let _ = writeln!(
                    failures,
                    "{name}, {title}\n{input}--- expected\n{expected}--- found\n{found}\n"
                );
            }
            let _ = write!(rewritten, "=== {title}\n{input}---\n{found}\n");
        }
        if std::env::var_os("FIREBRAND_UPDATE").is_some() {
            std::fs::write(&file, rewritten).unwrap();
        }
    }
    assert!(
        failures.is_empty() || std::env::var_os("FIREBRAND_UPDATE").is_some(),
        "{failures}"
    );
}

/// The `.stan` files of the PosteriorDB checkout that `FIREBRAND_POSTERIORDB` names, as name and
/// text; none when the variable is not set.
pub fn posteriordb_models() -> Vec<(String, String)> {
    let Some(root) = std::env::var_os("FIREBRAND_POSTERIORDB") else {
        return Vec::new();
    };
    let folder = Path::new(&root).join("posterior_database/models/stan");
    let mut models: Vec<(String, String)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "stan")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    models.sort();
    models
}
