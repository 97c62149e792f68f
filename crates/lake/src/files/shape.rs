//! What the values of a JSON file are, as DuckDB finds it: objects with the same keys are structures, those whose keys are
//! data are maps, texts that are all dates are dates, and values of unlike kinds stay JSON.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::settings::Named;
use super::written::Written;

/// An object of as many keys or more is a map, if its values are alike.
const MANY_KEYS: usize = 200;
/// How alike they have to be, and in what share of the objects a key has to be on average for them to be structures.
const ALIKE: f64 = 0.8;
const SHARE: f64 = 0.1;

/// What all values of a place in the file are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// There are none, or they are null.
    Nothing,
    Boolean,
    Whole,
    Huge,
    Double,
    Text(Written),
    List(Box<Shape>),
    Object(Object),
    Map(Box<Shape>),
    /// Values of unlike kinds.
    Json,
}

/// Objects, and how often each of their keys is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object {
    count: usize,
    fields: IndexMap<String, (Shape, usize)>,
}

impl Shape {
    /// What is found of all these values.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut shape = Self::Nothing;
        values.into_iter().for_each(|value| shape.observe(value));
        shape.settled()
    }

    /// For columns whose types are asked for: texts are not looked into.
    pub(super) fn as_given(rows: &[Value], given: &[(Named, String)]) -> Self {
        let mut shape = Self::Nothing;
        rows.iter().for_each(|row| shape.observe(row));
        let Self::Object(object) = shape else {
            return shape.read_as("");
        };
        let fields = object.fields.into_iter().enumerate();
        Self::structure(fields.map(|(at, (name, (shape, _)))| {
            let sql = given.iter().find(|(column, _)| column.is(at, &name));
            let sql = sql.map_or("", |(_, sql)| sql.as_str());
            (name, shape.read_as(&sql.to_ascii_lowercase()))
        }))
    }

    /// What is read where the type of that name is asked for.
    fn read_as(self, sql: &str) -> Self {
        match (self, sql) {
            (_, "json") => Self::Json,
            (_, "varchar" | "text" | "string") | (Self::Json | Self::Text(_), _) => {
                Self::Text(Written::text())
            }
            (Self::Object(object), sql) if sql.starts_with("map") => {
                Self::Map(Box::new(object.value().read_as("")))
            }
            (Self::Object(object), _) => {
                let fields = object.fields.into_iter();
                Self::structure(fields.map(|(name, (shape, _))| (name, shape.read_as(""))))
            }
            (Self::List(item), _) => Self::List(Box::new(item.read_as(""))),
            (shape, _) => shape,
        }
    }

    pub(super) fn structure(fields: impl IntoIterator<Item = (String, Self)>) -> Self {
        let fields = fields.into_iter();
        let fields = fields.map(|(name, shape)| (name, (shape, 1))).collect();
        Self::Object(Object { count: 1, fields })
    }

    pub(super) fn fields(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        match self {
            Self::Object(object) => Some(object.shapes()),
            _ => None,
        }
    }

    fn observe(&mut self, value: &Value) {
        match (&mut *self, value) {
            (_, Value::Null) => {}
            (Self::List(item), Value::Array(values)) => {
                values.iter().for_each(|value| item.observe(value));
            }
            (Self::Object(object), Value::Object(fields)) => object.observe(fields),
            (Self::Text(written), Value::String(text)) => written.observe(text),
            _ => {
                let own = std::mem::replace(self, Self::Nothing);
                *self = own.merged(Self::one(value));
            }
        }
    }

    fn one(value: &Value) -> Self {
        let mut shape = match value {
            Value::Null => return Self::Nothing,
            Value::Bool(_) => return Self::Boolean,
            Value::Number(number) if number.is_i64() => return Self::Whole,
            Value::Number(number) if number.is_u64() => return Self::Huge,
            Value::Number(_) => return Self::Double,
            Value::String(_) => Self::Text(Written::any()),
            Value::Array(_) => Self::List(Box::new(Self::Nothing)),
            Value::Object(_) => Self::Object(Object::default()),
        };
        shape.observe(value);
        shape
    }

    fn merged(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, known) | (known, Self::Nothing) => known,
            (Self::Whole, number @ (Self::Huge | Self::Double))
            | (number @ (Self::Huge | Self::Double), Self::Whole) => number,
            (Self::Huge, Self::Double) | (Self::Double, Self::Huge) => Self::Double,
            (Self::Text(one), Self::Text(other)) => Self::Text(one.and(other)),
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.merged(*other))),
            (Self::Object(one), Self::Object(other)) => Self::Object(one.merged(other)),
            (one, other) if one == other => one,
            _ => Self::Json,
        }
    }

    /// With the objects that are maps.
    fn settled(self) -> Self {
        match self {
            Self::List(item) => Self::List(Box::new(match *item {
                Self::Nothing => Self::Json,
                item => item.settled(),
            })),
            Self::Object(object) => object.settled(),
            settled => settled,
        }
    }

    /// How like the values of which it is one its own are, from 0 to 1.
    fn likeness(&self, all: &Self) -> f64 {
        match (self, all) {
            (_, Self::Json) => f64::NEG_INFINITY,
            (Self::List(item), Self::List(all)) => item.likeness(all),
            (Self::Object(own), Self::Object(all)) => {
                own.fields.len() as f64 / all.fields.len() as f64
            }
            _ => 1.0,
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Nothing => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Huge => DataType::Decimal128(38, 0),
            Self::Double => DataType::Float64,
            Self::Text(written) => match written.kind() {
                Some(kind) => kind.data_type(),
                None => DataType::Utf8,
            },
            Self::List(item) => DataType::new_list(item.data_type(), true),
            Self::Object(object) => DataType::Struct(object.arrow()),
            Self::Map(value) => {
                let key = Field::new("key", DataType::Utf8, false);
                let value = Field::new("value", value.data_type(), true);
                let entries = DataType::Struct(Fields::from(vec![key, value]));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            Self::Json => DataType::LargeUtf8,
        }
    }

    /// Writes the value as the engine reads those of the type.
    pub(super) fn fit(&self, value: &mut Value) {
        match (self, value) {
            (_, Value::Null) => {}
            (Self::Json, value) => *value = Value::String(value.to_string()),
            (Self::Text(written), Value::String(text)) => {
                if let Some(plain) = written.kind().and_then(|kind| kind.plain(text)) {
                    *text = plain;
                }
            }
            (Self::Text(_), value) => *value = Value::String(value.to_string()),
            (Self::List(item), Value::Array(values)) => {
                values.iter_mut().for_each(|value| item.fit(value));
            }
            (Self::Map(of), Value::Object(values)) => {
                values.values_mut().for_each(|value| of.fit(value));
            }
            (Self::Object(object), Value::Object(values)) => {
                for (name, shape) in object.shapes() {
                    if let Some(value) = values.get_mut(name) {
                        shape.fit(value);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Object {
    fn shapes(&self) -> impl Iterator<Item = (&str, &Shape)> {
        let fields = self.fields.iter();
        fields.map(|(name, (shape, _))| (name.as_str(), shape))
    }

    fn arrow(&self) -> Fields {
        let fields = self.shapes();
        fields
            .map(|(name, shape)| Field::new(name, shape.data_type(), true))
            .collect()
    }

    fn observe(&mut self, fields: &Map<String, Value>) {
        self.count += 1;
        for (name, value) in fields {
            match self.fields.get_mut(name) {
                Some((shape, count)) => {
                    shape.observe(value);
                    *count += 1;
                }
                None => {
                    self.fields.insert(name.clone(), (Shape::one(value), 1));
                }
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        self.count += other.count;
        for (name, (shape, count)) in other.fields {
            let (own, counted) = self.fields.entry(name).or_insert((Shape::Nothing, 0));
            *own = std::mem::replace(own, Shape::Nothing).merged(shape);
            *counted += count;
        }
        self
    }

    /// What the values of all its keys are.
    fn value(&self) -> Shape {
        let shapes = self.fields.values().cloned();
        shapes.fold(Shape::Nothing, |all, (shape, _)| all.merged(shape))
    }

    fn settled(self) -> Shape {
        if self.fields.is_empty() {
            return Shape::Map(Box::new(Shape::Json));
        }
        let keys = self.fields.len() as f64;
        let share = |count: usize| count as f64 / self.count as f64;
        let shares: f64 = self.fields.values().map(|(_, count)| share(*count)).sum();
        let is_sparse = shares / keys < SHARE;
        if is_sparse || self.fields.len() >= MANY_KEYS {
            let all = self.value();
            let alike: f64 = self.shapes().map(|(_, shape)| shape.likeness(&all)).sum();
            if is_sparse || alike / keys >= ALIKE {
                return Shape::Map(Box::new(all.settled()));
            }
        }
        let fields = self.fields.into_iter();
        Shape::structure(fields.map(|(name, (shape, _))| (name, shape.settled())))
    }
}
