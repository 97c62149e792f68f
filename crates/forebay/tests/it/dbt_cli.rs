//! dbt's command line: flags, logs and artifacts as scripts and tools know them.

use serde_json::Value;

use crate::project::Project;

fn shop() -> Project {
    Project::new(&[
        (
            "dbt_project.yml",
            "name: shop\nclean-targets: [target, logs]\n",
        ),
        ("models/orders.sql", "select 1 as id"),
        ("models/report.sql", "select * from {{ ref('orders') }}"),
        (
            "models/schema.yml",
            "models: [{name: orders, columns: [{name: id, data_tests: [{accepted_values: {arguments: {values: [2]}, config: {severity: warn}}}]}]}]\n",
        ),
    ])
}

#[test]
fn flags_stand_before_and_behind_the_verb_and_in_the_environment() {
    let project = shop();
    let before = project.ok(&[
        "--no-use-colors",
        "--no-partial-parse",
        "ls",
        "-s",
        "orders+",
    ]);
    assert!(before.starts_with("shop.orders\nshop.report\n"), "{before}");
    for (name, other) in [
        ("DBT_INDIRECT_SELECTION", "DBT_NOTHING"),
        // The one goes before the other.
        ("DBT_ENGINE_INDIRECT_SELECTION", "DBT_INDIRECT_SELECTION"),
    ] {
        let mut command = project.command(&["ls", "--select", "orders"]);
        let output = command.env(name, "empty").env(other, "eager").output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(said, "shop.orders\n", "{name}");
    }
    assert!(
        project
            .fails(2, &["ls", "--selektor", "x"])
            .contains("--selektor")
    );
}

#[test]
fn a_run_is_logged_in_dbts_lines() {
    let project = shop();
    let said = project.ok(&["build"]);
    assert!(
        said.contains("1 of 3 OK created sql view model main.orders ...."),
        "{said}"
    );
    assert!(
        said.ends_with("Done. PASS=2 WARN=1 ERROR=0 SKIP=0 NO-OP=0 TOTAL=3\n"),
        "{said}"
    );
    let strict = project.fails(1, &["build", "--warn-error"]);
    assert!(strict.contains("ERROR=1 SKIP=1"), "{strict}");
}

#[test]
fn a_run_is_logged_in_dbts_events() {
    let project = shop();
    let said = project.ok(&["--log-format", "json", "build"]);
    let events: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let named = |name: &str| {
        let of = move |event: &&Value| event["info"]["name"] == name;
        events.iter().filter(of).collect::<Vec<_>>()
    };
    assert_eq!(named("LogStartLine").len(), 3);
    let model = named("LogModelResult")[0];
    assert_eq!(model["data"]["node_info"]["unique_id"], "model.shop.orders");
    assert_eq!(model["data"]["node_info"]["node_status"], "success");
    assert_eq!(named("LogTestResult")[0]["data"]["num_failures"], 1);
    assert_eq!(
        named("LogTestResult")[0]["data"]["attached_node"],
        "model.shop.orders"
    );
    assert_eq!(
        named("RunResultWarning")[0]["data"]["path"],
        "models/schema.yml"
    );
    // Only who asks for everything hears of it.
    assert_eq!(
        named("NodeFinished").len() + named("CommandCompleted").len(),
        0
    );
    let said = project.ok(&["--log-format", "json", "--log-level", "debug", "build"]);
    for name in [
        "NodeStart",
        "NodeFinished",
        "SQLQuery",
        "EndRunResult",
        "CommandCompleted",
    ] {
        assert!(said.contains(&format!("\"{name}\"")), "{name} in {said}");
    }
    // What is asked for is an event, too.
    let listed = project.ok(&["--log-format", "json", "ls"]);
    let last: Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    assert_eq!(last["info"]["name"], "PrintEvent");
}

#[test]
fn everything_is_in_the_log_file_and_large_files_are_put_aside() {
    let project = shop();
    let log = |name: &str| std::fs::read_to_string(project.root().join(name)).unwrap();
    project.ok(&["build", "--quiet"]);
    let text = log("logs/dbt.log");
    for part in [
        "[info ] [MainThread]: 1 of 3 START sql view model main.orders",
        "[debug] [MainThread]: On model.shop.orders: /* {",
        "\"node_id\":\"model.shop.orders\"} */\nselect 1 as id",
        "[debug] [MainThread]: Command `build` succeeded at ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    project.ok(&["parse", "--log-file-max-bytes", "10"]);
    assert_eq!(log("logs/dbt.log.1"), text);
    project.ok(&[
        "ls",
        "--log-path",
        project.root().join("own").to_str().unwrap(),
        "--log-format-file",
        "json",
    ]);
    let first = log("own/dbt.log");
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(first["info"]["code"], "A001");
    project.ok(&["ls", "--log-level-file", "none", "--log-path", "none"]);
    assert!(!project.root().join("none").exists());
}

#[test]
fn artifacts_say_what_ran_and_what_is_there() {
    let project = shop();
    project.ok(&["build", "--target-path", "made"]);
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(project.root().join("made").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let results = read("run_results.json");
    let statuses: Vec<&str> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["success", "warn", "success"]);
    assert_eq!(results["results"][0]["compiled_code"], "select 1 as id");
    // What warned is selected by its result.
    let again = project.ok(&[
        "ls",
        "-s",
        "result:warn",
        "--state",
        project.root().join("made").to_str().unwrap(),
    ]);
    assert!(again.contains("accepted_values"), "{again}");
    project.ok(&["docs", "generate", "--target-path", "made", "--static"]);
    // As in dbt, of what has been compiled.
    let compiled = &read("run_results.json")["results"][0];
    assert_eq!(compiled["status"], "success");
    assert_eq!(compiled["message"], Value::Null);
    let manifest = read("manifest.json");
    let orders = &manifest["nodes"]["model.shop.orders"];
    assert_eq!(orders["compiled_code"], "select 1 as id");
    let catalog = read("catalog.json");
    assert_eq!(
        catalog["nodes"]["model.shop.orders"]["columns"]["id"]["index"],
        1
    );
    assert!(
        project
            .root()
            .join("made/compiled/shop/models/report.sql")
            .is_file()
    );
}

#[test]
fn unselected_nodes_are_read_from_where_the_earlier_run_made_them() {
    let project = shop();
    project.ok(&["run"]);
    let state = project.root().join("target");
    let kept = project.root().join("kept");
    std::fs::rename(state, &kept).unwrap();
    project.write("dbt_project.yml", "name: shop\nmodels: {+schema: mine}\n");
    let kept = kept.to_str().unwrap();
    project.fails(1, &["run", "-s", "report"]);
    project.ok(&["run", "-s", "report", "--defer", "--state", kept]);
    let sql = project.ok(&["compile", "-s", "report", "--defer", "--state", kept]);
    assert_eq!(sql, "select * from \"forebay\".\"main\".\"orders\"\n");
    // `test` makes none of what is selected.
    project.fails(1, &["test", "-s", "orders"]);
    project.ok(&["test", "-s", "orders", "--defer", "--state", "kept"]);
}

#[test]
fn show_answers_the_query_as_it_is_written_now() {
    let project = shop();
    project.ok(&["run", "-s", "orders"]);
    project.write("models/orders.sql", "select 2 as id, 'new' as note");
    let orders = project.ok(&["show", "-s", "orders", "--output", "json"]);
    assert!(orders.contains("\"note\": \"new\""), "{orders}");
    let built = project.ok(&["query", "select * from orders", "--output", "json"]);
    assert!(!built.contains("note"), "{built}");
    let never_run = project.ok(&["show", "-s", "report", "--output", "json"]);
    assert!(never_run.contains("\"id\": 1"), "{never_run}");
}

#[test]
fn an_empty_model_is_listed_and_never_runs() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("models/empty.sql", "\n"),
        ("models/full.sql", "select 1 as a"),
        ("tests/nothing.sql", ""),
    ]);
    let listed = project.ok(&["ls", "--quiet"]);
    assert_eq!(listed.trim(), "shop.empty\nshop.full\nshop.nothing");
    project.ok(&["build"]);
    let results = std::fs::read_to_string(project.root().join("target/run_results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    let results = results["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["unique_id"], "model.shop.full");
}
