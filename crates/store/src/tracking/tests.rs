//! Experiments, runs and logged models.

use std::collections::BTreeMap;

use forebay_core::Relation;

use super::*;
use crate::{Error, Search, Stage, Store};

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn metric(key: &str, step: i64, value: f64) -> Metric {
    Metric {
        key: key.into(),
        step,
        timestamp_ms: 7,
        value,
    }
}

fn open(store: &Store, id: &str, started_ms: i64) {
    let new = NewRun {
        id,
        experiment_id: 0,
        name: id,
        user_id: "",
        started_ms,
        tags: &BTreeMap::new(),
    };
    store.create_run(&new).unwrap();
}

fn log(
    store: &Store,
    id: &str,
    params: BTreeMap<String, String>,
    metrics: Vec<Metric>,
) -> Result<(), Error> {
    store.log(
        id,
        &Batch {
            params,
            metrics,
            ..Batch::default()
        },
    )
}

fn found(store: &Store, filter: &str, order_by: &[&str]) -> Vec<String> {
    let order_by: Vec<String> = order_by.iter().map(|text| (*text).to_owned()).collect();
    let search = Search {
        filter,
        order_by: &order_by,
        ..Search::default()
    };
    let page = store
        .search_runs(&[0], &search)
        .unwrap_or_else(|error| panic!("{filter}: {error}"));
    page.items.into_iter().map(|run| run.id).collect()
}

/// A training job's run.
fn of_job(id: &str) -> Run {
    Run {
        id: id.into(),
        experiment_id: 1,
        experiment: "late_arrival".into(),
        name: "late_arrival".into(),
        user_id: String::new(),
        state: RunState::Running,
        deleted_ms: None,
        invocation_id: Some("i1".into()),
        artifact_path: "late_arrival/r1".into(),
        started_ms: 5,
        finished_ms: None,
        params: pairs([("rounds", "150")]),
        metrics: Vec::new(),
        tags: BTreeMap::new(),
        inputs: vec![RunInput::table(
            &Relation::new("main", "departures"),
            3,
            "spine",
        )],
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    }
}

#[test]
fn a_training_jobs_run_comes_back_as_it_was_logged() {
    let store = Store::in_memory().unwrap();
    let run = of_job("r1");
    store.start_run(&run).unwrap();
    assert_eq!(store.run("r1").unwrap(), Some(run));
    let batch = Batch {
        metrics: vec![
            metric("loss", 0, 0.5),
            metric("loss", 1, 0.1 + 0.2),
            metric("odd", 0, f64::NAN),
            metric("edge", 0, f64::NEG_INFINITY),
        ],
        tags: pairs([("training_hash", "abc")]),
        ..Batch::default()
    };
    store
        .finish_run("r1", RunState::Finished, &batch, 9)
        .unwrap();
    let run = store.run("r1").unwrap().unwrap();
    assert_eq!(
        run.metric("loss").unwrap().to_bits(),
        (0.1_f64 + 0.2).to_bits()
    );
    assert!(run.metric("odd").unwrap().is_nan());
    assert_eq!(run.metric("edge"), Some(f64::NEG_INFINITY));
    assert_eq!(run.tags, batch.tags);
    assert_eq!((run.state, run.finished_ms), (RunState::Finished, Some(9)));
    assert_eq!(store.metric_history("r1", "loss").unwrap().len(), 2);
    assert_eq!(
        run.inputs[0].as_table(),
        Some((Relation::new("main", "departures"), 3))
    );
}

/// As many trials as one likes lie between a job's runs.
#[test]
fn the_newest_run_of_a_job_is_none_of_its_trials_nor_a_clients() {
    let store = Store::in_memory().unwrap();
    let start = |id: &str, started_ms, tag: (&str, &str), state| {
        let run = Run {
            started_ms,
            tags: pairs([tag]),
            ..of_job(id)
        };
        store.start_run(&run).unwrap();
        store
            .finish_run(id, state, &Batch::default(), started_ms + 1)
            .unwrap();
    };
    start("first", 1, ("training_hash", "a"), RunState::Finished);
    start("second", 2, ("training_hash", "b"), RunState::Finished);
    start("trial", 3, (PARENT, "second"), RunState::Finished);
    start("broken", 4, ("training_hash", "a"), RunState::Failed);
    let experiment_id = store.run("first").unwrap().unwrap().experiment_id;
    let client = NewRun {
        id: "client",
        experiment_id,
        name: "client",
        user_id: "",
        started_ms: 5,
        tags: &BTreeMap::new(),
    };
    store.create_run(&client).unwrap();
    store
        .update_run("client", Some(RunState::Finished), Some(6), None)
        .unwrap();
    let found = |tag| {
        store
            .job_run("late_arrival", tag)
            .unwrap()
            .map(|run| run.id)
    };
    assert_eq!(found(None).unwrap(), "second");
    assert_eq!(found(Some(("training_hash", "a"))).unwrap(), "first");
    assert_eq!(found(Some(("training_hash", "c"))), None);
    assert_eq!(store.job_run("other", None).unwrap(), None);
}

#[test]
fn a_metric_is_measured_after_time_began() {
    let store = Store::in_memory().unwrap();
    open(&store, "r", 1);
    let early = Metric {
        timestamp_ms: -1,
        ..metric("loss", 0, 1.0)
    };
    let error = log(&store, "r", BTreeMap::new(), vec![early]).unwrap_err();
    assert!(
        error.to_string().contains("'loss' has the time -1"),
        "{error}"
    );
}

#[test]
fn the_newest_value_is_that_of_the_greatest_step_in_whatever_order_they_come() {
    let store = Store::in_memory().unwrap();
    open(&store, "a", 1);
    for step in [3, 1, 2, 3] {
        log(
            &store,
            "a",
            BTreeMap::new(),
            vec![metric("loss", step, step as f64)],
        )
        .unwrap();
    }
    assert_eq!(store.run("a").unwrap().unwrap().metric("loss"), Some(3.0));
    let steps: Vec<i64> = store
        .metric_history("a", "loss")
        .unwrap()
        .iter()
        .map(|m| m.step)
        .collect();
    assert_eq!(steps, [1, 2, 3], "the same measurement twice is one");
}

#[test]
fn a_history_is_read_page_by_page() {
    let store = Store::in_memory().unwrap();
    open(&store, "a", 1);
    let values = [1.0, 2.0, f64::NAN];
    let metrics = values
        .iter()
        .map(|value| metric("m", 5, *value))
        .chain((6..9).map(|step| metric("m", step, 0.0)));
    log(&store, "a", BTreeMap::new(), metrics.collect()).unwrap();
    for limit in 1..7 {
        let (mut read, mut token) = (Vec::new(), String::new());
        loop {
            let page = store.metric_page("a", "m", limit, &token).unwrap();
            read.extend(page.items);
            match page.next {
                Some(next) => token = next,
                None => break,
            }
        }
        assert_eq!(read.len(), 6, "pages of {limit}");
    }
}

#[test]
fn a_parameter_is_written_once_and_a_batch_as_a_whole() {
    let store = Store::in_memory().unwrap();
    open(&store, "a", 1);
    log(&store, "a", pairs([("p", "1")]), vec![]).unwrap();
    log(&store, "a", pairs([("p", "1")]), vec![]).unwrap();
    let refused = log(
        &store,
        "a",
        pairs([("p", "2"), ("o", "1")]),
        vec![metric("m", 0, 1.0)],
    );
    assert!(refused.unwrap_err().to_string().contains("'p'"));
    let run = store.run("a").unwrap().unwrap();
    assert_eq!((run.params, run.metrics), (pairs([("p", "1")]), vec![]));
    let many = (0..1001).map(|step| metric("m", step, 0.0)).collect();
    assert!(matches!(
        log(&store, "a", BTreeMap::new(), many),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn deleted_things_take_nothing_and_come_back() {
    let store = Store::in_memory().unwrap();
    let id = store
        .create_experiment("e", None, &BTreeMap::new(), 1)
        .unwrap();
    let new = NewRun {
        id: "a",
        experiment_id: id,
        name: "",
        user_id: "",
        started_ms: 1,
        tags: &BTreeMap::new(),
    };
    store.create_run(&new).unwrap();
    store.delete_experiment(id, 2).unwrap();
    assert!(matches!(
        log(&store, "a", pairs([("p", "1")]), vec![]),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        store.create_run(&NewRun { id: "b", ..new }),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        store.create_experiment("e", None, &BTreeMap::new(), 3),
        Err(Error::Exists(_))
    ));
    let deleted = Search {
        stage: Stage::Deleted,
        ..Search::default()
    };
    assert_eq!(store.search_runs(&[id], &deleted).unwrap().items.len(), 1);
    assert!(
        store
            .search_runs(&[id], &Search::default())
            .unwrap()
            .items
            .is_empty()
    );
    store.restore_experiment(id, 4).unwrap();
    log(&store, "a", pairs([("p", "1")]), vec![]).unwrap();
    store.delete_run("a", 5).unwrap();
    store.restore_run("a").unwrap();
    assert_eq!(store.run("a").unwrap().unwrap().deleted_ms, None);
}

#[test]
fn filters_compare_as_written() {
    let store = Store::in_memory().unwrap();
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        open(&store, id, n as i64);
        let metrics = vec![metric("rmse", 0, [0.1, 0.5, f64::NAN][n])];
        log(
            &store,
            id,
            pairs([("model", ["Tree", "tree", "lin*ar"][n])]),
            metrics,
        )
        .unwrap();
    }
    store
        .log(
            "a",
            &Batch {
                tags: pairs([("odd key", "x")]),
                ..Batch::default()
            },
        )
        .unwrap();
    let inputs = [RunInput::table(&Relation::new("main", "t"), 7, "training")];
    store
        .log_inputs("b", &inputs, &["m-1".into(), "m-1".into()])
        .unwrap();
    for (filter, expected) in [
        ("", "cba"),
        ("metrics.rmse < 0.4", "a"),
        ("metrics.rmse != 0.1", "b"),
        ("metric.rmse >= 0.1 and params.model = 'tree'", "b"),
        ("params.model LIKE 'T%'", "a"),
        ("params.model ILIKE 't%'", "ba"),
        ("params.model LIKE 'lin*%'", "c"),
        ("params.model LIKE 'l_n_a_'", "c"),
        ("params.other IS NULL", "cba"),
        ("tags.`odd key` = 'x'", "a"),
        ("tags.`odd key` IS NOT NULL", "a"),
        (
            "attributes.status = 'RUNNING' and run_id IN ('a', 'c')",
            "ca",
        ),
        ("run_name NOT IN ('a')", "cb"),
        ("start_time > 0", "cb"),
        ("end_time > 0", ""),
        (
            "dataset.name = 'main.t' and dataset.context LIKE 'train%'",
            "b",
        ),
        ("dataset.digest IN ('7')", "b"),
    ] {
        assert_eq!(found(&store, filter, &[]).concat(), expected, "{filter}");
    }
    for (filter, said) in [
        ("metrics.rmse = 'x'", "a number"),
        ("metrics.rmse LIKE 'x'", "a number"),
        ("params.model > 'x'", "LIKE"),
        ("params.model = 3", "quoted"),
        ("colour = 'x'", "no 'colour'"),
        ("nothing.x = 'x'", "no 'nothing.x'"),
    ] {
        let search = Search {
            filter,
            ..Search::default()
        };
        let error = store.search_runs(&[0], &search).unwrap_err().to_string();
        assert!(error.contains(said), "{filter}: {error}");
    }
}

#[test]
fn what_is_absent_or_nan_sorts_last_either_way() {
    let store = Store::in_memory().unwrap();
    for (n, value) in [
        Some(2.0),
        None,
        Some(1.0),
        Some(f64::NAN),
        Some(f64::INFINITY),
    ]
    .into_iter()
    .enumerate()
    {
        let id = ["a", "b", "c", "d", "e"][n];
        open(&store, id, 1);
        log(
            &store,
            id,
            BTreeMap::new(),
            value.map(|v| metric("m", 0, v)).into_iter().collect(),
        )
        .unwrap();
    }
    assert_eq!(found(&store, "", &["metrics.m ASC"]).concat(), "caebd");
    assert_eq!(found(&store, "", &["metrics.m DESC"]).concat(), "eacbd");
    assert_eq!(
        found(&store, "", &["attribute.start_time", "run_id desc"]).concat(),
        "edcba"
    );
}

#[test]
fn pages_neither_repeat_nor_hide_while_others_log() {
    let store = Store::in_memory().unwrap();
    let all: Vec<String> = (0..23).map(|n| format!("r{n:02}")).collect();
    for (n, id) in all.iter().enumerate() {
        open(&store, id, (n / 4) as i64);
        let value = (n % 3 > 0).then_some((n % 5) as f64);
        log(
            &store,
            id,
            BTreeMap::new(),
            value.map(|v| metric("m", 0, v)).into_iter().collect(),
        )
        .unwrap();
    }
    for order in [
        vec![],
        vec!["metrics.m DESC".to_owned()],
        vec!["metrics.m".to_owned(), "run_id".to_owned()],
    ] {
        let (mut read, mut token, mut later) = (Vec::new(), String::new(), 0);
        loop {
            let search = Search {
                order_by: &order,
                limit: 5,
                page_token: &token,
                ..Search::default()
            };
            let page = store.search_runs(&[0], &search).unwrap();
            read.extend(
                page.items
                    .into_iter()
                    .map(|run| run.id)
                    .filter(|id| id.starts_with('r')),
            );
            // Sorts before everything read so far, or is a newcomer to be skipped.
            open(&store, &format!("x{order:?}{later}"), 1_000);
            later += 1;
            match page.next {
                Some(next) => token = next,
                None => break,
            }
        }
        read.sort();
        assert_eq!(read, all, "{order:?}");
    }
    let foreign = Search {
        page_token: "5b315d",
        ..Search::default()
    };
    assert!(matches!(
        store.search_runs(&[0], &foreign),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn a_logged_model_has_parameters_metrics_and_tags_of_its_own() {
    let store = Store::in_memory().unwrap();
    open(&store, "a", 1);
    let model = LoggedModel {
        id: "m-1".into(),
        experiment_id: 0,
        name: "tree".into(),
        model_type: String::new(),
        source_run_id: "a".into(),
        status: ModelStatus::Pending,
        artifact_path: "0/models/m-1/artifacts".into(),
        created_ms: 3,
        updated_ms: 3,
        params: pairs([("depth", "3")]),
        tags: BTreeMap::new(),
        metrics: Vec::new(),
    };
    store.create_logged_model(&model).unwrap();
    assert_eq!(store.logged_model("m-1").unwrap(), model);
    let of_model = ModelMetric {
        metric: metric("auc", 0, 0.9),
        model_id: "m-1".into(),
        run_id: "a".into(),
        dataset_name: "test".into(),
        dataset_digest: "d".into(),
    };
    store
        .log(
            "a",
            &Batch {
                model_metrics: vec![of_model.clone()],
                ..Batch::default()
            },
        )
        .unwrap();
    store
        .finalize_logged_model("m-1", ModelStatus::Ready, 4)
        .unwrap();
    let find = |filter| {
        store
            .search_logged_models(
                &[0],
                &[],
                &Search {
                    filter,
                    ..Search::default()
                },
            )
            .unwrap()
            .items
    };
    let on = |name: &str, digest: Option<&str>, filter| {
        let on = MeasuredOn {
            name: name.into(),
            digest: digest.map(str::to_owned),
        };
        let search = Search {
            filter,
            ..Search::default()
        };
        let page = store.search_logged_models(&[0], &[on], &search);
        page.unwrap().items.len()
    };
    assert_eq!(on("test", None, "metrics.auc > 0.8"), 1);
    assert_eq!(on("test", Some("d"), ""), 1);
    assert_eq!(on("test", Some("e"), ""), 0);
    assert_eq!(on("train", None, "metrics.auc > 0.8"), 0);
    let found = find("metrics.auc > 0.8 and status = 'READY' and params.depth = '3'");
    assert_eq!(found[0].metrics, [of_model]);
    store
        .log_outputs(
            "a",
            &[ModelOutput {
                model_id: "m-1".into(),
                step: 2,
            }],
        )
        .unwrap();
    assert_eq!(store.run("a").unwrap().unwrap().model_outputs[0].step, 2);
    store.delete_logged_model("m-1", 5).unwrap();
    assert!(matches!(store.logged_model("m-1"), Err(Error::NotFound(_))));
    assert!(find("").is_empty());
}
