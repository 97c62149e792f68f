//! What the queries of a snapshot are made of, and the one of a first run.

use chrono::{DateTime, SecondsFormat, Utc};
use forebay_core::graph::{HardDeletes, Snapshot, SnapshotNames, SnapshotStrategy, SnapshotTerms};
use forebay_core::{Relation, quote};

/// What the queries call versions that are open, and rows of the source.
pub const OLD: &str = "o";
pub const NEW: &str = "s";

/// What the columns are called that a snapshot adds to a query with these columns: where the query has the name, the
/// added column is numbered, as DuckDB numbers the second of two (`dbt_updated_at_1`).
pub fn added_names(spec: &Snapshot, columns: &[&str]) -> SnapshotNames {
    let free = |name: &String| match column(columns, name) {
        None => name.clone(),
        Some(_) => (1..)
            .map(|n| format!("{name}_{n}"))
            .find(|numbered| column(columns, numbered).is_none())
            .unwrap_or_default(),
    };
    let names = &spec.names;
    SnapshotNames {
        scd_id: free(&names.scd_id),
        updated_at: free(&names.updated_at),
        valid_from: free(&names.valid_from),
        valid_to: free(&names.valid_to),
        is_deleted: free(&names.is_deleted),
    }
}

/// The names that must be columns of the query. Keys and times may be expressions, which the
/// engine checks.
pub fn named_columns(spec: &Snapshot) -> impl Iterator<Item = (&'static str, &str)> {
    let (times, checked) = match &spec.strategy {
        SnapshotStrategy::Timestamp { updated_at } => (std::slice::from_ref(updated_at), &[][..]),
        SnapshotStrategy::Check { columns, .. } => (&[][..], columns.as_slice()),
        SnapshotStrategy::Custom { .. } => (&[][..], &[][..]),
    };
    let keys = spec.unique_key.iter().map(|key| ("unique_key", key));
    let times = times.iter().map(|time| ("updated_at", time));
    let terms = keys.chain(times).filter(|(_, term)| is_name(term));
    let checked = checked.iter().map(|column| ("check_cols", column));
    terms
        .chain(checked)
        .map(|(setting, name)| (setting, name.as_str()))
}

fn is_name(term: &str) -> bool {
    term.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The column of that name, as the query spells it.
pub fn column<'a>(columns: &[&'a str], name: &str) -> Option<&'a str> {
    columns
        .iter()
        .copied()
        .find(|column| column.eq_ignore_ascii_case(name))
}

/// What the queries of one run are made of.
pub struct Queries<'a> {
    pub relation: &'a Relation,
    pub spec: &'a Snapshot,
    /// What the columns are called that the snapshot adds. What says whether a version is open and which one ends is
    /// looked for under the names of `spec`, so in the query's own columns where it has them: dbt's SQL does not tell
    /// the two apart either.
    pub names: SnapshotNames,
    /// Of a strategy of the project's own.
    pub terms: Option<&'a SnapshotTerms>,
    /// Columns of the source query.
    pub columns: &'a [&'a str],
    pub source: &'a str,
    pub now: DateTime<Utc>,
}

impl Queries<'_> {
    /// The whole snapshot of a first run. Its times are of the type of what says when a row changed, as dbt's are.
    pub fn first(&self) -> String {
        let open_end = self.spec.valid_to_current.as_deref().unwrap_or("null");
        format!(
            "with staged as ({})\nselect {}, {} from staged",
            self.staged(),
            list(self.columns, quote),
            self.added(&Added {
                scd_id: "dbt_new_scd_id".to_owned(),
                updated_at: "dbt_changed_at".to_owned(),
                valid_from: "dbt_changed_at".to_owned(),
                valid_to: format!("coalesce(nullif(dbt_changed_at, dbt_changed_at), {open_end})"),
                deleted: "'False'".to_owned(),
            }),
        )
    }

    /// The columns that the snapshot adds.
    pub fn own(&self) -> Vec<&str> {
        let names = &self.names;
        let mut own: Vec<&str> = vec![
            &names.scd_id,
            &names.updated_at,
            &names.valid_from,
            &names.valid_to,
        ];
        if self.spec.hard_deletes == HardDeletes::NewRecord {
            own.push(&names.is_deleted);
        }
        own
    }

    pub fn is_own(&self, name: &str) -> bool {
        self.own().iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether the query itself has a column of that name.
    pub fn has(&self, name: &str) -> bool {
        column(self.columns, name).is_some()
    }

    pub fn added(&self, added: &Added) -> String {
        let values = [
            &added.scd_id,
            &added.updated_at,
            &added.valid_from,
            &added.valid_to,
            &added.deleted,
        ];
        let terms = self.own().into_iter().zip(values);
        let terms: Vec<String> = terms
            .map(|(name, value)| format!("{value} as {}", quote(name)))
            .collect();
        terms.join(", ")
    }

    /// The source's rows with their keys, the time of their change, and the name of the version that they would begin.
    pub fn staged(&self) -> String {
        // The line break ends a comment on the query's last line.
        format!(
            "select *, {}, {} as dbt_changed_at, {} as dbt_new_scd_id from (\n{}\n) as source",
            self.key_terms(),
            self.changed_at(),
            self.scd_id(),
            self.source.trim().trim_end_matches(';'),
        )
    }

    fn changed_at(&self) -> String {
        let own = match &self.spec.strategy {
            SnapshotStrategy::Timestamp { updated_at } => Some(updated_at),
            SnapshotStrategy::Check { updated_at, .. } => updated_at.as_ref(),
            SnapshotStrategy::Custom { .. } => None,
        };
        match (self.terms, own) {
            (Some(terms), _) => terms.updated_at.clone(),
            (None, Some(updated_at)) => self.term(updated_at),
            (None, None) => self.now(),
        }
    }

    fn scd_id(&self) -> String {
        if let Some(terms) = self.terms {
            return terms.scd_id.clone();
        }
        let keys = self.unique_key().iter().map(|key| self.term(key));
        hash(keys.chain([self.changed_at()]))
    }

    pub fn unique_key(&self) -> &[String] {
        self.terms
            .map_or(&self.spec.unique_key, |terms| &terms.unique_key)
    }

    fn keys(&self) -> impl Iterator<Item = String> {
        (1..=self.unique_key().len()).map(|n| format!("dbt_key_{n}"))
    }

    pub fn key_terms(&self) -> String {
        let terms = self.unique_key().iter().zip(self.keys());
        let terms: Vec<String> = terms
            .map(|(term, key)| format!("{} as {key}", self.term(term)))
            .collect();
        terms.join(", ")
    }

    /// A column's name quoted, an expression as it is.
    fn term(&self, term: &str) -> String {
        match column(self.columns, term) {
            Some(name) => quote(name),
            None => term.to_owned(),
        }
    }

    pub fn on(&self, left: &str, right: &str) -> String {
        let pairs: Vec<String> = self
            .keys()
            .map(|key| format!("{left}.{key} = {right}.{key}"))
            .collect();
        pairs.join(" and ")
    }

    pub fn now(&self) -> String {
        let now = self.now.to_rfc3339_opts(SecondsFormat::Micros, true);
        format!("cast(cast('{now}' as timestamp with time zone) as timestamp)")
    }
}

/// The values of the columns that a snapshot adds.
pub struct Added {
    pub scd_id: String,
    pub updated_at: String,
    pub valid_from: String,
    pub valid_to: String,
    pub deleted: String,
}

/// The name of a version, as dbt hashes it.
pub fn hash(values: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = values
        .map(|value| format!("coalesce(cast({value} as varchar), '')"))
        .collect();
    format!("md5({})", parts.join(" || '|' || "))
}

pub fn list(names: &[&str], write: impl Fn(&str) -> String) -> String {
    let terms: Vec<String> = names.iter().map(|name| write(name)).collect();
    terms.join(", ")
}
