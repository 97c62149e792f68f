//! K-means: Lloyd's iterations from k-means++ seeds (Arthur and Vassilvitskii 2007).

use forebay_core::ml::KMeans;
use serde::{Deserialize, Serialize};

use super::design::Design;
use crate::encode::Encoder;
use crate::gbdt::Matrix;
use crate::rng::Rng;
use crate::threads;

const BLOCK: usize = 4096;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    pub design: Design,
    /// In the design's inputs.
    pub centres: Vec<Vec<f64>>,
}

impl Clusters {
    pub fn fit(
        encoder: &Encoder,
        matrix: &Matrix,
        parameters: &KMeans,
        seed: u64,
        threads: usize,
    ) -> Self {
        let design = Design::fit(encoder, matrix);
        let points = points(&design, matrix);
        let mut rng = Rng::new(seed);
        let mut best: Option<(f64, Vec<Vec<f64>>)> = None;
        for _ in 0..parameters.starts.max(1) {
            let centres = seeds(&points, parameters.clusters, &mut rng);
            let (inertia, centres) = settle(&points, centres, parameters.max_iterations, threads);
            if best.as_ref().is_none_or(|(least, _)| inertia < *least) {
                best = Some((inertia, centres));
            }
        }
        Self {
            design,
            centres: best.map(|(_, centres)| centres).unwrap_or_default(),
        }
    }

    /// The nearest centre of each row (the first of equals) and the squared distance to it.
    pub fn nearest_all(&self, matrix: &Matrix) -> Vec<(u32, f64)> {
        let points = points(&self.design, matrix);
        points
            .iter()
            .map(|point| nearest(&self.centres, point))
            .collect()
    }

    pub fn check(&self, features: usize) -> Result<(), String> {
        self.design.check(features)?;
        let width = self.design.width();
        match self.centres.iter().all(|centre| centre.len() == width) && !self.centres.is_empty() {
            true => Ok(()),
            false => Err(format!("its centres do not have {width} parts each")),
        }
    }
}

fn points(design: &Design, matrix: &Matrix) -> Vec<Vec<f64>> {
    let mut row = vec![f64::NAN; matrix.width()];
    let point = |index: usize| {
        matrix.read_row(index, &mut row);
        let mut point = vec![0.0; design.width()];
        design.visit(&row, |place, value| point[place] = value);
        point
    };
    (0..matrix.rows()).map(point).collect()
}

fn nearest(centres: &[Vec<f64>], point: &[f64]) -> (u32, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, centre) in centres.iter().enumerate() {
        let distance = distance(centre, point);
        if distance < best.1 {
            best = (index as u32, distance);
        }
    }
    best
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Each next seed is a point chosen by its squared distance to those before.
fn seeds(points: &[Vec<f64>], count: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
    let mut seeds = vec![points[rng.below(points.len())].clone()];
    let mut distances = vec![f64::INFINITY; points.len()];
    while seeds.len() < count.min(points.len()) {
        let newest = &seeds[seeds.len() - 1];
        for (least, point) in distances.iter_mut().zip(points) {
            *least = least.min(distance(newest, point));
        }
        let total: f64 = distances.iter().sum();
        // Fewer different points than clusters.
        if total == 0.0 {
            break;
        }
        let mut left = rng.uniform() * total;
        let chosen = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        seeds.push(points[chosen.unwrap_or(points.len() - 1)].clone());
    }
    seeds
}

/// Moves centres to their points' means until no point changes; the sum of squared distances too.
fn settle(
    points: &[Vec<f64>],
    mut centres: Vec<Vec<f64>>,
    most_iterations: usize,
    threads: usize,
) -> (f64, Vec<Vec<f64>>) {
    let mut of: Vec<(u32, f64)> = vec![(u32::MAX, 0.0); points.len()];
    for _ in 0..most_iterations {
        let before: Vec<u32> = of.iter().map(|(centre, _)| *centre).collect();
        assign(points, &centres, &mut of, threads);
        if of.iter().map(|(centre, _)| centre).eq(&before) {
            break;
        }
        centres = means(points, &of, centres);
    }
    assign(points, &centres, &mut of, threads);
    (of.iter().map(|(_, distance)| distance).sum(), centres)
}

fn assign(points: &[Vec<f64>], centres: &[Vec<f64>], of: &mut [(u32, f64)], threads: usize) {
    let blocks = of.chunks_mut(BLOCK).zip(points.chunks(BLOCK));
    let mut blocks: Vec<_> = blocks.collect();
    threads::for_each(threads, &mut blocks, |(of, points)| {
        for (of, point) in of.iter_mut().zip(points.iter()) {
            *of = nearest(centres, point);
        }
    });
}

/// A centre without points stays where it is.
fn means(points: &[Vec<f64>], of: &[(u32, f64)], centres: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let width = centres.first().map_or(0, Vec::len);
    let mut sums = vec![(0.0, vec![0.0; width]); centres.len()];
    for (point, (centre, _)) in points.iter().zip(of) {
        let (count, sum) = &mut sums[*centre as usize];
        *count += 1.0;
        for (sum, value) in sum.iter_mut().zip(point) {
            *sum += value;
        }
    }
    let mean = |((count, sum), old): ((f64, Vec<f64>), Vec<f64>)| match count > 0.0 {
        true => sum.into_iter().map(|value| value / count).collect(),
        false => old,
    };
    sums.into_iter().zip(centres).map(mean).collect()
}
