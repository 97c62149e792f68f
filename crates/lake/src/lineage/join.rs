//! Joins: which columns they show, and what USING and NATURAL make of a common column.

use datafusion::sql::sqlparser::ast::{Ident, JoinConstraint, JoinOperator};
use forebay_core::Diagnostic;

use super::Subtype;
use super::names;
use super::operands::refused;
use super::origin::{Column, Origin};
use super::scope::{FromClause, Item};

/// Which rows a join keeps, as far as columns show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Inner and left: a merged column is the left one.
    Left,
    /// A merged column is the right one.
    Right,
    /// A merged column is either.
    Full,
    /// Semi and anti: only the left table's columns are there.
    LeftOnly,
    RightOnly,
}

/// What a join operator means, and its constraint.
pub(super) fn kind(operator: &JoinOperator) -> Result<(Kind, Option<&JoinConstraint>), Diagnostic> {
    use JoinOperator as J;
    Ok(match operator {
        J::Join(c)
        | J::Inner(c)
        | J::Left(c)
        | J::LeftOuter(c)
        | J::CrossJoin(c)
        | J::StraightJoin(c)
        | J::AsOf { constraint: c, .. } => (Kind::Left, Some(c)),
        J::Right(c) | J::RightOuter(c) => (Kind::Right, Some(c)),
        J::FullOuter(c) => (Kind::Full, Some(c)),
        J::Semi(c) | J::LeftSemi(c) | J::Anti(c) | J::LeftAnti(c) => (Kind::LeftOnly, Some(c)),
        J::RightSemi(c) | J::RightAnti(c) => (Kind::RightOnly, Some(c)),
        J::CrossApply | J::OuterApply => (Kind::Left, None),
        J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin => return Err(refused("ARRAY JOIN")),
    })
}

/// The columns that both sides have: those that NATURAL joins by.
pub(super) fn common(left: &FromClause, right: &FromClause) -> Vec<Ident> {
    let in_right = |name: &str| right.visible.iter().any(|column| column.name == name);
    let names = left.visible.iter().map(|column| column.name.as_str());
    names
        .filter(|name| in_right(name))
        .map(|name| Ident::with_quote('"', name))
        .collect()
}

/// Joins by equal columns, each of which shows once, before all others.
pub(super) fn using(
    mut left: FromClause,
    mut right: FromClause,
    columns: &[Ident],
    kind: Kind,
) -> Result<FromClause, Diagnostic> {
    let mut merged = Vec::new();
    for ident in columns {
        let one = take(&mut left, ident)?;
        let other = take(&mut right, ident)?;
        for origin in [&one.origin, &other.origin] {
            left.steering.extend(origin.steering(Subtype::Join));
        }
        merged.push(match kind {
            Kind::Left | Kind::LeftOnly => one,
            Kind::Right | Kind::RightOnly => other,
            Kind::Full => Column::new(one.name, Origin::clone(&one.origin).and(&other.origin)),
        });
    }
    left.visible.splice(0..0, merged);
    left.add(right);
    Ok(left)
}

/// Takes the column out of those that `*` shows.
fn take(from: &mut FromClause, ident: &Ident) -> Result<Column, Diagnostic> {
    let found = names::matching(&from.visible, ident);
    let Some(name) = found.first().map(|column| column.name.clone()) else {
        let open = from.items.iter().find_map(|item| item.open.clone());
        return open
            .map(|table| {
                let name = names::fold(ident);
                Column::new(name.clone(), Origin::column(&table, &name))
            })
            .ok_or_else(|| {
                Diagnostic::error(format!(
                    "USING names '{}', which a side of the join does not have{}",
                    ident.value,
                    names::place(ident)
                ))
            });
    };
    let place = from.visible.iter().position(|column| column.name == name);
    Ok(from.visible.remove(place.unwrap_or_default()))
}

/// What a semi or anti join shows: one side as it is.
pub(super) fn kept(
    kind: Kind,
    left: &FromClause,
    right: &FromClause,
) -> Option<(Vec<Item>, Vec<Column>)> {
    let side = match kind {
        Kind::LeftOnly => left,
        Kind::RightOnly => right,
        Kind::Left | Kind::Right | Kind::Full => return None,
    };
    Some((side.items.clone(), side.visible.clone()))
}
