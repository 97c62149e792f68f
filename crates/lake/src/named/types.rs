//! Types with a name: what stands for them is laid into casts before these are planned.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, DataType, EnumMember, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Statement, Value, VisitMut,
    VisitorMut,
};
use forebay_core::{Diagnostic, suggest};
use serde::{Deserialize, Serialize};

use super::kept::Kept;
use crate::dialect::parse_type;

/// What each stands for, as SQL, by name in small letters. They have no schemas.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Known {
    types: BTreeMap<String, String>,
}

/// The types of a warehouse.
pub(crate) struct Types(Kept<Known>);

impl Types {
    pub(super) fn new(warehouse: &Path) -> Self {
        Self(Kept::new(warehouse, "types.json"))
    }

    pub(super) fn known(&self) -> Result<Arc<Known>, Diagnostic> {
        self.0.read()
    }

    /// The type without names in it.
    pub(crate) fn plain(&self, of: &DataType) -> Result<DataType, Diagnostic> {
        let mut plain = of.clone();
        self.known()?.lay_into(&mut plain)?;
        Ok(plain)
    }

    /// What `CREATE TYPE` does.
    pub(crate) fn create(
        &self,
        name: &ObjectName,
        plain: &DataType,
        or_replace: bool,
        if_not_exists: bool,
    ) -> Result<(), Diagnostic> {
        let name = last(name);
        self.0.change(
            |known| match known.types.contains_key(&name) && !or_replace {
                true if if_not_exists => Ok(()),
                true => Err(
                    Diagnostic::error(format!("the type '{name}' is there already"))
                        .hint("CREATE OR REPLACE TYPE replaces it"),
                ),
                false => {
                    known.types.insert(name, plain.to_string());
                    Ok(())
                }
            },
        )
    }

    /// What `DROP TYPE` does.
    pub(crate) fn remove(&self, name: &ObjectName, if_exists: bool) -> Result<(), Diagnostic> {
        let name = last(name);
        self.0.change(
            |known| match known.types.remove(&name).is_some() || if_exists {
                true => Ok(()),
                false => Err(
                    Diagnostic::error(format!("there is no type '{name}'")).maybe_hint(
                        suggest::nearest(&name, known.types.keys().map(String::as_str)),
                    ),
                ),
            },
        )
    }
}

fn last(name: &ObjectName) -> String {
    let ident = name.0.last().and_then(|part| part.as_ident());
    ident.map_or_else(String::new, |ident| ident.value.to_lowercase())
}

impl Known {
    /// Whether there was a name in it.
    fn lay_into(&self, data_type: &mut DataType) -> Result<bool, Diagnostic> {
        match data_type {
            DataType::Custom(name, arguments) if arguments.is_empty() => {
                let Some(sql) = self.types.get(&last(name)) else {
                    return Ok(false);
                };
                *data_type = parse_type(sql)?;
                Ok(true)
            }
            DataType::Array(
                ArrayElemTypeDef::AngleBracket(item)
                | ArrayElemTypeDef::SquareBracket(item, _)
                | ArrayElemTypeDef::Parenthesis(item),
            ) => self.lay_into(item),
            DataType::Struct(fields, _) => {
                let mut found = false;
                for field in fields {
                    found |= self.lay_into(&mut field.field_type)?;
                }
                Ok(found)
            }
            DataType::Map(key, value) => Ok(self.lay_into(key)? | self.lay_into(value)?),
            _ => Ok(false),
        }
    }
}

/// Whether there was a name of them in it.
pub(super) fn expand(statement: &mut Statement, known: &Known) -> Result<bool, Diagnostic> {
    let mut expander = Expander {
        known,
        found: false,
    };
    match statement.visit(&mut expander) {
        ControlFlow::Continue(()) => Ok(expander.found),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

struct Expander<'a> {
    known: &'a Known,
    found: bool,
}

impl Expander<'_> {
    fn cast(&mut self, expr: &mut Expr) -> Result<(), Diagnostic> {
        let Expr::Cast {
            kind,
            expr: value,
            data_type,
            ..
        } = expr
        else {
            return Ok(());
        };
        if !self.known.types.is_empty() {
            self.found |= self.known.lay_into(data_type)?;
        }
        if let DataType::Enum(members, _) = data_type {
            let is_lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
            *expr = one_of(value, members, is_lenient)?;
        }
        Ok(())
    }
}

impl VisitorMut for Expander<'_> {
    type Break = Box<Diagnostic>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match self.cast(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => ControlFlow::Break(Box::new(problem)),
        }
    }
}

/// An enum's value is a text here, which must be one of its names.
fn one_of(value: &Expr, members: &[EnumMember], is_lenient: bool) -> Result<Expr, Diagnostic> {
    let names = members.iter().map(|member| match member {
        EnumMember::Name(name) | EnumMember::NamedValue(name, _) => name.clone(),
    });
    let names: Vec<String> = names.collect();
    if !names.is_sorted() {
        return Err(Diagnostic::error(format!(
            "the values of an enum are texts here, which would not compare in the order of ENUM('{}')",
            names.join("', '")
        ))
        .hint("list them in alphabetical order where their order does not matter, or use varchar and a data test of accepted values"));
    }
    let text = |name| Expr::value(Value::SingleQuotedString(name));
    let args = std::iter::once(value.clone()).chain(names.into_iter().map(text));
    let args = args.map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    let name = match is_lenient {
        true => "one_of_or_null",
        false => "one_of",
    };
    Ok(Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }))
}
