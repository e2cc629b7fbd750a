//! Files that are refused, each with its own message, and without harm: those that have to be refused unopened would end the program.

use firebrand_core::boundary::{Refusal, load};
use firebrand_core::registry;

use crate::forge::{DEADLY, PLAIN, folder, forge, refusal, refused, right_table, table};

/// A plugin with a load function and a list of entries.
fn plugin(load: &str, entries: &str) -> String {
    format!(
        "{PLAIN}
        unsafe extern \"C\" fn load(host: *const HostTable, sink: *const Sink) -> Status {{ {load} }}
        unsafe extern \"C\" fn entries(sink: *const Sink) -> Status {{ {entries} }}"
    )
}

/// The list of one family.
fn one(name: &str) -> String {
    format!(
        "say(sink, r#\"[{{\"kind\": \"family\", \"name\": \"{name}\", \"doc\": \"Plain.\", \"version\": \"1.2.3\"}}]\"#); OK"
    )
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let loaded = load(&folder().join("nowhere.so"));
    assert!(
        refusal(&loaded).starts_with("it cannot be read: "),
        "{loaded:?}"
    );
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let file = folder().join("text.so");
    std::fs::write(&file, "This is text.").unwrap();
    let said = refusal(&load(&file));
    assert!(said.starts_with("it is not a shared library: "), "{said}");
    std::fs::write(&file, "").unwrap();
    let said = refusal(&load(&file));
    assert!(said.starts_with("it is not a shared library: "), "{said}");
}

#[test]
fn a_library_that_is_no_plugin_is_refused_and_never_opened() {
    let source = format!("{DEADLY} #[unsafe(no_mangle)] pub extern \"C\" fn something_else() {{}}");
    assert_eq!(
        refused("other", &source),
        "it is a shared library, but not a plugin: it exports no symbol that begins with `firebrand_plugin`"
    );
}

#[test]
fn a_wrong_table_is_refused_and_never_opened() {
    let body = plugin("OK", &one("never"));
    let whole = "core::mem::size_of::<PluginTable>() as u32";
    for (name, table, expected) in [
        (
            "magic",
            table("FIREBIRD", 1, whole),
            "the first bytes are wrong",
        ),
        (
            "older",
            table("FIREBRND", 0, whole),
            "it was built for version 0 of the boundary, and this program has version 1: build it again",
        ),
        (
            "newer",
            table("FIREBRND", 2, whole),
            "it was built for version 2 of the boundary, and this program has version 1: use a newer",
        ),
        (
            "short",
            table("FIREBRND", 1, "16"),
            "its table is cut short: 16 bytes, not 56",
        ),
        // The version comes before everything else.
        (
            "short_and_newer",
            table("FIREBRND", 2, "16"),
            "it was built for version 2",
        ),
    ] {
        let said = refused(name, &format!("{body} {DEADLY} {table}"));
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn a_symbol_that_is_no_table_is_refused_and_never_opened() {
    let source = format!("{DEADLY} #[unsafe(no_mangle)] pub static mut firebrand_plugin: u64 = 0;");
    assert!(refused("no_table", &source).contains("the first bytes are wrong"));
}

#[test]
fn a_larger_table_of_this_version_is_taken() {
    let table = table(
        "FIREBRND",
        1,
        "core::mem::size_of::<PluginTable>() as u32 + 64",
    );
    let loaded = load(&forge("larger", &(plugin("OK", &one("larger")) + &table)));
    assert!(loaded.refusals().is_empty(), "{loaded:?}");
    let plugin = registry::families()
        .into_iter()
        .find(|plugin| plugin.name == "larger");
    let plugin = plugin.unwrap();
    assert_eq!((plugin.doc, plugin.version), ("Plain.", "1.2.3"));
    assert!(plugin.source.ends_with(std::env::consts::DLL_SUFFIX));
}

#[test]
fn a_library_whose_own_functions_misbehave_is_refused() {
    for (name, load, entries, expected) in [
        (
            "fails",
            "say(sink, \"no licence\"); FAILED",
            "OK",
            "says: no licence",
        ),
        (
            "panics",
            "say(sink, \"oh\"); PANICKED",
            "OK",
            "panicked: oh",
        ),
        ("invents", "77", "OK", "returned the unknown status 77"),
        ("silent", "OK", "OK", "did not give a list of plugins"),
        (
            "babbles",
            "OK",
            "say(sink, \"[{]\"); OK",
            "gave a list of plugins that cannot be read: ",
        ),
        (
            "unknown",
            "OK",
            "say(sink, r#\"[{\"kind\": \"soup\", \"name\": \"x\", \"doc\": \"\", \"version\": \"\"}]\"#); OK",
            "cannot be read",
        ),
    ] {
        let said = refused(
            &format!("own_{name}"),
            &(plugin(load, entries) + &right_table()),
        );
        assert!(said.contains(expected), "{name}: {said}");
    }
    let hollow = right_table().replace("Some(entries)", "None");
    let said = refused("hollow", &(plugin("OK", "OK") + &hollow));
    assert_eq!(said, "its table has no function `entries`");
}

#[test]
fn a_name_that_is_taken_is_refused_with_who_has_it() {
    let source = plugin("OK", &one("twice")) + &right_table();
    let first = forge("first", &source);
    assert!(load(&first).refusals().is_empty());
    let second = load(&forge("second", &source));
    let [
        Refusal::NameTaken {
            kind: "family",
            name,
            by,
        },
    ] = *second.refusals().as_slice()
    else {
        panic!("{second:?}");
    };
    assert_eq!(name, "twice");
    assert_eq!(*by, format!("it is from {}", first.display()));
}
