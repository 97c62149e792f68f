//! From a place in SQL that ran to the place in the user's file that it comes from.

use std::path::PathBuf;

use forebay_core::{Diagnostic, Location, Node, Spec};
use indexmap::IndexSet;

use crate::Project;

impl Project {
    /// The problem of a query of the node, at its place in the user's file where that can be told: where the line of the
    /// query, or the word that the engine stumbled over, is in one place only. Else it is at the node, and the message
    /// goes on saying where in the query.
    pub fn placed(&self, node: &Node, sql: Option<&str>, mut problem: Diagnostic) -> Diagnostic {
        let said = in_words(&problem.message);
        let stumbled = said.as_ref().zip(sql).map_or_else(
            || Some(Stumbled::over(unknown(&problem.message)?)),
            |((_, line, column), sql)| Stumbled::at(sql, *line, *column, &problem.message),
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
        if let Some((said, ..)) = said {
            problem.message = problem.message.replace(&said, "");
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
    let (byte, _) = text.char_indices().nth(column.checked_sub(1)?)?;
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
