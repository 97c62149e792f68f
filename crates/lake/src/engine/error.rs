//! The engine's errors in the user's words: what went wrong, where in the SQL, and the nearest name.

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError, Span};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use deltalake::DeltaTableError;
use forebay_core::{Diagnostic, suggest};

use super::words;

/// Names listed in a hint where none is near.
const LISTED: usize = 12;

pub(crate) fn from_engine(error: DataFusionError) -> Diagnostic {
    explain(&error)
}

pub(crate) fn from_arrow(error: ArrowError) -> Diagnostic {
    explain_arrow(&error)
}

fn explain(error: &DataFusionError) -> Diagnostic {
    match error {
        DataFusionError::Context(_, inner) => explain(inner),
        DataFusionError::Shared(inner) => explain(inner),
        DataFusionError::Collection(all) => match all.first() {
            Some(first) => explain(first),
            None => Diagnostic::internal("the engine failed without a reason"),
        },
        DataFusionError::Diagnostic(place, inner) => at(explain(inner), place.span),
        DataFusionError::External(inner) => explain_external(inner.as_ref()),
        DataFusionError::SQL(inner, _) => from_parser(inner),
        DataFusionError::SchemaError(inner, _) => explain_schema(inner),
        DataFusionError::Plan(message) | DataFusionError::Execution(message) => told(message),
        DataFusionError::ArrowError(inner, _) => explain_arrow(inner),
        DataFusionError::NotImplemented(message) => {
            let text = plain(message);
            let told = words::said(&text);
            told.unwrap_or_else(|| Diagnostic::error(format!("this SQL is not supported: {text}")))
        }
        DataFusionError::ResourcesExhausted(message) => exhausted(message),
        DataFusionError::IoError(inner) => Diagnostic::environment(inner.to_string()),
        DataFusionError::ObjectStore(inner) => Diagnostic::environment(inner.to_string()),
        DataFusionError::ParquetError(inner) => {
            Diagnostic::environment(format!("a data file cannot be read or written: {inner}"))
        }
        other => Diagnostic::internal(plain(&other.strip_backtrace())),
    }
}

fn explain_external(error: &(dyn std::error::Error + 'static)) -> Diagnostic {
    if let Some(diagnostic) = error.downcast_ref::<Diagnostic>() {
        diagnostic.clone()
    } else if let Some(error) = error.downcast_ref::<DataFusionError>() {
        explain(error)
    } else if let Some(error) = error.downcast_ref::<ArrowError>() {
        explain_arrow(error)
    } else if let Some(DeltaTableError::GenericError { source }) = error.downcast_ref() {
        explain_external(source.as_ref())
    } else if error.to_string().starts_with("regex parse error") {
        Diagnostic::error("this is no regular expression that is understood")
            .hint("look-around (?=, ?!, ?<) and references \\1 within a pattern are not")
    } else {
        Diagnostic::environment(plain(&error.to_string()))
    }
}

pub(crate) fn from_parser(error: &ParserError) -> Diagnostic {
    let message = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "the query is nested too deeply",
    };
    match message.split_once(" at Line: ") {
        Some((what, place)) => {
            let place = place.replace(", Column: ", ", column ");
            Diagnostic::error(format!("SQL syntax: {} (line {place})", lower_first(what)))
        }
        None => Diagnostic::error(format!("SQL syntax: {}", lower_first(message))),
    }
}

fn explain_schema(error: &SchemaError) -> Diagnostic {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => no_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } if field.relation.is_some() => {
            let (name, qualified) = (&field.name, field.flat_name());
            Diagnostic::error(format!(
                "columns '{qualified}' and '{name}' are both in the query's answer"
            ))
            .hint("give one of them another name with AS")
        }
        SchemaError::AmbiguousReference { field } => Diagnostic::error(format!(
            "column '{}' is in more than one table of the query",
            field.name
        ))
        .hint(format!("name the table too: table.{}", field.name)),
        SchemaError::DuplicateQualifiedField { qualifier, name } => Diagnostic::error(format!(
            "'{qualifier}.{name}' occurs twice: two tables of the query have the name '{qualifier}'"
        ))
        .hint("give one of them another name with AS"),
        SchemaError::DuplicateUnqualifiedField { name } => Diagnostic::error(format!(
            "column '{name}' occurs twice in the query's answer"
        ))
        .hint("give one of them another name with AS"),
    }
}

fn no_column(field: &Column, valid: &[Column]) -> Diagnostic {
    let names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    let known = |table: &str| {
        let named = |column: &Column| column.relation.as_ref().is_some_and(|r| r.table() == table);
        valid.iter().any(named)
    };
    let problem = Diagnostic::error(format!("there is no column '{}'", field.flat_name()));
    if let Some(table) = field.relation.as_ref().filter(|r| !known(r.table())) {
        return problem.hint(format!(
            "no table of this query has the name '{}'",
            table.table()
        ));
    }
    if let Some(case) = names
        .iter()
        .find(|name| name.eq_ignore_ascii_case(&field.name))
    {
        return problem.hint(format!(
            "the column is \"{case}\": names in double quotes keep their capitals, others are read in lower case"
        ));
    }
    let other = valid.iter().find(|column| column.name == field.name);
    if let Some(table) = other.and_then(|column| column.relation.as_ref()) {
        return problem.hint(format!("{}.{} is a column", table.table(), field.name));
    }
    match suggest::nearest(&field.name, names.iter().copied()) {
        Some(nearest) => problem.hint(nearest),
        None if names.is_empty() => {
            problem.hint("nothing is read there: is FROM missing, or behind a comment?")
        }
        None => problem.hint(format!("columns here: {}", listed(&names))),
    }
}

fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(LISTED);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

fn told(message: &str) -> Diagnostic {
    let text = plain(message);
    words::said(&text).unwrap_or_else(|| Diagnostic::error(text))
}

fn explain_arrow(error: &ArrowError) -> Diagnostic {
    match error {
        ArrowError::DivideByZero => Diagnostic::error("division by zero")
            .hint("guard the divisor: nullif(divisor, 0) makes the answer null"),
        ArrowError::ExternalError(inner) => explain_external(inner.as_ref()),
        ArrowError::IoError(message, _) => Diagnostic::environment(message.clone()),
        ArrowError::MemoryError(message) => exhausted(message),
        ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::ComputeError(message)
        | ArrowError::ArithmeticOverflow(message)
        | ArrowError::InvalidArgumentError(message) => told(message),
        other => Diagnostic::error(plain(&other.to_string())),
    }
}

fn exhausted(message: &str) -> Diagnostic {
    // The engine names the operator that asked last, which says little about the cause.
    tracing::debug!(message, "memory limit reached");
    Diagnostic::environment("the query needs more memory than the memory limit leaves")
        .hint("raise memory_limit in forebay.yml, or read fewer rows or columns at once")
}

/// Adds the place in the SQL to the message.
fn at(mut problem: Diagnostic, span: Option<Span>) -> Diagnostic {
    let start = span.map(|span| span.start).filter(|start| start.line > 0);
    if let Some(start) = start.filter(|_| !problem.message.contains("(line ")) {
        let (line, column) = (start.line, start.column);
        problem.message = format!("{} (line {line}, column {column})", problem.message);
    }
    problem
}

/// Without the engine's prefixes and its invitation to report a bug.
fn plain(message: &str) -> String {
    let mut text = message.trim();
    for prefix in PREFIXES {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let end = text
        .find("\nThis issue was likely caused by")
        .unwrap_or(text.len());
    let mut text = text[..end].trim().to_owned();
    for (engine, user) in WORDS {
        text = replace_word(&text, engine, user);
    }
    text
}

/// Replaces the word where it is not a part of a longer one.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut parts = text.split(word);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let inside = joined(replaced.chars().last()) || joined(part.chars().next());
        replaced.push_str(if inside { word } else { by });
        replaced.push_str(part);
    }
    replaced
}

/// The engine's words, longer ones first.
const WORDS: &[(&str, &str)] = &[
    (
        "Cannot cast timezone to different timezone",
        "a local time does not exist, or exists twice, in that time zone",
    ),
    ("Interval(MonthDayNano)", "interval"),
    ("Duration(µs)", "difference of timestamps"),
    ("Duration(ns)", "difference of timestamps"),
    ("Timestamp(µs, \"UTC\")", "timestamp"),
    ("Timestamp(µs)", "timestamp"),
    ("Timestamp(ns)", "timestamp"),
    ("Utf8View", "text"),
    ("LargeUtf8", "text"),
    ("Utf8", "text"),
    ("UInt64", "ubigint"),
    ("UInt32", "uinteger"),
    ("UInt16", "usmallint"),
    ("UInt8", "utinyint"),
    ("Int8", "tinyint"),
    ("Int64", "bigint"),
    ("Int16", "smallint"),
    ("Int32", "integer"),
    ("Float64", "double"),
    ("Float32", "real"),
    ("Date32", "date"),
    ("Boolean", "boolean"),
];

const PREFIXES: &[&str] = &[
    "type_coercion\ncaused by\n",
    "Error during planning: ",
    "Execution error: ",
    "Arrow error: ",
    "Internal error: ",
    "External error: ",
];

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
