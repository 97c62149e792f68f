//! Fits an input's columns to a table's: which columns the table will have, and each batch cast to
//! them. A cast that would lose something is refused, but for digits behind the point, which are rounded as DuckDB does.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use forebay_core::{Diagnostic, Relation};

use super::declared::Declared;
use super::marks;
use crate::engine::from_arrow;
use crate::types::{Dialect, SchemaChange, WriteMode};

/// How the table's columns come out of the input's.
#[derive(Clone, Debug)]
pub(crate) struct Alignment {
    relation: Relation,
    /// The table's columns after the write.
    pub schema: SchemaRef,
    /// Per column of the table: its place in the input. None: null.
    sources: Vec<Option<usize>>,
    /// Columns of which statements have declared that they have no nulls.
    required: BTreeSet<String>,
    /// Columns leave the table: files that are there already must not show them again.
    pub drops_columns: bool,
}

impl Alignment {
    pub(crate) fn new(
        relation: &Relation,
        table: Option<&Schema>,
        input: &Schema,
        mode: &WriteMode,
        change: SchemaChange,
        dialect: Dialect,
    ) -> Result<Self, Diagnostic> {
        let input = storable_schema(relation, input)?;
        let new = |fields: &[FieldRef]| -> Vec<FieldRef> {
            match dialect {
                Dialect::DuckDb => fields.to_vec(),
                Dialect::Postgres => fields.iter().map(marks::typed).collect(),
            }
        };
        let table = match table {
            Some(table) if *mode != WriteMode::Overwrite => table,
            _ => {
                let columns = new(input.fields()).into();
                return Ok(Self::from_columns(relation, &input, &columns, false));
            }
        };
        let (kept, missing): (Vec<_>, Vec<_>) =
            table.fields().iter().cloned().partition(|f| has(&input, f));
        let mut extra = new(input.fields());
        extra.retain(|field| !has(table, field));
        if kept.is_empty() {
            return Err(changed(relation, &missing, &extra));
        }
        for field in &kept {
            check_types(relation, field, &input)?;
        }
        let columns = match change {
            SchemaChange::Fail if !missing.is_empty() || !extra.is_empty() => {
                return Err(changed(relation, &missing, &extra));
            }
            SchemaChange::Fail | SchemaChange::Ignore => table.fields().to_vec(),
            SchemaChange::AppendNew => [table.fields().to_vec(), extra].concat(),
            SchemaChange::Sync => [kept, extra].concat(),
        };
        let drops = change == SchemaChange::Sync && !missing.is_empty();
        let aligned = Self::from_columns(relation, &input, &columns.into(), drops);
        check_case(relation, &aligned.schema)?;
        Ok(aligned)
    }

    fn from_columns(relation: &Relation, input: &Schema, columns: &Fields, drops: bool) -> Self {
        let sources = columns.iter().map(|field| place(input, field.name()));
        Self {
            relation: relation.clone(),
            sources: sources.collect(),
            schema: Arc::new(Schema::new(columns.clone())),
            required: BTreeSet::new(),
            drops_columns: drops,
        }
    }

    /// Refuses nulls where the table may have none.
    pub(crate) fn require(&mut self, declared: &Declared) {
        let names = self.schema.fields().iter().map(|field| field.name());
        let required = names.filter(|name| declared.is_required(name));
        self.required = required.cloned().collect();
    }

    /// The same columns out of batches that have this alignment's columns or fewer.
    pub(crate) fn of_stored(&self, stored: &Schema) -> Self {
        Self::from_columns(
            &self.relation,
            stored,
            self.schema.fields(),
            self.drops_columns,
        )
    }

    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, Diagnostic> {
        let columns: Result<Vec<ArrayRef>, _> = self
            .schema
            .fields()
            .iter()
            .zip(&self.sources)
            .map(|(field, source)| {
                let column = self.column(field, source.map(|i| batch.column(i)), batch)?;
                self.check_null(field.name(), &column)?;
                Ok(column)
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns?, &options)
            .map_err(from_arrow)
    }

    fn check_null(&self, name: &str, column: &ArrayRef) -> Result<(), Diagnostic> {
        if !self.required.contains(name) || column.logical_null_count() == 0 {
            return Ok(());
        }
        Err(Diagnostic::error(format!(
            "column '{name}' of '{}' is NOT NULL, and a row has no value in it",
            self.relation
        )))
    }

    fn column(
        &self,
        field: &Field,
        source: Option<&ArrayRef>,
        batch: &RecordBatch,
    ) -> Result<ArrayRef, Diagnostic> {
        let Some(source) = source else {
            return Ok(new_null_array(field.data_type(), batch.num_rows()));
        };
        if source.data_type() == field.data_type() {
            return Ok(Arc::clone(source));
        }
        let checked = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let fitted = match marks::marked(field) {
            Some(_) => marks::texts(source),
            None => cast_with_options(source, field.data_type(), &checked),
        };
        fitted.map_err(|error| {
            let reason = from_arrow(error).message;
            let (relation, name) = (&self.relation, field.name());
            Diagnostic::error(format!("column '{name}' of '{relation}': {reason}"))
        })
    }
}

fn has(schema: &Schema, field: &FieldRef) -> bool {
    place(schema, field.name()).is_some()
}

/// Where the column of that name is: names that differ by case alone are the same to Delta Lake.
pub(crate) fn place(schema: &Schema, name: &str) -> Option<usize> {
    let same = |field: &FieldRef| field.name().eq_ignore_ascii_case(name);
    let other = || schema.fields().iter().position(same);
    schema.index_of(name).ok().or_else(other)
}

fn check_types(relation: &Relation, field: &Field, input: &Schema) -> Result<(), Diagnostic> {
    let Some(given) = place(input, field.name()).map(|at| input.field(at)) else {
        return Ok(());
    };
    if marks::marked(given) == Some(DataType::Null) {
        return Ok(());
    }
    let both = marks::marked_alone(given) == marks::marked_alone(field);
    if both && fits(given.data_type(), field.data_type()) {
        return Ok(());
    }
    let name = |field: &Field| match marks::marked(field) {
        Some(of) => type_name(&of),
        None => type_name(field.data_type()),
    };
    let (given, held) = (name(given), name(field));
    Err(Diagnostic::error(format!(
        "column '{}' of '{relation}' is {held}, and the new rows have {given}",
        field.name()
    ))
    .hint(format!(
        "cast it to {held} in the query, or rebuild the table (--full-refresh)"
    )))
}

fn changed(relation: &Relation, missing: &[FieldRef], extra: &[FieldRef]) -> Diagnostic {
    let names = |fields: &[FieldRef]| {
        let quoted: Vec<_> = fields.iter().map(|f| format!("'{}'", f.name())).collect();
        quoted.join(", ")
    };
    let mut parts = Vec::new();
    if !extra.is_empty() {
        parts.push(format!("new: {}", names(extra)));
    }
    if !missing.is_empty() {
        parts.push(format!("missing: {}", names(missing)));
    }
    Diagnostic::error(format!(
        "the columns of '{relation}' changed ({})",
        parts.join("; ")
    ))
    .of_setting("on_schema_change")
    .hint("allow it with on_schema_change, or rebuild the table (--full-refresh)")
}

fn storable_schema(relation: &Relation, input: &Schema) -> Result<Schema, Diagnostic> {
    if input.fields().is_empty() {
        return Err(Diagnostic::error(format!(
            "'{relation}' would have no columns"
        )));
    }
    let fields = input.fields().iter().map(|field| {
        if let Some(column) = marks::column(field.name(), field.data_type()) {
            return Ok(column);
        }
        let stored = storable(field.data_type()).ok_or_else(|| unstorable(relation, field))?;
        Ok(Field::new(field.name(), stored, true))
    });
    let schema = Schema::new(fields.collect::<Result<Vec<_>, Diagnostic>>()?);
    check_case(relation, &schema)?;
    Ok(schema)
}

/// Delta Lake compares column names without case.
fn check_case(relation: &Relation, schema: &Schema) -> Result<(), Diagnostic> {
    let mut seen = BTreeSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(Diagnostic::error(format!(
                "column '{}' occurs twice in '{relation}'",
                field.name()
            ))
            .hint("names must differ in more than capitals: give one another name with AS"));
        }
    }
    Ok(())
}

fn unstorable(relation: &Relation, field: &Field) -> Diagnostic {
    let kind = type_name(field.data_type());
    let problem = Diagnostic::error(format!(
        "column '{}' of '{relation}' is {kind}, which a table cannot hold",
        field.name()
    ));
    problem.hint("cast it to text")
}

/// The type in which a table holds the values. None: it cannot.
fn storable(given: &DataType) -> Option<DataType> {
    let item = |field: &FieldRef| {
        let item = storable(field.data_type())?;
        Some(Arc::new(Field::new("element", item, true)))
    };
    Some(match given {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            DataType::Utf8
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Dictionary(_, value) => storable(value)?,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into()))
        }
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => DataType::List(item(field)?),
        DataType::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|f| Some(Field::new(f.name(), storable(f.data_type())?, true)));
            DataType::Struct(fields.collect::<Option<Fields>>()?)
        }
        DataType::Map(entries, sorted) => {
            let DataType::Struct(fields) = entries.data_type() else {
                return None;
            };
            let [key, value] = fields.as_ref() else {
                return None;
            };
            DataType::Map(
                map_entries(storable(key.data_type())?, storable(value.data_type())?),
                *sorted,
            )
        }
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Decimal128(..) => given.clone(),
        _ => return None,
    })
}

/// As Delta Lake calls the parts of a map.
fn map_entries(key: DataType, value: DataType) -> FieldRef {
    let fields = Fields::from(vec![
        Field::new("key", key, false),
        Field::new("value", value, true),
    ]);
    Arc::new(Field::new("key_value", DataType::Struct(fields), false))
}

/// Whether every value of one type either has a place in the other, if need be as a decimal of fewer digits, or fails its
/// cast.
fn fits(given: &DataType, held: &DataType) -> bool {
    use DataType::*;
    match (given, held) {
        _ if given == held => true,
        _ if given.is_integer() => held.is_numeric(),
        (Float32, Float64) | (Decimal128(..), Float64) => true,
        // Rounded, as databases do.
        (Float32 | Float64 | Decimal128(..), Decimal128(..)) => true,
        (Date32, Timestamp(..)) | (Timestamp(..), Timestamp(..)) => true,
        (List(from), List(to)) => fits(from.data_type(), to.data_type()),
        (Map(from, _), Map(to, _)) => fits(from.data_type(), to.data_type()),
        (Struct(from), Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| {
                    from.name() == to.name() && fits(from.data_type(), to.data_type())
                })
        }
        _ => false,
    }
}

/// The type in SQL's words.
pub(crate) fn type_name(found: &DataType) -> String {
    match found {
        DataType::Boolean => "boolean".into(),
        DataType::Int8 | DataType::Int16 => "smallint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Null => "null".into(),
        DataType::Utf8 => "text".into(),
        DataType::Binary => "bytes".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Time32(_) | DataType::Time64(_) => "a time of day".into(),
        DataType::Duration(_) => "a difference of timestamps".into(),
        DataType::Interval(_) => "an interval".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::List(_) => "a list".into(),
        DataType::Map(..) => "a map".into(),
        DataType::Struct(_) => "a structure".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray, UInt64Array};

    fn relation() -> Relation {
        Relation::new("main", "t")
    }

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn align(
        table: &Schema,
        input: &Schema,
        change: SchemaChange,
    ) -> Result<Alignment, Diagnostic> {
        let mode = &WriteMode::Append;
        Alignment::new(
            &relation(),
            Some(table),
            input,
            mode,
            change,
            Dialect::DuckDb,
        )
    }

    fn names(alignment: &Alignment) -> Vec<&str> {
        let fields = alignment.schema.fields().iter();
        fields.map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn each_schema_change_keeps_adds_or_drops_columns() {
        let table = schema(&[("id", DataType::Int64), ("old", DataType::Utf8)]);
        let input = schema(&[("new", DataType::Utf8), ("id", DataType::Int64)]);
        let columns = |change| names(&align(&table, &input, change).unwrap()).join(" ");
        assert_eq!(columns(SchemaChange::Ignore), "id old");
        assert_eq!(columns(SchemaChange::AppendNew), "id old new");
        assert_eq!(columns(SchemaChange::Sync), "id new");
        let problem = align(&table, &input, SchemaChange::Fail).unwrap_err();
        assert_eq!(
            problem.message,
            "the columns of 'main.t' changed (new: 'new'; missing: 'old')"
        );
    }

    #[test]
    fn columns_are_matched_by_name_and_missing_ones_are_null() {
        let table = schema(&[("id", DataType::Int64), ("note", DataType::Utf8)]);
        let input = schema(&[("id", DataType::UInt64)]);
        let batch = RecordBatch::try_new(
            Arc::new(input.clone()),
            vec![Arc::new(UInt64Array::from(vec![7]))],
        )
        .unwrap();
        let aligned = align(&table, &input, SchemaChange::Ignore)
            .unwrap()
            .apply(&batch)
            .unwrap();
        assert_eq!(aligned.column(0).as_ref(), &Int64Array::from(vec![7]));
        assert_eq!(
            aligned.column(1).as_ref(),
            &StringArray::from(vec![None::<&str>])
        );
    }

    #[test]
    fn lossy_types_and_values_are_refused() {
        let table = schema(&[("id", DataType::Int32)]);
        let text = schema(&[("id", DataType::Utf8)]);
        let problem = align(&table, &text, SchemaChange::Ignore).unwrap_err();
        assert_eq!(
            problem.message,
            "column 'id' of 'main.t' is integer, and the new rows have text"
        );
        let float = schema(&[("id", DataType::Float64)]);
        assert!(align(&table, &float, SchemaChange::Ignore).is_err());

        let wide = schema(&[("id", DataType::Int64)]);
        let batch = RecordBatch::try_new(
            Arc::new(wide.clone()),
            vec![Arc::new(Int64Array::from(vec![1 << 40]))],
        )
        .unwrap();
        let alignment = align(&table, &wide, SchemaChange::Ignore).unwrap();
        assert!(alignment.apply(&batch).is_err());
    }

    #[test]
    fn a_null_without_a_type_fits_a_column_of_any_type_and_has_one_only_to_postgresql() {
        let table = schema(&[("id", DataType::Int64), ("at", DataType::Date32)]);
        let nulls = schema(&[("id", DataType::Null), ("at", DataType::Null)]);
        let aligned = align(&table, &nulls, SchemaChange::Fail).unwrap();
        assert_eq!(aligned.schema.as_ref(), &table);

        let new = |dialect| {
            let mode = &WriteMode::Overwrite;
            let change = SchemaChange::Fail;
            let made = Alignment::new(&relation(), None, &nulls, mode, change, dialect);
            marks::marked(made.unwrap().schema.field(0))
        };
        assert_eq!(new(Dialect::DuckDb), Some(DataType::Null));
        assert_eq!(new(Dialect::Postgres), None);
        let held = schema(&[("id", DataType::Null)]);
        let held = storable_schema(&relation(), &held).unwrap();
        let number = schema(&[("id", DataType::Int64)]);
        assert!(align(&held, &number, SchemaChange::Fail).is_err());
    }

    #[test]
    fn what_a_table_cannot_hold_is_named() {
        let length = DataType::Duration(TimeUnit::Microsecond);
        let lengths = DataType::List(Arc::new(Field::new("element", length, true)));
        let lengths = schema(&[("took", lengths)]);
        let new = |input: &Schema| {
            Alignment::new(
                &relation(),
                None,
                input,
                &WriteMode::Overwrite,
                SchemaChange::Ignore,
                Dialect::DuckDb,
            )
        };
        let problem = new(&lengths).unwrap_err().message;
        let (start, end) = (
            "column 'took' of 'main.t' is ",
            ", which a table cannot hold",
        );
        assert!(
            problem.starts_with(start) && problem.ends_with(end),
            "{problem}"
        );
        let twice = schema(&[("id", DataType::Int64), ("ID", DataType::Int64)]);
        assert!(new(&twice).unwrap_err().message.contains("occurs twice"));
    }
}
