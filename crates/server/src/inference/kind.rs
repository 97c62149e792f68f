//! Types: those of the protocol's tensors, and those of our columns.

use arrow::datatypes::{DataType, TimeUnit};

macro_rules! datatypes {
    ($($variant:ident = $name:literal, $width:literal;)*) => {
        /// A tensor's type. BYTES are texts of any length.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Datatype { $($variant,)* }

        impl Datatype {
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Datatype::$variant),)* _ => None }
            }

            pub fn name(self) -> &'static str {
                match self { $(Datatype::$variant => $name,)* }
            }

            /// Bytes of one value in binary form; None for BYTES, which carry their length.
            pub fn width(self) -> Option<usize> {
                match self { $(Datatype::$variant => if $width == 0 { None } else { Some($width) },)* }
            }
        }
    };
}

datatypes! {
    Bool = "BOOL", 1;
    Uint8 = "UINT8", 1;
    Uint16 = "UINT16", 2;
    Uint32 = "UINT32", 4;
    Uint64 = "UINT64", 8;
    Int8 = "INT8", 1;
    Int16 = "INT16", 2;
    Int32 = "INT32", 4;
    Int64 = "INT64", 8;
    Fp32 = "FP32", 4;
    Fp64 = "FP64", 8;
    Bytes = "BYTES", 0;
}

impl Datatype {
    /// Bounds of the integer types.
    pub fn integer_bounds(self) -> Option<(i128, i128)> {
        Some(match self {
            Datatype::Uint8 => (0, u8::MAX.into()),
            Datatype::Uint16 => (0, u16::MAX.into()),
            Datatype::Uint32 => (0, u32::MAX.into()),
            Datatype::Uint64 => (0, u64::MAX.into()),
            Datatype::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Datatype::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Datatype::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Datatype::Int64 => (i64::MIN.into(), i64::MAX.into()),
            _ => return None,
        })
    }

    pub fn is_float(self) -> bool {
        matches!(self, Datatype::Fp32 | Datatype::Fp64)
    }
}

/// The type of an input's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Integer,
    Float,
    Text,
    /// An instant; sent as RFC 3339 text.
    Timestamp,
    /// Date and time without a zone; sent as text.
    LocalTimestamp,
    Date,
}

impl Kind {
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Kind::Boolean,
            DataType::Int64 => Kind::Integer,
            DataType::Float64 => Kind::Float,
            DataType::Utf8 => Kind::Text,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Kind::LocalTimestamp,
            DataType::Date32 => Kind::Date,
            _ => return None,
        })
    }

    /// What the model's metadata says.
    pub fn datatype(self) -> Datatype {
        match self {
            Kind::Boolean => Datatype::Bool,
            Kind::Integer => Datatype::Int64,
            Kind::Float => Datatype::Fp64,
            _ => Datatype::Bytes,
        }
    }

    /// Whether a tensor of that type can fill the column: any integer an integer, any number a
    /// number with a fraction.
    pub fn takes(self, datatype: Datatype) -> bool {
        let is_integer = datatype.integer_bounds().is_some();
        match self {
            Kind::Boolean => datatype == Datatype::Bool,
            Kind::Integer => is_integer,
            Kind::Float => is_integer || datatype.is_float(),
            _ => datatype == Datatype::Bytes,
        }
    }

    /// As an error says it: `INT64`, or `BYTES holding an RFC 3339 instant ...`.
    pub fn expected(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOL",
            Kind::Integer => "INT64",
            Kind::Float => "FP64",
            Kind::Text => "BYTES",
            Kind::Timestamp => "BYTES holding an RFC 3339 instant such as 2014-01-01T09:30:00Z",
            Kind::LocalTimestamp => {
                "BYTES holding a date and time without a zone such as 2014-01-01T09:30:00"
            }
            Kind::Date => "BYTES holding a date such as 2014-01-01",
        }
    }
}
