//! A curve as small as a word.

use super::scale::Scale;
use crate::format;
use crate::markup::{Builder, Markup, Px, put};

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 20.0;
const PAD: f64 = 2.0;

/// The points over their own range; nothing where fewer than two are numbers.
pub fn spark(points: &[(f64, f64)]) -> Markup {
    let finite = || points.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
    if finite().count() < 2 {
        return Markup::default();
    }
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        finite()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            })
    };
    let (low, high) = bounds(|p| p.1);
    let x = Scale::new(bounds(|p| p.0), (PAD, WIDTH - PAD));
    let y = Scale::new((low, high), (HEIGHT - PAD, PAD));
    let mut out = Builder::default();
    put!(
        out,
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"from {} to {}\"><path d=\"",
        format::number(low),
        format::number(high)
    );
    for (i, (px, py)) in finite().enumerate() {
        let pen = if i == 0 { 'M' } else { 'L' };
        put!(out, "{pen}{} {}", Px(x.at(*px)), Px(y.at(*py)));
    }
    put!(out, "\"/></svg>");
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_fills_its_box_and_one_point_draws_nothing() {
        let drawn = spark(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)]).to_string();
        assert!(drawn.contains("d=\"M2 18L94 2\""), "{drawn}");
        assert!(spark(&[(0.0, 1.0)]).is_empty());
    }
}
