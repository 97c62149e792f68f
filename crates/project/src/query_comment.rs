//! `query-comment:`: what is said beside a statement. Nothing but the log shows it, as no statement goes to a
//! server.

use std::borrow::Cow;
use std::sync::Arc;

use forebay_core::{Diagnostic, Location, NodeId};
use serde_json::{Map, Value as Json, json};

use crate::jinja::NodeScope;
use crate::yaml::{Fields, Yaml};
use crate::{CompileState, Compiled, Project};

/// As it is written.
#[derive(Debug, Default)]
pub(crate) struct QueryComment {
    /// A template. None: dbt's own comment.
    template: Option<String>,
    /// It stands behind the statement.
    append: bool,
    at: Option<Location>,
}

impl QueryComment {
    pub fn from_fields(fields: &mut Fields<'_>) -> Self {
        let doc = fields.doc;
        let Some(yaml) = fields.get_or_null("query-comment") else {
            return Self::default();
        };
        let at = Some(yaml.at.in_file(doc.file));
        let of = |template: Option<String>| Self {
            template,
            append: false,
            at: at.clone(),
        };
        match yaml.to_json() {
            Json::Null => of(Some(String::new())),
            Json::String(text) => of(Some(text)),
            Json::Object(_) => Self::of_mapping(fields, yaml, at),
            _ => {
                fields.error("'query-comment' must be a text or a mapping", yaml.at);
                Self::default()
            }
        }
    }

    fn of_mapping(fields: &Fields<'_>, yaml: &Yaml, at: Option<Location>) -> Self {
        let Some(mut own) = Fields::of(fields.doc, yaml, "query-comment") else {
            return Self::default();
        };
        own.ignore(&["job-label"]);
        let comment = Self {
            template: own.text("comment"),
            append: own.flag("append").unwrap_or(false),
            at,
        };
        own.finish(crate::yaml::Unknown::Error);
        comment
    }
}

/// In dbt the text is the body of a macro, which may return what it is.
fn without_return(template: &str) -> Cow<'_, str> {
    let inner = template.trim().strip_prefix("{{");
    let inner = inner.and_then(|text| text.strip_suffix("}}"));
    let returned = inner.and_then(|text| text.trim().strip_prefix("return(")?.strip_suffix(')'));
    returned.map_or(template.into(), |text| format!("{{{{ {text} }}}}").into())
}

impl Project {
    /// A statement of a node with the comment beside it.
    ///
    /// # Errors
    /// The template of `query-comment` fails, or gives what ends a comment.
    pub fn commented(&self, node: &NodeId, sql: &str) -> Result<String, Diagnostic> {
        let comment = self.comment(Some(node))?;
        Ok(match (comment.as_str(), self.query_comment().append) {
            ("", _) => sql.to_owned(),
            (comment, false) => format!("/* {comment} */\n{sql}"),
            (comment, true) => match sql.trim_end().strip_suffix(';') {
                Some(sql) => format!("{sql}\n/* {comment} */;"),
                None => format!("{}\n/* {comment} */", sql.trim_end()),
            },
        })
    }

    /// Whether the project's own comment can be made, before anything runs.
    pub(crate) fn check_query_comment(&self) -> Result<(), Diagnostic> {
        self.comment(None).map(drop)
    }

    fn query_comment(&self) -> &QueryComment {
        &self.packages[0].file.query_comment
    }

    fn comment(&self, node: Option<&NodeId>) -> Result<String, Diagnostic> {
        let written = self.query_comment();
        let text = match &written.template {
            None => return Ok(self.usual_comment(node)),
            Some(template) if template.is_empty() => return Ok(String::new()),
            Some(template) => self.rendered_comment(&without_return(template), node),
        };
        let place = |problem: Diagnostic| match &written.at {
            Some(at) => problem.at(at.clone()),
            None => problem,
        };
        let text = text.map_err(place)?;
        match text.contains("*/") {
            true => Err(place(Diagnostic::error(format!(
                "the query comment '{text}' holds '*/', which would end it"
            )))),
            false => Ok(text),
        }
    }

    fn rendered_comment(
        &self,
        template: &str,
        node: Option<&NodeId>,
    ) -> Result<String, Diagnostic> {
        let scope = node.and_then(|id| self.details.get(id));
        let scope = scope.map_or_else(NodeScope::default, |detail| NodeScope::clone(&detail.scope));
        let name = node.map_or("master", NodeId::as_str);
        let variables = Map::from_iter([
            ("connection_name".to_owned(), json!(name)),
            ("node".to_owned(), scope.model.clone()),
        ]);
        let scope = Arc::new(NodeScope { variables, ..scope });
        match self.compile_text(template, &scope, &CompileState::default(), &mut Vec::new())? {
            Compiled::Sql(text) => Ok(text),
            Compiled::Asks(_) => Err(Diagnostic::error("a query comment cannot ask the database")),
        }
    }

    fn usual_comment(&self, node: Option<&NodeId>) -> String {
        let target = &self.shared.target;
        let (key, name) = match node {
            Some(id) => ("node_id", id.as_str()),
            None => ("connection_name", "master"),
        };
        json!({
            "app": "dbt",
            "dbt_version": crate::DBT_VERSION,
            "profile_name": target.profile,
            "target_name": target.name,
            key: name,
        })
        .to_string()
    }
}
