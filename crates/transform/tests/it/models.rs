//! Materialisations of models.

use forebay_core::contract::{Constraint, ConstraintKind};
use forebay_core::export::{Existing, Export, ExportFormat, Folder};
use forebay_core::graph::{Column, Materialized, Model};
use forebay_core::incremental::{
    Batch, BatchSize, Incremental, IncrementalStrategy, Microbatch, OnSchemaChange, Partition,
    Updated,
};
use forebay_core::merge::{Action, Clause, Merge, Values};
use forebay_core::{Diagnostic, Node, Relation, Spec};
use forebay_lake::{Dialect, TableKind};
use forebay_transform::{Ctx, materialize};

use crate::support::{bed, bed_of, ctx, node};

fn model(materialized: Materialized) -> Node {
    let spec = Model::new(materialized, "");
    node("m", "models/m.sql", Spec::Model(spec))
}

fn incremental(strategy: IncrementalStrategy, on_schema_change: OnSchemaChange) -> Node {
    model(Materialized::Incremental(Incremental {
        strategy,
        unique_key: vec!["id".into()],
        on_schema_change,
        ..Incremental::default()
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
async fn new_rows_of_other_types_are_cast_or_change_the_table_as_in_duckdb() {
    let first = "select 1 as n, 'x' as t, date '2024-01-01' as d, 1.25 as m";
    let next = "select 2.6::double as n, timestamp '2024-02-03 04:05:06' as d, 1.239::double as m";
    let after = async |change, text| {
        let bed = bed_of(Dialect::DuckDb).await;
        let node = model(Materialized::Incremental(Incremental {
            on_schema_change: change,
            ..Incremental::default()
        }));
        let run = async |sql, ctx: &Ctx| materialize(&bed.lake, &node, sql, ctx).await;
        run(first, &first_run()).await.unwrap();
        let next = format!("select *, {text} as t from ({next}) as next");
        let problem = run(&next, &next_run()).await.err();
        let rows = bed.rows("select n, t, d, m from main.m order by n").await;
        // What does not fit is an error, and no row of the run is kept.
        let later = Ctx {
            invocation_id: "later".to_owned(),
            ..next_run()
        };
        let unfit = run("select 'abc' as n, 'x' as t, null as d, 1 as m", &later).await;
        let message = |problem: Diagnostic| problem.message;
        (problem.map(message), rows, unfit.map_err(message).err())
    };
    let cast = ["1|x|2024-01-01|1.25", "3|7|2024-02-03|1.24"].map(str::to_owned);
    for change in [OnSchemaChange::Ignore, OnSchemaChange::AppendNewColumns] {
        let unfit = "column 'n' of main.m is INTEGER: Cannot cast string 'abc' to a whole number";
        assert_eq!(
            after(change, "7").await,
            (None, cast.to_vec(), Some(unfit.to_owned()))
        );
    }
    let (problem, rows, _) = after(OnSchemaChange::SyncAllColumns, "'7'").await;
    assert_eq!(problem, None);
    assert_eq!(
        rows,
        [
            "1.0|x|2024-01-01T00:00:00|1.25",
            "2.6|7|2024-02-03T04:05:06|1.239"
        ]
    );
    let (problem, rows, _) = after(OnSchemaChange::Fail, "7").await;
    let told = "the columns of main.m changed their types: 'n' from INTEGER to DOUBLE, \
                'd' from DATE to TIMESTAMP, 'm' from DECIMAL(3,2) to DOUBLE, 't' from VARCHAR to INTEGER";
    assert_eq!(problem.as_deref(), Some(told));
    assert_eq!(rows, ["1|x|2024-01-01|1.25"]);
}

#[tokio::test]
async fn what_cannot_be_added_to_can_be_made_anew() {
    let bed = bed().await;
    let node = model(Materialized::Incremental(Incremental {
        unfit: Some(Box::new(Diagnostic::error("no such strategy"))),
        ..Incremental::default()
    }));
    let run = async |ctx: &Ctx| materialize(&bed.lake, &node, "select 1 as id", ctx).await;
    assert!(run(&first_run()).await.is_ok());
    let problem = run(&next_run()).await.unwrap_err();
    assert_eq!(problem.message, "no such strategy");
    let anew = Ctx {
        full_refresh: true,
        ..next_run()
    };
    assert!(run(&anew).await.is_ok());
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
        let node = incremental(strategy.clone(), OnSchemaChange::Ignore);
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
        full_refresh: Some(false),
        ..Incremental::default()
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
        // Where columns are kept, what is missing would be null: that has a test of its own.
        let changed = match setting {
            OnSchemaChange::Ignore => "select 3 as id, 'c' as v, true as extra",
            _ => changed,
        };
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

/// The table `id, a, b` after a run that brings 2 again and 3 for the first time.
async fn merged(spec: Incremental) -> Vec<String> {
    let bed = bed().await;
    let node = model(Materialized::Incremental(Incremental {
        unique_key: vec!["id".into()],
        ..spec
    }));
    let first = "select * from (values (1, 'a1', 'b1'), (2, 'a2', 'b2')) as t(id, a, b)";
    let more = "select * from (values (2, 'A2', 'B2'), (3, 'A3', 'B3')) as t(id, a, b)";
    materialize(&bed.lake, &node, first, &first_run())
        .await
        .unwrap();
    for _ in 0..2 {
        materialize(&bed.lake, &node, more, &next_run())
            .await
            .unwrap();
    }
    assert_eq!(bed.lake.relations().await.unwrap().len(), 1);
    bed.rows("select id, a, b from main.m order by id, a").await
}

#[tokio::test]
async fn a_merge_updates_only_the_columns_that_it_names() {
    let merge = |updated| Incremental {
        strategy: IncrementalStrategy::Merge,
        updated,
        ..Incremental::default()
    };
    let only = merge(Updated::Only(vec!["a".into()]));
    assert_eq!(merged(only).await, ["1|a1|b1", "2|A2|b2", "3|A3|B3"]);
    let except = merge(Updated::Except(vec!["A".into()]));
    assert_eq!(merged(except).await, ["1|a1|b1", "2|a2|B2", "3|A3|B3"]);
}

/// One row of the table cannot become two, whatever the merge updates of it.
#[tokio::test]
async fn a_merge_takes_one_new_row_for_each_of_the_table() {
    let only = Updated::Only(vec!["a".into()]);
    for (updated, predicates) in [
        (only.clone(), Vec::new()),
        (Updated::Except(vec!["a".into()]), Vec::new()),
        (Updated::All, vec!["DBT_INTERNAL_DEST.b = 'b1'".to_owned()]),
    ] {
        let bed = bed().await;
        let node = model(Materialized::Incremental(Incremental {
            strategy: IncrementalStrategy::Merge,
            unique_key: vec!["id".into()],
            updated,
            predicates,
            ..Incremental::default()
        }));
        let first = "select 1 as id, 'a1' as a, 'b1' as b";
        materialize(&bed.lake, &node, first, &first_run())
            .await
            .unwrap();
        let new = "select * from (values (2, 'x', 'b'), (2, 'y', 'b')) as t(id, a, b)";
        materialize(&bed.lake, &node, new, &next_run())
            .await
            .unwrap();
        let twice = "select * from (values (1, 'x', 'b'), (1, 'y', 'b')) as t(id, a, b)";
        let refused = materialize(&bed.lake, &node, twice, &next_run()).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("matched by several new ones"), "{refused}");
        let rows = bed.rows("select id, a from main.m order by id, a").await;
        assert_eq!(rows, ["1|a1", "2|x", "2|y"]);
    }
}

#[tokio::test]
async fn a_merge_leaves_a_new_column_of_old_rows_empty_unless_it_names_it() {
    let only = |names: &[&str]| Updated::Only(names.iter().map(|name| (*name).into()).collect());
    for (updated, expected) in [
        (only(&["a"]), ["1|A1|b1|", "2|a2|b2|y"]),
        (only(&["a", "c"]), ["1|A1|b1|x", "2|a2|b2|y"]),
        (
            Updated::Except(vec!["b".into(), "c".into()]),
            ["1|A1|b1|", "2|a2|b2|y"],
        ),
    ] {
        let bed = bed().await;
        let node = model(Materialized::Incremental(Incremental {
            strategy: IncrementalStrategy::Merge,
            unique_key: vec!["id".into()],
            on_schema_change: OnSchemaChange::AppendNewColumns,
            updated,
            ..Incremental::default()
        }));
        let first = "select 1 as id, 'a1' as a, 'b1' as b";
        let more =
            "select * from (values (1, 'A1', 'B1', 'x'), (2, 'a2', 'b2', 'y')) as t(id, a, b, c)";
        materialize(&bed.lake, &node, first, &first_run())
            .await
            .unwrap();
        materialize(&bed.lake, &node, more, &next_run())
            .await
            .unwrap();
        let rows = bed.rows("select * from main.m order by id").await;
        assert_eq!(rows, expected);
    }
}

#[tokio::test]
async fn predicates_keep_rows_that_would_be_replaced() {
    let with = |strategy, predicate: &str| Incremental {
        strategy,
        predicates: vec![predicate.into()],
        ..Incremental::default()
    };
    // The row 2 that is there is not matched, so the new one is added beside it.
    let kept = ["1|a1|b1", "2|A2|B2", "2|a2|b2", "3|A3|B3"];
    let replaced = ["1|a1|b1", "2|A2|B2", "3|A3|B3"];
    let delete = |predicate| with(IncrementalStrategy::DeleteInsert, predicate);
    assert_eq!(merged(delete("upper(b) = 'B2' or id = 3")).await, replaced);
    assert_eq!(merged(delete("lower(b) <> b")).await, kept);
    let merge = |predicate| with(IncrementalStrategy::Merge, predicate);
    let dest = merged(merge("DBT_INTERNAL_DEST.b <> 'b2'")).await;
    assert_eq!(dest, kept);
    let source = merged(merge("DBT_INTERNAL_SOURCE.id > 1")).await;
    assert_eq!(source, replaced);
    for target in ["DBT_INCREMENTAL_TARGET", "DBT_INTERNAL_DEST"] {
        let predicate = format!("{target}.b <> 'b2'");
        let delete = with(IncrementalStrategy::DeleteInsert, &predicate);
        assert_eq!(merged(delete).await, kept);
    }
}

fn clauses(merge: Merge) -> Incremental {
    Incremental {
        strategy: IncrementalStrategy::Merge,
        merge: Some(merge),
        ..Incremental::default()
    }
}

fn clause(condition: &str, action: Action) -> Clause {
    Clause {
        condition: Some(condition.to_owned()).filter(|text| !text.is_empty()),
        action,
    }
}

fn set(column: &str, sql: &str) -> Values {
    Values::Written {
        only: Some(Vec::new()),
        except: Vec::new(),
        set: vec![(column.into(), sql.into())],
    }
}

#[tokio::test]
async fn the_first_clause_of_a_merge_that_holds_counts() {
    let update = || Action::Update(Values::ByName);
    let insert = || Action::Insert(Values::ByName);
    let by_name = Merge {
        matched: vec![clause("DBT_INTERNAL_SOURCE.id > 5", update())],
        new: vec![clause("", insert())],
        ..Merge::default()
    };
    let answer = merged(clauses(by_name)).await;
    assert_eq!(answer, ["1|a1|b1", "2|a2|b2", "3|A3|B3"]);
    let several = Merge {
        using: vec!["id".into()],
        matched: vec![
            clause("DBT_INTERNAL_DEST.id = 1", Action::Delete),
            clause(
                "",
                Action::Update(set("a", "DBT_INTERNAL_DEST.a || DBT_INTERNAL_SOURCE.b")),
            ),
        ],
        new: vec![
            clause("id > 5", insert()),
            clause("", Action::Insert(set("id", "id + 10"))),
        ],
        gone: vec![clause("a = 'a1'", Action::Update(set("b", "'gone'")))],
    };
    let answer = merged(clauses(several)).await;
    assert_eq!(answer, ["1|a1|gone", "2|a2B2|b2", "13||"]);
    let leaving = Merge {
        matched: vec![clause("", Action::Nothing)],
        gone: vec![clause("", Action::Delete)],
        ..Merge::default()
    };
    assert_eq!(merged(clauses(leaving)).await, ["2|a2|b2"]);
}

#[tokio::test]
async fn a_merge_refuses_what_its_clauses_call_an_error_and_rows_that_are_matched_twice() {
    for (rows, message) in [
        ("(2, 'x')", "a row is matched: no changes"),
        (
            "(1, 'x'), (1, 'y')",
            "a row of the table is matched by several new ones",
        ),
    ] {
        let bed = bed().await;
        let error = Action::Error("no changes".into());
        let spec = Incremental {
            unique_key: vec!["id".into()],
            ..clauses(Merge {
                matched: vec![
                    clause(
                        "DBT_INTERNAL_DEST.id = 1",
                        Action::Update(Values::ByPosition),
                    ),
                    clause("", error),
                ],
                ..Merge::default()
            })
        };
        let node = model(Materialized::Incremental(spec));
        materialize(&bed.lake, &node, FIRST, &first_run())
            .await
            .unwrap();
        let sql = format!("select * from (values {rows}) as t(id, v)");
        let problem = materialize(&bed.lake, &node, &sql, &next_run())
            .await
            .unwrap_err();
        assert!(problem.message.ends_with(message), "{problem}");
        assert_eq!(bed.rows(ALL).await, ["1|a", "2|b"]);
    }
}

#[tokio::test]
async fn delete_and_insert_goes_by_an_expression_as_by_a_column() {
    for (key, expected) in [
        ("id || ''", ["1|a", "2|B", "3|c"].as_slice()),
        ("id, v", &["1|a", "2|B", "2|b", "3|c"]),
    ] {
        let bed = bed().await;
        let node = model(Materialized::Incremental(Incremental {
            strategy: IncrementalStrategy::DeleteInsert,
            unique_key: vec![key.into()],
            ..Incremental::default()
        }));
        materialize(&bed.lake, &node, FIRST, &first_run())
            .await
            .unwrap();
        for _ in 0..2 {
            materialize(&bed.lake, &node, MORE, &next_run())
                .await
                .unwrap();
        }
        assert_eq!(bed.rows(ALL).await, expected, "{key}");
    }
}

#[tokio::test]
async fn columns_in_other_letters_are_the_same_columns() {
    for strategy in [IncrementalStrategy::Append, IncrementalStrategy::Merge] {
        let bed = bed().await;
        let node = incremental(strategy, OnSchemaChange::Fail);
        materialize(&bed.lake, &node, FIRST, &first_run())
            .await
            .unwrap();
        let more = "select 3 as \"ID\", 'c' as \"V\"";
        materialize(&bed.lake, &node, more, &next_run())
            .await
            .unwrap();
        assert_eq!(bed.rows(ALL).await, ["1|a", "2|b", "3|c"]);
    }
}

#[tokio::test]
async fn a_merge_adds_new_rows_of_one_key_and_refuses_them_for_a_row_that_is_there() {
    let bed = bed().await;
    let node = incremental(IncrementalStrategy::Merge, OnSchemaChange::Ignore);
    materialize(&bed.lake, &node, FIRST, &first_run())
        .await
        .unwrap();
    let rows = |id: u8| format!("select * from (values ({id}, 'x'), ({id}, 'y')) as t(id, v)");
    let refused = materialize(&bed.lake, &node, &rows(2), &next_run()).await;
    assert!(refused.unwrap_err().message.contains("id = 2 2 times"));
    materialize(&bed.lake, &node, &rows(4), &next_run())
        .await
        .unwrap();
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b", "4|x", "4|y"]);
}

#[tokio::test]
async fn a_merge_leaves_alone_the_columns_that_its_rows_lack() {
    for change in [OnSchemaChange::Ignore, OnSchemaChange::AppendNewColumns] {
        let bed = bed().await;
        let node = incremental(IncrementalStrategy::Merge, change);
        let first = "select * from (values (1, 'a', 10), (2, 'b', 20)) as t(id, v, n)";
        materialize(&bed.lake, &node, first, &first_run())
            .await
            .unwrap();
        let more = "select * from (values (2, 21), (3, 30)) as t(id, n)";
        materialize(&bed.lake, &node, more, &next_run())
            .await
            .unwrap();
        let all = "select id, v, n from main.m order by id";
        assert_eq!(bed.rows(all).await, ["1|a|10", "2|b|21", "3||30"]);
    }
}

#[tokio::test]
async fn insert_overwrite_replaces_the_partitions_that_it_has_rows_in() {
    let first = "select * from (values (timestamp '2024-01-01 01:00:00', 'a'), \
                 (timestamp '2024-01-01 02:00:00', 'b'), (timestamp '2024-01-02 01:00:00', 'c')) \
                 as t(at, v)";
    let more = "select * from (values (timestamp '2024-01-01 09:00:00', 'A'), \
                (timestamp '2024-01-03 09:00:00', 'D')) as t(at, v) -- the newest";
    let by = |granularity| Partition {
        column: "at".into(),
        granularity,
    };
    for (partitions, expected) in [
        (vec![by(Some(BatchSize::Day))], &["A", "c", "D"][..]),
        (vec![by(None)], &["a", "b", "A", "c", "D"][..]),
        (vec![], &["A", "D"][..]),
    ] {
        let bed = bed().await;
        let node = model(Materialized::Incremental(Incremental {
            strategy: IncrementalStrategy::InsertOverwrite(partitions),
            ..Incremental::default()
        }));
        materialize(&bed.lake, &node, first, &first_run())
            .await
            .unwrap();
        for _ in 0..2 {
            materialize(&bed.lake, &node, more, &next_run())
                .await
                .unwrap();
        }
        assert_eq!(bed.rows("select v from main.m order by at").await, expected);
    }
}

#[tokio::test]
async fn a_batch_replaces_its_span_of_time_and_nothing_else() {
    let bed = bed().await;
    let at = crate::support::at;
    let node = model(Materialized::Incremental(Incremental {
        strategy: IncrementalStrategy::Microbatch(Microbatch {
            event_time: "AT".into(),
            batch_size: BatchSize::Day,
            begin: at("2024-01-01T00:00:00Z"),
            lookback: 0,
        }),
        ..Incremental::default()
    }));
    let first = "select * from (values (timestamp '2024-01-01 23:00:00', 'a'), \
                 (timestamp '2024-01-02 00:00:00', 'b'), (timestamp '2024-01-03 00:00:00', 'c')) \
                 as t(at, v)";
    materialize(&bed.lake, &node, first, &first_run())
        .await
        .unwrap();
    let ctx = Ctx {
        batch: Some(Batch {
            start: at("2024-01-02T00:00:00Z"),
            end: at("2024-01-03T00:00:00Z"),
        }),
        ..next_run()
    };
    let again = "select timestamp '2024-01-02 12:00:00' as at, 'B' as v";
    materialize(&bed.lake, &node, again, &ctx).await.unwrap();
    assert_eq!(
        bed.rows("select v from main.m order by at").await,
        ["a", "B", "c"]
    );
}

fn contracted(types: &[(&str, &str)], check: &str) -> Node {
    let constraint = |kind, expression: Option<&str>| Constraint {
        kind,
        name: None,
        expression: expression.map(str::to_owned),
        columns: Vec::new(),
        to: None,
        to_columns: Vec::new(),
        warn_unsupported: true,
        warn_unenforced: true,
        at: None,
    };
    let mut node = model(Materialized::Table);
    if let Spec::Model(model) = &mut node.spec {
        model.contract.enforced = true;
        model.contract.constraints = vec![constraint(ConstraintKind::Check, Some(check))];
    }
    for (name, data_type) in types {
        let column = Column {
            name: (*name).to_owned(),
            data_type: Some((*data_type).to_owned()),
            constraints: vec![constraint(ConstraintKind::NotNull, None)],
            ..Column::default()
        };
        node.columns.insert(column.name.clone(), column);
    }
    node
}

#[tokio::test]
async fn a_contract_sets_the_order_of_the_columns_and_refuses_others() {
    let bed = bed().await;
    let node = contracted(&[("v", "varchar"), ("id", "int")], "id < 3");
    materialize(&bed.lake, &node, FIRST, &first_run())
        .await
        .unwrap();
    assert_eq!(
        bed.rows("select * from main.m order by id").await,
        ["a|1", "b|2"]
    );
    let other = contracted(&[("v", "int"), ("at", "timestamp")], "true");
    let problem = materialize(&bed.lake, &other, FIRST, &first_run())
        .await
        .unwrap_err();
    let reasons: Vec<&str> = problem.message.lines().skip(1).collect();
    assert_eq!(
        reasons,
        [
            "  column  definition type  contract type  mismatch",
            "  at                       timestamp      missing in definition",
            "  id      integer                         missing in contract",
            "  v       text             int            data type mismatch"
        ]
    );
}

#[tokio::test]
async fn a_constraint_of_a_column_that_needs_quotes() {
    let bed = bed().await;
    let mut node = contracted(&[("from", "text")], "true");
    node.columns["from"].quote = Some(true);
    let run = async |sql| materialize(&bed.lake, &node, sql, &first_run()).await;
    run("select 'a' as \"from\"").await.unwrap();
    let problem = run("select null::text as \"from\"").await.unwrap_err();
    let told = "the rows of 'm' do not keep its constraints: 1 rows break not_null \"from\"";
    assert_eq!(problem.message, told);
}

#[tokio::test]
async fn rows_that_break_a_constraint_leave_the_table_as_it_was() {
    let bed = bed().await;
    let node = contracted(&[("id", "integer"), ("v", "text")], "id < 3");
    let run = async |sql| materialize(&bed.lake, &node, sql, &first_run()).await;
    run(FIRST).await.unwrap();
    let problem = run("select * from (values (7, 'x'), (1, null)) as t(id, v)")
        .await
        .unwrap_err();
    assert_eq!(
        problem.message,
        "the rows of 'm' do not keep its constraints: 1 rows break not_null v; \
         1 rows break check id < 3"
    );
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b"]);
    assert_eq!(bed.lake.relations().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_contract_narrows_whole_numbers_and_refuses_what_does_not_fit() {
    let bed = bed().await;
    let node = contracted(&[("id", "int"), ("v", "text")], "true");
    let run = async |sql| materialize(&bed.lake, &node, sql, &first_run()).await;
    run(FIRST).await.unwrap();
    let typed = "select distinct cast(arrow_typeof(id) as text) from main.m";
    assert_eq!(bed.rows(typed).await, ["Int32"]);
    assert!(run("select 5000000000 as id, 'x' as v").await.is_err());
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b"]);
}

#[tokio::test]
async fn a_contract_may_say_hugeint_of_a_sum_of_whole_numbers_and_of_nothing_else() {
    let bed = bed().await;
    let node = contracted(&[("id", "HUGEINT"), ("v", "text")], "true");
    let run = async |sql| materialize(&bed.lake, &node, sql, &first_run()).await;
    run("select sum(id) as id, max(v) as v from (values (1, 'a'), (2, 'b')) as t(id, v)")
        .await
        .unwrap();
    assert_eq!(bed.rows(ALL).await, ["3|b"]);
    assert!(run("select sum(0.5) as id, 'x' as v").await.is_err());
}

#[tokio::test]
async fn keys_of_a_contract_are_not_repeated_by_a_run_or_beside_what_is_kept() {
    let bed = bed().await;
    let with_key = |mut node: Node| {
        let contract = contracted(&[("id", "integer"), ("v", "text")], "true");
        node.columns = contract.columns;
        for column in node.columns.values_mut() {
            let kind = match column.name.as_str() {
                "id" => ConstraintKind::PrimaryKey,
                _ => ConstraintKind::Unique,
            };
            column.constraints[0].kind = kind;
        }
        if let Spec::Model(model) = &mut node.spec {
            model.contract.enforced = true;
        }
        node
    };
    let message = async |node: &Node, sql, ctx: &Ctx| {
        let written = materialize(&bed.lake, node, sql, ctx).await;
        written.unwrap_err().message
    };
    let table = with_key(model(Materialized::Table));
    let twice = "select * from (values (1, 'a'), (1, null), (null, null)) as t(id, v)";
    assert_eq!(
        message(&table, twice, &first_run()).await,
        "the rows of 'm' do not keep its constraints: 1 rows break primary_key id; \
         2 rows break primary_key id"
    );
    let ignore = OnSchemaChange::Ignore;
    let replacing = with_key(incremental(IncrementalStrategy::DeleteInsert, ignore));
    let adding = with_key(incremental(IncrementalStrategy::Append, ignore));
    materialize(&bed.lake, &replacing, FIRST, &first_run())
        .await
        .unwrap();
    materialize(&bed.lake, &replacing, MORE, &next_run())
        .await
        .unwrap();
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|B", "3|c"]);
    let taken = "select 9 as id, 'c' as v";
    assert!(
        message(&replacing, taken, &next_run())
            .await
            .contains("unique v")
    );
    assert!(
        message(&adding, MORE, &next_run())
            .await
            .contains("primary_key id")
    );
}

#[tokio::test]
async fn a_query_that_no_longer_gives_a_column_is_refused_where_columns_are_kept() {
    let bed = bed().await;
    let node = incremental(IncrementalStrategy::DeleteInsert, OnSchemaChange::Ignore);
    materialize(&bed.lake, &node, FIRST, &first_run())
        .await
        .unwrap();
    let problem = materialize(&bed.lake, &node, "select 2 as id", &next_run()).await;
    assert_eq!(
        problem.unwrap_err().message,
        "the query no longer gives 'v' of main.m"
    );
    assert_eq!(bed.rows(ALL).await, ["1|a", "2|b"]);
}

#[tokio::test]
async fn a_view_of_what_cannot_be_computed_fails_its_readers() {
    let bed = bed().await;
    let node = model(Materialized::View);
    let sql = "select date '2024-13-01' as d";
    materialize(&bed.lake, &node, sql, &first_run())
        .await
        .unwrap();
    assert!(bed.lake.collect("select * from main.m").await.is_err());
}

#[tokio::test]
async fn an_external_model_is_a_table_and_a_file_of_it() {
    let bed = bed().await;
    let sql = "select 1 as id, 'a;b' as v, timestamp '2013-01-01 10:00' as at, 1.5::double as x
        union all select 2, null, null, null order by id";
    let csv = ExportFormat::Csv {
        header: true,
        delimiter: ';',
        null: "-".to_owned(),
    };
    for (location, format) in [
        ("out/m.csv", csv),
        ("m.json", ExportFormat::Json),
        ("m.parquet", ExportFormat::Parquet),
    ] {
        let location = location.to_owned();
        let node = model(Materialized::External(Export {
            location,
            format,
            read: None,
            folder: None,
        }));
        let written = materialize(&bed.lake, &node, sql, &first_run()).await;
        assert_eq!(written.unwrap().rows, 2);
    }
    assert_eq!(bed.rows("select count(*) from main.m").await, ["2"]);
    assert_eq!(
        bed.rows("select arrow_typeof(id) from main.m limit 1")
            .await,
        ["Int32"]
    );
    assert_eq!(
        bed.rows("select id, x from read_parquet('m.parquet') order by id")
            .await,
        ["1|1.5", "2|"]
    );
    let text = |path: &str| std::fs::read_to_string(bed.root.join(path)).unwrap();
    assert_eq!(
        text("out/m.csv"),
        "id;v;at;x\n1;\"a;b\";2013-01-01 10:00:00;1.5\n2;-;-;-\n"
    );
    assert_eq!(
        text("m.json").lines().next(),
        Some(r#"{"id":1,"v":"a;b","at":"2013-01-01 10:00:00","x":1.5}"#)
    );
    // As whoever reads the file sees it.
    let export = Export {
        location: "n.csv".to_owned(),
        format: ExportFormat::Csv {
            header: true,
            delimiter: ',',
            null: String::new(),
        },
        read: Some("read_csv('n.csv', auto_detect = true)".to_owned()),
        folder: None,
    };
    let node = model(Materialized::External(export));
    let sql = "select 1.50 as d, '' as e, 'a,b' as l, '7' as n";
    materialize(&bed.lake, &node, sql, &first_run())
        .await
        .unwrap();
    assert_eq!(text("n.csv"), "d,e,l,n\n1.50,,\"a,b\",7\n");
    assert_eq!(
        bed.rows("select d, arrow_typeof(d), e, l, n + 1 from main.m")
            .await,
        ["1.5|Float64||a,b|8"]
    );
}

#[tokio::test]
async fn an_external_model_may_be_parted_into_folders() {
    let bed = bed().await;
    let export = |existing| {
        model(Materialized::External(Export {
            location: "parts".to_owned(),
            format: ExportFormat::Parquet,
            read: Some("read_parquet('parts/*/*.parquet')".to_owned()),
            folder: Some(Folder {
                by: vec!["B".to_owned()],
                existing,
            }),
        }))
    };
    let sql = "select 1 as a, 'p/q r' as b, 1.5 as c union all select 2, null, 2.5";
    let refuse = export(Existing::Refuse);
    materialize(&bed.lake, &refuse, sql, &first_run())
        .await
        .unwrap();
    // As whoever reads the files sees it.
    assert_eq!(
        bed.rows("select * from main.m order by a").await,
        ["1|1.5|p/q r", "2|2.5|"]
    );
    let there = |path: &str| bed.root.join("parts").join(path).is_file();
    assert!(there("b=p%2Fq%20r/data_0.parquet"));
    assert!(there("b=__HIVE_DEFAULT_PARTITION__/data_0.parquet"));
    let problem = materialize(&bed.lake, &refuse, sql, &first_run()).await;
    let problem = problem.unwrap_err().to_string();
    assert!(problem.contains("'parts' has files already"), "{problem}");
    let sql = "select 3 as a, 'z' as b, 1.5 as c";
    for (existing, rows) in [(Existing::Keep, "3"), (Existing::Replace, "1")] {
        materialize(&bed.lake, &export(existing), sql, &first_run())
            .await
            .unwrap();
        assert_eq!(bed.rows("select count(*) from main.m").await, [rows]);
    }
}
