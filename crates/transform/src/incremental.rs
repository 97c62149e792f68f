//! Incremental models: which rows of the table a run's rows replace.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Schema};
use forebay_core::incremental::{
    Batch, Incremental, IncrementalStrategy, Microbatch, OnSchemaChange, Partition, Updated,
};
use forebay_core::{Diagnostic, Relation, quote, suggest};
use forebay_lake::{Input, Lake, SchemaChange, WriteMode, WriteOptions, Written};

use crate::assign;
use crate::merge::{any_twice, merge, numbered};

/// Takes the query's rows into the table that is there. `options` are those of an append.
pub async fn update(
    lake: &Lake,
    relation: &Relation,
    spec: &Incremental,
    sql: &str,
    batch: Option<Batch>,
    options: WriteOptions,
) -> Result<Written, Diagnostic> {
    if let Some(problem) = &spec.unfit {
        return Err(Diagnostic::clone(problem));
    }
    let given = lake.schema_of(sql).await?;
    let info = lake.info(relation).await?;
    let held = info.as_ref().map_or(&given, |info| &info.schema);
    let spec = &Incremental {
        unique_key: keys_of(spec, held),
        ..spec.clone()
    };
    let differing = assign::differing(lake, held, &given);
    let rows = match spec.on_schema_change {
        OnSchemaChange::Fail => {
            assign::refuse(lake, relation, &differing)?;
            sql.to_owned()
        }
        OnSchemaChange::SyncAllColumns => {
            assign::change(lake, relation, &differing).await?;
            sql.to_owned()
        }
        OnSchemaChange::Ignore | OnSchemaChange::AppendNewColumns => {
            assign::assigned(lake, &given, &differing, sql)
        }
    };
    let lacking = lacking(held, &given);
    let written = put(lake, relation, spec, &rows, &lacking, batch, options).await;
    written.map_err(|problem| assign::told(lake, relation, &differing, problem, &rows))
}

async fn put(
    lake: &Lake,
    relation: &Relation,
    spec: &Incremental,
    sql: &str,
    lacking: &[String],
    batch: Option<Batch>,
    options: WriteOptions,
) -> Result<Written, Diagnostic> {
    let keys = spec.unique_key.clone();
    let is_merge =
        spec.strategy == IncrementalStrategy::Merge && (!keys.is_empty() || spec.merge.is_some());
    if spec.on_schema_change == OnSchemaChange::Ignore && !is_merge {
        has_columns(relation, lacking)?;
    }
    // A merge leaves alone what its rows lack.
    let plain = spec.predicates.is_empty() && (!is_merge || lacking.is_empty());
    let (mode, sql) = match &spec.strategy {
        IncrementalStrategy::Merge if spec.merge.is_some() => {
            return staged(lake, relation, spec, sql, options).await;
        }
        IncrementalStrategy::Append => (WriteMode::Append, sql.to_owned()),
        // Without a key there is nothing to replace by: dbt appends, too.
        IncrementalStrategy::DeleteInsert | IncrementalStrategy::Merge if keys.is_empty() => {
            (WriteMode::Append, sql.to_owned())
        }
        IncrementalStrategy::DeleteInsert if plain && are_names(&keys) => {
            (WriteMode::DeleteInsert { keys }, sql.to_owned())
        }
        IncrementalStrategy::Merge if plain && spec.updated == Updated::All => {
            (WriteMode::Merge { keys }, sql.to_owned())
        }
        IncrementalStrategy::DeleteInsert | IncrementalStrategy::Merge => {
            return staged(lake, relation, spec, sql, options).await;
        }
        IncrementalStrategy::InsertOverwrite(partitions) => (
            partitions_mode(lake, partitions, sql).await?,
            sql.to_owned(),
        ),
        IncrementalStrategy::Microbatch(spec) => match batch {
            Some(batch) => batch_mode(lake, relation, spec, batch, sql).await?,
            None => return Err(Diagnostic::internal("a microbatch model runs in batches")),
        },
    };
    let options = WriteOptions {
        // The other modes give the same table when they are done twice.
        txns: match mode {
            WriteMode::Append => options.txns,
            _ => Vec::new(),
        },
        mode,
        ..options
    };
    lake.write(relation, Input::Sql(sql), options).await
}

/// The table's columns that the query does not give.
fn lacking(held: &Schema, given: &Schema) -> Vec<String> {
    let new = names(given);
    let held = names(held).into_iter();
    held.filter(|name| !contains(&new, name)).collect()
}

/// Where the table keeps its columns, the query must give all of them: what it no longer gives would silently be null.
fn has_columns(relation: &Relation, lacking: &[String]) -> Result<(), Diagnostic> {
    if lacking.is_empty() {
        return Ok(());
    }
    let gone: Vec<String> = lacking.iter().map(|name| format!("'{name}'")).collect();
    let message = format!(
        "the query no longer gives {} of {relation}",
        gone.join(", ")
    );
    Err(Diagnostic::error(message)
        .hint("with on_schema_change='append_new_columns' it becomes null, with 'sync_all_columns' it goes")
        .hint("or rebuild the table: --full-refresh"))
}

pub fn schema_change(change: OnSchemaChange) -> SchemaChange {
    match change {
        OnSchemaChange::Ignore => SchemaChange::Ignore,
        OnSchemaChange::Fail => SchemaChange::Fail,
        OnSchemaChange::AppendNewColumns => SchemaChange::AppendNew,
        OnSchemaChange::SyncAllColumns => SchemaChange::Sync,
    }
}

/// Puts the query's answer into a table of its own first: it is read more than once.
async fn staged(
    lake: &Lake,
    relation: &Relation,
    spec: &Incremental,
    sql: &str,
    options: WriteOptions,
) -> Result<Written, Diagnostic> {
    let stage = Relation::new(&relation.schema, format!("{}__dbt_tmp", relation.name));
    let input = Input::Sql(sql.to_owned());
    lake.write(&stage, input, WriteOptions::new(WriteMode::Overwrite))
        .await?;
    let written = match &spec.merge {
        Some(clauses) => merge(lake, relation, spec, clauses, &stage, options).await,
        None => from_stage(lake, relation, spec, &stage, options).await,
    };
    lake.drop(&stage).await?;
    written
}

async fn from_stage(
    lake: &Lake,
    relation: &Relation,
    spec: &Incremental,
    stage: &Relation,
    options: WriteOptions,
) -> Result<Written, Diagnostic> {
    let columns = |relation: Relation| async move {
        let info = lake.info(&relation).await?;
        let info = info.ok_or_else(|| Diagnostic::internal(format!("{relation} is gone")))?;
        Ok::<_, Diagnostic>(names(&info.schema))
    };
    let (table, new) = (
        columns(relation.clone()).await?,
        columns(stage.clone()).await?,
    );
    let replacing = Replacing {
        relation,
        stage,
        spec,
        table: &table,
        new: &new,
    };
    replacing.check()?;
    if replacing.is_merge() && are_names(&spec.unique_key) {
        replacing.check_once(lake).await?;
    }
    let (mode, sql) = match are_names(&spec.unique_key) {
        true => {
            let keys = spec.unique_key.clone();
            (
                WriteMode::DeleteInsert { keys },
                replacing.sql(options.schema_change),
            )
        }
        // By an expression no file is known to be untouched.
        false => (WriteMode::Overwrite, replacing.whole(options.schema_change)),
    };
    let txns = Vec::new();
    let options = WriteOptions {
        txns,
        mode,
        ..options
    };
    lake.write(relation, Input::Sql(sql), options).await
}

/// The keys as the table writes them: SQL finds a column whatever its capitals.
fn keys_of(spec: &Incremental, held: &Schema) -> Vec<String> {
    let columns = names(held);
    let same = |key: &String| {
        let is_it = columns.contains(key);
        let mut like = columns.iter().filter(|name| name.eq_ignore_ascii_case(key));
        like.next().filter(|_| !is_it).unwrap_or(key).clone()
    };
    spec.unique_key.iter().map(same).collect()
}

/// Whether the keys are columns, and not SQL such as `a || b` or `a, b`.
pub(crate) fn are_names(keys: &[String]) -> bool {
    let is_name = |key: &String| {
        let bare = key.trim_matches('"');
        bare.chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ' ')
    };
    keys.iter().all(is_name)
}

/// Keys as terms of SQL over the columns.
pub(crate) fn as_sql(keys: &[String]) -> Vec<String> {
    match are_names(keys) {
        true => keys.iter().map(|key| quote(key)).collect(),
        false => keys.to_vec(),
    }
}

pub(crate) fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|f| f.name().clone()).collect()
}

/// Some rows of a key are kept, or some columns of a row: the query that says what the rows with
/// the new rows' keys will be.
struct Replacing<'a> {
    relation: &'a Relation,
    stage: &'a Relation,
    spec: &'a Incremental,
    /// Columns of the table and of the new rows.
    table: &'a [String],
    new: &'a [String],
}

/// What a merge's predicates call the table and the new rows.
pub(crate) const DEST: &str = "DBT_INTERNAL_DEST";
pub(crate) const SOURCE: &str = "DBT_INTERNAL_SOURCE";
/// What DuckDB's predicates of delete+insert call the table, where they do not name its columns alone; PostgreSQL's call it
/// as a merge does.
const TARGET: &str = "DBT_INCREMENTAL_TARGET";

impl Replacing<'_> {
    fn is_merge(&self) -> bool {
        self.spec.strategy == IncrementalStrategy::Merge
    }

    fn sql(&self, change: SchemaChange) -> String {
        let columns = self.columns(change);
        let rows = match self.is_merge() {
            true => format!(
                "select {} from {} as {SOURCE} left join (select *, true as __is_there from {}) \
                 as {DEST} on {}",
                list(&columns, |name| self.merged(name)),
                self.stage.sql(),
                self.relation.sql(),
                self.matches(),
            ),
            false => format!(
                "select {} from {} as {SOURCE}",
                list(&columns, |name| self.taken(name)),
                self.stage.sql()
            ),
        };
        if self.spec.predicates.is_empty() {
            return rows;
        }
        format!("{rows}\nunion all\n{}", self.kept(&columns))
    }

    /// All rows that the table will have: those without a new row's key, and the new ones. The key is SQL over the
    /// columns of each.
    fn whole(&self, change: SchemaChange) -> String {
        let columns = self.columns(change);
        let dest = self.target();
        let key = as_sql(&self.spec.unique_key).join(", ");
        let mut replaced = vec![format!(
            "({key}) in (select {key} from {})",
            self.stage.sql()
        )];
        if !self.spec.predicates.is_empty() {
            replaced.push(self.predicates());
        }
        format!(
            "select {} from {} as {dest} where not coalesce({}, false)\nunion all\nselect {} from {} as {SOURCE}",
            list(&columns, |name| self.held(dest, name)),
            self.relation.sql(),
            replaced.join(" and "),
            list(&columns, |name| self.taken(name)),
            self.stage.sql(),
        )
    }

    /// What the predicates of delete+insert call the table.
    fn target(&self) -> &'static str {
        match self.predicates().to_uppercase().contains(DEST) {
            true => DEST,
            false => TARGET,
        }
    }

    /// A column of the table's rows.
    fn held(&self, of: &str, name: &str) -> String {
        match contains(self.table, name) {
            true => format!("{of}.{}", quote(name)),
            false => format!("null as {}", quote(name)),
        }
    }

    /// Rows with a new row's key that a predicate keeps.
    fn kept(&self, columns: &[&str]) -> String {
        let exists = |on: String| {
            format!(
                "exists (select 1 from {} as {SOURCE} where {on})",
                self.stage.sql()
            )
        };
        // Predicates of delete+insert name the table's columns as they are.
        let (dest, replaced) = match self.is_merge() {
            true => (DEST, exists(self.matches())),
            false => (
                self.target(),
                format!("coalesce({}, false)", self.predicates()),
            ),
        };
        format!(
            "select {} from {} as {dest} where {} and not {replaced}",
            list(columns, |name| self.held(dest, name)),
            self.relation.sql(),
            exists(self.same_key(dest)),
        )
    }

    /// As the schema change wants it: columns that a run lacks stay, are missed, or leave.
    fn columns(&self, change: SchemaChange) -> Vec<&str> {
        let new = self.new.iter().map(String::as_str);
        match change {
            SchemaChange::Fail | SchemaChange::Sync => new.collect(),
            SchemaChange::Ignore | SchemaChange::AppendNew => {
                let lacking = self.table.iter().map(String::as_str);
                new.chain(lacking.filter(|name| !contains(self.new, name)))
                    .collect()
            }
        }
    }

    /// A column of a row that is there keeps its value, be it none yet, unless the merge updates it.
    fn merged(&self, name: &str) -> String {
        let of = |rows: &str, columns: &[String]| match contains(columns, name) {
            true => format!("{rows}.{}", quote(name)),
            false => "null".to_owned(),
        };
        let (new, old) = (of(SOURCE, self.new), of(DEST, self.table));
        match self.updates(name) {
            true => format!("{new} as {}", quote(name)),
            false => format!(
                "case when {DEST}.__is_there then {old} else {new} end as {}",
                quote(name)
            ),
        }
    }

    fn taken(&self, name: &str) -> String {
        match contains(self.new, name) {
            true => format!("{SOURCE}.{}", quote(name)),
            false => format!("null as {}", quote(name)),
        }
    }

    fn updates(&self, name: &str) -> bool {
        contains(self.new, name)
            && match &self.spec.updated {
                Updated::All => true,
                Updated::Only(columns) => contains(columns, name),
                Updated::Except(columns) => !contains(columns, name),
            }
    }

    fn same_key(&self, dest: &str) -> String {
        let same = |key: &String| format!("{SOURCE}.{0} = {dest}.{0}", quote(key));
        let all: Vec<String> = self.spec.unique_key.iter().map(same).collect();
        all.join(" and ")
    }

    fn matches(&self) -> String {
        match self.spec.predicates.is_empty() {
            true => self.same_key(DEST),
            false => format!("{} and {}", self.same_key(DEST), self.predicates()),
        }
    }

    fn predicates(&self) -> String {
        let all = self.spec.predicates.iter().map(|text| format!("({text})"));
        all.collect::<Vec<_>>().join(" and ")
    }

    /// What several new rows say of one row of the table cannot all be.
    async fn check_once(&self, lake: &Lake) -> Result<(), Diagnostic> {
        let pairs = format!(
            "{} join {} as {SOURCE} on {}",
            numbered(&self.relation.sql()),
            self.stage.sql(),
            self.matches()
        );
        match any_twice(lake, &pairs).await? {
            false => Ok(()),
            true => Err(Diagnostic::error(format!(
                "a row of '{}' is matched by several new ones: which one to keep is not known",
                self.relation
            ))
            .of_setting("unique_key")
            .hint("make the key unique in the query, or add columns to unique_key")),
        }
    }

    fn check(&self) -> Result<(), Diagnostic> {
        let (Updated::Only(named) | Updated::Except(named)) = &self.spec.updated else {
            return Ok(());
        };
        let known = |name: &String| contains(self.table, name) || contains(self.new, name);
        let unknown = named.iter().find(|name| !known(name));
        unknown.map_or(Ok(()), |name| {
            Err(no_column(self.relation, name, self.table))
        })
    }
}

pub(crate) fn no_column(relation: &Relation, name: &str, known: &[String]) -> Diagnostic {
    let message = format!("the merge names the column '{name}', which '{relation}' does not have");
    let known = known.iter().map(String::as_str);
    Diagnostic::error(message).maybe_hint(suggest::nearest(name, known))
}

pub(crate) fn contains(columns: &[String], name: &str) -> bool {
    columns.iter().any(|c| c.eq_ignore_ascii_case(name))
}

fn list(names: &[&str], write: impl Fn(&str) -> String) -> String {
    let terms: Vec<String> = names.iter().map(|name| write(name)).collect();
    terms.join(", ")
}

/// The partitions that the query has rows in; all of the table where it has none.
async fn partitions_mode(
    lake: &Lake,
    partitions: &[Partition],
    sql: &str,
) -> Result<WriteMode, Diagnostic> {
    if partitions.is_empty() {
        return Ok(WriteMode::Overwrite);
    }
    let terms: Vec<String> = partitions.iter().map(partition_term).collect();
    // The line break ends a comment on the query's last line.
    let query = format!(
        "select distinct {} from (\n{}\n) as new_rows",
        terms.join(", "),
        sql.trim().trim_end_matches(';')
    );
    // A column's own value is compared as its own type: as text a table's time has a zone.
    let held: Vec<String> = partitions
        .iter()
        .zip(&terms)
        .map(|(partition, term)| match partition.granularity {
            None => quote(&partition.column),
            Some(_) => term.clone(),
        })
        .collect();
    let mut found = Vec::new();
    for batch in lake.collect(&query).await? {
        let columns = batch.columns().iter().map(|column| {
            arrow::compute::cast(column, &DataType::Utf8)
                .map_err(|error| Diagnostic::internal(format!("a partition has no text: {error}")))
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let same = held
                .iter()
                .zip(&columns)
                .map(|(term, column)| match column.is_valid(row) {
                    true => format!("{term} = {}", literal(column.as_string::<i32>().value(row))),
                    false => format!("{term} is null"),
                });
            found.push(format!("({})", same.collect::<Vec<_>>().join(" and ")));
        }
    }
    Ok(WriteMode::ReplaceWhere {
        condition: match found.is_empty() {
            true => "false".to_owned(),
            false => found.join(" or "),
        },
    })
}

/// The partition's value as text, which is the same for a table's row and for a new one.
fn partition_term(partition: &Partition) -> String {
    let column = quote(&partition.column);
    match partition.granularity {
        None => format!("cast({column} as varchar)"),
        Some(size) => format!(
            "cast(date_trunc('{}', cast({column} as timestamp)) as varchar)",
            size.as_str()
        ),
    }
}

/// The batch's rows take the place of those that the table has of its time. What else the query gives, having an input that
/// does not say when its rows happened, is of other batches.
async fn batch_mode(
    lake: &Lake,
    relation: &Relation,
    spec: &Microbatch,
    batch: Batch,
    sql: &str,
) -> Result<(WriteMode, String), Diagnostic> {
    let info = lake.info(relation).await?;
    let known = info.map_or(Vec::new(), |info| names(&info.schema));
    let column = known
        .iter()
        .find(|name| name.eq_ignore_ascii_case(&spec.event_time))
        .ok_or_else(|| {
            let message = format!(
                "'{relation}' has no column '{}', which its event_time names",
                spec.event_time
            );
            Diagnostic::error(message)
        })?;
    let condition = batch.holds(&quote(column));
    let sql = sql.trim().trim_end_matches(';');
    let rows = format!("select * from (\n{sql}\n) as batch where {condition}");
    Ok((WriteMode::ReplaceWhere { condition }, rows))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
