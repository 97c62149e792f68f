//! Seeds, read as dbt reads them.

use forebay_core::graph::Seed;
use forebay_core::{Diagnostic, Spec};
use forebay_lake::{Dialect, Written};
use forebay_transform::seed;
use indexmap::IndexMap;

use crate::support::{Bed, bed, bed_of, node};

async fn load(bed: &Bed, text: &str, types: &[(&str, &str)]) -> Result<Written, Diagnostic> {
    load_named(bed, text, types, true).await
}

async fn load_named(
    bed: &Bed,
    text: &str,
    types: &[(&str, &str)],
    quote_columns: bool,
) -> Result<Written, Diagnostic> {
    std::fs::create_dir_all(bed.root.join("seeds")).unwrap();
    std::fs::write(bed.root.join("seeds/codes.csv"), text).unwrap();
    let types = types
        .iter()
        .map(|(name, kind)| ((*name).into(), (*kind).into()));
    let spec = Seed {
        column_types: IndexMap::from_iter(types),
        delimiter: ',',
        quote_columns,
    };
    let node = node("codes", "seeds/codes.csv", Spec::Seed(spec.clone()));
    seed(&bed.lake, &bed.root, &node, &spec).await
}

async fn types(bed: &Bed, columns: &[&str]) -> Vec<String> {
    let typed: Vec<String> = columns
        .iter()
        .map(|c| format!("arrow_typeof({c})"))
        .collect();
    bed.rows(&format!(
        "select {} from main.codes limit 1",
        typed.join(", ")
    ))
    .await
}

#[tokio::test]
async fn types_are_inferred() {
    let bed = bed().await;
    let text = "code,share,open,since,none,note\n007,1,true,2013-01-01,,x\n12,2.5,False,2013-01-02,,\n8,null,,,,\n";
    assert_eq!(load(&bed, text, &[]).await.unwrap().rows, 3);
    assert_eq!(
        bed.rows("select * from main.codes order by code").await,
        [
            "7|1.0|true|2013-01-01||x",
            "8|||||",
            "12|2.5|false|2013-01-02||"
        ]
    );
    assert_eq!(
        types(&bed, &["code", "share", "open", "since", "none", "note"]).await,
        ["Int32|Float64|Boolean|Date32|Int32|Utf8"]
    );
    // Once more, and with other rows: the table is the file.
    load(&bed, "code\n1\n", &[]).await.unwrap();
    assert_eq!(bed.rows("select * from main.codes").await, ["1"]);
}

#[tokio::test]
async fn a_row_that_is_too_short_is_refused_as_in_duckdb_and_filled_up_elsewhere() {
    let text = "a,b,c\n1,2,3\n4,5\n";
    let bed = bed_of(Dialect::DuckDb).await;
    let problem = load(&bed, text, &[]).await.unwrap_err();
    assert_eq!(problem.message, "the row has 2 fields, the header has 3");
    assert_eq!(problem.location.unwrap().line, 3);
    let bed = bed_of(Dialect::Postgres).await;
    load(&bed, text, &[]).await.unwrap();
    assert_eq!(
        bed.rows("select * from main.codes order by a").await,
        ["1|2|3", "4|5|"]
    );
}

#[tokio::test]
async fn whole_numbers_are_integers_however_they_are_written() {
    let bed = bed().await;
    let text = "a,b,c,d\n1.0,1e5,3e10,2.0\n2.0,-2,1,2.5\n";
    load(&bed, text, &[]).await.unwrap();
    assert_eq!(
        types(&bed, &["a", "b", "c", "d"]).await,
        ["Int32|Int32|Int64|Float64"]
    );
    assert_eq!(
        bed.rows("select * from main.codes order by a").await,
        ["1|100000|30000000000|2.0", "2|-2|1|2.5"]
    );
}

#[tokio::test]
async fn stated_types_win() {
    let bed = bed().await;
    let text = "code,price,count,at\n007,1.10,3,2013-01-01\n";
    let stated = [
        ("code", "varchar(3)"),
        ("PRICE", "numeric(10,2)"),
        ("count", "integer"),
        ("at", "timestamp"),
    ];
    load(&bed, text, &stated).await.unwrap();
    assert_eq!(
        bed.rows("select * from main.codes").await,
        ["007|1.10|3|2013-01-01T00:00:00"]
    );
    assert_eq!(
        types(&bed, &["code", "price", "count"]).await,
        ["Utf8|Decimal128(10, 2)|Int32"]
    );
}

#[tokio::test]
async fn stated_truth_values_are_read_in_every_way_of_writing_them() {
    let bed = bed().await;
    let text = "a,b\nt,0\nF,yes\nTrue,n\n";
    load(&bed, text, &[("a", "boolean"), ("b", "bool")])
        .await
        .unwrap();
    assert_eq!(
        bed.rows("select * from main.codes").await,
        ["true|false", "false|true", "true|false"]
    );
}

#[tokio::test]
async fn what_is_stated_otherwise_than_it_is_written_is_cast_as_duckdb_does() {
    let bed = bed_of(Dialect::DuckDb).await;
    let text = "a,b,c\n1.5,1.0,2024-01-02 10:00:00\n-2.5,3.0,2024-01-03\n";
    let stated = [("a", "integer"), ("b", "bigint"), ("c", "date")];
    load(&bed, text, &stated).await.unwrap();
    assert_eq!(
        bed.rows("select * from main.codes order by a").await,
        ["-3|3|2024-01-03", "2|1|2024-01-02"]
    );
    let problem = load(&bed, "a\n1.5\nx\n", &[("a", "integer")]).await;
    assert_eq!(
        problem.unwrap_err().message,
        "a: '1.5' is not of type integer"
    );
}

#[tokio::test]
async fn decimals_may_have_an_exponent() {
    let bed = bed().await;
    load(&bed, "code\n1e3\n2.5\n", &[("code", "decimal(18,2)")])
        .await
        .unwrap();
    assert_eq!(
        bed.rows("select * from main.codes").await,
        ["1000.00", "2.50"]
    );
}

#[tokio::test]
async fn types_of_columns_that_other_seeds_have_do_not_matter() {
    let bed = bed().await;
    load(&bed, "code\n1\n", &[("price", "integer")])
        .await
        .unwrap();
    assert_eq!(bed.rows("select * from main.codes").await, ["1"]);
}

#[tokio::test]
async fn what_does_not_fit_is_placed_and_the_table_stays() {
    let bed = bed().await;
    load(&bed, "code\n1\n", &[]).await.unwrap();
    for (text, types, expected) in [
        (
            "code\n1\nx\n",
            &[("code", "integer")][..],
            "code: 'x' is not of type integer\n  --> seeds/codes.csv:3:1",
        ),
        (
            "code\n3000000000\n",
            &[("code", "integer")],
            "code: '3000000000' does not fit the type integer\n  --> seeds/codes.csv:2",
        ),
        (
            "code\n1,2\n",
            &[],
            "the row has 2 fields, the header has 1\n  --> seeds/codes.csv:2:3",
        ),
        (
            "code\n1\n",
            &[("code", "integr")],
            "the type 'integr', which is unknown",
        ),
    ] {
        let text = load(&bed, text, types).await.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(bed.rows("select * from main.codes").await, ["1"]);
}

#[tokio::test]
async fn a_zone_behind_a_timestamp_without_one_says_nothing() {
    let bed = bed().await;
    let text = "t,guessed\n2024-12-11 05:13:33.444 +00:00,2024-12-11T05:13:33+02\n2024-12-11 05:13:33 UTC,2024-12-11T05:13:33Z\n";
    load(&bed, text, &[("t", "timestamp")]).await.unwrap();
    assert_eq!(
        bed.rows("select t, guessed from main.codes").await,
        [
            "2024-12-11T05:13:33.444|2024-12-11T05:13:33",
            "2024-12-11T05:13:33|2024-12-11T05:13:33"
        ]
    );
    load(
        &bed,
        text,
        &[("t", "timestamptz"), ("guessed", "timestamptz")],
    )
    .await
    .unwrap_err();
}

#[tokio::test]
async fn columns_without_a_name_or_with_one_that_is_taken_get_another() {
    let bed = bed().await;
    let names = "select column_name from information_schema.columns where table_name = 'codes' order by ordinal_position";
    for (header, quoted, expected) in [
        (",x,", true, vec!["a", "x", "c"]),
        ("x,\"\",y", true, vec!["x", "b", "y"]),
        (",a,x", true, vec!["a", "a_2", "x"]),
        ("x,x,x", true, vec!["x", "x_2", "x_3"]),
        ("x, y ,z", true, vec!["x", " y ", "z"]),
        ("x, y ,z", false, vec!["x", "y", "z"]),
    ] {
        let text = format!("{header}\n1,2,3\n");
        load_named(&bed, &text, &[], quoted).await.unwrap();
        assert_eq!(bed.rows(names).await, expected, "{header}");
    }
    let capitals = load(&bed, "x,X\n1,2\n", &[]).await.unwrap_err();
    assert!(capitals.to_string().contains("twice"), "{capitals}");
}
