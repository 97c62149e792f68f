//! Sequences: numbers that are given out once, over all runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Query,
    SequenceOptions, Statement, UnaryOperator, Value, Visit, Visitor,
};
use forebay_core::{Diagnostic, Relation, suggest};
use serde::{Deserialize, Serialize};

use super::counting::CALLS;
use super::kept::Kept;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sequence {
    start: i64,
    increment: i64,
    min: i64,
    max: i64,
    cycle: bool,
    /// What was given out last.
    last: Option<i64>,
}

/// By schema and name, in small letters.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    sequences: BTreeMap<String, Sequence>,
}

/// The sequences of a warehouse.
pub(crate) struct Sequences {
    kept: Kept<Known>,
    database: String,
}

impl Sequences {
    pub(super) fn new(warehouse: &Path, database: &str) -> Self {
        Self {
            kept: Kept::new(warehouse, "sequences.json"),
            database: database.to_lowercase(),
        }
    }

    /// What `CREATE SEQUENCE` does.
    pub(crate) fn create(
        &self,
        name: &Relation,
        options: &[SequenceOptions],
        or_replace: bool,
        if_not_exists: bool,
    ) -> Result<(), Diagnostic> {
        let sequence = Sequence::of(options)?;
        self.kept.change(|known| {
            match known.sequences.contains_key(&key(name)) && !or_replace {
                true if if_not_exists => {}
                true => {
                    return Err(Diagnostic::error(format!(
                        "the sequence '{name}' is there already"
                    ))
                    .hint("CREATE SEQUENCE IF NOT EXISTS lets it go on, CREATE OR REPLACE SEQUENCE begins anew"));
                }
                false => {
                    known.sequences.insert(key(name), sequence);
                }
            }
            Ok(())
        })
    }

    /// What `DROP SEQUENCE` does.
    pub(crate) fn remove(&self, name: &Relation, if_exists: bool) -> Result<(), Diagnostic> {
        self.kept
            .change(|known| match known.sequences.remove(&key(name)) {
                None if !if_exists => Err(known.missing(&name.to_string())),
                _ => Ok(()),
            })
    }

    /// Those of a schema go with it.
    pub(crate) fn drop_schema(&self, schema: &str) -> Result<(), Diagnostic> {
        let of_schema = format!("{}.", schema.to_lowercase());
        let is_in = |known: &Known| {
            known
                .sequences
                .keys()
                .any(|key| key.starts_with(&of_schema))
        };
        if !is_in(&*self.kept.read()?) {
            return Ok(());
        }
        self.kept.change(|known| {
            known
                .sequences
                .retain(|key, _| !key.starts_with(&of_schema));
            Ok(())
        })
    }

    /// The next numbers of the sequence that a text names, as many as there are rows.
    pub(super) fn next(&self, named: &str, rows: usize) -> Result<Vec<i64>, Diagnostic> {
        self.kept.change(|known| {
            let name = self.name(named)?;
            match known.sequences.get_mut(&name) {
                Some(sequence) => (0..rows).map(|_| sequence.next(named)).collect(),
                None => Err(known.missing(named)),
            }
        })
    }

    /// The number that was given out last.
    pub(super) fn current(&self, named: &str) -> Result<i64, Diagnostic> {
        // Read anew: the file's time is too coarse for numbers given out one after the other.
        self.kept
            .change(|known| match known.sequences.get(&self.name(named)?) {
                Some(sequence) => sequence.last.ok_or_else(|| {
                    Diagnostic::error(format!("the sequence '{named}' has given no number yet"))
                        .hint("nextval gives the first")
                }),
                None => Err(known.missing(named)),
            })
    }

    /// Looks for the sequences that a statement names. Whether it names any.
    pub(super) fn check(&self, statement: &Statement) -> Result<bool, Diagnostic> {
        let called = called(statement);
        if called.is_empty() {
            return Ok(false);
        }
        let known = self.kept.read()?;
        for named in called.iter().flatten() {
            if !known.sequences.contains_key(&self.name(named)?) {
                return Err(known.missing(named));
            }
        }
        read_once(statement)?;
        Ok(true)
    }

    /// `s`, `main.s` or `"shop"."main"."s"`.
    fn name(&self, named: &str) -> Result<String, Diagnostic> {
        let parts: Vec<String> = parts(named);
        match parts.as_slice() {
            [name] => Ok(format!("main.{name}")),
            [schema, name] => Ok(format!("{schema}.{name}")),
            [database, schema, name] if *database == self.database => {
                Ok(format!("{schema}.{name}"))
            }
            _ => Err(Diagnostic::error(format!(
                "'{named}' names no sequence here"
            ))),
        }
    }
}

impl Known {
    fn missing(&self, name: &str) -> Diagnostic {
        let known = self.sequences.keys();
        let known = known.map(|key| key.strip_prefix("main.").unwrap_or(key));
        let nearest = suggest::nearest(name, known);
        Diagnostic::error(format!("there is no sequence '{name}'")).maybe_hint(nearest)
    }
}

fn key(name: &Relation) -> String {
    format!("{}.{}", name.schema, name.name).to_lowercase()
}

/// The parts of a name in small letters.
fn parts(named: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut in_quotes = false;
    for c in named.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            '.' if !in_quotes => parts.push(String::new()),
            c => parts
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|part| part.extend(c.to_lowercase())),
        }
    }
    parts
}

impl Sequence {
    fn of(options: &[SequenceOptions]) -> Result<Self, Diagnostic> {
        let (mut start, mut increment, mut min, mut max, mut cycle) = (None, 1, None, None, false);
        for option in options {
            match option {
                SequenceOptions::IncrementBy(by, _) => increment = number(by)?,
                SequenceOptions::StartWith(with, _) => start = Some(number(with)?),
                SequenceOptions::MinValue(least) => min = least.as_ref().map(number).transpose()?,
                SequenceOptions::MaxValue(most) => max = most.as_ref().map(number).transpose()?,
                SequenceOptions::Cycle(is_off) => cycle = !is_off,
                SequenceOptions::Cache(_) => {}
            }
        }
        let falls = increment < 0;
        let min = min.unwrap_or(if falls { i64::MIN } else { 1 });
        let max = max.unwrap_or(if falls { -1 } else { i64::MAX });
        let start = start.unwrap_or(if falls { max } else { min });
        let wrong = match increment {
            0 => "a sequence's INCREMENT is not zero".to_owned(),
            _ if start < min => format!("START {start} is less than MINVALUE {min}"),
            _ if start > max => format!("START {start} is greater than MAXVALUE {max}"),
            _ => {
                return Ok(Self {
                    start,
                    increment,
                    min,
                    max,
                    cycle,
                    last: None,
                });
            }
        };
        Err(Diagnostic::error(wrong))
    }

    fn next(&mut self, named: &str) -> Result<i64, Diagnostic> {
        let next = match self.last {
            None => Some(self.start),
            Some(last) => last.checked_add(self.increment),
        };
        let next = next.filter(|next| (self.min..=self.max).contains(next));
        let (first, end) = match self.increment > 0 {
            true => (self.min, self.max),
            false => (self.max, self.min),
        };
        let next = next.or(self.cycle.then_some(first)).ok_or_else(|| {
            Diagnostic::error(format!("the sequence '{named}' is at its end, {end}"))
        })?;
        self.last = Some(next);
        Ok(next)
    }
}

fn number(expr: &Expr) -> Result<i64, Diagnostic> {
    let number = match expr {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => format!("-{expr}"),
        other => other.to_string(),
    };
    number
        .parse()
        .map_err(|_| Diagnostic::error(format!("'{expr}' is no whole number of 64 bits")))
}

/// What the calls in it name. None: a null, or what the call itself refuses.
fn called(statement: &impl Visit) -> Vec<Option<String>> {
    struct Calls(Vec<Option<String>>);
    impl Visitor for Calls {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr
                && is_call(&function.name)
            {
                self.0.push(text_of(function));
            }
            ControlFlow::Continue(())
        }
    }
    let mut calls = Calls(Vec::new());
    let _ = statement.visit(&mut calls);
    calls.0
}

fn is_call(name: &ObjectName) -> bool {
    let ident = name.0.last().and_then(|part| part.as_ident());
    ident.is_some_and(|ident| {
        CALLS
            .iter()
            .any(|call| ident.value.eq_ignore_ascii_case(call))
    })
}

fn text_of(function: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Refuses a `WITH` query that calls a sequence and is read more than once: each reading would count on by itself.
fn read_once(statement: &Statement) -> Result<(), Diagnostic> {
    struct Reads {
        counting: BTreeSet<String>,
        read: BTreeMap<String, usize>,
    }
    impl Visitor for Reads {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            for each in query.with.iter().flat_map(|with| &with.cte_tables) {
                let mut inner = Names(BTreeSet::new());
                let _ = each.query.visit(&mut inner);
                if !called(&each.query).is_empty() || !inner.0.is_disjoint(&self.counting) {
                    self.counting.insert(each.alias.name.value.to_lowercase());
                }
            }
            ControlFlow::Continue(())
        }
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            *self
                .read
                .entry(name.to_string().to_lowercase())
                .or_default() += 1;
            ControlFlow::Continue(())
        }
    }
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            self.0.insert(name.to_string().to_lowercase());
            ControlFlow::Continue(())
        }
    }
    let mut reads = Reads {
        counting: BTreeSet::new(),
        read: BTreeMap::new(),
    };
    let _ = statement.visit(&mut reads);
    let twice = |name: &&String| reads.read.get(*name).is_some_and(|times| *times > 1);
    match reads.counting.iter().find(twice) {
        None => Ok(()),
        Some(name) => Err(Diagnostic::error(format!(
            "'{name}' calls a sequence and is read more than once, which would give its rows other numbers each time"
        ))
        .hint("make it a table, and read that")),
    }
}
