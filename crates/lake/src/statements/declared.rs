//! What `CREATE TABLE` and `ALTER TABLE` declare of columns: defaults, `NOT NULL` and keys.

use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, ColumnDef, ColumnOption, CreateTable, Expr, Ident, IndexColumn,
    TableConstraint, Values,
};
use forebay_core::{Diagnostic, Relation, quote};

use super::known;
use crate::Lake;
use crate::dialect::spelled;
use crate::types::Dialect;
use crate::warehouse::{Declared, Stored};

/// What the table's own columns and constraints declare.
pub(super) fn of(create: &CreateTable, dialect: Dialect) -> Result<Declared, Diagnostic> {
    let mut declared = Declared::default();
    for column in &create.columns {
        add_column(&mut declared, column, dialect)?;
    }
    for constraint in &create.constraints {
        let (columns, is_primary) = match constraint {
            TableConstraint::PrimaryKey(key) => (&key.columns, true),
            TableConstraint::Unique(key) => (&key.columns, false),
            _ => continue,
        };
        let names = named(columns)?;
        let names = names.iter().map(|name| spelled(name, dialect)).collect();
        add_key(&mut declared, names, is_primary);
    }
    Ok(declared)
}

pub(super) fn add_column(
    declared: &mut Declared,
    column: &ColumnDef,
    dialect: Dialect,
) -> Result<(), Diagnostic> {
    let name = spelled(&column.name, dialect);
    for option in &column.options {
        match &option.option {
            ColumnOption::Default(value) => set_default(declared, &name, value),
            ColumnOption::NotNull => declared.change(&name, |column| column.required = true),
            ColumnOption::PrimaryKey(_) => add_key(declared, vec![name.clone()], true),
            ColumnOption::Unique(_) => add_key(declared, vec![name.clone()], false),
            ColumnOption::Generated { .. } | ColumnOption::Identity(_) => {
                return Err(Diagnostic::error(format!(
                    "column '{name}' is computed by the table, which tables here do not do"
                ))
                .hint("leave it out, and give the value in each INSERT"));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn change_column(declared: &mut Declared, name: &str, change: &AlterColumnOperation) {
    match change {
        AlterColumnOperation::SetDefault { value } => set_default(declared, name, value),
        AlterColumnOperation::DropDefault => declared.change(name, |column| column.default = None),
        AlterColumnOperation::SetNotNull => declared.change(name, |column| column.required = true),
        AlterColumnOperation::DropNotNull => {
            declared.change(name, |column| column.required = false)
        }
        _ => {}
    }
}

fn set_default(declared: &mut Declared, name: &str, value: &Expr) {
    let value = value.to_string();
    let value = Some(value).filter(|value| !value.eq_ignore_ascii_case("null"));
    declared.change(name, |column| column.default = value);
}

fn add_key(declared: &mut Declared, names: Vec<String>, is_primary: bool) {
    if is_primary {
        for name in &names {
            declared.change(name, |column| column.required = true);
        }
    }
    declared.keys.push(names);
}

fn named(columns: &[IndexColumn]) -> Result<Vec<Ident>, Diagnostic> {
    let name = |column: &IndexColumn| match &column.column.expr {
        Expr::Identifier(name) => Ok(name.clone()),
        other => Err(Diagnostic::error(format!(
            "a key is made of columns, and '{other}' is none"
        ))),
    };
    columns.iter().map(name).collect()
}

/// `DEFAULT` in the place of a value, as what is declared of the column there.
pub(super) fn fill(values: &mut Values, columns: &[String], declared: &Declared) {
    for row in &mut values.rows {
        for (value, column) in row.content.iter_mut().zip(columns) {
            if is_default(value) {
                *value =
                    Expr::Identifier(Ident::new(declared.default_of(column).unwrap_or("null")));
            }
        }
    }
}

pub(super) fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(name)
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"))
}

impl Lake {
    pub(super) async fn declared(&self, table: &Relation) -> Result<Declared, Diagnostic> {
        match self.warehouse().lookup(table).await? {
            Some(Stored::Table(table)) => table.declared(),
            _ => Ok(Declared::default()),
        }
    }

    /// A constraint that the rows of a table have to meet from now on.
    pub(super) async fn constrain(
        &self,
        declared: &mut Declared,
        table: &Relation,
        constraint: &TableConstraint,
    ) -> Result<(), Diagnostic> {
        let (columns, is_primary) = match constraint {
            TableConstraint::PrimaryKey(key) => (&key.columns, true),
            TableConstraint::Unique(key) => (&key.columns, false),
            other => {
                return Err(Diagnostic::error(format!(
                    "ALTER TABLE ... ADD {other} is not understood"
                ))
                .hint("a data test of the model checks its rows"));
            }
        };
        let schema = self.schema(table).await?;
        let columns = named(columns)?;
        let names = columns.iter().map(|name| known(&schema, table, name));
        let names: Vec<String> = names.collect::<Result<_, _>>()?;
        self.check_key(table, &names, &table.sql()).await?;
        add_key(declared, names, is_primary);
        Ok(())
    }

    /// Refuses rows that have a key twice. A key with a null is like no other.
    pub(super) async fn check_key(
        &self,
        table: &Relation,
        key: &[String],
        rows: &str,
    ) -> Result<(), Diagnostic> {
        let columns: Vec<String> = key.iter().map(|name| quote(name)).collect();
        let columns = columns.join(", ");
        let present = columns.replace(", ", " is not null and ");
        let twice = format!(
            "select {columns} from {rows} where {present} is not null \
             group by {columns} having count(*) > 1 limit 1"
        );
        let found = self.collect(&twice).await?;
        match found.iter().all(|batch| batch.num_rows() == 0) {
            true => Ok(()),
            false => Err(Diagnostic::error(format!(
                "two rows of '{table}' would have the same key ({})",
                key.join(", ")
            ))
            .hint("the key is declared as PRIMARY KEY or UNIQUE; ON CONFLICT says what becomes of such rows")),
        }
    }
}
