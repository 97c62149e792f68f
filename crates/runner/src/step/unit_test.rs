//! A unit test: its model's query over the rows that it gives, held against those that it expects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forebay_core::unit_test::{Fixture, Given, Input, Row, UnitTest};
use forebay_core::{Diagnostic, Node, NodeId, Spec, quote, suggest};
use forebay_lake::sql_type;
use forebay_project::CompileState;
use forebay_store::RunStatus;
use serde_json::{Value, json};

use super::{Context, Outcome};
use crate::cells::Cells;
use crate::compile::{compile, compile_hook};
use crate::place::placed;

/// A row as it is shown and compared.
type Shown = Vec<Option<String>>;

/// Names and SQL types, in the order of the table.
type Columns = Vec<(String, String)>;

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    test: &UnitTest,
) -> Result<Outcome, Diagnostic> {
    check_inputs(context, node, test)?;
    let mut state = CompileState {
        overrides: Arc::new(test.overrides.clone()),
        only_stand_ins: true,
        ..CompileState::default()
    };
    let mut stand_ins = BTreeMap::new();
    let read = read_by(context, &test.model);
    for (nth, given) in test.given.iter().enumerate() {
        // As in dbt, what the model does not read may be given, and need not be there.
        if let Input::Node(id) = &given.input
            && read.contains(id)
        {
            let columns = match &given.rows {
                // Which say themselves what columns they have.
                Fixture::Sql(_) => Columns::new(),
                Fixture::Dict(_) | Fixture::Csv(_) => columns_of(context, id).await?,
            };
            let sql = fixture(context, test, &given.rows, &columns, id.as_str()).await;
            let sql = sql.map_err(|problem| of_part(problem, &format!("given.{nth}")))?;
            stand_ins.insert(id.clone(), format!("({sql})"));
        }
    }
    state.stand_ins = Arc::new(stand_ins);
    if let Some(given) = test.given.iter().find(|given| given.input == Input::This) {
        state.this = Some(this(context, test, given, &state).await?);
    }
    compare(context, node, test, state).await
}

/// What the query of a model reads, ephemeral models being a part of it.
fn read_by(context: &Context<'_>, model: &NodeId) -> BTreeSet<NodeId> {
    let graph = context.workspace.graph();
    let (mut read, mut next) = (BTreeSet::new(), vec![model]);
    while let Some(node) = next.pop().and_then(|id| graph.get(id)) {
        for parent in &node.depends_on {
            let is_laid_in = graph
                .get(parent)
                .is_some_and(|node| node.relation.is_none());
            if read.insert(parent.clone()) && is_laid_in {
                next.push(parent);
            }
        }
    }
    read
}

/// The project's own rows would make the test say something else every day.
fn check_inputs(context: &Context<'_>, node: &Node, test: &UnitTest) -> Result<(), Diagnostic> {
    let given = |id: &NodeId| {
        let same = |given: &Given| matches!(&given.input, Input::Node(own) if own == id);
        test.given.iter().any(same)
    };
    let model = context.workspace.graph().get(&test.model);
    let parents = model.into_iter().flat_map(|model| &model.depends_on);
    // A foreign key makes a parent, too, which the query does not read.
    let sql = match model.map(|model| &model.spec) {
        Some(Spec::Model(model)) => model.raw_sql.as_str(),
        _ => "",
    };
    let reads = |id: &NodeId| {
        let parent = context.workspace.graph().get(id);
        parent.is_some_and(|parent| sql.contains(&parent.name))
    };
    let missing: Vec<&str> = parents
        .filter(|id| reads(id) && !given(id))
        .map(NodeId::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the unit test '{}' gives no rows for {}, which its model reads",
        node.name,
        missing.join(", ")
    );
    Err(Diagnostic::error(message).hint("an input without rows: rows: []"))
}

async fn compare(
    context: &Context<'_>,
    node: &Node,
    test: &UnitTest,
    state: CompileState,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let lake = &workspace.lake;
    let project = &workspace.project;
    let sql = compile(project, Some(lake), &test.model, state.clone()).await?;
    let query = format!("(\n{}\n)", sql.trim().trim_end_matches(';'));
    let of_model = async |problem| {
        for (id, sql) in state.stand_ins.iter() {
            if let Err(own) = lake.collect(&format!("select * from {sql} as rows")).await {
                let same = |given: &Given| matches!(&given.input, Input::Node(own) if own == id);
                let nth = test.given.iter().position(same).unwrap_or_default();
                return of_part(of_rows(node, id, &own), &format!("given.{nth}"));
            }
        }
        let placed = placed(workspace, &test.model, &state, Some(&sql), problem).await;
        placed.hint(format!("in the unit test at {}", node.location))
    };
    let all = match columns_of_query(context, &sql).await {
        Ok(all) => all,
        Err(problem) => return Err(of_model(problem).await),
    };
    let expected = fixture(context, test, &test.expect, &all, "'expect'").await;
    let expected = expected.map_err(|problem| of_part(problem, "expect"))?;
    let wanted = match &test.expect {
        Fixture::Sql(_) => {
            let own = columns_of_query(context, &expected).await?;
            own.into_iter().map(|(name, _)| name).collect()
        }
        Fixture::Dict(rows) | Fixture::Csv(rows) => named(rows, &all),
    };
    let list: Vec<String> = wanted.iter().map(|name| quote(name)).collect();
    let list = list.join(", ");
    // As in dbt, where the rows of both are one union: what each column is of both is its type.
    let is_sql = matches!(test.expect, Fixture::Sql(_));
    let shown = async |from: &str, other: &str| -> Result<Vec<Shown>, Diagnostic> {
        let mut sql = format!("select {list} from {from} as rows");
        if is_sql {
            sql += &format!(" union all select {list} from {other} as others where false");
        }
        let batches = lake.collect(&sql).await?;
        let mut rows = Cells::from_batches(&batches, usize::MAX)?.rows;
        rows.sort();
        Ok(rows)
    };
    let expected = format!("({expected})");
    let actual = match shown(&query, &expected).await {
        Ok(actual) => actual,
        Err(problem) => return Err(of_model(problem).await),
    };
    let expected = shown(&expected, &query).await?;
    Ok(verdict(&wanted, expected, actual))
}

/// The problem of some of the test's rows, or of a column of them that it names.
fn of_part(problem: Diagnostic, part: &str) -> Diagnostic {
    let column = problem
        .setting
        .as_ref()
        .map(|column| format!("{part}.{column}"));
    problem.of_setting(column.as_deref().unwrap_or(part))
}

/// Rows that do not fit their columns: the SQL that stands for them is in no file.
fn of_rows(node: &Node, id: &NodeId, problem: &Diagnostic) -> Diagnostic {
    let said = problem.message.split(" (line ").next().unwrap_or_default();
    Diagnostic::error(said)
        .at(node.location.clone())
        .hint(format!("in the rows that the unit test gives for {id}"))
}

fn verdict(columns: &[String], expected: Vec<Shown>, actual: Vec<Shown>) -> Outcome {
    let (missing, unexpected) = difference(expected, actual);
    let failures = missing.len().max(unexpected.len());
    if failures == 0 {
        return Outcome::new(RunStatus::Success, "pass", json!({"failures": 0}));
    }
    let table = table(columns, &missing, &unexpected);
    let message = format!("actual differs from expected:\n\n{table}");
    let details = json!({"failures": failures, "difference": table});
    Outcome::new(RunStatus::Fail, message, details)
}

/// What only one of two sorted lists has.
fn difference(expected: Vec<Shown>, actual: Vec<Shown>) -> (Vec<Shown>, Vec<Shown>) {
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    let mut actual = actual.into_iter().peekable();
    for row in expected {
        while let Some(more) = actual.next_if(|other| *other < row) {
            unexpected.push(more);
        }
        if actual.next_if_eq(&row).is_none() {
            missing.push(row);
        }
    }
    unexpected.extend(actual);
    (missing, unexpected)
}

/// Expected rows with a minus, those that came instead with a plus.
fn table(columns: &[String], missing: &[Shown], unexpected: &[Shown]) -> String {
    let text = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "null".to_owned());
    let signed = |sign: &str, cells: Vec<String>| {
        let sign = std::iter::once(sign.to_owned());
        sign.chain(cells).collect::<Vec<String>>()
    };
    let mut lines = vec![signed("@@", columns.to_vec())];
    for (sign, rows) in [("-", missing), ("+", unexpected)] {
        let cells = |row: &Shown| signed(sign, row.iter().map(text).collect());
        lines.extend(rows.iter().map(cells));
    }
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max();
    let widths: Vec<usize> = (0..=columns.len())
        .map(|at| width(at).unwrap_or(0))
        .collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths);
        let padded = padded.map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The query's columns that the rows name; all where there are no rows.
fn named(rows: &[Row], all: &Columns) -> Vec<String> {
    let names = |row: &Row, name: &str| row.keys().any(|key| key.eq_ignore_ascii_case(name));
    let named = all
        .iter()
        .filter(|(name, _)| rows.is_empty() || rows.iter().any(|row| names(row, name)));
    named.map(|(name, _)| name.clone()).collect()
}

/// Of the table as it is, else of the model's query: it need not have been built.
async fn columns_of(context: &Context<'_>, id: &NodeId) -> Result<Columns, Diagnostic> {
    let workspace = context.workspace;
    let relation = workspace.graph().get(id).and_then(|n| n.relation.as_ref());
    if let Some(relation) = relation
        && let Some(info) = workspace.lake.info(relation).await?
    {
        return Ok(columns(&info.schema));
    }
    let unknown = || {
        Diagnostic::error(format!(
            "the columns of {id} are not known: it has no table yet"
        ))
        .hint("build it first; it may be empty")
    };
    let state = CompileState::default();
    let compiled = compile(&workspace.project, Some(&workspace.lake), id, state).await;
    let sql = compiled.map_err(|_| unknown())?;
    columns_of_query(context, &sql).await.map_err(|_| unknown())
}

async fn columns_of_query(context: &Context<'_>, sql: &str) -> Result<Columns, Diagnostic> {
    let schema = context.workspace.lake.schema_of(sql).await?;
    Ok(columns(&schema))
}

fn columns(schema: &arrow::datatypes::Schema) -> Columns {
    let fields = schema.fields().iter();
    fields
        .map(|field| (field.name().clone(), sql_type(field.data_type())))
        .collect()
}

/// The rows of the model's own table, which has the columns of its query where it is not built yet.
async fn this(
    context: &Context<'_>,
    test: &UnitTest,
    given: &Given,
    state: &CompileState,
) -> Result<String, Diagnostic> {
    let workspace = context.workspace;
    let model = workspace.graph().get(&test.model);
    let relation = model.and_then(|model| model.relation.as_ref());
    let info = match relation {
        Some(relation) => workspace.lake.info(relation).await?,
        None => None,
    };
    let columns = match info {
        Some(info) => columns(&info.schema),
        None => {
            let mut state = state.clone();
            let overrides = Arc::make_mut(&mut state.overrides);
            let incremental = "is_incremental".to_owned();
            overrides.macros.insert(incremental, Value::Bool(false));
            let (project, lake) = (&workspace.project, &workspace.lake);
            let sql = compile(project, Some(lake), &test.model, state).await?;
            columns_of_query(context, &sql).await?
        }
    };
    let sql = fixture(context, test, &given.rows, &columns, "'this'").await;
    let nth = test
        .given
        .iter()
        .position(|other| other.input == Input::This);
    let part = format!("given.{}", nth.unwrap_or_default());
    let sql = sql.map_err(|problem| of_part(problem, &part))?;
    Ok(format!("({sql})"))
}

/// The query of the rows, with the types of the columns that they stand for.
async fn fixture(
    context: &Context<'_>,
    test: &UnitTest,
    rows: &Fixture,
    columns: &Columns,
    what: &str,
) -> Result<String, Diagnostic> {
    let workspace = context.workspace;
    match rows {
        Fixture::Dict(rows) | Fixture::Csv(rows) => rows_sql(rows, columns, what),
        Fixture::Sql(text) => {
            let hook = workspace.project.fixture(&test.model, text);
            let (project, lake) = (&workspace.project, &workspace.lake);
            let compiled = compile_hook(project, lake, &hook, CompileState::default()).await;
            compiled.map(|(sql, _)| sql.trim().trim_end_matches(';').to_owned())
        }
    }
}

fn rows_sql(rows: &[Row], columns: &Columns, what: &str) -> Result<String, Diagnostic> {
    for key in rows.iter().flat_map(Row::keys) {
        let known = columns.iter().map(|(name, _)| name.as_str());
        if !known.clone().any(|name| name.eq_ignore_ascii_case(key)) {
            let message = format!("{what} has no column '{key}'");
            let all: Vec<&str> = known.clone().collect();
            let problem = Diagnostic::error(message).of_setting(key);
            let problem = problem.maybe_hint(suggest::nearest(key, known));
            return Err(problem.hint(format!("its columns: {}", all.join(", "))));
        }
    }
    let select = |row: Option<&Row>| {
        let terms = columns.iter().map(|(name, data_type)| {
            let cell = row.and_then(|row| {
                let found = row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value)
            });
            format!(
                "cast({} as {data_type}) as {}",
                literal(cell.unwrap_or(&Value::Null)),
                quote(name)
            )
        });
        format!("select {}", terms.collect::<Vec<_>>().join(", "))
    };
    Ok(match rows.is_empty() {
        true => format!("{} where false", select(None)),
        false => {
            let all: Vec<String> = rows.iter().map(|row| select(Some(row))).collect();
            all.join(" union all ")
        }
    })
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_came_instead_is_shown() {
        let row = |cells: &[&str]| cells.iter().map(|c| Some((*c).to_owned())).collect();
        let expected = vec![row(&["1", "a"]), row(&["2", "b"]), row(&["2", "b"])];
        let actual = vec![row(&["1", "a"]), row(&["2", "b"]), row(&["3", "long"])];
        let columns = ["id".to_owned(), "name".to_owned()];
        let outcome = verdict(&columns, expected, actual);
        assert_eq!(outcome.status, RunStatus::Fail);
        let lines: Vec<&str> = outcome.message.lines().skip(2).collect();
        assert_eq!(lines, ["@@  id  name", "-   2   b", "+   3   long"]);
    }
}
