//! `split` and `evaluate` of a training job.

use forebay_core::ml::{Costs, Judging, Split};

use super::training::instant;
use crate::yaml::{Fields, Unknown};

/// `{by_time: "2013-10-01"}` with another `column` than the event timestamp if wanted,
/// `{by_group: carrier, test: 0.2}` or `{random: 0.2}`.
pub(crate) fn split(fields: &mut Fields<'_>, event_timestamp: Option<&str>) -> Option<Split> {
    let Some(yaml) = fields.get("split") else {
        fields.missing("split");
        return None;
    };
    let mut fields = Fields::of(fields.doc, yaml, format!("split of {}", fields.what))?;
    let ways = ["by_time", "by_group", "random"];
    let given: Vec<&str> = ways
        .into_iter()
        .filter(|key| yaml.get(key).is_some())
        .collect();
    let split = match given[..] {
        ["by_time"] => by_time(&mut fields, event_timestamp),
        ["by_group"] => fields.text("by_group").map(|group| Split::Group {
            group,
            test: share(&mut fields, "test", 0.2),
        }),
        ["random"] => Some(Split::Random {
            test: share(&mut fields, "random", 0.2),
        }),
        _ => {
            let message = format!("{} needs one of {}", fields.what, ways.join(", "));
            fields.error(message, fields.at);
            return None;
        }
    };
    fields.finish(Unknown::Error);
    split
}

fn by_time(fields: &mut Fields<'_>, event_timestamp: Option<&str>) -> Option<Split> {
    let (text, column) = (fields.required("by_time"), fields.text("column"));
    let at = text.as_deref().and_then(instant);
    if let (Some(text), None) = (&text, &at) {
        let message =
            format!("'{text}' is no point in time: write 2013-10-01 or 2013-10-01T06:00:00Z");
        fields.error(message, fields.at("by_time"));
    }
    Some(Split::Time {
        column: column.or_else(|| event_timestamp.map(str::to_owned))?,
        at: at?,
    })
}

fn share(fields: &mut Fields<'_>, key: &'static str, default: f64) -> f64 {
    let share = fields.number(key).unwrap_or(default);
    if !(share > 0.0 && share < 1.0) {
        let message = format!("'{key}' of {} must be above 0 and below 1", fields.what);
        fields.error(message, fields.at(key));
    }
    share
}

/// `{metrics: [roc_auc], gates: ["roc_auc >= 0.7"], slices: [carrier], ...}`.
pub(crate) fn evaluate(fields: &mut Fields<'_>) -> (Vec<String>, Vec<String>, Judging) {
    let what = format!("evaluate of {}", fields.what);
    let section = fields
        .get("evaluate")
        .and_then(|yaml| Fields::of(fields.doc, yaml, what));
    let Some(mut fields) = section else {
        return (Vec::new(), Vec::new(), Judging::default());
    };
    let (metrics, gates) = (fields.texts("metrics"), fields.texts("gates"));
    let default = Judging::default();
    let judging = Judging {
        slices: fields.texts("slices"),
        costs: costs(&mut fields),
        threshold: share(&mut fields, "threshold", default.threshold),
        resamples: count(&mut fields, "resamples", default.resamples, 100_000),
        folds: folds(&mut fields),
    };
    fields.finish(Unknown::Error);
    (metrics, gates, judging)
}

pub(super) fn folds(fields: &mut Fields<'_>) -> usize {
    let folds = count(fields, "cross_validation", 0, 100);
    if folds == 1 {
        let message = format!(
            "'cross_validation' of {} needs 2 folds or more",
            fields.what
        );
        fields.error(message, fields.at("cross_validation"));
    }
    folds
}

pub(super) fn count(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: usize,
    most: usize,
) -> usize {
    let value = fields
        .whole(key)
        .and_then(|value| usize::try_from(value).ok());
    if value.is_some_and(|value| value > most) {
        let message = format!("'{key}' of {} must be {most} at most", fields.what);
        fields.error(message, fields.at(key));
    }
    value.unwrap_or(default)
}

/// `{false_positive: 1, false_negative: 5}`.
fn costs(fields: &mut Fields<'_>) -> Option<Costs> {
    let what = format!("costs of {}", fields.what);
    let mut fields = Fields::of(fields.doc, fields.get("costs")?, what)?;
    let cost = |key: &'static str, fields: &mut Fields<'_>| {
        let cost = fields.number(key);
        match cost {
            None if fields.get(key).is_none() => fields.missing(key),
            Some(cost) if cost < 0.0 => {
                let message = format!("'{key}' of {} must be 0 or more", fields.what);
                fields.error(message, fields.at(key));
            }
            _ => {}
        }
        cost
    };
    let found = (
        cost("false_positive", &mut fields),
        cost("false_negative", &mut fields),
    );
    fields.finish(Unknown::Error);
    Some(Costs {
        false_positive: found.0?,
        false_negative: found.1?,
    })
}
