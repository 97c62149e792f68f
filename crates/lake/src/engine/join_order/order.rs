//! The order of joins with the least estimated work, found by trying all of them.
//!
//! The rows of a join are the product of its sides' rows, divided by the distinct values of each key
//! that connects them (Selinger et al., "Access path selection in a relational database management
//! system", 1979). A file's statistics seldom say how many values a column has: it is taken to be the rows
//! of the smallest relation with that key, which is right wherever one of them lists each value once.

use datafusion::common::stats::Precision;

use super::group::{Group, Place, Relation, Tree};

/// All orders are tried, which takes three to the power of the number of relations.
const MOST: usize = 10;

/// The work of a row that is kept in memory, beside one that is looked up or answered.
const KEPT: f64 = 3.0;

/// Rows that fit into the processor's caches, and how much dearer looking one up becomes with more.
const NEAR: f64 = 10_000.0;
const FAR: f64 = 0.3;

/// Relations as bits.
pub(super) type Set = usize;

/// Columns that are all equal in the answer.
#[derive(Debug)]
pub(super) struct Key {
    pub places: Vec<Place>,
    relations: Set,
    distinct: f64,
}

#[derive(Debug)]
pub(super) struct Sizes {
    relations: usize,
    pub keys: Vec<Key>,
    /// Estimated rows of the join of each set of relations.
    rows: Vec<f64>,
}

impl Sizes {
    /// Nothing where there are too many relations, or where a key has two columns of one relation.
    pub(super) fn of(group: &Group) -> Option<Self> {
        let relations = group.relations.len();
        if relations > MOST {
            return None;
        }
        let mut keys = keys_of(group)?;
        keys.sort_by(|a, b| b.distinct.total_cmp(&a.distinct));
        let sets = 0..1 << relations;
        let rows = sets.map(|set| rows(group, &keys, set)).collect();
        Some(Self {
            relations,
            keys,
            rows,
        })
    }

    /// The best order and its work; nothing where some relation has no key in common with the others.
    pub(super) fn best(&self) -> Option<(Tree, f64)> {
        let sets = 1 << self.relations;
        let mut work = vec![f64::INFINITY; sets];
        let mut split = vec![0; sets];
        for set in 1..sets {
            if set.is_power_of_two() {
                work[set] = 0.0;
                continue;
            }
            for left in parts(set) {
                let right = set ^ left;
                let below = work[left] + work[right];
                if below.is_infinite() || !self.are_connected(left, right) {
                    continue;
                }
                let all = below + self.join(left, right);
                if all < work[set] {
                    (work[set], split[set]) = (all, left);
                }
            }
        }
        let whole = sets - 1;
        let found = work[whole].is_finite();
        found.then(|| (self.tree(whole, &split), work[whole]))
    }

    /// The work of joining in this order.
    pub(super) fn cost(&self, tree: &Tree) -> f64 {
        match tree {
            Tree::Relation(_) => 0.0,
            Tree::Join(left, right) => {
                self.cost(left) + self.cost(right) + self.join(set_of(left), set_of(right))
            }
        }
    }

    fn tree(&self, set: Set, split: &[Set]) -> Tree {
        if set.is_power_of_two() {
            return Tree::Relation(set.trailing_zeros() as usize);
        }
        let (left, right) = (split[set], set ^ split[set]);
        let (kept, looked_up) = match self.rows[left] <= self.rows[right] {
            true => (left, right),
            false => (right, left),
        };
        Tree::Join(
            Box::new(self.tree(kept, split)),
            Box::new(self.tree(looked_up, split)),
        )
    }

    fn join(&self, left: Set, right: Set) -> f64 {
        let kept = self.rows[left].min(self.rows[right]);
        let looked_up = self.rows[left].max(self.rows[right]);
        let far = 1.0 + FAR * (kept / NEAR).ln_1p();
        KEPT * kept + far * looked_up + self.rows[left | right]
    }

    fn are_connected(&self, left: Set, right: Set) -> bool {
        let spans = |key: &Key| key.relations & left != 0 && key.relations & right != 0;
        self.keys.iter().any(spans)
    }
}

pub(super) fn relations(places: &[Place]) -> Set {
    places.iter().fold(0, |all, of| all | 1 << of.relation)
}

/// The relations of the tree.
fn set_of(tree: &Tree) -> Set {
    match tree {
        Tree::Relation(relation) => 1 << relation,
        Tree::Join(left, right) => set_of(left) | set_of(right),
    }
}

/// The ways to part a set in two, each once.
fn parts(set: Set) -> impl Iterator<Item = Set> {
    let mut part = set;
    std::iter::from_fn(move || {
        part = (part - 1) & set;
        (part != 0).then_some(part)
    })
    .filter(move |part| *part < set ^ part)
}

/// A key that joins what other keys have joined already leaves the estimate as it is: the columns of
/// a key of several tell too much about each other.
fn rows(group: &Group, keys: &[Key], set: Set) -> f64 {
    let among = |relation: &usize| set & (1 << relation) != 0;
    let relations = (0..group.relations.len()).filter(among);
    let mut joined: Vec<Set> = relations.clone().map(|relation| 1 << relation).collect();
    let mut rows: f64 = relations.map(|at| group.relations[at].rows).product();
    for key in keys {
        let (touched, rest): (Vec<Set>, Vec<Set>) = joined
            .into_iter()
            .partition(|part| part & key.relations != 0);
        joined = rest;
        for _ in 1..touched.len() {
            rows /= key.distinct;
        }
        if !touched.is_empty() {
            joined.push(touched.into_iter().fold(0, |all, part| all | part));
        }
    }
    rows.max(1.0)
}

/// The group's keys.
fn keys_of(group: &Group) -> Option<Vec<Key>> {
    let mut keys: Vec<Vec<Place>> = Vec::new();
    for (left, right) in &group.equal {
        let (with, without): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .partition(|key| key.contains(left) || key.contains(right));
        keys = without;
        let mut key = with.concat();
        for place in [left, right] {
            if !key.contains(place) {
                key.push(*place);
            }
        }
        keys.push(key);
    }
    keys.into_iter().map(|places| key(group, places)).collect()
}

fn key(group: &Group, places: Vec<Place>) -> Option<Key> {
    let relations = relations(&places);
    if relations.count_ones() as usize != places.len() {
        return None;
    }
    let distinct = places
        .iter()
        .map(|place| distinct(&group.relations[place.relation], place.column));
    let distinct = distinct.fold(f64::INFINITY, f64::min).max(1.0);
    Some(Key {
        places,
        relations,
        distinct,
    })
}

/// At most as many values as rows, and as whole numbers between the smallest and the largest.
fn distinct(relation: &Relation, column: usize) -> f64 {
    let Some(of) = relation.statistics.column_statistics.get(column) else {
        return relation.all_rows;
    };
    let (
        Precision::Exact(low) | Precision::Inexact(low),
        Precision::Exact(high) | Precision::Inexact(high),
    ) = (&of.min_value, &of.max_value)
    else {
        return relation.all_rows;
    };
    #[expect(clippy::cast_precision_loss, reason = "sizes are estimates")]
    match high.distance(low) {
        Some(distance) => relation.all_rows.min(distance as f64 + 1.0),
        None => relation.all_rows,
    }
}
