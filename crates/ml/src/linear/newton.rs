//! Newton's method for smooth convex functions of few variables: each step is solved with all of the
//! curvature, by Cholesky's factors (Nocedal and Wright, Numerical Optimization, section 3.3).

use super::minimise::{dot, down};

/// A function that can be minimised so.
pub trait Curved {
    /// Writes the gradient at `x` and returns the value.
    fn value(&self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// The second derivatives at `x`, row by row: the lower triangle of a square, the rest 0.
    fn curvature(&self, x: &[f64]) -> Vec<f64>;
}

/// Walks from `x` to the minimum. Ends when no part of the gradient is larger than `tolerance`.
pub fn newton(x: &mut Vec<f64>, tolerance: f64, most_iterations: usize, function: &impl Curved) {
    let mut gradient = vec![0.0; x.len()];
    let mut value = function.value(x, &mut gradient);
    for _ in 0..most_iterations {
        if gradient.iter().all(|part| part.abs() <= tolerance) {
            return;
        }
        let direction = direction(&function.curvature(x), &gradient);
        let slope = dot(&direction, &gradient);
        let f = |x: &[f64], gradient: &mut [f64]| function.value(x, gradient);
        let Some(next) = down(x, &direction, (value, slope), 1.0, f) else {
            return;
        };
        (*x, gradient, value) = next;
    }
}

/// Minus the gradient, bent by the curvature. Where that has a flat direction, its diagonal is raised
/// until it has none.
fn direction(curvature: &[f64], gradient: &[f64]) -> Vec<f64> {
    const RAISES: i32 = 7;
    let n = gradient.len();
    let largest = (0..n).fold(0.0, |most: f64, i| most.max(curvature[i * n + i]));
    for raise in 0..=RAISES {
        let mut factors = curvature.to_vec();
        if raise > 0 {
            let by = largest * 1e-12 * 100_f64.powi(raise - 1);
            (0..n).for_each(|i| factors[i * n + i] += by);
        }
        if factor(&mut factors, n) {
            return solve(&factors, gradient);
        }
    }
    gradient.iter().map(|part| -part).collect()
}

/// The lower triangle becomes its Cholesky factor; false: it is not positive definite.
fn factor(square: &mut [f64], n: usize) -> bool {
    /// Of a diagonal element: less of it left is rounding.
    const LEAST: f64 = 1e-13;
    for i in 0..n {
        let (above, row) = square.split_at_mut(i * n);
        let whole = row[i];
        for j in 0..i {
            let other = &above[j * n..=j * n + j];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let left = whole - dot(&row[..i], &row[..i]);
        if left.is_nan() || left <= LEAST * whole {
            return false;
        }
        row[i] = left.sqrt();
    }
    true
}

/// What the factored square makes minus the gradient.
fn solve(factors: &[f64], gradient: &[f64]) -> Vec<f64> {
    let n = gradient.len();
    let mut x: Vec<f64> = gradient.iter().map(|part| -part).collect();
    for i in 0..n {
        let row = &factors[i * n..=i * n + i];
        x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
    }
    for i in (0..n).rev() {
        let row = &factors[i * n..=i * n + i];
        x[i] /= row[i];
        let solved = x[i];
        for (part, factor) in x[..i].iter_mut().zip(row) {
            *part -= factor * solved;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(x - 1)^2 + (x + y)^2 / 2 + e^y`, and in z nothing at all.
    struct Bowl;

    impl Curved for Bowl {
        fn value(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            let (a, b) = (x[0], x[1]);
            gradient.copy_from_slice(&[2.0 * (a - 1.0) + a + b, a + b + b.exp(), 0.0]);
            (a - 1.0).powi(2) + (a + b).powi(2) / 2.0 + b.exp()
        }

        fn curvature(&self, x: &[f64]) -> Vec<f64> {
            vec![3.0, 0.0, 0.0, 1.0, 1.0 + x[1].exp(), 0.0, 0.0, 0.0, 0.0]
        }
    }

    #[test]
    fn a_bowl_with_a_flat_side_is_walked_down() {
        let mut x = vec![30.0, 3.0, 5.0];
        newton(&mut x, 1e-12, 50, &Bowl);
        let mut gradient = [1.0; 3];
        Bowl.value(&x, &mut gradient);
        assert!(gradient.iter().all(|part| part.abs() <= 1e-12), "{x:?}");
        assert_eq!(x[2], 5.0);
    }
}
