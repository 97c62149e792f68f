//! Maps of other types of keys and values.

use std::sync::Arc;

use std::collections::HashMap;

use arrow::array::UInt32Array;
use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::row::{RowConverter, SortField};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{Function, Takes};
use super::typed_json::maps_of;

pub(super) const FUNCTIONS: &[Function] = &[
    // The second and third argument tell the types alone.
    Function {
        names: &["map_as"],
        takes: &[Takes::Json],
        count: (3, 3),
        gives: map,
        run: of_types,
    },
    Function {
        names: &["try_map_as"],
        takes: &[Takes::Json],
        count: (3, 3),
        gives: map,
        run: of_types_or_null,
    },
];

fn of_types(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let given: Vec<DataType> = arrays.iter().map(|a| a.data_type().clone()).collect();
    let maps = match arrays[0].data_type() {
        DataType::Map(..) => cast(&arrays[0], &map(&given))?,
        DataType::Null => return Ok(new_null_array(&map(&given), arrays[0].len())),
        DataType::Utf8 | DataType::Utf8View => maps_of(&arrays[0], &map(&given))?,
        _ => return exec_err!("a map alone is cast to a map: map {{'a': 1}}, map(['a'], [1])"),
    };
    // `'1'` and `'01'` are one number.
    let read = maps.as_map();
    check_keys(read.entries(), read.offsets())?;
    Ok(maps)
}

fn of_types_or_null(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    if let Ok(maps) = of_types(arrays) {
        return Ok(maps);
    }
    let given: Vec<DataType> = arrays.iter().map(|a| a.data_type().clone()).collect();
    let one = |at: usize| {
        let row: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(at, 1)).collect();
        of_types(&row).unwrap_or_else(|_| new_null_array(&map(&given), 1))
    };
    let rows: Vec<ArrayRef> = (0..arrays[0].len()).map(one).collect();
    let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
    Ok(concat(&rows)?)
}

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["map_from_entries"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| of_entries(&given[0]).unwrap_or(DataType::Null),
        run: |arrays| from_entries(&arrays[0]),
    },
    // Of a key that several have, the last value.
    Function {
        names: &["map_concat"],
        takes: &[Takes::Any],
        count: (2, usize::MAX),
        gives: |given| {
            let mut maps = given.iter().filter(|of| matches!(of, DataType::Map(..)));
            maps.next().cloned().unwrap_or(DataType::Null)
        },
        run: concatenated,
    },
];

/// The map of a list of pairs.
fn of_entries(list: &DataType) -> Option<DataType> {
    let DataType::List(item) = list else {
        return None;
    };
    let DataType::Struct(fields) = item.data_type() else {
        return None;
    };
    let [key, value] = &fields[..] else {
        return None;
    };
    let key = Field::new("key", key.data_type().clone(), false);
    let value = Field::new("value", value.data_type().clone(), true);
    let entries = DataType::Struct(vec![key, value].into());
    Some(DataType::Map(
        Arc::new(Field::new("entries", entries, false)),
        false,
    ))
}

fn from_entries(lists: &ArrayRef) -> Result<ArrayRef> {
    if lists.data_type().is_null() {
        return Ok(new_null_array(&DataType::Null, lists.len()));
    }
    let Some(DataType::Map(entries, _)) = of_entries(lists.data_type()) else {
        return exec_err!("map_from_entries() takes a list of pairs: [('a', 1), ('b', 2)]");
    };
    let lists = lists.as_list::<i32>();
    // Items behind nulls are no entries.
    let at = (0..lists.len()).filter(|at| lists.is_valid(*at));
    let places = at.flat_map(|at| {
        let offsets = lists.value_offsets();
        offsets[at] as u32..offsets[at + 1] as u32
    });
    let pairs = take(lists.values(), &UInt32Array::from_iter_values(places), None)?;
    let pairs = pairs.as_struct();
    if pairs.null_count() > 0 || pairs.column(0).logical_null_count() > 0 {
        return exec_err!("a key of a map cannot be null");
    }
    let lengths = (0..lists.len()).map(|at| match lists.is_valid(at) {
        true => lists.value_length(at) as usize,
        false => 0,
    });
    let DataType::Struct(fields) = entries.data_type() else {
        return exec_err!("a map has pairs");
    };
    let pairs = StructArray::try_new(fields.clone(), pairs.columns().to_vec(), None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    check_keys(&pairs, &offsets)?;
    let map = MapArray::try_new(entries, offsets, pairs, lists.nulls().cloned(), false)?;
    Ok(Arc::new(map))
}

fn check_keys(pairs: &StructArray, offsets: &OffsetBuffer<i32>) -> Result<()> {
    let keys = keys(pairs)?;
    for ends in offsets.windows(2) {
        let mut row: Vec<&[u8]> = (ends[0]..ends[1]).map(|at| &*keys[at as usize]).collect();
        row.sort_unstable();
        if row.windows(2).any(|two| two[0] == two[1]) {
            return exec_err!("a map has a key once alone");
        }
    }
    Ok(())
}

fn keys(pairs: &StructArray) -> Result<Vec<Box<[u8]>>> {
    let key = Arc::clone(pairs.column(0));
    let converter = RowConverter::new(vec![SortField::new(key.data_type().clone())])?;
    let rows = converter.convert_columns(&[key])?;
    Ok(rows.iter().map(|row| row.as_ref().into()).collect())
}

fn concatenated(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = arrays[0].len();
    let maps: Vec<&ArrayRef> = arrays.iter().filter(|a| !a.data_type().is_null()).collect();
    let Some(first) = maps.first() else {
        return Ok(new_null_array(&DataType::Null, rows));
    };
    let of = first.data_type().clone();
    let DataType::Map(entries, _) = &of else {
        return exec_err!("map_concat() takes maps");
    };
    let maps = maps.iter().map(|map| cast(map, &of));
    let maps: Vec<ArrayRef> = maps.collect::<std::result::Result<_, _>>()?;
    let parts: Vec<&dyn Array> = maps
        .iter()
        .map(|map| map.as_map().entries() as &dyn Array)
        .collect();
    let all = concat(&parts)?;
    let keys = keys(all.as_struct())?;
    let (mut places, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let mut found: HashMap<&[u8], usize> = HashMap::new();
        let (before, mut begins) = (places.len(), 0);
        for map in &maps {
            let map = map.as_map();
            let own = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
            for at in own.filter(|_| map.is_valid(row)).map(|at| begins + at) {
                match found.get(&*keys[at]) {
                    Some(place) => places[*place] = at as u32,
                    None => {
                        found.insert(&keys[at], places.len());
                        places.push(at as u32);
                    }
                }
            }
            begins += map.entries().len();
        }
        lengths.push(places.len() - before);
        valid.push(maps.iter().any(|map| map.is_valid(row)));
    }
    let pairs = take(&all, &UInt32Array::from(places), None)?;
    let map = MapArray::try_new(
        Arc::clone(entries),
        OffsetBuffer::from_lengths(lengths),
        pairs.as_struct().clone(),
        Some(NullBuffer::from(valid)),
        false,
    )?;
    Ok(Arc::new(map))
}

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
