//! Limited-memory BFGS with a backtracking line search (Nocedal and Wright, Numerical Optimization,
//! algorithm 7.5), for smooth convex functions.

use std::collections::VecDeque;

/// Pairs of steps and changes of gradient that stand for the curvature.
const MEMORY: usize = 10;
/// Share of the slope's promise that a step must keep.
const SUFFICIENT: f64 = 1e-4;
const MOST_HALVINGS: usize = 40;

/// Walks from `x` to the minimum of `f`, which writes its gradient and returns its value. Ends when
/// no part of the gradient is larger than `tolerance`.
pub fn minimise(
    x: &mut Vec<f64>,
    tolerance: f64,
    most_iterations: usize,
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
) {
    let mut gradient = vec![0.0; x.len()];
    let mut value = f(x, &mut gradient);
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..most_iterations {
        if gradient.iter().all(|part| part.abs() <= tolerance) {
            return;
        }
        let direction = direction(&pairs, &gradient);
        let slope = dot(&direction, &gradient);
        let step = if pairs.is_empty() {
            1.0 / norm(&gradient).max(1.0)
        } else {
            1.0
        };
        let Some((next, next_gradient, next_value)) =
            down(x, &direction, (value, slope), step, &mut f)
        else {
            return;
        };
        let moved: Vec<f64> = next.iter().zip(&*x).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        if dot(&moved, &turned) > 1e-10 * dot(&turned, &turned).sqrt() * norm(&moved) {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back((moved, turned));
        }
        (*x, gradient, value) = (next, next_gradient, next_value);
    }
}

/// Steps down from `x`, halving the step until it keeps enough of what value and slope promise: the
/// place, its gradient and its value. None: rounding hides any further descent.
pub fn down(
    x: &[f64],
    direction: &[f64],
    (value, slope): (f64, f64),
    mut step: f64,
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<(Vec<f64>, Vec<f64>, f64)> {
    let (mut next, mut gradient) = (x.to_vec(), vec![0.0; x.len()]);
    for _ in 0..MOST_HALVINGS {
        for ((place, at), towards) in next.iter_mut().zip(x).zip(direction) {
            *place = at + step * towards;
        }
        let reached = f(&next, &mut gradient);
        if reached <= value + SUFFICIENT * step * slope {
            return Some((next, gradient, reached));
        }
        step /= 2.0;
    }
    None
}

/// The two-loop recursion: minus the gradient, bent by what is known of the curvature.
fn direction(pairs: &VecDeque<(Vec<f64>, Vec<f64>)>, gradient: &[f64]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|part| -part).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for (moved, turned) in pairs.iter().rev() {
        let share = dot(moved, &q) / dot(moved, turned);
        add(&mut q, -share, turned);
        shares.push(share);
    }
    if let Some((moved, turned)) = pairs.back() {
        let scale = dot(moved, turned) / dot(turned, turned);
        q.iter_mut().for_each(|part| *part *= scale);
    }
    for ((moved, turned), share) in pairs.iter().zip(shares.into_iter().rev()) {
        let back = dot(turned, &q) / dot(moved, turned);
        add(&mut q, share - back, moved);
    }
    q
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
