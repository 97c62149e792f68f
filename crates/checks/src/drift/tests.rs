//! Statistics against reference numbers, and rules over profiles.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use forebay_core::ml::MonitorRows;
use forebay_core::{NodeId, Severity};

use super::samples::{self, Shares};
use super::*;
use crate::profile;

/// Numbers in [0, 1) from a linear congruential generator that any language can repeat.
fn uniform(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = (1_103_515_245 * state + 12_345) % (1 << 31);
        state as f64 / f64::from(1_u32 << 31)
    };
    (0..count).map(|_| next()).collect()
}

fn u(count: usize) -> Vec<f64> {
    uniform(42, count)
}

fn v(count: usize) -> Vec<f64> {
    uniform(7, count)
}

fn letters(values: &[f64], k: f64) -> Vec<u8> {
    values.iter().map(|value| (k * value) as u8).collect()
}

fn powered(values: Vec<f64>, exponent: f64) -> Vec<f64> {
    values
        .into_iter()
        .map(|value| value.powf(exponent))
        .collect()
}

fn close(found: f64, expected: f64) {
    // The references are printed to ten or twelve digits.
    let allowed = if expected.abs() < 1e-3 {
        1e-9 * expected.abs()
    } else {
        1e-12
    };
    assert!(
        (found - expected).abs() <= allowed.max(1e-300),
        "{found} is not {expected}"
    );
}

/// Expected values: Evidently 0.7.23 (on scipy) with the same generator.
#[test]
fn numeric_samples_agree_with_evidently() {
    let shifted: Vec<f64> = v(2000).iter().map(|value| 0.9 * value + 0.1).collect();
    for (r, c, [ks, wasserstein, psi, js, kl, hellinger]) in [
        (
            u(2000),
            shifted,
            [
                1.938248906e-11,
                0.187037332065,
                0.548927465637,
                0.175472702065,
                0.456697414708,
                0.206795726861,
            ],
        ),
        (
            u(2000),
            v(2000),
            [
                0.770029236885,
                0.019838610230,
                0.006750339993,
                0.029035763946,
                0.003351582148,
                0.029041932176,
            ],
        ),
        (
            u(500),
            powered(v(500), 2.0),
            [
                1.160558823e-17,
                0.609458271268,
                0.399706611162,
                0.219438638828,
                0.190818278551,
                0.221436848460,
            ],
        ),
    ] {
        let shares = Shares::of_numbers(&r, &c);
        close(samples::ks_p(&r, &c), ks);
        close(samples::wasserstein_normed(&r, &c), wasserstein);
        close(shares.psi(), psi);
        close(shares.js(), js);
        close(shares.kl(), kl);
        close(samples::hellinger(&r, &c), hellinger);
    }
}

#[test]
fn categories_agree_with_evidently() {
    let five = Shares::of_values(
        &letters(&u(2000), 5.0),
        &letters(&powered(v(2000), 1.2), 5.0),
    );
    close(samples::chi2_p(&five, 2000), 6.756035084e-09);
    close(five.psi(), 0.021276629611);
    close(five.js(), 0.051529859192);
    close(five.kl(), 0.010550248412);

    let two = Shares::of_values(&letters(&u(500), 2.0), &letters(&powered(v(500), 1.3), 2.0));
    close(samples::chi2_p(&two, 500), 2.082339258e-07);
    close(samples::z_p(&two, 500, 500), 2.342585389e-04);
    close(two.psi(), 0.054388745626);
    close(two.js(), 0.082357726006);

    let new = Shares::of_values(&letters(&u(2000), 3.0), &letters(&v(2000), 4.0));
    close(samples::chi2_p(&new, 2000), 0.0);
    close(new.psi(), 2.013621126787);
    close(new.js(), 0.308293209993);
    close(new.kl(), 0.285134601897);
}

#[test]
fn few_numeric_values_are_compared_one_by_one() {
    let floor = |values: Vec<f64>| values.iter().map(|x| (4.0 * x).floor()).collect::<Vec<_>>();
    let shares = Shares::of_numbers(&floor(u(2000)), &floor(powered(v(2000), 1.1)));
    close(shares.psi(), 0.006307377198);
    close(shares.js(), 0.028075004779);
}

#[test]
fn unequal_samples_have_an_exact_p_value() {
    // Three against one, the one above all three: 2 of the 4 merges have a gap of 1.
    assert_eq!(samples::ks_p(&[1.0, 2.0, 3.0], &[4.0]), 0.5);
    assert_eq!(samples::ks_p(&[1.0, 2.0], &[1.0, 2.0]), 1.0);
    // Beyond the exact range: 11,000 equal values on both sides.
    assert_eq!(samples::ks_p(&[1.0; 11_000], &[1.0; 11_000]), 1.0);
}

fn profile_of(columns: Vec<(&str, ArrayRef)>) -> Profile {
    let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    profile::build(&[batch], &names).unwrap()
}

fn numbers(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

fn psi_of(reference: ArrayRef, current: ArrayRef) -> f64 {
    let sides = [reference, current].map(|column| profile_of(vec![("x", column)]));
    psi(&sides[0].columns[0], &sides[1].columns[0]).unwrap()
}

#[test]
fn psi_of_profiles_by_hand() {
    let one_to_ten = || (1..=10).map(|i| Some(f64::from(i)));
    assert_eq!(psi_of(numbers(one_to_ten()), numbers(one_to_ten())), 0.0);
    // Half of the rows lose their value: each tenth becomes a twentieth, the missing bin a half.
    let half = one_to_ten().chain(vec![None; 10]);
    let by_hand = 10.0 * 0.05 * 2.0_f64.ln() + (0.0001_f64 - 0.5) * (0.0001_f64 / 0.5).ln();
    assert!((psi_of(numbers(one_to_ten()), numbers(half)) - by_hand).abs() < 1e-12);
    // A category unknown to the reference.
    let then: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "b", "b"]));
    let now: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "b", "z"]));
    let by_hand = 0.25 * 2.0_f64.ln() + (0.0001_f64 - 0.25) * (0.0001_f64 / 0.25).ln();
    assert!((psi_of(then, now) - by_hand).abs() < 1e-12);
}

#[test]
fn psi_of_large_profiles_is_that_of_the_rows() {
    let (then, now) = (u(20_000), powered(v(20_000), 1.3));
    let some = |values: &[f64]| numbers(values.iter().copied().map(Some));
    let found = psi_of(some(&then), some(&now));
    // Deciles of the rows themselves.
    let mut sorted = then.clone();
    sorted.sort_by(f64::total_cmp);
    let edges: Vec<f64> = (1..10).map(|i| sorted[i * 2_000 - 1]).collect();
    let counts = |values: &[f64]| {
        let mut counts = vec![0.0; 10];
        values
            .iter()
            .for_each(|x| counts[edges.partition_point(|edge| edge < x)] += 1.0);
        shares::shares(&counts)
    };
    let exact = shares::psi(&counts(&then), &counts(&now));
    assert!((found - exact).abs() < 0.02 * exact, "{found} {exact}");
    assert!(psi_of(some(&then), some(&v(20_000))) < 0.002);
}

#[test]
fn a_column_that_appears_or_vanishes_has_drifted() {
    let values = || numbers((0..100).map(|i| Some(f64::from(i))));
    let nothing = || numbers(vec![None; 100]);
    assert!(psi_of(values(), nothing()) > 5.0);
    assert!(psi_of(nothing(), values()) > 5.0);
    assert_eq!(psi_of(nothing(), nothing()), 0.0);
    assert_eq!(psi_of(values(), numbers([])), 0.0, "no rows say nothing");
}

fn monitor(drift: Option<&str>, columns: &[(&str, &str)]) -> Monitor {
    Monitor {
        service: NodeId::new("inference_service.flights.late"),
        rows: MonitorRows::Logged,
        drift: drift.map(str::to_owned),
        min_rows: 1,
        delay: None,
        severity: Severity::Error,
        columns: columns
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

#[test]
fn every_column_is_judged_by_its_own_rule_or_the_common_one() {
    let side = |x: Vec<f64>, y: Vec<f64>| {
        let column = |values: Vec<f64>| numbers(values.into_iter().map(Some));
        profile_of(vec![("x", column(x)), ("month", column(y))])
    };
    let reference = side(u(2000), vec![1.0; 2000]);
    let current = side(v(2000), vec![2.0; 2000]);
    let verdicts = |monitor: &Monitor| -> Vec<(String, bool)> {
        let found = compare(monitor, &reference, &current).unwrap();
        found
            .into_iter()
            .map(|column| (column.column, column.passed))
            .collect()
    };
    let named = |x: bool, month: bool| vec![("x".to_owned(), x), ("month".to_owned(), month)];
    assert_eq!(
        verdicts(&monitor(Some("psi < 0.2"), &[])),
        named(true, false)
    );
    assert_eq!(
        verdicts(&monitor(Some("psi < 0.2"), &[("month", "psi < 100")])),
        named(true, true)
    );
    assert_eq!(
        verdicts(&monitor(None, &[("x", "js <= 0.0")])),
        [("x".to_owned(), false)]
    );
    assert_eq!(verdicts(&monitor(None, &[])), []);
}

#[test]
fn wrong_rules_are_explained() {
    for (rule, part) in [
        ("psi", "it has no `<` or `<=`"),
        ("psy < 0.2", "there is no statistic 'psy'"),
        ("psi < much", "'much' is no bound"),
        ("psi < -1", "'-1' is no bound"),
    ] {
        assert!(
            Rule::parse(rule).unwrap_err().message.contains(part),
            "{rule}"
        );
    }
    let rule = Rule::parse(" kl <= 0.1 ").unwrap();
    assert_eq!(
        (rule.statistic, rule.inclusive, rule.bound),
        (Statistic::Kl, true, 0.1)
    );

    let profile = profile_of(vec![("month", numbers([Some(1.0)]))]);
    let error = compare(&monitor(None, &[("mnth", "psi < 1")]), &profile, &profile).unwrap_err();
    assert_eq!(error.hints[0], "did you mean 'month'?");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["may"]));
    let text = profile_of(vec![("month", text)]);
    let error = compare(&monitor(Some("psi < 1"), &[]), &profile, &text).unwrap_err();
    assert!(
        error
            .message
            .contains("numbers on one side and text on the other")
    );
}
