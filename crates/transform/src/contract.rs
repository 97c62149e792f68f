//! Contracts: the table has the declared columns, and its rows keep the declared constraints.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use forebay_core::contract::{Constraint, ConstraintKind};
use forebay_core::graph::Model;
use forebay_core::incremental::{Incremental, IncrementalStrategy};
use forebay_core::{Diagnostic, Location, Node, Relation, quote};
use forebay_lake::{Lake, sql_type};

use crate::incremental::as_sql;

/// The query with the contract's columns, in the contract's order; the query as it is where nothing
/// is enforced.
///
/// # Errors
/// Columns that are missing, undeclared or of another type, all of them at once.
pub async fn selected(
    lake: &Lake,
    node: &Node,
    model: &Model,
    sql: &str,
) -> Result<String, Diagnostic> {
    if !model.contract.enforced {
        return Ok(sql.to_owned());
    }
    let found = lake.schema_of(sql).await?;
    let declared = declared(lake, node).await?;
    let differing = differences(&declared, &found);
    if !differing.is_empty() {
        return Err(broken(node, &differing));
    }
    let own = |(name, wanted): &(String, Type)| {
        let same = found.fields().iter().find(|f| same_name(f.name(), name));
        same.map(|field| wanted.of(field))
    };
    let columns: Vec<String> = declared.iter().filter_map(own).collect();
    // The line break ends a comment on the query's last line.
    Ok(format!(
        "select {} from (\n{}\n) as contracted",
        columns.join(", "),
        sql.trim().trim_end_matches(';')
    ))
}

/// The declared types, in the order of the declaration, as the engine knows them.
async fn declared(lake: &Lake, node: &Node) -> Result<Declared, Diagnostic> {
    let mut declared = Declared::default();
    for column in node.columns.values() {
        let wrong = |what: &str| {
            let message = format!(
                "the contract of '{}' {what} the column '{}'",
                node.name, column.name
            );
            Diagnostic::error(message).at(column.at.as_ref().unwrap_or(&node.location).clone())
        };
        let Some(text) = &column.data_type else {
            return Err(wrong("gives no data_type for"));
        };
        let query = format!("select cast(null as {text}) as typed");
        let schema = lake.schema_of(&query).await;
        let schema =
            schema.map_err(|problem| wrong("has an unknown type for").hint(problem.message))?;
        let data_type = Type::new(text, schema.field(0).data_type());
        declared.push((column.name.clone(), data_type));
    }
    Ok(declared)
}

type Declared = Vec<(String, Type)>;

/// A type as the contract writes it, and as it is compared.
struct Type {
    written: String,
    compared: String,
    /// Bits of a whole number, where it is one.
    bits: Option<usize>,
    /// DuckDB's type of a sum of whole numbers, which the engine counts in its widest one.
    is_huge: bool,
}

impl Type {
    fn new(written: &str, data_type: &DataType) -> Self {
        let is_huge = written.eq_ignore_ascii_case("hugeint");
        let is_decimal = matches!(data_type, DataType::Decimal128(..));
        let any = is_decimal && !is_huge && !written.contains('(');
        Self {
            written: written.to_owned(),
            compared: match any {
                true => "decimal".to_owned(),
                false => compared(data_type),
            },
            bits: bits(data_type),
            is_huge,
        }
    }

    /// Whole numbers are counted in the engine's widest type, also where a database would count in a narrower one: such
    /// a column becomes what its contract says, and a number that does not fit is an error of the run.
    fn allows(&self, found: &DataType) -> bool {
        let is_any = self.compared == "decimal" && matches!(found, DataType::Decimal128(..));
        let is_sum = self.is_huge && found.is_integer();
        is_any || is_sum || self.compared == compared(found) || self.narrows(found)
    }

    fn narrows(&self, found: &DataType) -> bool {
        self.bits
            .zip(bits(found))
            .is_some_and(|(wanted, found)| wanted < found)
    }

    /// The column in the contract's type.
    fn of(&self, field: &Field) -> String {
        let name = quote(field.name());
        match self.narrows(field.data_type()) {
            true => format!("cast({name} as {}) as {name}", self.written),
            false => name,
        }
    }
}

fn bits(data_type: &DataType) -> Option<usize> {
    let signed = data_type.is_signed_integer();
    data_type
        .primitive_width()
        .filter(|_| signed)
        .map(|bytes| bytes * 8)
}

/// A table keeps every time in UTC and every text as one type.
fn compared(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(..) => "timestamp".to_owned(),
        other => sql_type(other),
    }
}

/// A column that differs: its name, its types in the query and in the contract, and what is wrong.
type Difference = [String; 4];

fn differences(declared: &Declared, found: &Schema) -> Vec<Difference> {
    let mut all: BTreeMap<String, Difference> = BTreeMap::new();
    for (name, wanted) in declared {
        let field = found.fields().iter().find(|f| same_name(f.name(), name));
        let (own, reason) = match field {
            None => (String::new(), "missing in definition"),
            Some(field) if wanted.allows(field.data_type()) => continue,
            Some(field) => (sql_type(field.data_type()), "data type mismatch"),
        };
        let row = [name.clone(), own, wanted.written.clone(), reason.to_owned()];
        all.insert(name.clone(), row);
    }
    for field in found.fields() {
        let name = field.name();
        if !declared.iter().any(|(known, _)| same_name(known, name)) {
            let own = sql_type(field.data_type());
            let reason = "missing in contract".to_owned();
            all.insert(name.clone(), [name.clone(), own, String::new(), reason]);
        }
    }
    all.into_values().collect()
}

fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn broken(node: &Node, differing: &[Difference]) -> Diagnostic {
    let head = ["column", "definition type", "contract type", "mismatch"].map(str::to_owned);
    let lines: Vec<&Difference> = std::iter::once(&head).chain(differing).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &&Difference| {
        let padded = cells.iter().zip(&widths);
        let padded = padded.map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    Diagnostic::error(format!(
        "the query of '{}' does not keep its contract:\n{}",
        node.name,
        lines.iter().map(line).collect::<Vec<_>>().join("\n")
    ))
    .at(place(node, differing))
    .hint("declare what the query gives, or cast it to what is declared: cast(.. as ..)")
}

/// The declaration that comes first of those that differ; the model, where none of them does.
fn place(node: &Node, differing: &[Difference]) -> Location {
    let differs = |name: &str| differing.iter().any(|row| same_name(&row[0], name));
    let mut declared = node.columns.values();
    let first = declared.find(|column| differs(&column.name));
    let at = first.and_then(|column| column.at.as_ref());
    at.unwrap_or(&node.location).clone()
}

/// What must hold of the rows, and how it was declared.
struct Rule {
    shown: String,
    at: Option<Location>,
    /// SQL for the number of rows of a table that break it.
    broken: Broken,
}

enum Broken {
    /// Every row must meet a condition.
    Unless(String),
    /// No two rows may have the same values in these columns.
    Repeated(Vec<String>),
}

impl Rule {
    /// SQL for the number of new rows that break it. `kept` are rows that stay in the table beside them.
    fn count(&self, new: &Relation, kept: Option<&str>) -> String {
        let new = new.sql();
        match &self.broken {
            Broken::Unless(condition) => {
                format!("(select count(*) from {new} where not ({condition}))")
            }
            // As in SQL, rows with a null are never the same.
            Broken::Repeated(columns) => {
                let known = columns.iter().map(|name| format!("{name} is not null"));
                let known = known.collect::<Vec<_>>().join(" and ");
                let columns = columns.join(", ");
                let kept =
                    kept.map(|kept| format!(" union all select {columns} from ({kept}) as kept"));
                let rows = format!("select {columns} from {new}{}", kept.unwrap_or_default());
                let repeated = format!(
                    "select count(*) as n from ({rows}) as keys where {known} group by {columns} having count(*) > 1"
                );
                format!("(select coalesce(sum(n), 0) from ({repeated}) as repeated)")
            }
        }
    }
}

/// The query of the rows that a run leaves in the table beside its own. None where it replaces spans of rows, which are
/// taken to hold all rows of a key.
pub fn kept(spec: &Incremental, table: &Relation, new: &Relation) -> Option<String> {
    use IncrementalStrategy::{Append, DeleteInsert, Merge};
    let all = format!("select * from {}", table.sql());
    match &spec.strategy {
        Append => Some(all),
        DeleteInsert | Merge if spec.unique_key.is_empty() => Some(all),
        DeleteInsert | Merge => {
            let keys = as_sql(&spec.unique_key);
            let same = keys.iter().map(|key| format!("new.{key} = old.{key}"));
            let same = same.collect::<Vec<_>>().join(" and ");
            let (old, new) = (table.sql(), new.sql());
            Some(format!(
                "select old.* from {old} as old where not exists (select 1 from {new} as new where {same})"
            ))
        }
        _ => None,
    }
}

/// What is checked of rows. A foreign key is a promise to the reader.
fn rules(node: &Node, model: &Model) -> Vec<Rule> {
    if !model.contract.enforced {
        return Vec::new();
    }
    let of_columns = node.columns.values().flat_map(|column| {
        let name = match column.quote {
            Some(true) => quote(&column.name),
            _ => column.name.clone(),
        };
        let rules = column.constraints.iter();
        rules.flat_map(move |constraint| of_constraint(constraint, std::slice::from_ref(&name)))
    });
    let of_table = model
        .contract
        .constraints
        .iter()
        .flat_map(|constraint| of_constraint(constraint, &constraint.columns));
    of_columns.chain(of_table).collect()
}

fn of_constraint(constraint: &Constraint, columns: &[String]) -> Vec<Rule> {
    let present = || {
        let present = columns.iter().map(|name| format!("{name} is not null"));
        Broken::Unless(present.collect::<Vec<_>>().join(" and "))
    };
    let repeated = || Broken::Repeated(columns.to_vec());
    // As in SQL, a check that is null is kept.
    let checked = |text: &String| Broken::Unless(format!("({text}) is not false"));
    let broken = match constraint.kind {
        ConstraintKind::NotNull => vec![present()],
        ConstraintKind::Check => constraint.expression.iter().map(checked).collect(),
        ConstraintKind::Unique if !columns.is_empty() => vec![repeated()],
        ConstraintKind::PrimaryKey if !columns.is_empty() => vec![present(), repeated()],
        _ => Vec::new(),
    };
    let kind = constraint.kind.as_str();
    let shown = match &constraint.expression {
        Some(expression) => format!("{kind} {expression}"),
        None => format!("{kind} {}", columns.join(", ")),
    };
    let rule = |broken| Rule {
        shown: shown.clone(),
        at: constraint.at.clone(),
        broken,
    };
    broken.into_iter().map(rule).collect()
}

pub fn has_rules(node: &Node, model: &Model) -> bool {
    !rules(node, model).is_empty()
}

/// Holds the rows of a table that nobody reads yet against the constraints, beside those that are kept.
pub async fn check_rows(
    lake: &Lake,
    node: &Node,
    model: &Model,
    stage: &Relation,
    kept: Option<&str>,
) -> Result<(), Diagnostic> {
    let rules = rules(node, model);
    let counts = rules.iter().enumerate();
    let counts: Vec<String> = counts
        .map(|(at, rule)| format!("cast({} as bigint) as broken_{at}", rule.count(stage, kept)))
        .collect();
    let query = format!("select {}", counts.join(", "));
    let batches = match lake.collect(&query).await {
        Ok(batches) => batches,
        Err(problem) => return Err(impossible(lake, node, &rules, stage, kept, problem).await),
    };
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() == 1) else {
        return Err(Diagnostic::internal("counting broken rules gave no row"));
    };
    let broken = rules
        .iter()
        .zip(batch.columns())
        .filter_map(|(rule, column)| {
            let rows = column.as_primitive::<Int64Type>().value(0);
            (rows > 0).then(|| (rule, format!("{rows} rows break {}", rule.shown)))
        });
    let (rules, broken): (Vec<&Rule>, Vec<String>) = broken.unzip();
    let Some(first) = rules.first() else {
        return Ok(());
    };
    Err(Diagnostic::error(format!(
        "the rows of '{}' do not keep its constraints: {}",
        node.name,
        broken.join("; ")
    ))
    .at(first.at.as_ref().unwrap_or(&node.location).clone())
    .hint("the table is as it was before"))
}

/// The problem of the constraint that is no SQL over the table; of none of them, the problem as it is.
async fn impossible(
    lake: &Lake,
    node: &Node,
    rules: &[Rule],
    stage: &Relation,
    kept: Option<&str>,
    problem: Diagnostic,
) -> Diagnostic {
    for rule in rules {
        let query = format!("select {}", rule.count(stage, kept));
        if let Err(own) = lake.schema_of(&query).await {
            let message = format!(
                "the constraint '{}' of '{}' cannot be checked: {}",
                rule.shown, node.name, own.message
            );
            let at = rule.at.as_ref().unwrap_or(&node.location);
            return Diagnostic::error(message).at(at.clone());
        }
    }
    problem
}
