//! `orders.*` of `FROM main.orders`: the engine knows the table by its whole name alone.

use datafusion::sql::sqlparser::ast::{
    ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind, TableFactor,
};

use super::folded;

pub(super) fn rewrite(select: &mut Select) {
    let Select {
        projection, from, ..
    } = select;
    let factors = from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
    });
    let names: Vec<&ObjectName> = factors.filter_map(whole_name).collect();
    for item in projection {
        let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(star), _) =
            item
        else {
            continue;
        };
        if star.0.len() == 1
            && let Some(name) = names.iter().find(|name| last(name) == last(star))
        {
            *star = ObjectName::clone(name);
        }
    }
}

/// Of a table with a schema before it and no other name behind it.
fn whole_name(factor: &TableFactor) -> Option<&ObjectName> {
    match factor {
        TableFactor::Table {
            name,
            alias: None,
            args: None,
            ..
        } => (name.0.len() > 1).then_some(name),
        _ => None,
    }
}

fn last(name: &ObjectName) -> Option<String> {
    Some(folded(name.0.last()?.as_ident()?))
}
