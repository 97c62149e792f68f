//! The rules of the house: imports go down only, a heavy dependency has one owner.

use crate::metadata::{self, Crate};

/// The levels, in half steps. A crate imports only crates of lower levels.
const LEVELS: &[(&str, u8)] = &[
    ("forebay-core", 0),
    ("forebay-project", 2),
    ("forebay-lake", 2),
    ("forebay-store", 2),
    ("forebay-checks", 3),
    ("forebay-import", 4),
    ("forebay-ingest", 4),
    ("forebay-transform", 4),
    ("forebay-ml", 4),
    ("forebay-runner", 6),
    ("forebay-ui", 6),
    ("forebay-server", 8),
    ("forebay", 10),
    // For tests only; it stands beside the house.
    ("forebay-testkit", 12),
    ("xtask", 12),
];

/// Dependencies that one crate alone may have.
const OWNERS: &[(&str, &str)] = &[
    ("minijinja", "forebay-project"),
    ("minijinja-contrib", "forebay-project"),
    ("serde-saphyr", "forebay-project"),
    ("datafusion", "forebay-lake"),
    ("deltalake", "forebay-lake"),
    ("object_store", "forebay-lake"),
    ("rusqlite", "forebay-store"),
    ("heed", "forebay-ml"),
    ("axum", "forebay-server"),
    ("hyper", "forebay-server"),
    ("tower", "forebay-server"),
    ("askama", "forebay-ui"),
    ("clap", "forebay"),
];

pub fn run() -> Result<(), Vec<String>> {
    let crates = metadata::crates().map_err(|error| vec![error])?;
    let problems: Vec<String> = crates.iter().flat_map(problems_of).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems),
    }
}

fn level(name: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, level)| *level)
}

fn problems_of(member: &Crate) -> Vec<String> {
    let Some(mine) = level(&member.name) else {
        return vec![format!(
            "{} has no level: enter it in xtask/src/tidy.rs",
            member.name
        )];
    };
    let mut problems = Vec::new();
    for dependency in &member.dependencies {
        if level(dependency).is_some_and(|theirs| theirs >= mine) {
            problems.push(format!(
                "{} imports {dependency}, which does not lie below it",
                member.name
            ));
        }
        let owner = OWNERS.iter().find(|(heavy, _)| heavy == dependency);
        if let Some((heavy, owner)) = owner.filter(|(_, owner)| *owner != member.name) {
            problems.push(format!(
                "{} depends on {heavy}, which belongs to {owner}",
                member.name
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, dependencies: &[&str]) -> Crate {
        Crate {
            name: name.into(),
            dependencies: dependencies.iter().map(|d| (*d).to_owned()).collect(),
        }
    }

    #[test]
    fn imports_go_down_only() {
        assert!(problems_of(&member("forebay-ml", &["forebay-lake", "serde"])).is_empty());
        assert_eq!(
            problems_of(&member("forebay-lake", &["forebay-ml"])).len(),
            1
        );
        assert_eq!(
            problems_of(&member("forebay-ml", &["forebay-ingest"])).len(),
            1,
            "siblings"
        );
    }

    #[test]
    fn a_heavy_dependency_has_one_owner() {
        assert!(problems_of(&member("forebay-lake", &["datafusion"])).is_empty());
        assert_eq!(problems_of(&member("forebay-ml", &["datafusion"])).len(), 1);
        assert_eq!(
            problems_of(&member("newcomer", &[])).len(),
            1,
            "a crate needs a level"
        );
    }
}
