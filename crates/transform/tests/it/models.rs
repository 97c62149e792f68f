//! Materialisations of models.

use forebay_core::graph::{Incremental, IncrementalStrategy, Materialized, Model, OnSchemaChange};
use forebay_core::{Node, Relation, Spec};
use forebay_lake::TableKind;
use forebay_transform::{Ctx, materialize};

use crate::support::{bed, ctx, node};

fn model(materialized: Materialized) -> Node {
    let spec = Model::new(materialized, "");
    node("m", "models/m.sql", Spec::Model(spec))
}

fn incremental(strategy: IncrementalStrategy, on_schema_change: OnSchemaChange) -> Node {
    model(Materialized::Incremental(Incremental {
        strategy,
        unique_key: vec!["id".into()],
        on_schema_change,
        full_refresh: None,
    }))
}

const FIRST: &str = "select * from (values (1, 'a'), (2, 'b')) as t(id, v)";
const MORE: &str = "select * from (values (2, 'B'), (3, 'c')) as t(id, v)";
const ALL: &str = "select id, v from main.m order by id, v";

fn first_run() -> Ctx {
    Ctx {
        incremental: false,
        ..ctx("2013-01-01T00:00:00Z")
    }
}

fn next_run() -> Ctx {
    ctx("2013-01-02T00:00:00Z")
}

#[tokio::test]
async fn a_table_is_written_anew_and_becomes_a_view_and_a_table_again() {
    let bed = bed().await;
    let table = model(Materialized::Table);
    let view = model(Materialized::View);
    for sql in [FIRST, FIRST, MORE] {
        materialize(&bed.lake, &table, sql, &first_run())
            .await
            .unwrap();
    }
    assert_eq!(bed.rows(ALL).await, ["2|B", "3|c"]);
    materialize(&bed.lake, &view, FIRST, &first_run())
        .await
        .unwrap();
    let kind = || async {
        let info = bed.lake.info(&Relation::new("main", "m")).await.unwrap();
        info.map(|info| info.kind)
    };
    assert_eq!(kind().await, Some(TableKind::View));
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b"]);
    materialize(&bed.lake, &table, MORE, &first_run())
        .await
        .unwrap();
    assert_eq!(kind().await, Some(TableKind::Table));
    assert_eq!(bed.rows(ALL).await, ["2|B", "3|c"]);
}

#[tokio::test]
async fn an_ephemeral_model_writes_nothing() {
    let bed = bed().await;
    let ephemeral = model(Materialized::Ephemeral);
    let written = materialize(&bed.lake, &ephemeral, FIRST, &first_run())
        .await
        .unwrap();
    assert!(written.skipped);
    assert!(bed.lake.relations().await.unwrap().is_empty());
}

#[tokio::test]
async fn incremental_runs_append_merge_or_delete_and_insert() {
    for (strategy, expected) in [
        (
            IncrementalStrategy::Append,
            &["1|a", "2|B", "2|b", "3|c"][..],
        ),
        (IncrementalStrategy::Merge, &["1|a", "2|B", "3|c"][..]),
        (
            IncrementalStrategy::DeleteInsert,
            &["1|a", "2|B", "3|c"][..],
        ),
    ] {
        let bed = bed().await;
        let node = incremental(strategy, OnSchemaChange::Ignore);
        materialize(&bed.lake, &node, FIRST, &first_run())
            .await
            .unwrap();
        // The same step of the same run again, as after a crash that hid its success.
        for _ in 0..2 {
            materialize(&bed.lake, &node, MORE, &next_run())
                .await
                .unwrap();
        }
        assert_eq!(bed.rows(ALL).await, expected, "{strategy:?}");
    }
}

#[tokio::test]
async fn append_ignores_a_key_and_a_new_run_appends_again() {
    let bed = bed().await;
    let node = incremental(IncrementalStrategy::Append, OnSchemaChange::Ignore);
    for run in [
        "2013-01-01T00:00:00Z",
        "2013-01-02T00:00:00Z",
        "2013-01-03T00:00:00Z",
    ] {
        materialize(&bed.lake, &node, "select 1 as id, 'a' as v", &ctx(run))
            .await
            .unwrap();
    }
    assert_eq!(bed.rows(ALL).await, ["1|a", "1|a", "1|a"]);
}

#[tokio::test]
async fn delete_and_insert_takes_several_rows_of_one_key_where_merge_refuses_them() {
    let twice = "select * from (values (2, 'x'), (2, 'y')) as t(id, v)";
    let bed = bed().await;
    let node = incremental(IncrementalStrategy::DeleteInsert, OnSchemaChange::Ignore);
    materialize(&bed.lake, &node, FIRST, &first_run())
        .await
        .unwrap();
    materialize(&bed.lake, &node, twice, &next_run())
        .await
        .unwrap();
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|x", "2|y"]);
    let node = incremental(IncrementalStrategy::Merge, OnSchemaChange::Ignore);
    assert!(
        materialize(&bed.lake, &node, twice, &next_run())
            .await
            .is_err()
    );
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|x", "2|y"]);
}

#[tokio::test]
async fn a_full_refresh_begins_anew_unless_the_model_forbids_it() {
    let bed = bed().await;
    let refresh = Ctx {
        full_refresh: true,
        ..next_run()
    };
    let node = incremental(IncrementalStrategy::Merge, OnSchemaChange::Ignore);
    materialize(&bed.lake, &node, FIRST, &first_run())
        .await
        .unwrap();
    materialize(&bed.lake, &node, MORE, &refresh).await.unwrap();
    assert_eq!(bed.rows(ALL).await, ["2|B", "3|c"]);
    let kept = model(Materialized::Incremental(Incremental {
        strategy: IncrementalStrategy::Merge,
        unique_key: vec!["id".into()],
        on_schema_change: OnSchemaChange::Ignore,
        full_refresh: Some(false),
    }));
    materialize(&bed.lake, &kept, FIRST, &refresh)
        .await
        .unwrap();
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b", "3|c"]);
}

#[tokio::test]
async fn changed_columns_are_ignored_added_synchronised_or_refused() {
    let changed = "select 3 as id, true as extra";
    for (setting, expected) in [
        (OnSchemaChange::Ignore, Some(&["id", "v"][..])),
        (
            OnSchemaChange::AppendNewColumns,
            Some(&["id", "v", "extra"][..]),
        ),
        (OnSchemaChange::SyncAllColumns, Some(&["id", "extra"][..])),
        (OnSchemaChange::Fail, None),
    ] {
        let bed = bed().await;
        let node = incremental(IncrementalStrategy::Merge, setting);
        materialize(&bed.lake, &node, FIRST, &first_run())
            .await
            .unwrap();
        let written = materialize(&bed.lake, &node, changed, &next_run()).await;
        let info = bed
            .lake
            .info(&Relation::new("main", "m"))
            .await
            .unwrap()
            .unwrap();
        let names: Vec<&str> = info
            .schema
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect();
        match expected {
            Some(expected) => {
                written.unwrap();
                assert_eq!(names, expected, "{setting:?}");
                assert_eq!(info.rows, Some(3), "{setting:?}");
            }
            None => {
                assert!(written.unwrap_err().message.contains("'extra'"));
                assert_eq!((names, info.rows), (vec!["id", "v"], Some(2)));
            }
        }
    }
}

#[tokio::test]
async fn a_query_that_fails_leaves_the_table_as_it_was() {
    let bed = bed().await;
    let node = model(Materialized::Table);
    materialize(&bed.lake, &node, FIRST, &first_run())
        .await
        .unwrap();
    for sql in [
        "select nothing from main.m",
        "select 1 / (id - 2) as id, v from main.m",
    ] {
        assert!(
            materialize(&bed.lake, &node, sql, &next_run())
                .await
                .is_err(),
            "{sql}"
        );
    }
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b"]);
    assert_eq!(bed.version("m").await, 0);
}
