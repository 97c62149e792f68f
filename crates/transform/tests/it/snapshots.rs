//! Snapshots: history by timestamp and by comparison, deletes, new columns, running again.

use forebay_core::graph::{HardDeletes, Snapshot, SnapshotNames, SnapshotStrategy, SnapshotTerms};
use forebay_core::{Diagnostic, Spec};
use forebay_lake::Written;

use crate::support::{Bed, bed, ctx, node};

const MONDAY: &str = "2013-01-07T00:00:00Z";
const TUESDAY: &str = "2013-01-08T00:00:00Z";
const WEDNESDAY: &str = "2013-01-09T00:00:00Z";
const THURSDAY: &str = "2013-01-10T00:00:00Z";

const HISTORY: &str = "select id, v, dbt_updated_at, dbt_valid_from, dbt_valid_to from main.s \
                       order by id, dbt_valid_from";

fn check(columns: &[&str]) -> Snapshot {
    Snapshot {
        raw_sql: String::new(),
        unique_key: vec!["id".into()],
        strategy: SnapshotStrategy::Check {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            updated_at: None,
        },
        hard_deletes: HardDeletes::Ignore,
        valid_to_current: None,
        names: SnapshotNames::default(),
    }
}

fn timestamp() -> Snapshot {
    Snapshot {
        strategy: SnapshotStrategy::Timestamp {
            updated_at: "at".into(),
        },
        ..check(&[])
    }
}

async fn take(bed: &Bed, spec: &Snapshot, sql: &str, now: &str) -> Result<Written, Diagnostic> {
    let node = node("s", "snapshots/s.sql", Spec::Snapshot(spec.clone()));
    forebay_transform::snapshot(&bed.lake, &node, spec, None, sql, &ctx(now)).await
}

fn rows(values: &str) -> String {
    format!("select * from (values {values}) as t(id, v)")
}

#[tokio::test]
async fn check_opens_a_version_when_a_column_differs() {
    let bed = bed().await;
    let spec = check(&["v"]);
    let first = take(&bed, &spec, &rows("(1, 'a'), (2, 'b')"), MONDAY)
        .await
        .unwrap();
    assert_eq!((first.version, first.rows), (0, 2));
    // 1 changes, to null; 2 stays; 3 is new.
    take(&bed, &spec, &rows("(1, null), (2, 'b'), (3, 'c')"), TUESDAY)
        .await
        .unwrap();
    let expected = [
        "1|a|2013-01-07T00:00:00|2013-01-07T00:00:00|2013-01-08T00:00:00",
        "1||2013-01-08T00:00:00|2013-01-08T00:00:00|",
        "2|b|2013-01-07T00:00:00|2013-01-07T00:00:00|",
        "3|c|2013-01-08T00:00:00|2013-01-08T00:00:00|",
    ];
    assert_eq!(bed.rows(HISTORY).await, expected);
    assert_eq!(bed.version("s").await, 1);
    // Once more, as after a crash that hid the commit: nothing is left to do.
    let again = take(
        &bed,
        &spec,
        &rows("(1, null), (2, 'b'), (3, 'c')"),
        WEDNESDAY,
    )
    .await
    .unwrap();
    assert!(again.skipped);
    assert_eq!(bed.version("s").await, 1);
    assert_eq!(
        bed.rows("select count(distinct dbt_scd_id) from main.s")
            .await,
        ["4"]
    );
}

#[tokio::test]
async fn a_strategy_of_the_project_says_in_sql_what_a_new_version_is() {
    let bed = bed().await;
    let strategy = SnapshotStrategy::Custom {
        name: "louder".into(),
    };
    let spec = Snapshot {
        strategy,
        ..check(&[])
    };
    let (old, new) = (forebay_transform::OLD, forebay_transform::NEW);
    let terms = SnapshotTerms {
        unique_key: vec!["id".into()],
        updated_at: "timestamp '2013-01-01 00:00:00' + v * interval '1 day'".into(),
        row_changed: format!("{new}.v > {old}.v"),
        scd_id: "id || '-' || v".into(),
    };
    let node = node("s", "snapshots/s.sql", Spec::Snapshot(spec.clone()));
    for (values, now) in [
        ("(1, 3), (2, 5)", MONDAY),
        ("(1, 4), (2, 4)", TUESDAY),
        ("(1, 4), (2, 6)", WEDNESDAY),
    ] {
        let (terms, sql, ctx) = (Some(&terms), rows(values), ctx(now));
        let taken = forebay_transform::snapshot(&bed.lake, &node, &spec, terms, &sql, &ctx);
        taken.await.unwrap();
    }
    assert_eq!(
        bed.rows("select dbt_scd_id, v, dbt_valid_from, dbt_valid_to from main.s order by id, v")
            .await,
        [
            "1-3|3|2013-01-04T00:00:00|2013-01-05T00:00:00",
            "1-4|4|2013-01-05T00:00:00|",
            "2-5|5|2013-01-06T00:00:00|2013-01-07T00:00:00",
            "2-6|6|2013-01-07T00:00:00|",
        ]
    );
}

#[tokio::test]
async fn timestamp_opens_a_version_when_the_row_says_so() {
    let bed = bed().await;
    let spec = timestamp();
    let sql = |v: &str, at: &str| format!("select 1 as id, '{v}' as v, timestamp '{at}' as at");
    take(&bed, &spec, &sql("a", "2013-01-01 08:00:00"), MONDAY)
        .await
        .unwrap();
    // A change that the row does not own up to is not seen.
    let unseen = take(&bed, &spec, &sql("x", "2013-01-01 08:00:00"), TUESDAY)
        .await
        .unwrap();
    assert!(unseen.skipped);
    take(&bed, &spec, &sql("b", "2013-01-02 09:30:00"), TUESDAY)
        .await
        .unwrap();
    assert_eq!(
        bed.rows(HISTORY).await,
        [
            "1|a|2013-01-01T08:00:00|2013-01-01T08:00:00|2013-01-02T09:30:00",
            "1|b|2013-01-02T09:30:00|2013-01-02T09:30:00|",
        ]
    );
}

#[tokio::test]
async fn deleted_rows_stay_open_or_end_and_may_come_back() {
    let bed = bed().await;
    let two = rows("(1, 'a'), (2, 'b')");
    let one = rows("(2, 'b')");
    take(&bed, &check(&[]), &two, MONDAY).await.unwrap();
    assert!(
        take(&bed, &check(&[]), &one, TUESDAY)
            .await
            .unwrap()
            .skipped
    );
    let spec = Snapshot {
        hard_deletes: HardDeletes::Invalidate,
        ..check(&[])
    };
    take(&bed, &spec, &one, TUESDAY).await.unwrap();
    assert!(take(&bed, &spec, &one, WEDNESDAY).await.unwrap().skipped);
    take(&bed, &spec, &two, THURSDAY).await.unwrap();
    assert_eq!(
        bed.rows(HISTORY).await,
        [
            "1|a|2013-01-07T00:00:00|2013-01-07T00:00:00|2013-01-08T00:00:00",
            "1|a|2013-01-10T00:00:00|2013-01-10T00:00:00|",
            "2|b|2013-01-07T00:00:00|2013-01-07T00:00:00|",
        ]
    );
}

#[tokio::test]
async fn a_row_that_comes_back_with_an_old_time_is_valid_since_then_as_dbt_has_it() {
    let bed = bed().await;
    let spec = Snapshot {
        hard_deletes: HardDeletes::Invalidate,
        ..timestamp()
    };
    let row = "select 1 as id, 'a' as v, timestamp '2013-01-01 08:00:00' as at";
    take(&bed, &spec, row, MONDAY).await.unwrap();
    take(&bed, &spec, &format!("{row} where false"), TUESDAY)
        .await
        .unwrap();
    take(&bed, &spec, row, THURSDAY).await.unwrap();
    let expected = [
        "1|a|2013-01-01T08:00:00|2013-01-01T08:00:00|2013-01-08T00:00:00",
        "1|a|2013-01-01T08:00:00|2013-01-01T08:00:00|",
    ];
    let history = format!("{HISTORY}, dbt_valid_to");
    assert_eq!(bed.rows(&history).await, expected);
    assert!(take(&bed, &spec, row, THURSDAY).await.unwrap().skipped);
}

#[tokio::test]
async fn rows_whose_key_does_not_name_one_row_are_kept_as_dbt_keeps_them() {
    let bed = bed().await;
    let sql = "select * from (values (1, 'a', timestamp '2013-01-01 08:00:00'), \
               (1, 'b', timestamp '2013-01-01 09:00:00'), (null, 'c', timestamp '2013-01-01 08:00:00')) as t(id, v, at)";
    take(&bed, &timestamp(), sql, MONDAY).await.unwrap();
    assert_eq!(bed.rows("select count(*) from main.s").await, ["3"]);
    take(&bed, &timestamp(), sql, TUESDAY).await.unwrap();
    let history = "select id, v, dbt_valid_to from main.s order by v";
    let expected = ["1|a|2013-01-01T09:00:00", "1|b|", "1|b|", "|c|", "|c|"];
    assert_eq!(bed.rows(history).await, expected);
}

#[tokio::test]
async fn names_of_versions_and_types_of_times_are_those_of_dbt() {
    let cases = [
        (
            "timestamp '2013-01-01 08:00:00'",
            "2013-01-01T08:00:00",
            "99942a8c8cdfd82967952b6b6b741155",
        ),
        (
            "date '2013-01-01'",
            "2013-01-01",
            "db4aa3d129c76b700e4f3f10fa46a770",
        ),
        (
            "'2013-01-01'",
            "2013-01-01",
            "db4aa3d129c76b700e4f3f10fa46a770",
        ),
    ];
    for (at, shown, scd_id) in cases {
        let bed = bed().await;
        let sql = format!("select 1 as id, 'a' as v, {at} as at");
        take(&bed, &timestamp(), &sql, MONDAY).await.unwrap();
        let first = bed
            .rows("select dbt_valid_from, dbt_scd_id from main.s")
            .await;
        assert_eq!(first, [format!("{shown}|{scd_id}")]);
    }
}

#[tokio::test]
async fn a_snapshot_with_moments_in_a_time_zone_goes_on_as_it_is() {
    let bed = bed().await;
    let zoned = "cast('2013-01-01 08:00:00' as timestamp with time zone)";
    let old = format!(
        "select 1 as id, 'a' as v, timestamp '2013-01-01 08:00:00' as at, 'x' as dbt_scd_id, {zoned} as dbt_updated_at, \
         {zoned} as dbt_valid_from, cast(null as timestamp with time zone) as dbt_valid_to"
    );
    bed.table("s", &old).await;
    let sql = |v: &str, at: &str| {
        format!("select 1 as id, '{v}' as v, timestamp '2013-01-01 {at}' as at")
    };
    let spec = timestamp();
    assert!(
        take(&bed, &spec, &sql("b", "08:00:00"), MONDAY)
            .await
            .unwrap()
            .skipped
    );
    take(&bed, &spec, &sql("b", "09:30:00"), MONDAY)
        .await
        .unwrap();
    assert_eq!(
        bed.rows(HISTORY).await,
        [
            "1|a|2013-01-01T08:00:00Z|2013-01-01T08:00:00Z|2013-01-01T09:30:00Z",
            "1|b|2013-01-01T09:30:00Z|2013-01-01T09:30:00Z|",
        ]
    );
}

#[tokio::test]
async fn columns_may_come_and_go() {
    let bed = bed().await;
    let spec = check(&[]);
    take(&bed, &spec, "select 1 as id, 'a' as v", MONDAY)
        .await
        .unwrap();
    take(&bed, &spec, "select 1 as id, 'a' as v, 9 as extra", TUESDAY)
        .await
        .unwrap();
    take(&bed, &spec, "select 1 as id, 'z' as v", WEDNESDAY)
        .await
        .unwrap();
    assert_eq!(
        bed.rows("select v, extra, dbt_valid_to is null from main.s order by dbt_valid_from")
            .await,
        ["a||false", "a|9|false", "z||true"]
    );
}

#[tokio::test]
async fn a_new_column_comes_before_a_row_has_changed() {
    let bed = bed().await;
    let spec = check(&["v"]);
    take(&bed, &spec, &rows("(1, 'a')"), MONDAY).await.unwrap();
    let wider = "select 1 as id, 'a' as v, 9 as more";
    take(&bed, &spec, wider, TUESDAY).await.unwrap();
    let all = "select id, v, more, dbt_valid_to from main.s";
    assert_eq!(bed.rows(all).await, ["1|a||"]);
    let version = bed.version("s").await;
    assert!(take(&bed, &spec, wider, WEDNESDAY).await.unwrap().skipped);
    assert_eq!(bed.version("s").await, version);
}

#[tokio::test]
async fn keys_of_several_columns_are_told_apart() {
    let bed = bed().await;
    let spec = Snapshot {
        unique_key: vec!["a".into(), "b".into()],
        ..check(&[])
    };
    let sql = "select * from (values ('x', 'y', 1), ('x', 'z', 2)) as t(a, b, v)";
    take(&bed, &spec, sql, MONDAY).await.unwrap();
    take(&bed, &spec, &sql.replace('2', "3"), TUESDAY)
        .await
        .unwrap();
    assert_eq!(
        bed.rows("select a, b, v from main.s where dbt_valid_to is null order by v")
            .await,
        ["x|y|1", "x|z|3"]
    );
    assert_eq!(
        bed.rows("select count(distinct dbt_scd_id) from main.s")
            .await,
        ["3"]
    );
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let bed = bed().await;
    let refused = |sql: String, spec: Snapshot| {
        let bed = &bed;
        async move {
            take(bed, &spec, &sql, MONDAY)
                .await
                .unwrap_err()
                .to_string()
        }
    };
    let text = refused(rows("(1, 'a')"), check(&["vv"])).await;
    assert!(text.contains("names the column 'vv'"), "{text}");
    assert!(text.contains("did you mean 'v'?"), "{text}");
    assert!(bed.lake.relations().await.unwrap().is_empty());
    bed.table("s", "select 1 as id").await;
    let text = refused(rows("(1, 'a')"), check(&[])).await;
    assert!(text.contains("main.s is no snapshot"), "{text}");
}

#[tokio::test]
async fn a_deleted_row_has_a_version_that_says_so_until_it_is_back() {
    let bed = bed().await;
    let spec = Snapshot {
        hard_deletes: HardDeletes::NewRecord,
        ..check(&["v"])
    };
    let both = rows("(1, 'a'), (2, 'b')");
    take(&bed, &spec, &both, MONDAY).await.unwrap();
    for day in [TUESDAY, WEDNESDAY] {
        take(&bed, &spec, &rows("(1, 'a')"), day).await.unwrap();
    }
    take(&bed, &spec, &both, THURSDAY).await.unwrap();
    let history = "select id, v, dbt_is_deleted, substr(cast(dbt_valid_from as varchar), 9, 2), \
                   substr(cast(dbt_valid_to as varchar), 9, 2) from main.s \
                   order by id, dbt_valid_from";
    assert_eq!(
        bed.rows(history).await,
        [
            "1|a|False|07|",
            "2|b|False|07|08",
            "2|b|True|08|10",
            "2|b|False|10|"
        ]
    );
}

#[tokio::test]
async fn the_end_of_what_is_valid_and_the_names_of_the_columns_can_be_chosen() {
    let bed = bed().await;
    let spec = Snapshot {
        valid_to_current: Some("cast('9999-12-31' as timestamp)".into()),
        names: SnapshotNames {
            valid_from: "since".into(),
            valid_to: "until".into(),
            ..SnapshotNames::default()
        },
        ..check(&["v"])
    };
    take(&bed, &spec, &rows("(1, 'a'), (2, 'b')"), MONDAY)
        .await
        .unwrap();
    take(&bed, &spec, &rows("(1, 'A'), (2, 'b')"), TUESDAY)
        .await
        .unwrap();
    let history = "select id, v, substr(cast(since as varchar), 1, 10), \
                   substr(cast(until as varchar), 1, 10) from main.s order by id, since";
    assert_eq!(
        bed.rows(history).await,
        [
            "1|a|2013-01-07|2013-01-08",
            "1|A|2013-01-08|9999-12-31",
            "2|b|2013-01-07|9999-12-31"
        ]
    );
}

#[tokio::test]
async fn an_added_column_is_numbered_where_the_query_has_its_name() {
    let bed = bed().await;
    let spec = Snapshot {
        strategy: SnapshotStrategy::Timestamp {
            updated_at: "dbt_updated_at".into(),
        },
        ..check(&[])
    };
    let rows = |n: u32| {
        format!(
            "select id, timestamp '2013-01-01' + interval {n} day as dbt_updated_at, 'x' as DBT_SCD_ID \
             from (values (1), (2)) as t(id)"
        )
    };
    for (n, now) in [(1, MONDAY), (2, TUESDAY)] {
        take(&bed, &spec, &rows(n), now).await.unwrap();
    }
    let history = "select id, dbt_updated_at, dbt_updated_at_1, dbt_valid_from, dbt_valid_to, \
                   length(dbt_scd_id_1) from main.s order by id, dbt_valid_from";
    let [first, second] = ["2013-01-02T00:00:00", "2013-01-03T00:00:00"];
    let expected: Vec<String> = [1, 2]
        .iter()
        .flat_map(|id| {
            [
                format!("{id}|{first}|{first}|{first}|{second}|32"),
                format!("{id}|{second}|{second}|{second}||32"),
            ]
        })
        .collect();
    assert_eq!(bed.rows(history).await, expected);
}

#[tokio::test]
async fn a_version_whose_end_is_the_querys_own_column_ends_as_the_row_says() {
    let bed = bed().await;
    let spec = check(&["v"]);
    let rows = |v: u32| {
        format!(
            "select id, 'k' || id as dbt_scd_id, case when id = 2 then timestamp '2013-02-02' end as dbt_valid_to, \
             {v} as v from (values (1), (2)) as t(id)"
        )
    };
    take(&bed, &spec, &rows(1), MONDAY).await.unwrap();
    take(&bed, &spec, &rows(2), TUESDAY).await.unwrap();
    // The second row was never open, so that it begins anew; the first one ends at no time.
    assert_eq!(
        bed.rows("select id, v, dbt_valid_to, dbt_valid_to_1 from main.s order by id, v")
            .await,
        [
            "1|1||",
            "1|2||",
            "2|1|2013-02-02T00:00:00|",
            "2|2|2013-02-02T00:00:00|"
        ]
    );
}
