//! Weights of networks from PyTorch's own files: they are what PyTorch says, and what is no such file is refused.
//!
//! The files are in `tests/data/pytorch`, where `write.py` wrote them with PyTorch.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use firebrand::{Data, Model, Placement, Posterior, Target};
use serde_json::Value;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pytorch");
    folder.join(name)
}

/// A folder with a data file that refers to a file of weights.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    /// A model whose network begins with the weights in a file.
    fn compile(&self, network: &str, file: &Path, name: Option<&str>) -> Result<Posterior, String> {
        let mut weights = serde_json::json!({ "file": file });
        if let Some(name) = name {
            weights["name"] = name.into();
        }
        let data = self.0.path().join("data.json");
        let json = serde_json::json!({ "x": expected()["row"], "f": weights });
        fs::write(&data, json.to_string()).unwrap();
        let text = format!(
            "data {{ vector[2] x; }} parameters {{ network f = {network}; }} model {{ f ~ std_normal(); }}
             generated quantities {{ vector[1] y = f(x); }}"
        );
        let model = Model::parse("m", &text).unwrap();
        let data = Data::from_file(&data).unwrap();
        model
            .compile(&data, &Placement::cpu())
            .map_err(|report| report.to_string())
    }

    /// Weights from a file that has these bytes are refused, in these words.
    #[track_caller]
    fn refuses(&self, bytes: &[u8], parts: &[&str]) {
        let path = self.0.path().join("w.pt");
        fs::write(&path, bytes).unwrap();
        self.refuses_file(
            MLP,
            &path,
            None,
            &[parts, &["weights of f", "w.pt"]].concat(),
        );
    }

    #[track_caller]
    fn refuses_file(&self, network: &str, file: &Path, name: Option<&str>, parts: &[&str]) {
        let why = match self.compile(network, file, name) {
            Err(why) => why,
            Ok(_) => panic!("{} was accepted", file.display()),
        };
        for part in parts {
            assert!(why.contains(part), "{part:?} is not in {why}");
        }
        assert_eq!(why.matches("Error").count(), 1, "{why}");
    }
}

/// What the files are of.
const MLP: &str = "mlp(2, {3}, 1)";

fn expected() -> Value {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The numbers that a list of texts spells.
fn numbers(texts: &Value) -> Vec<f64> {
    let texts = texts.as_array().unwrap().iter();
    texts.map(number).collect()
}

fn number(text: &Value) -> f64 {
    text.as_str().unwrap().parse().unwrap()
}

fn initial(posterior: &Posterior) -> Vec<f64> {
    let mut point = vec![f64::NAN; posterior.dimension()];
    posterior.propose_start(1, &mut point);
    point
}

#[test]
fn weights_and_outputs_are_those_of_pytorch() {
    let folder = Folder::new();
    let expected = expected();
    let files = expected["files"].as_object().unwrap();
    assert_eq!(files.len(), 7);
    for (file, expected) in files {
        let name = (file == "averaged.pt").then_some("model");
        let posterior = folder
            .compile(MLP, &fixture(file), name)
            .unwrap_or_else(|why| panic!("{why}"));
        let weights = numbers(&expected["weights"]);
        assert_eq!(initial(&posterior), weights, "{file}");
        let theta = posterior.placement().matrix(weights, [1, 13]);
        let output = posterior.constrain(&theta, 1).unwrap().values;
        let error = output[0] - number(&expected["output"]);
        // Sums of three terms in another order.
        assert!(output.len() == 1 && error.abs() < 1e-14, "{file}: {error}");
    }
}

#[test]
fn a_name_says_which_of_the_networks_in_a_file() {
    let folder = Folder::new();
    let weights = |file: &str, name: &str| {
        let posterior = folder.compile(MLP, &fixture(file), Some(name));
        initial(&posterior.unwrap_or_else(|why| panic!("{why}")))
    };
    assert_ne!(
        weights("averaged.pt", "ema"),
        weights("averaged.pt", "model")
    );
    let expected = numbers(&expected()["files"]["checkpoint.pth"]["weights"]);
    assert_eq!(weights("checkpoint.pth", "state_dict.module"), expected);
    folder.refuses_file(
        MLP,
        &fixture("averaged.pt"),
        None,
        &[
            "several tensors `layers.0.weight`",
            "`ema.layers.0.weight` and `model.layers.0.weight`",
            r#""name": "ema""#,
        ],
    );
    folder.refuses_file(
        MLP,
        &fixture("averaged.pt"),
        Some("best"),
        &[
            "no tensor `best.layers.0.weight`",
            "such as `ema.layers.0.bias`",
        ],
    );
}

#[test]
fn the_file_is_one_that_the_fit_depends_on() {
    let file = fixture("state_dict.pt");
    let posterior = Folder::new().compile(MLP, &file, None).unwrap();
    assert_eq!(posterior.data_files(), [file]);
}

#[test]
fn tensors_that_are_missing_or_of_another_shape_are_named() {
    let folder = Folder::new();
    for file in ["state_dict.pt", "legacy.pt", "checkpoint.pth"] {
        let file = fixture(file);
        let missing = ["no tensor `layers.2.weight`, `layers.2.bias`", "such as `"];
        folder.refuses_file("mlp(2, {3, 1}, 1)", &file, None, &missing);
        let shape = ["`layers.0.weight` has the shape [3, 2]", "[4, 2] in"];
        folder.refuses_file("mlp(2, {4}, 1)", &file, None, &shape);
    }
}

#[test]
fn what_is_no_file_of_pytorch_is_refused_with_a_remedy() {
    let folder = Folder::new();
    let remedy = "torch.save(model.state_dict()";
    folder.refuses(b"", &["is empty", remedy]);
    folder.refuses(b"version https://git", &["neither", remedy]);
    folder.refuses(b"\x80\x02}.", &["neither", remedy]);
    folder.refuses(b"PK\x03\x04 and no more", &["not readable", remedy]);
    folder.refuses(&archive(b"\x80\x02]."), &["Expected a dictionary", remedy]);
    folder.refuses(&archive(b"\x80\x02}."), &["it has no tensors"]);
    folder.refuses(&zipped(&[("x.npy", &[])]), &["data.pkl", remedy]);
    let none = folder.0.path().join("none.pt");
    folder.refuses_file(MLP, &none, None, &["cannot read", "none.pt"]);
    folder.refuses_file(MLP, folder.0.path(), None, &["cannot read", "directory"]);
}

#[test]
fn files_that_are_cut_short_are_refused() {
    let folder = Folder::new();
    for file in ["legacy.pt", "precisions.bin"] {
        let bytes = fs::read(fixture(file)).unwrap();
        for length in (1..bytes.len()).rev().step_by(17) {
            folder.refuses(&bytes[..length], &["torch.save(model.state_dict()"]);
        }
    }
}

#[test]
fn numbers_that_have_changed_are_found_by_their_checksum() {
    let folder = Folder::new();
    let file = fixture("state_dict.pt");
    let mut bytes = fs::read(&file).unwrap();
    let first = initial(&folder.compile(MLP, &file, None).unwrap())[0] as f32;
    let at = bytes
        .windows(4)
        .position(|four| four == first.to_le_bytes());
    bytes[at.unwrap()] ^= 1;
    folder.refuses(&bytes, &["`layers.0.weight`", "checksum", "damaged"]);
}

/// An archive with these members, which are not compressed.
fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    compressed(members, CompressionMethod::Stored)
}

fn compressed(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A file of PyTorch's with this pickle.
fn archive(pickle: &[u8]) -> Vec<u8> {
    zipped(&[("w/data.pkl", pickle), ("w/byteorder", b"little")])
}

/// One of before 1.6: three pickles, and this one.
fn legacy(pickle: &[u8]) -> Vec<u8> {
    let old = fs::read(fixture("legacy.pt")).unwrap();
    let first = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    assert!(old.starts_with(first));
    let machine = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";
    [&first[..], machine, pickle].concat()
}

#[test]
fn a_pickle_that_would_run_a_program_does_not() {
    let folder = Folder::new();
    let made = folder.0.path().join("made");
    let command = format!("touch {}", made.display());
    let run = [
        b"\x80\x02cposix\nsystem\nX".as_slice(),
        &(command.len() as u32).to_le_bytes(),
        command.as_bytes(),
        b"\x85R.",
    ]
    .concat();
    folder.refuses(&archive(&run), &["posix.system"]);
    folder.refuses(&legacy(&run), &["not readable"]);
    assert!(!made.exists());
}

#[test]
fn files_that_would_fill_the_memory_are_refused() {
    let folder = Folder::new();
    // The name of a class, copied to 1.5 GB.
    let name = "a".repeat(5000);
    let copies = [
        format!("](c{name}\nb\nq\0").as_bytes(),
        &b"h\0".repeat(300_000),
        b"e.",
    ]
    .concat();
    folder.refuses(&archive(&copies), &["more than 1 GiB of memory"]);
    folder.refuses(&legacy(&copies), &["more than 1 GiB of memory"]);
    // Numbers that unpack to more than the file.
    let members: [(&str, &[u8]); 2] = [("w/data.pkl", b"\x80\x02}."), ("w/data/0", &[0; 1 << 16])];
    folder.refuses(
        &compressed(&members, CompressionMethod::Deflated),
        &["numbers are compressed"],
    );
    // A `tar` archive, as PyTorch wrote before 0.1.10, can have a hole of any size; this one also begins as a later file.
    let mut tar = legacy(b"}.");
    tar.resize(600, 0);
    tar[257..262].copy_from_slice(b"ustar");
    folder.refuses(&tar, &["neither a file of PyTorch's"]);
}

#[test]
fn objects_within_objects_do_not_overflow_the_stack() {
    let folder = Folder::new();
    let nested = |depth: usize| {
        let tuples = b"\x85".repeat(depth);
        archive(&[b"\x80\x02}X\x01\x00\x00\x00a]", &tuples[..], b"q\x00s."].concat())
    };
    folder.refuses(&nested(900), &["it has no tensors"]);
    folder.refuses(&nested(100_000), &["nesting"]);
}
