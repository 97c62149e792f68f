//! The calls and names in `FROM` that mean files.

use std::ops::ControlFlow;
use std::path::Path;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Statement, TableAlias,
    TableFactor, UnaryOperator, VisitMut, VisitorMut,
};
use forebay_core::Diagnostic;

use super::Format;
use super::settings::{Setting, Settings};

/// The schema of the names that files get within one query.
pub(crate) const SCHEMA: &str = "forebay_files";

/// A file, or several of one kind, that a query reads.
#[derive(Debug)]
pub(crate) struct FileRead {
    pub format: Format,
    pub paths: Vec<String>,
    pub settings: Settings,
}

/// Takes the files out of the statement: in the place of each stands a table `SCHEMA.<number>`,
/// numbered from `first` on.
pub(crate) fn take(statement: &mut Statement, first: usize) -> Result<Vec<FileRead>, Diagnostic> {
    let mut taker = Taker {
        first,
        found: Vec::new(),
    };
    match statement.visit(&mut taker) {
        ControlFlow::Continue(()) => Ok(taker.found),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

struct Taker {
    first: usize,
    found: Vec<FileRead>,
}

impl VisitorMut for Taker {
    type Break = Box<Diagnostic>;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        let TableFactor::Table {
            name, args, alias, ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        let Some(ident) = only(name) else {
            return ControlFlow::Continue(());
        };
        let read = match args {
            Some(args) => call(&ident.value, &args.args),
            None if ident.quote_style == Some('\'') => named(&ident.value).map(Some),
            // Without a folder it may be a table's name too, however it ends.
            None if ident.quote_style == Some('"') && ident.value.contains('/') => {
                Ok(named(&ident.value).ok())
            }
            None => Ok(None),
        };
        match read {
            Ok(None) => {}
            Ok(Some((read, known))) => {
                alias.get_or_insert_with(|| alias_of(&known));
                let number = self.first + self.found.len();
                let number = Ident::with_quote('"', number.to_string());
                *name = ObjectName::from(vec![Ident::new(SCHEMA), number]);
                *args = None;
                self.found.push(read);
            }
            Err(problem) => return ControlFlow::Break(Box::new(problem)),
        }
        ControlFlow::Continue(())
    }
}

fn only(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    }
}

fn alias_of(name: &str) -> TableAlias {
    TableAlias {
        explicit: true,
        name: Ident::with_quote('"', name),
        columns: Vec::new(),
        at: None,
    }
}

/// `FROM 'data/x.csv'`, with the name by which its columns are known: `x`.
fn named(path: &str) -> Result<(FileRead, String), Diagnostic> {
    let file = Path::new(path.trim_end_matches(".gz"));
    let ending = file
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let format = match ending.as_str() {
        "csv" | "tsv" => Format::Csv,
        "parquet" => Format::Parquet,
        "json" | "jsonl" | "ndjson" => Format::Json,
        _ => {
            return Err(
                Diagnostic::error(format!("'{path}' is no kind of file that is read"))
                    .hint("files end with .csv, .tsv, .parquet, .json or .ndjson")
                    .hint("names of tables are written without quotes, or in double quotes"),
            );
        }
    };
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let read = FileRead {
        format,
        paths: vec![path.to_owned()],
        settings: Settings::default(),
    };
    Ok((read, stem.into_owned()))
}

/// `read_csv('data/x.csv', header = true)`. None: it reads no file.
fn call(name: &str, args: &[FunctionArg]) -> Result<Option<(FileRead, String)>, Diagnostic> {
    let name = name.to_lowercase();
    let format = match name.as_str() {
        "read_csv" | "read_csv_auto" => Format::Csv,
        "read_parquet" | "parquet_scan" => Format::Parquet,
        "read_json" | "read_json_auto" | "read_ndjson" | "read_ndjson_auto" => Format::Json,
        "read_json_objects" | "read_json_objects_auto" | "read_ndjson_objects" => Format::JsonTexts,
        "read_text" => Format::Text,
        "read_blob" => Format::Bytes,
        "glob" => Format::Names,
        _ => return Ok(None),
    };
    let (mut paths, mut settings) = (None, Settings::of(&name));
    for arg in args {
        match setting(arg) {
            Some((key, value)) => settings.add(&key, read(&value, &key)?),
            None if paths.is_none() => paths = Some(file_names(&name, arg)?),
            None => {
                return Err(Diagnostic::error(format!(
                    "{name}() reads one path or a list"
                )));
            }
        }
    }
    let Some(paths) = paths else {
        return Err(Diagnostic::error(format!(
            "{name}() needs the path of a file"
        )));
    };
    let read = FileRead {
        format,
        paths,
        settings,
    };
    Ok(Some((read, name)))
}

fn file_names(name: &str, arg: &FunctionArg) -> Result<Vec<String>, Diagnostic> {
    let value = match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => read(expr, "path")?,
        other => return Err(Diagnostic::error(format!("{name}({other}) names no file"))),
    };
    match value {
        Setting::Text(path) => Ok(vec![path]),
        Setting::List(paths) => Ok(paths),
        _ => Err(Diagnostic::error(format!(
            "{name}() needs the path of a file as a text"
        ))),
    }
}

/// `key = value`, `key := value` or `key => value`.
fn setting(arg: &FunctionArg) -> Option<(String, Expr)> {
    let (key, value) = match arg {
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            ..
        } => (name.value.clone(), value.clone()),
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            ..
        } => (name.value.clone(), value.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        })) => match left.as_ref() {
            Expr::Identifier(name) => (name.value.clone(), right.as_ref().clone()),
            _ => return None,
        },
        _ => return None,
    };
    Some((key.to_lowercase(), value))
}

fn read(value: &Expr, key: &str) -> Result<Setting, Diagnostic> {
    use datafusion::sql::sqlparser::ast::Value;
    let problem = || {
        Diagnostic::error(format!(
            "{key} = {value}: only constants are understood here"
        ))
        .hint("a text, a number, true, a list ['a', 'b'] or {'column': 'type'}")
    };
    let texts = |values: &[Expr]| -> Result<Vec<String>, Diagnostic> {
        let each = values.iter().map(|value| match read(value, key)? {
            Setting::Text(text) => Ok(text),
            _ => Err(problem()),
        });
        each.collect()
    };
    match value {
        Expr::Nested(inner) => read(inner, key),
        // There are no columns among the arguments of a function of `FROM`: a name is a text, as in DuckDB.
        Expr::Identifier(name) => Ok(Setting::Text(name.value.clone())),
        Expr::Value(value) => match &value.value {
            Value::Boolean(flag) => Ok(Setting::Flag(*flag)),
            Value::Number(number, _) => number.parse().map(Setting::Number).map_err(|_| problem()),
            other => other
                .clone()
                .into_string()
                .map(Setting::Text)
                .ok_or_else(problem),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match read(expr, key)? {
            Setting::Number(number) => Ok(Setting::Number(-number)),
            _ => Err(problem()),
        },
        Expr::Array(array) => texts(&array.elem).map(Setting::List),
        Expr::Dictionary(fields) => {
            let each = fields.iter().map(|field| match read(&field.value, key)? {
                Setting::Text(text) => Ok((field.key.value.clone(), text)),
                _ => Err(problem()),
            });
            each.collect::<Result<_, _>>().map(Setting::Fields)
        }
        _ => Err(problem()),
    }
}
