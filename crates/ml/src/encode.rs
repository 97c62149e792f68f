//! Arrow columns as the numbers that a booster reads, the same way for a training set and a request.
//!
//! Numbers stay, booleans become 0 and 1, a category becomes its rank among the categories known
//! from training, ordered by the share of true labels there: so that a cut of ranks separates likely
//! from unlikely ones. Null, not finite and never seen are missing.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use forebay_core::{Diagnostic, suggest};
use serde::{Deserialize, Serialize};

use crate::gbdt::Matrix;

/// One input of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    pub name: String,
    #[serde(flatten)]
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    Number,
    Boolean,
    Category { categories: Categories },
}

/// Known categories; the position is the code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Categories {
    names: Vec<String>,
    codes: HashMap<String, u32>,
}

impl From<Vec<String>> for Categories {
    fn from(names: Vec<String>) -> Self {
        let codes = names.iter().cloned().zip(0..).collect();
        Self { names, codes }
    }
}

impl From<Categories> for Vec<String> {
    fn from(categories: Categories) -> Self {
        categories.names
    }
}

impl Categories {
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn code(&self, name: &str) -> f64 {
        self.codes
            .get(name)
            .map_or(f64::NAN, |code| f64::from(*code))
    }
}

/// Rows that the overall share weighs as much as, when categories are ordered: a category seen once
/// is placed near the middle, not at an end.
const SMOOTHING: f64 = 20.0;

/// The inputs of a model in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Encoder {
    pub features: Vec<Feature>,
}

impl Encoder {
    /// Takes kinds from the columns' types, and the order of categories from the labels (0 or 1, one
    /// a row over all batches).
    pub fn fit(
        batches: &[RecordBatch],
        names: &[String],
        labels: &[f64],
    ) -> Result<Self, Diagnostic> {
        let feature = |name: &String| {
            let columns = columns(batches, name)?;
            let kind = match columns.iter().map(|c| c.data_type()).find(|t| !t.is_null()) {
                Some(DataType::Boolean) => Kind::Boolean,
                Some(data_type) if is_text(data_type) => Kind::Category {
                    categories: order(name, &columns, labels)?,
                },
                Some(data_type) if !data_type.is_numeric() => return Err(unfit(name, data_type)),
                _ => Kind::Number,
            };
            Ok(Feature {
                name: name.clone(),
                kind,
            })
        };
        Ok(Self {
            features: names.iter().map(feature).collect::<Result<_, _>>()?,
        })
    }

    /// The numbers of all rows, one column a feature.
    pub fn matrix(&self, batches: &[RecordBatch]) -> Result<Matrix, Diagnostic> {
        let mut matrix = Matrix::new(batches.iter().map(RecordBatch::num_rows).sum());
        for feature in &self.features {
            let mut values = Vec::with_capacity(matrix.rows());
            for column in columns(batches, &feature.name)? {
                feature.encode(column, &mut values)?;
            }
            matrix.push(values);
        }
        Ok(matrix)
    }
}

impl Feature {
    fn encode(&self, column: &ArrayRef, out: &mut Vec<f64>) -> Result<(), Diagnostic> {
        let data_type = column.data_type();
        match &self.kind {
            // A column that is null throughout may come in any type: nothing is known of it.
            _ if column.null_count() == column.len() || data_type.is_null() => {
                out.extend(std::iter::repeat_n(f64::NAN, column.len()));
            }
            Kind::Number if data_type.is_numeric() => {
                let numbers = convert(&self.name, column, &DataType::Float64)?;
                let numbers = numbers.as_primitive::<Float64Type>().iter();
                out.extend(numbers.map(|value| value.unwrap_or(f64::NAN)));
            }
            Kind::Boolean if *data_type == DataType::Boolean => {
                let number =
                    |value: Option<bool>| value.map_or(f64::NAN, |v| f64::from(u8::from(v)));
                out.extend(column.as_boolean().iter().map(number));
            }
            Kind::Category { categories } if is_text(data_type) => {
                let texts = convert(&self.name, column, &DataType::Utf8)?;
                let code = |text: Option<&str>| text.map_or(f64::NAN, |t| categories.code(t));
                out.extend(texts.as_string::<i32>().iter().map(code));
            }
            _ => return Err(self.changed(data_type)),
        }
        Ok(())
    }

    fn changed(&self, data_type: &DataType) -> Diagnostic {
        let trained = match self.kind {
            Kind::Number => "a number",
            Kind::Boolean => "a boolean",
            Kind::Category { .. } => "text",
        };
        Diagnostic::error(format!(
            "feature '{}' was {trained} in training, but the column is {data_type}",
            self.name
        ))
        .hint("cast it in the model that it comes from, or train again")
    }
}

/// The column of that name in every batch.
fn columns<'a>(batches: &'a [RecordBatch], name: &str) -> Result<Vec<&'a ArrayRef>, Diagnostic> {
    let column = |batch: &'a RecordBatch| {
        batch.column_by_name(name).ok_or_else(|| {
            let schema = batch.schema();
            let known = schema.fields().iter().map(|field| field.name().as_str());
            Diagnostic::error(format!("the rows lack the feature column '{name}'"))
                .maybe_hint(suggest::nearest(name, known))
        })
    };
    batches.iter().map(column).collect()
}

/// Categories in ascending order of their smoothed share of true labels; equal shares by name.
fn order(name: &str, columns: &[&ArrayRef], labels: &[f64]) -> Result<Categories, Diagnostic> {
    let mut tallies: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut labels = labels.iter();
    let (mut rows, mut trues) = (0.0, 0.0);
    for column in columns {
        let texts = convert(name, column, &DataType::Utf8)?;
        for (text, label) in texts.as_string::<i32>().iter().zip(labels.by_ref()) {
            rows += 1.0;
            trues += label;
            let Some(text) = text else { continue };
            match tallies.get_mut(text) {
                Some(tally) => *tally = (tally.0 + 1.0, tally.1 + label),
                None => drop(tallies.insert(text.to_owned(), (1.0, *label))),
            }
        }
    }
    let prior = SMOOTHING * trues / f64::max(rows, 1.0);
    let mut shares: Vec<(f64, String)> = tallies
        .into_iter()
        .map(|(text, (rows, trues))| ((trues + prior) / (rows + SMOOTHING), text))
        .collect();
    shares.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    Ok(shares
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .into())
}

fn convert(name: &str, column: &ArrayRef, to: &DataType) -> Result<ArrayRef, Diagnostic> {
    if column.data_type() == to {
        return Ok(ArrayRef::clone(column));
    }
    cast(column, to).map_err(|error| {
        Diagnostic::error(format!("feature '{name}' cannot be read as {to}: {error}"))
    })
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn unfit(name: &str, data_type: &DataType) -> Diagnostic {
    let hint = if data_type.is_temporal() {
        "derive numbers from a time, such as `extract(hour from t)`, as a request feature or in the model"
    } else {
        "a feature is a number, a boolean or text: take the parts that matter out in the model"
    };
    Diagnostic::error(format!(
        "feature '{name}' has type {data_type}, which a trainer cannot read"
    ))
    .hint(hint)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, NullArray,
        StringArray, StringViewArray,
    };

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn three_kinds() -> RecordBatch {
        batch(vec![
            (
                "n",
                Arc::new(Int32Array::from(vec![Some(3), None, Some(-1)])),
            ),
            (
                "b",
                Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            ),
            (
                "c",
                Arc::new(StringArray::from(vec![Some("late"), Some("early"), None])),
            ),
        ])
    }

    fn shown(matrix: &Matrix) -> Vec<String> {
        (0..matrix.width())
            .map(|c| format!("{:?}", matrix.column(c)))
            .collect()
    }

    #[test]
    fn numbers_booleans_and_categories() {
        let rows = [three_kinds()];
        let encoder = Encoder::fit(&rows, &names(&["c", "n", "b"]), &[1.0, 0.0, 0.0]).unwrap();
        let matrix = encoder.matrix(&rows).unwrap();
        assert_eq!(
            shown(&matrix),
            ["[1.0, 0.0, NaN]", "[3.0, NaN, -1.0]", "[1.0, 0.0, NaN]"]
        );
    }

    #[test]
    fn categories_are_ordered_by_smoothed_share() {
        let texts: Vec<&str> = [vec!["often"; 40], vec!["never"; 40], vec!["once"; 1]].concat();
        let labels: Vec<f64> = [vec![1.0; 40], vec![0.0; 40], vec![1.0; 1]].concat();
        let rows = [batch(vec![("c", Arc::new(StringArray::from(texts)))])];
        let encoder = Encoder::fit(&rows, &names(&["c"]), &labels).unwrap();
        let Kind::Category { categories } = &encoder.features[0].kind else {
            panic!()
        };
        assert_eq!(categories.names(), ["never", "once", "often"]);
    }

    #[test]
    fn other_widths_of_a_type_and_unknown_categories_encode_too() {
        let encoder =
            Encoder::fit(&[three_kinds()], &names(&["n", "b", "c"]), &[1.0, 0.0, 0.0]).unwrap();
        let decimal = Decimal128Array::from(vec![250])
            .with_precision_and_scale(5, 2)
            .unwrap();
        let later = batch(vec![
            ("n", Arc::new(decimal)),
            ("b", Arc::new(Float64Array::from(vec![None]))),
            ("c", Arc::new(StringViewArray::from(vec!["unheard of"]))),
        ]);
        let matrix = encoder.matrix(&[later]).unwrap();
        assert_eq!(shown(&matrix), ["[2.5]", "[NaN]", "[NaN]"]);
        let infinite: ArrayRef = Arc::new(Float64Array::from(vec![f64::INFINITY]));
        let nothing: ArrayRef = Arc::new(NullArray::new(1));
        let later = batch(vec![
            ("n", infinite),
            ("b", nothing.clone()),
            ("c", nothing),
        ]);
        assert_eq!(
            shown(&encoder.matrix(&[later]).unwrap()),
            ["[NaN]", "[NaN]", "[NaN]"]
        );
    }

    #[test]
    fn misfits_are_explained() {
        let day: ArrayRef = Arc::new(Date32Array::from(vec![1, 2, 3]));
        let rows = [batch(vec![("day", day.clone())])];
        let error = Encoder::fit(&rows, &names(&["day"]), &[0.0; 3]).unwrap_err();
        assert_eq!(
            error.message,
            "feature 'day' has type Date32, which a trainer cannot read"
        );
        assert!(error.hints[0].contains("extract(hour from t)"));
        let error = Encoder::fit(&rows, &names(&["dya"]), &[0.0; 3]).unwrap_err();
        assert_eq!(error.hints, ["did you mean 'day'?"]);

        let encoder = Encoder::fit(&[three_kinds()], &names(&["n"]), &[1.0, 0.0, 0.0]).unwrap();
        let text: ArrayRef = Arc::new(StringArray::from(vec!["3"]));
        let error = encoder.matrix(&[batch(vec![("n", text)])]).unwrap_err();
        assert_eq!(
            error.message,
            "feature 'n' was a number in training, but the column is Utf8"
        );
    }

    #[test]
    fn one_row_encodes_as_it_does_among_others() {
        let rows = three_kinds();
        let encoder = Encoder::fit(
            std::slice::from_ref(&rows),
            &names(&["n", "b", "c"]),
            &[1.0, 0.0, 0.0],
        )
        .unwrap();
        let all = encoder.matrix(std::slice::from_ref(&rows)).unwrap();
        for row in 0..3 {
            let alone = encoder.matrix(&[rows.slice(row, 1)]).unwrap();
            let mut expected = [0.0; 3];
            all.read_row(row, &mut expected);
            let found = [0, 1, 2].map(|c| alone.column(c)[0]);
            assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits));
        }
    }
}
