//! Databases that nodes name besides the one that there is.

use forebay_core::{Diagnostic, Node, ResourceType};

use crate::link::{is_filled, words};
use crate::nodes::Detail;
use crate::{Project, jinja};

/// What a node's settings say of its database, and in which of them.
pub(crate) fn named<'a>(node: &Node, detail: &'a Detail) -> Option<(&'static str, &'a str)> {
    let keys: &[&'static str] = match node.resource_type() {
        ResourceType::Model | ResourceType::Seed => &["database"],
        ResourceType::Snapshot => &["target_database", "database"],
        _ => return None,
    };
    let mut said = keys
        .iter()
        .filter_map(|key| Some((*key, detail.config.get(*key)?.as_str()?.trim())));
    said.next().filter(|(_, name)| !name.is_empty())
}

impl Project {
    /// What keeps a node of another database from running, and with it everything else.
    pub fn elsewhere(&self, node: &Node) -> Option<Diagnostic> {
        let detail = self.details.get(&node.id)?;
        let (key, name) = named(node, detail)?;
        if node.relation.is_none() || name.eq_ignore_ascii_case(self.database()) {
            return None;
        }
        let place = detail.places.get(key).filter(|at| at.line > 0);
        let problem = self
            .not_attached(node, key, name)
            .or_else(|| self.shared_table(node, name))?;
        Some(problem.at(place.unwrap_or(&node.location).clone()))
    }

    /// As in dbt, a database that DuckDB does not have is an error. The project's own rule for databases may say otherwise.
    fn not_attached(&self, node: &Node, key: &str, name: &str) -> Option<Diagnostic> {
        let target = &self.shared.target;
        let is_own = |name: &str| {
            let mut named = self.shared.macros.named(name);
            named.any(|found| found.package != jinja::BUILTIN)
        };
        let rules = [
            "generate_database_name",
            "default__generate_database_name",
            "duckdb__generate_database_name",
        ];
        if target.kind != "duckdb" || rules.into_iter().any(is_own) || target.has_database(name) {
            return None;
        }
        let what = format!("{} '{}'", node.resource_type(), node.name);
        let problem = Diagnostic::error(format!("the database '{name}' of {what} is not attached"));
        let hint = format!("take '{key}' away, or name it under attach: in profiles.yml");
        Some(problem.hint(hint))
    }

    /// Two nodes of two databases can have one table's name; where there is one database they cannot both run.
    fn shared_table(&self, node: &Node, database: &str) -> Option<Diagnostic> {
        let others = self.graph.nodes.values();
        let mut twins = others.filter(|other| {
            other.relation == node.relation && other.id != node.id && is_filled(other)
        });
        let twin = twins.next()?;
        let problem = Diagnostic::error(format!(
            "{} '{}' of database '{database}' and {} '{}' both fill the table {}, as there is only one database here",
            words(node.resource_type()),
            node.name,
            words(twin.resource_type()),
            twin.name,
            node.relation.as_ref()?,
        ));
        Some(problem.hint("give one of them another schema or alias"))
    }
}
