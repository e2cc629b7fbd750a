//! A small database in PosteriorDB's layout.

use std::fs;
use std::io::Write;
use std::path::Path;

use firebrand::core::{Stream, normals};
use serde_json::json;

use crate::workspace::{EIGHT_SCHOOLS, EIGHT_SCHOOLS_DATA, MEAN, MEAN_DATA, Workspace};

/// The sd of [`MEAN`]'s posterior, which is normal about 2.5: the square root of a third.
pub const SD: f64 = 0.577_350_269_189_625_8;
/// Reference draws of one posterior: as many as PosteriorDB has.
pub const DRAWS: usize = 10_000;

/// A workspace with the database `db`:
///
/// - `mean-exact`: a normal posterior, whose reference draws are of it;
/// - `mean-off`: the same, but the reference draws are of one whose mean is two of its sds lower, and whose sd is a half;
/// - `eight-eight`: the eight schools, without reference draws, alias `schools`;
/// - `wrong-mean`: its model is not the language;
/// - `broken`: its record is no JSON.
pub fn workspace_with_database() -> Workspace {
    let workspace = Workspace::new();
    let root = workspace.path("db/posterior_database");
    for (model, text) in [
        ("mean", MEAN),
        ("eight", EIGHT_SCHOOLS),
        ("wrong", "parameters { real x; } model { x ~ nothing(1); }"),
    ] {
        let code = format!("models/stan/{model}.stan");
        write(&root, &code, text);
        let record =
            json!({"title": model, "model_implementations": {"stan": {"model_code": code}}});
        let file = format!("models/info/{model}.info.json");
        write(&root, &file, record.to_string());
    }
    for (data, text) in [("mean", MEAN_DATA), ("eight", EIGHT_SCHOOLS_DATA)] {
        let file = format!("data/data/{data}.json");
        write_zipped(&root, &file, text);
        let record = json!({"title": data, "data_file": file});
        let file = format!("data/info/{data}.info.json");
        write(&root, &file, record.to_string());
    }
    for (name, model, data, reference) in [
        ("mean-exact", "mean", "mean", Some("exact")),
        ("mean-off", "mean", "mean", Some("off")),
        ("eight-eight", "eight", "eight", None),
        ("wrong-mean", "wrong", "mean", None),
    ] {
        let record = json!({
            "name": name, "model_name": model, "data_name": data, "reference_posterior_name": reference,
            "keywords": ["small", model], "dimensions": {"mu": 1},
        });
        let file = format!("posteriors/{name}.json");
        write(&root, &file, record.to_string());
    }
    write(&root, "posteriors/broken.json", "{");
    write(
        &root,
        "alias/posteriors.json",
        r#"{"schools": "eight-eight"}"#,
    );
    for (name, mean, sd) in [("exact", 2.5, SD), ("off", 2.5 - SD, SD / 2.0)] {
        let noise = normals(1, Stream::Evaluation, 0, DRAWS);
        let draws: Vec<f64> = noise.iter().map(|z| mean + sd * z).collect();
        let chains: Vec<_> = draws
            .chunks(DRAWS / 4)
            .map(|chain| json!({"mu": chain}))
            .collect();
        let file = format!("reference_posteriors/draws/draws/{name}.json");
        write_zipped(&root, &file, &json!(chains).to_string());
    }
    workspace
}

fn write(root: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = root.join(file);
    let folder = path.parent().expect("a folder");
    fs::create_dir_all(folder).expect("a folder among temporary files");
    fs::write(path, text).expect("a file in a temporary folder");
}

/// As PosteriorDB has large files: in an archive of one member, with `.zip` added.
fn write_zipped(root: &Path, file: &str, text: &str) {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut archive = zip::ZipWriter::new(&mut bytes);
    let name = Path::new(file)
        .file_name()
        .expect("a name")
        .to_string_lossy();
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file(name, options).expect("an archive");
    archive.write_all(text.as_bytes()).expect("an archive");
    archive.finish().expect("an archive");
    write(root, &format!("{file}.zip"), bytes.into_inner());
}
