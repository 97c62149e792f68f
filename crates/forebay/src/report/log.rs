//! Where what is said goes as events: to stdout as JSON, and to the log file as JSON or text.

use chrono::{DateTime, SecondsFormat, Utc};
use forebay_runner::Clock;
use serde_json::{Value as Json, json};

use super::file::File;
use super::kinds::Kind;
use super::out;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    /// Above everything that is said.
    Nothing,
}

impl Level {
    pub const ALL: &[(&str, Level)] = &[
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
        ("none", Level::Nothing),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, level)| *level == self);
        found.map_or("", |(name, _)| name)
    }
}

/// One thing that is said.
pub struct Entry<'a> {
    pub kind: Kind,
    pub level: Level,
    pub msg: &'a str,
    /// Asked for where somebody reads JSON.
    pub data: &'a dyn Fn() -> Json,
}

pub struct Log {
    pub clock: Clock,
    pub invocation: String,
    pub began: DateTime<Utc>,
    /// The least that stdout gets.
    pub level: Level,
    /// stdout is events, one object a line: what is asked for goes there as events, too.
    pub json: bool,
    pub file: Option<File>,
}

impl Log {
    /// Seconds since the program began.
    pub fn elapsed(&self) -> f64 {
        (self.clock.now() - self.began).num_milliseconds() as f64 / 1e3
    }

    pub fn write(&self, entry: &Entry<'_>) {
        let at = self.clock.now();
        if self.json && entry.level >= self.level {
            let _ = out::line(&self.object(entry, at));
        }
        if let Some(file) = self.file.as_ref().filter(|file| entry.level >= file.level) {
            let text = match file.json {
                true => self.object(entry, at),
                false => line(entry, at),
            };
            file.write(&text, || headline(at, &self.invocation));
        }
    }

    fn object(&self, entry: &Entry<'_>, at: DateTime<Utc>) -> String {
        let event = json!({
            "info": {
                "category": "",
                "code": entry.kind.1,
                "extra": {},
                "invocation_id": self.invocation,
                "level": entry.level.as_str(),
                "msg": entry.msg,
                "name": entry.kind.0,
                "pid": std::process::id(),
                "thread": "MainThread",
                "ts": stamp(at),
            },
            "data": (entry.data)(),
        });
        event.to_string()
    }
}

/// As dbt stamps events and artifacts.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `12:08:51.123456 [info ] [MainThread]: Running with forebay=0.1.0`.
fn line(entry: &Entry<'_>, at: DateTime<Utc>) -> String {
    let (time, level) = (at.format("%H:%M:%S%.6f"), entry.level.as_str());
    format!("{time} [{level:<5}] [MainThread]: {}", entry.msg)
}

fn headline(at: DateTime<Utc>, invocation: &str) -> String {
    let rule = "=".repeat(30);
    format!(
        "\n\n{rule} {} | {invocation} {rule}",
        at.format("%H:%M:%S%.6f")
    )
}
