//! The settings of models that are written into files besides: dbt-duckdb's `external`.

use forebay_core::Diagnostic;
use forebay_core::export::{Existing, Export, ExportFormat, Folder};
use serde_json::{Map, Value as Json};

use crate::config::Reader;

/// What the model is written as; a setting that cannot be followed keeps the model alone from running.
/// `root` is where files are without a `location`.
pub(super) fn external(
    reader: &Reader<'_>,
    root: &str,
    alias: &str,
) -> Result<Export, Box<Diagnostic>> {
    let mut options = reader.map("options").cloned().unwrap_or_default();
    for key in ["format", "delimiter"] {
        if let Some(text) = reader.text(key) {
            options.insert(key.to_owned(), Json::String(text));
        }
    }
    let location = reader.text("location");
    let asked = take(&mut options, &["format"]).map(|format| format.to_lowercase());
    let ending = location.as_deref().and_then(ending);
    let name = asked.as_deref().or(ending).unwrap_or("parquet");
    let wrong = |message: String| Box::new(Diagnostic::error(message).at(reader.at("options")));
    let format = match name {
        "parquet" => ExportFormat::Parquet,
        "json" => ExportFormat::Json,
        "csv" => {
            csv(&mut options).map_err(|message| wrong(format!("{}: {message}", reader.what)))?
        }
        other => {
            let message = format!("{} cannot be written as '{other}'", reader.what);
            let place = ["format", "location", "options"].into_iter();
            let place = place.map(|name| reader.at(name)).find(|at| at.line > 0);
            let problem = Diagnostic::error(message).hint("one of: parquet, csv, json");
            return Err(Box::new(match place {
                Some(place) => problem.at(place),
                None => problem,
            }));
        }
    };
    let folder = folder(&mut options);
    // How Parquet is packed changes no row.
    for harmless in ["compression", "codec", "row_group_size"] {
        options.retain(|key, _| !key.eq_ignore_ascii_case(harmless));
    }
    if let Some(unknown) = options.keys().next() {
        let message = format!("{}: files are not written with '{unknown}'", reader.what);
        return Err(wrong(message));
    }
    let depth = folder.as_ref().map_or(0, |folder| folder.by.len());
    let location = location.clone().unwrap_or_else(|| match depth {
        0 => format!("{root}/{alias}.{name}"),
        _ => format!("{root}/{alias}"),
    });
    if location.contains("://") {
        let message = format!("{}: '{location}' is not on this machine", reader.what);
        return Err(Box::new(
            Diagnostic::error(message).at(reader.at("location")),
        ));
    }
    let read = match &format {
        ExportFormat::Parquet => folder
            .as_ref()
            .map(|_| ("read_parquet", "parquet_read_options")),
        ExportFormat::Csv { .. } => Some(("read_csv", "csv_read_options")),
        ExportFormat::Json => Some(("read_json", "json_read_options")),
    };
    let files = match &folder {
        None => location.clone(),
        Some(_) => format!("{location}/{}*.{name}", "*/".repeat(depth)),
    };
    let read = read.map(|(function, settings)| {
        let auto = match &format {
            ExportFormat::Parquet => Map::new(),
            _ => Map::from_iter([("auto_detect".to_owned(), Json::Bool(true))]),
        };
        let settings = reader.map(settings).cloned().unwrap_or(auto);
        let settings = settings
            .iter()
            .map(|(name, value)| format!(", {name} = {}", sql(value)));
        let settings: String = settings.collect();
        format!("{function}({}{settings})", text(&files))
    });
    Ok(Export {
        location,
        format,
        read,
        folder,
    })
}

/// Files that are parted by columns (`b`, `a, b`, `(a, b)`), or that would be one a thread.
fn folder(options: &mut Map<String, Json>) -> Option<Folder> {
    let mut flag = |name: &str| {
        let text = take(options, &[name]);
        text.is_some_and(|text| !matches!(&*text.to_lowercase(), "" | "false" | "0"))
    };
    let (overwrite, ignore) = (flag("overwrite"), flag("overwrite_or_ignore"));
    let per_thread = flag("per_thread_output");
    let by = take(options, &["partition_by"]).unwrap_or_default();
    let by = by.split(',').map(|name| {
        let brackets =
            |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"' | '\'');
        name.trim_matches(brackets).to_owned()
    });
    let by: Vec<String> = by.filter(|name| !name.is_empty()).collect();
    let existing = match (overwrite, ignore) {
        (true, _) => Existing::Replace,
        (false, true) => Existing::Keep,
        (false, false) => Existing::Refuse,
    };
    (per_thread || !by.is_empty()).then_some(Folder { by, existing })
}

/// A setting of the reader, as dbt-duckdb's macro writes it.
fn sql(value: &Json) -> String {
    match value {
        Json::String(of) => text(of),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(sql).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(fields) => {
            let field = |(name, value): (&String, &Json)| format!("{}: {}", text(name), sql(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(", "))
        }
        plain => plain.to_string(),
    }
}

fn text(of: &str) -> String {
    format!("'{}'", of.replace('\'', "''"))
}

/// `csv` of `out/orders.csv`, where it is a format.
fn ending(location: &str) -> Option<&str> {
    let (_, ending) = location.rsplit_once('.')?;
    ["parquet", "csv", "json"]
        .into_iter()
        .find(|format| ending.eq_ignore_ascii_case(format))
}

fn csv(options: &mut Map<String, Json>) -> Result<ExportFormat, String> {
    let header = take(options, &["header"]);
    let delimiter = take(options, &["delimiter", "delim", "sep"]);
    let delimiter = delimiter.as_deref().map_or(",", unquoted).to_owned();
    let mut characters = delimiter.chars();
    let (Some(delimiter), None) = (characters.next().filter(char::is_ascii), characters.next())
    else {
        return Err(format!(
            "the delimiter '{delimiter}' is not one ASCII character"
        ));
    };
    let null = take(options, &["null", "nullstr"]);
    Ok(ExportFormat::Csv {
        header: header.is_none_or(|text| !matches!(&*text.to_lowercase(), "false" | "0")),
        delimiter,
        null: null.as_deref().map_or("", unquoted).to_owned(),
    })
}

fn take(options: &mut Map<String, Json>, keys: &[&str]) -> Option<String> {
    let known = |key: &&String| keys.iter().any(|known| key.eq_ignore_ascii_case(known));
    let key = options.keys().find(known)?.clone();
    options.remove(&key).map(|value| match value {
        Json::String(text) => text,
        other => other.to_string(),
    })
}

/// dbt-duckdb writes the option's text into its SQL.
fn unquoted(text: &str) -> &str {
    let inner = text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    inner.unwrap_or(text)
}
