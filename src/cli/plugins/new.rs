//! `firebrand plugins new`: a crate to begin a plugin with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::super::Failure;

/// Write a crate with a small plugin that works, ready to edit.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins new cauchy --kind family
  firebrand plugins new my-ascent --kind inference --path plugins/my-ascent
  firebrand plugins new funnel --kind target --firebrand ../firebrand

The crate depends on Firebrand by git and version. With `--firebrand` it depends on a checkout by path instead.")]
pub struct NewArgs {
    /// The name it is chosen by: lower case, digits and hyphens.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is.
    #[arg(long)]
    kind: Kind,
    /// The folder to make; by default NAME.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// A checkout of Firebrand to depend on.
    #[arg(long, value_name = "DIR")]
    firebrand: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Family,
    Inference,
    Target,
}

impl Kind {
    /// Its module in the crate.
    fn module(self) -> &'static str {
        match self {
            Kind::Family => "family",
            Kind::Inference => "inference",
            Kind::Target => "target",
        }
    }

    /// What registers it.
    fn entry(self) -> &'static str {
        match self {
            Kind::Family => "FamilyPlugin",
            Kind::Inference => "InferencePlugin",
            Kind::Target => "TargetPlugin",
        }
    }

    /// A plugin called `Template`, which the tests of this crate compile and check.
    fn source(self) -> &'static str {
        match self {
            Kind::Family => include_str!("templates/family.rs"),
            Kind::Inference => include_str!("templates/inference.rs"),
            Kind::Target => include_str!("templates/target.rs"),
        }
    }

    /// How it is used.
    fn fit(self, name: &str) -> String {
        match self {
            Kind::Family => format!("model.stan --data data.json --family {name}"),
            Kind::Inference => format!("model.stan --data data.json --inference {name}"),
            Kind::Target => format!("target:{name}"),
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &NewArgs) -> Result<(), Failure> {
    let NewArgs { name, kind, .. } = args;
    if !is_name(name) {
        return Err(Failure::Usage(format!(
            "`{name}` is no name of a plugin: it has lower-case letters, digits and single hyphens, and begins with a letter"
        )));
    }
    let folder = args.path.clone().unwrap_or_else(|| name.into());
    if folder.exists() {
        let folder = folder.display();
        return Err(Failure::Usage(format!("{folder} is there already")));
    }
    let dependencies = dependencies(args)?;
    let type_name = type_name(name);
    let source = kind
        .source()
        .replace("Template", &type_name)
        .replace("\"template\"", &format!("\"{name}\""))
        .replace("NAME(", &format!("{name}("));
    let files = [
        ("Cargo.toml", manifest(name, &dependencies)),
        ("README.md", readme(name, *kind)),
        (".gitignore", "/target\n".into()),
        ("src/lib.rs", library(name, &type_name, *kind)),
        (&format!("src/{}.rs", kind.module()), source),
        ("tests/conformance.rs", tests(name, &type_name, *kind)),
    ];
    for (file, text) in files {
        write(&folder.join(file), &text)?;
    }
    println!("{} is ready. Next:", folder.display());
    println!("  cd {}", folder.display());
    println!("  cargo test                # measures what every plugin has to fulfil");
    println!("  cargo build --release     # makes the shared library, in target/release");
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot =
        |error: io::Error| Failure::Usage(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    fs::write(path, text).map_err(cannot)
}

fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        !part.is_empty() && part.chars().all(plain)
    };
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(part)
}

/// `my-ascent` as a type: `MyAscent`.
fn type_name(name: &str) -> String {
    let capitalised = |part: &str| part[..1].to_uppercase() + &part[1..];
    name.split('-').map(capitalised).collect()
}

/// Where the crate finds Firebrand: what goes between the braces of a dependency on its crate in this folder.
fn dependencies(args: &NewArgs) -> Result<impl Fn(&str) -> String, Failure> {
    let checkout = match &args.firebrand {
        None => None,
        Some(checkout) => {
            let unusable = |reason: String| {
                Failure::Usage(format!(
                    "{} is no checkout of Firebrand: {reason}",
                    checkout.display()
                ))
            };
            let path = checkout.canonicalize();
            let path = path.map_err(|error| unusable(error.to_string()))?;
            if !path.join("core/Cargo.toml").is_file() {
                return Err(unusable("there is no core/Cargo.toml".into()));
            }
            Some(path)
        }
    };
    Ok(move |folder: &str| match &checkout {
        Some(path) => format!("path = {:?}", path.join(folder).display().to_string()),
        None => format!(
            "version = \"{}\", git = \"{}\"",
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_REPOSITORY")
        ),
    })
}

fn manifest(name: &str, firebrand: &impl Fn(&str) -> String) -> String {
    format!(
        r#"[package]
name = "firebrand-{name}"
version = "0.1.0"
edition = "2024"
publish = false

# Both at once: a shared library that `firebrand` loads, and a crate that a Rust program links.
[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
firebrand-core = {{ {core} }}
burn = {{ version = "=0.22.1", default-features = false, features = ["std", "autodiff", "flex", "extension"] }}
serde = {{ version = "1", features = ["derive"] }}

[dev-dependencies]
firebrand-conformance = {{ {conformance} }}
firebrand-gaussian = {{ {gaussian} }}

# Tensor code without optimisation is twenty to sixty times slower.
[profile.dev]
opt-level = 1
debug = "line-tables-only"

[profile.dev.package."*"]
opt-level = 1
debug = false

# A workspace of its own.
[workspace]
"#,
        core = firebrand("core"),
        conformance = firebrand("plugins/conformance"),
        gaussian = firebrand("plugins/gaussian"),
    )
}

fn library(name: &str, type_name: &str, kind: Kind) -> String {
    let (module, entry) = (kind.module(), kind.entry());
    format!(
        "//! `{name}` for Firebrand, as a shared library and as a crate.

mod {module};

pub use {module}::{{{type_name}, {type_name}Options}};

use firebrand_core::{{{entry}, inventory}};

// Registers it wherever this crate is linked ...
inventory::submit! {{ {entry}::of::<{type_name}>() }}

// ... and exports everything that is registered, if the crate is built as a shared library.
firebrand_core::export_plugins!();
"
    )
}

fn tests(name: &str, type_name: &str, kind: Kind) -> String {
    let module = format!("firebrand_{}", name.replace('-', "_"));
    let (import, call) = match kind {
        Kind::Family => ("", format!("check_family::<{type_name}>()")),
        Kind::Target => ("", format!("check_target::<{type_name}>()")),
        Kind::Inference => (
            "use firebrand_gaussian::FullRank;\n",
            format!("check_inference::<{type_name}>(&FullRank)"),
        ),
    };
    format!(
        "//! What every plugin of its kind has to fulfil.

use {module}::{type_name};
{import}
#[test]
fn it_fulfils_every_identity() {{
    firebrand_conformance::{call};
}}
"
    )
}

fn readme(name: &str, kind: Kind) -> String {
    let library = format!("libfirebrand_{}.so", name.replace('-', "_"));
    let (module, fit) = (kind.module(), kind.fit(name));
    format!(
        "# {name}

A plugin for [Firebrand]({repository}). `src/{module}.rs` is what there is to edit.

```sh
cargo test                # measures what every plugin has to fulfil
cargo build --release     # makes target/release/{library} (`.dylib` on macOS, `.dll` without `lib` on Windows)
firebrand plugins check target/release/{library}
firebrand fit {fit} --plugin-path target/release/{library}
```

The first build compiles Burn, for some minutes. To have the plugin always, copy the library to `~/.local/share/firebrand/plugins` (on macOS
`~/Library/Application Support/firebrand/plugins`, on Windows `%APPDATA%\\firebrand\\plugins`).
",
        repository = env!("CARGO_PKG_REPOSITORY"),
    )
}
