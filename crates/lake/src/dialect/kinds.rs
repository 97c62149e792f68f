//! Which types DuckDB takes side by side: as the values one of which a CASE gives, and on both sides of `<`. Others it
//! leaves to a cast that is written.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::decimals::WIDE;
use super::texts_among::is_written;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Truth,
    /// A date or a timestamp.
    Moment,
    Time,
    Length,
    Nested,
}

/// None: it goes with all others, as null and JSON do, or is not known.
fn kind(of: &DataType) -> Option<Kind> {
    match of {
        DataType::Utf8 | DataType::Utf8View => Some(Kind::Text),
        // A hugeint.
        DataType::Decimal128(WIDE, 0) => Some(Kind::Whole),
        of if of.is_integer() => Some(Kind::Whole),
        of if of.is_numeric() => Some(Kind::Number),
        DataType::Boolean => Some(Kind::Truth),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Some(Kind::Moment),
        DataType::Time32(_) | DataType::Time64(_) => Some(Kind::Time),
        DataType::Interval(_) | DataType::Duration(_) => Some(Kind::Length),
        of if of.is_nested() => Some(Kind::Nested),
        _ => None,
    }
}

/// Two of the types that do not go together.
pub(super) fn unlike(types: &[DataType]) -> Option<(&DataType, &DataType)> {
    let known: Vec<_> = types
        .iter()
        .filter_map(|of| Some((kind(of)?, of)))
        .collect();
    let pairs = known
        .iter()
        .enumerate()
        .flat_map(|(at, one)| known[at + 1..].iter().map(move |other| (one, other)));
    pairs
        .filter(|(one, other)| !go_together(one.0, other.0))
        .map(|(one, other)| (one.1, other.1))
        .next()
}

fn go_together(one: Kind, other: Kind) -> bool {
    use Kind::{Number, Truth, Whole};
    one == other
        || matches!(
            (one, other),
            (Whole, Number | Truth) | (Number | Truth, Whole)
        )
}

/// The types of all but texts that are written out. None: one of them is not known yet.
pub(super) fn types_of<'a>(
    values: impl Iterator<Item = &'a Expr>,
    schema: &DFSchema,
) -> Option<Vec<DataType>> {
    values
        .filter(|value| !is_written(value))
        .map(|value| match value.contains_outer() {
            true => None,
            false => value.get_type(schema).ok(),
        })
        .collect()
}
