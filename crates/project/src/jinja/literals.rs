//! Finds what a template writes that the engine reads in another way than Python, and puts calls around it:
//! lists and dictionaries, which can be changed (`[1, 2]` becomes `__list([1, 2])`); what `do` does, which is any
//! expression (`__do(...)`); what a loop goes through (`__each(...)`); comparisons (`__compare(a ,"<", b)`); and sums, which may be of dates or lists (`a - b` becomes `__sum(a ,"-", b)`); and `%`, which fills in a text
//! (`a % b` becomes `__percent(a ,"%", b)`).

/// Text to put in, and the byte before which it comes, in order.
pub(crate) type Insertions = Vec<(usize, &'static str)>;

/// What has to be put into a template's text, and where a character means nothing, in order: a colon that ends the head of a
/// block, as in Python, the sign of `+3`, and a blank that only Python takes for one.
pub(crate) fn wrapped(text: &str) -> (Insertions, Vec<usize>) {
    let mut scan = Scan {
        text,
        at: 0,
        found: Vec::new(),
        colon: None,
        idle: Vec::new(),
    };
    while let Some(open) = scan.next_tag() {
        match open {
            "{#" => scan.skip_past("#}"),
            "{{" => scan.expression("}}"),
            _ if scan.is_raw() => scan.skip_raw(),
            _ => scan.expression("%}"),
        }
    }
    scan.found.sort_by_key(|(at, text)| (*at, rank(text)));
    (scan.found, scan.idle)
}

/// What comes first of several at one place: what ends there, then the outermost that begins there.
/// The text with blanks in the place of what means nothing, as long as before, so that places stay.
pub(crate) fn blanked(text: &str, idle: &[usize]) -> String {
    let mut blanked = text.to_owned();
    for at in idle {
        let length = blanked[*at..].chars().next().map_or(0, char::len_utf8);
        blanked.replace_range(*at..*at + length, &" ".repeat(length));
    }
    blanked
}

fn rank(insertion: &str) -> usize {
    let order = [
        ")",
        ",\"",
        "\",",
        "__do(",
        " __each(",
        "__compare(",
        "__sum(",
        "__percent(",
    ];
    order
        .iter()
        .position(|one| *one == insertion)
        .unwrap_or(order.len())
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    found: Insertions,
    /// The last token of the tag so far, where it is a colon.
    colon: Option<usize>,
    idle: Vec<usize>,
}

/// How far the head of a loop has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Each {
    /// It is none, or its items are behind.
    No,
    /// Its names are read.
    Named,
    /// The items come next.
    Opening,
    Open,
}

/// What is open between two brackets.
#[derive(Default)]
struct Level {
    /// Whether the bracket is that of a literal.
    literal: bool,
    /// Where the sum begins, if anything stands there that could be one's first term.
    start: Option<usize>,
    is_sum: bool,
    /// Whether the sum is the right side of a comparison.
    is_compared: bool,
    /// The same of a product.
    product: Option<usize>,
    /// Whether the product so far is the right side of a `%`.
    is_percent: bool,
    value_end: usize,
}

impl Level {
    fn begin(&mut self, at: usize) {
        self.start.get_or_insert(at);
        self.product.get_or_insert(at);
    }
}

/// Of a name or a number, whose exponent may have a sign.
fn word_length(text: &str) -> usize {
    let part = |c: char| !c.is_alphanumeric() && c != '_';
    let length = text.find(part).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    let digits = word.strip_suffix(['e', 'E']).unwrap_or_default();
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    match rest.strip_prefix(['+', '-']) {
        Some(exponent) if is_number && exponent.starts_with(|c: char| c.is_ascii_digit()) => {
            length + 1 + exponent.find(part).unwrap_or(exponent.len())
        }
        _ => length,
    }
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
        if self.rest().starts_with(['-', '+']) {
            self.at += 1;
        }
        let does = end == "%}" && self.begin_do();
        let mut each = match end == "%}" && self.first_word() == "for" {
            true => Each::Named,
            false => Each::No,
        };
        if end == "%}" && !does {
            self.skip_statement();
        }
        self.colon = None;
        let mut levels = vec![Level::default()];
        let mut after_value = false;
        while let Some(c) = self.rest().chars().next() {
            if levels.len() == 1 && self.rest().trim_start_matches(['-', '+']).starts_with(end) {
                break;
            }
            // Python's blanks are Unicode's.
            if c.is_whitespace() && !c.is_ascii() {
                self.idle.push(self.at);
            }
            if !c.is_whitespace() {
                self.colon = (c == ':' && levels.len() == 1).then_some(self.at);
            }
            if levels.len() == 1 {
                each = self.each(each, c);
            }
            after_value = self.token(c, after_value, &mut levels);
        }
        if each == Each::Open {
            self.found.push((self.at, ")"));
        }
        self.idle.extend(self.colon.filter(|_| end == "%}"));
        self.end_sum(levels.last_mut());
        if does {
            self.found.push((self.at, ")"));
        }
        self.skip_past(end);
    }

    /// Steps over the word that a block begins with. Anywhere else it may be a name: `{% if include | length > 0 %}`.
    fn skip_statement(&mut self) {
        let word = self.first_word();
        let blanks = self.rest().len() - self.rest().trim_start().len();
        if STATEMENTS.contains(&word) && self.rest()[..blanks].is_ascii() {
            self.at += blanks + word.len();
        }
    }

    fn first_word(&self) -> &'a str {
        let inner = self.rest().trim_start();
        &inner[..word_length(inner)]
    }

    /// Before a token of `for name in items if condition`: opens the call around the items, and closes it.
    fn each(&mut self, each: Each, c: char) -> Each {
        let word = &self.rest()[..word_length(self.rest())];
        match each {
            Each::Named if word == "in" => Each::Opening,
            Each::Opening if c.is_whitespace() => Each::Opening,
            Each::Opening => {
                // `in['a']` has no blank.
                self.found.push((self.at, " __each("));
                Each::Open
            }
            Each::Open if matches!(word, "if" | "recursive") => {
                self.found.push((self.at, ")"));
                Each::No
            }
            each => each,
        }
    }

    /// Steps over `do`, and opens the call around what follows.
    fn begin_do(&mut self) -> bool {
        let inner = self.rest().trim_start();
        let Some(done) = inner
            .strip_prefix("do")
            .filter(|rest| rest.starts_with(char::is_whitespace))
        else {
            return false;
        };
        self.at = self.text.len() - done.trim_start().len();
        self.found.push((self.at, "__do("));
        true
    }

    /// Steps over one token; returns whether a value ends with it.
    fn token(&mut self, c: char, after_value: bool, levels: &mut Vec<Level>) -> bool {
        let start = self.at;
        let level = levels.last_mut();
        let is_value = match c {
            '\'' | '"' => {
                self.string(c);
                true
            }
            c if c.is_alphanumeric() || c == '_' => {
                let rest = self.rest();
                let length = word_length(rest);
                self.at += length;
                !KEYWORDS.contains(&&rest[..length])
            }
            '[' | '{' | '(' => {
                let literal = c == '{' || (c == '[' && !after_value);
                if literal {
                    // `in['a']` is no function's name.
                    let is_after_word =
                        self.text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                    let call = match (c, is_after_word) {
                        ('[', false) => "__list(",
                        ('[', true) => " __list(",
                        (_, false) => "__dict(",
                        (_, true) => " __dict(",
                    };
                    self.found.push((start, call));
                }
                if let Some(level) = level {
                    level.begin(start);
                }
                levels.push(Level {
                    literal,
                    ..Level::default()
                });
                self.at += 1;
                return false;
            }
            ')' | ']' | '}' => {
                self.end_sum(level);
                self.at += 1;
                if levels.len() > 1 && levels.pop().is_some_and(|level| level.literal) {
                    self.found.push((self.at, ")"));
                }
                if let Some(level) = levels.last_mut() {
                    level.value_end = self.at;
                }
                return true;
            }
            c => {
                self.at += c.len_utf8();
                return self.operator(c, start, after_value, level);
            }
        };
        match (is_value, level) {
            (true, Some(level)) => {
                level.begin(start);
                level.value_end = self.at;
            }
            (_, level) => self.end_sum(level),
        }
        is_value
    }

    fn operator(
        &mut self,
        c: char,
        at: usize,
        after_value: bool,
        level: Option<&mut Level>,
    ) -> bool {
        match (c, level) {
            (c, _) if c.is_whitespace() => return after_value,
            ('%', Some(level)) if after_value => {
                self.end_percent(level);
                let first = level.product.unwrap_or(at);
                level.is_percent = true;
                self.found.push((first, "__percent("));
                self.found.push((at, ",\""));
                self.found.push((at + 1, "\","));
            }
            ('*' | '/', Some(level)) => self.end_percent(level),
            ('~', Some(level)) => self.end_product(level),
            ('+', _) if !after_value => self.idle.push(at),
            ('+' | '-', Some(level)) => {
                if after_value {
                    self.end_product(level);
                }
                level.begin(at);
                let first = level.start.unwrap_or(at);
                if after_value {
                    level.product = None;
                    if !level.is_sum {
                        self.found.push((first, "__sum("));
                    }
                    level.is_sum = true;
                    self.found.push((at, ",\""));
                    self.found.push((at + 1, "\","));
                }
            }
            ('<' | '>', Some(level)) => self.compare(at, after_value, level),
            (',' | ':' | '=' | '<' | '>' | '!', level) => self.end_sum(level),
            _ => {}
        }
        false
    }

    fn compare(&mut self, at: usize, after_value: bool, level: &mut Level) {
        let first = level.start.filter(|_| after_value && !level.is_compared);
        self.end_sum(Some(level));
        if self.rest().starts_with('=') {
            self.at += 1;
        }
        if let Some(first) = first {
            self.found.push((first, "__compare("));
            self.found.push((at, ",\""));
            self.found.push((self.at, "\","));
            level.is_compared = true;
        }
    }

    fn end_percent(&mut self, level: &mut Level) {
        if level.is_percent {
            self.found.push((level.value_end, ")"));
        }
        level.is_percent = false;
    }

    fn end_product(&mut self, level: &mut Level) {
        self.end_percent(level);
        level.product = None;
    }

    fn end_sum(&mut self, level: Option<&mut Level>) {
        let Some(level) = level else { return };
        self.end_product(level);
        if level.is_sum {
            self.found.push((level.value_end, ")"));
        }
        if level.is_compared {
            self.found.push((level.value_end, ")"));
        }
        (level.start, level.is_sum, level.is_compared) = (None, false, false);
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
const KEYWORDS: &[&str] = &["and", "elif", "else", "if", "in", "is", "not", "or"];

/// Words that begin a block, and are names elsewhere.
const STATEMENTS: &[&str] = &[
    "call", "do", "extends", "filter", "from", "import", "include", "set",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> String {
        let (insertions, idle) = wrapped(text);
        let mut out = blanked(text, &idle);
        for (at, insertion) in insertions.into_iter().rev() {
            out.insert_str(at, insertion);
        }
        out
    }

    #[test]
    fn words_of_statements_are_names_elsewhere() {
        for (text, expected) in [
            (
                "{% if (include | length > 0 or set) %}",
                "{% if (__compare(include | length ,\">\", 0 )or set) %}",
            ),
            (
                "{% set include = filter + 1 %}",
                "{% set include = __sum(filter ,\"+\", 1 )%}",
            ),
        ] {
            assert_eq!(changed(text).replace(' ', ""), expected.replace(' ', ""));
        }
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
                "{%- for x in  __each(__list(['a]', \"}}\"]) )-%}",
            ),
            ("{{ {'a': {}}}}", "{{ __dict({'a': __dict({})})}}"),
            (
                "{% for x in['a'] if x > 1 %}",
                "{% for x in __each( __list(['a']) )if __compare(x ,\">\", 1) %}",
            ),
            (
                "{{ a + 1 >= b*2 and not c < -1 }}",
                "{{ __compare(__sum(a ,\"+\", 1) ,\">=\", b*2) and not __compare(c ,\"<\", -1) }}",
            ),
            ("{{ a in['b'] }}", "{{ a in __list(['b']) }}"),
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
            (
                "{%- do x.append(1) if y -%}",
                "{%- do __do(x.append(1) if y )-%}",
            ),
            ("{{ -1 }}{%+ if x +%}", "{{ -1 }}{%+ if x +%}"),
        ] {
            assert_eq!(changed(text), expected);
        }
    }

    #[test]
    fn a_colon_at_the_end_of_a_block_and_a_sign_of_nothing_are_passed_over() {
        for (text, expected) in [
            (
                "{% if x: -%}{{ {'a': 1}[b:] }}{%- elif y : %}{% else:%}",
                "{% if x  -%}{{ __dict({'a': 1})[b:] }}{%- elif y   %}{% else %}",
            ),
            (
                "{# {% if x: %} #}{% raw %}{% if x: %}{% endraw %}",
                "{# {% if x: %} #}{% raw %}{% if x: %}{% endraw %}",
            ),
            (
                "{% for i in [1]: %}",
                "{% for i in  __each(__list([1])  )%}",
            ),
            ("{{ +3 + +x }}", "{{  __sum(3 ,\"+\",  x) }}"),
            (
                "{{\u{a0}x }}\u{a0}{{ '\u{a0}' }}",
                "{{  x }}\u{a0}{{ '\u{a0}' }}",
            ),
        ] {
            assert_eq!(changed(text), expected);
        }
    }

    #[test]
    fn sums_are_calls() {
        for (text, expected) in [
            (
                "{{- modules.datetime.date(2020, 1 - x, 1) - y -}}",
                "{{- __sum(modules.datetime.date(2020, __sum(1 ,\"-\", x), 1) ,\"-\", y) -}}",
            ),
            (
                "{% set x = y + [1] -%}",
                "{% set x = __sum(y ,\"+\", __list([1])) -%}",
            ),
            (
                "{% if a | length + 1 > b %}",
                "{% if __compare(__sum(a | length ,\"+\", 1) ,\">\", b) %}",
            ),
            ("{{ 1e-7 - 1.5E+3 }}", "{{ __sum(1e-7 ,\"-\", 1.5E+3) }}"),
            (
                "{% set x = 'a%s' % (b, c) ~ d -%}",
                "{% set x = __percent('a%s' ,\"%\", (b, c)) ~ d -%}",
            ),
            (
                "{{ 1 + 2 * 7 % 3 * 4 - -a % b | int % [c] }}",
                "{{ __sum(1 ,\"+\", __percent(2 * 7 ,\"%\", 3) * 4 ,\"-\", __percent(__percent(-a ,\"%\", b | int) ,\"%\", __list([c]))) }}",
            ),
            (
                "{% if a %}{% if a%2 == 0 %}",
                "{% if a %}{% if __percent(a,\"%\",2) == 0 %}",
            ),
            ("{{ return(a) + 1 }}", "{{ __sum(return(a) ,\"+\", 1) }}"),
            ("{{ a ~ b + c.d[0] }}", "{{ __sum(a ~ b ,\"+\", c.d[0]) }}"),
            (
                "{% set datetime = a * b + [c] if -d < e - f.g() else h %}",
                "{% set datetime = __sum(a * b ,\"+\", __list([c])) if __compare(-d ,\"<\", __sum(e ,\"-\", f.g())) else h %}",
            ),
        ] {
            assert_eq!(changed(text), expected);
        }
    }
}
