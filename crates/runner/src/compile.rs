//! Compiles a node, and looks up in the lake what its template asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use forebay_core::{Diagnostic, NodeId, Relation};
use forebay_lake::{Executed, Lake, TableInfo, TableKind};
use forebay_project::{
    Answer, Column, CompileState, Compiled, Hook, Marks, Project, Question, RelationKind, Rows,
    TextKind, When,
};
use serde_json::{Map, Number, Value};

use crate::cells::{Cells, Kind};
use crate::workspace::Workspace;

/// Rows of one answer: a template that asks for more would not be a query's text.
const MOST_ROWS: usize = 1_000_000;

/// The node's SQL. Without a lake nothing is there.
///
/// # Errors
/// Those of [`Project::compile`], and a query of its template that fails.
pub async fn compile(
    project: &Project,
    lake: Option<&Lake>,
    id: &NodeId,
    state: CompileState,
) -> Result<String, Diagnostic> {
    settle(lake, state, |state| project.compile(id, state)).await
}

/// The same for a node whose turn it is: what its template prints is heard.
pub async fn compile_aloud(
    workspace: &Workspace,
    id: &NodeId,
    state: CompileState,
) -> Result<String, Diagnostic> {
    let mut printed = Vec::new();
    let compiled = |state: &CompileState| workspace.project.compile_saying(id, state, &mut printed);
    let sql = settle(Some(&workspace.lake), state, compiled).await?;
    printed
        .into_iter()
        .for_each(|line| workspace.voice.say(line));
    Ok(sql)
}

/// The SQL of a hook, and what its template printed.
pub async fn compile_hook(
    project: &Project,
    lake: &Lake,
    hook: &Hook,
    state: CompileState,
) -> Result<(String, Vec<String>), Diagnostic> {
    let mut printed = Vec::new();
    let compiled = |state: &CompileState| project.compile_hook(hook, state, &mut printed);
    let sql = settle(Some(lake), state, compiled).await?;
    Ok((sql, printed))
}

/// The same before anything runs: None where the template asks for what a step or a hook of this very run may
/// make (rows, columns, the table of another node, what is in `graph`), and where it fails: that is the node's own
/// result, when its turn comes.
pub async fn compile_ahead(
    workspace: &Workspace,
    id: &NodeId,
    state: CompileState,
) -> Option<String> {
    let may_be_made = |question: &Question| match question {
        Question::Relation(relation) => {
            let made_by = workspace.graph().by_relation(relation);
            made_by.is_some_and(|node| node.id != *id)
        }
        _ => true,
    };
    let hooks = workspace.project.run_hooks(When::Before, &Map::new());
    let mut state = CompileState {
        ahead_of_hooks: !hooks.is_empty(),
        ..state
    };
    loop {
        let mut printed = Vec::new();
        let compiled = workspace.project.compile_saying(id, &state, &mut printed);
        match compiled.ok()? {
            Compiled::Sql(sql) => {
                printed
                    .into_iter()
                    .for_each(|line| workspace.voice.say(line));
                return Some(sql);
            }
            Compiled::Asks(question) if may_be_made(&question) => return None,
            Compiled::Asks(question) => {
                let answer = answer(&workspace.lake, &question).await.ok()?;
                state.answer(question, answer);
            }
        }
    }
}

/// Compiles again after every answer, until nothing more is asked.
async fn settle(
    lake: Option<&Lake>,
    mut state: CompileState,
    mut compiled: impl FnMut(&CompileState) -> Result<Compiled, Diagnostic>,
) -> Result<String, Diagnostic> {
    loop {
        let question = match compiled(&state)? {
            Compiled::Sql(sql) => return Ok(sql),
            Compiled::Asks(question) => question,
        };
        let answer = match lake {
            Some(lake) => answer(lake, &question).await,
            None => nothing(&question),
        };
        match answer {
            Ok(answer) => state.answer(question, answer),
            Err(problem) => return Err(where_asked(state, question, problem, compiled)),
        }
    }
}

/// The problem of an answer, at the place of the template that asks for it.
fn where_asked(
    state: CompileState,
    question: Question,
    problem: Diagnostic,
    mut compiled: impl FnMut(&CompileState) -> Result<Compiled, Diagnostic>,
) -> Diagnostic {
    let refused = Some(Arc::new((question, problem.clone())));
    for marks in [Marks::All, Marks::None] {
        let state = CompileState {
            marks,
            refused: refused.clone(),
            ..state.clone()
        };
        if let Err(placed) = compiled(&state)
            && problem.message.starts_with(&placed.message)
        {
            return placed;
        }
    }
    problem
}

fn nothing(question: &Question) -> Result<Answer, Diagnostic> {
    Ok(match question {
        Question::Relation(_) => Answer::Relation(None),
        Question::Columns(_) => Answer::Columns(Vec::new()),
        Question::Relations => Answer::Relations(Vec::new()),
        Question::QueryColumns(_) => Answer::Columns(Vec::new()),
        Question::Rows(sql) => {
            return Err(
                Diagnostic::error("the template asks for rows, before any are there")
                    .hint(format!("its query: {}", shortened(sql))),
            );
        }
    })
}

pub(crate) async fn answer(lake: &Lake, question: &Question) -> Result<Answer, Diagnostic> {
    Ok(match question {
        Question::Relation(relation) => {
            let info = lake.info(relation).await?;
            Answer::Relation(info.map(|info| kind(&info)))
        }
        Question::Columns(relation) => {
            let info = lake.info(relation).await?;
            Answer::Columns(info.map_or(Vec::new(), |info| columns(lake, &info.schema)))
        }
        Question::QueryColumns(sql) => {
            let schema = lake.schema_of(sql).await?;
            Answer::Columns(columns(lake, &schema))
        }
        Question::Relations => {
            let mut all: Vec<(Relation, RelationKind)> = Vec::new();
            for relation in lake.relations().await? {
                if let Some(info) = lake.info(&relation).await? {
                    all.push((relation, kind(&info)));
                }
            }
            Answer::Relations(all)
        }
        Question::Rows(sql) => Answer::Rows(asked_rows(lake, sql).await.map_err(|problem| {
            problem.hint(format!("in what a template runs: {}", shortened(sql)))
        })?),
    })
}

/// A template may also change tables; what has no rows to give has an empty answer.
async fn asked_rows(lake: &Lake, sql: &str) -> Result<Rows, Diagnostic> {
    let Executed::Rows(schema, batches) = lake.execute(sql).await? else {
        return Ok(Rows::default());
    };
    let found: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    if found > MOST_ROWS {
        let message = format!("a template asks for {found} rows; it may have {MOST_ROWS}");
        return Err(Diagnostic::error(message));
    }
    let cells = match batches.is_empty() {
        true => Cells::headed(&schema),
        false => Cells::from_batches(&batches, MOST_ROWS)?,
    };
    Ok(Rows {
        kinds: kinds(&schema),
        ..rows(cells)
    })
}

fn kind(info: &TableInfo) -> RelationKind {
    match info.kind {
        TableKind::Table => RelationKind::Table,
        TableKind::View => RelationKind::View,
    }
}

fn columns(lake: &Lake, schema: &arrow::datatypes::Schema) -> Vec<Column> {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| Column {
        name: field.name().clone(),
        data_type: lake.type_name(field.data_type()),
    };
    schema.fields().iter().map(column).collect()
}

fn kinds(schema: &arrow::datatypes::Schema) -> BTreeMap<usize, TextKind> {
    let fields = schema.fields().iter().enumerate();
    let kind = |(at, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
        let kind = match field.data_type() {
            DataType::Date32 | DataType::Date64 => TextKind::Date,
            DataType::Timestamp(_, None) => TextKind::WithoutZone,
            DataType::Timestamp(_, Some(_)) => TextKind::WithZone,
            DataType::Decimal128(_, 0) | DataType::UInt64 => TextKind::Whole,
            of if of.is_nested() => TextKind::Json,
            _ => return None,
        };
        Some((at, kind))
    };
    fields.filter_map(kind).collect()
}

fn rows(cells: Cells) -> Rows {
    let value = |(at, cell): (usize, Option<String>)| match cell {
        None => Value::Null,
        Some(text) => match cells.kinds[at] {
            Kind::Truth => Value::Bool(text == "true"),
            Kind::Number => number(&text),
            Kind::Text | Kind::Nested => Value::String(text),
        },
    };
    Rows {
        rows: cells
            .rows
            .into_iter()
            .map(|row| row.into_iter().enumerate().map(value).collect())
            .collect(),
        columns: cells.columns,
        kinds: BTreeMap::new(),
    }
}

/// A whole number keeps its digits, as a text where it is a wide one; any other is a float.
fn number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    if text.parse::<i128>().is_ok() {
        return Value::from(text);
    }
    let float = text.parse::<f64>().ok().and_then(Number::from_f64);
    float.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn shortened(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
