//! Rows as bytes. Version 1: version, event time, created time (with a flag), count, then each
//! value with a tag; numbers little-endian.

use super::{OnlineRow, Value};

const VERSION: u8 = 1;

pub fn encode(row: &OnlineRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + row.values.len() * 9);
    out.push(VERSION);
    out.extend(row.event_time.to_le_bytes());
    out.push(u8::from(row.created.is_some()));
    out.extend(row.created.unwrap_or(0).to_le_bytes());
    out.extend((row.values.len() as u16).to_le_bytes());
    for value in &row.values {
        put(&mut out, value);
    }
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::Int(value) => {
            out.push(2);
            out.extend(value.to_le_bytes());
        }
        Value::Float(value) => {
            out.push(3);
            out.extend(value.to_bits().to_le_bytes());
        }
        Value::Text(value) => {
            out.push(4);
            out.extend((value.len() as u32).to_le_bytes());
            out.extend(value.as_bytes());
        }
        Value::Timestamp(value) => {
            out.push(5);
            out.extend(value.to_le_bytes());
        }
    }
}

/// None for bytes that no version of ours wrote.
pub fn decode(bytes: &[u8]) -> Option<OnlineRow> {
    let mut rest = bytes;
    if take::<1>(&mut rest)? != [VERSION] {
        return None;
    }
    let event_time = i64::from_le_bytes(take(&mut rest)?);
    let has_created = take::<1>(&mut rest)? == [1];
    let created = i64::from_le_bytes(take(&mut rest)?);
    let count = u16::from_le_bytes(take(&mut rest)?);
    let values: Option<Vec<Value>> = (0..count).map(|_| get(&mut rest)).collect();
    Some(OnlineRow {
        event_time,
        created: has_created.then_some(created),
        values: values?,
    })
}

fn get(rest: &mut &[u8]) -> Option<Value> {
    Some(match take::<1>(rest)? {
        [0] => Value::Null,
        [1] => Value::Bool(take::<1>(rest)? == [1]),
        [2] => Value::Int(i64::from_le_bytes(take(rest)?)),
        [3] => Value::Float(f64::from_bits(u64::from_le_bytes(take(rest)?))),
        [4] => {
            let length = u32::from_le_bytes(take(rest)?) as usize;
            let (text, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::Text(String::from_utf8(text.to_vec()).ok()?)
        }
        [5] => Value::Timestamp(i64::from_le_bytes(take(rest)?)),
        _ => return None,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_to_the_bit_and_damage_is_seen() {
        let row = OnlineRow {
            event_time: -5,
            created: Some(7),
            values: vec![
                Value::Null,
                Value::Bool(true),
                Value::Int(i64::MIN),
                Value::Float(0.1 + 0.2),
                Value::Text("Zürich".into()),
                Value::Timestamp(1),
            ],
        };
        let bytes = encode(&row);
        assert_eq!(decode(&bytes), Some(row));
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    /// Bytes as version 1 wrote them keep their meaning.
    #[test]
    fn version_1_opens() {
        let bytes = [
            1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0xf0,
            0x3f,
        ];
        let row = decode(&bytes).unwrap();
        assert_eq!((row.event_time, row.created), (2, None));
        assert_eq!(row.values, [Value::Float(1.0)]);
    }
}
