//! SQL that the engine can run: templates rendered, ephemeral models laid in as expressions.

use forebay_core::{Diagnostic, Node, NodeId, Spec};

use crate::jinja::marks::behind;
use crate::jinja::{Failure, Mode, Record, cte_name, from_json};
use crate::{CompileState, Compiled, Project, nodes};

/// An ephemeral model as a common table expression.
struct Cte {
    id: NodeId,
    name: String,
    sql: String,
}

impl Project {
    /// The SQL of a model, snapshot or test, ephemeral models inlined; or what has to be known first.
    ///
    /// # Errors
    /// The node has no SQL, or its template fails: a variable without a value, an error raised by
    /// a macro, a `ref` that was hidden while the project was read.
    pub fn compile(&self, id: &NodeId, state: &CompileState) -> Result<Compiled, Diagnostic> {
        self.compile_saying(id, state, &mut Vec::new())
    }

    /// The same; what the template has printed takes the place of what is in `printed`.
    pub fn compile_saying(
        &self,
        id: &NodeId,
        state: &CompileState,
        printed: &mut Vec<String>,
    ) -> Result<Compiled, Diagnostic> {
        let mode = Mode::Compile(state.clone());
        let whole = self.render(id, &mode).and_then(|(sql, record)| {
            *printed = record.printed;
            self.with_ephemerals(&sql, record.ephemerals, &mode)
        });
        outcome(whole)
    }

    /// The text with the models that it reads as expressions.
    pub(crate) fn with_ephemerals(
        &self,
        sql: &str,
        ephemerals: Vec<NodeId>,
        mode: &Mode,
    ) -> Result<String, Failure> {
        let mut ctes = Vec::new();
        for parent in ephemerals {
            self.collect(&parent, mode, &mut ctes)?;
        }
        Ok(inject(sql, &ctes))
    }

    /// Parents first, each once.
    fn collect(&self, id: &NodeId, mode: &Mode, ctes: &mut Vec<Cte>) -> Result<(), Failure> {
        if ctes.iter().any(|cte| cte.id == *id) {
            return Ok(());
        }
        let (sql, record) = self.render(id, mode)?;
        for parent in record.ephemerals {
            self.collect(&parent, mode, ctes)?;
        }
        let alias = self
            .details
            .get(id)
            .map_or("", |detail| detail.alias.as_str());
        ctes.push(Cte {
            id: id.clone(),
            name: cte_name(&forebay_core::Relation::new("", alias)),
            sql,
        });
        Ok(())
    }

    /// Renders, and once more with `graph` where the first template reads it. What is run for its effects must not be
    /// begun twice: it has the graph from the start.
    pub(crate) fn with_graph<T>(
        &self,
        mode: &Mode,
        render: impl Fn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if matches!(mode, Mode::Compile(state) if state.live.is_some()) {
            self.fill_graph();
        }
        match render() {
            Err(Failure::Graph) if !mode.is_ahead_of_hooks() => {
                self.fill_graph();
                render()
            }
            done => done,
        }
    }

    /// Makes `graph`, once.
    pub(crate) fn fill_graph(&self) {
        let made = || from_json(&crate::manifest::graph(self));
        self.shared.graph.get_or_init(made);
    }

    /// SQL for the moment of a source's newest row, where its table alone does not tell it.
    ///
    /// # Errors
    /// The template of its `loaded_at_query` fails.
    pub fn newest_row(&self, node: &Node) -> Result<Option<String>, Diagnostic> {
        let (Spec::Source(source), Some(detail)) = (&node.spec, self.details.get(&node.id)) else {
            return Ok(None);
        };
        if let Some(query) = &detail.loaded_at_query {
            let mode = Mode::Compile(CompileState::default());
            let ran = self.with_graph(&mode, || {
                self.engine
                    .render_text(query, &self.shared, &detail.scope, &mode)
            });
            let (sql, _) = ran.map_err(|failure| failure.at(&node.location))?;
            return Ok(Some(sql));
        }
        let Some((location, field)) = detail
            .location
            .as_ref()
            .zip(source.loaded_at_field.as_ref())
        else {
            return Ok(None);
        };
        let rule = source.freshness.as_ref();
        let filter = rule.and_then(|rule| rule.filter.as_ref());
        let filter = filter.map_or(String::new(), |filter| format!(" where {filter}"));
        Ok(Some(format!("select max({field}) from {location}{filter}")))
    }

    /// What keeps a node from running, though the project can be read.
    pub fn broken(&self, id: &NodeId) -> Option<&Diagnostic> {
        self.details.get(id)?.broken.as_ref()
    }

    fn render(&self, id: &NodeId, mode: &Mode) -> Result<(String, Record), Failure> {
        if let Some(problem) = self.broken(id) {
            return Err(Failure::Problem(Box::new(problem.clone())));
        }
        let detail = self
            .details
            .get(id)
            .filter(|detail| detail.template.is_some());
        let Some((detail, node)) = detail.zip(self.graph.get(id)) else {
            let problem = Diagnostic::error(format!("'{id}' has no SQL to compile"));
            return Err(Failure::Problem(Box::new(problem)));
        };
        let run = || nodes::run(&self.engine, &self.shared, detail, &detail.scope, mode);
        let (sql, record) = self
            .with_graph(mode, run)
            .map_err(|failure| failure.placed(&node.location))?;
        Ok((sql.trim().to_owned(), record))
    }
}

pub(crate) fn outcome(rendered: Result<String, Failure>) -> Result<Compiled, Diagnostic> {
    match rendered {
        Ok(sql) => Ok(Compiled::Sql(sql)),
        Err(Failure::Asked(question)) => Ok(Compiled::Asks(question)),
        Err(Failure::Problem(problem) | Failure::Unknown(_, problem)) => Err(*problem),
        Err(Failure::Graph) => Err(Diagnostic::internal("'graph' is read before it is whole")),
    }
}

/// Puts the expressions in front: into the query's own WITH where it begins with one.
fn inject(sql: &str, ctes: &[Cte]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let list: Vec<String> = ctes
        .iter()
        .map(|cte| {
            format!(
                "{} as (\n{}\n)",
                cte.name,
                cte.sql.trim().trim_end_matches(';')
            )
        })
        .collect();
    let list = list.join(", ");
    let start = first_token(sql);
    match own_with(&sql[start..]) {
        Some(length) => {
            let (with, rest) = sql[start..].split_at(length);
            format!("{}{with} {list}, {}", &sql[..start], rest.trim_start())
        }
        None => format!("{}with {list}\n{}", &sql[..start], &sql[start..]),
    }
}

/// The length of `with` or `with recursive` at the start.
fn own_with(sql: &str) -> Option<usize> {
    let word = |text: &str, word: &str| {
        let head = text.get(..word.len())?;
        let next = text[word.len()..].chars().next();
        let ends = next.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        (head.eq_ignore_ascii_case(word) && ends).then_some(word.len())
    };
    let with = word(sql, "with")?;
    let rest = sql[with..].trim_start();
    let gap = sql.len() - with - rest.len();
    Some(word(rest, "recursive").map_or(with, |recursive| with + gap + recursive))
}

/// Behind leading blanks and comments.
fn first_token(sql: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = sql[at..].trim_start();
        at = sql.len() - rest.len();
        at += behind(&sql[at..]);
        let rest = sql[at..].trim_start();
        at = sql.len() - rest.len();
        let skipped = if rest.starts_with("--") {
            rest.find('\n').map(|n| n + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|n| n + 2)
        } else {
            None
        };
        match skipped {
            Some(length) => at += length,
            None => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injected(sql: &str) -> String {
        let cte = |name: &str| Cte {
            id: NodeId::new(name),
            name: name.to_owned(),
            sql: "select 1;".to_owned(),
        };
        inject(sql, &[cte("a"), cte("b")])
    }

    #[test]
    fn expressions_go_in_front_or_into_the_with() {
        const LIST: &str = "a as (\nselect 1\n), b as (\nselect 1\n)";
        for (sql, expected) in [
            ("select * from a", format!("with {LIST}\nselect * from a")),
            (
                "with x as (select 1) select 2",
                format!("with {LIST}, x as (select 1) select 2"),
            ),
            (
                "-- why\n/* with */ WITH\nx as (1)",
                format!("-- why\n/* with */ WITH {LIST}, x as (1)"),
            ),
            (
                "with recursive t as (1) s",
                format!("with recursive {LIST}, t as (1) s"),
            ),
            ("withdrawals", format!("with {LIST}\nwithdrawals")),
        ] {
            assert_eq!(injected(sql), expected);
        }
    }
}
