//! Our own files: `ingest/`, `ml/`, `forebay.yml`.

use forebay_core::ingest::{Connector, OnBadRow, OnFail, Rule, WriteDisposition};
use forebay_core::ml::{ModelSelector, MonitorRows, Trainer};
use forebay_core::{Node, NodeId, Severity, Spec};
use forebay_project::Project;

use crate::support::{parents, problems, project};

const SHOP: &str = "--- ingest/raw.yml
version: 1
ingest:
  - table: raw.orders
    csv: {path: 'data/orders/*.csv.gz', null_values: [NA]}
    write: append
    columns: {amount: float64, at: timestamp}
    on_bad_row: hold
    expect:
      - {column: amount, range: {min: 0, max: 1e9}, on_fail: fail}
      - {column: id, not_null: true}
      - {column: status, accepted_values: [new, 3]}
  - table: raw.customers
    csv: {path: data/customers.csv, delimiter: '|'}
    write: {merge: [id]}
--- models/s.yml
sources:
  - name: raw
    schema: landing
    tables: [{name: orders, description: declared}]
--- models/orders.sql
select * from {{ source('raw', 'orders') }} join {{ source('raw', 'customers') }} using (id)
--- ml/entities.yml
entities:
  - {name: customer, join_keys: [customer_id]}
--- ml/views/spend.yml
feature_views:
  - name: spend
    description: what they paid
    source: ref('orders')
    entities: [customer]
    timestamp: known_at
    created_timestamp: _loaded_at
    ttl: 30d
    online: true
    features:
      - {name: total_7d, expr: sum(amount), window: 7d}
      - {name: last_amount, expr: amount, description: the last one}
feature_services:
  - {name: all, features: [spend]}
--- ml/jobs.yml
training_jobs:
  - name: churn
    spine: ref('orders')
    event_timestamp: asked_at
    label: churned
    filter: churned is not null
    features: ['spend:total_7d']
    request_features: [{name: hour, expr: extract(hour from at)}, {name: plain}]
    split: {by_time: '2013-10-01'}
    trainer: {algorithm: gradient_boosting, rounds: 50, learning_rate: 0.05}
    evaluate: {metrics: [roc_auc], gates: ['roc_auc >= 0.7']}
  - name: churn_wide
    model: churn_v2
    spine: ref('orders')
    event_timestamp: asked_at
    label: churned
    features: [all]
    split: {by_time: '2013-10-01T06:00:00+02:00', column: day}
    alias: candidate
    seed: 7
inference_services:
  - {name: churn, model: churn@champion, threshold: 0.3}
  - {name: pinned, model: churn_v2/3}
monitors:
  - {service: churn, drift: psi < 0.2, delay: p99 < 20ms}
  - {name: december, service: pinned, rows: {from: 2013-12-01, to: 2014-01-01}, severity: error, min_rows: 20, columns: {hour: psi < 10}}
";

fn node<'a>(project: &'a Project, id: &str) -> &'a Node {
    project
        .graph
        .get(&NodeId::new(id))
        .unwrap_or_else(|| panic!("no node '{id}'"))
}

macro_rules! spec {
    ($project:expr, $id:expr, $variant:ident) => {
        match &node(&$project, $id).spec {
            Spec::$variant(spec) => spec.clone(),
            other => panic!("{other:?}"),
        }
    };
}

#[test]
fn ingest_fills_declared_sources_and_declares_others() {
    let project = project(SHOP);
    let orders = node(&project, "source.shop.raw.orders");
    assert_eq!(orders.description, "declared");
    assert_eq!(
        orders.relation.as_ref().unwrap().to_string(),
        "landing.orders"
    );
    let ingest = spec!(project, "source.shop.raw.orders", Source)
        .ingest
        .unwrap();
    let Connector::Csv(csv) = &ingest.connector;
    assert_eq!(
        (csv.path.as_str(), csv.delimiter),
        ("data/orders/*.csv.gz", ',')
    );
    assert_eq!(csv.null_values, ["NA"]);
    assert_eq!(ingest.write, WriteDisposition::Append);
    assert_eq!(ingest.column_types["at"], "timestamp");
    assert_eq!(ingest.on_bad_row, OnBadRow::Hold);
    let rules: Vec<_> = ingest
        .expect
        .iter()
        .map(|e| (e.column.as_str(), e.rule.clone(), e.on_fail))
        .collect();
    assert_eq!(
        rules,
        [
            (
                "amount",
                Rule::Range {
                    min: Some(0.0),
                    max: Some(1e9)
                },
                OnFail::Fail
            ),
            ("id", Rule::NotNull, OnFail::Hold),
            (
                "status",
                Rule::AcceptedValues {
                    values: vec!["new".into(), "3".into()]
                },
                OnFail::Hold
            ),
        ]
    );
    assert_eq!(ingest.expect[1].location.to_string(), "ingest/raw.yml:10:9");
    let customers = node(&project, "source.shop.raw.customers");
    assert_eq!(
        customers.relation.as_ref().unwrap().to_string(),
        "raw.customers"
    );
    let ingest = spec!(project, "source.shop.raw.customers", Source)
        .ingest
        .unwrap();
    assert_eq!(
        ingest.write,
        WriteDisposition::Merge {
            key: vec!["id".into()]
        }
    );
    assert_eq!(
        parents(&project, "model.shop.orders"),
        ["source.shop.raw.orders", "source.shop.raw.customers"]
    );
}

#[test]
fn the_graph_goes_on_to_the_monitor() {
    let project = project(SHOP);
    for (id, expected) in [
        ("feature_view.shop.spend", &["model.shop.orders"][..]),
        ("feature_service.shop.all", &["feature_view.shop.spend"]),
        (
            "training_job.shop.churn",
            &["model.shop.orders", "feature_view.shop.spend"],
        ),
        (
            "training_job.shop.churn_wide",
            &[
                "model.shop.orders",
                "feature_service.shop.all",
                "feature_view.shop.spend",
            ],
        ),
        ("registered_model.shop.churn", &["training_job.shop.churn"]),
        (
            "registered_model.shop.churn_v2",
            &["training_job.shop.churn_wide"],
        ),
        (
            "inference_service.shop.churn",
            &["registered_model.shop.churn", "feature_view.shop.spend"],
        ),
        ("monitor.shop.churn", &["inference_service.shop.churn"]),
        ("monitor.shop.december", &["inference_service.shop.pinned"]),
    ] {
        assert_eq!(parents(&project, id), expected, "{id}");
    }
}

#[test]
fn the_values_of_the_ml_files() {
    let project = project(SHOP);
    let view = spec!(project, "feature_view.shop.spend", FeatureView);
    assert_eq!(view.join_keys(), ["customer_id"]);
    assert_eq!(view.ttl.unwrap().to_string(), "30d");
    assert_eq!(view.created_timestamp.as_deref(), Some("_loaded_at"));
    assert!(view.online);
    assert_eq!(view.features[0].window.unwrap().to_string(), "7d");
    let spend = node(&project, "feature_view.shop.spend");
    assert_eq!(
        spend.relation.as_ref().unwrap().to_string(),
        "features.spend"
    );
    assert_eq!(spend.description, "what they paid");

    let job = spec!(project, "training_job.shop.churn", TrainingJob);
    assert_eq!(
        (job.model.as_str(), job.alias.as_str(), job.seed),
        ("churn", "champion", 0)
    );
    assert_eq!(job.split.to_string(), "asked_at at 2013-10-01T00:00:00Z");
    assert_eq!(job.features.len(), 1);
    assert_eq!(job.request_features[1].expr, "\"plain\"");
    let Trainer::GradientBoosting(trainer) = &job.trainer else {
        panic!("{:?}", job.trainer);
    };
    assert_eq!(
        (trainer.rounds, trainer.learning_rate, trainer.max_bins),
        (50, 0.05, 255)
    );
    assert_eq!(job.gates, ["roc_auc >= 0.7"]);

    let wide = spec!(project, "training_job.shop.churn_wide", TrainingJob);
    assert_eq!(wide.split.to_string(), "day at 2013-10-01T04:00:00Z");
    let columns: Vec<_> = wide.features.iter().map(|f| f.column()).collect();
    assert_eq!(columns, ["spend__total_7d", "spend__last_amount"]);
    assert_eq!((wide.alias.as_str(), wide.seed), ("candidate", 7));

    let service = spec!(project, "inference_service.shop.churn", InferenceService);
    assert_eq!(service.version, ModelSelector::Alias("champion".into()));
    assert_eq!(service.threshold, "0.3");
    assert_eq!(service.training_job, NodeId::new("training_job.shop.churn"));
    let pinned = spec!(project, "inference_service.shop.pinned", InferenceService);
    assert_eq!(
        (pinned.version, pinned.threshold.as_str()),
        (ModelSelector::Version(3), "0.5")
    );

    let monitor = spec!(project, "monitor.shop.churn", Monitor);
    assert_eq!(
        (monitor.rows, monitor.severity),
        (MonitorRows::Logged, Severity::Warning)
    );
    assert_eq!(monitor.drift.as_deref(), Some("psi < 0.2"));
    assert_eq!(monitor.min_rows, 150);
    let december = spec!(project, "monitor.shop.december", Monitor);
    let rows = MonitorRows::Replay {
        from: "2013-12-01T00:00:00Z".into(),
        to: "2014-01-01T00:00:00Z".into(),
    };
    assert_eq!((december.rows, december.severity), (rows, Severity::Error));
    assert_eq!(december.columns["hour"], "psi < 10");
    assert_eq!(december.min_rows, 20);
    assert!(project.own_manifest().unwrap()["nodes"]["monitor.shop.december"].is_object());
}

#[test]
fn mistakes_in_ingest_files() {
    assert_eq!(
        problems(
            "--- ingest/a.yml
version: 2
ingest:
  - table: orders
    csv: {path: x.csv, delimiter: ';;'}
  - table: raw.a
    csvs: {path: x.csv}
    write: apend
  - table: raw.b
    csv: {path: x.csv}
    write: merge
    columns: {id: integer}
    expect:
      - {column: id, range: {mx: 3}}
      - {column: id}
  - {table: raw.c, csv: {path: c.csv}}
  - {table: raw.c, csv: {path: d.csv}}
"
        ),
        "error: only version 1 of an ingest file is known
  --> ingest/a.yml:1:10
error: 'table' of an ingest entry must be source.table, not 'orders'
  --> ingest/a.yml:3:12
error: the delimiter of ingest of 'orders' must be a single ASCII character
  --> ingest/a.yml:4:35
error: ingest of 'raw.a' has no 'csv'
  --> ingest/a.yml:5:5
error: unknown key 'csvs' in ingest of 'raw.a'
  --> ingest/a.yml:6:5
  hint: did you mean 'csv'?
error: 'apend' is no 'write' of ingest of 'raw.a'
  --> ingest/a.yml:7:12
  hint: did you mean 'append'?
  hint: one of: append, replace
error: merge of ingest of 'raw.b' needs a key: {merge: [id]}
  --> ingest/a.yml:10:12
error: 'integer' is no type for the column 'id'
  --> ingest/a.yml:11:19
  hint: one of: int64, float64, string, boolean, date, timestamp
error: an expectation of ingest of 'raw.b' needs one rule, not 0
  --> ingest/a.yml:13:9
  hint: not_null: true, range: {min: ..., max: ...} or accepted_values: [...]
error: a range of ingest of 'raw.b' needs min, max or both
  --> ingest/a.yml:13:29
error: unknown key 'mx' in a range of ingest of 'raw.b'
  --> ingest/a.yml:13:30
  hint: did you mean 'max'?
error: an expectation of ingest of 'raw.b' needs one rule, not 0
  --> ingest/a.yml:14:9
  hint: not_null: true, range: {min: ..., max: ...} or accepted_values: [...]
error: 'raw.c' is filled twice
  --> ingest/a.yml:16:13
  hint: the other is at ingest/a.yml:15:13"
    );
}

#[test]
fn mistakes_in_ml_files() {
    assert_eq!(
        problems(
            "--- models/orders.sql
select 1
--- ml/a.yml
entites: []
entities:
  - {name: customer}
  - {name: customer}
feature_views:
  - name: spend
    source: ref('order')
    timestamp: at
    features: [{name: a}]
  - name: loose
    source: orders
    timestamp: at
    features: []
  - name: visits
    source: ref('orders')
    entities: [custmer]
    timestamp: at
    ttl: 6 hours
    features: [{name: a, exp: 1}, {name: a}]
training_jobs:
  - name: churn
    spine: ref('orders')
    event_timestamp: at
    label: churned
    features: ['visits:b', vists, 'visits:a', visits]
    split: {by_time: october}
    trainer: {algorithm: gradient_bosting}
  - {name: good, spine: ref('orders'), event_timestamp: at, label: y, features: [visits], split: {by_time: 2020-01-01}}
  - {name: odd, spine: ref('orders'), event_timestamp: at, label: y, features: [visits], split: {by_time: 2020-01-01},
     trainer: {algorithm: gradient_boosting, rounds: 0, learning_rte: 1}}
inference_services:
  - {name: a, model: churn@champion}
  - {name: b, model: good/x, threshold: 2}
  - {name: c, model: good}
monitors:
  - {service: z, drift: psi < 1}
  - {service: c}
"
        ),
        "error: unknown key 'entites' in the file ml/a.yml
  --> ml/a.yml:1:1
  hint: did you mean 'entities'?
error: entity 'customer' is defined twice
  --> ml/a.yml:4:12
  hint: the other is at ml/a.yml:3:12
error: no model, seed or snapshot is called 'order'
  --> ml/a.yml:7:13
  hint: did you mean 'orders'?
error: 'source' of feature view 'loose' must be ref('model') or source('source', 'table'), not 'orders'
  --> ml/a.yml:11:13
  hint: write ref('orders')
error: inference service 'c' needs the feature view 'visits' online
  --> ml/a.yml:14:11
  hint: set online: true on 'visits'
error: no entity is called 'custmer'
  --> ml/a.yml:16:15
  hint: did you mean 'customer'?
  hint: define it under entities: {name: ..., join_keys: [...]}
error: 'ttl' of feature view 'visits': '6 hours' is not a length of time: write a number and one of w, d, h, m, s, ms (6h, 30d)
  --> ml/a.yml:18:10
error: unknown key 'exp' in feature 'a' of feature view 'visits'
  --> ml/a.yml:19:26
  hint: did you mean 'expr'?
error: feature view 'visits' has two features called 'a'
  --> ml/a.yml:19:42
error: the feature view 'visits' has no feature 'b'
  --> ml/a.yml:25:16
error: no feature view is called 'vists'
  --> ml/a.yml:25:28
  hint: did you mean 'visits'?
error: the feature 'visits:a' is listed twice
  --> ml/a.yml:25:47
error: 'october' is no point in time: write 2013-10-01 or 2013-10-01T06:00:00Z
  --> ml/a.yml:26:22
error: 'gradient_bosting' is no 'algorithm' of trainer of training job 'churn'
  --> ml/a.yml:27:26
  hint: did you mean 'gradient_boosting'?
  hint: one of: gradient_boosting, logistic_regression, linear_regression, k_means
error: 'rounds' of trainer of training job 'odd' must be at least 1
  --> ml/a.yml:30:54
error: unknown key 'learning_rte' in trainer of training job 'odd'
  --> ml/a.yml:30:57
  hint: did you mean 'learning_rate'?
error: 'model' of inference service 'b' must be name@alias or name/version, not 'good/x'
  --> ml/a.yml:33:22
error: 'threshold' of inference service 'b' must be from 0 to 1
  --> ml/a.yml:33:41
error: no inference service is called 'z'
  --> ml/a.yml:36:15
error: monitor 'c' watches nothing: it needs drift, delay or columns
  --> ml/a.yml:37:5"
    );
}

#[test]
fn mistakes_in_a_search() {
    let job = |tune: &str| {
        format!(
            "--- models/orders.sql
select 1
--- ml/a.yml
training_jobs:
  - name: churn
    spine: ref('orders')
    event_timestamp: at
    label: churned
    request_features: [{{name: a}}]
    split: {{random: 0.2}}
    tune: {tune}
"
        )
    };
    assert_eq!(
        problems(&job(
            "{search: grid, trials: 3, parallel: 0, parameters: {max_leafs: [3], max_leaves: [few, 4], l2: {from: 0, to: 1}}}"
        )),
        "error: a grid tries all of its points: leave 'trials' out of tune of training job 'churn'
  --> ml/a.yml:8:34
error: 'parallel' of tune of training job 'churn' must be 1 or more
  --> ml/a.yml:8:47
error: a grid needs a list of values for 'l2', not a range
  --> ml/a.yml:8:62
error: 'max_leafs' is no parameter of the trainer that tune of training job 'churn' tries
  --> ml/a.yml:8:63
  hint: did you mean 'max_leaves'?
error: parameter 'max_leaves': invalid type: string \"few\", expected usize
  --> ml/a.yml:8:91"
    );
    assert_eq!(
        problems(&job(
            "{search: bayes, cross_validation: 1, parameters: {l2: {from: 0, to: 1, scale: log}}}"
        )),
        "error: 'bayes' is no 'search' of tune of training job 'churn'
  --> ml/a.yml:8:20
  hint: one of: grid, random, halving
error: 'cross_validation' of tune of training job 'churn' needs 2 folds or more
  --> ml/a.yml:8:45
error: parameter 'l2' goes from 0 to 1, which is no range
  --> ml/a.yml:8:65"
    );
}
