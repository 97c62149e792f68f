//! `current_setting('TimeZone')`: what a query's answer can depend on.

use datafusion::sql::sqlparser::ast::Expr;
use forebay_core::{Diagnostic, suggest};

use super::{fill, literal};

const KNOWN: &[(&str, &str)] = &[
    ("calendar", "'gregorian'"),
    ("datestyle", "'ISO, MDY'"),
    ("default_null_order", "'NULLS_LAST'"),
    ("default_order", "'ASCENDING'"),
    ("schema", "'main'"),
    ("search_path", "''"),
    ("timezone", "session_zone()"),
];

pub(super) fn value(setting: &Expr) -> Result<Expr, Diagnostic> {
    let Some(name) = literal(setting).map(|name| name.to_lowercase()) else {
        return Err(Diagnostic::error(
            "current_setting() takes a name that is written out",
        ));
    };
    let known = KNOWN.iter().find(|(setting, _)| *setting == name);
    if let Some(value) = known.and_then(|(_, value)| fill(value, &[])) {
        return Ok(value);
    }
    let unknown = Diagnostic::error(format!("there is no setting '{name}'"));
    let names = KNOWN.iter().map(|(setting, _)| *setting);
    Err(match suggest::nearest(&name, names.clone()) {
        Some(near) => unknown.hint(near),
        None => unknown.hint(format!(
            "there are {}",
            names.collect::<Vec<_>>().join(", ")
        )),
    })
}
