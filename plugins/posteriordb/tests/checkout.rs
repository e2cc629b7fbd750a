//! A checkout in a temporary folder, and what is read from it.

use std::fs;
use std::io::Write;
use std::path::Path;

use firebrand_core::{Plugin, SourceError, TargetSource, registry};
use firebrand_posteriordb::{Database, PosteriorDb, PosteriorDbOptions};
use tempfile::TempDir;

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join("posterior_database").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn write_zipped(root: &Path, file: &str, text: &str) {
    write(root, &format!("{file}.zip"), "");
    let path = root.join(format!("posterior_database/{file}.zip"));
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let member = Path::new(file).file_name().unwrap().to_str().unwrap();
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file(member, options).unwrap();
    archive.write_all(text.as_bytes()).unwrap();
    archive.finish().unwrap();
}

/// One posterior, `coins-beta`, with all that belongs to it.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "posteriors/coins-beta.json",
        r#"{"name": "coins-beta", "model_name": "beta", "data_name": "coins", "reference_posterior_name": "coins"}"#,
    );
    write(root, "alias/posteriors.json", r#"{"heads": "coins-beta"}"#);
    write(
        root,
        "models/info/beta.info.json",
        r#"{"title": "A coin", "model_implementations": {"stan": {"model_code": "models/stan/beta.stan"}}}"#,
    );
    write(root, "models/stan/beta.stan", "parameters { real p; }");
    write(
        root,
        "data/info/coins.info.json",
        r#"{"title": "Coins", "data_file": "data/data/coins.json"}"#,
    );
    write(root, "data/data/coins.json", "{}");
    write_zipped(
        root,
        "reference_posteriors/draws/draws/coins.json",
        r#"[{"p": [1, 2]}, {"p": [3, 6]}]"#,
    );
    folder
}

/// Why `coins-beta` cannot be located.
fn problem(folder: &TempDir) -> String {
    let path = Some(folder.path().display().to_string());
    let source = PosteriorDb::new(PosteriorDbOptions { path }).unwrap();
    source.locate("coins-beta").unwrap_err().to_string()
}

#[test]
fn data_that_a_checkout_lacks_are_asked_for_with_what_to_do() {
    let folder = checkout();
    let data = folder
        .path()
        .join("posterior_database/data/data/coins.json");
    fs::write(
        &data,
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    )
    .unwrap();
    let pointer = problem(&folder);
    assert!(pointer.contains("`git lfs pull`"), "{pointer}");

    fs::remove_file(&data).unwrap();
    let missing = problem(&folder);
    for part in [
        "data/coins.json.zip",
        "does not have it",
        "models/stan/beta.stan",
        "`--data FILE`",
    ] {
        assert!(missing.contains(part), "{missing}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_to_be_fetched() {
    let folder = checkout();
    let data = folder
        .path()
        .join("posterior_database/data/data/coins.json");
    fs::remove_file(&data).unwrap();
    std::os::unix::fs::symlink("../.git/annex/objects/x", &data).unwrap();
    let problem = problem(&folder);
    assert!(problem.contains("`git annex get`"), "{problem}");
}

#[test]
fn a_posterior_has_a_model_data_and_the_moments_of_its_reference_draws() {
    let folder = checkout();
    let options = PosteriorDbOptions {
        path: Some(folder.path().display().to_string()),
    };
    let source = PosteriorDb::new(options).unwrap();
    for name in ["coins-beta", "heads"] {
        let located = source.locate(name).unwrap();
        assert!(located.model.ends_with("models/stan/beta.stan"));
        assert!(located.data.unwrap().ends_with("data/data/coins.json"));
        let reference = source.reference(name).unwrap().unwrap();
        assert_eq!(reference.quantities[0].name, "p");
        assert_eq!(reference.quantities[0].mean, 3.0);
    }
}

#[test]
fn zipped_data_are_found_as_well() {
    let folder = checkout();
    let root = folder.path().join("posterior_database");
    fs::remove_file(root.join("data/data/coins.json")).unwrap();
    write_zipped(folder.path(), "data/data/coins.json", "{}");
    let database = Database::open(&root).unwrap();
    let located = database.locate(&database.entry("heads").unwrap()).unwrap();
    assert!(located.data.unwrap().ends_with("data/data/coins.json.zip"));
}

#[test]
fn what_is_wrong_is_said_with_the_name_or_the_file() {
    let folder = checkout();
    let database = Database::open(folder.path()).unwrap();
    let message = |error: SourceError| error.to_string();
    assert_eq!(
        database.entry("coin-beta").map_err(message).unwrap_err(),
        "PosteriorDB has no `coin-beta`; did you mean `coins-beta`?"
    );
    // A name is no path.
    let outside = database.entry("../posteriors/coins-beta");
    assert!(outside.is_err(), "{outside:?}");

    let entry = database.entry("coins-beta").unwrap();
    write(folder.path(), "data/info/coins.info.json", "{");
    let error = database.locate(&entry).map_err(message).unwrap_err();
    assert!(error.contains("coins.info.json: EOF"), "{error}");
    write_zipped(
        folder.path(),
        "reference_posteriors/draws/draws/coins.json",
        "[]",
    );
    let error = database.reference(&entry).map_err(message).unwrap_err();
    assert!(error.contains("it holds no draws"), "{error}");

    let elsewhere = Database::open(&folder.path().join("posterior_database/models"));
    assert!(message(elsewhere.unwrap_err()).contains("is no checkout of PosteriorDB"));
}

#[test]
fn reference_draws_that_the_checkout_lacks_are_none() {
    let folder = checkout();
    let draws = "posterior_database/reference_posteriors/draws/draws/coins.json.zip";
    fs::remove_file(folder.path().join(draws)).unwrap();
    let database = Database::open(folder.path()).unwrap();
    let entry = database.entry("coins-beta").unwrap();
    assert_eq!(database.reference(&entry), Ok(None));
}

#[test]
fn the_source_is_registered() {
    let chosen = registry::source("posteriordb(path: \"somewhere\")").unwrap();
    let error = chosen.plugin.locate("coins-beta").unwrap_err();
    assert!(error.to_string().contains("`somewhere` is no checkout"));
}
