//! Parallel coordinates: an upright axis a quantity, a line a run.
//!
//! Inselberg, The plane with parallel coordinates, 1985.

use super::plot::series;
use super::scale::Scale;
use crate::format;
use crate::markup::{Builder, Markup, Px, Text, put};

const HEIGHT: f64 = 280.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 14.0;
const SIDE: f64 = 70.0;
/// Between two axes: as wide as few of them may be, never too near to read.
const GAPS: (f64, f64) = (132.0, 250.0);
const ROOM: f64 = 980.0;
/// Names longer than this are cut on the axis; the title has them whole.
const LONGEST: usize = 18;
const MOST_NAMES: usize = 12;
/// Positive numbers that differ by this factor are laid out by their logarithms, as learning rates are
/// searched: else all but the largest would lie on one point.
const WIDE: f64 = 100.0;

/// One quantity with a value a run, None where the run has none.
#[derive(Clone, Debug)]
pub struct ParallelAxis {
    pub label: String,
    pub values: Values,
}

#[derive(Clone, Debug)]
pub enum Values {
    Numbers(Vec<Option<f64>>),
    /// Every name is a place of its own, in the order of the names.
    Names(Vec<Option<String>>),
}

impl ParallelAxis {
    /// Numbers where all values that are there read as such, names elsewhere.
    pub fn read(label: &str, texts: Vec<Option<String>>) -> Self {
        let number = |text: &String| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let numbers: Vec<Option<f64>> = texts.iter().map(|t| t.as_ref().and_then(number)).collect();
        let all = texts
            .iter()
            .zip(&numbers)
            .all(|(text, n)| text.is_some() == n.is_some());
        Self {
            label: label.to_owned(),
            values: if all {
                Values::Numbers(numbers)
            } else {
                Values::Names(texts)
            },
        }
    }

    /// Each run's height on the axis, and what is written beside it.
    fn laid(&self) -> (Vec<Option<f64>>, Vec<(f64, String)>) {
        let range = (HEIGHT - BOTTOM, TOP);
        match &self.values {
            Values::Numbers(numbers) => {
                let finite = || numbers.iter().flatten().filter(|n| n.is_finite());
                let low = finite().copied().fold(f64::INFINITY, f64::min);
                let high = finite().copied().fold(f64::NEG_INFINITY, f64::max);
                let is_log = low > 0.0 && high / low >= WIDE;
                let place = |n: f64| if is_log { n.log10() } else { n };
                let scale = Scale::new((place(low), place(high)), range);
                let at = |n: &Option<f64>| n.filter(|n| n.is_finite()).map(|n| scale.at(place(n)));
                let mut ends: Vec<f64> = finite()
                    .copied()
                    .filter(|n| *n == low || *n == high)
                    .collect();
                ends.sort_by(f64::total_cmp);
                ends.dedup();
                let mark = |n: f64| (scale.at(place(n)), format::number(n));
                (
                    numbers.iter().map(at).collect(),
                    ends.into_iter().map(mark).collect(),
                )
            }
            Values::Names(names) => {
                let mut known: Vec<&String> = names.iter().flatten().collect();
                known.sort();
                known.dedup();
                let scale = Scale::new((0.0, known.len() as f64 - 1.0), range);
                let place = |name: &String| {
                    let at = known.binary_search(&name).ok()?;
                    Some(scale.at(at as f64))
                };
                let at = |name: &Option<String>| name.as_ref().and_then(place);
                let step = known.len().div_ceil(MOST_NAMES).max(1);
                let marks = known.iter().step_by(step);
                let mark = |name: &&String| (place(name).unwrap_or(TOP), (*name).clone());
                (names.iter().map(at).collect(), marks.map(mark).collect())
            }
        }
    }
}

/// The picture at its natural size. `runs` are names, in the order of the axes' values.
pub fn parallel(title: &str, axes: &[ParallelAxis], runs: &[String]) -> Markup {
    let steps = axes.len().max(2) - 1;
    let gap = (ROOM / steps as f64).clamp(GAPS.0, GAPS.1);
    let width = Px(2.0 * SIDE + gap * steps as f64);
    let laid: Vec<_> = axes.iter().map(ParallelAxis::laid).collect();
    let mut out = Builder::default();
    put!(
        out,
        "<svg class=\"parallel\" width=\"{width}\" height=\"{HEIGHT}\" viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\">\
         <title>{}</title><desc>An upright axis for each of {} quantities and a line for each of {} runs</desc>",
        Text(title),
        axes.len(),
        runs.len()
    );
    for (nth, name) in runs.iter().enumerate() {
        let heights = laid
            .iter()
            .map(|(heights, _)| heights.get(nth).copied().flatten());
        path(&mut out, nth, name, gap, heights);
    }
    put!(out, "<g class=\"axis\">");
    for (i, (axis, (_, marks))) in axes.iter().zip(&laid).enumerate() {
        let x = Px(SIDE + gap * i as f64);
        put!(
            out,
            "<path class=\"upright\" d=\"M{x} {TOP}V{}\"/>",
            Px(HEIGHT - BOTTOM)
        );
        put!(
            out,
            "<text class=\"mid name\" x=\"{x}\" y=\"16\"><title>{}</title>{}</text>",
            Text(&axis.label),
            Text(&format::clip(&axis.label, LONGEST))
        );
        for (y, mark) in marks {
            put!(
                out,
                "<text class=\"value\" x=\"{}\" y=\"{}\">{}</text>",
                Px(SIDE + gap * i as f64 + 6.0),
                Px(y + 4.0),
                Text(&format::clip(mark, 14))
            );
        }
    }
    put!(out, "</g></svg>");
    out.finish()
}

/// A run's line; where it has no value the line is broken, and a lone value is a short stroke.
fn path(
    out: &mut Builder,
    nth: usize,
    name: &str,
    gap: f64,
    heights: impl Iterator<Item = Option<f64>>,
) {
    put!(out, "<path class=\"line series-{}\" d=\"", series(nth));
    let mut pen = 'M';
    for (i, height) in heights.enumerate() {
        let x = SIDE + gap * i as f64;
        match height {
            Some(y) => {
                let start = if pen == 'M' { "h0" } else { "" };
                put!(out, "{pen}{} {}{start}", Px(x), Px(y));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    put!(out, "\"><title>{}</title></path>", Text(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn values_are_numbers_only_if_all_of_them_are() {
        let numbers = ParallelAxis::read("lr", some(&["0.1", "1e-3"]));
        assert!(matches!(numbers.values, Values::Numbers(_)));
        let names = ParallelAxis::read("depth", some(&["3", "None"]));
        assert!(matches!(names.values, Values::Names(_)));
    }

    #[test]
    fn numbers_of_many_sizes_keep_their_distance() {
        let heights = |texts: &[&str]| ParallelAxis::read("lr", some(texts)).laid().0;
        let rates = heights(&["0.0001", "0.01", "1"]);
        assert_eq!(rates, [Some(266.0), Some(150.0), Some(34.0)]);
        let depths = heights(&["0", "1", "100"]);
        assert!(depths[1] > Some(263.0), "{depths:?}");
    }

    #[test]
    fn a_line_is_broken_where_a_run_has_no_value() {
        let runs = ["a<b".to_owned()];
        let gap = ParallelAxis {
            label: "b".into(),
            values: Values::Numbers(vec![None]),
        };
        let axes = [
            ParallelAxis::read("a", some(&["1"])),
            gap,
            ParallelAxis::read("c", some(&["x"])),
        ];
        let svg = parallel("t", &axes, &runs).to_string();
        assert!(
            svg.contains("d=\"M70 150h0M570 150h0\"><title>a&lt;b</title>"),
            "{svg}"
        );
    }
}
