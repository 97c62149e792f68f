//! The query of what a run changes in a snapshot's history.

use arrow::datatypes::Schema;
use forebay_core::graph::{HardDeletes, SnapshotStrategy};
use forebay_core::quote;
use forebay_lake::sql_type;

use super::sql::{Added, Queries, column, hash, list};

/// A run over the history that the table has.
pub struct Changes<'a> {
    queries: &'a Queries<'a>,
    table: &'a Schema,
    /// The table's columns, but those that the snapshot adds.
    names: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    pub fn new(queries: &'a Queries<'a>, table: &'a Schema) -> Self {
        let names = table.fields().iter().map(|field| field.name().as_str());
        let names = names.filter(|name| !queries.is_own(name)).collect();
        Self {
            queries,
            table,
            names,
        }
    }

    /// New versions, and all versions that are called as one that ends or begins, with their ends: what takes the
    /// place of the table's versions of these names. None where nothing has changed.
    pub fn query(&self) -> String {
        let mut parts = vec![self.kept(), self.begun()];
        if self.queries.spec.hard_deletes == HardDeletes::NewRecord {
            parts.push(self.deleted());
        }
        format!("{}\n{}", self.shared(), parts.join("\nunion all\n"))
    }

    /// The history beside the source: which rows begin a new version, and which versions end when.
    fn shared(&self) -> String {
        let queries = self.queries;
        format!(
            "with staged as ({staged}),\n\
             open_versions as (select *, {keys} from {table} where {is_open}),\n\
             inserted as (select s.* from staged s left join open_versions o on {on} \
             where o.dbt_key_1 is null or {differs}),\n\
             touched as (select dbt_version, max(dbt_at) as dbt_ended_at from (\n{touched}\n) as named \
             group by dbt_version)",
            staged = queries.staged(),
            keys = queries.key_terms(),
            table = queries.relation.sql(),
            is_open = self.is_open(),
            on = queries.on("s", "o"),
            differs = self.differs(),
            touched = self.touched(),
        )
    }

    /// Names of versions, and when they end.
    fn touched(&self) -> String {
        let queries = self.queries;
        let names = &queries.spec.names;
        // Of a query with such columns of its own, dbt ends what has the changed row's name, at the row's own time.
        let (ends, begins) = match queries.has(&names.scd_id) {
            true => (new(&names.scd_id), new(&names.scd_id)),
            false => (self.old(&names.scd_id), "dbt_new_scd_id".to_owned()),
        };
        let ended_at = match queries.has(&names.valid_to) {
            true => new(&names.valid_to),
            false => new("dbt_changed_at"),
        };
        let valid_to = |time: &str| self.typed(&names.valid_to, time);
        let mut parts = vec![
            format!(
                "select {ends} as dbt_version, {} as dbt_at from staged s join open_versions o on {} where {}",
                valid_to(&ended_at),
                queries.on("s", "o"),
                self.differs(),
            ),
            format!("select {begins}, {} from inserted s", valid_to("null")),
        ];
        if queries.spec.hard_deletes != HardDeletes::Ignore && !queries.has(&names.scd_id) {
            let now = valid_to(&queries.now());
            parts.push(format!("select {ends}, {now} {}", self.gone()));
        }
        parts.join("\nunion all\n")
    }

    /// Versions that the table has: those that are open may end.
    fn kept(&self) -> String {
        let (names, ends) = (&self.queries.names, &self.queries.spec.names.valid_to);
        let end = format!(
            "case when o.dbt_ended_at is not null and {} then o.dbt_ended_at else {} end",
            self.is_open(),
            self.old(ends),
        );
        let value = |name: &str| match name.eq_ignore_ascii_case(ends) {
            true => end.clone(),
            false => self.old(name),
        };
        let columns = list(&self.all(), |name| match column(&self.names, name) {
            Some(_) => format!("{} as {}", value(name), quote(name)),
            None => format!("null as {}", quote(name)),
        });
        format!(
            "select {columns}, {} from (select * from {} join touched on {} = dbt_version) as o",
            self.queries.added(&Added {
                scd_id: self.old(&names.scd_id),
                updated_at: self.old(&names.updated_at),
                valid_from: self.old(&names.valid_from),
                valid_to: value(&names.valid_to),
                deleted: self.old(&names.is_deleted),
            }),
            self.queries.relation.sql(),
            quote(&self.queries.spec.names.scd_id),
        )
    }

    fn begun(&self) -> String {
        let names = &self.queries.names;
        let columns = list(&self.all(), |name| {
            match column(self.queries.columns, name) {
                Some(own) => format!("s.{} as {}", quote(own), quote(name)),
                None => format!("null as {}", quote(name)),
            }
        });
        let own = self.queries.added(&Added {
            scd_id: "s.dbt_new_scd_id".to_owned(),
            updated_at: self.typed(&names.updated_at, "s.dbt_changed_at"),
            valid_from: self.typed(&names.valid_from, "s.dbt_changed_at"),
            valid_to: self.open_end(),
            deleted: "'False'".to_owned(),
        });
        format!("select {columns}, {own} from inserted s")
    }

    /// Versions that say that their row is gone.
    fn deleted(&self) -> String {
        let (names, now) = (&self.queries.names, self.queries.now());
        let own = self.queries.added(&Added {
            scd_id: hash([self.old(&self.queries.spec.names.scd_id), now.clone()].into_iter()),
            updated_at: self.typed(&names.updated_at, &now),
            valid_from: self.typed(&names.valid_from, &now),
            valid_to: self.old(&self.queries.spec.names.valid_to),
            deleted: "'True'".to_owned(),
        });
        format!("select {}, {own} {}", self.old_columns(), self.gone())
    }

    /// The open versions whose rows the source no longer has.
    fn gone(&self) -> String {
        let known = match self.queries.spec.hard_deletes {
            HardDeletes::NewRecord => format!(" and {} <> 'True'", self.is_deleted()),
            HardDeletes::Ignore | HardDeletes::Invalidate => String::new(),
        };
        format!(
            "from open_versions o left join staged s on {} where s.dbt_key_1 is null{known}",
            self.queries.on("o", "s")
        )
    }

    /// All columns: the table's, and those that are new in the query.
    fn all(&self) -> Vec<&'a str> {
        let added = self.queries.columns.iter().copied();
        let added = added.filter(|name| column(&self.names, name).is_none());
        self.names.iter().copied().chain(added).collect()
    }

    fn old_columns(&self) -> String {
        list(&self.all(), |name| match column(&self.names, name) {
            Some(_) => self.old(name),
            None => format!("null as {}", quote(name)),
        })
    }

    fn old(&self, name: &str) -> String {
        format!("o.{}", quote(name))
    }

    /// Whether the open version `o` says that its row is deleted.
    fn is_deleted(&self) -> String {
        let deleted = self.old(&self.queries.spec.names.is_deleted);
        format!("coalesce({deleted}, 'False')")
    }

    /// A value as the table's column has it: history keeps the type that it began with.
    fn typed(&self, name: &str, value: &str) -> String {
        let fields = self.table.fields();
        match fields.iter().find(|field| field.name() == name) {
            Some(field) => format!("cast({value} as {})", sql_type(field.data_type())),
            None => value.to_owned(),
        }
    }

    /// The end of a version that is still valid.
    fn open_end(&self) -> String {
        self.end_of(&self.queries.names.valid_to)
    }

    fn end_of(&self, valid_to: &str) -> String {
        let end = self.queries.spec.valid_to_current.as_deref();
        self.typed(valid_to, end.unwrap_or("null"))
    }

    fn is_open(&self) -> String {
        let spec = self.queries.spec;
        let valid_to = quote(&spec.names.valid_to);
        match &spec.valid_to_current {
            None => format!("{valid_to} is null"),
            Some(_) => format!(
                "({valid_to} is null or {valid_to} = {})",
                self.end_of(&spec.names.valid_to)
            ),
        }
    }

    fn differs(&self) -> String {
        let changed = self.changed();
        match self.queries.spec.hard_deletes {
            // The row is back.
            HardDeletes::NewRecord => format!("({changed} or {} = 'True')", self.is_deleted()),
            HardDeletes::Ignore | HardDeletes::Invalidate => changed,
        }
    }

    fn changed(&self) -> String {
        match (self.queries.terms, &self.queries.spec.strategy) {
            (Some(terms), _) => format!("({})", terms.row_changed),
            (None, SnapshotStrategy::Check { columns, .. }) => self.checked(columns),
            (None, _) => {
                let valid_from = &self.queries.spec.names.valid_from;
                let changed_at = self.typed(valid_from, "s.dbt_changed_at");
                format!("({} < {changed_at})", self.old(valid_from))
            }
        }
    }

    /// A column that the table lacks makes every row a new version.
    fn checked(&self, columns: &[String]) -> String {
        let all = columns.is_empty();
        let checked = self.queries.columns.iter();
        let checked = checked.filter(|name| {
            all || columns
                .iter()
                .any(|column| column.eq_ignore_ascii_case(name))
        });
        // In parentheses: the engine's parser takes an OR that follows for a part of the right side.
        let differs = checked.map(|name| {
            let old = column(&self.names, name)?;
            Some(format!(
                "({} is distinct from s.{})",
                self.old(old),
                quote(name)
            ))
        });
        match differs.collect::<Option<Vec<String>>>() {
            Some(differs) => format!("({})", differs.join(" or ")),
            None => "true".to_owned(),
        }
    }
}

/// A column of the source's row.
fn new(name: &str) -> String {
    format!("s.{}", quote(name))
}
