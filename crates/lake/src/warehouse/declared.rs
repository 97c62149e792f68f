//! What statements declare of a table's columns: values where none is given, columns without nulls, keys. Delta Lake's own
//! constraints ask for a protocol that fewer programs write, so it is a property of the table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Declared {
    #[serde(default)]
    columns: BTreeMap<String, Column>,
    /// Each a set of columns, no two rows of which are alike.
    #[serde(default)]
    pub keys: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    /// SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default)]
    pub required: bool,
}

impl Declared {
    /// The table's property.
    pub(super) const PROPERTY: &str = "forebay.declared";

    pub(super) fn of(properties: &std::collections::HashMap<String, String>) -> Self {
        let text = properties.get(Self::PROPERTY);
        // What a newer version writes otherwise is not known here.
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The property's value. None: nothing is declared.
    pub(super) fn value(&self) -> Option<String> {
        match *self == Self::default() {
            true => None,
            false => serde_json::to_string(self).ok(),
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    pub(crate) fn default_of(&self, name: &str) -> Option<&str> {
        self.column(name)?.default.as_deref()
    }

    pub(super) fn is_required(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| column.required)
    }

    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut Column)) {
        let mut column = self.columns.remove(name).unwrap_or_default();
        change(&mut column);
        if column != Column::default() {
            self.columns.insert(name.to_owned(), column);
        }
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        if let Some(column) = self.columns.remove(from) {
            self.columns.insert(to.to_owned(), column);
        }
        let keys = self.keys.iter_mut().flatten();
        for name in keys.filter(|name| *name == from) {
            to.clone_into(name);
        }
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.columns.remove(name);
        self.keys.retain(|key| key.iter().all(|part| part != name));
    }
}
