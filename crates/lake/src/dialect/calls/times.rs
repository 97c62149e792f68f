//! Parts of time, time zones, and intervals that are computed.

use datafusion::sql::sqlparser::ast::{
    DateTimeField, Expr, Function, Interval, UnaryOperator, Value,
};
use forebay_core::{Diagnostic, suggest};

use super::{args, fill, literal, set_args};
use crate::functions::{PART_NAMES, interval, part_name};
use crate::types::Dialect;

pub(super) fn rewrite(expr: &Expr, dialect: Dialect) -> Result<Option<Expr>, Diagnostic> {
    match expr {
        Expr::Extract { field, expr, .. } => {
            let field = field.to_string();
            part(field.trim_matches('\''), expr, dialect).map(Some)
        }
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => {
            let zone = match dialect {
                Dialect::Postgres => to_the_east(time_zone),
                Dialect::DuckDb => None,
            };
            let zone = zone.unwrap_or_else(|| time_zone.as_ref().clone());
            Ok(fill(
                "at_time_zone(_1, _2)",
                &[zone, timestamp.as_ref().clone()],
            ))
        }
        Expr::Interval(interval) => Ok(computed(interval, dialect)),
        Expr::UnaryOp { op, expr } if root(*op).is_some() => {
            Ok(root(*op).and_then(|call| fill(call, std::slice::from_ref(expr.as_ref()))))
        }
        Expr::UnaryOp { op, expr } if is_not_bits(op) => {
            Ok(fill("(-1 - _1)", std::slice::from_ref(expr.as_ref())))
        }
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } if matches!(expr.as_ref(), Expr::Interval(_)) => {
            Ok(fill("(-1 * _1)", std::slice::from_ref(expr.as_ref())))
        }
        _ => Ok(None),
    }
}

/// A zone that is written as hours from Greenwich: to PostgreSQL `+02` lies in the west, as POSIX has it.
fn to_the_east(zone: &Expr) -> Option<Expr> {
    let hours = literal(zone)?;
    let turned = match hours.strip_prefix('+') {
        Some(west) => format!("-{west}"),
        None => format!("+{}", hours.strip_prefix('-')?),
    };
    Some(Expr::Value(Value::SingleQuotedString(turned).into()))
}

/// `@ x`, `|/ x` and `||/ x`.
fn root(op: UnaryOperator) -> Option<&'static str> {
    match op {
        UnaryOperator::PGAbs => Some("abs(_1)"),
        UnaryOperator::PGSquareRoot => Some("sqrt(_1)"),
        UnaryOperator::PGCubeRoot => Some("cbrt(_1)"),
        _ => None,
    }
}

fn is_not_bits(op: &UnaryOperator) -> bool {
    matches!(op, UnaryOperator::BitwiseNot)
}

/// `interval (a + b) day`, `interval n month`: a product with one of the unit.
fn computed(interval: &Interval, dialect: Dialect) -> Option<Expr> {
    let field = interval.leading_field.as_ref();
    let is_whole = dialect == Dialect::DuckDb && field.is_some_and(|field| !is_exact(field));
    match interval.value.as_ref() {
        Expr::Value(value) => constant(&value.value, field, is_whole),
        Expr::UnaryOp { .. } => None,
        // `interval (n || ' days')`
        value if field.is_none() => fill("_1::interval", std::slice::from_ref(value)),
        value => {
            let count = match is_whole {
                true => "trunc(_1::double precision)",
                false => "_1",
            };
            fill(
                &format!("({count} * interval '{}')", one(field?)),
                std::slice::from_ref(value),
            )
        }
    }
}

/// One of the unit, in the engine's words.
fn one(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Quarter => "3 months".to_owned(),
        DateTimeField::Decade => "10 years".to_owned(),
        DateTimeField::Century => "100 years".to_owned(),
        DateTimeField::Millennium => "1000 years".to_owned(),
        other => format!("1 {other}"),
    }
}

/// Whether DuckDB counts parts of the unit. Of others it drops what is behind the point.
fn is_exact(field: &DateTimeField) -> bool {
    use DateTimeField::{Millisecond, Milliseconds, Second, Seconds};
    matches!(field, Second | Seconds | Millisecond | Milliseconds)
}

/// In the engine's words, which are fewer. None: it is of no known form, which the engine says itself.
fn constant(value: &Value, field: Option<&DateTimeField>, is_whole: bool) -> Option<Expr> {
    let text = match value {
        Value::SingleQuotedString(text) => text.as_str(),
        Value::Number(number, _) => number.as_str(),
        _ => return None,
    };
    let with_unit = match (field, text.trim().parse::<f64>()) {
        (Some(field), Ok(count)) if is_whole => format!("{} {field}", count.trunc()),
        (Some(field), Ok(_)) => format!("{text} {field}"),
        _ => text.to_owned(),
    };
    let value = Value::SingleQuotedString(interval(&with_unit)?);
    Some(Expr::Interval(Interval {
        value: Box::new(Expr::Value(value.into())),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}

/// `year(x)`, `date_part('year', x)`, and `date_trunc` with any name of a part.
pub(super) fn part_call(
    name: &str,
    function: &mut Function,
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    let Some(args) = args(function) else {
        return Ok(None);
    };
    match (name, args.as_slice()) {
        ("date_part" | "datepart", [Expr::Array(which), of]) => parts(&which.elem, of, dialect),
        ("date_part" | "datepart", [which, of]) => match literal(which) {
            Some(which) => part(&which, of, dialect).map(Some),
            None => Ok(fill("part_number(_1, _2)", &args)),
        },
        ("date_trunc" | "datetrunc", [which, of]) => match literal(which) {
            Some(which) => trunc(&which, of, function, dialect),
            None => Ok(None),
        },
        (name, [of]) if PART_NAMES.contains(&name) => part(name, of, dialect).map(Some),
        _ => Ok(None),
    }
}

/// `date_part(['year', 'month'], d)` has a field for each.
fn parts(which: &[Expr], of: &Expr, dialect: Dialect) -> Result<Option<Expr>, Diagnostic> {
    let mut fields = Vec::new();
    for which in which {
        let Some(name) = literal(which) else {
            return Ok(None);
        };
        fields.push(which.clone());
        fields.push(part(&name, of, dialect)?);
    }
    let places: Vec<String> = (1..=fields.len()).map(|at| format!("_{at}")).collect();
    Ok(fill(
        &format!("named_struct({})", places.join(", ")),
        &fields,
    ))
}

fn part(which: &str, of: &Expr, dialect: Dialect) -> Result<Expr, Diagnostic> {
    let name = known(which)?;
    let function = match (name, dialect) {
        ("epoch" | "julian", _) => "part_fraction",
        ("second" | "millisecond", Dialect::Postgres) => "part_fraction",
        _ => "part_number",
    };
    let filled = fill(
        &format!("{function}('{name}', _1)"),
        std::slice::from_ref(of),
    );
    filled.ok_or_else(|| Diagnostic::internal("a template does not parse"))
}

fn known(which: &str) -> Result<&'static str, Diagnostic> {
    part_name(which).ok_or_else(|| {
        Diagnostic::error(format!("a date or timestamp has no part '{which}'")).maybe_hint(
            suggest::nearest(&which.to_lowercase(), PART_NAMES.iter().copied()),
        )
    })
}

/// A century begins in a year 1 to PostgreSQL, in a year 0 to DuckDB.
fn trunc(
    which: &str,
    of: &Expr,
    function: &mut Function,
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    let name = match (known(which)?, dialect) {
        ("century", Dialect::DuckDb) => "hundred years",
        ("millennium", Dialect::DuckDb) => "thousand years",
        (name, _) => name,
    };
    let which = Expr::Value(Value::SingleQuotedString(name.to_owned()).into());
    set_args(function, vec![which, of.clone()]);
    Ok(None)
}
