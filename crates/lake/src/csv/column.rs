//! Builds one column of a batch from texts.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};

use super::kind::{self, ColumnType};

pub enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    LocalTimestamp(TimestampMicrosecondBuilder),
    String(StringBuilder),
}

impl ColumnBuilder {
    pub fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::Float64 => Self::Float64(Float64Builder::new()),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            ColumnType::LocalTimestamp => Self::LocalTimestamp(TimestampMicrosecondBuilder::new()),
            ColumnType::String => Self::String(StringBuilder::new()),
        }
    }

    /// Appends the text's value, or null where it is not of the type; false says which.
    pub fn append(&mut self, text: &str) -> bool {
        match self {
            Self::Boolean(builder) => {
                let value = kind::declared_boolean(text);
                builder.append_option(value);
                value.is_some()
            }
            Self::Int64(builder) => {
                let value = kind::int64(text);
                builder.append_option(value);
                value.is_some()
            }
            Self::Float64(builder) => {
                let value = kind::float64(text);
                builder.append_option(value);
                value.is_some()
            }
            Self::Date(builder) => {
                let value = kind::date(text);
                builder.append_option(value);
                value.is_some()
            }
            Self::Timestamp(builder) => {
                let value = kind::timestamp(text);
                builder.append_option(value);
                value.is_some()
            }
            Self::LocalTimestamp(builder) => {
                let value = kind::local_timestamp(text);
                builder.append_option(value);
                value.is_some()
            }
            Self::String(builder) => {
                builder.append_value(text);
                true
            }
        }
    }

    pub fn append_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) | Self::LocalTimestamp(builder) => builder.append_null(),
            Self::String(builder) => builder.append_null(),
        }
    }

    /// What was appended since the last call.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) | Self::LocalTimestamp(builder) => Arc::new(builder.finish()),
            Self::String(builder) => Arc::new(builder.finish()),
        }
    }
}
