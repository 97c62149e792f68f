//! Training jobs through the program: searches with their trials, scripts, hashes.

use std::collections::BTreeMap;

use forebay_store::{Run, RunState, Store};
use serde_json::{Value, json};

use crate::project::{Project, Server};

/// Answers the same to every row, leaves a folder for a model, and may be killed with what runs it.
const CONSTANT: &str = r#"
import json, os, pathlib, signal, sys
given = pathlib.Path(os.environ["FOREBAY_TRAINING_SET"])
manifest = json.loads((given / "manifest.json").read_text())
answer, deadly = manifest["params"]["answer"], pathlib.Path("deadly")
if deadly.exists() and answer == 0.9:
    deadly.unlink()
    os.kill(os.getppid(), signal.SIGKILL)
    sys.exit(1)
if answer == "none":
    sys.exit("there is no answer")
print("answering", answer)
output = pathlib.Path(os.environ["FOREBAY_OUTPUT"])
rows = range(manifest["files"]["test"]["rows"])
lines = ["_row,score"] + [f"{row},{answer}" for row in rows]
(output / "predictions.csv").write_text("\n".join(lines))
(output / "model").mkdir()
(output / "model/MLmodel").write_text("flavors: {}\n")
"#;

/// Two of five rows are true, more so where x is large.
fn project(job: &str) -> Project {
    let rows = (0..300).map(|i: i64| {
        let x = i * 37 % 100;
        let label = (x > 60) != (i % 11 == 0);
        let hour = i % 24;
        format!(
            "{i},2024-01-{:02} {hour:02}:00:00,{x},{label}\n",
            1 + i / 24
        )
    });
    let seed = "id,at,x,label\n".to_owned() + &rows.collect::<String>();
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/asked.csv", &seed),
        ("ml/constant.py", CONSTANT),
    ]);
    project.write("ml/jobs.yml", &with_job(job));
    project
}

fn with_job(job: &str) -> String {
    format!(
        "training_jobs:
  - name: guess
    spine: ref('asked')
    event_timestamp: at
    label: label
    request_features: [{{name: x}}]
    split: {{random: 0.25}}
    evaluate: {{gates: [log_loss <= 5], resamples: 0}}
    {job}
"
    )
}

/// The job's runs, and the trials below each by run id.
fn runs(project: &Project) -> (Vec<Run>, BTreeMap<String, Vec<Run>>) {
    let store = Store::open(&project.root().join(".forebay/metadata.db")).unwrap();
    let (mut jobs, mut trials) = (Vec::new(), BTreeMap::<String, Vec<Run>>::new());
    for run in store.runs(Some("guess"), 1_000).unwrap() {
        match run.tags.get("mlflow.parentRunId") {
            Some(parent) => trials.entry(parent.clone()).or_default().push(run),
            None => jobs.push(run),
        }
    }
    for trials in trials.values_mut() {
        trials.sort_by(|a, b| a.name.cmp(&b.name));
    }
    (jobs, trials)
}

const TREES: &str = "trainer: {algorithm: gradient_boosting, rounds: 5}
    tune: {search: random, trials: 6, parallel: 3, parameters: {max_leaves: {from: 2, to: 9}, learning_rate: {from: 0.01, to: 0.5, scale: log}}}";

#[test]
fn the_parameters_of_the_best_trial_are_those_of_the_model() {
    let project = project(TREES);
    project.ok(&["build"]);
    let (jobs, trials) = runs(&project);
    let [job] = &jobs[..] else {
        panic!("{jobs:?}");
    };
    let trials = &trials[&job.id];
    assert_eq!(trials.len(), 6);
    let loss = |run: &Run| run.metric("log_loss").unwrap();
    let best = trials.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)));
    let best = best.unwrap();
    assert_eq!(job.tags["best_trial"], best.id);
    for (name, value) in &best.params {
        assert_eq!(job.params[name], *value);
    }
    let registered = project.json(&["build", "--select", "guess"]);
    let said = registered.to_string();
    assert!(
        said.contains("unchanged"),
        "a search is not made twice: {said}"
    );

    // One by one, and with more trials: the same points, and what is known is not tried again.
    let more = TREES.replace("trials: 6, parallel: 3", "trials: 8, parallel: 1");
    project.write("ml/jobs.yml", &with_job(&more));
    project.ok(&["build"]);
    let (jobs, by_job) = runs(&project);
    let again = jobs.iter().find(|run| run.id != job.id).unwrap();
    let again = &by_job[&again.id];
    assert_eq!(again.len(), 8);
    for (before, now) in trials.iter().zip(again) {
        assert_eq!(now.tags["same_as"], before.id);
        assert_eq!(
            (&now.params, &now.metrics),
            (&before.params, &before.metrics)
        );
    }
    assert!(
        again[6..]
            .iter()
            .all(|run| !run.tags.contains_key("same_as"))
    );
}

const SCRIPT: &str = "trainer: {script: ml/constant.py}
    tune: {search: grid, parallel: 2, parameters: {answer: [0.1, none, 0.4, 0.9]}}";

#[test]
fn a_trial_that_fails_is_one_less() {
    let project = project(SCRIPT);
    project.ok(&["build"]);
    let (jobs, trials) = runs(&project);
    assert_eq!(
        jobs[0].params["answer"], "0.4",
        "it is nearest to the truth"
    );
    let states: Vec<RunState> = trials[&jobs[0].id].iter().map(|run| run.state).collect();
    let (good, bad) = (RunState::Finished, RunState::Failed);
    assert_eq!(states, [good, bad, good, good]);
    let failed = &trials[&jobs[0].id][1];
    assert!(failed.tags["error"].contains("ended with exit code 1"));
    let server = project.serve();
    let (_, page) = server.ask("GET", &format!("/training/{}", failed.id), "");
    assert!(
        page.contains("there is no answer"),
        "its page shows what it printed"
    );
    server.stop();

    let none = SCRIPT.replace("[0.1, none, 0.4, 0.9]", "[none]");
    project.write("ml/jobs.yml", &with_job(&none));
    let said = project.fails(1, &["build"]);
    let problem = "none of the 1 trials of training job 'guess' gave a log_loss";
    assert!(said.contains(problem), "{said}");
}

#[test]
fn a_killed_search_goes_on_with_the_trials_that_it_has() {
    let job = SCRIPT.replace("parallel: 2, ", "");
    let project = project(&job);
    project.write("deadly", "");
    let output = project.run(&["build"]);
    assert_eq!(output.status.code(), None, "it was killed");
    project.ok(&["build"]);
    let (jobs, by_job) = runs(&project);
    let killed = jobs
        .iter()
        .find(|run| run.state == RunState::Killed)
        .unwrap();
    let good = jobs
        .iter()
        .find(|run| run.state == RunState::Finished)
        .unwrap();
    let (before, after) = (&by_job[&killed.id], &by_job[&good.id]);
    assert_eq!(before[3].state, RunState::Killed);
    let taken_over = |run: &Run| run.tags.get("same_as").cloned();
    assert_eq!(taken_over(&after[0]), Some(before[0].id.clone()));
    assert_eq!(taken_over(&after[2]), Some(before[2].id.clone()));
    assert_eq!((taken_over(&after[1]), taken_over(&after[3])), (None, None));
    assert_eq!(good.params["answer"], "0.4");
}

/// The hash of the newest training, and its model file where there is one.
fn trained(project: &Project) -> (String, Vec<u8>) {
    project.ok(&["build"]);
    let (jobs, _) = runs(project);
    let folder = project
        .root()
        .join(".forebay/artifacts")
        .join(&jobs[0].artifact_path);
    let model = std::fs::read(folder.join("model/model.json")).unwrap_or_default();
    (jobs[0].tags["training_hash"].clone(), model)
}

#[test]
fn the_same_hash_gives_the_same_model_to_the_bit() {
    let trees = "trainer: {algorithm: gradient_boosting, rounds: 5, feature_fraction: 0.5}";
    let first = trained(&project(TREES));
    assert_eq!(trained(&project(TREES)), first);
    assert!(!first.1.is_empty());
    let (plain, model) = trained(&project(trees));
    assert_eq!(trained(&project(trees)), (plain.clone(), model));

    // Everything that a model depends on is in the hash.
    let changed = |change: &dyn Fn(&Project)| {
        let project = project(trees);
        change(&project);
        trained(&project).0
    };
    let rewrite = |path: &'static str, from: &'static str, to: &'static str| {
        move |project: &Project| {
            let text = std::fs::read_to_string(project.root().join(path)).unwrap();
            assert!(text.contains(from), "{text}");
            project.write(path, &text.replace(from, to));
        }
    };
    for (path, from, to) in [
        ("ml/jobs.yml", "rounds: 5", "rounds: 6"),
        ("ml/jobs.yml", "random: 0.25", "random: 0.3"),
        (
            "ml/jobs.yml",
            "label: label\n",
            "label: label\n    seed: 7\n",
        ),
        ("ml/jobs.yml", "{name: x}", "{name: x2, expr: x * 2}"),
        (
            "ml/jobs.yml",
            "label: label\n",
            "label: label\n    filter: x < 90\n",
        ),
        (
            "seeds/asked.csv",
            "\n7,2024-01-01 07:00:00,59,",
            "\n7,2024-01-01 07:00:00,58,",
        ),
    ] {
        assert_ne!(changed(&rewrite(path, from, to)), plain, "{to}");
    }
    let gates = rewrite("ml/jobs.yml", "log_loss <= 5", "log_loss <= 6");
    assert_eq!(
        changed(&gates),
        plain,
        "a gate judges a model that is there"
    );

    let script = |code: &str| {
        let project = project("trainer: {script: ml/constant.py, params: {answer: 0.5}}");
        project.write("ml/constant.py", code);
        trained(&project).0
    };
    let other = CONSTANT.replace("answering", "saying");
    assert_ne!(
        script(CONSTANT),
        script(&other),
        "a script's code is in its hash"
    );
}

/// One output of an answer, and the id of its first row.
fn infer(server: &Server, service: &str, x: i64) -> BTreeMap<String, Value> {
    let body = format!(
        r#"{{"inputs": [{{"name": "x", "shape": [1], "datatype": "INT64", "data": [{x}]}}]}}"#
    );
    let (status, answer) = server.ask("POST", &format!("/v2/models/{service}/infer"), &body);
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let outputs = answer["outputs"].as_array().unwrap().iter();
    outputs
        .map(|output| {
            let name = output["name"].as_str().unwrap().to_owned();
            (name, output["data"][0].clone())
        })
        .collect()
}

#[test]
fn services_answer_with_classes_numbers_and_clusters() {
    let job = |name: &str, label: &str, algorithm: &str| {
        format!(
            "  - {{name: {name}, spine: ref('asked'), event_timestamp: at, {label} request_features: [{{name: x}}],
     split: {{random: 0.25}}, evaluate: {{resamples: 0}}, trainer: {{algorithm: {algorithm}}}}}\n"
        )
    };
    let rows = (0..200).map(|i: i64| {
        let x = i * 37 % 90;
        let kind = ["low", "middle", "high"][(x / 30) as usize];
        format!("{i},2024-01-01 00:00:00,{x},{kind},{}\n", x * 2)
    });
    let seed = "id,at,x,kind,twice\n".to_owned() + &rows.collect::<String>();
    let jobs = [
        job("kinds", "label: kind,", "gradient_boosting, rounds: 20"),
        job("twice", "label: twice,", "linear_regression"),
        job("heaps", "", "k_means, clusters: 3"),
    ];
    let services =
        ["kinds", "twice", "heaps"].map(|name| format!("  - {{name: {name}, model: {name}}}\n"));
    let ml = format!(
        "training_jobs:\n{}inference_services:\n{}",
        jobs.concat(),
        services.concat()
    );
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/asked.csv", &seed),
        ("ml/jobs.yml", &ml),
    ]);
    project.ok(&["build"]);
    let server = project.serve();

    let kind = infer(&server, "kinds", 75);
    assert_eq!(kind["label"], "high");
    assert_eq!(kind["score"], kind["probability_high"]);
    let sum: f64 = ["low", "middle", "high"]
        .iter()
        .map(|class| kind[&format!("probability_{class}")].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9);
    let twice = infer(&server, "twice", 40);
    assert!(
        (twice["score"].as_f64().unwrap() - 80.0).abs() < 1.0,
        "{twice:?}"
    );
    assert!(!twice.contains_key("label"));
    let heap = |x| infer(&server, "heaps", x)["label"].clone();
    assert_eq!(heap(1), heap(2));
    assert_ne!(heap(1), heap(85));

    for (answer, label) in [(&kind, json!("high")), (&twice, Value::Null)] {
        let id = answer["prediction_id"].as_str().unwrap();
        let why = project.json(&["why", id]);
        assert_eq!(
            (&why["label"], &why["rescored"]["same_bits"]),
            (&label, &json!(true))
        );
        let (status, page) = server.ask("GET", &format!("/predictions/{id}"), "");
        assert_eq!(status, 200, "{page}");
    }
    server.stop();
}

/// The example's jobs whose packages come quickly; `.ci/nightly` runs the others too.
#[test]
fn the_example_trains_with_and_without_python() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/training");
    let project = Project::copy_of(&example);
    // Kept from run to run: a folder is named by the content of its requirements.
    let environments = concat!(env!("CARGO_TARGET_TMPDIR"), "/environments");
    project.write(
        "forebay.yml",
        &format!("version: 1\nenvironments: {environments}\n"),
    );
    let built_in = [
        "by_trees",
        "by_logistic",
        "temperature",
        "heaps",
        "searched_trees",
    ];
    let scripts = ["scikit_learn", "searched_scikit_learn"];
    let names = built_in.iter().chain(&scripts);
    let selected: Vec<String> = names.map(|name| format!("+{name}")).collect();
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    let summary = project.json(&[&["build", "--select"], &selected[..]].concat());
    let results = summary["results"].as_array().unwrap();
    let bad = results.iter().find(|result| result["status"] != "success");
    assert_eq!(bad, None);
    let models = results
        .iter()
        .filter(|r| r["resource_type"] == "registered_model");
    assert_eq!(models.count(), built_in.len() + scripts.len());
}
