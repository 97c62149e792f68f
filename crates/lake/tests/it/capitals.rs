//! Names in DuckDB's dialect: their capitals tell no two apart, and stay in the answer.

use arrow::record_batch::RecordBatch;
use forebay_lake::{Dialect, Executed, Lake};

use super::support::{lines, open_as};

async fn lake(folder: &tempfile::TempDir) -> Lake {
    let lake = open_as(folder, 64 << 20, Dialect::DuckDb).await;
    let tables =
        "create table \"Shops\" as select * from (values (2, 'b'), (1, 'a')) v(\"Id\", Name);
         create table plain as select 1 as id, {'Aa': 7} as nested";
    lake.execute(tables).await.unwrap();
    lake
}

async fn answer(lake: &Lake, sql: &str) -> (Vec<String>, Vec<RecordBatch>) {
    match lake.execute(sql).await {
        Ok(Executed::Rows(schema, rows)) => {
            let names = schema.fields().iter().map(|field| field.name().clone());
            (names.collect(), rows)
        }
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn columns_are_found_in_any_case_and_keep_the_spelling_of_their_table() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder).await;
    for (sql, names) in [
        ("select id, NAME from shops", "Id, Name"),
        (
            "select s.iD, \"nAmE\" from SHOPS s order by S.id",
            "Id, Name",
        ),
        ("select max(Id) from shops group by \"NAME\"", "max(Id)"),
        ("select ID as Id2, id2 + 1 as x from shops", "Id2, x"),
        (
            "with q as (select id as MyId from shops) select MYID from Q",
            "MyId",
        ),
        (
            "select * from shops join plain using (ID)",
            "Id, Name, nested",
        ),
        (
            "select * exclude (ID) replace (id::text as NAME) from shops",
            "NAME",
        ),
        (
            "select * rename (name as \"Label\") from shops",
            "Id, Label",
        ),
        (
            "select a.id, b.ID from shops a join shops b on a.Id = b.id",
            "Id, id_1",
        ),
        ("select id from shops union all select 5", "Id"),
        (
            "select name from shops union all by name select 5 as Id",
            "Name, Id",
        ),
        (
            "select * from shops pivot (sum(id) as Total for NAME in ('a', 'B'))",
            "a_Total, B_Total",
        ),
        (
            "select columns('^[A-I]'), columns('^[a-z]') from plain join shops using (id)",
            "Id, nested",
        ),
        ("select id, ID, name from shops", "Id, id_1, Name"),
        ("select nested.aA from plain", "aA"),
    ] {
        let (found, _) = answer(&lake, sql).await;
        let found: Vec<&str> = found
            .iter()
            .map(|name| name.rsplit('.').next().unwrap())
            .collect();
        assert_eq!(found.join(", "), names, "{sql}");
    }
    let (_, rows) = answer(
        &lake,
        "select * from shops unpivot (v for k in (ID)) order by v",
    )
    .await;
    assert_eq!(lines(&rows), ["a|Id|1", "b|Id|2"]);
}

#[tokio::test]
async fn statements_change_tables_and_columns_that_are_written_in_another_case() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder).await;
    let changes = "insert into shops (ID, \"name\") values (3, 'c');
         update SHOPS set NAME = 'z' where ID = 1;
         delete from shops where iD = 2;
         alter table shops rename column name to Label;
         create view \"Newest\" as select ID from SHOPS";
    lake.execute(changes).await.unwrap();
    let (names, rows) = answer(&lake, "select * from shops order by id").await;
    assert_eq!(names, ["Id", "Label"]);
    assert_eq!(lines(&rows), ["1|z", "3|c"]);
    let (names, _) = answer(&lake, "select id from newest").await;
    assert_eq!(names, ["Id"]);
    lake.execute("drop view newest; drop table SHOPS")
        .await
        .unwrap();
    let left: Vec<String> = lake
        .relations()
        .await
        .unwrap()
        .iter()
        .map(|r| r.to_string())
        .collect();
    assert_eq!(left, ["main.plain"]);
}

#[tokio::test]
async fn postgres_tells_quoted_names_apart() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 64 << 20, Dialect::Postgres).await;
    lake.execute("create table t as select 1 as \"Id\", 2 as id")
        .await
        .unwrap_err();
    lake.execute("create table t as select 1 as \"Id\"")
        .await
        .unwrap();
    assert!(lake.execute("select Id from t").await.is_err());
    let (names, _) = answer(&lake, "select \"Id\", \"Id\" as MyId from t").await;
    assert_eq!(names, ["Id", "myid"]);
}
