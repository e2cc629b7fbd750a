use crate::workspace::Workspace;

#[test]
fn a_model_alone_shows_what_it_declares() {
    let out = Workspace::new().run("check eight.stan").ok();
    for part in [
        "array[J] real<lower=0>",
        "vector[J]",
        "transformed parameters",
        "theta",
        "--data",
    ] {
        assert!(out.contains(part), "`{part}` is missing from {out}");
    }
}

#[test]
fn with_data_it_shows_shapes_dimension_and_size() {
    let out = Workspace::new()
        .run("check eight.stan --data eight.json")
        .ok();
    assert!(out.contains("unconstrained dimension: 10\n"), "{out}");
    assert!(out.contains("tensor operations: "), "{out}");
    let z = out.lines().find(|line| line.contains(" z ")).unwrap();
    assert_eq!(
        z.split_whitespace().collect::<Vec<_>>(),
        ["parameters", "z", "vector[J]", "8", "8"]
    );
}

#[test]
fn a_mistake_is_shown_with_its_line_a_caret_and_a_suggestion() {
    let workspace = Workspace::new();
    workspace.file(
        "wrong.stan",
        "parameters {\n  real x;\n}\nmodel {\n  x ~ norml(0, 1);\n}\n",
    );
    let ran = workspace.run("check wrong.stan");
    ran.fails(
        1,
        &[
            "wrong.stan:5:7",
            "x ~ norml(0, 1);",
            "───",
            "did you mean `normal`?",
        ],
    );
    assert_eq!(ran.stdout, "");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let workspace = Workspace::new();
    workspace.file(
        "wrong.stan",
        "parameters { real x }\nmodel { x ~ normal(0, 1) }\n",
    );
    workspace
        .run("check wrong.stan")
        .fails(1, &["wrong.stan:1:19", "wrong.stan:2:24"]);
}

#[test]
fn data_that_contradicts_its_declaration_is_named_with_both() {
    let workspace = Workspace::new();
    let check = |json: &str| {
        workspace.file("bad.json", json);
        workspace.run("check mean.stan --data bad.json")
    };
    check(r#"{"N": 3}"#).fails(1, &["mean.stan:3:13", "y"]);
    check(r#"{"N": 3, "y": [1, 2]}"#).fails(1, &["declared as vector[3]", "2 numbers"]);
    check(r#"{"N": 2.5, "y": [1, 2]}"#).fails(1, &["N", "2.5"]);
    check(r#"{"N": 0, "y": []}"#).fails(1, &["N", "1"]);
    check("{").fails(1, &["bad.json"]);
}

#[test]
fn data_inside_an_archive_is_read() {
    let workspace = Workspace::new();
    let archive = std::fs::File::create(workspace.path("mean.json.zip")).unwrap();
    let mut archive = zip::ZipWriter::new(archive);
    archive
        .start_file("mean.json", zip::write::SimpleFileOptions::default())
        .unwrap();
    std::io::Write::write_all(&mut archive, crate::workspace::MEAN_DATA.as_bytes()).unwrap();
    archive.finish().unwrap();
    workspace.run("check mean.stan --data mean.json.zip").ok();
}

#[test]
fn files_that_are_not_there_are_named() {
    let workspace = Workspace::new();
    workspace
        .run("check none.stan")
        .fails(1, &["cannot read none.stan"]);
    workspace
        .run("check mean.stan --data none.json")
        .fails(1, &["cannot read none.json"]);
}
