//! `VALUES` that stand alone, or in `WITH`: to DuckDB their columns are `col0` and so on.

use datafusion::sql::sqlparser::ast::{Query, SetExpr, Statement, TableFactor};

use super::syntax::parse_small;

pub(super) fn rewrite(query: &mut Query) {
    let with = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
    with.for_each(|cte| rewrite(&mut cte.query));
    let SetExpr::Values(values) = query.body.as_ref() else {
        return;
    };
    let count = values.rows.first().map_or(0, |row| row.content.len());
    let columns: Vec<String> = (0..count).map(|at| format!("col{at}")).collect();
    let around = format!(
        "select * from (select 1) as valueslist({})",
        columns.join(", ")
    );
    let Ok((mut statements, _)) = parse_small(&around, 50) else {
        return;
    };
    let Some(Statement::Query(mut around)) = statements.pop() else {
        return;
    };
    if let SetExpr::Select(select) = around.body.as_mut()
        && let Some(TableFactor::Derived { subquery, .. }) =
            select.from.first_mut().map(|from| &mut from.relation)
    {
        std::mem::swap(&mut subquery.body, &mut query.body);
        query.body = around.body;
    }
}
