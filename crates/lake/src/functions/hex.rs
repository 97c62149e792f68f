//! Numbers and bytes written in other bases.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{Function, Row, Takes, strict, text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["bin", "to_binary"],
        takes: &[Takes::Int],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(format!("{:b}", row.int(0))))),
    },
    Function {
        names: &["unhex", "from_hex"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: |_| DataType::Binary,
        run: |arrays| strict::<BinaryArray, _>(arrays, |row| unhex(row.text(0)).map(Some)),
    },
    // A text as PostgreSQL reads bytes: `\x6162`, or letters of which some are escaped.
    Function {
        names: &["bytes_of_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: |_| DataType::Binary,
        run: |arrays| {
            strict::<BinaryArray, _>(arrays, |row| match row.text(0).strip_prefix("\\x") {
                Some(digits) => unhex(digits).map(Some),
                None => unescaped(row.text(0)).map(Some),
            })
        },
    },
    // A text as DuckDB reads bytes: `\xFF` is one, and others are ASCII's letters.
    Function {
        names: &["bytes_of_ascii"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |_| DataType::Binary,
        run: |arrays| match arrays[0].data_type() {
            DataType::Utf8 => strict::<BinaryArray, _>(arrays, |row| blob(row.text(0)).map(Some)),
            _ => bytes(&arrays[0]),
        },
    },
    Function {
        names: &["bytes_of_letters"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: |_| DataType::Binary,
        run: |arrays| {
            strict::<BinaryArray, _>(arrays, |row| Ok(Some(row.text(0).as_bytes().to_vec())))
        },
    },
    Function {
        names: &["letters_of_bytes"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            let arrays = [bytes(&arrays[0])?];
            strict::<StringArray, _>(&arrays, |row| match std::str::from_utf8(bytes_of(row, 0)) {
                Ok(letters) => Ok(Some(letters.to_owned())),
                Err(_) => exec_err!("decode() of bytes that are no text of UTF-8"),
            })
        },
    },
    Function {
        names: &["sha1"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            let bytes = [bytes(&arrays[0])?];
            strict::<StringArray, _>(&bytes, |row| Ok(Some(sha1(bytes_of(row, 0)))))
        },
    },
    Function {
        names: &["bytes_joined"],
        takes: &[Takes::Any],
        count: (2, 2),
        gives: |_| DataType::Binary,
        run: |arrays| {
            let both = [bytes(&arrays[0])?, bytes(&arrays[1])?];
            strict::<BinaryArray, _>(&both, |row| {
                Ok(Some([bytes_of(row, 0), bytes_of(row, 1)].concat()))
            })
        },
    },
];

/// A text as the bytes of its letters, and others as they are.
fn bytes(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(arrow::compute::cast(array, &DataType::Binary)?)
}

fn bytes_of(row: Row<'_>, argument: usize) -> &[u8] {
    row.array(argument).as_binary::<i32>().value(row.at())
}

fn blob(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digits = match behind {
            [b'x', digits @ ..] => digits
                .get(..2)
                .and_then(|two| std::str::from_utf8(two).ok()),
            _ => None,
        };
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            (b'\\', None) => {
                return exec_err!("'{text}' is no text of bytes: \\x and two digits are one");
            }
            (letter, _) if letter.is_ascii() => bytes.push(*letter),
            _ => {
                return exec_err!(
                    "'{text}' is no text of bytes: what is not ASCII is written as \\xC3, or by encode()"
                );
            }
        }
    }
    Ok(bytes)
}

/// `\\` is a backslash, and three octal digits behind one are a byte.
fn unescaped(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let octal = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok();
        match (first, behind) {
            (b'\\', [b'\\', ..]) => {
                bytes.push(b'\\');
                rest = &behind[1..];
            }
            (b'\\', digits) if digits.len() >= 3 && octal(&digits[..3]).is_some() => {
                bytes.extend(octal(&digits[..3]));
                rest = &behind[3..];
            }
            (b'\\', _) => return exec_err!("'{text}' is no text of bytes"),
            (byte, _) => bytes.push(*byte),
        }
    }
    Ok(bytes)
}

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["to_hex", "hex"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| Ok(Some(hex(row, false)?.to_uppercase())))
        },
    },
    // With zeros in front, where it is to have so many digits.
    Function {
        names: &["to_base"],
        takes: &[Takes::Int],
        count: (2, 3),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                in_base(row.int(0), row.int(1), row.int_or(2, 0)).map(Some)
            })
        },
    },
];

fn in_base(number: i64, base: i64, digits: i64) -> Result<String> {
    if number < 0 || !(2..=36).contains(&base) || !(0..=64).contains(&digits) {
        return exec_err!(
            "to_base() takes a number of 0 or more, a base of 2 to 36 and up to 64 digits"
        );
    }
    let (mut rest, mut written) = (number, Vec::new());
    while rest > 0 || written.is_empty() {
        let digit = char::from_digit((rest % base) as u32, base as u32).unwrap_or('0');
        written.push(digit.to_ascii_uppercase());
        rest /= base;
    }
    let written: String = written.into_iter().rev().collect();
    Ok(format!("{written:0>width$}", width = digits as usize))
}

pub(super) const POSTGRES: &[Function] = &[Function {
    names: &["to_hex", "hex"],
    takes: &[Takes::Any],
    count: (1, 1),
    gives: text,
    run: |arrays| strict::<StringArray, _>(arrays, |row| hex(row, true).map(Some)),
}];

/// An `integer` below zero has 16 digits to DuckDB, 8 to PostgreSQL.
fn hex(row: Row<'_>, is_short: bool) -> Result<String> {
    let array = row.array(0);
    let bytes = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
    Ok(match array.data_type() {
        DataType::Int32 if is_short => {
            format!("{:x}", array.as_primitive::<Int32Type>().value(row.at()))
        }
        kind if kind.is_integer() => {
            let number = arrow::compute::cast(array, &DataType::Int64)?;
            let number = number.as_primitive::<arrow::datatypes::Int64Type>();
            format!("{:x}", number.value(row.at()))
        }
        DataType::Binary => bytes(array.as_binary::<i32>().value(row.at())),
        DataType::BinaryView => bytes(array.as_binary_view().value(row.at())),
        _ => bytes(row.written(0)?.as_bytes()),
    })
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect()),
        _ => exec_err!("'{text}' is not in hexadecimal digits"),
    }
}

/// FIPS 180-4.
fn sha1(bytes: &[u8]) -> String {
    let mut state = [
        0x6745_2301u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if bytes.len() % 64 > 55 {
        padded.resize(padded.len() + 64, 0);
    }
    let at = padded.len() - 8;
    padded[at..].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        sha1_block(&mut state, block);
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

fn sha1_block(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for i in 16..80 {
        words[i] = (words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (i, word) in words.iter().enumerate() {
        let (mixed, constant) = match i / 20 {
            0 => ((b & c) | (!b & d), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6u32),
        };
        let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e);
        let next = next.wrapping_add(constant).wrapping_add(*word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (word, by) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(by);
    }
}
