//! Structures: joined, and what their fields are called.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListBuilder, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, FieldRef, Fields};

use datafusion::common::exec_err;

use super::function::{Function, Takes, texts};

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["struct_concat"],
        takes: &[Takes::Json],
        count: (2, usize::MAX),
        gives: |given| DataType::Struct(given.iter().flat_map(fields).cloned().collect()),
        run: |arrays| {
            let fields: Fields = arrays
                .iter()
                .flat_map(|array| fields(array.data_type()))
                .cloned()
                .collect();
            if let Some(of) = arrays.iter().find(|of| of.as_struct_opt().is_none()) {
                return exec_err!("struct_concat joins structures, not {}", of.data_type());
            }
            let columns = arrays.iter().flat_map(columns).collect();
            Ok(Arc::new(StructArray::try_new(fields, columns, None)?))
        },
    },
    // A field of both is of the second, in the place that it has in the first.
    Function {
        names: &["struct_over"],
        takes: &[Takes::Json],
        count: (2, 2),
        gives: |given| {
            DataType::Struct(over(&given[0], &given[1]).map(|(field, _)| field).collect())
        },
        run: |arrays| {
            let sides = [columns(&arrays[0]), columns(&arrays[1])];
            let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) =
                over(arrays[0].data_type(), arrays[1].data_type())
                    .map(|(field, (side, at))| (field, Arc::clone(&sides[side][at])))
                    .unzip();
            Ok(Arc::new(StructArray::try_new(
                fields.into(),
                columns,
                None,
            )?))
        },
    },
    Function {
        names: &["struct_keys"],
        takes: &[Takes::Json],
        count: (1, 1),
        gives: texts,
        run: |arrays| {
            let mut keys = ListBuilder::new(StringBuilder::new());
            for at in 0..arrays[0].len() {
                match arrays[0].is_null(at) {
                    true => keys.append_null(),
                    false => keys.append_value(
                        fields(arrays[0].data_type())
                            .iter()
                            .map(|field| Some(field.name())),
                    ),
                }
            }
            Ok(Arc::new(keys.finish()))
        },
    },
];

/// None where the value is no structure, which then adds nothing.
fn fields(of: &DataType) -> &[FieldRef] {
    match of {
        DataType::Struct(fields) => fields,
        _ => &[],
    }
}

/// Those of a structure that is null are null.
fn columns(of: &ArrayRef) -> Vec<ArrayRef> {
    of.as_struct_opt().map_or_else(Vec::new, |of| {
        let columns = of.columns().iter();
        let masked = columns.map(|column| match of.nulls() {
            None => Arc::clone(column),
            Some(nulls) => {
                let present = BooleanArray::new(!nulls.inner(), None);
                arrow::compute::nullif(column, &present).unwrap_or_else(|_| Arc::clone(column))
            }
        });
        masked.collect()
    })
}

/// Each field of both, with the side and the place that its values are from.
fn over(first: &DataType, second: &DataType) -> impl Iterator<Item = (FieldRef, (usize, usize))> {
    let place = |name: &str| fields(second).iter().position(|field| field.name() == name);
    let of_first = fields(first)
        .iter()
        .enumerate()
        .map(|(at, field)| match place(field.name()) {
            Some(at) => (Arc::clone(&fields(second)[at]), (1, at)),
            None => (Arc::clone(field), (0, at)),
        });
    let added = fields(second).iter().enumerate();
    let added =
        added.filter(|(_, field)| !fields(first).iter().any(|of| of.name() == field.name()));
    let added = added.map(|(at, field)| (Arc::clone(field), (1, at)));
    of_first.chain(added).collect::<Vec<_>>().into_iter()
}
