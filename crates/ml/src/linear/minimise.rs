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
        let mut step = if pairs.is_empty() {
            1.0 / norm(&gradient).max(1.0)
        } else {
            1.0
        };
        let (mut next, mut next_gradient) = (x.clone(), vec![0.0; x.len()]);
        let mut found = false;
        for _ in 0..MOST_HALVINGS {
            for ((place, at), towards) in next.iter_mut().zip(&*x).zip(&direction) {
                *place = at + step * towards;
            }
            let next_value = f(&next, &mut next_gradient);
            if next_value <= value + SUFFICIENT * step * slope {
                value = next_value;
                found = true;
                break;
            }
            step /= 2.0;
        }
        // Rounding hides any further descent.
        if !found {
            return;
        }
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
        *x = next;
        gradient = next_gradient;
    }
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

fn dot(a: &[f64], b: &[f64]) -> f64 {
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
