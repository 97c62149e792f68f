//! `RIGHT` and `FULL JOIN ... USING` and their natural forms.
//!
//! The engine takes the left table's column for the merged one, which is null where only the right
//! table has a row. Here such a query is rewritten before it is planned: the joins get an `ON`
//! condition, the merged column becomes the right table's column or `coalesce(left, right)` wherever
//! it is named, and `*` is spelled out, with the merged column at the left one's place.

mod names;
mod scope;
mod select;

use datafusion::sql::sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, Query, Select, TableFactor, TableWithJoins,
};
use forebay_core::Diagnostic;

use super::{Probe, scopes};

pub(super) use scope::Columns;

pub(super) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> Result<(), Diagnostic> {
    let has = |select: &Select| select.from.iter().any(is_affected);
    scopes::each_select(query, probe, &has, &select::rewrite)
}

fn is_affected(item: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => is_affected(table_with_joins),
        _ => false,
    };
    nested(&item.relation)
        || item
            .joins
            .iter()
            .any(|join| is_wrong(join) || nested(&join.relation))
}

/// A natural left join is here too: without common columns the engine makes a cross join of it, and
/// so drops the left rows where the right table is empty.
fn is_wrong(join: &Join) -> bool {
    use JoinConstraint::{Natural, Using};
    use JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
    match &join.join_operator {
        FullOuter(on) | Right(on) | RightOuter(on) => matches!(on, Using(_) | Natural),
        Left(on) | LeftOuter(on) => matches!(on, Natural),
        _ => false,
    }
}
