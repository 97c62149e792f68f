//! Expectations: rules that every row is held against while it is loaded. One rule a file.

mod accepted_values;
mod not_null;
mod range;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::ingest::{Expectation, OnFail, Rule};
use forebay_core::{Diagnostic, suggest};

/// Rules that fit a schema, ready to be applied to batches of it.
pub struct Expectations {
    checks: Vec<Check>,
}

struct Check {
    column: usize,
    name: String,
    on_fail: OnFail,
    rule: Compiled,
}

/// The explicit list of rules.
enum Compiled {
    NotNull,
    Range(range::Range),
    AcceptedValues(accepted_values::AcceptedValues),
}

/// One row that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Row of the batch.
    pub row: usize,
    pub column: String,
    /// As text; None where the value is null.
    pub value: Option<String>,
    /// `wind_speed is 1048.36, more than 250`
    pub reason: String,
    pub on_fail: OnFail,
}

impl Expectations {
    /// Checks that every rule names a column of the schema and fits its type.
    pub fn compile(rules: &[Expectation], schema: &Schema) -> Result<Self, Diagnostic> {
        let checks = rules
            .iter()
            .map(|rule| compile(rule, schema).map_err(|error| error.at(rule.location.clone())));
        Ok(Self {
            checks: checks.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a broken rule sets the row aside, for any of the rules.
    pub fn may_hold(&self) -> bool {
        self.checks
            .iter()
            .any(|check| check.on_fail == OnFail::Hold)
    }

    /// Every row that breaks a rule, by rule; a row that breaks two is there twice.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<Vec<Broken>, Diagnostic> {
        let mut broken = Vec::new();
        for check in &self.checks {
            check.evaluate(batch.column(check.column), &mut broken)?;
        }
        Ok(broken)
    }
}

fn compile(rule: &Expectation, schema: &Schema) -> Result<Check, Diagnostic> {
    let Some((column, field)) = schema.column_with_name(&rule.column) else {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        return Err(Diagnostic::error(format!(
            "an expectation names the column '{}', which the table does not have",
            rule.column
        ))
        .maybe_hint(suggest::nearest(&rule.column, names)));
    };
    let compiled = match &rule.rule {
        Rule::NotNull => Compiled::NotNull,
        Rule::Range { min, max } => Compiled::Range(range::Range::compile(*min, *max, field)?),
        Rule::AcceptedValues { values } => {
            Compiled::AcceptedValues(accepted_values::AcceptedValues::compile(values, field)?)
        }
    };
    Ok(Check {
        column,
        name: rule.column.clone(),
        on_fail: rule.on_fail,
        rule: compiled,
    })
}

impl Check {
    fn evaluate(&self, column: &ArrayRef, broken: &mut Vec<Broken>) -> Result<(), Diagnostic> {
        let failing = match &self.rule {
            Compiled::NotNull => not_null::failing(column),
            Compiled::Range(range) => range.failing(column)?,
            Compiled::AcceptedValues(accepted) => accepted.failing(column)?,
        };
        for (row, why) in failing {
            let value = text(column, row)?;
            let is = value.as_deref().unwrap_or("null");
            broken.push(Broken {
                row,
                column: self.name.clone(),
                reason: format!("{} is {is}{why}", self.name),
                value,
                on_fail: self.on_fail,
            });
        }
        Ok(())
    }
}

/// A row that breaks the rule, and what the sentence about its value ends in.
type Failing = Vec<(usize, String)>;

fn text(column: &ArrayRef, row: usize) -> Result<Option<String>, Diagnostic> {
    if column.is_null(row) {
        return Ok(None);
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).map_err(internal)?;
    Ok(Some(formatter.value(row).to_string()))
}

fn internal(error: arrow::error::ArrowError) -> Diagnostic {
    Diagnostic::internal(format!("an expectation cannot be evaluated: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};
    use forebay_core::Location;

    use super::*;

    fn batch() -> RecordBatch {
        let wind: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(10.5),
            None,
            Some(1048.36),
            Some(-1.0),
        ]));
        let origin: ArrayRef = Arc::new(StringArray::from(vec![
            Some("EWR"),
            Some("JFK"),
            None,
            Some("XXX"),
        ]));
        let hour: ArrayRef = Arc::new(Int64Array::from(vec![0, 23, 24, 7]));
        RecordBatch::try_from_iter_with_nullable([
            ("wind", wind, true),
            ("origin", origin, true),
            ("hour", hour, true),
        ])
        .expect("columns of one length")
    }

    fn expectation(column: &str, rule: Rule) -> Expectation {
        Expectation {
            column: column.into(),
            rule,
            on_fail: OnFail::Hold,
            location: Location::new("ingest/weather.yml", 9, 5),
        }
    }

    fn reasons(column: &str, rule: Rule) -> Vec<(usize, String)> {
        let batch = batch();
        let rules = [expectation(column, rule)];
        let compiled = Expectations::compile(&rules, &batch.schema()).unwrap();
        let broken = compiled.evaluate(&batch).unwrap();
        broken.into_iter().map(|b| (b.row, b.reason)).collect()
    }

    #[test]
    fn only_not_null_minds_a_null() {
        assert_eq!(reasons("wind", Rule::NotNull), [(1, "wind is null".into())]);
        let range = Rule::Range {
            min: Some(0.0),
            max: Some(250.0),
        };
        assert_eq!(
            reasons("wind", range),
            [
                (2, "wind is 1048.36, more than 250".into()),
                (3, "wind is -1.0, less than 0".into()),
            ]
        );
        let values = ["EWR", "JFK"].map(str::to_owned).to_vec();
        assert_eq!(
            reasons("origin", Rule::AcceptedValues { values }),
            [(3, "origin is XXX, not one of EWR, JFK".into())]
        );
    }

    #[test]
    fn bounds_are_inclusive_and_numbers_compare_as_numbers() {
        let range = Rule::Range {
            min: Some(0.0),
            max: Some(23.0),
        };
        assert_eq!(
            reasons("hour", range),
            [(2, "hour is 24, more than 23".into())]
        );
        let values = ["0", "23", "24"].map(str::to_owned).to_vec();
        assert_eq!(reasons("hour", Rule::AcceptedValues { values }).len(), 1);
        let values = ["10.50", "-1"].map(str::to_owned).to_vec();
        let rows: Vec<usize> = reasons("wind", Rule::AcceptedValues { values })
            .into_iter()
            .map(|(row, _)| row)
            .collect();
        assert_eq!(rows, [2]);
    }

    #[test]
    fn a_rule_that_does_not_fit_is_refused_before_any_row_is_read() {
        let refused = |column: &str, rule: Rule| {
            let rules = [expectation(column, rule)];
            let error = Expectations::compile(&rules, &batch().schema()).err();
            error.expect("refused").to_string()
        };
        let text = refused("wnid", Rule::NotNull);
        assert!(text.contains("ingest/weather.yml:9:5"), "{text}");
        assert!(text.contains("did you mean 'wind'?"), "{text}");
        let range = Rule::Range {
            min: None,
            max: Some(1.0),
        };
        assert!(refused("origin", range).contains("needs a column of numbers"));
        let values = vec!["seven".to_owned()];
        let text = refused("hour", Rule::AcceptedValues { values });
        assert!(text.contains("'seven'"), "{text}");
    }
}
