//! The special functions behind p values.

/// The regularised upper incomplete gamma function Q(a, x) for a > 0, x >= 0: the chance that a
/// gamma variable exceeds x. By series below `a + 1` and by continued fraction (Lentz) above.
pub fn gamma_q(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        1.0 - front * series(a, x)
    } else {
        front * fraction(a, x)
    }
}

/// Chance that a standard normal variable is further from 0 than `z`, on either side.
pub fn normal_two_sided(z: f64) -> f64 {
    gamma_q(0.5, z * z / 2.0)
}

fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * f64::EPSILON {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut value = d;
    for i in 1..10_000 {
        let step = f64::from(i);
        let numerator = -step * (step - a);
        b += 2.0;
        d = 1.0 / nonzero(numerator * d + b, TINY);
        c = nonzero(b + numerator / c, TINY);
        let factor = d * c;
        value *= factor;
        if (factor - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

fn nonzero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// Logarithm of the gamma function for x > 0: Stirling's series, shifted up to where it is exact.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 12.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let correction = (1.0 / 12.0
        - square
            * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0))))
        / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + correction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Closed forms: Q(1, x) = exp(-x), Q(2, x) = (1 + x) exp(-x), gamma(1/2) = sqrt(pi).
    #[test]
    fn agrees_with_closed_forms() {
        for x in [1e-6, 0.3, 1.0, 2.5, 10.0, 40.0, 300.0] {
            assert!((gamma_q(1.0, x) / (-x).exp() - 1.0).abs() < 1e-11, "{x}");
            assert!(
                (gamma_q(2.0, x) / ((1.0 + x) * (-x).exp()) - 1.0).abs() < 1e-11,
                "{x}"
            );
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-14);
        assert!((ln_gamma(11.0) - 3_628_800_f64.ln()).abs() < 1e-13);
        assert!((normal_two_sided(1.959_963_984_540_054) - 0.05).abs() < 1e-13);
    }
}
