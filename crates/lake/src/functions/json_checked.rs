//! Whether a text is JSON as DuckDB reads it: as the standard says, and with `NaN`, `Infinity` and a comma behind the last
//! item. Nothing is made of what is read.

use datafusion::common::exec_err;
use datafusion::error::Result;

/// Where a text stops being JSON, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub at: usize,
    pub why: &'static str,
}

pub(super) fn is_json(text: &str) -> bool {
    read(text).is_ok()
}

/// The text, if it is JSON.
pub(super) fn checked(text: &str) -> Result<&str> {
    match read(text) {
        Ok(()) => Ok(text),
        Err(Malformed { at, why }) => {
            let shown: String = text.chars().take(60).collect();
            exec_err!("this is no JSON: {shown} ({why}, at byte {at})")
        }
    }
}

fn read(text: &str) -> std::result::Result<(), Malformed> {
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
    };
    reader.whole()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Answer = std::result::Result<(), Malformed>;

const END: &str = "unexpected end of data";
const CHARACTER: &str = "unexpected character";

impl Reader<'_> {
    /// Without recursion: a text may be nested deeply.
    fn whole(&mut self) -> Answer {
        let mut open = Vec::new();
        self.space();
        if self.at == self.bytes.len() {
            return self.fail("there is none");
        }
        loop {
            // A value begins.
            match self.next() {
                Some(b'{') => {
                    open.push(b'}');
                    self.at += 1;
                }
                Some(b'[') => {
                    open.push(b']');
                    self.at += 1;
                }
                _ => {
                    self.single()?;
                    self.space();
                    if !open.is_empty() && self.next() == Some(b',') {
                        self.at += 1;
                    } else if open.last() != self.next().as_ref() {
                        return self.after(open.is_empty());
                    }
                }
            }
            // What is open ends, or its next part begins.
            loop {
                self.space();
                let Some(close) = open.last().copied() else {
                    return self.after(true);
                };
                match self.next() {
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                        self.space();
                        if !open.is_empty() && self.next() == Some(b',') {
                            self.at += 1;
                        } else if !open.is_empty() && open.last() != self.next().as_ref() {
                            return self.after(false);
                        }
                    }
                    _ if close == b'}' => {
                        self.key()?;
                        break;
                    }
                    _ => break,
                }
            }
        }
    }

    fn next(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn fail(&self, why: &'static str) -> Answer {
        let why = if self.at < self.bytes.len() || why == "there is none" {
            why
        } else {
            END
        };
        Err(Malformed { at: self.at, why })
    }

    /// Where nothing but the end of all, or of what is open, may come.
    fn after(&self, is_all: bool) -> Answer {
        match (self.next(), is_all) {
            (None, true) => Ok(()),
            (_, true) => self.fail("unexpected content after the value"),
            (_, false) => self.fail(CHARACTER),
        }
    }

    fn key(&mut self) -> Answer {
        if self.next() != Some(b'"') {
            return self.fail(CHARACTER);
        }
        self.text()?;
        self.space();
        if self.next() != Some(b':') {
            return self.fail(CHARACTER);
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn single(&mut self) -> Answer {
        match self.next() {
            Some(b'"') => self.text(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n' | b'N') if self.bytes[self.at..].starts_with(b"null") => self.word(b"null"),
            Some(b'n' | b'N' | b'i' | b'I') => self.no_number(),
            _ => self.fail(CHARACTER),
        }
    }

    fn word(&mut self, word: &[u8]) -> Answer {
        match self.bytes[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(())
            }
            false => self.fail("invalid literal"),
        }
    }

    fn no_number(&mut self) -> Answer {
        let rest = &self.bytes[self.at..];
        let begins = |word: &[u8]| {
            rest.get(..word.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        for word in [b"infinity".as_slice(), b"inf", b"nan"] {
            if begins(word) {
                self.at += word.len();
                return Ok(());
            }
        }
        self.fail("invalid literal")
    }

    fn number(&mut self) -> Answer {
        if self.next() == Some(b'-') {
            self.at += 1;
        }
        match self.next() {
            Some(b'0') => {
                self.at += 1;
                if matches!(self.next(), Some(b'0'..=b'9')) {
                    self.at -= 1;
                    return self.fail("a number begins with no 0");
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            Some(b'n' | b'N' | b'i' | b'I') => return self.no_number(),
            _ => return self.fail("no digit after the minus sign"),
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            self.some_digits("no digit after the point")?;
        }
        if matches!(self.next(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.next(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits("no digit in the exponent")?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.next(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, otherwise: &'static str) -> Answer {
        let before = self.at;
        self.digits();
        match self.at > before {
            true => Ok(()),
            false => self.fail(otherwise),
        }
    }

    fn text(&mut self) -> Answer {
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|byte| IS_SPECIAL[usize::from(*byte)]);
            self.at += plain.unwrap_or(rest.len());
            match self.next() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return self.fail("unexpected control character in a text"),
            }
        }
    }

    fn escape(&mut self) -> Answer {
        self.at += 1;
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                0xDC00..=0xDFFF => self.fail("half a character in a text"),
                0xD800..=0xDBFF if !self.bytes[self.at..].starts_with(b"\\u") => {
                    self.fail("half a character in a text")
                }
                0xD800..=0xDBFF => {
                    self.at += 1;
                    match self.unit()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => self.fail("half a character in a text"),
                    }
                }
                _ => Ok(()),
            },
            _ => self.fail("invalid escape in a text"),
        }
    }

    /// The four digits behind `u`.
    fn unit(&mut self) -> std::result::Result<u32, Malformed> {
        let digits = self.bytes.get(self.at + 1..self.at + 5);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(unit) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            self.fail("invalid escape in a text")?;
            return Ok(0);
        };
        self.at += 5;
        Ok(unit)
    }
}

/// The bytes that a plain part of a text ends at.
static IS_SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read() {
        for json in [
            "1",
            "-0",
            "0.0e0",
            "1E5",
            " [ ] ",
            "{}",
            "[1,]",
            r#"{"a":1,}"#,
            "[[],{}]",
            "nan",
            "[nAn,-inf,Infinity]",
            r#"{"a": {"b": [1, "x\n\u0041\uD83D\uDE00", null, true, false]}, "c": []}"#,
            "\"\u{e9}\"",
            "\n{}\t",
        ] {
            assert_eq!(read(json), Ok(()), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(is_json(&deep));
    }

    #[test]
    fn what_is_none_is_told() {
        for (text, at, why) in [
            ("{", 1, END),
            (r#"{"b": abc, "a": 2}"#, 6, CHARACTER),
            ("", 0, "there is none"),
            ("  ", 2, "there is none"),
            ("nope", 0, "invalid literal"),
            ("[1,2", 4, END),
            (r#"{"a":1"#, 6, END),
            (r#"{"a":1}x"#, 7, "unexpected content after the value"),
            ("1 2", 2, "unexpected content after the value"),
            ("{a:1}", 1, CHARACTER),
            (r#"{"a" 1}"#, 5, CHARACTER),
            (r#"{"a":01}"#, 5, "a number begins with no 0"),
            (r#"{"a":1.}"#, 7, "no digit after the point"),
            (r#"{"a":-}"#, 6, "no digit after the minus sign"),
            (r#"{"a":1e}"#, 7, "no digit in the exponent"),
            ("\"abc", 4, END),
            ("\"a\tb\"", 2, "unexpected control character in a text"),
            (r#""\x""#, 2, "invalid escape in a text"),
            (r#""\u12""#, 2, "invalid escape in a text"),
            (r#""\ud800""#, 7, "half a character in a text"),
            (r#""\ude00""#, 7, "half a character in a text"),
            ("[,]", 1, CHARACTER),
            ("[1,,]", 3, CHARACTER),
            ("[1 2]", 3, CHARACTER),
            ("[1}", 2, CHARACTER),
            ("[[1}]", 3, CHARACTER),
            ("[[]}", 3, CHARACTER),
            ("{,}", 1, CHARACTER),
            ("]", 0, CHARACTER),
            ("TRUE", 0, CHARACTER),
        ] {
            assert_eq!(read(text), Err(Malformed { at, why }), "{text}");
        }
    }
}
