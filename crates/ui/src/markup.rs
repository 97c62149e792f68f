//! HTML and SVG text that is safe to insert as it is.

use std::fmt::{self, Write};

/// Finished HTML or SVG. Only this crate makes it, and every text in it went through [`Text`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn trusted(html: String) -> Self {
        Self(html)
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

/// Escapes a text for element content and for double-quoted attributes.
pub(crate) struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// A coordinate: at most two decimals, so that pictures stay small.
pub(crate) struct Px(pub f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 100.0).round() / 100.0;
        write!(
            f,
            "{}",
            if rounded.is_finite() {
                rounded + 0.0
            } else {
                0.0
            }
        )
    }
}

/// Markup under construction.
#[derive(Default)]
pub(crate) struct Builder(String);

impl Builder {
    pub fn push(&mut self, part: fmt::Arguments<'_>) {
        self.0
            .write_fmt(part)
            .expect("writing to a string cannot fail");
    }

    pub fn finish(self) -> Markup {
        Markup(self.0)
    }
}

/// Appends formatted markup; every argument that is text must be wrapped in [`Text`].
macro_rules! put {
    ($builder:expr, $($part:tt)*) => { $builder.push(format_args!($($part)*)) };
}
pub(crate) use put;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element_or_attribute() {
        let text = Text("<a href=\"x\">'&").to_string();
        assert_eq!(text, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }

    #[test]
    fn coordinates_are_short_and_always_numbers() {
        assert_eq!(Px(1.0 / 3.0).to_string(), "0.33");
        assert_eq!(Px(-0.001).to_string(), "0");
        assert_eq!(Px(f64::NAN).to_string(), "0");
    }
}
