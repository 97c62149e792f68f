//! The columns that a `FROM` clause offers, each with the expression that means it.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, SchemaError, TableReference};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName, SelectItem, SetExpr,
    Statement, TableFactor, TableWithJoins, Value, With,
};
use forebay_core::Diagnostic;

use super::super::{Probe, folded, parse};
use super::names::Merged;
use crate::engine::from_engine;
use crate::types::Dialect;

/// One visible column.
#[derive(Clone, Debug)]
pub(in crate::dialect) struct Column {
    pub name: String,
    pub expr: Expr,
    pub merged: bool,
}

/// Learns columns by planning parts of the query.
pub(in crate::dialect) struct Columns<'a> {
    pub probe: &'a Probe<'a>,
    pub with: Option<&'a With>,
}

impl Columns<'_> {
    /// Gives the joins of the item `ON` conditions; returns its columns.
    pub(super) fn convert(
        &self,
        item: &mut TableWithJoins,
        dialect: Dialect,
    ) -> Result<Vec<Column>, Diagnostic> {
        let mut left = self.of_factor(&mut item.relation, dialect)?;
        for at in 0..item.joins.len() {
            let (before, join) = item.joins.split_at_mut(at);
            let join = &mut join[0];
            let right = match join.relation {
                TableFactor::Derived { lateral: true, .. } => {
                    self.of_lateral(&item.relation, before, &join.relation)?
                }
                _ => self.of_factor(&mut join.relation, dialect)?,
            };
            left = combine(left, right, &mut join.join_operator, dialect)?;
        }
        Ok(left)
    }

    /// The columns of what reads those before it.
    fn of_lateral(
        &self,
        first: &TableFactor,
        joins: &[Join],
        lateral: &TableFactor,
    ) -> Result<Vec<Column>, Diagnostic> {
        let mut item = TableWithJoins {
            relation: first.clone(),
            joins: joins.to_vec(),
        };
        let before = self.of(&item)?.len();
        item.joins.push(Join {
            relation: lateral.clone(),
            global: false,
            join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
        });
        Ok(self.of(&item)?.split_off(before))
    }

    fn of_factor(
        &self,
        factor: &mut TableFactor,
        dialect: Dialect,
    ) -> Result<Vec<Column>, Diagnostic> {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.convert(table_with_joins, dialect),
            other => self.of(&TableWithJoins {
                relation: other.clone(),
                joins: Vec::new(),
            }),
        }
    }

    /// The columns of the item as the engine sees them.
    pub(in crate::dialect) fn of(&self, item: &TableWithJoins) -> Result<Vec<Column>, Diagnostic> {
        let plan = (self.probe)(self.select_all(item)?).map_err(|error| {
            match error.find_root() {
                DataFusionError::SchemaError(inner, _)
                    if !matches!(**inner, SchemaError::FieldNotFound { .. }) =>
                {
                    refused(&format!(
                        "the columns of '{item}' cannot be told apart from the rest"
                    ))
                }
                // A table, a column or a function that is not there, say.
                _ => from_engine(error),
            }
        })?;
        let columns = plan.schema().iter().map(|(table, field)| Column {
            name: field.name().clone(),
            expr: reference(table, field.name()),
            merged: false,
        });
        Ok(columns.collect())
    }

    /// The fields of a structure that is a column of the items. None: no such column is one.
    pub(in crate::dialect) fn fields(
        &self,
        from: &[TableWithJoins],
        column: &str,
    ) -> Option<Vec<String>> {
        from.iter().find_map(|item| {
            let plan = (self.probe)(self.select_all(item).ok()?).ok()?;
            let mut fields = plan.schema().fields().iter();
            fields.find_map(|field| match field.data_type() {
                DataType::Struct(parts) if field.name() == column => {
                    Some(parts.iter().map(|part| part.name().clone()).collect())
                }
                _ => None,
            })
        })
    }

    /// The type of an expression over the items. None: it cannot be planned by itself.
    pub(in crate::dialect) fn type_of(
        &self,
        expr: &Expr,
        from: &[TableWithJoins],
    ) -> Option<DataType> {
        let mut statements = parse("SELECT 1", 10).ok()?;
        let Statement::Query(mut query) = statements.pop()? else {
            return None;
        };
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.from = from.to_vec();
            select.projection = vec![SelectItem::UnnamedExpr(expr.clone())];
        }
        query.with = self.with.cloned();
        let plan = (self.probe)(Statement::Query(query)).ok()?;
        let field = plan.schema().fields().first()?;
        Some(field.data_type().clone())
    }

    fn select_all(&self, item: &TableWithJoins) -> Result<Statement, Diagnostic> {
        let mut statements = parse("SELECT * FROM x", 10).unwrap_or_default();
        if let Some(Statement::Query(mut query)) = statements.pop()
            && let SetExpr::Select(select) = query.body.as_mut()
        {
            select.from = vec![item.clone()];
            query.with = self.with.cloned();
            return Ok(Statement::Query(query));
        }
        Err(Diagnostic::internal("a constant query does not parse"))
    }
}

pub(super) fn refused(reason: &str) -> Diagnostic {
    Diagnostic::error(format!("this join with USING is not supported: {reason}"))
        .hint("join with ON, and name the columns of the left or the right table")
}

fn combine(
    left: Vec<Column>,
    right: Vec<Column>,
    operator: &mut JoinOperator,
    dialect: Dialect,
) -> Result<Vec<Column>, Diagnostic> {
    use JoinOperator::{
        Anti, FullOuter, LeftAnti, LeftSemi, Right, RightAnti, RightOuter, RightSemi, Semi,
    };
    let keeps = match operator {
        Semi(_) | LeftSemi(_) | Anti(_) | LeftAnti(_) => Keeps::Left,
        RightSemi(_) | RightAnti(_) => Keeps::Right,
        _ => Keeps::Both,
    };
    let merge = match operator {
        Right(_) | RightOuter(_) => Merge::Right,
        FullOuter(_) => Merge::Both,
        _ => Merge::Left,
    };
    let Some(constraint) = constraint_of(operator) else {
        return Ok([left, right].concat());
    };
    let keys = match constraint {
        JoinConstraint::Using(names) => names.iter().map(key_name).collect::<Result<_, _>>()?,
        JoinConstraint::Natural => common(&left, &right),
        JoinConstraint::On(condition) => {
            let both = [left.clone(), right.clone()].concat();
            Merged::new(&both).replace_in(condition)?;
            return Ok(kept(left, right, keeps));
        }
        JoinConstraint::None => return Ok(kept(left, right, keeps)),
    };
    let mut merged = left.clone();
    let mut conditions = Vec::new();
    for key in &keys {
        let (of_left, of_right) = (the(&left, key, "left")?, the(&right, key, "right")?);
        let both = (left[of_left].expr.clone(), right[of_right].expr.clone());
        conditions.push(equal(both.0.clone(), both.1.clone()));
        merged[of_left].expr = match merge {
            Merge::Left => both.0,
            Merge::Right => both.1,
            Merge::Both => coalesce(both.0, both.1),
        };
        merged[of_left].merged = true;
    }
    *constraint = JoinConstraint::On(all(conditions));
    match keeps {
        Keeps::Left => Ok(left),
        Keeps::Right => Ok(right),
        Keeps::Both => {
            if dialect == Dialect::Postgres {
                let place = |column: &Column| keys.iter().position(|key| *key == column.name);
                merged.sort_by_key(|column| place(column).unwrap_or(keys.len()));
            }
            let rest = right
                .into_iter()
                .filter(|column| !keys.contains(&column.name));
            Ok(merged.into_iter().chain(rest).collect())
        }
    }
}

#[derive(Clone, Copy)]
enum Keeps {
    Left,
    Right,
    Both,
}

#[derive(Clone, Copy)]
enum Merge {
    Left,
    Right,
    Both,
}

fn kept(left: Vec<Column>, right: Vec<Column>, keeps: Keeps) -> Vec<Column> {
    match keeps {
        Keeps::Left => left,
        Keeps::Right => right,
        Keeps::Both => [left, right].concat(),
    }
}

pub(in crate::dialect) fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator::*;
    match operator {
        Join(on) | Inner(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on)
        | FullOuter(on) | Semi(on) | LeftSemi(on) | RightSemi(on) | Anti(on) | LeftAnti(on)
        | RightAnti(on) => Some(on),
        _ => None,
    }
}

pub(in crate::dialect) fn constraint_of(
    operator: &mut JoinOperator,
) -> Option<&mut JoinConstraint> {
    use JoinOperator::*;
    match operator {
        Join(on) | Inner(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on)
        | FullOuter(on) | CrossJoin(on) | Semi(on) | LeftSemi(on) | RightSemi(on) | Anti(on)
        | LeftAnti(on) | RightAnti(on) | StraightJoin(on) => Some(on),
        _ => None,
    }
}

pub(super) fn key_name(name: &ObjectName) -> Result<String, Diagnostic> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(folded),
        _ => None,
    }
    .ok_or_else(|| refused(&format!("'{name}' is not a plain column name")))
}

fn common(left: &[Column], right: &[Column]) -> Vec<String> {
    let of_right = |column: &&Column| right.iter().any(|other| other.name == column.name);
    left.iter()
        .filter(of_right)
        .map(|column| column.name.clone())
        .collect()
}

/// The place of the one column of that name.
fn the(columns: &[Column], name: &str, side: &str) -> Result<usize, Diagnostic> {
    let mut found = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.name == name);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err(Diagnostic::error(format!(
            "column '{name}' of USING is in more than one table on the {side} side of the join"
        ))),
        (None, _) => Err(Diagnostic::error(format!(
            "column '{name}' of USING is in no table on the {side} side of the join"
        ))),
    }
}

fn reference(table: Option<&TableReference>, name: &str) -> Expr {
    let mut parts: Vec<Ident> = Vec::new();
    if let Some(table) = table {
        parts.extend(table.schema().map(quoted));
        parts.push(quoted(table.table()));
    }
    let column = quoted(name);
    if parts.is_empty() {
        return Expr::Identifier(column);
    }
    parts.push(column);
    Expr::CompoundIdentifier(parts)
}

pub(in crate::dialect) fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

fn equal(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::Eq, right)
}

fn all(conditions: Vec<Expr>) -> Expr {
    let and = |left, right| binary(left, BinaryOperator::And, right);
    let none = || Expr::Value(Value::Boolean(true).into());
    conditions.into_iter().reduce(and).unwrap_or_else(none)
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

fn coalesce(left: Expr, right: Expr) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("coalesce")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument(left), argument(right)],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
