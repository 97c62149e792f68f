//! The queries of a snapshot.

use arrow::datatypes::Schema;
use chrono::{DateTime, SecondsFormat, Utc};
use forebay_core::graph::{HardDeletes, Snapshot, SnapshotStrategy, SnapshotTerms};
use forebay_core::{Relation, quote};

/// What the queries call versions that are open, and rows of the source.
pub const OLD: &str = "o";
pub const NEW: &str = "s";

/// The columns that a snapshot adds.
pub fn own(spec: &Snapshot) -> Vec<&str> {
    let names = &spec.names;
    let mut own: Vec<&str> = vec![
        &names.scd_id,
        &names.updated_at,
        &names.valid_from,
        &names.valid_to,
    ];
    if spec.hard_deletes == HardDeletes::NewRecord {
        own.push(&names.is_deleted);
    }
    own
}

pub fn is_own(spec: &Snapshot, name: &str) -> bool {
    own(spec).iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// The names that must be columns of the query. Keys and times may be expressions, which the
/// engine checks.
pub fn named_columns(spec: &Snapshot) -> impl Iterator<Item = &str> {
    let (times, checked) = match &spec.strategy {
        SnapshotStrategy::Timestamp { updated_at } => (std::slice::from_ref(updated_at), &[][..]),
        SnapshotStrategy::Check { columns } => (&[][..], columns.as_slice()),
        SnapshotStrategy::Custom { .. } => (&[][..], &[][..]),
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
    /// Of a strategy of the project's own.
    pub terms: Option<&'a SnapshotTerms>,
    /// Columns of the source query.
    pub columns: &'a [&'a str],
    pub source: &'a str,
    pub now: DateTime<Utc>,
}

impl Queries<'_> {
    /// The whole snapshot of a first run.
    pub fn first(&self) -> String {
        format!(
            "with staged as ({})\nselect {}, {} from staged",
            self.staged(),
            list(self.columns, quote),
            self.added(&Added {
                scd_id: self.new_scd_id("staged", "dbt_changed_at"),
                updated_at: "dbt_changed_at".to_owned(),
                valid_from: "dbt_changed_at".to_owned(),
                valid_to: self.open_end(),
                deleted: "'False'".to_owned(),
            }),
        )
    }

    /// The rows to merge into the table: versions that end, with their end, and new versions.
    pub fn changes(&self, table: &Schema) -> String {
        let names: Vec<&str> = table
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .filter(|name| !is_own(self.spec, name))
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
                "select {old}, {} from open_versions o join changed c on {}",
                self.ended("c.dbt_starts_at"),
                self.on("o", "c")
            ),
            format!(
                "select {new}, {} from changed c",
                self.added(&Added {
                    scd_id: self.new_scd_id("c", "dbt_starts_at"),
                    updated_at: "c.dbt_changed_at".to_owned(),
                    valid_from: "c.dbt_starts_at".to_owned(),
                    valid_to: self.open_end(),
                    deleted: "'False'".to_owned(),
                })
            ),
        ];
        let gone = match self.spec.hard_deletes {
            HardDeletes::Ignore => return format!("{}\n{}", self.shared(&names), union(&parts)),
            HardDeletes::Invalidate => self.gone(),
            HardDeletes::NewRecord => format!("{} and {} <> 'True'", self.gone(), self.deleted()),
        };
        parts.push(format!("select {old}, {} {gone}", self.ended(&self.now())));
        if self.spec.hard_deletes == HardDeletes::NewRecord {
            let deleted = self.added(&Added {
                scd_id: self.scd_id("o", "dbt_gone_at"),
                updated_at: self.now(),
                valid_from: self.now(),
                valid_to: self.open_end(),
                deleted: "'True'".to_owned(),
            });
            parts.push(format!("select {old}, {deleted} {gone}"));
        }
        format!("{}\n{}", self.shared(&names), union(&parts))
    }

    /// The versions whose rows the source no longer has.
    fn gone(&self) -> String {
        format!(
            "from (select *, {} as dbt_gone_at from open_versions) o left join staged s on {}\n\
             where s.dbt_key_1 is null",
            self.now(),
            self.on("o", "s")
        )
    }

    /// Whether the open version `o` says that its row is deleted.
    fn deleted(&self) -> String {
        format!(
            "coalesce(o.{}, 'False')",
            quote(&self.spec.names.is_deleted)
        )
    }

    /// The own columns of a version that is over.
    fn ended(&self, at: &str) -> String {
        let names = &self.spec.names;
        let own = |name: &str| format!("o.{}", quote(name));
        self.added(&Added {
            scd_id: own(&names.scd_id),
            updated_at: own(&names.updated_at),
            valid_from: own(&names.valid_from),
            valid_to: at.to_owned(),
            deleted: own(&names.is_deleted),
        })
    }

    fn added(&self, added: &Added) -> String {
        let values = [
            &added.scd_id,
            &added.updated_at,
            &added.valid_from,
            &added.valid_to,
            &added.deleted,
        ];
        let terms = own(self.spec).into_iter().zip(values);
        let terms: Vec<String> = terms
            .map(|(name, value)| format!("{value} as {}", quote(name)))
            .collect();
        terms.join(", ")
    }

    /// The end of a version that is still valid.
    fn open_end(&self) -> String {
        utc(self.spec.valid_to_current.as_deref().unwrap_or("null"))
    }

    fn is_open(&self) -> String {
        let valid_to = quote(&self.spec.names.valid_to);
        match &self.spec.valid_to_current {
            None => format!("{valid_to} is null"),
            Some(_) => format!("({valid_to} is null or {valid_to} = {})", self.open_end()),
        }
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
        let mut changed_at = match (&self.spec.strategy, self.terms) {
            (_, Some(terms)) => utc(&terms.updated_at),
            (SnapshotStrategy::Timestamp { updated_at }, None) => utc(&self.term(updated_at)),
            (_, None) => self.now(),
        };
        changed_at.push_str(" as dbt_changed_at");
        if let Some(terms) = self.terms {
            changed_at.push_str(&format!(", {} as dbt_new_scd_id", terms.scd_id));
        }
        // The line break ends a comment on the query's last line.
        format!(
            "select *, {}, {changed_at} from (\n{}\n) as source",
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
             open_versions as (select * from history where {is_open}),\n\
             ended as (select {keys}, max({valid_to}) as dbt_ended_at from history \
             where not {is_open} group by {keys}),\n\
             changed as (select s.*, {starts_at} as dbt_starts_at from staged s \
             left join open_versions o on {on_open} left join ended e on {on_ended} \
             where o.{scd_id} is null or {differs})",
            is_open = self.is_open(),
            valid_to = quote(&self.spec.names.valid_to),
            scd_id = quote(&self.spec.names.scd_id),
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
            "case when coalesce(o.{}, e.dbt_ended_at) >= s.dbt_changed_at then {} \
             else s.dbt_changed_at end",
            quote(&self.spec.names.valid_from),
            self.now()
        )
    }

    fn differs(&self, names: &[&str]) -> String {
        let changed = self.changed(names);
        match self.spec.hard_deletes {
            // The row is back.
            HardDeletes::NewRecord => format!("({changed} or {} = 'True')", self.deleted()),
            HardDeletes::Ignore | HardDeletes::Invalidate => changed,
        }
    }

    fn changed(&self, names: &[&str]) -> String {
        let updated_at = quote(&self.spec.names.updated_at);
        if let Some(terms) = self.terms {
            return format!("({})", terms.row_changed);
        }
        match &self.spec.strategy {
            SnapshotStrategy::Timestamp { .. } | SnapshotStrategy::Custom { .. } => format!(
                "(o.{updated_at} < s.dbt_changed_at or \
                 (o.{updated_at} is null and s.dbt_changed_at is not null))"
            ),
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

    pub fn unique_key(&self) -> &[String] {
        self.terms
            .map_or(&self.spec.unique_key, |terms| &terms.unique_key)
    }

    fn keys(&self) -> impl Iterator<Item = String> {
        (1..=self.unique_key().len()).map(|n| format!("dbt_key_{n}"))
    }

    fn key_terms(&self) -> String {
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

    fn on(&self, left: &str, right: &str) -> String {
        let pairs: Vec<String> = self
            .keys()
            .map(|key| format!("{left}.{key} = {right}.{key}"))
            .collect();
        pairs.join(" and ")
    }

    /// Of a version that begins.
    fn new_scd_id(&self, from: &str, time: &str) -> String {
        match self.terms {
            Some(_) => format!("{from}.dbt_new_scd_id"),
            None => self.scd_id(from, time),
        }
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

/// The values of the columns that a snapshot adds.
struct Added {
    scd_id: String,
    updated_at: String,
    valid_from: String,
    valid_to: String,
    deleted: String,
}

fn union(parts: &[String]) -> String {
    parts.join("\nunion all\n")
}

fn utc(expression: &str) -> String {
    format!("cast({expression} as timestamp with time zone)")
}

fn list(names: &[&str], write: impl Fn(&str) -> String) -> String {
    let terms: Vec<String> = names.iter().map(|name| write(name)).collect();
    terms.join(", ")
}
