//! Tables that other programs wrote: what their logs say beside the files counts.

use std::fs;

use forebay_lake::WriteMode;
use serde_json::{Value, json};

use crate::support::{Place, place};

/// A table of the lake's file with the rows 1 and 2 of `id`, below another program's log.
async fn table(protocol: Value, schema: Value, configuration: Value, partitions: Value) -> Place {
    let place = place().await;
    let rows = "SELECT id::bigint AS id FROM (VALUES (1), (2)) AS v (id)";
    place
        .sql("main.own", WriteMode::Append, rows)
        .await
        .unwrap();
    let schemas = place.folder.path().join("warehouse/main");
    let names = fs::read_dir(schemas.join("own")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let file = names.into_iter().find(|name| name.ends_with(".parquet"));
    let file = file.unwrap();
    let log = schemas.join("foreign/_delta_log");
    fs::create_dir_all(&log).unwrap();
    fs::copy(
        schemas.join("own").join(&file),
        schemas.join("foreign").join(&file),
    )
    .unwrap();
    let size = fs::metadata(schemas.join("foreign").join(&file))
        .unwrap()
        .len();
    let columns: Vec<_> = partitions.as_object().unwrap().keys().collect();
    let schema = json!({"type": "struct", "fields": schema}).to_string();
    let actions = [
        json!({"protocol": protocol}),
        json!({"metaData": {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": schema,
            "partitionColumns": columns, "configuration": configuration, "createdTime": 0}}),
        json!({"add": {"path": file, "partitionValues": partitions, "size": size, "modificationTime": 0,
            "dataChange": true, "stats": json!({"numRecords": 2}).to_string()}}),
    ];
    fs::write(
        log.join("00000000000000000000.json"),
        actions.map(|a| a.to_string()).join("\n"),
    )
    .unwrap();
    place
}

fn column(name: &str, of: &str, metadata: Value) -> Value {
    json!({"name": name, "type": of, "nullable": true, "metadata": metadata})
}

#[tokio::test]
async fn columns_that_lie_in_no_file_are_read_from_the_log() {
    let schema = json!([
        column("id", "long", json!({})),
        column("day", "string", json!({}))
    ]);
    let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
    let place = table(protocol, schema, json!({}), json!({"day": "monday"})).await;
    let rows = place
        .rows("SELECT day, id FROM main.foreign ORDER BY id")
        .await;
    assert_eq!(rows, ["monday|1", "monday|2"]);
    assert_eq!(
        place
            .rows("SELECT count(*) FROM main.foreign WHERE day = 'tuesday'")
            .await,
        ["0"]
    );
}

#[tokio::test]
async fn columns_that_have_another_name_in_the_files_are_read_by_it() {
    let mapped = json!({"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "id"});
    let schema = json!([column("number", "long", mapped)]);
    let protocol = json!({"minReaderVersion": 2, "minWriterVersion": 5});
    let mode = json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"});
    let place = table(protocol, schema, mode, json!({})).await;
    assert_eq!(
        place
            .rows("SELECT number FROM main.foreign ORDER BY 1")
            .await,
        ["1", "2"]
    );
}

#[tokio::test]
async fn a_column_that_a_file_lacks_is_null_in_its_rows() {
    let schema = json!([
        column("added", "string", json!({})),
        column("id", "long", json!({}))
    ]);
    let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
    let place = table(protocol, schema, json!({}), json!({})).await;
    assert_eq!(
        place.rows("SELECT * FROM main.foreign ORDER BY id").await,
        ["null|1", "null|2"]
    );
    assert_eq!(
        place
            .rows("SELECT count(added), max(id) FROM main.foreign")
            .await,
        ["0|2"]
    );
}
