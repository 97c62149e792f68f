//! `ROLLUP` and `CUBE` of groups of columns, as the sets that they stand for: the engine has them of single columns. And
//! `GROUP BY (a, b)`, which groups by both.

use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Select};

/// The sets of a cube double with each of its groups.
const MOST: usize = 12;

pub(super) fn rewrite(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else {
        return;
    };
    if keys.iter().any(|key| matches!(key, Expr::Tuple(_))) {
        let each = |key| match key {
            Expr::Tuple(all) => all,
            key => vec![key],
        };
        *keys = std::mem::take(keys).into_iter().flat_map(each).collect();
    }
    for key in keys {
        let sets = match key {
            Expr::Rollup(groups) if has_many(groups) => rollup(groups),
            Expr::Cube(groups) if has_many(groups) && groups.len() <= MOST => cube(groups),
            _ => continue,
        };
        *key = Expr::GroupingSets(sets);
    }
}

fn has_many(groups: &[Vec<Expr>]) -> bool {
    groups.iter().any(|group| group.len() != 1)
}

fn rollup(groups: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=groups.len())
        .rev()
        .map(|count| groups[..count].concat())
        .collect()
}

fn cube(groups: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let every = 1usize << groups.len();
    let set = |of: usize| {
        let chosen = groups.iter().enumerate();
        let chosen = chosen.filter(|(at, _)| of >> (groups.len() - 1 - at) & 1 == 1);
        chosen.flat_map(|(_, group)| group.clone()).collect()
    };
    (0..every).rev().map(set).collect()
}
