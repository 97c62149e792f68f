//! A merge in clauses, as one query for the rows that the table will have.

use arrow::datatypes::Schema;
use forebay_core::incremental::{Incremental, OnSchemaChange};
use forebay_core::merge::{Action, Clause, Merge, Values};
use forebay_core::{Diagnostic, Relation, quote};
use forebay_lake::{Input, Lake, WriteMode, WriteOptions, Written};

use crate::incremental::{DEST, SOURCE, as_sql, contains, names, no_column};

/// Takes the rows of `stage` into the table.
///
/// # Errors
/// A clause says that it is one, or a row of the table would be changed by several new ones.
pub(crate) async fn merge(
    lake: &Lake,
    relation: &Relation,
    spec: &Incremental,
    merge: &Merge,
    stage: &Relation,
    options: WriteOptions,
) -> Result<Written, Diagnostic> {
    let held = schema(lake, relation).await?;
    let given = schema(lake, stage).await?;
    let (table, new) = (names(&held), names(&given));
    if spec.on_schema_change == OnSchemaChange::Fail && !same(&table, &new) {
        let message = format!("the columns of the query are not those of {relation}");
        return Err(Diagnostic::error(message).hint("on_schema_change says that this fails"));
    }
    let rows = Rows {
        relation,
        table: relation.sql(),
        stage: stage.sql(),
        on: condition(spec, merge),
        merge,
        columns: columns(lake, spec.on_schema_change, &held, &given),
        new,
    };
    rows.check()?;
    if let Some(message) = rows.refused(lake).await? {
        return Err(Diagnostic::error(format!(
            "the merge into {relation}: {message}"
        )));
    }
    // What is done twice may give other rows, so that the run's mark goes along.
    let options = WriteOptions {
        mode: WriteMode::Overwrite,
        ..options
    };
    lake.write(relation, Input::Sql(rows.sql()), options).await
}

async fn schema(lake: &Lake, relation: &Relation) -> Result<Schema, Diagnostic> {
    let info = lake.info(relation).await?;
    let info = info.ok_or_else(|| Diagnostic::internal(format!("{relation} is gone")))?;
    Ok(info.schema.as_ref().clone())
}

fn same(table: &[String], new: &[String]) -> bool {
    table.len() == new.len() && table.iter().all(|name| contains(new, name))
}

/// A column that the table will have.
struct Column {
    name: String,
    /// As SQL writes it; none where no value has another.
    cast: Option<String>,
    held: bool,
    given: bool,
}

/// As the schema change wants it: columns that the run lacks stay or leave, new ones are left out or come.
fn columns(lake: &Lake, change: OnSchemaChange, held: &Schema, given: &Schema) -> Vec<Column> {
    let find = |schema: &Schema, name: &str| {
        let fields = schema.fields().iter();
        let found = fields
            .clone()
            .find(|field| field.name().eq_ignore_ascii_case(name));
        found.map(|field| field.data_type().clone())
    };
    let syncs = change == OnSchemaChange::SyncAllColumns;
    let grows = syncs || change == OnSchemaChange::AppendNewColumns;
    let of_table = held.fields().iter().map(|field| field.name());
    let of_run = given.fields().iter().map(|field| field.name());
    let kept = of_table.filter(|name| !syncs || find(given, name).is_some());
    let added = of_run.filter(|name| grows && find(held, name).is_none());
    kept.chain(added)
        .map(|name| {
            let (old, new) = (find(held, name), find(given, name));
            let wanted = if syncs {
                new.clone().or(old.clone())
            } else {
                old.clone().or(new.clone())
            };
            // Lists and structures are of one type, or nothing.
            let cast = wanted.filter(|wanted| !wanted.is_nested());
            Column {
                name: name.clone(),
                cast: cast.map(|wanted| lake.type_name(&wanted)),
                held: old.is_some(),
                given: new.is_some(),
            }
        })
        .collect()
}

/// Where a row of the table and a new one are the same.
fn condition(spec: &Incremental, merge: &Merge) -> String {
    let keys = match merge.using.is_empty() {
        true => &spec.unique_key,
        false => &merge.using,
    };
    let same = |key: &String| format!("{SOURCE}.{key} = {DEST}.{key}");
    let mut all: Vec<String> = as_sql(keys).iter().map(same).collect();
    if all.is_empty() {
        all.push("false".to_owned());
    }
    all.extend(spec.predicates.iter().map(|text| format!("({text})")));
    all.join(" and ")
}

struct Rows<'a> {
    relation: &'a Relation,
    table: String,
    stage: String,
    /// Where two rows are the same.
    on: String,
    merge: &'a Merge,
    columns: Vec<Column>,
    /// Columns of the run.
    new: Vec<String>,
}

/// The value of the first clause whose condition holds.
fn chosen(clauses: &[Clause], value: impl Fn(&Clause) -> String, otherwise: &str) -> String {
    let when = |clause: &Clause| {
        let condition = clause.condition.as_deref().unwrap_or("true");
        format!("when ({condition}) then {}", value(clause))
    };
    match clauses.is_empty() {
        true => otherwise.to_owned(),
        false => {
            let whens: Vec<String> = clauses.iter().map(when).collect();
            format!("case {} else {otherwise} end", whens.join(" "))
        }
    }
}

fn is(clauses: &[Clause], wanted: impl Fn(&Action) -> bool) -> String {
    chosen(
        clauses,
        |clause| wanted(&clause.action).to_string(),
        "false",
    )
}

impl Rows<'_> {
    fn dest(&self) -> String {
        numbered(&self.table)
    }

    fn pairs(&self) -> String {
        format!(
            "{} join {} as {SOURCE} on {}",
            self.dest(),
            self.stage,
            self.on
        )
    }

    /// Whether a row of the table has a new one for which that is true.
    fn has(&self, what: &str) -> String {
        format!(
            "exists (select 1 from {} as {SOURCE} where {} and {what})",
            self.stage, self.on
        )
    }

    fn new_alone(&self) -> String {
        let (stage, table, on) = (&self.stage, &self.table, &self.on);
        format!("{stage} as {SOURCE} where not exists (select 1 from {table} as {DEST} where {on})")
    }

    fn list(&self, value: impl Fn(usize, &Column) -> String) -> String {
        let columns = self.columns.iter().enumerate();
        let columns = columns.map(|(at, column)| {
            let value = value(at, column);
            let name = quote(&column.name);
            match &column.cast {
                Some(kind) => format!("cast({value} as {kind}) as {name}"),
                None => format!("{value} as {name}"),
            }
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    fn old(&self, column: &Column) -> String {
        match column.held {
            true => format!("{DEST}.{}", quote(&column.name)),
            false => "null".to_owned(),
        }
    }

    /// What the column at a place becomes.
    fn value(&self, clause: &Clause, at: usize, column: &Column, old: &str) -> String {
        let given = || match column.given {
            true => format!("{SOURCE}.{}", quote(&column.name)),
            false => old.to_owned(),
        };
        let (Action::Update(values) | Action::Insert(values)) = &clause.action else {
            return old.to_owned();
        };
        match values {
            Values::ByName => given(),
            Values::ByPosition => format!("{SOURCE}.{}", quote(&self.new[at])),
            Values::Written { only, except, set } => {
                let is_it =
                    |name: &String| name.trim_matches('"').eq_ignore_ascii_case(&column.name);
                let written = set.iter().find(|(name, _)| is_it(name));
                let taken = only.as_ref().is_none_or(|only| only.iter().any(is_it));
                match written {
                    Some((_, expression)) => format!("({expression})"),
                    None if taken && !except.iter().any(is_it) => given(),
                    None => old.to_owned(),
                }
            }
        }
    }

    fn sql(&self) -> String {
        let (matched, new, gone) = (&self.merge.matched, &self.merge.new, &self.merge.gone);
        let acts = is(matched, |action| *action != Action::Nothing);
        let updates = |action: &Action| matches!(action, Action::Update(_));
        let value = |clauses: &[Clause], at: usize, column: &Column, old: &str| {
            chosen(clauses, |clause| self.value(clause, at, column, old), old)
        };
        let changed = format!(
            "select {} from {} where {}",
            self.list(|at, column| value(matched, at, column, &self.old(column))),
            self.pairs(),
            is(matched, updates)
        );
        let untouched = format!(
            "select {} from {} where {} and not {}",
            self.list(|_, column| self.old(column)),
            self.dest(),
            self.has("true"),
            self.has(&acts)
        );
        let left = format!(
            "select {} from {} where not {} and not {}",
            self.list(|at, column| value(gone, at, column, &self.old(column))),
            self.dest(),
            self.has("true"),
            is(gone, |action| *action == Action::Delete)
        );
        let added = format!(
            "select {} from {} and {}",
            self.list(|at, column| value(new, at, column, "null")),
            self.new_alone(),
            is(new, |action| matches!(action, Action::Insert(_)))
        );
        [changed, untouched, left, added].join("\nunion all\n")
    }

    /// Why the merge must not be done, if so.
    async fn refused(&self, lake: &Lake) -> Result<Option<String>, Diagnostic> {
        let acts = is(&self.merge.matched, |action| *action != Action::Nothing);
        if any_twice(lake, &format!("{} where {acts}", self.pairs())).await? {
            return Ok(Some(
                "a row of the table is matched by several new ones".to_owned(),
            ));
        }
        let alone = format!("{} where not {}", self.dest(), self.has("true"));
        for (clauses, of, word) in [
            (
                &self.merge.matched,
                format!("{} where true", self.pairs()),
                "matched",
            ),
            (&self.merge.new, self.new_alone(), "not matched"),
            (&self.merge.gone, alone, "not matched by the source"),
        ] {
            for (at, clause) in clauses.iter().enumerate() {
                let Action::Error(message) = &clause.action else {
                    continue;
                };
                let reached = is(&clauses[..=at], |action| *action == clause.action);
                if any(lake, &format!("select 1 from {of} and {reached} limit 1")).await? {
                    return Ok(Some(match message.is_empty() {
                        true => format!("a row is {word}, which its clauses call an error"),
                        false => format!("a row is {word}: {message}"),
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Columns that clauses name are there, and as many as those that are taken by their places.
    fn check(&self) -> Result<(), Diagnostic> {
        let all = [&self.merge.matched, &self.merge.new, &self.merge.gone];
        for clause in all.into_iter().flatten() {
            let (Action::Update(values) | Action::Insert(values)) = &clause.action else {
                continue;
            };
            let names = match values {
                Values::ByName => continue,
                Values::ByPosition if self.new.len() != self.columns.len() => {
                    let (new, held) = (self.new.len(), self.columns.len());
                    let message = format!(
                        "the merge takes columns by their places, and the query gives {new} for {held}"
                    );
                    return Err(Diagnostic::error(message));
                }
                Values::ByPosition => continue,
                Values::Written { only, except, set } => {
                    let set = set.iter().map(|(name, _)| name);
                    only.iter().flatten().chain(except).chain(set)
                }
            };
            let known: Vec<String> = self
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect();
            let mut bare = names.map(|name| name.trim_matches('"').to_owned());
            if let Some(name) = bare.find(|name| !contains(&known, name)) {
                return Err(no_column(self.relation, &name, &known));
            }
        }
        if let Some(name) = self
            .merge
            .using
            .iter()
            .find(|name| !contains(&self.new, name))
        {
            let message =
                format!("merge_on_using_columns names '{name}', which the query does not give");
            return Err(Diagnostic::error(message));
        }
        Ok(())
    }
}

/// The table, its rows numbered.
pub(crate) fn numbered(table: &str) -> String {
    format!("(select *, row_number() over () as __row from {table}) as {DEST}")
}

/// Whether a row of the table, which is [`numbered`], stands in several of the pairs.
pub(crate) async fn any_twice(lake: &Lake, pairs: &str) -> Result<bool, Diagnostic> {
    let twice = format!("select 1 from {pairs} group by {DEST}.__row having count(*) > 1 limit 1");
    any(lake, &twice).await
}

async fn any(lake: &Lake, sql: &str) -> Result<bool, Diagnostic> {
    let rows = lake.collect(sql).await?;
    Ok(rows.iter().any(|batch| batch.num_rows() > 0))
}
