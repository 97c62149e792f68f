//! What the manifest and compiling need of a generic test.

use serde_json::Value as Json;

use crate::jinja::RefCall;
use crate::properties::Argument;

/// A generic test's arguments, still with their Jinja.
#[derive(Clone, Debug)]
pub(crate) struct TestDetail {
    pub namespace: Option<String>,
    pub name: String,
    pub arguments: Vec<(String, Argument)>,
    /// Section and name under which it is declared.
    pub key: String,
    /// The node that it is declared on.
    pub target: RefCall,
    /// Its settings as dbt writes them behind its call.
    pub config_call: String,
    /// It is declared on a column, which it need not be to name one.
    pub of_column: bool,
    /// What its file is called, without the ending.
    pub file: String,
}

impl TestDetail {
    /// Where dbt puts its SQL, below its property file.
    pub fn file_name(&self) -> String {
        format!("{}.sql", self.file)
    }

    /// The columns that its arguments name.
    pub fn columns(&self) -> Vec<String> {
        let argument = |wanted: &str| {
            let mut arguments = self.arguments.iter();
            arguments.find_map(|(name, argument)| (name == wanted).then_some(&argument.value))
        };
        match (argument("column_name"), argument("combination_of_columns")) {
            (Some(Json::String(column)), _) => vec![column.clone()],
            (_, Some(Json::Array(columns))) => {
                let texts = columns.iter().filter_map(Json::as_str);
                texts.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }
}
