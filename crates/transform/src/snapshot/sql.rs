//! The queries of a snapshot.

use arrow::datatypes::Schema;
use chrono::{DateTime, SecondsFormat, Utc};
use forebay_core::graph::{HardDeletes, Snapshot, SnapshotStrategy};
use forebay_core::{Relation, quote};

pub const SCD_ID: &str = "dbt_scd_id";

/// The columns that a snapshot adds.
pub const OWN: [&str; 4] = [SCD_ID, "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"];

pub fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// The names that must be columns of the query. Keys and times may be expressions, which the
/// engine checks.
pub fn named_columns(spec: &Snapshot) -> impl Iterator<Item = &str> {
    let (times, checked) = match &spec.strategy {
        SnapshotStrategy::Timestamp { updated_at } => (std::slice::from_ref(updated_at), &[][..]),
        SnapshotStrategy::Check { columns } => (&[][..], columns.as_slice()),
    };
    let terms = spec
        .unique_key
        .iter()
        .chain(times)
        .filter(|term| is_name(term));
    terms.chain(checked).map(String::as_str)
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
    /// Columns of the source query.
    pub columns: &'a [&'a str],
    pub source: &'a str,
    pub now: DateTime<Utc>,
}

impl Queries<'_> {
    /// The whole snapshot of a first run.
    pub fn first(&self) -> String {
        format!(
            "with staged as ({})\nselect {}, {} as dbt_scd_id, dbt_changed_at as dbt_updated_at, \
             dbt_changed_at as dbt_valid_from, {NEVER} as dbt_valid_to\nfrom staged",
            self.staged(),
            list(self.columns, quote),
            self.scd_id("staged", "dbt_changed_at"),
        )
    }

    /// The rows to merge into the table: versions that end, with their end, and new versions.
    pub fn changes(&self, table: &Schema) -> String {
        let names: Vec<&str> = table
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .filter(|name| !is_own(name))
            .collect();
        let added: Vec<&str> = self
            .columns
            .iter()
            .copied()
            .filter(|name| column(&names, name).is_none())
            .collect();
        let all: Vec<&str> = names.iter().chain(&added).copied().collect();
        let old = list(&all, |name| match column(&names, name) {
            Some(_) => format!("o.{}", quote(name)),
            None => format!("null as {}", quote(name)),
        });
        let new = list(&all, |name| match column(self.columns, name) {
            Some(own) => format!("c.{} as {}", quote(own), quote(name)),
            None => format!("null as {}", quote(name)),
        });
        let mut parts = vec![
            format!(
                "select {old}, o.dbt_scd_id, o.dbt_updated_at, o.dbt_valid_from, \
                 c.dbt_starts_at as dbt_valid_to\nfrom open_versions o join changed c on {}",
                self.on("o", "c")
            ),
            format!(
                "select {new}, {} as dbt_scd_id, c.dbt_changed_at as dbt_updated_at, \
                 c.dbt_starts_at as dbt_valid_from, {NEVER} as dbt_valid_to\nfrom changed c",
                self.scd_id("c", "dbt_starts_at")
            ),
        ];
        if self.spec.hard_deletes == HardDeletes::Invalidate {
            parts.push(format!(
                "select {old}, o.dbt_scd_id, o.dbt_updated_at, o.dbt_valid_from, \
                 {} as dbt_valid_to\nfrom open_versions o left join staged s on {}\n\
                 where s.dbt_key_1 is null",
                self.now(),
                self.on("o", "s")
            ));
        }
        format!("{}\n{}", self.shared(&names), parts.join("\nunion all\n"))
    }

    /// One key that is null or there more than once, if any is.
    pub fn bad_key(&self) -> String {
        let text: Vec<String> = self
            .keys()
            .map(|key| format!("cast({key} as varchar)"))
            .collect();
        let nulls: Vec<String> = self.keys().map(|key| format!("{key} is null")).collect();
        format!(
            "with staged as ({})\nselect {} as key_text, count(*) as key_rows\nfrom staged\n\
             group by {}\nhaving count(*) > 1 or {}\nlimit 1",
            self.staged(),
            text.join(" || ', ' || "),
            self.keys().collect::<Vec<_>>().join(", "),
            nulls.join(" or "),
        )
    }

    /// The source's rows with their keys and the time of their change.
    fn staged(&self) -> String {
        let changed_at = match &self.spec.strategy {
            SnapshotStrategy::Timestamp { updated_at } => utc(&self.term(updated_at)),
            SnapshotStrategy::Check { .. } => self.now(),
        };
        // The line break ends a comment on the query's last line.
        format!(
            "select *, {}, {changed_at} as dbt_changed_at from (\n{}\n) as source",
            self.key_terms(),
            self.source.trim().trim_end_matches(';'),
        )
    }

    /// The table's history beside the source, and which rows of the source begin a new version.
    fn shared(&self, names: &[&str]) -> String {
        let keys: Vec<String> = self.keys().collect();
        format!(
            "with staged as ({staged}),\n\
             history as (select *, {terms} from {table}),\n\
             open_versions as (select * from history where dbt_valid_to is null),\n\
             ended as (select {keys}, max(dbt_valid_to) as dbt_ended_at from history \
             where dbt_valid_to is not null group by {keys}),\n\
             changed as (select s.*, {starts_at} as dbt_starts_at from staged s \
             left join open_versions o on {on_open} left join ended e on {on_ended} \
             where o.dbt_scd_id is null or {differs})",
            staged = self.staged(),
            terms = self.key_terms(),
            table = self.relation.sql(),
            keys = keys.join(", "),
            starts_at = self.starts_at(),
            on_open = self.on("s", "o"),
            on_ended = self.on("s", "e"),
            differs = self.differs(names),
        )
    }

    /// A new version starts when its row changed. Where the key's history says otherwise (the row
    /// was gone until now, with a change that is older than that) it starts now: versions of one
    /// key never overlap.
    fn starts_at(&self) -> String {
        format!(
            "case when coalesce(o.dbt_valid_from, e.dbt_ended_at) >= s.dbt_changed_at then {} \
             else s.dbt_changed_at end",
            self.now()
        )
    }

    fn differs(&self, names: &[&str]) -> String {
        match &self.spec.strategy {
            SnapshotStrategy::Timestamp { .. } => "(o.dbt_updated_at < s.dbt_changed_at or \
                 (o.dbt_updated_at is null and s.dbt_changed_at is not null))"
                .to_owned(),
            SnapshotStrategy::Check { columns } => {
                let all = columns.is_empty();
                let checked = self
                    .columns
                    .iter()
                    .filter(|name| all || columns.iter().any(|c| c.eq_ignore_ascii_case(name)));
                let differs: Vec<String> = checked
                    .map(|name| match column(names, name) {
                        // In parentheses: the engine's parser takes an OR that follows for a part
                        // of the right side.
                        Some(old) => {
                            format!("(o.{} is distinct from s.{})", quote(old), quote(name))
                        }
                        // A column that the table lacks was null so far.
                        None => format!("s.{} is not null", quote(name)),
                    })
                    .collect();
                format!("({})", differs.join(" or "))
            }
        }
    }

    fn keys(&self) -> impl Iterator<Item = String> {
        (1..=self.spec.unique_key.len()).map(|n| format!("dbt_key_{n}"))
    }

    fn key_terms(&self) -> String {
        let terms = self.spec.unique_key.iter().zip(self.keys());
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

    fn on(&self, left: &str, right: &str) -> String {
        let pairs: Vec<String> = self
            .keys()
            .map(|key| format!("{left}.{key} = {right}.{key}"))
            .collect();
        pairs.join(" and ")
    }

    /// Hashes the keys one by one, so that no two keys run together to the same text.
    fn scd_id(&self, from: &str, time: &str) -> String {
        let mut parts: Vec<String> = self
            .keys()
            .map(|key| format!("md5(cast({from}.{key} as varchar))"))
            .collect();
        parts.push(format!("coalesce(cast({from}.{time} as varchar), '')"));
        format!("md5({})", parts.join(" || '|' || "))
    }

    fn now(&self) -> String {
        let now = self.now.to_rfc3339_opts(SecondsFormat::Micros, true);
        utc(&format!("'{now}'"))
    }
}

const NEVER: &str = "cast(null as timestamp with time zone)";

fn utc(expression: &str) -> String {
    format!("cast({expression} as timestamp with time zone)")
}

fn list(names: &[&str], write: impl Fn(&str) -> String) -> String {
    let terms: Vec<String> = names.iter().map(|name| write(name)).collect();
    terms.join(", ")
}
