//! A selection as a tree: criteria, united, intersected, or taken away from each other.

use forebay_core::Diagnostic;

use super::criterion::Criterion;

/// Which tests come along with the nodes that they look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indirect {
    /// One selected parent is enough.
    #[default]
    Eager,
    /// All parents must be selected.
    Cautious,
    /// All parents must be selected, or be ancestors of what is.
    Buildable,
    /// None.
    Empty,
}

impl Indirect {
    pub const ALL: [(&str, Self); 4] = [
        ("eager", Self::Eager),
        ("cautious", Self::Cautious),
        ("buildable", Self::Buildable),
        ("empty", Self::Empty),
    ];

    pub fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, indirect)| *indirect)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Spec {
    Everything,
    Criterion(Criterion),
    Group(Group),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub how: How,
    pub parts: Vec<Spec>,
    /// Whether tests join once their other parents are there too: what the command line says, or
    /// for groups of YAML selectors, eager.
    pub indirect: Option<Indirect>,
    /// The text of the command line that should match something.
    pub expected: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Union,
    Intersection,
    /// The first without the others.
    Difference,
}

impl Spec {
    pub fn group(how: How, parts: Vec<Spec>) -> Self {
        Self::Group(Group {
            how,
            parts,
            indirect: Some(Indirect::Eager),
            expected: None,
        })
    }

    /// `--select` and `--exclude`: nothing to include means everything.
    pub fn from_arguments(include: &[String], exclude: &[String]) -> Result<Self, Diagnostic> {
        let included = match include.is_empty() {
            true => Self::Everything,
            false => union(include)?,
        };
        Ok(Self::group(
            How::Difference,
            vec![included, union(exclude)?],
        ))
    }
}

/// Blanks and repeated arguments unite.
fn union(texts: &[String]) -> Result<Spec, Diagnostic> {
    let parts = texts.iter().flat_map(|text| text.split_whitespace());
    Ok(Spec::Group(Group {
        how: How::Union,
        parts: parts.map(intersection).collect::<Result<_, _>>()?,
        indirect: None,
        expected: None,
    }))
}

/// Commas intersect.
fn intersection(text: &str) -> Result<Spec, Diagnostic> {
    let parts = text.split(',').map(Criterion::parse);
    Ok(Spec::Group(Group {
        how: How::Intersection,
        parts: parts
            .map(|part| part.map(Spec::Criterion))
            .collect::<Result<_, _>>()?,
        indirect: None,
        expected: Some(text.to_owned()),
    }))
}
