//! What a value is made of: the columns that it is derived from, and those that only steer it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Edge, Kind, Subtype};

/// A column of a stored or declared table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub table: Rc<str>,
    pub column: Rc<str>,
}

/// How a value is derived from a source. Over several steps the strongest subtype stays, and the
/// source is masked if any step hides its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Derivation {
    pub subtype: Subtype,
    pub masking: bool,
}

/// Sources that steer something, each with the way it does.
pub(super) type Steering = BTreeSet<(Source, Subtype)>;

/// Where one value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub direct: BTreeMap<Source, Derivation>,
    pub indirect: Steering,
}

impl Origin {
    /// The value of a stored column, as it is.
    pub fn column(table: &Rc<str>, column: &str) -> Self {
        let source = Source {
            table: Rc::clone(table),
            column: Rc::from(column),
        };
        let identity = Derivation {
            subtype: Subtype::Identity,
            masking: false,
        };
        Self {
            direct: BTreeMap::from([(source, identity)]),
            indirect: Steering::new(),
        }
    }

    /// A value that nothing is read for, but that these sources steer.
    pub fn steered(indirect: Steering) -> Self {
        Self {
            direct: BTreeMap::new(),
            indirect,
        }
    }

    /// The value after a step of this kind.
    #[must_use]
    pub fn step(mut self, subtype: Subtype) -> Self {
        for derivation in self.direct.values_mut() {
            derivation.subtype = derivation.subtype.max(subtype);
        }
        self
    }

    /// The value after a step that hides what it was.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for derivation in self.direct.values_mut() {
            derivation.masking = true;
        }
        self
    }

    /// A value made of both. A source that reaches it unmasked by one way is not masked.
    #[must_use]
    pub fn and(mut self, other: &Origin) -> Self {
        for (source, new) in &other.direct {
            self.direct
                .entry(source.clone())
                .and_modify(|old| {
                    old.subtype = old.subtype.max(new.subtype);
                    old.masking &= new.masking;
                })
                .or_insert(*new);
        }
        self.indirect.extend(other.indirect.iter().cloned());
        self
    }

    /// The value, steered by these sources too.
    #[must_use]
    pub fn steered_by(mut self, steering: Steering) -> Self {
        self.indirect.extend(steering);
        self
    }

    /// Every source of the value, as something that steers another.
    pub fn steering(&self, subtype: Subtype) -> Steering {
        let direct = self.direct.keys();
        let indirect = self.indirect.iter().map(|(source, _)| source);
        direct
            .chain(indirect)
            .map(|source| (source.clone(), subtype))
            .collect()
    }

    /// As public edges: the direct ones first.
    pub fn edges(&self) -> Vec<Edge> {
        let direct = self.direct.iter().map(|(source, derivation)| Edge {
            table: source.table.to_string(),
            column: source.column.to_string(),
            kind: Kind::Direct,
            subtype: derivation.subtype,
            masking: derivation.masking,
        });
        direct.chain(steering_edges(&self.indirect)).collect()
    }
}

/// Steering as public edges.
pub(super) fn steering_edges(steering: &Steering) -> Vec<Edge> {
    let edge = |(source, subtype): &(Source, Subtype)| Edge {
        table: source.table.to_string(),
        column: source.column.to_string(),
        kind: Kind::Indirect,
        subtype: *subtype,
        masking: false,
    };
    steering.iter().map(edge).collect()
}

/// A named column and where its value comes from.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub origin: Rc<Origin>,
}

impl Column {
    pub fn new(name: impl Into<String>, origin: Origin) -> Self {
        Self {
            name: name.into(),
            origin: Rc::new(origin),
        }
    }

    pub fn renamed(&self, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            origin: Rc::clone(&self.origin),
        }
    }
}

/// The rows of a table, view, subquery or common table expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub columns: Vec<Column>,
    /// What decides which rows there are, and in which order.
    pub steering: Steering,
    /// Columns that decide by their own values which rows there are (DISTINCT, an unnested array).
    /// While such a column is among the outputs that shows by itself; where a later step drops it,
    /// it becomes part of `steering` ([`Table::settle`]).
    pub shaping: Steering,
    /// A stored table whose columns nobody declared: any name may be one.
    pub open: Option<Rc<str>>,
}

impl Table {
    /// Moves the shaping sources that no column shows into the steering.
    pub fn settle(&mut self) {
        let shown: BTreeSet<&Source> = self
            .columns
            .iter()
            .flat_map(|column| column.origin.direct.keys())
            .collect();
        let (kept, hidden) = std::mem::take(&mut self.shaping)
            .into_iter()
            .partition(|(source, _)| shown.contains(source));
        self.shaping = kept;
        self.steering.extend::<Steering>(hidden);
    }

    /// The outputs of a finished statement: each also says what of its own shapes the rows.
    pub fn outputs(&self) -> Vec<super::Output> {
        let output = |column: &Column| {
            let shaping = self
                .shaping
                .iter()
                .filter(|(source, _)| column.origin.direct.contains_key(source));
            let origin = Origin::clone(&column.origin).steered_by(shaping.cloned().collect());
            super::Output {
                name: column.name.clone(),
                inputs: origin.edges(),
            }
        };
        self.columns.iter().map(output).collect()
    }
}
