//! Files as text: reading them, and turning byte offsets into lines and columns.

use std::path::Path;

use forebay_core::{Diagnostic, Location};
use md5::{Digest, Md5};

pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a file of the project, without the byte order mark that some editors put before it; `relative` is its path
/// below `root`.
pub(crate) fn read(root: &Path, relative: &str) -> Result<String, Diagnostic> {
    read_marked(root, relative).map(|(text, _)| text)
}

/// The same, and whether there was such a mark.
pub(crate) fn read_marked(root: &Path, relative: &str) -> Result<(String, bool), Diagnostic> {
    let bytes = std::fs::read(root.join(relative)).map_err(|error| {
        Diagnostic::environment(format!("cannot read '{relative}': {error}"))
            .at(Location::file(relative))
    })?;
    let text = bytes
        .strip_prefix(BYTE_ORDER_MARK.as_bytes())
        .map(<[u8]>::to_vec);
    let has_mark = text.is_some();
    let text = String::from_utf8(text.unwrap_or(bytes));
    text.map(|text| (text, has_mark))
        .map_err(|error| not_utf8(relative, &error))
}

fn not_utf8(relative: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let good = error.utf8_error().valid_up_to();
    let bytes = error.as_bytes();
    let readable = String::from_utf8_lossy(&bytes[..good]);
    let (line, column) = line_and_column(&readable, readable.len());
    Diagnostic::error(format!(
        "'{relative}' is not UTF-8 text: byte 0x{:02x} does not fit",
        bytes[good]
    ))
    .at(Location::new(relative, line, column))
    .hint("save the file as UTF-8")
}

/// Line and column, both from one, of a byte offset; columns count characters.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..floor_boundary(text, offset)];
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (number(line), number(before[start..].chars().count() + 1))
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The place of a byte offset.
pub(crate) fn locate(file: &str, text: &str, offset: usize) -> Location {
    let (line, column) = line_and_column(text, offset);
    Location::new(file, line, column)
}

/// The place of a byte offset in a text that begins at a place.
pub(crate) fn below(start: &Location, text: &str, offset: usize) -> Location {
    let (line, column) = line_and_column(text, offset);
    let mut at = start.clone();
    at.column = match line {
        1 => at.column + column - 1,
        _ => column,
    };
    at.line += line - 1;
    at
}

/// As dbt has it in its ids, in hexadecimal.
pub(crate) fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(line_and_column("ab\nçd", 5), (2, 2));
        assert_eq!(line_and_column("", 0), (1, 1));
        assert_eq!(line_and_column("x", 99), (1, 2));
    }
}
