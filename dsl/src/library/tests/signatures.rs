//! The types that functions take and return are Stan's.

use super::super::{known_to_stan, names};
use super::*;
use crate::library::signature::{parse_overload, parse_type};

/// Signatures that `stanc --dump-stan-math-signatures` 2.35 lists: some of each function here.
const STANS: &str = include_str!("../../../tests/fixtures/signatures.txt");

#[test]
fn every_signature_of_stans_is_accepted() {
    let mut wrong = Vec::new();
    for line in STANS.lines() {
        let (left, returns) = line.split_once(" => ").unwrap();
        let (name, rest) = left.split_once('(').unwrap();
        let (_, arguments) = parse_overload(&format!("void({rest}")).unwrap();
        let Some(function) = lookup(name) else {
            wrong.push(format!("{line}: no such function"));
            continue;
        };
        let got = function.signature.returns(&arguments);
        if got != parse_type(returns) {
            wrong.push(format!("{line}: {got:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_function_has_signatures_to_check() {
    let listed: std::collections::HashSet<_> = STANS
        .lines()
        .map(|line| line.split_once('(').unwrap().0)
        .collect();
    let missing: Vec<_> = names()
        .into_iter()
        .filter(|name| !listed.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(names().into_iter().all(known_to_stan));
}

#[test]
fn usage_names_the_function() {
    for name in names() {
        let usage = lookup(name).unwrap().signature.usage(name);
        assert!(
            !usage.is_empty() && usage.iter().any(|line| line.contains(&format!("{name}("))),
            "{name}: {usage:?}"
        );
    }
}
