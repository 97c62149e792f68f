//! What becomes of a table's rows beside those of a source, as one query over both: its answer is the
//! table's new content.

use arrow::datatypes::{DataType, Field, SchemaRef};
use forebay_core::quote;

use crate::engine::sql_type;
use crate::warehouse::Declared;

/// Rows of a table, joined with those of a source. All texts are SQL.
pub(super) struct Change<'a> {
    pub table: String,
    /// The name by which the expressions know the table.
    pub alias: String,
    pub schema: SchemaRef,
    pub declared: &'a Declared,
    /// Tables as FROM joins them.
    pub source: String,
    pub on: String,
    /// The first that applies to a row decides; where none does, the row stays as it is.
    pub cases: Vec<Case>,
}

pub(super) struct Case {
    pub rows: Which,
    pub condition: Option<String>,
    pub action: Action,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Matched,
    /// Rows of the source that match no row of the table.
    OnlySource,
    /// Rows of the table that match no row of the source.
    OnlyTable,
}

/// Columns with their new values; those that are not named keep theirs, or have their default in a new row.
pub(super) enum Action {
    Update(Vec<(String, String)>),
    Insert(Vec<(String, String)>),
    Delete,
    Nothing,
}

/// Columns of the query's own.
const ROW: &str = "forebay_row";
const SOURCE: &str = "forebay_source";

impl Change<'_> {
    pub(super) fn sql(&self) -> String {
        let names = self.schema.fields().iter().map(|field| quote(field.name()));
        let names: Vec<String> = names.collect();
        let names = names.join(", ");
        let (joined, stays) = (self.joined(), self.stays());
        format!(
            "select {names} from (select *, \
             row_number() over (partition by {ROW} order by case when forebay_case > 0 then 0 else 1 end) \
             as forebay_place, \
             count(case when forebay_case > 0 then 1 end) over (partition by {ROW}) as forebay_cases \
             from ({joined}) as joined_) as counted_ where {stays}"
        )
    }

    /// Every row of the table with each row of the source that it matches, the number of the case
    /// that applies, and the columns as that case makes them.
    fn joined(&self) -> String {
        let columns = self.schema.fields().iter().map(|field| {
            let name = quote(field.name());
            let whens: Vec<String> = self
                .cases
                .iter()
                .map(|case| self.when(case, field))
                .collect();
            exactly(
                field,
                &format!("case {} else {}.{name} end", whens.join(" "), self.alias),
            )
        });
        let columns: Vec<String> = columns.collect();
        let numbers = self.cases.iter().enumerate();
        let numbers = numbers.map(|(at, case)| {
            let number = match case.action {
                Action::Nothing => 0,
                _ => at + 1,
            };
            format!("when {} then {number}", self.applies(case))
        });
        let numbers: Vec<String> = numbers.collect();
        let has = |rows| self.cases.iter().any(|case| case.rows == rows);
        let kind = if has(Which::OnlySource) {
            "full"
        } else {
            "left"
        };
        format!(
            "select {}, {ROW}, case {} else 0 end as forebay_case \
             from (select *, row_number() over () as {ROW} from {}) as {} \
             {kind} join ({} cross join (select 1 as {SOURCE}) as forebay_mark) on {}",
            columns.join(", "),
            numbers.join(" "),
            self.table,
            self.alias,
            self.source,
            self.on,
        )
    }

    fn when(&self, case: &Case, field: &Field) -> String {
        let given = match &case.action {
            Action::Update(set) | Action::Insert(set) => {
                set.iter().find(|(column, _)| column == field.name())
            }
            Action::Delete | Action::Nothing => None,
        };
        let value = match (given, &case.action) {
            (Some((_, value)), _) => typed(field, value),
            (None, Action::Insert(_)) => typed(
                field,
                self.declared.default_of(field.name()).unwrap_or("null"),
            ),
            (None, _) => format!("{}.{}", self.alias, quote(field.name())),
        };
        format!("when {} then {value}", self.applies(case))
    }

    fn applies(&self, case: &Case) -> String {
        let rows = match case.rows {
            Which::Matched => format!("{ROW} is not null and {SOURCE} is not null"),
            Which::OnlySource => format!("{ROW} is null"),
            Which::OnlyTable => format!("{SOURCE} is null"),
        };
        match &case.condition {
            Some(condition) => format!("{rows} and ({condition})"),
            None => rows,
        }
    }

    /// Each row of the table stays once, unless it is deleted; each row of the source that is
    /// inserted comes. A row of the table to which more than one case applies is an error.
    fn stays(&self) -> String {
        let which = |wanted: fn(&Action) -> bool| {
            let cases = self.cases.iter().enumerate();
            let cases = cases.filter(|(_, case)| wanted(&case.action));
            let numbers: Vec<String> = cases.map(|(at, _)| (at + 1).to_string()).collect();
            match numbers.is_empty() {
                true => "(-1)".to_owned(),
                false => format!("({})", numbers.join(", ")),
            }
        };
        let deletes = which(|action| matches!(action, Action::Delete));
        let inserts = which(|action| matches!(action, Action::Insert(_)));
        format!(
            "at_most_once({ROW}, forebay_cases) and case when {ROW} is null \
             then forebay_case in {inserts} \
             else forebay_place = 1 and forebay_case not in {deletes} end"
        )
    }
}

/// The value, as an assignment to the column casts it.
pub(super) fn typed(field: &Field, value: &str) -> String {
    match field.data_type() {
        DataType::Null => value.to_owned(),
        nested if nested.is_nested() && !matches!(nested, DataType::List(_)) => {
            exactly_as(nested, value)
        }
        plain => format!("cast({value} as {})", sql_type(plain)),
    }
}

/// The value in the column's very type, which need not have a name in SQL.
pub(super) fn exactly(field: &Field, value: &str) -> String {
    let name = quote(field.name());
    match field.data_type() {
        // Nothing is cast to it.
        DataType::Null => format!("{value} as {name}"),
        of => format!("{} as {name}", exactly_as(of, value)),
    }
}

fn exactly_as(to: &DataType, value: &str) -> String {
    let to = to.to_string().replace('\'', "''");
    format!("arrow_cast({value}, '{to}')")
}
