//! Data tests and freshness over a lake.

use forebay_checks::data_test::{self, Outcome, Status};
use forebay_checks::freshness::{self, FreshnessStatus};
use forebay_core::graph::{Freshness, KeptAs, Source, Test};
use forebay_core::{Diagnostic, Location, Node, NodeId, Relation, Severity, Spec};
use forebay_lake::{Input, Lake, LakeOptions, TableKind, WriteMode, WriteOptions};
use futures::TryStreamExt;
use indexmap::IndexMap;

const ORDERS: &str = "select * from (values (1, 'paid'), (2, 'paid'), (3, 'lost'), (4, 'lost'), \
                      (5, 'lost')) as orders(id, status)";
const LOST: &str = "select * from main.orders where status = 'lost' -- three\n;\n";

async fn lake(dir: &tempfile::TempDir) -> Lake {
    let options = LakeOptions {
        root: dir.path().join("warehouse"),
        memory_limit: 128 << 20,
        threads: 1,
        spill: dir.path().join("spill"),
        dialect: forebay_lake::Dialect::default(),
        database: "forebay".to_owned(),
        files: dir.path().to_owned(),
        settings: Vec::new(),
    };
    let lake = Lake::open(options).await.unwrap();
    let input = Input::Sql(ORDERS.to_owned());
    let options = WriteOptions::new(WriteMode::Overwrite);
    lake.write(&Relation::new("main", "orders"), input, options)
        .await
        .unwrap();
    lake
}

fn node(name: &str, relation: Option<Relation>, spec: Spec) -> Node {
    Node {
        id: NodeId::new(format!("test.test.{name}")),
        name: name.into(),
        package: "test".into(),
        location: Location::new("models/models.yml", 7, 3),
        fqn: Vec::new(),
        tags: Vec::new(),
        group: None,
        description: String::new(),
        columns: IndexMap::new(),
        relation,
        depends_on: Vec::new(),
        spec,
    }
}

fn test() -> Test {
    Test {
        generic: None,
        attached: None,
        column: None,
        raw_sql: String::new(),
        severity: Severity::Error,
        warn_if: "!= 0".into(),
        error_if: "!= 0".into(),
        fail_calc: "count(*)".into(),
        limit: None,
        store_failures: None,
    }
}

async fn run(lake: &Lake, spec: &Test, sql: &str) -> Outcome {
    try_run(lake, spec, sql).await.unwrap()
}

async fn try_run(lake: &Lake, spec: &Test, sql: &str) -> Result<Outcome, Diagnostic> {
    let node = node("no_lost_orders", None, Spec::Test(spec.clone()));
    data_test::run(lake, &node, spec, sql).await
}

#[tokio::test]
async fn failing_rows_are_counted_and_held_against_thresholds() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(&dir).await;
    let verdict = |change: fn(&mut Test)| {
        let mut spec = test();
        change(&mut spec);
        let lake = lake.clone();
        async move {
            let outcome = run(&lake, &spec, LOST).await;
            (
                outcome.status,
                outcome.failures,
                outcome.message.unwrap_or_default(),
            )
        }
    };
    let message = "Got 3 results, configured to fail if != 0".to_owned();
    assert_eq!(verdict(|_| ()).await, (Status::Fail, 3, message));
    let message = "Got 3 results, configured to warn if != 0".to_owned();
    let warns = verdict(|spec| spec.severity = Severity::Warning).await;
    assert_eq!(warns, (Status::Warn, 3, message));
    let passes = verdict(|spec| {
        spec.warn_if = "not between 1 and 3".into();
        spec.error_if = ">10".into();
    });
    assert_eq!(passes.await, (Status::Pass, 3, String::new()));
    let warns = verdict(|spec| spec.error_if = ">= 10".into()).await;
    assert_eq!(warns.0, Status::Warn);
    let limited = verdict(|spec| spec.limit = Some(2)).await;
    assert_eq!(limited.1, 2);
    let summed = verdict(|spec| spec.fail_calc = "sum(id)".into()).await;
    assert_eq!(summed.1, 12);
}

#[tokio::test]
async fn a_column_of_one_row_may_count_the_failures() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(&dir).await;
    let spec = Test {
        fail_calc: "n_records".into(),
        ..test()
    };
    let counted = |condition: &str| {
        format!("select count(*) as n_records from main.orders where {condition}")
    };
    let failed = run(&lake, &spec, &counted("id > 0")).await;
    assert_eq!((failed.status, failed.failures), (Status::Fail, 5));
    let passed = run(&lake, &spec, &counted("id > 99")).await;
    assert_eq!((passed.status, passed.failures), (Status::Pass, 0));
}

#[tokio::test]
async fn no_failing_rows_is_a_pass_also_where_their_sum_is_null() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(&dir).await;
    let spec = Test {
        fail_calc: "sum(id)".into(),
        ..test()
    };
    let outcome = run(&lake, &spec, "select id from main.orders where id > 99").await;
    assert_eq!((outcome.status, outcome.failures), (Status::Pass, 0));
    assert_eq!(outcome.message, None);
    let nulls = "select nullif(id, id) as id from main.orders";
    let failed = try_run(&lake, &spec, nulls).await.unwrap_err();
    assert!(failed.message.contains("gave null"));
}

#[tokio::test]
async fn a_query_that_fails_says_where_in_what_ran() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(&dir).await;
    let failed = try_run(&lake, &test(), "select statuss from main.orders").await;
    let failed = failed.unwrap_err();
    assert!(failed.message.contains("statuss"));
    assert!(
        failed
            .sql
            .unwrap()
            .contains("select statuss from main.orders")
    );
}

#[tokio::test]
async fn failing_rows_are_kept_on_request_and_can_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(&dir).await;
    let spec = Test {
        store_failures: Some(KeptAs::Table),
        ..test()
    };
    assert_eq!(run(&lake, &spec, LOST).await.failures, 3);
    let relation = Relation::new("dbt_test__audit", "no_lost_orders");
    let info = lake
        .info(&relation)
        .await
        .unwrap()
        .expect("the rows are kept");
    assert_eq!(info.rows, Some(3));
    // The next run's rows take their place.
    assert_eq!(run(&lake, &spec, "select 1 as id").await.failures, 1);
    assert_eq!(lake.info(&relation).await.unwrap().unwrap().rows, Some(1));
    let as_view = Test {
        store_failures: Some(KeptAs::View),
        ..test()
    };
    assert_eq!(run(&lake, &as_view, LOST).await.failures, 3);
    let kind = lake.info(&relation).await.unwrap().unwrap().kind;
    assert_eq!(kind, TableKind::View);

    let rows = data_test::failing_rows(&lake, &test(), LOST, 2)
        .await
        .unwrap();
    let batches: Vec<_> = rows.stream.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 2);
}

#[tokio::test]
async fn a_source_is_as_fresh_as_its_newest_row() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(&dir).await;
    let relation = Relation::new("raw", "events");
    let sql = "select timestamp '2013-01-01 10:00:00' as at, 'a' as kind \
               union all select timestamp '2013-01-01 18:00:00', 'b'";
    let options = WriteOptions::new(WriteMode::Overwrite);
    lake.write(&relation, Input::Sql(sql.into()), options)
        .await
        .unwrap();
    let source = |filter: Option<&str>, field: Option<&str>| {
        let spec = Spec::Source(Source {
            source_name: "raw".into(),
            ingest: None,
            loaded_at_field: field.map(str::to_owned),
            freshness: Some(Freshness {
                warn_after: "12h".parse().ok(),
                error_after: "1d".parse().ok(),
                filter: filter.map(str::to_owned),
            }),
        });
        node("raw.events", Some(relation.clone()), spec)
    };
    let now = "2013-01-02T00:00:00Z".parse().unwrap();
    let measure = |node: Node| {
        let lake = lake.clone();
        async move { freshness::run(&lake, &node, None, now).await }
    };
    let fresh = measure(source(None, Some("at"))).await.unwrap();
    assert_eq!(fresh.status, FreshnessStatus::Pass);
    assert_eq!(fresh.age.unwrap().to_string(), "6h");
    let stale = measure(source(Some("kind = 'a'"), Some("at")))
        .await
        .unwrap();
    assert_eq!(stale.status, FreshnessStatus::Warn);
    let empty = measure(source(Some("kind = 'c'"), Some("at")))
        .await
        .unwrap();
    assert_eq!(empty.status, FreshnessStatus::Error);
    assert_eq!(empty.message.as_deref(), Some("raw.events has no rows"));
    // Without a column the table's newest commit tells: it was made just now, long after `now`.
    let commit = measure(source(None, None)).await.unwrap();
    assert!(commit.max_loaded_at.unwrap() > now);
    let wrong = measure(source(None, Some("kind")))
        .await
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("models/models.yml:7:3"), "{wrong}");
}
