//! Families whose functions misbehave: every fault is an error with its own words, and nothing is ever silently NaN.

use std::sync::Once;

use firebrand_core::boundary::load;
use firebrand_core::start::Start;
use firebrand_core::{Approximation, FamilyError, GaussianStart, Placement, registry, to_host};

use crate::forge::{PLAIN, forge, right_table};

/// A member of the forged family, in three dimensions, with a fault.
fn member(fault: &str) -> Result<Box<dyn Approximation>, FamilyError> {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let entries = r##"
            unsafe extern "C" fn load(host: *const HostTable, sink: *const Sink) -> Status { OK }
            unsafe extern "C" fn entries(sink: *const Sink) -> Status {
                say(sink, r#"[{"kind": "family", "name": "plain", "doc": "Plain.", "version": "1",
                    "options": [{"name": "fault", "type": "String", "default": "\"\"", "doc": "What goes wrong."}]}]"#);
                OK
            }"##;
        let loaded = load(&forge("plain", &format!("{PLAIN}{entries}{}", right_table())));
        assert!(loaded.refusals().is_empty(), "{loaded:?}");
    });
    let family = registry::family(&format!("plain(fault: \"{fault}\")")).expect("the family");
    family
        .plugin
        .start(3, &GaussianStart::standard(3), &Placement::cpu())
}

fn healthy(fault: &str) -> Box<dyn Approximation> {
    member(fault).expect("a member")
}

/// The error of one function of a member, by its name.
fn error(fault: &str) -> FamilyError {
    let q = healthy(fault);
    let points = Placement::cpu().zeros([2, 3]);
    let weights = Placement::cpu().vector(&[1.0, 1.0]);
    let outcome = match fault.split(' ').next() {
        Some("sample") => q.sample(&points).map(drop),
        Some("log_prob") => q.log_prob(&points).map(drop),
        Some("score") => q.score(&points).map(drop),
        Some("pull_sample") => q.pull_sample(&points, &points.clone().into()).map(drop),
        _ => q.pull_log_prob(&points, &weights).map(drop),
    };
    outcome.expect_err(fault)
}

#[test]
fn a_member_that_does_as_it_should_is_used() {
    let q = healthy("");
    assert_eq!(
        (q.family(), q.dimension(), q.noise_shape(5)),
        ("plain", 3, [5, 3])
    );
    let theta = Placement::cpu().matrix(vec![1.0, 2.0, 3.0], [1, 3]);
    assert_eq!(to_host(&q.score(&theta).unwrap()), [-1.0, -2.0, -3.0]);
    assert!(q.gaussian().is_none());
}

#[test]
fn a_table_from_before_it_grew_is_used_without_what_came_later() {
    healthy("");
    let family = registry::family("plain(fault: \"\")").expect("the family");
    let start = Start::standard(3);
    let member = family.plugin.start_from(&start, &Placement::cpu());
    assert_eq!(member.expect("a member").dimension(), 3);
}

#[test]
fn what_a_function_says_is_told_with_its_name() {
    for function in ["sample", "log_prob", "score", "pull_sample", "pull"] {
        let said = error(&format!("{function} fails")).to_string();
        assert_eq!(said, "`plain` says: no luck today");
        let said = error(&format!("{function} panics")).to_string();
        assert_eq!(said, "`plain` panicked: index out of bounds");
        let said = error(&format!("{function} invents")).to_string();
        assert_eq!(said, "`plain` returned the unknown status 99");
    }
}

#[test]
fn numbers_that_are_nan_are_an_error_that_a_step_recovers_from() {
    for (function, what) in [
        ("sample", "a draw"),
        ("log_prob", "a log density"),
        ("score", "a score"),
        ("pull_sample", "a derivative in lambda"),
        ("pull", "a derivative in lambda"),
    ] {
        let error = error(&format!("{function} gives nan"));
        assert_eq!(error, FamilyError::NotFinite { what: what.into() });
        assert!(error.is_recoverable());
    }
}

#[test]
fn the_wrong_count_is_an_error_with_both_shapes() {
    for (function, expected) in [
        ("sample", "`plain` gave draws of shape [5], not [2, 3]"),
        (
            "log_prob",
            "`plain` gave log densities of shape [1], not [2]",
        ),
        ("score", "`plain` gave a score of shape [5], not [2, 3]"),
        (
            "pull_sample",
            "`plain` gave a derivative in lambda of shape [2], not [3]",
        ),
    ] {
        let fault = format!("{function} gives few");
        assert_eq!(error(&fault).to_string(), expected);
        assert!(!error(&fault).is_recoverable());
    }
}

#[test]
fn numbers_that_cannot_be_read_are_an_error() {
    for (fault, expected) in [
        ("score is silent", "`plain` did not give a score"),
        (
            "score gives null",
            "`plain` gave null where numbers were expected",
        ),
        (
            "score gives a device",
            "`plain` gave numbers that are not in host memory",
        ),
    ] {
        assert_eq!(error(fault).to_string(), expected);
    }
}

#[test]
fn a_member_whose_table_is_not_whole_is_an_error() {
    for (fault, expected) in [
        ("start gives nothing", "`plain` gave no approximation"),
        (
            "start gives a short table",
            "`plain` has a table of an approximation that is cut short: 24 bytes, not 120",
        ),
        (
            "start gives a hollow table",
            "`plain` has no function `sample` of its approximation",
        ),
        ("lambda gives nan", "lambda is not finite"),
    ] {
        let error = member(fault).err().expect(fault);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn options_that_a_family_refuses_are_listed_with_the_right_ones() {
    healthy("");
    let error = registry::family("plain(fault: \"unusable\")")
        .err()
        .unwrap();
    let expected = "options of `plain`: `fault` cannot be that\nits options are:\n  fault = \"\" (text)  What goes wrong.";
    assert_eq!(error.to_string(), expected);
}
