//! Finds the lists and dictionaries that a template writes out, and makes them such that can be
//! changed: `[1, 2]` becomes `__list([1, 2])`.

/// Text to put in, and the byte before which it comes, in order.
pub(crate) type Insertions = Vec<(usize, &'static str)>;

/// What has to be put into a template's text.
pub(crate) fn wrapped(text: &str) -> Insertions {
    let mut scan = Scan {
        text,
        at: 0,
        found: Vec::new(),
    };
    while let Some(open) = scan.next_tag() {
        match open {
            "{#" => scan.skip_past("#}"),
            "{{" => scan.expression("}}"),
            _ if scan.is_raw() => scan.skip_raw(),
            _ => scan.expression("%}"),
        }
    }
    scan.found.sort_by_key(|(at, _)| *at);
    scan.found
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    found: Insertions,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next_tag(&mut self) -> Option<&'a str> {
        loop {
            self.at += self.rest().find('{')?;
            match self.rest().get(..2) {
                Some(open @ ("{{" | "{%" | "{#")) => {
                    self.at += 2;
                    return Some(open);
                }
                _ => self.at += 1,
            }
        }
    }

    fn skip_past(&mut self, end: &str) {
        self.at = self
            .rest()
            .find(end)
            .map_or(self.text.len(), |found| self.at + found + end.len());
    }

    fn is_raw(&self) -> bool {
        let inner = self.rest().trim_start_matches(['-', '+']).trim_start();
        let after = inner.strip_prefix("raw").map(str::trim_start);
        after.is_some_and(|after| after.starts_with("%}") || after.starts_with("-%}"))
    }

    fn skip_raw(&mut self) {
        while let Some(found) = self.rest().find("{%") {
            self.at += found + 2;
            let inner = self.rest().trim_start_matches(['-', '+']).trim_start();
            if inner.starts_with("endraw") {
                return self.skip_past("%}");
            }
        }
        self.at = self.text.len();
    }

    /// Until the tag's end, which does not count within brackets.
    fn expression(&mut self, end: &str) {
        // Of each open bracket, whether it is a literal's.
        let mut open: Vec<bool> = Vec::new();
        let mut after_value = false;
        while let Some(c) = self.rest().chars().next() {
            if open.is_empty() && self.rest().trim_start_matches('-').starts_with(end) {
                return self.skip_past(end);
            }
            match c {
                '\'' | '"' => {
                    self.string(c);
                    after_value = true;
                    continue;
                }
                c if c.is_alphanumeric() || c == '_' => {
                    let rest = self.rest();
                    let length = rest
                        .find(|c: char| !c.is_alphanumeric() && c != '_')
                        .unwrap_or(rest.len());
                    after_value = !KEYWORDS.contains(&&rest[..length]);
                    self.at += length;
                    continue;
                }
                '[' | '{' => {
                    let literal = c == '{' || !after_value;
                    if literal {
                        let call = if c == '[' { "__list(" } else { "__dict(" };
                        self.found.push((self.at, call));
                    }
                    open.push(literal);
                    after_value = false;
                }
                '(' => {
                    open.push(false);
                    after_value = false;
                }
                ')' | ']' | '}' => {
                    if open.pop() == Some(true) {
                        self.found.push((self.at + 1, ")"));
                    }
                    after_value = true;
                }
                c if c.is_whitespace() => {}
                _ => after_value = false,
            }
            self.at += c.len_utf8();
        }
    }

    fn string(&mut self, quote: char) {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == '\\' {
                chars.next();
            } else if c == quote {
                self.at += at + 1;
                return;
            }
        }
        self.at = self.text.len();
    }
}

/// Words after which an expression begins.
const KEYWORDS: &[&str] = &[
    "and", "do", "elif", "else", "if", "in", "is", "not", "or", "return", "set",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> String {
        let mut out = text.to_owned();
        for (at, insertion) in wrapped(text).into_iter().rev() {
            out.insert_str(at, insertion);
        }
        out
    }

    #[test]
    fn literals_are_wrapped_and_subscripts_are_not() {
        for (text, expected) in [
            ("{% set x = [] %}", "{% set x = __list([]) %}"),
            ("{{ x[0] }} [1]", "{{ x[0] }} [1]"),
            (
                "{{ f([{'a': [1]}])['b'][0] }}",
                "{{ f(__list([__dict({'a': __list([1])})]))['b'][0] }}",
            ),
            (
                "{%- for x in ['a]', \"}}\"] -%}",
                "{%- for x in __list(['a]', \"}}\"]) -%}",
            ),
            ("{{ {'a': {}}}}", "{{ __dict({'a': __dict({})})}}"),
            ("{# [1] #}{{ [1] }}", "{# [1] #}{{ __list([1]) }}"),
            (
                "{% raw %}{{ [1] }}{% endraw %}{{ [2] }}",
                "{% raw %}{{ [1] }}{% endraw %}{{ __list([2]) }}",
            ),
            (
                "{% if x in [1] and not [] %}",
                "{% if x in __list([1]) and not __list([]) %}",
            ),
            ("{{ 'a'[0] }}{{ (x)[1] }}", "{{ 'a'[0] }}{{ (x)[1] }}"),
        ] {
            assert_eq!(changed(text), expected);
        }
    }
}
