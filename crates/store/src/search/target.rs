//! What can be asked of a thing: its fields, how they read in SQL, the order without any other.

use super::parse::Key;
use crate::Error;

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    Text,
    /// JSON of any type, compared as its text or its number; its SQL calls it `a.value`.
    Json,
}

/// How a field is written in a filter.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One of these names, bare or after one of the target's entities.
    Attribute(&'static [&'static str]),
    /// `entity.key`, with one of these entities; the key is a parameter of the SQL.
    Pair(&'static [&'static str]),
    /// `entity.path.key`, with these entities and this path; the key is a parameter of the SQL.
    Path(&'static [&'static str], &'static str),
    /// `entity.name`, with these entities and this name.
    Member(&'static [&'static str], &'static str),
}

/// `sql` has a `{}` where the comparison stands. A pair's has one `?` before it, for the key.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub form: Form,
    pub kind: Kind,
    pub sql: &'static str,
    /// Of all that is found, some may lack it; nothing is asked of its absence in an order.
    pub nullable: bool,
    /// Of one of several: a condition with a `{}` where all such conditions of a filter stand, which
    /// must hold of the same one.
    pub one_of: Option<&'static str>,
    /// Of a pair: where its values are found by themselves.
    pub index: Option<&'static Index>,
}

/// A table of values, `d`, with an index by `experiment_id`, `key` and `value`.
#[derive(Debug)]
pub struct Index {
    pub table: &'static str,
    /// The column that says whose value it is.
    pub owner: &'static str,
    /// The condition of what the index holds.
    pub holds: &'static str,
    /// It holds every value that an order knows of.
    pub has_all: bool,
}

/// A thing that is searched. The table's alias is `t`.
pub struct Target {
    /// In the plural, for messages.
    pub what: &'static str,
    pub table: &'static str,
    /// Words that may stand before an attribute.
    pub entities: &'static [&'static str],
    pub fields: &'static [Field],
    /// Ends every order: expressions, and whether the greatest comes first. The last are unique.
    pub ties: &'static [(&'static str, bool)],
}

impl Target {
    /// The field that the key means, with the key of a pair.
    pub fn field<'k>(&self, key: &'k Key) -> Result<(&Field, Option<&'k str>), Error> {
        let is_attribute = key.entity.is_empty() || self.entities.contains(&key.entity.as_str());
        for field in self.fields {
            match field.form {
                Form::Attribute(names) if is_attribute && has(names, &key.name) => {
                    return Ok((field, None));
                }
                Form::Pair(entities) if entities.contains(&key.entity.as_str()) => {
                    return Ok((field, Some(&key.name)));
                }
                Form::Path(entities, path) if entities.contains(&key.entity.as_str()) => {
                    if let Some(key) = key.name.strip_prefix(path)
                        && !key.is_empty()
                    {
                        return Ok((field, Some(key)));
                    }
                }
                Form::Member(entities, name)
                    if entities.contains(&key.entity.as_str()) && name == key.name =>
                {
                    return Ok((field, None));
                }
                _ => {}
            }
        }
        Err(self.unknown(key))
    }

    fn unknown(&self, key: &Key) -> Error {
        let asked = match key.entity.as_str() {
            "" => key.name.clone(),
            entity => format!("{entity}.{}", key.name),
        };
        let known: Vec<String> = self.fields.iter().map(Field::written).collect();
        let message = format!(
            "{} have no '{asked}' to search by (character {}); they have {}",
            self.what,
            key.at,
            known.join(", ")
        );
        Error::misread(key.at, message)
    }
}

impl Field {
    pub const fn attribute(names: &'static [&'static str], kind: Kind, sql: &'static str) -> Self {
        Self::new(Form::Attribute(names), kind, sql)
    }

    pub const fn pair(entities: &'static [&'static str], kind: Kind, sql: &'static str) -> Self {
        Self::new(Form::Pair(entities), kind, sql).or_absent()
    }

    pub const fn path(
        entities: &'static [&'static str],
        path: &'static str,
        kind: Kind,
        sql: &'static str,
    ) -> Self {
        Self::new(Form::Path(entities, path), kind, sql).or_absent()
    }

    pub const fn member(
        entities: &'static [&'static str],
        name: &'static str,
        kind: Kind,
        sql: &'static str,
    ) -> Self {
        Self::new(Form::Member(entities, name), kind, sql).or_absent()
    }

    const fn new(form: Form, kind: Kind, sql: &'static str) -> Self {
        Self {
            form,
            kind,
            sql,
            nullable: false,
            one_of: None,
            index: None,
        }
    }

    /// Some things lack it.
    pub const fn or_absent(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    /// See [`Field::one_of`].
    pub const fn of(self, one: &'static str) -> Self {
        Self {
            one_of: Some(one),
            ..self
        }
    }

    /// See [`Field::index`].
    pub const fn indexed(self, index: &'static Index) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }

    fn written(&self) -> String {
        match self.form {
            Form::Attribute(names) => names[0].to_owned(),
            Form::Pair(entities) => format!("{}.<key>", entities[0]),
            Form::Path(entities, path) => format!("{}.{path}<key>", entities[0]),
            Form::Member(entities, name) => format!("{}.{name}", entities[0]),
        }
    }
}

fn has(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
