//! The time axis of a run: one for the table's head, one bar for each row under it.

use super::scale::{Scale, time_ticks};
use crate::format;
use crate::markup::{Builder, Markup, Px, Text, put};
use crate::page::Status;

/// From the first start to the last end, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    from_ms: i64,
    to_ms: i64,
}

impl Timeline {
    /// None where nothing has started.
    pub fn over(spans: impl IntoIterator<Item = (i64, i64)>) -> Option<Self> {
        let mut spans = spans.into_iter();
        let (from, to) = spans.next()?;
        let (from_ms, to_ms) = spans.fold((from, to), |(from, to), s| (from.min(s.0), to.max(s.1)));
        Some(Self {
            from_ms,
            to_ms: to_ms.max(from_ms + 1),
        })
    }

    fn percent(&self) -> Scale {
        Scale::new((0.0, (self.to_ms - self.from_ms) as f64), (0.0, 100.0))
    }

    fn ticks(&self) -> impl Iterator<Item = (i64, f64)> {
        let (scale, length) = (self.percent(), self.to_ms - self.from_ms);
        time_ticks(0, length, 5)
            .into_iter()
            .map(move |t| (t, scale.at(t as f64)))
    }

    /// Time since the start of the run.
    pub fn axis(&self) -> Markup {
        let mut out = Builder::default();
        put!(out, "<svg class=\"timeline\" aria-hidden=\"true\">");
        for (ms, at) in self.ticks().filter(|(_, at)| *at < 94.0) {
            let label = tick(ms);
            put!(
                out,
                "<text x=\"{}%\" dx=\"3\" y=\"14\">{}</text>",
                Px(at),
                Text(&label)
            );
        }
        put!(out, "</svg>");
        out.finish()
    }

    /// One node run. Bars too short to see are two pixels wide.
    pub fn bar(&self, from_ms: i64, to_ms: i64, status: Status) -> Markup {
        let scale = self.percent();
        let (left, right) = (
            scale.at((from_ms - self.from_ms) as f64),
            scale.at((to_ms - self.from_ms) as f64),
        );
        let mut out = Builder::default();
        let after = format::duration(from_ms - self.from_ms);
        put!(
            out,
            "<svg class=\"timeline\" role=\"img\" aria-label=\"starts after {after}\">"
        );
        for (_, at) in self.ticks() {
            put!(
                out,
                "<line class=\"tick\" x1=\"{0}%\" x2=\"{0}%\" y2=\"100%\"/>",
                Px(at)
            );
        }
        let class = status.class();
        put!(
            out,
            "<rect class=\"hair {class}\" x=\"{}%\" y=\"4\" width=\"2\" height=\"12\"/>",
            Px(left)
        );
        let (left, width) = (Px(left), Px((right - left).max(0.0)));
        put!(
            out,
            "<rect class=\"{class}\" x=\"{left}%\" y=\"4\" rx=\"2\" width=\"{width}%\" height=\"12\"/></svg>"
        );
        out.finish()
    }
}

/// Ticks are round, so what a length of time has after its unit is zero.
fn tick(ms: i64) -> String {
    match ms {
        0 => "0".to_owned(),
        ms => format::duration(ms)
            .replace(".0 s", " s")
            .replace(" 00 s", "")
            .replace(" 00 min", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        let ticks = [0, 500, 10_000, 90_000, 120_000, 7_200_000].map(tick);
        assert_eq!(ticks, ["0", "500 ms", "10 s", "1 min 30 s", "2 min", "2 h"]);
    }

    #[test]
    fn bars_lie_where_their_times_are_and_nothing_started_draws_nothing() {
        assert!(Timeline::over([]).is_none());
        let timeline = Timeline::over([(1_000, 2_000), (1_500, 5_000)]).unwrap();
        let bar = timeline.bar(2_000, 3_000, Status::Success).to_string();
        assert!(
            bar.contains("x=\"25%\"") && bar.contains("width=\"25%\""),
            "{bar}"
        );
    }
}
