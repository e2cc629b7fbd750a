//! Arrays in files that a data file refers to: every format gives the numbers, and what is wrong with a file is said.

use std::fs;
use std::io::Write;

use firebrand_core::{Batch, Placement, Target, to_host};
use firebrand_dsl::{Data, Model, Posterior};
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MODEL: &str = "
data {
  int N;
  matrix[N, 2] x;
  array[N] int<lower=0, upper=3> y;
}
parameters {
  vector[2] b;
}
model {
  b ~ std_normal();
  y ~ poisson_log(x * b);
}";
const X: [f64; 8] = [0.5, -1.0, 0.25, 2.0, -0.5, 1.5, 3.0, -0.125];
const Y: [u8; 4] = [0, 3, 1, 2];
const INLINE: &str =
    r#"{"N": 4, "x": [[0.5, -1.0], [0.25, 2.0], [-0.5, 1.5], [3.0, -0.125]], "y": [0, 3, 1, 2]}"#;

fn npy(description: &str, order: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{description}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(numbers);
    file
}

fn x_npy() -> Vec<u8> {
    npy("<f8", "False", "(4, 2)", &X.map(f64::to_le_bytes).concat())
}

fn y_npy() -> Vec<u8> {
    npy("|u1", "False", "(4,)", &Y)
}

/// A folder with `x.npy` and `y.npy`, and other files.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.file("x.npy", &x_npy());
        folder.file("y.npy", &y_npy());
        folder
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn archive(&self, name: &str, method: CompressionMethod) {
        let file = fs::File::create(self.0.path().join(name)).unwrap();
        let mut archive = ZipWriter::new(file);
        let options = SimpleFileOptions::default().compression_method(method);
        for (member, bytes) in [("x.npy", x_npy()), ("y.npy", y_npy())] {
            archive.start_file(member, options).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
    }

    /// The model with x and y as the data say.
    fn compile(&self, x: &str, y: &str, plate: Option<&str>) -> Result<Posterior, String> {
        let data = format!(r#"{{"N": 4, "x": {x}, "y": {y}}}"#);
        self.file("data.json", data.as_bytes());
        let data = Data::from_file(&self.0.path().join("data.json")).map_err(|e| e.to_string())?;
        let model = Model::parse("model.stan", MODEL).unwrap();
        match plate {
            Some(plate) => model.compile_with_plate(&data, &Placement::cpu(), plate),
            None => model.compile(&data, &Placement::cpu()),
        }
        .map_err(|report| report.to_string())
    }

    #[track_caller]
    fn refuses(&self, x: &str, y: &str, parts: &[&str]) {
        for plate in [None, Some("N")] {
            let why = match self.compile(x, y, plate) {
                Err(why) => why,
                Ok(_) => panic!("{x}, {y} was accepted"),
            };
            for part in parts {
                assert!(why.contains(part), "{part:?} is not in {why}");
            }
        }
    }
}

fn inline(plate: Option<&str>) -> Posterior {
    let model = Model::parse("model.stan", MODEL).unwrap();
    let data = Data::from_json(INLINE).unwrap();
    match plate {
        Some(plate) => model.compile_with_plate(&data, &Placement::cpu(), plate),
        None => model.compile(&data, &Placement::cpu()),
    }
    .unwrap()
}

fn at(posterior: &Posterior, batch: &Batch) -> Vec<f64> {
    let theta = posterior
        .placement()
        .matrix(vec![0.3, -0.2, -1.0, 0.5], [2, 2]);
    let at = posterior.log_density_and_score(&theta, batch).unwrap();
    [to_host(&at.log_density), to_host(&at.score)].concat()
}

#[track_caller]
fn same(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        // Sums of four terms in another order.
        assert!(
            (found - expected).abs() < 1e-12 * (1.0 + expected.abs()),
            "{found} for {expected}"
        );
    }
}

const X_FILE: &str = r#"{"file": "x.npy"}"#;
const Y_FILE: &str = r#"{"file": "y.npy"}"#;

#[test]
fn every_format_gives_the_numbers_that_stand_in_it() {
    let folder = Folder::new();
    folder.archive("stored.npz", CompressionMethod::Stored);
    folder.archive("deflated.npz", CompressionMethod::Deflated);
    let (x, y) = (
        X.map(f64::to_le_bytes).concat(),
        Y.map(i32::from).map(i32::to_le_bytes).concat(),
    );
    let tensors = [
        ("x", TensorView::new(Dtype::F64, vec![4, 2], &x).unwrap()),
        ("y", TensorView::new(Dtype::I32, vec![4], &y).unwrap()),
    ];
    folder.file(
        "both.safetensors",
        &safetensors::serialize(tensors, None).unwrap(),
    );
    let columns = [0, 2, 4, 6, 1, 3, 5, 7].map(|i| X[i]);
    folder.file(
        "columns.npy",
        &npy(
            "<f8",
            "True",
            "(4, 2)",
            &columns.map(f64::to_le_bytes).concat(),
        ),
    );
    folder.file(
        "big.npy",
        &npy(">f8", "False", "(4, 2)", &X.map(f64::to_be_bytes).concat()),
    );
    let single = X.map(|x| x as f32);
    folder.file(
        "single.npy",
        &npy(
            "<f4",
            "False",
            "(4, 2)",
            &single.map(f32::to_le_bytes).concat(),
        ),
    );
    folder.file(
        "shorts.npy",
        &npy(
            ">i2",
            "False",
            "(4,)",
            &Y.map(i16::from).map(i16::to_be_bytes).concat(),
        ),
    );

    let expected = at(&inline(None), &Batch::Full);
    for (x, y) in [
        (X_FILE, Y_FILE),
        (
            r#"{"file": "stored.npz", "name": "x"}"#,
            r#"{"file": "stored.npz", "name": "y"}"#,
        ),
        (
            r#"{"name": "x", "file": "deflated.npz"}"#,
            r#"{"file": "deflated.npz", "name": "y"}"#,
        ),
        (
            r#"{"file": "both.safetensors", "name": "x"}"#,
            r#"{"file": "both.safetensors", "name": "y"}"#,
        ),
        (r#"{"file": "columns.npy"}"#, "[0, 3, 1, 2]"),
        (r#"{"file": "big.npy"}"#, r#"{"file": "shorts.npy"}"#),
        (r#"{"file": "single.npy"}"#, Y_FILE),
    ] {
        let posterior = folder
            .compile(x, y, None)
            .unwrap_or_else(|why| panic!("{why}"));
        same(&at(&posterior, &Batch::Full), &expected);
        // And so they do by rows.
        let posterior = folder
            .compile(x, y, Some("N"))
            .unwrap_or_else(|why| panic!("{why}"));
        let plated = inline(Some("N"));
        for rows in [vec![2], vec![0, 3], vec![3, 1, 2]] {
            let batch = Batch::Rows {
                plate: "N".into(),
                rows,
            };
            same(&at(&posterior, &batch), &at(&plated, &batch));
        }
        same(&at(&posterior, &Batch::Full), &expected);
    }
}

#[test]
fn what_other_blocks_ask_for_is_read_whole() {
    let folder = Folder::new();
    let text = MODEL.replace(
        "parameters {",
        "transformed data { real centre = mean(x[, 1]); } parameters {",
    ) + "generated quantities { array[N] int copy = y; real c = centre; }";
    folder.file(
        "data.json",
        format!(r#"{{"N": 4, "x": {X_FILE}, "y": {Y_FILE}}}"#).as_bytes(),
    );
    let data = Data::from_file(&folder.0.path().join("data.json")).unwrap();
    let model = Model::parse("model.stan", &text).unwrap();
    let posterior = model
        .compile_with_plate(&data, &Placement::cpu(), "N")
        .unwrap();
    same(
        &at(&posterior, &Batch::Full),
        &at(&inline(None), &Batch::Full),
    );
    let draws = posterior
        .constrain(&posterior.placement().zeros([1, 2]), 1)
        .unwrap();
    assert_eq!(draws.values, [0.0, 0.0, 0.0, 3.0, 1.0, 2.0, 0.8125]);
}

#[test]
fn files_that_are_not_there_or_no_arrays_are_named() {
    let folder = Folder::new();
    folder.refuses(
        r#"{"file": "none.npy"}"#,
        Y_FILE,
        &["x cannot be read", "none.npy", "matrix[4, 2]"],
    );
    folder.refuses(
        r#"{"file": "data.json"}"#,
        Y_FILE,
        &["`.npy`, `.npz` and `.safetensors`"],
    );
    folder.file("train.pt", b"PK\x03\x04");
    folder.refuses(
        r#"{"file": "train.pt"}"#,
        Y_FILE,
        &[
            "x cannot be read",
            "train.pt",
            "only the weights of networks",
            "numpy.save",
        ],
    );
    folder.file("text.npy", b"no array");
    folder.refuses(r#"{"file": "text.npy"}"#, Y_FILE, &["no `.npy` file"]);
    folder.file("text.npz", b"no archive");
    folder.refuses(
        r#"{"file": "text.npz", "name": "x"}"#,
        Y_FILE,
        &["no `.npz` file"],
    );
    // The rows that are said to be there would be those of the next member.
    let mut longer = ZipWriter::new(fs::File::create(folder.0.path().join("longer.npz")).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let said = x_npy();
    let at = said.windows(6).position(|part| part == b"(4, 2)").unwrap();
    let said = [&said[..at], b"(8, 2)", &said[at + 6..]].concat();
    for member in ["x.npy", "z.npy"] {
        longer.start_file(member, stored).unwrap();
        longer.write_all(&said).unwrap();
    }
    longer.finish().unwrap();
    folder.refuses(
        r#"{"file": "longer.npz", "name": "x"}"#,
        Y_FILE,
        &["an array of shape [8, 2] takes 128 bytes, but 64 are there"],
    );
    folder.file("text.safetensors", b"no tensors at all");
    folder.refuses(
        r#"{"file": "text.safetensors", "name": "x"}"#,
        Y_FILE,
        &["no `.safetensors` file"],
    );
    folder.refuses(
        r#"{"path": "x.npy"}"#,
        Y_FILE,
        &["not a number or an array", "an object", "\"file\""],
    );
    folder.refuses(
        r#"{"file": "x.npy", "prefix": "x"}"#,
        Y_FILE,
        &["an object with \"prefix\"", "a \"file\" and a \"name\""],
    );
}

#[test]
fn names_are_chosen_among_those_that_there_are() {
    let folder = Folder::new();
    folder.archive("both.npz", CompressionMethod::Stored);
    folder.refuses(
        r#"{"file": "both.npz"}"#,
        Y_FILE,
        &["`x`", "`y`", "say which with `\"name\"`"],
    );
    folder.refuses(
        r#"{"file": "both.npz", "name": "z"}"#,
        Y_FILE,
        &["no array `z`, but"],
    );
    folder.refuses(
        r#"{"file": "x.npy", "name": "x"}"#,
        Y_FILE,
        &["leave `name` out"],
    );
}

#[test]
fn numbers_of_another_kind_or_shape_are_refused_beside_what_was_declared() {
    let folder = Folder::new();
    folder.file("complex.npy", &npy("<c16", "False", "(4, 2)", &[0; 128]));
    folder.refuses(
        r#"{"file": "complex.npy"}"#,
        Y_FILE,
        &["of type `<c16`", "convert them to one of float32"],
    );
    folder.refuses(X_FILE, r#"{"file": "floats.npy"}"#, &["floats.npy"]);
    folder.file("floats.npy", &npy("<f8", "False", "(4,)", &[0; 32]));
    folder.refuses(
        X_FILE,
        r#"{"file": "floats.npy"}"#,
        &["y is not of integers", "int32"],
    );
    folder.refuses(
        Y_FILE,
        Y_FILE,
        &["x has the wrong shape", "matrix[4, 2]", "4 numbers"],
    );
    folder.file("large.npy", &npy("|u1", "False", "(4,)", &[0, 1, 2, 4]));
    folder.refuses(
        X_FILE,
        r#"{"file": "large.npy"}"#,
        &["y is above its upper bound"],
    );
}

#[test]
fn files_that_are_cut_short_or_lie_about_themselves_are_refused() {
    let folder = Folder::new();
    let x = x_npy();
    for length in [7, 9, 40, x.len() - 1] {
        folder.file("cut.npy", &x[..length]);
        folder.refuses(
            r#"{"file": "cut.npy"}"#,
            Y_FILE,
            &["x cannot be read", "cut.npy"],
        );
    }
    folder.file("cut.npy", &x[..x.len() - 1]);
    folder.refuses(
        r#"{"file": "cut.npy"}"#,
        Y_FILE,
        &["takes 64 bytes, but 63 are there", "write it again"],
    );
    let huge = "(18446744073709551615, 18446744073709551615)";
    folder.file("huge.npy", &npy("<f8", "False", huge, &[]));
    folder.refuses(
        r#"{"file": "huge.npy"}"#,
        Y_FILE,
        &["no file holds an array of shape"],
    );
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    folder.file("long.npy", &long);
    folder.refuses(
        r#"{"file": "long.npy"}"#,
        Y_FILE,
        &["its header has 4294967295 bytes"],
    );
    let mut tensors = u64::MAX.to_le_bytes().to_vec();
    tensors.extend(b"{}");
    folder.file("long.safetensors", &tensors);
    folder.refuses(
        r#"{"file": "long.safetensors", "name": "x"}"#,
        Y_FILE,
        &["no `.safetensors` file, or cut short"],
    );
}
