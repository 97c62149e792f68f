//! `date_diff('day', a, b)`: how many borders of days (or other parts) lie between two moments.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Datelike};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use forebay_core::{Diagnostic, suggest};

use crate::types::Dialect;

use super::length::{DAY, evaluate, problem};

/// Numbers what a part cuts time into, from microseconds since the epoch.
type Number = fn(i64) -> i64;

const PARTS: &[(&str, Number)] = &[
    ("microsecond", |micros| micros),
    ("millisecond", |micros| micros.div_euclid(1_000)),
    ("second", |micros| micros.div_euclid(1_000_000)),
    ("minute", |micros| micros.div_euclid(60_000_000)),
    ("hour", |micros| micros.div_euclid(3_600_000_000)),
    ("day", days),
    // Weeks begin on Monday, and the epoch was a Thursday.
    ("week", |micros| (micros.div_euclid(DAY) + 3).div_euclid(7)),
    ("month", months),
    ("quarter", |micros| months(micros).div_euclid(3)),
    ("year", |micros| months(micros).div_euclid(12)),
    ("decade", |micros| months(micros).div_euclid(120)),
    ("century", |micros| months(micros).div_euclid(1200)),
    ("millennium", |micros| months(micros).div_euclid(12_000)),
];

fn days(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

fn months(micros: i64) -> i64 {
    let date = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

pub(super) fn date_diff(dialect: Dialect) -> ScalarUDF {
    ScalarUDF::from(DateDiff {
        dialect,
        signature: Signature::any(3, Volatility::Immutable),
        aliases: vec!["datediff".to_owned()],
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateDiff {
    dialect: Dialect,
    signature: Signature,
    aliases: Vec<String>,
}

impl ScalarUDFImpl for DateDiff {
    fn name(&self) -> &str {
        "date_diff"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (part, number) = match &args.args[0] {
            ColumnarValue::Scalar(part) => part_of(&part.to_string(), self.dialect)?,
            ColumnarValue::Array(_) => {
                return Err(problem(Diagnostic::error(
                    "the first argument of date_diff must be a constant: 'day'",
                )));
            }
        };
        evaluate(&args, |arrays| {
            let micros = |at: usize| {
                let wanted = DataType::Timestamp(TimeUnit::Microsecond, None);
                match arrays[at].data_type() {
                    // A time of day, as on the first day.
                    DataType::Time32(_) | DataType::Time64(_) => {
                        let time = cast(&arrays[at], &DataType::Time64(TimeUnit::Microsecond))?;
                        let number = cast(&time, &DataType::Int64)?;
                        cast(&number, &wanted).map_err(DataFusionError::from)
                    }
                    _ => cast(&arrays[at], &wanted).map_err(DataFusionError::from),
                }
            };
            let (from, to) = (micros(1)?, micros(2)?);
            let from = from.as_primitive::<TimestampMicrosecondType>();
            let to = to.as_primitive::<TimestampMicrosecondType>();
            let of_weeks = self.dialect == Dialect::DuckDb && part == "week";
            let between = |(from, to): (Option<i64>, Option<i64>)| {
                let between = number(to?) - number(from?);
                // DuckDB counts whole weeks since its version 2.
                Some(if of_weeks { between / 7 } else { between })
            };
            let found: Int64Array = from.iter().zip(to).map(between).collect();
            Ok(Arc::new(found))
        })
    }
}

fn part_of(text: &str, dialect: Dialect) -> Result<(&'static str, Number)> {
    let name = text.to_lowercase();
    let found = PARTS
        .iter()
        .find(|(part, _)| *part == name || name.strip_suffix('s') == Some(part));
    let found = found.map(|(part, number)| match (*part, dialect) {
        ("week", Dialect::DuckDb) => (*part, days as Number),
        (part, _) => (part, *number),
    });
    found.ok_or_else(|| {
        let names = PARTS.iter().map(|(part, _)| *part);
        problem(
            Diagnostic::error(format!("date_diff knows no part '{text}'"))
                .maybe_hint(suggest::nearest(&name, names.clone()))
                .hint(format!("parts: {}", names.collect::<Vec<_>>().join(", "))),
        )
    })
}
