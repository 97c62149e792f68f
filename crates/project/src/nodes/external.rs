//! The settings of models that are written into files besides: dbt-duckdb's `external`.

use forebay_core::Diagnostic;
use forebay_core::export::{Export, ExportFormat};
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
    // How Parquet is packed changes no row.
    for harmless in [
        "compression",
        "codec",
        "row_group_size",
        "overwrite_or_ignore",
    ] {
        options.retain(|key, _| !key.eq_ignore_ascii_case(harmless));
    }
    if let Some(unknown) = options.keys().next() {
        let message = format!("{}: files are not written with '{unknown}'", reader.what);
        return Err(wrong(message));
    }
    let location = location
        .clone()
        .unwrap_or_else(|| format!("{root}/{alias}.{name}"));
    if location.contains("://") {
        let message = format!("{}: '{location}' is not on this machine", reader.what);
        return Err(Box::new(
            Diagnostic::error(message).at(reader.at("location")),
        ));
    }
    let read = match &format {
        ExportFormat::Parquet => None,
        ExportFormat::Csv { .. } => Some(("read_csv", "csv_read_options")),
        ExportFormat::Json => Some(("read_json", "json_read_options")),
    };
    let read = read.map(|(function, settings)| {
        let auto = Map::from_iter([("auto_detect".to_owned(), Json::Bool(true))]);
        let settings = reader.map(settings).cloned().unwrap_or(auto);
        let settings = settings
            .iter()
            .map(|(name, value)| format!(", {name} = {}", sql(value)));
        let settings: String = settings.collect();
        format!("{function}({}{settings})", text(&location))
    });
    Ok(Export {
        location,
        format,
        read,
    })
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
