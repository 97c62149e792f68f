//! Files that queries read by their paths.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArrayType};
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::parquet::schema::parser::parse_message_type;
use forebay_lake::{Dialect, Lake};

use crate::support::{Place, lines, open_as, place};

fn put(place: &Place, name: &str, text: &str) {
    let path = place.folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn rows(lake: &Lake, sql: &str) -> Vec<String> {
    lines(&lake.collect(sql).await.unwrap())
}

#[tokio::test]
async fn a_csv_file_has_the_types_of_its_values() {
    let place = place().await;
    put(
        &place,
        "data/a.csv",
        "id,code,price,day,at,ok,note\n1,007,1.5,2024-01-31,2024-01-31 10:00:00,true,\"x, y\"\n2,010,,2024/2/1,2024-02-01T00:00:00.5,f,\n",
    );
    let sql = "select id + 1, code, price * 2, day + interval '1 day', at, not ok, note from 'data/a.csv' order by id";
    assert_eq!(
        place.rows(sql).await,
        [
            "2|007|3.0|2024-02-01T00:00:00|2024-01-31T10:00:00|false|x, y",
            "3|010|null|2024-02-02T00:00:00|2024-02-01T00:00:00.500|true|null"
        ]
    );
    // The name of the file is that of its columns.
    assert_eq!(
        place.rows("select max(a.id) from 'data/a.csv'").await,
        ["2"]
    );
}

#[tokio::test]
async fn a_delimiter_a_header_and_the_order_of_dates_are_found_or_said() {
    let place = place().await;
    put(&place, "semi.csv", "a;b\n1,5;31.12.2024\n2,5;01.02.2024\n");
    put(&place, "bare.csv", "1,x\n2,y\n");
    put(&place, "unclear.csv", "d\n01/02/2024\n");
    assert_eq!(
        place.rows("select a, b from 'semi.csv' order by b").await,
        ["2,5|2024-02-01", "1,5|2024-12-31"]
    );
    assert_eq!(
        place
            .rows("select column0, column1 from read_csv('bare.csv') where column0 > 1")
            .await,
        ["2|y"]
    );
    assert_eq!(
        place.rows("select * from read_csv_auto('bare.csv', names = ['n', 't'], nullstr = 'x') order by n").await,
        ["1|null", "2|y"]
    );
    // Days stand before months where both may be.
    assert_eq!(
        place.rows("select * from 'unclear.csv'").await,
        ["2024-02-01"]
    );
    assert_eq!(
        place
            .rows("select * from read_csv('unclear.csv', dateformat = '%m/%d/%Y')")
            .await,
        ["2024-01-02"]
    );
    assert_eq!(
        place
            .rows("select * from read_csv('unclear.csv', types = {'d': 'varchar'})")
            .await,
        ["01/02/2024"]
    );
}

#[tokio::test]
async fn many_files_are_one_table() {
    let place = place().await;
    put(&place, "p/2.csv", "id,x\n2,b\n");
    put(&place, "p/1.csv", "id,x\n1,a\n");
    put(&place, "p/other.csv", "id,y\n3,c\n");
    assert_eq!(
        place
            .rows("select * from read_csv('p/[12].csv', filename = true) order by id")
            .await
            .len(),
        2
    );
    let problem = place.problem("select * from 'p/*.csv'").await;
    assert!(problem.contains("other columns"), "{problem}");
    assert_eq!(
        place
            .rows("select id, x, y from read_csv('p/*.csv', union_by_name = true) order by id")
            .await,
        ["1|a|null", "2|b|null", "3|null|c"]
    );
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error_at_its_place() {
    let place = place().await;
    put(
        &place,
        "late.csv",
        &format!("id\n{}x\n", "1\n".repeat(30_000)),
    );
    let problem = place.problem("select sum(id) from 'late.csv'").await;
    assert!(
        problem.contains("'x' is no bigint") && problem.contains("late.csv:30002:1"),
        "{problem}"
    );
    put(&place, "short.csv", "a,b\n1,2\n3\n");
    let problem = place.problem("select * from 'short.csv'").await;
    assert!(problem.contains("number of fields"), "{problem}");
    for (sql, why) in [
        ("select * from 'none.csv'", "there is no file"),
        ("select * from 'none*.csv'", "no file matches"),
        (
            "select * from 's3://bucket/x.parquet'",
            "not on this machine",
        ),
        ("select * from 'notes.txt'", "no kind of file"),
        (
            "select * from read_csv('short.csv', heder = true)",
            "did you mean 'header'?",
        ),
    ] {
        let problem = place.problem(sql).await;
        assert!(problem.contains(why), "{sql}: {problem}");
    }
}

#[tokio::test]
async fn json_files_keep_their_objects_and_lists() {
    let place = place().await;
    put(
        &place,
        "a.json",
        r#"[{"id": 1, "who": {"name": "x", "age": 3}, "tags": ["a", "b"], "day": "2024-01-02"},
            {"id": 2, "who": null, "tags": [], "day": null, "more": 1.5}]"#,
    );
    put(&place, "b.ndjson", "{\"v\": 1}\n{\"v\": \"one\"}\n");
    assert_eq!(
        place
            .rows("select id, who['name'], tags[2], day + 1, more from 'a.json' order by id")
            .await,
        ["1|x|b|2024-01-03|null", "2|null|null|null|1.5"]
    );
    assert_eq!(
        place.rows("select v from read_json_auto('b.ndjson')").await,
        ["1", "\"one\""]
    );
}

#[tokio::test]
async fn rows_are_copied_into_files() {
    let place = place().await;
    for sql in [
        "create table main.t as select 1 as id, 'a' as name union all select 2, null",
        "copy main.t to 'out/t.parquet'",
        "copy (select * from main.t order by id) to 'out/t.csv' (format csv, header, delimiter ';', compression none)",
        "COPY main.t (id) TO 'out/t.json' WITH (FORMAT 'json')",
    ] {
        place.execute(sql).await.unwrap();
    }
    let text = |file: &str| fs::read_to_string(place.folder.path().join(file)).unwrap();
    assert_eq!(text("out/t.csv"), "id;name\n1;a\n2;\n");
    assert_eq!(
        place.rows("from 'out/t.parquet' order by id").await,
        ["1|a", "2|null"]
    );
    assert_eq!(
        place.rows("from 'out/t.json' order by id").await,
        ["1", "2"]
    );
}

/// A row of what other programs write and the engine's own schema has no types for.
fn write_foreign_parquet(path: &Path) {
    let schema = "message m {
        required binary j (JSON);
        required group s { required binary x (JSON); required binary y (STRING); }
        required fixed_len_byte_array(16) u (UUID);
        required fixed_len_byte_array(12) i (INTERVAL);
        required binary b;
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let uuid: Vec<u8> = (0..16).collect();
    let texts: [&[u8]; 6] = [br#"{"a": 1}"#, b"[7]", b"y", &uuid, &[1; 12], &[0xaa, b'a']];
    for (at, text) in texts.into_iter().enumerate() {
        let mut column = group.next_column().unwrap().unwrap();
        let bytes = ByteArray::from(text);
        let written = match at {
            3 | 4 => {
                column
                    .typed::<FixedLenByteArrayType>()
                    .write_batch(&[bytes.into()], None, None)
            }
            _ => column
                .typed::<ByteArrayType>()
                .write_batch(&[bytes], None, None),
        };
        assert_eq!(written.unwrap(), 1);
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[tokio::test]
async fn what_parquet_says_of_its_values_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    write_foreign_parquet(&folder.path().join("f.parquet"));
    let lake = open_as(&folder, 256 << 20, Dialect::DuckDb).await;
    for (sql, expected) in [
        ("select j.a, s.x[0], s.y from 'f.parquet'", "1|7|y"),
        (
            "select typeof(j), typeof(s.x), typeof(b) from 'f.parquet'",
            "JSON|JSON|BLOB",
        ),
        (
            "select u, b::varchar from 'f.parquet'",
            r"00010203-0405-0607-0809-0a0b0c0d0e0f|\xAAa",
        ),
        ("select count(*) from 'f.parquet'", "1"),
    ] {
        assert_eq!(rows(&lake, sql).await, [expected], "{sql}");
    }
    let problem = lake.collect("select i from 'f.parquet'").await.unwrap_err();
    assert_eq!(
        problem.message,
        "the column \"i\" of a Parquet file holds intervals, which cannot be read (line 1, column 8)"
    );
}

#[tokio::test]
async fn parquet_files_have_the_columns_of_all_of_them_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 256 << 20, Dialect::DuckDb).await;
    for copy in [
        "copy (select 1 as n, 'x' as only_here) to 'a.parquet'",
        "copy (select 2.5::double as n, 7 as m) to 'b.parquet'",
    ] {
        lake.execute(copy).await.unwrap();
    }
    let all =
        "select * from read_parquet(['a.parquet', 'b.parquet'], union_by_name = true) order by n";
    assert_eq!(rows(&lake, all).await, ["1.0|x|null", "2.5|null|7"]);
}

#[tokio::test]
async fn parquet_files_are_read_and_views_keep_reading_them() {
    let place = place().await;
    place
        .execute("create table main.t as select 1 as id, 'a' as name, '7' as n, '2024-01-02' as d")
        .await
        .unwrap();
    let found = fs::read_dir(place.folder.path().join("warehouse/main/t")).unwrap();
    let file = found
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| ext == "parquet"))
        .unwrap();
    fs::copy(file, place.folder.path().join("t.parquet")).unwrap();
    assert_eq!(
        place.rows("select t.* from 't.parquet'").await,
        ["1|a|7|2024-01-02"]
    );
    assert_eq!(place.rows("select t.id from \"./t.parquet\"").await, ["1"]);
    let quoted = "select id from parquet_scan(\"t.parquet\")";
    assert_eq!(place.rows(quoted).await, ["1"]);
    let up = "select id from read_parquet('warehouse/../*.parquet')";
    assert_eq!(place.rows(up).await, ["1"]);
    // Texts come from a file as views of its bytes.
    let casts =
        "select cast(n as integer) + 1, n::double, try_cast(n as bigint), d::date from 't.parquet'";
    assert_eq!(place.rows(casts).await, ["8|7.0|7|2024-01-02"]);
    place
        .execute("create view main.v as select name from read_parquet('t.parquet')")
        .await
        .unwrap();
    let guest = place.without_files();
    assert_eq!(rows(&guest, "select * from main.v").await, ["a"]);
    let Err(problem) = guest.collect("select * from 't.parquet'").await else {
        panic!("a guest read a file");
    };
    assert!(
        problem.to_string().contains("files cannot be read here"),
        "{problem}"
    );
}

async fn duckdb_place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 256 << 20, Dialect::DuckDb).await;
    Place { folder, lake }
}

#[tokio::test]
async fn the_dates_of_a_file_are_written_in_one_way() {
    let place = duckdb_place().await;
    for (first, second, found) in [
        ("1/4/2024", "2/3/2024", "DATE|2024-03-02"),
        ("1/4/2024", "2/13/2024", "DATE|2024-01-04"),
        ("13/04/24", "02/03/24", "DATE|2002-03-24"),
        ("2/13/24", "1/4/24", "DATE|2024-01-04"),
        (
            "13/1/2024 10:00:00",
            "2/3/2024 11:00:00",
            "TIMESTAMP|2024-01-13 10:00:00",
        ),
        (
            "1/13/2024 1:05:00 PM",
            "2/3/2024 11:00:00 am",
            "TIMESTAMP|2024-01-13 13:05:00",
        ),
        (
            "2024-01-04 10:00:00 UTC",
            "2024-01-05 10:00:00 UTC",
            "TIMESTAMP|2024-01-04 10:00:00",
        ),
        // What is written in no such way is text.
        (
            "1/13/2024 10:00",
            "2/3/2024 11:00",
            "VARCHAR|1/13/2024 10:00",
        ),
        ("1/4/2024", "2024-01-05", "VARCHAR|1/4/2024"),
    ] {
        put(&place, "d.csv", &format!("id,d\n0,{first}\n1,{second}\n"));
        assert_eq!(
            place
                .rows("select typeof(d), min(d)::varchar from 'd.csv' group by 1")
                .await,
            [found]
        );
    }
    put(
        &place,
        "two.csv",
        "a,d\n2024-01-04,13/4/2024\n2024-01-05,2/3/2024\n",
    );
    assert_eq!(
        place
            .rows("select distinct typeof(a), typeof(d) from 'two.csv'")
            .await,
        ["DATE|VARCHAR"]
    );
}

#[tokio::test]
async fn formats_of_dates_may_be_said() {
    let place = place().await;
    put(&place, "f.csv", "d,t\n04-Jan-2024,1/13/2024 10:05\n");
    let sql = "select d, t from read_csv('f.csv', dateformat = '%d-%b-%Y', timestampformat = '%m/%d/%Y %H:%M')";
    assert_eq!(place.rows(sql).await, ["2024-01-04|2024-01-13T10:05:00"]);
}

#[tokio::test]
async fn quotes_escapes_and_comments_are_found_or_said() {
    let place = place().await;
    put(&place, "escaped.csv", "a,b\n\"x \\\"q\\\" y\",2\n");
    put(&place, "single.csv", "a,b\n'x,y',2\n'it''s',3\n");
    put(
        &place,
        "comments.csv",
        "# made by hand\na,b\n1,2\n# more\n3,4\n",
    );
    assert_eq!(
        place.rows("select * from 'escaped.csv'").await,
        ["x \"q\" y|2"]
    );
    for sql in [
        "select * from 'single.csv' order by b",
        "select * from read_csv('single.csv', quote = '''') order by b",
    ] {
        assert_eq!(place.rows(sql).await, ["x,y|2", "it's|3"]);
    }
    for sql in [
        "select * from 'comments.csv' order by a",
        "select * from read_csv('comments.csv', comment = '#') order by a",
    ] {
        assert_eq!(place.rows(sql).await, ["1|2", "3|4"]);
    }
    assert_eq!(
        place
            .rows("select * from read_csv('single.csv', quote = '', delim = ';')")
            .await,
        ["'x,y',2", "'it''s',3"]
    );
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_left_out_or_filled_up_where_that_is_said() {
    let place = place().await;
    put(&place, "short.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n");
    put(&place, "wrong.csv", "a,b\n1,2\nx,3\n4,5\n");
    let short = async |how: &str| {
        let sql = format!("select * from read_csv('short.csv', {how} = true) order by a");
        place.rows(&sql).await
    };
    assert_eq!(short("null_padding").await, ["1|2|3", "4|5|null", "6|7|8"]);
    assert_eq!(short("ignore_errors").await, ["1|2|3", "6|7|8"]);
    let typed = "read_csv('wrong.csv', types = {'a': 'int'}";
    assert_eq!(
        place
            .rows(&format!(
                "select * from {typed}, ignore_errors = true) order by a"
            ))
            .await,
        ["1|2", "4|5"]
    );
    let strict = place.problem(&format!("select * from {typed})")).await;
    assert!(strict.contains("'x'"), "{strict}");
    let late: String = (0..30_000).map(|n| format!("{n}\n")).collect();
    put(&place, "late.csv", &format!("n\n{late}x\n"));
    assert_eq!(
        place
            .rows("select count(*), max(n) from read_csv('late.csv', sample_size = -1)")
            .await,
        ["30001|x"]
    );
}

#[tokio::test]
async fn names_are_normalised() {
    let place = place().await;
    let header = "My Col,Ünit Price ($),1st,Name,a.b,my col";
    put(&place, "n.csv", &format!("{header}\n1,2,3,4,5,6\n"));
    let sql = "select my_col, unit_price, _1st, _name, ab, my_col_1 from read_csv('n.csv', normalize_names = true)";
    assert_eq!(place.rows(sql).await, ["1|2|3|4|5|6"]);
}

#[tokio::test]
async fn names_of_folders_are_columns() {
    let place = place().await;
    for (year, month, id) in [(2023, "01", 1), (2024, "x", 2)] {
        let folder = format!("h/year={year}/month={month}");
        put(
            &place,
            &format!("{folder}/a.csv"),
            &format!("id,v\n{id},a\n"),
        );
        let json = format!("{{\"id\": {id}, \"v\": \"a\"}}\n");
        put(&place, &format!("{folder}/a.json"), &json);
        let to = format!("copy (select {id} as id, 'a' as v) to '{folder}/a.parquet'");
        place.execute(&to).await.unwrap();
    }
    for format in ["csv", "json", "parquet"] {
        let read = format!("read_{format}('h/*/*/*.{format}'");
        assert_eq!(
            place
                .rows(&format!(
                    "select id, v, month, year + 1 from {read}) order by id"
                ))
                .await,
            ["1|a|01|2024", "2|a|x|2025"],
            "{format}"
        );
        assert_eq!(
            place
                .rows(&format!(
                    "select * from {read}, hive_partitioning = false, filename = true) where id = 2"
                ))
                .await,
            [format!("2|a|h/year=2024/month=x/a.{format}")]
        );
        let typed = format!("{read}, hive_types = {{'year': 'varchar'}})");
        assert_eq!(
            place
                .rows(&format!("select id from {typed} where year = '2024'"))
                .await,
            ["2"]
        );
    }
}

#[tokio::test]
async fn files_are_rows_of_names_and_contents() {
    let place = place().await;
    put(&place, "t/a.txt", "one\n");
    put(&place, "t/b.txt", "two");
    assert_eq!(
        place
            .rows("select file from glob('t/*.txt') order by 1")
            .await,
        ["t/a.txt", "t/b.txt"]
    );
    assert!(place.rows("select * from glob('t/*.csv')").await.is_empty());
    assert_eq!(
        place
            .rows("select filename, content, size from read_text('t/*.txt') where size = 3")
            .await,
        ["t/b.txt|two|3"]
    );
    put(&place, "o.json", "{\"a\": 1}\n{\"a\": 2}\n");
    assert_eq!(
        place
            .rows("select json->>'a' from read_json_objects('o.json') order by 1")
            .await,
        ["1", "2"]
    );
    let typed = "columns = {'b': 'int', 'a': 'varchar'}";
    assert_eq!(
        place
            .rows(&format!(
                "select * from read_json('o.json', {typed}) order by a"
            ))
            .await,
        ["null|1", "null|2"]
    );
}

/// As DuckDB 2.0 has them.
#[tokio::test]
async fn json_values_have_the_types_that_duckdb_finds() {
    let place = place().await;
    let duckdb = open_as(&place.folder, 256 << 20, Dialect::DuckDb).await;
    let kinds = [
        (&["1", "2.5"][..], "DOUBLE", &["1.0", "2.5"][..]),
        (&["1", "true"], "JSON", &["1", "true"]),
        (&["1", "\"x\"", "null"], "JSON", &["1", "\"x\"", "null"]),
        (&["{\"x\":1}", "5"], "JSON", &["{\"x\":1}", "5"]),
        (&["{\"x\":1}", "{\"x\":\"s\"}"], "STRUCT(x JSON)", &[]),
        (&["[]", "[1]"], "BIGINT[]", &["[]", "[1]"]),
        (&["[]"], "JSON[]", &["[]"]),
        (&["[1,\"x\"]"], "JSON[]", &[]),
        (&["{}"], "MAP(VARCHAR, JSON)", &["{}"]),
        (
            &["{}", "{\"x\":1}"],
            "STRUCT(x BIGINT)",
            &["{'x': NULL}", "{'x': 1}"],
        ),
        (
            &["\"4-4-2\"", "\"25-12-2024\""],
            "DATE",
            &["2004-04-02", "2024-12-25"],
        ),
        (&["\"4-4-2\"", "\"x\""], "VARCHAR", &["4-4-2", "x"]),
        (&["\"1:1\"", "\"12:3\""], "VARCHAR", &["1:1", "12:3"]),
        (
            &["\"1:2:3\"", "\"10:05\""],
            "TIME",
            &["01:02:03", "10:05:00"],
        ),
        (
            &["\"2024-01-02 3:4:5\""],
            "TIMESTAMP",
            &["2024-01-02 03:04:05"],
        ),
        (
            &["\"2024-01-02T03:04:05.5\""],
            "VARCHAR",
            &["2024-01-02T03:04:05.5"],
        ),
        (
            &["\"2024-01-02T03:04Z\"", "\"2024-01-02 03:04:05+02:00\""],
            "TIMESTAMP WITH TIME ZONE",
            &["2024-01-02 03:04:00+00", "2024-01-02 01:04:05+00"],
        ),
        (
            &["\"F47AC10B-58CC-4372-A567-0E02B2C3D479\""],
            "VARCHAR",
            &["f47ac10b-58cc-4372-a567-0e02b2c3d479"],
        ),
    ];
    for (values, kind, texts) in kinds {
        let text: Vec<String> = values.iter().map(|v| format!("{{\"a\":{v}}}")).collect();
        put(&place, "k.json", &text.join("\n"));
        let found = rows(&duckdb, "select distinct typeof(a) from 'k.json'").await;
        assert_eq!(found, [kind], "{values:?}");
        if !texts.is_empty() {
            let found = rows(&duckdb, "select a::varchar from 'k.json'").await;
            assert_eq!(found, texts, "{values:?}");
        }
    }
}

#[tokio::test]
async fn json_objects_whose_keys_are_data_are_maps() {
    let place = place().await;
    let duckdb = open_as(&place.folder, 256 << 20, Dialect::DuckDb).await;
    let lines = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|i| line(i) + "\n").collect()
    };
    put(
        &place,
        "many.json",
        &lines(20, &|i| format!("{{\"m\":{{\"k{i}\":{i}}}}}")),
    );
    assert_eq!(
        rows(
            &duckdb,
            "select typeof(m), map_keys(m)[1], m['k3'] from 'many.json' where m['k3'] is not null"
        )
        .await,
        ["MAP(VARCHAR, BIGINT)|k3|3"]
    );
    put(
        &place,
        "few.json",
        &lines(9, &|i| format!("{{\"m\":{{\"k{i}\":{i}}}}}")),
    );
    assert_eq!(
        rows(&duckdb, "select max(m.k8) from 'few.json'").await,
        ["8"]
    );
    let keys = |count: usize, value: &dyn Fn(usize) -> String| {
        let pairs: Vec<String> = (0..count)
            .map(|i| format!("\"k{i}\":{}", value(i)))
            .collect();
        format!("{{{}}}", pairs.join(","))
    };
    put(&place, "wide.json", &keys(250, &|i| i.to_string()));
    assert_eq!(
        rows(
            &duckdb,
            "select typeof(json), json['k249'] from 'wide.json'"
        )
        .await,
        ["MAP(VARCHAR, BIGINT)|249"]
    );
    put(
        &place,
        "rows.json",
        &keys(250, &|i| {
            if i % 2 == 0 {
                "1".into()
            } else {
                "\"x\"".into()
            }
        }),
    );
    assert_eq!(
        rows(&duckdb, "select k0, k249 from 'rows.json'").await,
        ["1|x"]
    );
    put(&place, "one.json", "{\"a\":1,\"A\":2}\nnull\n");
    assert_eq!(
        rows(&duckdb, "select a, a_1 from 'one.json'").await,
        ["1|2", "null|null"]
    );
    // Types that are asked for are read from the text.
    put(
        &place,
        "given.json",
        "{\"a\":\"4-4-2\",\"b\":\"x\",\"m\":{\"k\":1}}\n{\"a\":7,\"b\":{\"x\":1}}\n",
    );
    let asked = "columns = {'a': 'varchar', 'b': 'json', 'm': 'map(varchar, int)'}";
    assert_eq!(
        rows(
            &duckdb,
            &format!("select a, b ->> '$', m['k'] from read_json('given.json', {asked})")
        )
        .await,
        ["4-4-2|x|1", "7|{\"x\":1}|null"]
    );
}
