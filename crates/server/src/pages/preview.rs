//! How a file is shown, from its name and its beginning.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_lake::exchange;
use forebay_ui::page::{Grid, GridColumn, View};
use serde_json::Value;

const ROWS: usize = 200;
const COLUMNS: usize = 100;
/// Characters of one value.
const LONGEST: usize = 500;
/// Characters of a text that a browser shows at once.
const TEXT: usize = 256 << 10;

/// `cut`: the file goes on after its head.
pub fn view(path: &str, head: &[u8], cut: bool) -> View {
    let end = path
        .rsplit_once('.')
        .map_or(String::new(), |(_, end)| end.to_ascii_lowercase());
    let Some(text) = text(head, cut) else {
        return View::Nothing("This is no text and no picture: download it to open it.".to_owned());
    };
    match end.as_str() {
        "csv" => delimited(text, ',', cut),
        "tsv" => delimited(text, '\t', cut),
        "json" if !cut => json(text),
        "html" | "htm" => {
            let (text, cut) = clip(text, cut);
            View::Page { text, cut }
        }
        _ => plain(text, cut),
    }
}

/// The first rows of a Parquet file.
pub fn parquet(place: &Path) -> View {
    let grid = exchange::first_rows(place, ROWS + 1, COLUMNS + 1).ok();
    match grid.and_then(|batches| grid_of(&batches)) {
        Some(grid) => View::Table(grid),
        None => View::Nothing("Its rows cannot be shown: download it to open it.".to_owned()),
    }
}

/// None where there are no rows, or values of no text.
fn grid_of(batches: &[RecordBatch]) -> Option<Grid> {
    let schema = batches.first()?.schema();
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Result<Vec<_>, _> = batch
            .columns()
            .iter()
            .map(|column| Ok((column, ArrayFormatter::try_new(column, &options)?)))
            .collect::<Result<_, arrow::error::ArrowError>>();
        let columns = columns.ok()?;
        rows.extend((0..batch.num_rows()).map(|row| {
            let cell = |(column, text): &(&arrow::array::ArrayRef, ArrayFormatter<'_>)| {
                (!column.is_null(row)).then(|| text.value(row).to_string())
            };
            columns.iter().map(cell).collect::<Vec<_>>()
        }));
    }
    let names = schema.fields().iter().map(|field| field.name().clone());
    Some(grid(names.collect(), rows, false))
}

/// The head as text, without a last character that is cut. None where it has bytes of no text.
fn text(head: &[u8], cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if cut && head.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

fn plain(text: &str, cut: bool) -> View {
    let (text, cut) = clip(text, cut);
    View::Text { text, cut }
}

fn clip(text: &str, cut: bool) -> (String, bool) {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => (text[..end].to_owned(), true),
        None => (text.to_owned(), cut),
    }
}

/// Tables as MLflow logs them (`{"columns": [...], "data": [[...]]}`) and lists of equal objects are
/// grids; other JSON is set out in lines.
fn json(text: &str) -> View {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return plain(text, false);
    };
    match split_table(&value).or_else(|| records(&value)) {
        Some(grid) => View::Table(grid),
        None => plain(
            &serde_json::to_string_pretty(&value).unwrap_or_else(|_| text.to_owned()),
            false,
        ),
    }
}

fn split_table(value: &Value) -> Option<Grid> {
    let object = value.as_object()?;
    let names = object.get("columns")?.as_array()?;
    let names: Vec<String> = names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    let rows: Vec<Vec<Option<String>>> = object
        .get("data")?
        .as_array()?
        .iter()
        .map(|row| Some(row.as_array()?.iter().map(cell).collect()))
        .collect::<Option<_>>()?;
    Some(grid(names, rows, false))
}

fn records(value: &Value) -> Option<Grid> {
    let rows = value.as_array().filter(|rows| !rows.is_empty())?;
    let names: Vec<String> = rows[0].as_object()?.keys().cloned().collect();
    let row = |row: &Value| {
        let object = row.as_object()?;
        Some(
            names
                .iter()
                .map(|name| object.get(name).and_then(cell))
                .collect(),
        )
    };
    let rows = rows.iter().map(row).collect::<Option<Vec<_>>>()?;
    Some(grid(names, rows, false))
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A file of delimited values with names in its first row; plain text where that reads badly.
fn delimited(text: &str, delimiter: char, cut: bool) -> View {
    let mut rows = split(text, delimiter, ROWS + 2);
    // The last row of a cut file may be half of one.
    let more = cut || rows.len() > ROWS + 1;
    if cut && rows.len() <= ROWS + 1 {
        rows.pop();
    }
    rows.truncate(ROWS + 1);
    if rows.is_empty() || rows[0].len() < 2 && rows.iter().any(|row| row.len() > 1) {
        return plain(text, cut);
    }
    let names = rows.remove(0);
    let filled = |value: String| (!value.is_empty()).then_some(value);
    let rows = rows
        .into_iter()
        .map(|row| row.into_iter().map(filled).collect())
        .collect();
    View::Table(grid(names, rows, more))
}

/// Fields as RFC 4180 has them: quoted ones may hold the delimiter, line breaks and doubled quotes.
fn split(text: &str, delimiter: char, most: usize) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
                if rows.len() == most {
                    return rows;
                }
            }
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            c if c == delimiter && !quoted => row.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// Every row as long as the names; too much of anything is left out.
fn grid(names: Vec<String>, mut rows: Vec<Vec<Option<String>>>, more: bool) -> Grid {
    let more = more || rows.len() > ROWS;
    rows.truncate(ROWS);
    let width = names.len().min(COLUMNS);
    let more_columns = names.len() > width;
    let short = |value: Option<String>| value.map(|text| forebay_ui::format::clip(&text, LONGEST));
    let rows: Vec<Vec<Option<String>>> = rows
        .into_iter()
        .map(|row| {
            let mut row: Vec<Option<String>> = row.into_iter().take(width).map(short).collect();
            row.resize(width, None);
            row
        })
        .collect();
    let numeric = |place: usize| {
        let values = || rows.iter().filter_map(|row| row[place].as_deref());
        values().next().is_some() && values().all(|value| value.parse::<f64>().is_ok())
    };
    let columns = names
        .into_iter()
        .take(width)
        .enumerate()
        .map(|(place, name)| GridColumn {
            numeric: numeric(place),
            name,
            data_type: String::new(),
        });
    Grid {
        columns: columns.collect(),
        rows,
        more,
        more_columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(path: &str, text: &str) -> Grid {
        match view(path, text.as_bytes(), false) {
            View::Table(grid) => grid,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_rows_of_a_parquet_file_are_a_grid() {
        use std::sync::Arc;

        use arrow::array::{Float64Array, StringArray};
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x.parquet");
        let batch = RecordBatch::try_from_iter_with_nullable([
            (
                "n",
                Arc::new(Float64Array::from(vec![Some(0.5), None])) as _,
                true,
            ),
            (
                "t",
                Arc::new(StringArray::from(vec!["a", "<b>"])) as _,
                true,
            ),
        ])
        .unwrap();
        exchange::write_parquet(&place, &batch.schema(), &[batch]).unwrap();
        let View::Table(grid) = parquet(&place) else {
            panic!("no table")
        };
        assert!(grid.columns[0].numeric && !grid.columns[1].numeric);
        assert_eq!(grid.rows[1], [None, Some("<b>".to_owned())]);
        let many = (0..=COLUMNS).map(|at| {
            (
                format!("c{at}"),
                Arc::new(StringArray::new_null(0)) as _,
                true,
            )
        });
        let none = RecordBatch::try_from_iter_with_nullable(many).unwrap();
        exchange::write_parquet(&place, &none.schema(), &[none]).unwrap();
        let View::Table(grid) = parquet(&place) else {
            panic!("no table")
        };
        assert_eq!((grid.columns.len(), grid.rows.len()), (COLUMNS, 0));
        assert!(grid.more_columns && !grid.more);
        std::fs::write(&place, "PAR1").unwrap();
        assert!(matches!(parquet(&place), View::Nothing(_)));
    }

    #[test]
    fn quoted_fields_hold_delimiters_lines_and_quotes() {
        let grid = table("a.csv", "name,n\r\n\"x, \"\"y\"\"\nz\",1\nb,2");
        assert_eq!(grid.columns.len(), 2);
        assert!(!grid.columns[0].numeric && grid.columns[1].numeric);
        assert_eq!(grid.rows[0][0].as_deref(), Some("x, \"y\"\nz"));
        assert_eq!(grid.rows.len(), 2);
    }

    #[test]
    fn tables_in_json_are_grids_and_the_rest_is_set_out() {
        let grid = table(
            "t.json",
            r#"{"columns": ["a", "b"], "data": [[1, null], ["x", {"y": 2}]]}"#,
        );
        assert_eq!(
            grid.rows,
            [
                vec![Some("1".into()), None],
                vec![Some("x".into()), Some("{\"y\":2}".into())]
            ]
        );
        assert_eq!(
            table("r.json", r#"[{"a": 1}, {"a": 2, "b": 3}]"#)
                .rows
                .len(),
            2
        );
        assert!(
            matches!(view("o.json", b"{\"a\":[1]}", false), View::Text { text, .. } if text.contains("\n"))
        );
        assert!(matches!(view("o.json", b"{", false), View::Text { .. }));
    }

    #[test]
    fn what_is_no_text_is_not_shown_and_pages_stay_source() {
        assert!(matches!(
            view("m.pkl", b"\x80\x04\x95", false),
            View::Nothing(_)
        ));
        assert!(matches!(view("m.bin", b"a\0b", false), View::Nothing(_)));
        assert!(matches!(
            view("p.html", b"<script>", false),
            View::Page { .. }
        ));
        // A cut in the middle of a character is no wrong text.
        assert!(matches!(
            view("a.txt", "a\u{fc}".as_bytes().split_last().unwrap().1, true),
            View::Text { .. }
        ));
    }
}
