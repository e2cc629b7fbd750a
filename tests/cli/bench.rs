use crate::workspace::Workspace;

#[test]
fn json_has_the_size_the_compile_time_and_a_result_for_each_number_of_draws() {
    let ran = Workspace::new().run("bench eight.stan --data eight.json --draws 1,64 --json");
    let json = ran.json();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["compile_seconds", "nodes", "results", "source_operations"]
    );
    assert!(json["source_operations"].as_u64().unwrap() < json["nodes"].as_u64().unwrap());
    let results = json["results"].as_array().unwrap();
    for (result, draws) in results.iter().zip([1, 64]) {
        assert_eq!(result["draws"], draws);
        let [batch, draw] =
            ["us_per_batch", "us_per_draw"].map(|key| result[key].as_f64().unwrap());
        assert!(
            batch > 0.0 && (batch / draw / f64::from(draws) - 1.0).abs() < 1e-9,
            "{result}"
        );
    }
    assert_eq!(results.len(), 2);
}

#[test]
fn a_table_is_printed_without_json() {
    let out = Workspace::new()
        .run("bench mean.stan --data mean.json --draws 4")
        .ok();
    let last: Vec<&str> = out.lines().last().unwrap().split_whitespace().collect();
    assert_eq!((last[0], last.len()), ("4", 3), "{out}");
}

#[test]
fn a_batch_of_no_draws_is_a_mistake_of_usage() {
    let ran = Workspace::new().run("bench mean.stan --data mean.json --draws 1,0");
    ran.fails(2, &["a batch has at least one draw"]);
}

#[test]
fn a_model_without_parameters_can_be_timed() {
    let workspace = Workspace::new();
    workspace.file("none.stan", "model { target += 1; }");
    assert!(
        workspace
            .run("bench none.stan --draws 2")
            .ok()
            .contains("us per draw")
    );
}
