//! How many programs batches need.

use std::sync::Arc;

use firebrand_core::Placement;
use firebrand_graph::Options;

use super::Plated;
use crate::check::check;
use crate::data::Data;
use crate::stager::stage;
use crate::syntax::{SourceMap, no_includes, parse};

/// Programs compiled for these batches of a model.
fn compiled(text: &str, data: &str, dimension: usize, batches: &[&[usize]]) -> usize {
    let mut sources = SourceMap::new("model.stan", text);
    let (tree, _) = parse(&mut sources, &no_includes);
    let program = Arc::new(check(&tree).0.expect("a program"));
    let staged = stage(&program, &Data::from_json(data).expect("data")).expect("staged");
    let plated = Plated::new(
        &program,
        &staged.environment,
        Vec::new(),
        &staged.networks.built,
        "N",
        &Options::default(),
    );
    let plated = plated.unwrap_or_else(|e| panic!("{e:?}"));
    let theta = Placement::cpu().zeros([2, dimension]);
    for rows in batches {
        let outputs = plated.evaluate(&theta, rows, 2.0);
        assert!(outputs.is_ok());
    }
    plated.programs.lock().expect("no panic before").compiled()
}

#[test]
fn one_program_serves_all_batches_of_one_size() {
    let model = "data { int N; matrix[N, 2] x; array[N] int y; } parameters { vector[2] b; }
        model { b ~ std_normal(); y ~ bernoulli_logit(x * b); }";
    let data = r#"{"N": 6, "x": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]], "y": [0, 1, 1, 0, 1, 0]}"#;
    let batches: [&[usize]; 4] = [&[0, 1, 2], &[3, 4, 5], &[0, 2, 4], &[1, 3, 4]];
    assert_eq!(compiled(model, data, 2, &batches), 1);
    let other_size: [&[usize]; 3] = [&[0, 1, 2], &[3, 4], &[0, 5, 1]];
    assert_eq!(compiled(model, data, 2, &other_size), 2);
}
