//! `/services` and `/services/<name>`: a served model: how to ask it, and how it fares.

use askama::Template;

use super::overview::ServiceRow;
use super::part::{NodeLink, Status};
use super::{Page, render};
use crate::chart::{Axis, Mark, Plot, limit_bar};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "services.html")]
pub struct Services {
    pub services: Vec<ServiceRow>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "service.html")]
pub struct Service {
    pub service: ServiceRow,
    pub node: Option<NodeLink>,
    pub run_id: Option<String>,
    /// Probability at or above which the answer is yes.
    /// Of a service that says yes or no.
    pub threshold: Option<f64>,
    /// What a request must give.
    pub fields: Vec<RequestField>,
    /// A command line that asks for one prediction.
    pub curl: String,
    /// What went wrong with the form's values; None: nothing was asked yet.
    pub tried: Option<Try>,
    /// Oldest first; minutes without a request may be left out.
    pub traffic: Vec<Minute>,
    pub delay: Option<Delay>,
    pub drift: Vec<Drift>,
    /// Which rows the drift is about: `December 2013 against the training rows`.
    pub drift_of: String,
    /// Newest first.
    pub recent: Vec<PredictionRow>,
}

/// An input of the service.
#[derive(Clone, Debug)]
pub struct RequestField {
    pub name: String,
    /// The protocol's: `BYTES`, `INT64`, `FP64`, `BOOL`.
    pub datatype: String,
    pub description: String,
    /// Fills the form.
    pub example: String,
    pub required: bool,
}

/// The form was sent and refused.
#[derive(Clone, Debug)]
pub struct Try {
    pub error: String,
}

/// Requests of one minute.
#[derive(Clone, Copy, Debug)]
pub struct Minute {
    pub at_ms: i64,
    pub answered: u64,
    pub refused: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Over all requests that the monitor looks at.
#[derive(Clone, Debug)]
pub struct Delay {
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// As written: `p99 < 20ms`.
    pub rule: Option<String>,
    pub limit_ms: Option<f64>,
    pub status: Option<Status>,
}

/// How far one input, or the score, is from the training rows.
#[derive(Clone, Debug)]
pub struct Drift {
    pub column: String,
    /// The statistic of the rule: `psi`.
    pub statistic: String,
    pub value: f64,
    pub limit: f64,
    pub broken: bool,
}

#[derive(Clone, Debug)]
pub struct PredictionRow {
    pub id: String,
    pub at_ms: i64,
    pub version: u64,
    pub score: f64,
    pub label: String,
    /// Entity keys, as `carrier=UA, origin=EWR`.
    pub keys: String,
    pub stale_features: u64,
}

impl PredictionRow {
    fn href(&self) -> String {
        link::prediction(&self.id)
    }
}

const MINUTE: f64 = 60_000.0;

impl Service {
    fn plots(&self) -> Vec<Markup> {
        match (self.traffic.first(), self.traffic.last()) {
            (Some(first), Some(last)) => {
                // At least a quarter of an hour, so that the first minute is not all there is.
                let from = first.at_ms.min(last.at_ms - 14 * 60_000);
                let axis = || Axis::time("UTC", from, last.at_ms + 60_000);
                vec![self.traffic_plot(axis()), self.delay_plot(axis())]
            }
            _ => Vec::new(),
        }
    }

    fn traffic_plot(&self, x: Axis) -> Markup {
        let bar = |m: &Minute, from: u64, n: u64, word: &str| {
            let (at, from) = (m.at_ms as f64, from as f64);
            let says = format!("{}: {} {word}", format::clock(m.at_ms), format::count(n));
            (at, at + MINUTE, from, from + n as f64, says)
        };
        let answered = self
            .traffic
            .iter()
            .map(|m| bar(m, 0, m.answered, "answered"));
        let refused = self.traffic.iter().filter(|m| m.refused > 0);
        let refused: Vec<_> = refused
            .map(|m| bar(m, m.answered, m.refused, "refused"))
            .collect();
        let mut marks = vec![Mark::Columns {
            class: "a",
            label: "answered".to_owned(),
            bars: answered.collect(),
        }];
        if !refused.is_empty() {
            marks.push(Mark::Columns {
                class: "bad",
                label: "refused".to_owned(),
                bars: refused,
            });
        }
        let plot = Plot {
            title: "Requests a minute".to_owned(),
            description: "Requests answered and refused in each minute".to_owned(),
            x,
            y: Axis::from_zero(
                "requests",
                self.traffic.iter().map(|m| (m.answered + m.refused) as f64),
            ),
            marks,
        };
        plot.figure()
    }

    fn delay_plot(&self, x: Axis) -> Markup {
        let curve = |value: fn(&Minute) -> f64| -> Vec<(f64, f64)> {
            let middle = |m: &Minute| m.at_ms as f64 + MINUTE / 2.0;
            self.traffic.iter().map(|m| (middle(m), value(m))).collect()
        };
        let plot = Plot {
            title: "Delay".to_owned(),
            description: "Median and 99th percentile of the answering time in each minute"
                .to_owned(),
            x,
            y: Axis::from_zero("milliseconds", self.traffic.iter().map(|m| m.p99_ms)),
            marks: vec![
                Mark::Line {
                    class: "b",
                    label: "p99".to_owned(),
                    points: curve(|m| m.p99_ms),
                },
                Mark::Line {
                    class: "a",
                    label: "p50".to_owned(),
                    points: curve(|m| m.p50_ms),
                },
            ],
        };
        plot.figure()
    }

    /// Column, value and limit as text, bar; the greatest share of its limit first.
    fn drift_rows(&self) -> Vec<(&Drift, Markup)> {
        let mut rows: Vec<&Drift> = self.drift.iter().collect();
        rows.sort_by(|a, b| (b.value / b.limit).total_cmp(&(a.value / a.limit)));
        // Every bar has its limit at two fifths of the width, so that rows compare.
        let bar = |d: &Drift| limit_bar(d.value, d.limit, d.limit * 2.5, d.broken);
        rows.into_iter().map(|d| (d, bar(d))).collect()
    }

    fn drift_sentence(&self) -> &str {
        self.drift_of.trim_end_matches('.')
    }

    fn broken(&self) -> usize {
        self.drift.iter().filter(|d| d.broken).count()
    }
}

impl ServiceRow {
    pub(crate) fn href(&self) -> String {
        link::service(&self.name)
    }

    pub(crate) fn model_href(&self) -> String {
        link::model(&self.model)
    }

    /// `late_arrival v3 (champion)`.
    pub(crate) fn served(&self) -> String {
        let version = self.version.map_or(String::new(), |v| format!(" v{v}"));
        let alias = self
            .alias
            .as_ref()
            .map_or(String::new(), |a| format!(" ({a})"));
        format!("{}{version}{alias}", self.model)
    }
}

impl Page for Services {
    fn title(&self) -> String {
        "Services".to_owned()
    }

    fn section(&self) -> Section {
        Section::Services
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Service {
    fn title(&self) -> String {
        self.service.name.clone()
    }

    fn section(&self) -> Section {
        Section::Services
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Services", "/services")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
