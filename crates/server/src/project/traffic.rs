//! How many requests each service got and how long they took, minute by minute for an hour.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

const MINUTES: usize = 60;
const MINUTE_MS: i64 = 60_000;

/// Upper bounds of the delay buckets, in microseconds: four to a doubling, to 17 minutes.
fn bucket(micros: u64) -> usize {
    ((micros.max(1) as f64).log2() * 4.0).ceil() as usize
}

fn bound_ms(bucket: usize) -> f64 {
    2_f64.powf(bucket as f64 / 4.0) / 1e3
}

#[derive(Default)]
pub struct Traffic {
    services: Mutex<BTreeMap<String, Counts>>,
}

/// Since the server started.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub predictions: u64,
    pub answered: u64,
    pub refused: u64,
    /// Sum of the answering times.
    pub seconds: f64,
    pub delays: Delays,
    /// Oldest first.
    pub minutes: VecDeque<Minute>,
}

#[derive(Clone, Debug, Default)]
pub struct Minute {
    /// Milliseconds since the epoch of its beginning.
    pub at_ms: i64,
    pub answered: u64,
    pub refused: u64,
    pub delays: Delays,
}

/// A histogram of answering times with a relative error below a fifth.
#[derive(Clone, Debug, Default)]
pub struct Delays {
    buckets: Vec<u64>,
    total: u64,
}

impl Delays {
    fn add(&mut self, delay: Duration) {
        let bucket = bucket(delay.as_micros() as u64);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.total += 1;
    }

    /// The delay that the share of requests stayed below, in milliseconds. None without requests.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let wanted = (share * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|n| {
            seen += n;
            seen >= wanted
        });
        found.map(bound_ms)
    }
}

impl Traffic {
    /// `rows`: predictions of the answer; None where the request was refused.
    pub fn record(&self, service: &str, now_ms: i64, delay: Duration, rows: Option<usize>) {
        let mut services = self.services.lock().unwrap_or_else(|e| e.into_inner());
        if !services.contains_key(service) {
            services.insert(service.to_owned(), Counts::default());
        }
        let Some(counts) = services.get_mut(service) else {
            return;
        };
        let at_ms = now_ms - now_ms.rem_euclid(MINUTE_MS);
        if counts
            .minutes
            .back()
            .is_none_or(|minute| minute.at_ms < at_ms)
        {
            counts.minutes.push_back(Minute {
                at_ms,
                ..Minute::default()
            });
            if counts.minutes.len() > MINUTES {
                counts.minutes.pop_front();
            }
        }
        counts.delays.add(delay);
        counts.seconds += delay.as_secs_f64();
        let minute = counts
            .minutes
            .back_mut()
            .filter(|minute| minute.at_ms == at_ms);
        let (answered, refused) = (u64::from(rows.is_some()), u64::from(rows.is_none()));
        counts.predictions += rows.unwrap_or(0) as u64;
        counts.answered += answered;
        counts.refused += refused;
        if let Some(minute) = minute {
            minute.answered += answered;
            minute.refused += refused;
            minute.delays.add(delay);
        }
    }

    pub fn of(&self, service: &str) -> Counts {
        let services = self.services.lock().unwrap_or_else(|e| e.into_inner());
        services.get(service).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_what_was_recorded() {
        let traffic = Traffic::default();
        for ms in 1..=100 {
            traffic.record("s", 60_000, Duration::from_millis(ms), Some(2));
        }
        traffic.record("s", 120_000, Duration::from_millis(5), None);
        let counts = traffic.of("s");
        assert_eq!(
            (counts.predictions, counts.answered, counts.refused),
            (200, 100, 1)
        );
        assert_eq!(counts.minutes.len(), 2);
        let p50 = counts.minutes[0].delays.quantile_ms(0.5).unwrap();
        assert!((50.0..60.0).contains(&p50), "{p50}");
        assert_eq!(traffic.of("other").delays.quantile_ms(0.99), None);
    }
}
