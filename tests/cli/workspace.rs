//! A folder with models and data for one test, and the program run in it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
#[cfg(unix)]
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const EIGHT_SCHOOLS: &str = "\
data {
  int<lower=0> J;
  array[J] real y;
  array[J] real<lower=0> sigma;
}
parameters {
  vector[J] z;
  real mu;
  real<lower=0> tau;
}
transformed parameters {
  vector[J] theta = mu + tau * z;
}
model {
  z ~ std_normal();
  mu ~ normal(0, 5);
  tau ~ cauchy(0, 5);
  y ~ normal(theta, sigma);
}
";
pub const EIGHT_SCHOOLS_DATA: &str =
    r#"{"J": 8, "y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}"#;

/// With three observations of unit variance and a flat prior, mu is normal with mean 2.5 and variance 1/3.
pub const MEAN: &str = "\
data {
  int<lower=1> N;
  vector[N] y;
}
parameters {
  real mu;
}
model {
  y ~ normal(mu, 1);
}
";
pub const MEAN_DATA: &str = r#"{"N": 3, "y": [1, 2, 4.5], "unused": "text"}"#;

/// A folder that is removed at the end of its test.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// A folder with `eight.stan`, `eight.json`, `mean.stan` and `mean.json`.
    pub fn new() -> Self {
        let workspace = Workspace {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        workspace.file("eight.stan", EIGHT_SCHOOLS);
        workspace.file("eight.json", EIGHT_SCHOOLS_DATA);
        workspace.file("mean.stan", MEAN);
        workspace.file("mean.json", MEAN_DATA);
        workspace
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file in a temporary folder");
    }

    /// Writes an array in NumPy's format.
    pub fn array(&self, name: &str, shape: &[usize], values: &[f64]) {
        let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({sizes}), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        fs::write(self.path(name), bytes).expect("a file in a temporary folder");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names in a folder, in order.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries =
            fs::read_dir(self.path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    /// The program with arguments separated by blanks; `'` keeps blanks together. Its temporary files go to this folder too.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firebrand"));
        for (position, part) in arguments.split('\'').enumerate() {
            match position % 2 {
                0 => command.args(part.split_whitespace()),
                _ => command.arg(part),
            };
        }
        command
            .current_dir(self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path())
            .env_remove("FIREBRAND_PLUGIN_PATH")
            .env_remove("FIREBRAND_POSTERIORDB");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &str) -> Ran {
        self.command(arguments)
            .output()
            .expect("the program")
            .into()
    }

    /// Sends SIGINT to a program with `--out out` that would go on for ever, once it is under way.
    #[cfg(unix)]
    pub fn interrupt(&self, child: Child) -> Ran {
        let began = Instant::now();
        // The folder is made just before the handler of signals; and a start is found within a tenth of a second.
        while !self.path("out").exists() {
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(20), "it did not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(1500));
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("a signal").success());
        child.wait_with_output().expect("the program").into()
    }

    /// Runs the program with this text on its standard input.
    pub fn run_with_input(&self, arguments: &str, input: &str) -> Ran {
        let mut child: Child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program");
        child
            .stdin
            .take()
            .expect("its input")
            .write_all(input.as_bytes())
            .expect("a pipe");
        child.wait_with_output().expect("the program").into()
    }
}

/// What came of the program.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Ran {
    /// The standard output of a run that succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.stdout
    }

    /// The JSON that a run printed, whatever its exit status.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the exit status and that standard error has all of these parts.
    #[track_caller]
    pub fn fails(&self, status: i32, parts: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:?}");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "`{part}` is missing from {}",
                self.stderr
            );
        }
    }
}

#[track_caller]
pub fn assert_near(found: &Value, expected: f64, tolerance: f64) {
    let found = found.as_f64().unwrap();
    assert!(
        (found - expected).abs() < tolerance,
        "{found} is not {expected}"
    );
}
