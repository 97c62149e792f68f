//! What every online store promises.

use forebay_core::{Diagnostic, Span};

use super::EntityKey;

/// Newest feature values by view and entity.
///
/// Guarantees, held by the conformance suite:
/// - A row is written whole, and a call's rows all or none, also when the process is killed.
/// - An older event never overwrites a newer one. Equal event times: the later created time wins,
///   none loses; still equal: the later call wins. So calls may be repeated, and come late.
/// - A read sees everything that was written before it began, from any process.
/// - Calls may come from any thread; none blocks for longer than the disk does.
pub trait OnlineStore: Send + Sync {
    /// The newest row of the entity, however old; see [`OnlineRow::is_usable`].
    fn read(&self, view: &str, key: &EntityKey) -> Result<Option<OnlineRow>, Diagnostic>;

    /// Adds rows and sets the view's mark, together. Returns how many rows were newer.
    fn write(
        &self,
        view: &str,
        rows: &[(EntityKey, OnlineRow)],
        mark: &str,
    ) -> Result<u64, Diagnostic>;

    /// The same, with all earlier rows of the view gone.
    fn replace(
        &self,
        view: &str,
        rows: &[(EntityKey, OnlineRow)],
        mark: &str,
    ) -> Result<u64, Diagnostic>;

    /// What the last write or replacement of the view left.
    fn mark(&self, view: &str) -> Result<Option<String>, Diagnostic>;
}

/// The values of one entity at one event time, in the order of the view's features.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlineRow {
    /// Microseconds since the epoch.
    pub event_time: i64,
    /// Microseconds since the epoch.
    pub created: Option<i64>,
    pub values: Vec<Value>,
}

impl OnlineRow {
    /// Whether the values may be used at the moment (microseconds since the epoch): known by then,
    /// and not older than the ttl. Both bounds are inclusive, as in the point-in-time join.
    pub fn is_usable(&self, moment: i64, ttl: Option<Span>) -> bool {
        let known = self.event_time <= moment;
        let fresh = match ttl.map(Span::micros) {
            None | Some(0) => true,
            Some(ttl) => moment.saturating_sub(self.event_time) <= ttl,
        };
        known && fresh
    }

    /// Whether this row takes the other's place.
    pub fn replaces(&self, other: &Self) -> bool {
        (self.event_time, self.created) >= (other.event_time, other.created)
    }
}

/// One feature's value. Numbers keep their bits.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Microseconds since the epoch, UTC.
    Timestamp(i64),
}
