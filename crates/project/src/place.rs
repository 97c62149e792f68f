//! From a place in SQL that ran to the place in the user's file that it comes from.

use std::path::PathBuf;

use forebay_core::{Diagnostic, Location, Node, Spec};
use indexmap::IndexSet;

use crate::Project;
use crate::jinja::called_from;
use crate::jinja::marks::{Map, Writer};
use crate::jinja::template::MACRO;
use crate::nodes::Places;

impl Project {
    /// The problem of a setting of the node, at the setting.
    ///
    /// # Errors
    /// The same problem, where it is of none, or the node has it from nowhere.
    pub fn at_setting(
        &self,
        node: &Node,
        problem: Diagnostic,
    ) -> Result<Diagnostic, Box<Diagnostic>> {
        let places = self.details.get(&node.id).map(|detail| &detail.places);
        let named = problem.setting.as_deref().zip(places);
        let place = named.and_then(|(name, places)| nearest(places, name));
        match place.filter(|at| at.line > 0).cloned() {
            Some(at) => Ok(problem.at(at)),
            None => Err(Box::new(problem)),
        }
    }

    /// The problem of a query of the node, at the place in the user's file that wrote what the engine stumbled over.
    /// `marked` is the query with marks, see [`Marks`](crate::Marks).
    ///
    /// # Errors
    /// The same problem, where its message says no place or the query with marks is another one.
    pub fn traced(
        &self,
        node: &Node,
        sql: &str,
        marked: &str,
        mut problem: Diagnostic,
    ) -> Result<Diagnostic, Box<Diagnostic>> {
        let map = Map::read(marked);
        let byte = byte_in(sql, &problem).and_then(|byte| map.byte_of(sql, byte));
        let Some(byte) = byte else {
            return Err(Box::new(problem));
        };
        let writers = map.writers_at(byte);
        let nothing = self.wrote_nothing(&map, byte, &problem);
        let places = writers.iter().filter_map(|writer| {
            let (location, package) = self.engine.written_by(writer)?;
            // What a package's macro writes of a value is the mistake of whoever gave it.
            let is_own = package.is_none_or(|package| package == self.name);
            Some((location, writer.is_text || is_own))
        });
        let places: Vec<(Location, bool)> = places.collect();
        let inner = places.iter().rev().find(|(_, is_told)| *is_told);
        let location = inner.map_or(&node.location, |(location, _)| location);
        let outer = places.first().map_or(&node.location, |(outer, _)| outer);
        for from in [outer, &node.location] {
            if from.file != location.file {
                called_from(&mut problem, from);
            }
        }
        problem.message = without_words(&problem.message);
        Ok(problem.at(location.clone()).maybe_hint(nothing))
    }

    /// A name whose value is nothing, where the engine could not go on right behind it: mostly an argument that was not
    /// given, or a name that nobody has.
    fn wrote_nothing(&self, map: &Map, byte: usize, problem: &Diagnostic) -> Option<String> {
        if !problem.message.starts_with("SQL syntax") {
            return None;
        }
        let writer = map.nothing_before(byte)?;
        let (at, _) = self.engine.written_by(writer)?;
        let text = self.engine.text_of(writer)?.strip_prefix("{{")?;
        let name = text[..text.find("}}")?].trim_matches(['-', '+']).trim();
        let is_name = !name.is_empty() && name.chars().all(|c| is_part(c) || c == '.');
        let of_macro = writer.template.strip_prefix(MACRO);
        let found = of_macro.and_then(|id| {
            let (package, name) = id.split_once('.')?;
            self.shared.macros.get(package, name)
        });
        let takes = found.filter(|found| found.params.iter().any(|param| param.name == name));
        is_name.then(|| match takes {
            Some(found) => format!(
                "{{{{ {name} }}}} at {at} writes nothing: the macro '{}' is called without its argument '{name}', or with nothing for it",
                found.name
            ),
            None => format!("{{{{ {name} }}}} at {at} writes nothing: '{name}' has no value there"),
        })
    }

    /// The same without a map: a place is told only where the query's line, or the word that the engine stumbled over, is in
    /// one place alone. Else it is at the node, and the message goes on saying where in the query.
    pub fn placed(&self, node: &Node, sql: Option<&str>, mut problem: Diagnostic) -> Diagnostic {
        let said = in_words(&problem.message);
        let stumbled = said.as_ref().zip(sql).map_or_else(
            || Some(Stumbled::over(unknown(&problem.message)?)),
            |((_, line, column), sql)| {
                // It counts lines of this very query: what stands there need not be named.
                let message = match problem.sql.as_deref() == Some(sql) {
                    true => "",
                    false => problem.message.as_str(),
                };
                Stumbled::at(sql, *line, *column, message)
            },
        );
        let found = stumbled.and_then(|stumbled| {
            let mut files = self.texts(node).into_iter();
            files.find_map(|(file, content)| {
                let (line, column) = stumbled.find(&content)?;
                Some(Location::new(file, line, column))
            })
        });
        let Some(location) = found else {
            return problem.at(node.location.clone());
        };
        problem.message = without_words(&problem.message);
        if location.file != node.location.file {
            called_from(&mut problem, &node.location);
        }
        problem.at(location)
    }

    /// Files that a node's SQL may come from, with their texts: its own, those of the ephemeral models that it reads, and
    /// those of macros that it calls.
    fn texts(&self, node: &Node) -> Vec<(PathBuf, String)> {
        let parents = node.depends_on.iter();
        let parents = parents.filter_map(|id| self.graph.get(id));
        let laid_in = parents
            .filter(|parent| matches!(parent.spec, Spec::Model(_)) && parent.relation.is_none());
        let nodes = std::iter::once(node).chain(laid_in);
        let macros = self.details.get(&node.id).into_iter();
        let macros = macros.flat_map(|detail| &detail.macros).filter_map(|id| {
            let (package, name) = id.as_str().strip_prefix("macro.")?.split_once('.')?;
            self.shared.macros.get(package, name)
        });
        let files = nodes.map(|node| &node.location.file);
        let files = files.chain(macros.map(|found| &found.location.file));
        let files: IndexSet<&PathBuf> = files.collect();
        let text = |file: &PathBuf| {
            let content = std::fs::read_to_string(self.root.join(file)).ok()?;
            Some((file.clone(), content))
        };
        files.into_iter().filter_map(text).collect()
    }
}

/// The place of that name, or of what it is inside of.
fn nearest<'a>(places: &'a Places, name: &str) -> Option<&'a Location> {
    let (outer, _) = name.rsplit_once('.').unwrap_or_default();
    let found = places.get(name);
    found.or_else(|| (!outer.is_empty()).then(|| nearest(places, outer))?)
}

/// Who wrote what the problem's message points at, outermost first. None: it points nowhere in this query.
pub(crate) fn writers(map: &Map, sql: &str, problem: &Diagnostic) -> Option<Vec<Writer>> {
    let byte = map.byte_of(sql, byte_in(sql, problem)?)?;
    Some(map.writers_at(byte))
}

/// The byte of the query that the message's line and column mean. What ran may be a query around it, or a statement of it.
fn byte_in(sql: &str, problem: &Diagnostic) -> Option<usize> {
    let (_, line, column) = in_words(&problem.message)?;
    let ran = problem.sql.as_deref()?;
    let (text, byte) = at(ran, line, column)?;
    let byte = text.as_ptr() as usize - ran.as_ptr() as usize + byte;
    let own = sql.trim().trim_end_matches(';').trim_end();
    let start = sql.find(own)?;
    if let Some(around) = own.find(ran.trim()).filter(|_| ran.len() < own.len()) {
        return Some(start + around + byte);
    }
    let mut inside = ran.match_indices(own).map(|(at, _)| at..at + own.len());
    let own = inside.find(|range| range.contains(&byte))?;
    Some(start + byte - own.start)
}

/// The message without the words that say where.
pub(crate) fn without_words(message: &str) -> String {
    match in_words(message) {
        Some((said, ..)) => message.replace(&said, ""),
        None => message.to_owned(),
    }
}

/// What the engine could not go on at.
struct Stumbled<'a> {
    /// The line of the query, and the byte in it, where they are known.
    line: Option<(&'a str, usize)>,
    word: &'a str,
}

impl<'a> Stumbled<'a> {
    fn over(word: &'a str) -> Self {
        Self { line: None, word }
    }

    /// None where something else stands at that place than the message names: the query was part of another one.
    fn at(sql: &'a str, line: usize, column: usize, message: &str) -> Option<Self> {
        let (text, byte) = at(sql, line, column)?;
        let word = word(&text[byte..]);
        let known = !message.contains('\'') || message.contains(&format!("'{word}"));
        let line = Some((text, byte));
        (known && !word.is_empty()).then_some(Self { line, word })
    }

    fn find(&self, content: &str) -> Option<(u32, u32)> {
        let same = self
            .line
            .and_then(|(text, byte)| same_line(content, text, byte));
        same.or_else(|| only_word(content, self.word))
    }
}

/// The name that the engine does not know, where it does not say where it stands.
fn unknown(message: &str) -> Option<&str> {
    let kinds = ["there is no column '", "there is no function '"];
    let rest = kinds.iter().find_map(|kind| message.strip_prefix(kind))?;
    let (name, _) = rest.split_once('\'')?;
    (!name.is_empty() && name.chars().all(is_part)).then_some(name)
}

/// ` (line 2, column 7)` of a message of the engine: the words, and what they say.
fn in_words(message: &str) -> Option<(String, usize, usize)> {
    let start = message.rfind(" (line ")?;
    let end = start + message[start..].find(')')? + 1;
    let said = &message[start..end];
    let (line, column) = said
        .strip_prefix(" (line ")?
        .strip_suffix(')')?
        .split_once(", column ")?;
    Some((said.to_owned(), line.parse().ok()?, column.parse().ok()?))
}

/// The line of the query, and the byte in it; both count from one.
fn at(sql: &str, line: usize, column: usize) -> Option<(&str, usize)> {
    let text = sql.lines().nth(line.checked_sub(1)?)?;
    let letter = text.char_indices().nth(column.checked_sub(1)?);
    // What ends too early is told behind its last letter.
    let (byte, _) = letter.or_else(|| text.char_indices().next_back())?;
    Some((text, byte))
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !is_part(c));
    &text[..end.unwrap_or(text.len())]
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The place in the one line of the file that reads as the query's does.
fn same_line(content: &str, text: &str, column: usize) -> Option<(u32, u32)> {
    let wanted = text.trim();
    let mut same = content
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim() == wanted);
    let (number, line) = same.next().filter(|_| same.next().is_none())?;
    let start = |line: &str| line.len() - line.trim_start().len();
    let byte = (start(line) + column).checked_sub(start(text))?;
    Some(position(number, line, byte))
}

/// The one place in the file where the word stands by itself.
fn only_word(content: &str, word: &str) -> Option<(u32, u32)> {
    let places = content.lines().enumerate().flat_map(|(number, line)| {
        let alone = move |at: &usize| {
            let before = line[..*at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        };
        let places = line.match_indices(word).map(|(at, _)| at).filter(alone);
        places.map(move |at| position(number, line, at))
    });
    let mut places = places;
    places.next().filter(|_| places.next().is_none())
}

fn position(number: usize, line: &str, byte: usize) -> (u32, u32) {
    let column = line.get(..byte).map_or(0, |before| before.chars().count()) + 1;
    (number as u32 + 1, column as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &str, sql: &str, line: usize, column: usize) -> Option<(u32, u32)> {
        Stumbled::at(sql, line, column, "")?.find(content)
    }

    #[test]
    fn a_line_that_is_there_once_or_a_word_is_found_again() {
        let file = "{{ config(materialized='table') }}\n{% set n = 1 %}\n  select é, nocol\nfrom {{ ref('a') }}\nwhere other = {{ n }}\n";
        let sql = "select é, nocol\nfrom \"w\".\"main\".\"a\"\nwhere other = 1";
        assert_eq!(found(file, sql, 1, 11), Some((3, 13)));
        assert_eq!(found(file, sql, 3, 7), Some((5, 7)));
        // `from` is in the file once, `a` more often.
        assert_eq!(found(file, sql, 2, 1), Some((4, 1)));
        assert_eq!(found(file, "select n\n", 1, 8), None);
        assert_eq!(found(file, sql, 9, 1), None);
        let without_place = unknown("there is no column 'other'").unwrap();
        assert_eq!(Stumbled::over(without_place).find(file), Some((5, 7)));
        let of_another = "there is no column 'x' (line 1, column 11)";
        assert!(Stumbled::at(sql, 1, 11, of_another).is_none());
    }

    #[test]
    fn the_engine_says_a_place_in_words() {
        let (said, line, column) = in_words("there is no column 'x' (line 12, column 3)").unwrap();
        assert_eq!(
            (said.as_str(), line, column),
            (" (line 12, column 3)", 12, 3)
        );
        assert_eq!(in_words("there is no column 'x'"), None);
    }
}
