//! Assessments: what people and judges say of a trace, or expect of it.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::trace_info;
use crate::{Error, Store, limits};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssessmentKind {
    Feedback,
    Expectation,
    Issue,
}

impl AssessmentKind {
    pub const ALL: &[(AssessmentKind, &str)] = &[
        (AssessmentKind::Feedback, "feedback"),
        (AssessmentKind::Expectation, "expectation"),
        (AssessmentKind::Issue, "issue"),
    ];

    /// Also the name of the field that holds its value.
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(kind, _)| *kind == self);
        known.expect("ALL lists every kind").1
    }

    pub(crate) fn parse(text: &str) -> Self {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map_or(AssessmentKind::Feedback, |(kind, _)| *kind)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// `a-` and 32 hexadecimal digits.
    pub id: String,
    pub trace_id: String,
    pub name: String,
    pub kind: AssessmentKind,
    /// JSON.
    pub value: String,
    /// No: another one overrides it.
    pub is_valid: bool,
    /// The assessment that it overrides, or empty.
    pub overrides: String,
    /// The whole in protobuf's JSON, but for its id and validity.
    pub content: String,
}

impl Store {
    /// One that overrides another makes that invalid.
    pub fn create_assessment(&self, new: &Assessment) -> Result<(), Error> {
        limits::assessment_name(&new.name)?;
        self.change(|t| {
            trace_info::known(t, &new.trace_id)?;
            if !new.overrides.is_empty() {
                find(t, &new.trace_id, &new.overrides)?;
            }
            put(t, new)
        })
    }

    pub fn assessment(&self, trace_id: &str, id: &str) -> Result<Assessment, Error> {
        self.ask(|c| {
            trace_info::known(c, trace_id)?;
            find(c, trace_id, id)
        })
    }

    /// `change` is given the assessment as it is, and changes its name, value and content.
    pub fn update_assessment(
        &self,
        trace_id: &str,
        id: &str,
        change: impl FnOnce(&mut Assessment) -> Result<(), Error>,
    ) -> Result<Assessment, Error> {
        self.change(|t| {
            trace_info::known(t, trace_id)?;
            let mut found = find(t, trace_id, id)?;
            change(&mut found)?;
            limits::assessment_name(&found.name)?;
            t.execute(
                "update assessments set name = ?2, value = ?3, content = ?4 where id = ?1",
                params![id, found.name, found.value, found.content],
            )?;
            Ok(found)
        })
    }

    /// What it overrode is valid again. One that is not there is no error, as in MLflow.
    pub fn delete_assessment(&self, trace_id: &str, id: &str) -> Result<(), Error> {
        self.change(|t| {
            trace_info::known(t, trace_id)?;
            t.execute(
                "update assessments set is_valid = 1 where id = \
                 (select overrides from assessments where id = ?1 and trace_id = ?2)",
                [id, trace_id],
            )?;
            let sql = "delete from assessments where id = ?1 and trace_id = ?2";
            t.execute(sql, [id, trace_id])?;
            Ok(())
        })
    }
}

pub(super) fn put(t: &Transaction<'_>, new: &Assessment) -> Result<(), Error> {
    t.execute(
        "update assessments set is_valid = 0 where id = ?1 and trace_id = ?2",
        [&new.overrides, &new.trace_id],
    )?;
    t.execute(
        "insert or replace into assessments values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            new.id,
            new.trace_id,
            new.name,
            new.kind.as_str(),
            new.value,
            new.is_valid,
            new.overrides,
            new.content
        ],
    )?;
    Ok(())
}

const COLUMNS: &str =
    "a.id, a.trace_id, a.name, a.kind, a.value, a.is_valid, a.overrides, a.content";

fn assessment(row: &Row<'_>) -> rusqlite::Result<Assessment> {
    Ok(Assessment {
        id: row.get(0)?,
        trace_id: row.get(1)?,
        name: row.get(2)?,
        kind: AssessmentKind::parse(&row.get::<_, String>(3)?),
        value: row.get(4)?,
        is_valid: row.get(5)?,
        overrides: row.get(6)?,
        content: row.get(7)?,
    })
}

fn find(c: &Connection, trace_id: &str, id: &str) -> Result<Assessment, Error> {
    let sql = format!("select {COLUMNS} from assessments a where id = ?1 and trace_id = ?2");
    let found = c
        .prepare_cached(&sql)?
        .query_row([id, trace_id], assessment)
        .optional()?;
    found.ok_or_else(|| {
        Error::not_found(format!(
            "trace '{trace_id}' has no assessment with id '{id}'"
        ))
    })
}

/// By row of the trace, in the order in which they came.
pub(super) fn of_traces(c: &Connection, ids: &str) -> Result<HashMap<i64, Vec<Assessment>>, Error> {
    let sql = format!(
        "select {COLUMNS}, t.rowid from json_each(?1) j join traces t on t.rowid = j.value \
         join assessments a on a.trace_id = t.id order by a.rowid"
    );
    let mut select = c.prepare_cached(&sql)?;
    let mut rows = select.query([ids])?;
    let mut found: HashMap<i64, Vec<Assessment>> = HashMap::new();
    while let Some(row) = rows.next()? {
        found.entry(row.get(8)?).or_default().push(assessment(row)?);
    }
    Ok(found)
}
