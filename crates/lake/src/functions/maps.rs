//! Maps of other types of keys and values.

use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::exec_err;

use super::function::{Function, Takes};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    // The second and third argument tell the types alone.
    names: &["map_as"],
    takes: &[Takes::Json],
    count: (3, 3),
    gives: map,
    run: |arrays| {
        let given: Vec<DataType> = arrays.iter().map(|a| a.data_type().clone()).collect();
        match arrays[0].data_type() {
            DataType::Map(..) => Ok(cast(&arrays[0], &map(&given))?),
            DataType::Null => Ok(new_null_array(&map(&given), arrays[0].len())),
            _ => exec_err!("a map alone is cast to a map: map {{'a': 1}}, map(['a'], [1])"),
        }
    },
}];

fn map(given: &[DataType]) -> DataType {
    let fields: Fields = match &given[0] {
        // Their fields keep their names.
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => fields.clone(),
            _ => Fields::empty(),
        },
        _ => vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]
        .into(),
    };
    let typed = fields.iter().zip(&given[1..]);
    let typed = typed.map(|(field, of)| field.as_ref().clone().with_data_type(of.clone()));
    let entries = DataType::Struct(typed.collect());
    let name = match &given[0] {
        DataType::Map(entries, _) => entries.name().as_str(),
        _ => "entries",
    };
    DataType::Map(Arc::new(Field::new(name, entries, false)), false)
}
