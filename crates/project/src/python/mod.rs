//! Python models as far as the graph needs them: which tables one reads and how it configures itself. Nothing is run.
//!
//! Found are the calls of `dbt.ref`, `dbt.source`, `dbt.config` and `dbt.config.get`, by their tokens.

mod literals;
mod tokens;

use forebay_core::{Diagnostic, Location, NodeId, Relation};
use serde_json::{Map, Value as Json};

use crate::jinja::{Asker, RefCall};
use crate::{Project, link, text};
use literals::{Arguments, arguments};
use tokens::{Placed, Token, tokens};

/// What a Python model names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonCall {
    /// As the running model asks for it: `ref orders v2`.
    pub name: String,
    /// As a template writes it.
    pub template: String,
    /// Where its rows are; of an ephemeral model nowhere.
    pub relation: Option<Relation>,
}

impl Project {
    /// What a Python model reads.
    pub fn python_calls(&self, id: &NodeId) -> Vec<PythonCall> {
        let found = self.graph.get(id).zip(self.details.get(id));
        let Some((node, detail)) = found else {
            return Vec::new();
        };
        let asker = Asker {
            package: &node.package,
            group: node.group.as_deref(),
        };
        let call = |call: &RefCall| {
            let known = self
                .shared
                .names
                .get()
                .and_then(|names| link::resolve(names, asker, call).ok());
            PythonCall {
                name: asked_as(call),
                template: call.to_string(),
                relation: known.and_then(|id| self.graph.get(&id)?.relation.clone()),
            }
        };
        detail.calls.iter().map(call).collect()
    }

    /// A node's configuration as it is written.
    pub fn config(&self, id: &NodeId) -> Map<String, Json> {
        self.details
            .get(id)
            .map_or_else(Map::new, |detail| detail.config.clone())
    }
}

fn asked_as(call: &RefCall) -> String {
    match call {
        RefCall::Source { source, table } => format!("source {source}.{table}"),
        RefCall::Function { name, .. } => format!("function {name}"),
        RefCall::Ref {
            package,
            name,
            version,
        } => {
            let package = package
                .as_ref()
                .map_or(String::new(), |package| format!("{package}."));
            let version = version
                .as_ref()
                .map_or(String::new(), |version| format!(" v{version}"));
            format!("ref {package}{name}{version}")
        }
    }
}

/// What a model says of itself.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub calls: Vec<RefCall>,
    pub config: Map<String, Json>,
    /// Settings that it asks for, with the value where there is none.
    pub asked: Vec<(String, Json)>,
    /// The same of `meta`.
    pub asked_of_meta: Vec<(String, Json)>,
}

/// Words of Python that begin nothing else.
const OPENS_BLOCK: &[&str] = &[
    "class", "def", "elif", "else", "except", "finally", "for", "if", "try", "while", "with",
];

/// # Errors
/// A text that is never closed, no function `model(dbt, session)` or two of them, arguments that are not written out.
pub(crate) fn read(file: &str, content: &str) -> Result<Found, Vec<Diagnostic>> {
    let at = |offset: usize| text::locate(file, content, offset);
    let tokens = tokens(content).map_err(|(offset, why)| {
        vec![Diagnostic::error(format!("Python syntax error: {why}")).at(at(offset))]
    })?;
    let mut reader = Reader {
        found: Found::default(),
        problems: Vec::new(),
        place: &at,
    };
    reader.function(file, &tokens);
    for start in 0..tokens.len() {
        reader.call(&tokens, start);
        reader.statement(&tokens, start);
    }
    match reader.problems.is_empty() {
        true => Ok(reader.found),
        false => Err(reader.problems),
    }
}

struct Reader<'a> {
    found: Found,
    problems: Vec<Diagnostic>,
    place: &'a dyn Fn(usize) -> Location,
}

impl Reader<'_> {
    /// There is one `def model(dbt, session)` at the edge of the file.
    fn function(&mut self, file: &str, tokens: &[Placed]) {
        let defs = tokens.windows(3).enumerate().filter(|(at, window)| {
            let edge = *at == 0 || tokens[at - 1].0 == Token::Line(0);
            let name = |token: &Token, word: &str| *token == Token::Name(word.to_owned());
            edge && name(&window[0].0, "def") && name(&window[1].0, "model")
        });
        let starts: Vec<usize> = defs.map(|(at, _)| at).collect();
        let [start] = starts[..] else {
            let (what, place) = match starts.get(1) {
                Some(second) => (
                    "two functions 'model'",
                    (self.place)(tokens[*second].1.start),
                ),
                None => ("no function 'model'", Location::file(file)),
            };
            let problem = Diagnostic::error(format!(
                "a Python model has one function 'model', and here is {what}"
            ));
            self.problems.push(
                problem
                    .at(place)
                    .hint("write: def model(dbt, session): ..."),
            );
            return;
        };
        let parameters = tokens[start + 3..].iter().map(|(token, _)| token);
        let names = parameters.take_while(|token| **token != Token::Mark(')'));
        let names: Vec<&str> = names
            .filter_map(|token| match token {
                Token::Name(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if names.len() < 2 || names[0] != "dbt" {
            let problem = Diagnostic::error("the function 'model' takes dbt and session");
            let place = (self.place)(tokens[start].1.start);
            self.problems.push(
                problem
                    .at(place)
                    .hint("write: def model(dbt, session): ..."),
            );
        }
    }

    /// A statement that opens a block, where one begins there, ends its head with a colon.
    fn statement(&mut self, tokens: &[Placed], start: usize) {
        let (Token::Name(word), range) = &tokens[start] else {
            return;
        };
        let first = start == 0 || matches!(tokens[start - 1].0, Token::Line(_));
        if !first || !OPENS_BLOCK.contains(&word.as_str()) {
            return;
        }
        let head = tokens[start..].iter();
        let mut head = head.take_while(|(token, _)| !matches!(token, Token::Line(_)));
        let mut depth = 0;
        let has_colon = head.any(|(token, _)| {
            match token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            depth == 0 && *token == Token::Mark(':')
        });
        if !has_colon {
            let message =
                format!("Python syntax error: the line that begins with `{word}` has no colon");
            self.wrong(&message, range.start);
        }
    }

    /// `dbt.ref(...)` and its like, where one begins there.
    fn call(&mut self, tokens: &[Placed], start: usize) {
        let name = |at: usize, word: &str| matches!(&tokens.get(start + at), Some((Token::Name(name), _)) if name == word);
        let mark = |at: usize, mark: char| matches!(&tokens.get(start + at), Some((Token::Mark(found), _)) if *found == mark);
        let attribute = start > 0 && tokens[start - 1].0 == Token::Mark('.');
        if attribute || !name(0, "dbt") || !mark(1, '.') {
            return;
        }
        let given = |at: usize| arguments(&tokens[start + at..]);
        let at = tokens[start].1.start;
        if name(2, "ref") && mark(3, '(') {
            self.reference(&given(4), at);
        } else if name(2, "source") && mark(3, '(') {
            self.source(&given(4), at);
        } else if name(2, "config") && mark(3, '(') {
            self.config(given(4));
        } else if name(2, "config") && mark(3, '.') && mark(5, '(') {
            if name(4, "get") {
                let asked = self.setting(given(6), "dbt.config.get()");
                self.found.asked.extend(asked);
            } else if name(4, "meta_get") {
                let asked = self.setting(given(6), "dbt.config.meta_get()");
                self.found.asked_of_meta.extend(asked);
            }
        }
    }

    fn reference(&mut self, given: &Arguments, at: usize) {
        let version = given.named.iter();
        let version = version.map(|(name, value, _)| (name.as_str(), value.as_ref()));
        let mut names = Vec::new();
        for (value, range) in &given.placed {
            names.push(self.text(value.as_ref(), range.start, "dbt.ref()"));
        }
        let version: Vec<_> = version.collect();
        let version = match version[..] {
            [] => None,
            [("v" | "version", Some(Json::String(text)))] => Some(text.clone()),
            [("v" | "version", Some(number @ Json::Number(_)))] => Some(number.to_string()),
            _ => {
                return self.wrong(
                    "dbt.ref() takes a name and its version: dbt.ref('x', v=2)",
                    at,
                );
            }
        };
        let names: Option<Vec<String>> = names.into_iter().collect();
        let Some(names) = names else { return };
        let (package, name) = match &names[..] {
            [name] => (None, name.clone()),
            [package, name] => (Some(package.clone()), name.clone()),
            _ => {
                return self.wrong(
                    "dbt.ref() takes a model's name, or a package and a name",
                    at,
                );
            }
        };
        self.note(RefCall::Ref {
            package,
            name,
            version,
        });
    }

    fn source(&mut self, given: &Arguments, at: usize) {
        let mut names = Vec::new();
        for (value, range) in &given.placed {
            names.push(self.text(value.as_ref(), range.start, "dbt.source()"));
        }
        let names: Option<Vec<String>> = names.into_iter().collect();
        match names.as_deref() {
            Some([source, table]) => self.note(RefCall::Source {
                source: source.clone(),
                table: table.clone(),
            }),
            Some(_) => self.wrong(
                "dbt.source() takes the names of a source and of its table",
                at,
            ),
            None => {}
        }
    }

    fn note(&mut self, call: RefCall) {
        if !self.found.calls.contains(&call) {
            self.found.calls.push(call);
        }
    }

    fn config(&mut self, given: Arguments) {
        for (name, value, range) in given.named {
            match value {
                Some(value) => {
                    self.found.config.insert(name, value);
                }
                None => self.not_written_out(&format!("'{name}' of dbt.config()"), range.start),
            }
        }
        for (_, range) in given.placed {
            self.wrong(
                "dbt.config() takes names and values: dbt.config(tags=['a'])",
                range.start,
            );
        }
    }

    /// A setting that is asked for, and what it is where it is not set.
    fn setting(&mut self, given: Arguments, of: &str) -> Option<(String, Json)> {
        let mut placed = given.placed.into_iter();
        let (value, range) = placed.next()?;
        let name = self.text(value.as_ref(), range.start, of)?;
        let default = placed.next().and_then(|(value, _)| value);
        Some((name, default.unwrap_or_default()))
    }

    fn text(&mut self, value: Option<&Json>, at: usize, of: &str) -> Option<String> {
        match value {
            Some(Json::String(text)) => Some(text.clone()),
            _ => {
                self.not_written_out(&format!("an argument of {of}"), at);
                None
            }
        }
    }

    fn not_written_out(&mut self, what: &str, at: usize) {
        let message = format!("{what} is not written out");
        let problem = Diagnostic::error(message).at((self.place)(at));
        self.problems.push(
            problem.hint("the graph is made without running the model: write the value itself"),
        );
    }

    fn wrong(&mut self, message: &str, at: usize) {
        self.problems
            .push(Diagnostic::error(message).at((self.place)(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_wherever_they_stand_and_not_in_texts_or_comments() {
        let text = r#"
import pandas as pd  # dbt.ref("no")
DOC = """dbt.ref('no')"""

def model(dbt, session):
    dbt.config(
        materialized="table",
        tags=["a", 'b'], meta={"x": {1, 2}, "y": (True, None, -2.5)},
        packages=["numpy" "==1"],
    )
    x = helper(dbt.ref("orders").df(), dbt.ref("shop", r"items", v=2))
    y = dbt.source("raw", "events"); n = dbt.config.get("limit", 10)
    other.dbt.ref(x)
    return x
"#;
        let found = read("m.py", text).expect("it reads");
        let calls: Vec<String> = found.calls.iter().map(ToString::to_string).collect();
        assert_eq!(
            calls,
            [
                "ref('orders')",
                "ref('shop', 'items', version='2')",
                "source('raw', 'events')"
            ]
        );
        let expected = serde_json::json!({
            "materialized": "table",
            "tags": ["a", "b"],
            "meta": {"x": [1, 2], "y": [true, null, -2.5]},
            "packages": ["numpy==1"],
        });
        assert_eq!(Json::Object(found.config), expected);
        assert_eq!(found.asked, [("limit".to_owned(), Json::from(10))]);
    }

    #[test]
    fn mistakes_have_their_places() {
        let text = "def model(dbt, session):\n    a = dbt.ref(name)\n    dbt.config(tags=x + ['b'])\n    return a\n";
        let problems = read("m.py", text).expect_err("it is wrong");
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            shown[0]
                .starts_with("error: an argument of dbt.ref() is not written out\n  --> m.py:2:17"),
            "{shown:?}"
        );
        assert!(
            shown[1]
                .starts_with("error: 'tags' of dbt.config() is not written out\n  --> m.py:3:21"),
            "{shown:?}"
        );
        for (text, message) in [
            ("x = 1\n", "here is no function 'model'"),
            ("def model(session): pass\n", "takes dbt and session"),
            (
                "def model(dbt, session):\n    return 'x\n",
                "a text is never closed",
            ),
            (
                "def model(dbt, session):\n    for x in {1: 2}\n        pass\n",
                "the line that begins with `for` has no colon",
            ),
        ] {
            let problems = read("m.py", text).expect_err("it is wrong");
            assert!(problems[0].message.contains(message), "{problems:?}");
        }
    }
}
