//! Shared libraries that are compiled from source text in a moment: they know the boundary's tables, and nothing else of this project.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use firebrand_core::boundary::{Loaded, load};
use tempfile::TempDir;

/// A family in as few lines as the tables allow: standard normals that ignore what they are told. `FAULT` in its options names the
/// function that misbehaves, and how.
pub const PLAIN: &str = include_str!("plain.rs.txt");

/// A table with these first fields.
pub fn table(magic: &str, version: u32, size: &str) -> String {
    format!(
        "#[unsafe(no_mangle)] pub static firebrand_plugin_forged: PluginTable = PluginTable {{
            magic: *b\"{magic}\", version: {version}, size: {size},
            load: Some(load), entries: Some(entries), family: Some(family), inference: None, target: None,
        }};"
    )
}

/// A table as it should be.
pub fn right_table() -> String {
    table("FIREBRND", 1, "core::mem::size_of::<PluginTable>() as u32")
}

/// Ends the program as soon as the library is opened.
pub const DEADLY: &str = r#"
    extern "C" fn deadly() { std::process::abort() }
    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
    #[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
    static DEADLY: extern "C" fn() = deadly;
"#;

/// Compiles a library of this name.
#[track_caller]
pub fn forge(name: &str, source: &str) -> PathBuf {
    let abi = concat!(env!("CARGO_MANIFEST_DIR"), "/src/boundary/abi.rs");
    let text = format!(
        "#![allow(dead_code, unused, non_upper_case_globals)]\n#[path = {abi:?}] mod abi;\nuse abi::*;\n{source}"
    );
    let file = folder().join(format!("{name}.rs"));
    let library = folder().join(format!(
        "{}{name}{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    std::fs::write(&file, text).expect("a file in a temporary folder");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let ran = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-o"])
        .args([&library, &file])
        .output()
        .expect("a compiler");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    library
}

/// A folder for all libraries of this program: they stay open, and so do not go away with a test.
pub fn folder() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
    folder.path().into()
}

/// Why a file is refused.
#[track_caller]
pub fn refusal(loaded: &Loaded) -> String {
    let refusals = loaded.refusals();
    let [refusal] = refusals.as_slice() else {
        panic!("{loaded:?}");
    };
    refusal.to_string()
}

/// Why a forged library is refused.
#[track_caller]
pub fn refused(name: &str, source: &str) -> String {
    refusal(&load(&forge(name, source)))
}
