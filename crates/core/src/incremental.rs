//! Incremental models: how a run's rows come into the table that is there already.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Diagnostic;
use crate::merge::Merge;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incremental {
    pub strategy: IncrementalStrategy,
    pub unique_key: Vec<String>,
    pub on_schema_change: OnSchemaChange,
    /// Overrides `--full-refresh` for this model.
    pub full_refresh: Option<bool>,
    /// Conditions that a row of the table must also meet to be replaced. A merge names the table
    /// `DBT_INTERNAL_DEST` in them, and the new rows `DBT_INTERNAL_SOURCE`.
    pub predicates: Vec<String>,
    /// The columns that a merge changes in a row that is there.
    pub updated: Updated,
    /// What else a merge does, in clauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
    /// Why nothing can be added to a table that is there: it can be made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Box<Diagnostic>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncrementalStrategy {
    #[default]
    Append,
    Merge,
    #[serde(rename = "delete+insert")]
    DeleteInsert,
    /// Replaces the partitions that the new rows are in; without any, all rows.
    InsertOverwrite(Vec<Partition>),
    /// A query for each span of time, which replaces that span.
    Microbatch(Microbatch),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Updated {
    #[default]
    All,
    Only(Vec<String>),
    Except(Vec<String>),
}

/// The rows that have one value of a column, or whose times are in one hour, day, month or year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    pub column: String,
    pub granularity: Option<BatchSize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Microbatch {
    /// The column that says when.
    pub event_time: String,
    pub batch_size: BatchSize,
    /// Where the first batch starts.
    pub begin: DateTime<Utc>,
    /// Batches before the current one that are made again.
    pub lookback: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

/// A span of time: from its start to before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Batch {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSchemaChange {
    #[default]
    Ignore,
    Fail,
    AppendNewColumns,
    SyncAllColumns,
}

/// A date, or a date and a time; without a zone it is in UTC.
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    use chrono::{NaiveDate, NaiveDateTime};
    let text = text.trim();
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(zoned.to_utc());
    }
    let times = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
    ];
    let time = times
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let date = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    Some(time.or_else(date)?.and_utc())
}

impl Batch {
    /// What both hold; empty where they have nothing in common.
    pub fn and(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end).max(start);
        Self { start, end }
    }

    /// What it is called: the year, month, day or hour that it begins with. It may end early.
    pub fn name(self, size: BatchSize) -> String {
        let format = match size {
            BatchSize::Hour => "%Y-%m-%dT%H",
            BatchSize::Day => "%Y-%m-%d",
            BatchSize::Month => "%Y-%m",
            BatchSize::Year => "%Y",
        };
        self.start.format(format).to_string()
    }

    /// SQL that is true where the column's moment is in it; a column without a zone is in UTC. The moments are texts, which
    /// become of the column's type.
    pub fn holds(self, column: &str) -> String {
        let time = |at: DateTime<Utc>| at.format("'%Y-%m-%d %H:%M:%S%.f+00:00'");
        let (start, end) = (time(self.start), time(self.end));
        format!("({column} >= {start} and {column} < {end})")
    }
}

impl BatchSize {
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Hour, Self::Day, Self::Month, Self::Year];
        all.into_iter().find(|size| size.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            BatchSize::Hour => "hour",
            BatchSize::Day => "day",
            BatchSize::Month => "month",
            BatchSize::Year => "year",
        }
    }

    /// The start of the batch that the moment is in.
    pub fn floor(self, at: DateTime<Utc>) -> DateTime<Utc> {
        use chrono::{Datelike, TimeZone, Timelike};
        let (month, day, hour) = match self {
            BatchSize::Hour => (at.month(), at.day(), at.hour()),
            BatchSize::Day => (at.month(), at.day(), 0),
            BatchSize::Month => (at.month(), 1, 0),
            BatchSize::Year => (1, 1, 0),
        };
        let floor = Utc.with_ymd_and_hms(at.year(), month, day, hour, 0, 0);
        floor.single().unwrap_or(at)
    }

    /// The moment itself where a batch starts at it, else the start of the next one.
    pub fn ceil(self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self.floor(at) {
            floor if floor == at => at,
            floor => self.step(floor, 1),
        }
    }

    /// The start of the batch so many batches after the one that the moment is in.
    pub fn step(self, at: DateTime<Utc>, batches: i32) -> DateTime<Utc> {
        self.moved(self.floor(at), batches)
    }

    /// The moment so many hours, days, months or years later.
    pub fn moved(self, at: DateTime<Utc>, by: i32) -> DateTime<Utc> {
        use chrono::{Days, Months, TimeDelta};
        let count = by.unsigned_abs();
        let months = |count: u32| match by < 0 {
            true => at.checked_sub_months(Months::new(count)),
            false => at.checked_add_months(Months::new(count)),
        };
        let moved = match self {
            BatchSize::Hour => at.checked_add_signed(TimeDelta::hours(by.into())),
            BatchSize::Day if by < 0 => at.checked_sub_days(Days::new(count.into())),
            BatchSize::Day => at.checked_add_days(Days::new(count.into())),
            BatchSize::Month => months(count),
            BatchSize::Year => months(count.saturating_mul(12)),
        };
        moved.unwrap_or(at)
    }
}

impl Microbatch {
    /// The batches of a run at that moment, as dbt cuts them: `from` and `to` are
    /// `--event-time-start` and `--event-time-end`, `fresh` a run that makes the whole table.
    pub fn batches(
        &self,
        now: DateTime<Utc>,
        fresh: bool,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> Vec<Batch> {
        let size = self.batch_size;
        let end = size.ceil(to.unwrap_or(now));
        let start = match from {
            Some(from) => size.floor(from),
            None if fresh => size.floor(self.begin),
            // An end on the border belongs to the batch before it.
            None => size.step(end, -1 - self.lookback as i32),
        };
        let mut batches = Vec::new();
        let mut at = start;
        while at < end {
            let next = size.step(at, 1);
            batches.push(Batch {
                start: at,
                end: next,
            });
            at = next;
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn starts(size: BatchSize, lookback: u32, now: &str, fresh: bool) -> Vec<String> {
        let spec = Microbatch {
            event_time: "t".into(),
            batch_size: size,
            begin: at("2024-01-30T12:00:00Z"),
            lookback,
        };
        let batches = spec.batches(at(now), fresh, None, None);
        let start = |batch: &Batch| batch.start.format("%m-%dT%H").to_string();
        batches.iter().map(start).collect()
    }

    #[test]
    fn a_first_run_begins_at_begin_and_a_later_one_looks_back() {
        let day = |now, fresh| starts(BatchSize::Day, 1, now, fresh);
        assert_eq!(
            day("2024-02-01T06:00:00Z", true),
            ["01-30T00", "01-31T00", "02-01T00"]
        );
        assert_eq!(day("2024-02-01T06:00:00Z", false), ["01-31T00", "02-01T00"]);
        // At midnight the day that has ended is the current one.
        assert_eq!(day("2024-02-01T00:00:00Z", false), ["01-30T00", "01-31T00"]);
        assert_eq!(
            starts(BatchSize::Month, 1, "2024-03-31T00:00:00Z", false),
            ["02-01T00", "03-01T00"]
        );
        assert_eq!(
            starts(BatchSize::Hour, 1, "2024-02-01T00:30:00Z", false),
            ["01-31T23", "02-01T00"]
        );
    }

    #[test]
    fn asked_for_times_are_widened_to_whole_batches() {
        let spec = Microbatch {
            event_time: "t".into(),
            batch_size: BatchSize::Day,
            begin: at("2024-01-01T00:00:00Z"),
            lookback: 1,
        };
        let (from, to) = (at("2024-01-05T03:00:00Z"), at("2024-01-06T01:00:00Z"));
        let batches = spec.batches(at("2025-01-01T00:00:00Z"), false, Some(from), Some(to));
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[0].start, at("2024-01-05T00:00:00Z"));
        assert_eq!(batches[1].end, at("2024-01-07T00:00:00Z"));
    }
}
