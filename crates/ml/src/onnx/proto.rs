//! The part of ONNX's protobuf that our models need, written field by field.
//!
//! Field numbers are those of <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>; the wire
//! format is protobuf's, with packed numbers.

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn tag(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    #[must_use]
    pub fn int(mut self, field: u32, value: i64) -> Self {
        self.tag(field, 0);
        self.varint(value as u64);
        self
    }

    #[must_use]
    pub fn float(mut self, field: u32, value: f32) -> Self {
        self.tag(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    #[must_use]
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.tag(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    #[must_use]
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    #[must_use]
    pub fn message(self, field: u32, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    #[must_use]
    pub fn ints(self, field: u32, values: &[i64]) -> Self {
        let mut packed = Message::new();
        values.iter().for_each(|value| packed.varint(*value as u64));
        self.message(field, &packed)
    }

    #[must_use]
    pub fn floats(self, field: u32, values: &[f32]) -> Self {
        let packed: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.bytes(field, &packed)
    }
}

/// `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Int64 = 7,
    Text = 8,
    Double = 11,
}

/// A `TensorProto` of doubles.
pub fn doubles(name: &str, shape: &[i64], values: &[f64]) -> Message {
    let raw: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    tensor(name, shape, Type::Double).bytes(9, &raw)
}

/// A `TensorProto` of whole numbers.
pub fn whole_numbers(name: &str, shape: &[i64], values: &[i64]) -> Message {
    let raw: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    tensor(name, shape, Type::Int64).bytes(9, &raw)
}

/// A `TensorProto` of texts.
pub fn texts(name: &str, shape: &[i64], values: &[String]) -> Message {
    let tensor = tensor(name, shape, Type::Text);
    values
        .iter()
        .fold(tensor, |tensor, value| tensor.text(6, value))
}

fn tensor(name: &str, shape: &[i64], of: Type) -> Message {
    Message::new()
        .ints(1, shape)
        .int(2, of as i64)
        .text(8, name)
}

/// A `ValueInfoProto`: an input or output. The first dimension is the rows.
pub fn value(name: &str, of: Type, width: Option<i64>) -> Message {
    let rows = Message::new().text(2, "rows");
    let mut shape = Message::new().message(1, &rows);
    if let Some(width) = width {
        shape = shape.message(1, &Message::new().int(1, width));
    }
    let tensor = Message::new().int(1, of as i64).message(2, &shape);
    Message::new()
        .text(1, name)
        .message(2, &Message::new().message(1, &tensor))
}

/// The value of an `AttributeProto`.
pub enum Attribute {
    Int(i64),
    Float(f32),
    Text(String),
    Tensor(Message),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl Attribute {
    pub fn message(&self, name: &str) -> Message {
        let attribute = Message::new().text(1, name);
        match self {
            Attribute::Float(value) => attribute.float(2, *value).int(20, 1),
            Attribute::Int(value) => attribute.int(3, *value).int(20, 2),
            Attribute::Text(value) => attribute.text(4, value).int(20, 3),
            Attribute::Tensor(value) => attribute.message(5, value).int(20, 4),
            Attribute::Floats(values) => attribute.floats(7, values).int(20, 6),
            Attribute::Ints(values) => attribute.ints(8, values).int(20, 7),
            Attribute::Texts(values) => values
                .iter()
                .fold(attribute, |a, value| a.text(9, value))
                .int(20, 8),
        }
    }
}
