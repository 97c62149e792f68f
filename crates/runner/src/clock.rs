//! Where the time comes from.

use chrono::{DateTime, Utc};

/// Passed in, so that a run can be repeated to the byte.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    System,
    /// Stands still: every time that a run writes down is this one.
    Fixed(DateTime<Utc>),
}

impl Clock {
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Clock::System => Utc::now(),
            Clock::Fixed(at) => *at,
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }
}
