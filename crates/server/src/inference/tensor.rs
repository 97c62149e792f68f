//! The values of one input tensor, from JSON or from binary, with what its head promises.

use std::borrow::Cow;

use super::kind::Datatype;
use super::message::{InputTensor, Scalar};
use crate::refusal::Refusal;

/// Values of a tensor, as many as its shape says.
pub struct Values<'a> {
    pub datatype: Datatype,
    pub scalars: Cow<'a, [Scalar<'a>]>,
}

/// Rows of the tensor: the first dimension of `[n]` or `[n, 1]`.
pub fn rows(tensor: &InputTensor<'_>) -> Result<usize, Refusal> {
    match tensor.shape[..] {
        [n] | [n, 1] if n > 0 => usize::try_from(n).map_err(|_| wrong_shape(tensor)),
        _ => Err(wrong_shape(tensor)),
    }
}

fn wrong_shape(tensor: &InputTensor<'_>) -> Refusal {
    Refusal::bad_request(format!(
        "input '{}' has the shape {:?}; it must be [n] or [n, 1] with n rows, at least one",
        tensor.name, tensor.shape
    ))
}

/// Takes the tensor's values; those in binary are the next bytes of `binary`.
pub fn values<'a>(
    tensor: &'a InputTensor<'a>,
    rows: usize,
    binary: &mut &'a [u8],
) -> Result<Values<'a>, Refusal> {
    let name = &tensor.name;
    let datatype = Datatype::parse(&tensor.datatype).ok_or_else(|| {
        Refusal::bad_request(format!(
            "input '{name}' has the datatype '{}'; known are BOOL, INT8 to INT64, UINT8 to UINT64, FP32, FP64 and BYTES",
            tensor.datatype
        ))
    })?;
    let size = tensor
        .parameters
        .and_then(|parameters| parameters.binary_data_size);
    let scalars = match (&tensor.data, size) {
        (Some(data), None) => Cow::Borrowed(&data.0[..]),
        (None, Some(size)) => {
            let size = usize::try_from(size)
                .ok()
                .filter(|size| *size <= binary.len());
            let size = size.ok_or_else(|| {
                Refusal::bad_request(format!(
                    "binary_data_size of input '{name}' is beyond the body"
                ))
            })?;
            let (own, rest) = binary.split_at(size);
            *binary = rest;
            Cow::Owned(unpack(datatype, own, rows, name)?)
        }
        (None, None) => {
            return Err(Refusal::bad_request(format!("input '{name}' has no data")));
        }
        (Some(_), Some(_)) => {
            return Err(Refusal::bad_request(format!(
                "input '{name}' has data and binary_data_size: give one of them"
            )));
        }
    };
    if scalars.len() != rows {
        return Err(Refusal::bad_request(format!(
            "input '{name}' has {} values where its shape {:?} says {rows}",
            scalars.len(),
            tensor.shape
        )));
    }
    Ok(Values { datatype, scalars })
}

/// Little-endian values, one after the other; BYTES have their length before them.
fn unpack<'a>(
    datatype: Datatype,
    bytes: &'a [u8],
    rows: usize,
    name: &str,
) -> Result<Vec<Scalar<'a>>, Refusal> {
    let Some(width) = datatype.width() else {
        return unpack_texts(bytes, name);
    };
    if rows.checked_mul(width) != Some(bytes.len()) {
        return Err(Refusal::bad_request(format!(
            "input '{name}' has {} bytes where {rows} values of {} have {width} each",
            bytes.len(),
            datatype.name()
        )));
    }
    Ok(bytes
        .chunks_exact(width)
        .map(|value| scalar(datatype, value))
        .collect())
}

/// `value` has the width of the type.
fn scalar(datatype: Datatype, value: &[u8]) -> Scalar<'static> {
    let mut wide = [0; 8];
    wide[..value.len()].copy_from_slice(value);
    let unsigned = u64::from_le_bytes(wide);
    // Shifting up and down again copies the sign into the upper bits.
    let unused = 64 - 8 * value.len() as u32;
    let signed = (unsigned << unused) as i64 >> unused;
    match datatype {
        Datatype::Bool => Scalar::Bool(unsigned != 0),
        Datatype::Fp32 => Scalar::Float(f32::from_bits(unsigned as u32).into()),
        Datatype::Fp64 => Scalar::Float(f64::from_bits(unsigned)),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => {
            Scalar::Integer(signed.into())
        }
        _ => Scalar::Integer(unsigned.into()),
    }
}

fn unpack_texts<'a>(mut bytes: &'a [u8], name: &str) -> Result<Vec<Scalar<'a>>, Refusal> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let (text, rest) = next_text(bytes).ok_or_else(|| {
            Refusal::bad_request(format!("a value of input '{name}' is longer than its data"))
        })?;
        let text = std::str::from_utf8(text).map_err(|_| {
            Refusal::bad_request(format!(
                "row {} of input '{name}' is not UTF-8",
                texts.len()
            ))
        })?;
        texts.push(Scalar::Text(Cow::Borrowed(text)));
        bytes = rest;
    }
    Ok(texts)
}

fn next_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_values_are_little_endian_and_keep_their_sign() {
        fn one(datatype: Datatype, bytes: &[u8]) -> Scalar<'_> {
            unpack(datatype, bytes, 1, "x").unwrap().remove(0)
        }
        assert_eq!(one(Datatype::Int16, &[0xfe, 0xff]), Scalar::Integer(-2));
        assert_eq!(
            one(Datatype::Uint16, &[0xfe, 0xff]),
            Scalar::Integer(65_534)
        );
        assert_eq!(
            one(Datatype::Int64, &(-7_i64).to_le_bytes()),
            Scalar::Integer(-7)
        );
        assert_eq!(
            one(Datatype::Fp32, &1.5_f32.to_le_bytes()),
            Scalar::Float(1.5)
        );
        assert_eq!(one(Datatype::Bool, &[1]), Scalar::Bool(true));
        assert_eq!(
            one(Datatype::Bytes, b"\x02\0\0\0UA"),
            Scalar::Text("UA".into())
        );
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let refused = |datatype, bytes: &[u8]| unpack(datatype, bytes, 1, "x").is_err();
        assert!(refused(Datatype::Int64, &[0; 7]));
        assert!(refused(Datatype::Int64, &[0; 16]));
        assert!(refused(Datatype::Bytes, b"\xff\xff\xff\xffUA"));
        assert!(refused(Datatype::Bytes, b"\x02\0"));
        assert!(refused(Datatype::Bytes, b"\x02\0\0\0\xff\xfe"));
    }
}
