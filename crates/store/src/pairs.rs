//! Keys with values: parameters and tags of everything.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Transaction};

use crate::Error;

pub type Pairs = BTreeMap<String, String>;

/// The pairs in `table` of these rows of `owners`, by row id; `owner` is the column that names an
/// owner. The rows come as a JSON array.
pub fn of_entities(
    c: &Connection,
    owners: &str,
    table: &str,
    owner: &str,
    rows: &str,
) -> Result<HashMap<i64, Pairs>, Error> {
    let mut statement = c.prepare_cached(&format!(
        "select o.rowid, p.key, p.value from json_each(?1) j join {owners} o on o.rowid = j.value \
         join {table} p on p.{owner} = o.id"
    ))?;
    let mut found: HashMap<i64, Pairs> = HashMap::new();
    let mut rows = statement.query([rows])?;
    while let Some(row) = rows.next()? {
        found
            .entry(row.get(0)?)
            .or_default()
            .insert(row.get(1)?, row.get(2)?);
    }
    Ok(found)
}

/// The last value wins. `sql` takes the owner's id, key and value.
pub fn put(t: &Transaction<'_>, sql: &str, owner: &str, pairs: &Pairs) -> Result<(), Error> {
    let mut insert = t.prepare_cached(sql)?;
    for (key, value) in pairs {
        insert.execute([owner, key, value])?;
    }
    Ok(())
}
