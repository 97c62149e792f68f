//! A plot with two axes: lines, dots, columns and thresholds.

use super::scale::{Scale, labels, log_ticks, ticks, time_ticks};
use crate::format;
use crate::markup::{Builder, Markup, Px, Text, put};

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 42.0;

/// What an axis measures, and its ticks.
#[derive(Clone, Debug)]
pub struct Axis {
    label: String,
    domain: (f64, f64),
    ticks: Vec<(f64, String)>,
    log: bool,
}

impl Axis {
    /// From zero or the smallest value to the largest, whichever holds all of them.
    pub fn over(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        match low <= high {
            true => Self::between(label, low, high),
            false => Self::between(label, 0.0, 1.0),
        }
    }

    /// Like [`Axis::over`], and zero is on it.
    pub fn from_zero(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self::over(label, values.into_iter().chain([0.0]))
    }

    pub fn between(label: &str, low: f64, high: f64) -> Self {
        // A lone value stands in the middle, with room in its own scale.
        let room = if low == 0.0 { 0.5 } else { low.abs() * 0.05 };
        let (low, high) = if high > low {
            (low, high)
        } else {
            (low - room, low + room)
        };
        let ticks = ticks(low, high, 5);
        // The axis ends on a tick where that costs little room.
        let step = if ticks.len() > 1 {
            ticks[1] - ticks[0]
        } else {
            0.0
        };
        let round = |v: f64, up: bool| match (step > 0.0, up) {
            (true, true) => (v / step - 1e-9).ceil() * step,
            (true, false) => (v / step + 1e-9).floor() * step,
            (false, _) => v,
        };
        let domain = (round(low, false), round(high, true));
        Self::with_ticks(label, domain, &super::scale::ticks(domain.0, domain.1, 5))
    }

    /// Logarithmic, over those of the values that are above zero; linear where none is.
    pub fn log(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let above = values.into_iter().filter(|v| v.is_finite() && *v > 0.0);
        let (low, high) = above.fold((f64::INFINITY, 0.0f64), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        if low > high {
            return Self::between(label, 0.0, 1.0);
        }
        let (low, high) = if high > low * 1.001 {
            (low, high)
        } else {
            (low / 2.0, high * 2.0)
        };
        let ticks = log_ticks(low, high);
        let tick = |t: f64| (t, format::number(t));
        Self {
            label: label.to_owned(),
            domain: (low, high),
            ticks: ticks.into_iter().map(tick).collect(),
            log: true,
        }
    }

    /// A name a place: 0, 1, 2, ...
    pub fn names(label: &str, names: &[String]) -> Self {
        let tick = |(place, name): (usize, &String)| (place as f64, format::clip(name, 12));
        let step = names.len().div_ceil(8).max(1);
        Self {
            label: label.to_owned(),
            domain: (-0.5, names.len() as f64 - 0.5),
            ticks: names.iter().enumerate().step_by(step).map(tick).collect(),
            log: false,
        }
    }

    fn scale(&self, range: (f64, f64)) -> Scale {
        let scale = Scale::new(self.domain, range);
        if self.log { scale.logarithmic() } else { scale }
    }

    /// Instants in milliseconds since 1970, told as clock times.
    pub fn time(label: &str, from_ms: i64, to_ms: i64) -> Self {
        let ticks = time_ticks(from_ms, to_ms, 5);
        Self {
            label: label.to_owned(),
            domain: (from_ms as f64, to_ms as f64),
            ticks: ticks
                .iter()
                .map(|t| (*t as f64, format::clock(*t)))
                .collect(),
            log: false,
        }
    }

    fn with_ticks(label: &str, domain: (f64, f64), ticks: &[f64]) -> Self {
        Self {
            label: label.to_owned(),
            domain,
            ticks: ticks.iter().copied().zip(labels(ticks)).collect(),
            log: false,
        }
    }
}

/// Series that are many: run after run, curve after curve.
pub const SERIES: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];

/// The class of the nth of many series.
pub fn series(nth: usize) -> &'static str {
    SERIES[nth % SERIES.len()]
}

/// What is drawn. `class` names a series of the style sheet: `a`, `b`, `ok`, `bad`, `guide`, one of [`SERIES`].
#[derive(Clone, Debug)]
pub enum Mark {
    Line {
        class: &'static str,
        label: String,
        points: Vec<(f64, f64)>,
    },
    /// `(x, y, share of the largest dot's area, what the dot says)`.
    Dots {
        class: &'static str,
        label: String,
        points: Vec<(f64, f64, f64, String)>,
    },
    /// `(x from, x to, y from, y to, what the column says)`.
    Columns {
        class: &'static str,
        label: String,
        bars: Vec<(f64, f64, f64, f64, String)>,
    },
    /// A dashed line between two points: the diagonal, a threshold.
    Guide {
        label: String,
        from: (f64, f64),
        to: (f64, f64),
    },
}

impl Mark {
    fn legend(&self) -> (&str, &str) {
        match self {
            Mark::Line { class, label, .. }
            | Mark::Dots { class, label, .. }
            | Mark::Columns { class, label, .. } => (class, label),
            Mark::Guide { label, .. } => ("guide", label),
        }
    }
}

/// A picture of marks over two axes.
#[derive(Clone, Debug)]
pub struct Plot {
    pub title: String,
    /// What the picture shows, in words: for those who do not see it.
    pub description: String,
    pub x: Axis,
    pub y: Axis,
    pub marks: Vec<Mark>,
}

impl Plot {
    /// A `<figure>` with the title as its caption and a legend of the labelled marks.
    pub fn figure(&self) -> Markup {
        let mut out = Builder::default();
        put!(
            out,
            "<figure class=\"plot\"><figcaption>{}</figcaption>",
            Text(&self.title)
        );
        self.legend(&mut out);
        put!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title><desc>{}</desc>",
            Text(&self.title),
            Text(&self.description)
        );
        let x = self.x.scale((LEFT, WIDTH - RIGHT));
        let y = self.y.scale((HEIGHT - BOTTOM, TOP));
        self.axes(&mut out, x, y);
        for mark in &self.marks {
            draw(&mut out, mark, x, y);
        }
        put!(out, "</svg></figure>");
        out.finish()
    }

    fn legend(&self, out: &mut Builder) {
        let labelled = || {
            self.marks
                .iter()
                .map(Mark::legend)
                .filter(|(_, l)| !l.is_empty())
        };
        if labelled().next().is_none() {
            return;
        }
        put!(out, "<ul class=\"legend\">");
        for (class, label) in labelled() {
            put!(
                out,
                "<li><i class=\"series-{class}\"></i>{}</li>",
                Text(label)
            );
        }
        put!(out, "</ul>");
    }

    fn axes(&self, out: &mut Builder, x: Scale, y: Scale) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        put!(out, "<g class=\"axis\">");
        for (value, label) in &self.y.ticks {
            let at = Px(y.at(*value));
            put!(out, "<path d=\"M{LEFT} {at}H{right}\"/>");
            let text = Px(y.at(*value) + 4.0);
            put!(
                out,
                "<text class=\"end\" x=\"{}\" y=\"{text}\">{}</text>",
                LEFT - 7.0,
                Text(label)
            );
        }
        for (value, label) in &self.x.ticks {
            let at = Px(x.at(*value));
            put!(out, "<path d=\"M{at} {bottom}v4\"/>");
            put!(
                out,
                "<text class=\"mid\" x=\"{at}\" y=\"{}\">{}</text>",
                bottom + 17.0,
                Text(label)
            );
        }
        let (middle, base) = ((LEFT + right) / 2.0, HEIGHT - 5.0);
        put!(
            out,
            "<text class=\"mid name\" x=\"{middle}\" y=\"{base}\">{}</text>",
            Text(&self.x.label)
        );
        let half = (TOP + bottom) / 2.0;
        put!(
            out,
            "<text class=\"mid name\" transform=\"translate(12 {half}) rotate(-90)\">{}</text></g>",
            Text(&self.y.label)
        );
    }
}

fn draw(out: &mut Builder, mark: &Mark, x: Scale, y: Scale) {
    match mark {
        Mark::Line { class, points, .. } => line(out, class, points, x, y),
        Mark::Dots { class, points, .. } => {
            for (px, py, share, says) in
                points.iter().filter(|p| p.0.is_finite() && p.1.is_finite())
            {
                let (cx, cy, r) = (Px(x.at(*px)), Px(y.at(*py)), Px(2.5 + 4.5 * share.sqrt()));
                put!(
                    out,
                    "<circle class=\"dot series-{class}\" cx=\"{cx}\" cy=\"{cy}\" r=\"{r}\">"
                );
                put!(out, "<title>{}</title></circle>", Text(says));
            }
        }
        Mark::Columns { class, bars, .. } => {
            for (x0, x1, y0, y1, says) in bars {
                let (left, right) = (x.at(*x0), x.at(*x1));
                let (top, bottom) = (y.at(*y1), y.at(*y0));
                let width = Px((right - left - 1.0).max(0.75));
                let height = Px((bottom - top).max(0.0));
                let (left, top) = (Px(left), Px(top));
                put!(
                    out,
                    "<rect class=\"series-{class}\" x=\"{left}\" y=\"{top}\" "
                );
                put!(
                    out,
                    "width=\"{width}\" height=\"{height}\"><title>{}</title></rect>",
                    Text(says)
                );
            }
        }
        Mark::Guide { from, to, .. } => {
            let (x0, y0) = (Px(x.at(from.0)), Px(y.at(from.1)));
            let (x1, y1) = (Px(x.at(to.0)), Px(y.at(to.1)));
            put!(
                out,
                "<path class=\"line series-guide\" d=\"M{x0} {y0}L{x1} {y1}\"/>"
            );
        }
    }
}

/// A gap in the values is a gap in the line; a point between two gaps is a dot.
fn line(out: &mut Builder, class: &str, points: &[(f64, f64)], x: Scale, y: Scale) {
    put!(out, "<path class=\"line series-{class}\" d=\"");
    let mut pen = 'M';
    for (px, py) in points {
        let (px, py) = (x.at(*px), y.at(*py));
        if px.is_finite() && py.is_finite() {
            let end = if pen == 'M' { "h0" } else { "" };
            put!(out, "{pen}{} {}{end}", Px(px), Px(py));
            pen = 'L';
        } else {
            pen = 'M';
        }
    }
    put!(out, "\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> String {
        let marks = vec![Mark::Line {
            class: "a",
            label: "x < y".into(),
            points,
        }];
        let plot = Plot {
            title: "T & U".into(),
            description: "d".into(),
            x: Axis::between("x", 0.0, 1.0),
            y: Axis::between("y", 0.0, 1.0),
            marks,
        };
        plot.figure().to_string()
    }

    #[test]
    fn a_plot_says_in_words_what_it_shows_and_escapes_them() {
        let svg = plot(vec![(0.0, 0.0), (1.0, 1.0)]);
        assert!(svg.contains("<title>T &amp; U</title><desc>d</desc>"));
        assert!(svg.contains("x &lt; y</li>"));
        assert!(svg.contains("d=\"M60 208h0L366 10\""), "{svg}");
    }

    #[test]
    fn what_is_not_a_number_is_a_gap() {
        let svg = plot(vec![(0.0, 0.0), (0.5, f64::NAN), (1.0, 1.0)]);
        assert!(svg.contains("d=\"M60 208h0M366 10h0\""), "{svg}");
    }

    #[test]
    fn axes_of_no_or_equal_values_still_have_ticks() {
        assert!(!Axis::over("x", []).ticks.is_empty());
        assert!(!Axis::over("x", [3.0, 3.0]).ticks.is_empty());
        assert_eq!(Axis::from_zero("x", [9.3]).domain, (0.0, 10.0));
    }
}
