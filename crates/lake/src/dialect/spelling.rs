//! Capitals of names in DuckDB's dialect: they tell no two names apart, so a query is planned in small
//! letters, and the columns of its answer get back the spelling of where they come from.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr as Planned, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Expr, ExprWithAlias, Ident, NamedWindowDefinition, ObjectName, PivotValueSource, Query,
    RenameSelectItem, Select, SelectItem, SelectItemQualifiedWildcardKind as Qualified, SetExpr,
    SetQuantifier, TableAlias, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::written_types::Words;
use super::{columns, naming, pivot_keys, pivots};
use crate::types::Dialect;

/// Names with capitals, by their small letters.
pub(crate) type Spelled = HashMap<String, String>;

/// What a query has as it was written.
#[derive(Default)]
pub(crate) struct Written {
    /// Names that stood in quotes with capitals, by their places.
    names: HashMap<Location, String>,
    words: Words,
}

/// Puts quoted names into small letters, as the engine does with all others.
pub(super) fn fold(tokens: &mut [TokenWithSpan]) -> Written {
    let mut written = Written {
        names: HashMap::new(),
        words: Words::of(tokens),
    };
    for token in tokens {
        if let Token::Word(word) = &mut token.token
            && matches!(word.quote_style, Some('"' | '`'))
            && has_capital(&word.value)
        {
            written.names.insert(token.span.start, word.value.clone());
            word.value.make_ascii_lowercase();
        }
    }
    written
}

fn has_capital(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_uppercase())
}

/// The spelling of these names.
pub(crate) fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Spelled {
    let names = names.into_iter().map(Into::into);
    let capital = names.filter(|name: &String| has_capital(name));
    capital
        .map(|name| (name.to_ascii_lowercase(), name))
        .collect()
}

/// The table with the names of its columns in small letters.
pub(crate) fn in_small_letters(table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let rows = LogicalPlanBuilder::scan("rows_", provider_as_source(table), None)?.build()?;
    let plan = renamed(rows, &|name| name.to_ascii_lowercase())?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// The plan with the names of its columns as they are spelled.
pub(crate) fn restored(plan: LogicalPlan, spelled: &Spelled) -> Result<LogicalPlan> {
    let mut fields = plan.schema().fields().iter();
    match fields.any(|field| spelled.contains_key(field.name())) {
        true => renamed(plan, &|name| {
            spelled
                .get(name)
                .cloned()
                .unwrap_or_else(|| name.to_owned())
        }),
        false => Ok(plan),
    }
}

fn renamed(plan: LogicalPlan, by: &dyn Fn(&str) -> String) -> Result<LogicalPlan> {
    let columns: Vec<Planned> = plan
        .schema()
        .iter()
        .map(|(table, field)| {
            let column = Planned::Column((table, field).into());
            column.alias_qualified(table.cloned(), by(field.name()))
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// The tables that a query reads, with the spelling of their columns.
pub(crate) type Tables<'a> = dyn Fn(&ObjectName) -> Option<&'a Spelled> + 'a;

/// How the columns of the query's answer are spelled. What it unpivots is named in the query as it is
/// spelled, for that is data.
pub(crate) fn of_query<'a>(
    query: &mut Query,
    written: &'a Written,
    tables: &'a Tables<'a>,
) -> Spelled {
    let mut speller = Speller {
        written,
        tables,
        ctes: Vec::new(),
    };
    speller.query(query)
}

struct Speller<'a> {
    written: &'a Written,
    tables: &'a Tables<'a>,
    /// The common table expressions that can be named, innermost last.
    ctes: Vec<(String, Rc<Spelled>)>,
}

/// One item of `FROM`: the name of its columns' table, and their spelling.
type Item = (String, Rc<Spelled>);

impl Speller<'_> {
    fn query(&mut self, query: &mut Query) -> Spelled {
        let outer = self.ctes.len();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            let mut spelled = self.query(&mut cte.query);
            self.rename(&mut spelled, &cte.alias);
            self.ctes.push((small(&cte.alias.name), Rc::new(spelled)));
        }
        let spelled = self.body(&mut query.body);
        self.ctes.truncate(outer);
        spelled
    }

    /// A set operation has the names of what stands first.
    fn body(&mut self, mut body: &mut SetExpr) -> Spelled {
        let mut later = Vec::new();
        while let SetExpr::SetOperation {
            left,
            right,
            set_quantifier,
            ..
        } = body
        {
            use SetQuantifier::{AllByName, ByName, DistinctByName};
            let by_name = matches!(set_quantifier, AllByName | ByName | DistinctByName);
            later.push((right, by_name));
            body = left;
        }
        let mut spelled = match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            _ => Spelled::new(),
        };
        for (body, by_name) in later.into_iter().rev() {
            let right = self.body(body);
            if by_name {
                add(&mut spelled, &right);
            }
        }
        spelled
    }

    fn select(&mut self, select: &mut Select) -> Spelled {
        let mut from = Vec::new();
        for item in &mut select.from {
            self.item(item, &mut from);
        }
        if select.projection.is_empty() {
            return all(&from);
        }
        let known = all(&from);
        if !known.is_empty() {
            let items = select.projection.iter_mut();
            items.for_each(|item| columns::tell(item, &known));
        }
        let mut spelled = Spelled::new();
        for item in &select.projection {
            self.give(item, &select.named_window, &from, &mut spelled);
        }
        spelled
    }

    fn item(&mut self, item: &mut TableWithJoins, from: &mut Vec<Item>) {
        self.factor(&mut item.relation, from);
        for join in &mut item.joins {
            self.factor(&mut join.relation, from);
        }
    }

    fn factor(&mut self, factor: &mut TableFactor, from: &mut Vec<Item>) {
        let (name, mut spelled, alias) = match factor {
            TableFactor::Table { name, alias, .. } => {
                (last(name), (*self.named(name)).clone(), alias)
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => (String::new(), self.query(subquery), alias),
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => return self.item(table_with_joins, from),
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let mut inner = Vec::new();
                self.item(table_with_joins, &mut inner);
                (String::new(), all(&inner), alias)
            }
            TableFactor::Pivot { table, alias, .. } | TableFactor::Unpivot { table, alias, .. } => {
                let mut inner = Vec::new();
                let alias = alias.clone();
                self.factor(table, &mut inner);
                let mut spelled = all(&inner);
                self.turned(factor, &mut spelled);
                from.push((
                    alias
                        .as_ref()
                        .map(|alias| small(&alias.name))
                        .unwrap_or_default(),
                    Rc::new(spelled),
                ));
                return;
            }
            TableFactor::Function { alias, .. } | TableFactor::UNNEST { alias, .. } => {
                (String::new(), Spelled::new(), alias)
            }
            _ => return,
        };
        if let Some(alias) = alias {
            self.rename(&mut spelled, alias);
        }
        let name = alias.as_ref().map_or(name, |alias| small(&alias.name));
        from.push((name, Rc::new(spelled)));
    }

    /// What a pivot or an unpivot adds to the names.
    fn turned(&self, factor: &mut TableFactor, spelled: &mut Spelled) {
        match factor {
            TableFactor::Pivot {
                value_source: PivotValueSource::List(values),
                aggregate_functions,
                ..
            } => {
                let names = pivoted(values, aggregate_functions);
                add(spelled, &of(names));
            }
            TableFactor::Unpivot {
                value,
                name,
                columns,
                ..
            } => {
                for column in columns {
                    columns::tell_call(&mut column.expr, spelled);
                    if let (Expr::Identifier(ident), None) = (&column.expr, &column.alias) {
                        let label = spelled.get(&small(ident));
                        column.alias = label.map(|label| Ident::with_quote('"', label));
                    }
                }
                self.spell(spelled, name);
                if let Expr::Identifier(value) = value {
                    self.spell(spelled, value);
                }
            }
            _ => {}
        }
    }

    fn named(&self, name: &ObjectName) -> Rc<Spelled> {
        let wanted = last(name);
        let mut ctes = self.ctes.iter().rev();
        let cte = ctes.find(|(cte, _)| name.0.len() == 1 && *cte == wanted);
        match cte {
            Some((_, spelled)) => Rc::clone(spelled),
            None => Rc::new((self.tables)(name).cloned().unwrap_or_default()),
        }
    }

    /// `AS t(A, B)`.
    fn rename(&self, spelled: &mut Spelled, alias: &TableAlias) {
        for column in &alias.columns {
            self.spell(spelled, &column.name);
        }
    }

    /// The name is spelled as it is written here, whatever it was before.
    fn spell(&self, spelled: &mut Spelled, name: &Ident) {
        let written = self
            .written
            .names
            .get(&name.span.start)
            .unwrap_or(&name.value);
        match has_capital(written) {
            true => spelled.insert(small(name), written.clone()),
            false => spelled.remove(&name.value),
        };
    }

    /// The names that an item gives to the answer.
    fn give(
        &self,
        item: &SelectItem,
        windows: &[NamedWindowDefinition],
        from: &[Item],
        spelled: &mut Spelled,
    ) {
        let column = |table: Option<&Ident>, column: &Ident| {
            let table = table.map(small);
            let mut of = from
                .iter()
                .filter(|(name, _)| table.as_ref().is_none_or(|table| table == name));
            let found = of.find_map(|(_, names)| names.get(&small(column)).cloned());
            found.map(|name| (small(column), name))
        };
        match item {
            SelectItem::ExprWithAlias { alias, .. } => self.spell(spelled, alias),
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => spelled.extend(column(None, ident)),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                if let [.., before, ident] = parts.as_slice() {
                    let is_table = from.iter().any(|(name, _)| *name == small(before));
                    match is_table {
                        true => spelled.extend(column(Some(before), ident)),
                        // A field of a structure.
                        false => self.spell(spelled, ident),
                    }
                }
            }
            SelectItem::UnnamedExpr(expr) if !naming::spreads(expr, Dialect::DuckDb) => {
                let expr = self.as_written(expr);
                let name = naming::item_name(&expr, windows, Dialect::DuckDb);
                add(spelled, &of([name.as_str()]));
            }
            SelectItem::Wildcard(options) => self.star(options, &all(from), spelled),
            SelectItem::QualifiedWildcard(Qualified::ObjectName(table), options) => {
                let table = last(table);
                let of = from.iter().filter(|(name, _)| *name == table);
                of.for_each(|(_, names)| self.star(options, names, spelled));
            }
            _ => add(spelled, &all(from)),
        }
    }

    /// The expression with the capitals of quoted names, and of types.
    fn as_written(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        let _ = expr.visit(&mut Capitals(self.written));
        expr
    }

    fn star(&self, options: &WildcardAdditionalOptions, names: &Spelled, spelled: &mut Spelled) {
        let mut names = names.clone();
        let replaced = options.opt_replace.iter().flat_map(|all| &all.items);
        replaced.for_each(|item| self.spell(&mut names, &item.column_name));
        let renamed = match &options.opt_rename {
            Some(RenameSelectItem::Single(renamed)) => std::slice::from_ref(renamed),
            Some(RenameSelectItem::Multiple(renamed)) => renamed.as_slice(),
            None => &[],
        };
        renamed
            .iter()
            .for_each(|renamed| self.spell(&mut names, &renamed.alias));
        add(spelled, &names);
    }
}

struct Capitals<'a>(&'a Written);

impl VisitorMut for Capitals<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let idents = match expr {
            Expr::Identifier(ident) => std::slice::from_mut(ident),
            Expr::CompoundIdentifier(parts) => parts.as_mut_slice(),
            other => {
                self.0.words.put_into(other);
                &mut []
            }
        };
        for ident in idents {
            if let Some(name) = self.0.names.get(&ident.span.start) {
                ident.value.clone_from(name);
            }
        }
        ControlFlow::Continue(())
    }
}

fn small(ident: &Ident) -> String {
    ident.value.to_ascii_lowercase()
}

fn last(name: &ObjectName) -> String {
    let ident = name.0.last().and_then(|part| part.as_ident());
    ident.map(small).unwrap_or_default()
}

/// Adds names; those that are there stay as they are.
fn add(spelled: &mut Spelled, more: &Spelled) {
    for (name, written) in more {
        spelled
            .entry(name.clone())
            .or_insert_with(|| written.clone());
    }
}

fn all(from: &[Item]) -> Spelled {
    let mut spelled = Spelled::new();
    from.iter().for_each(|(_, names)| add(&mut spelled, names));
    spelled
}

/// The names of a pivot's columns.
fn pivoted(values: &[ExprWithAlias], aggregates: &[ExprWithAlias]) -> Vec<String> {
    let (aggregates, _) = pivots::parted(aggregates);
    let mut names = Vec::new();
    for choice in pivot_keys::choices(values, Dialect::DuckDb) {
        names.extend(aggregates.iter().map(|aggregate| {
            pivots::column(&choice.label, aggregate, aggregates.len(), Dialect::DuckDb)
        }));
    }
    names
}
