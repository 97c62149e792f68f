//! DuckDB's reader finds out which quotes a file has: single ones, where no double one is in it and every
//! field that begins with one ends with one.

/// Makes single quotes around fields double ones, where they are the file's quotes.
pub(super) fn double(text: &mut [u8], delimiter: char) {
    let Ok(delimiter) = u8::try_from(delimiter) else {
        return;
    };
    if !text.contains(&b'\'') || text.contains(&b'"') {
        return;
    }
    let mut quotes = Vec::new();
    let mut start = 0;
    for end in 0..=text.len() {
        let ends = text
            .get(end)
            .is_none_or(|b| [delimiter, b'\n', b'\r'].contains(b));
        if !ends {
            continue;
        }
        if text[start..end].first() == Some(&b'\'') {
            if end - start < 2 || text[end - 1] != b'\'' {
                return;
            }
            quotes.extend([start, end - 1]);
        }
        start = end + 1;
    }
    for at in quotes {
        text[at] = b'"';
    }
}

#[cfg(test)]
mod tests {
    use super::double;

    #[test]
    fn single_quotes_count_where_all_of_them_enclose_fields() {
        for (text, expected) in [
            (
                "a,b\n'x',1\n'',2\nit's,3\n",
                "a,b\n\"x\",1\n\"\",2\nit's,3\n",
            ),
            ("a,b\n'',1\n\"x\",2\n", "a,b\n'',1\n\"x\",2\n"),
            ("a\n'tis\n'x'\n", "a\n'tis\n'x'\n"),
            ("a\n'", "a\n'"),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            double(&mut bytes, ',');
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }
}
