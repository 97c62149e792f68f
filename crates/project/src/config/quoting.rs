//! `quoting:`: which parts of a relation's name are written in quotes.

use forebay_core::Relation;
use forebay_core::name::quote;
use serde_json::{Value as Json, json};

/// Of database, schema and identifier, in this order; what is not said is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quoting(pub [bool; 3]);

pub(crate) const PARTS: [&str; 3] = ["database", "schema", "identifier"];

impl Default for Quoting {
    fn default() -> Self {
        Self([true; 3])
    }
}

impl Quoting {
    /// What a mapping says goes before.
    #[must_use]
    pub fn over(self, written: &Json) -> Self {
        let mut all = self;
        // A database is called a project by some adapters.
        let project = written["project"].as_bool();
        for (part, own) in PARTS.iter().zip(&mut all.0) {
            let said = written[*part].as_bool();
            let said = said.or(project.filter(|_| *part == PARTS[0]));
            *own = said.unwrap_or(*own);
        }
        all
    }

    /// The name as SQL, of the parts that are shown.
    pub fn write(self, database: &str, relation: &Relation, shown: [bool; 3]) -> String {
        let parts = [database, &*relation.schema, &relation.name];
        let parts = parts.into_iter().zip(self.0).zip(shown);
        let parts = parts
            .filter(|(_, shown)| *shown)
            .map(|((part, quoted), _)| match quoted {
                true => quote(part),
                false => part.to_owned(),
            });
        parts.collect::<Vec<_>>().join(".")
    }

    /// Where a relation is that is written so, in a database that reads bare names in small letters.
    pub fn folded(self, relation: Relation) -> Relation {
        let Self([_, schema, name]) = self;
        let part = |part: String, quoted| match quoted {
            true => part,
            false => part.to_lowercase(),
        };
        Relation::new(part(relation.schema, schema), part(relation.name, name))
    }

    pub fn to_json(self) -> Json {
        let Self([database, schema, identifier]) = self;
        json!({"database": database, "schema": schema, "identifier": identifier, "column": null})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_source_goes_before_what_is_said_of_the_project() {
        let project = Quoting::default().over(&json!({"identifier": false, "schema": false}));
        let source = project.over(&json!({"schema": true}));
        let orders = Relation::new("raw", "Orders");
        assert_eq!(
            project.write("shop", &orders, [true; 3]),
            "\"shop\".raw.Orders"
        );
        assert_eq!(
            source.write("shop", &orders, [false, true, true]),
            "\"raw\".Orders"
        );
        assert_eq!(source.folded(orders), Relation::new("raw", "orders"));
    }
}
