//! `/experiments/<name>/traces` and `/traces/<id>`: what a program did, call by call.

use askama::Template;

use super::asked::{Asked, Misread};
use super::part::Status;
use super::run_row::{RunLink, way};
use super::{Page, render};
use crate::chart::Timeline;
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "traces.html")]
pub struct Traces {
    pub experiment: String,
    pub asked: Asked,
    pub misread: Option<Misread>,
    pub traces: Vec<TraceRow>,
    pub next: Option<String>,
}

#[derive(Clone, Debug)]
pub struct TraceRow {
    pub id: String,
    pub name: String,
    pub status: Status,
    pub started_ms: i64,
    pub duration_ms: Option<i64>,
    /// The beginnings of what went in and came out.
    pub request: String,
    pub response: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "trace.html")]
pub struct Trace {
    pub trace: TraceRow,
    pub experiment: String,
    pub run: Option<RunLink>,
    pub tags: Vec<(String, String)>,
    pub metadata: Vec<(String, String)>,
    pub assessments: Vec<AssessmentRow>,
    /// Each below the one that it belongs to, the earliest first.
    pub spans: Vec<SpanRow>,
}

/// What a person or a judge says of the trace.
#[derive(Clone, Debug)]
pub struct AssessmentRow {
    pub name: String,
    pub kind: String,
    pub value: String,
    pub valid: bool,
}

#[derive(Clone, Debug)]
pub struct SpanRow {
    pub name: String,
    /// MLflow's: `LLM`, `TOOL`, ...
    pub kind: String,
    pub status: Status,
    pub depth: usize,
    pub started_ns: i64,
    pub finished_ns: Option<i64>,
    pub inputs: String,
    pub outputs: String,
    pub message: String,
    pub attributes: Vec<(String, String)>,
}

impl TraceRow {
    pub(crate) fn href(&self) -> String {
        link::trace(&self.id)
    }

    fn took(&self) -> String {
        self.duration_ms
            .map_or(format::NONE.to_owned(), format::duration)
    }
}

impl SpanRow {
    /// The style sheet knows nine steps.
    fn step(&self) -> usize {
        self.depth.min(8)
    }

    fn took(&self) -> String {
        match self.finished_ns.map(|end| end - self.started_ns) {
            None => format::NONE.to_owned(),
            Some(ns) if ns >= 1_000_000_000 => format::duration(ns / 1_000_000),
            Some(ns) => format::delay(ns as f64 / 1e6),
        }
    }

    /// Microseconds: spans are often shorter than a millisecond.
    fn span(&self) -> (i64, i64) {
        let (from, to) = (self.started_ns, self.finished_ns.unwrap_or(self.started_ns));
        (from / 1_000, (to / 1_000).max(from / 1_000))
    }

    fn details(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("message", &self.message),
            ("in", &self.inputs),
            ("out", &self.outputs),
        ];
        let said = all.into_iter().filter(|(_, text)| !text.is_empty());
        said.map(|(name, text)| (name, text.as_str())).collect()
    }
}

impl Traces {
    fn path(&self) -> String {
        link::traces(&self.experiment)
    }

    fn more(&self) -> Option<String> {
        self.asked.more(self.next.as_ref(), &self.path())
    }
}

impl Trace {
    fn timeline(&self) -> Option<Timeline> {
        Timeline::over(self.spans.iter().map(SpanRow::span))
    }

    fn bar(&self, timeline: &Timeline, span: &SpanRow) -> Markup {
        let (from, to) = span.span();
        timeline.bar(from, to, span.status)
    }
}

impl Page for Traces {
    fn title(&self) -> String {
        format!("Traces of {}", self.experiment)
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn crumbs(&self) -> Vec<Crumb> {
        way(&self.experiment, None)
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Trace {
    fn title(&self) -> String {
        format!("Trace {}", self.trace.name)
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn crumbs(&self) -> Vec<Crumb> {
        let mut crumbs = way(&self.experiment, None);
        crumbs.push(Crumb::new("Traces", link::traces(&self.experiment)));
        crumbs
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
