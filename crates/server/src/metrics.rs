//! Counters of the server itself, in Prometheus' text format (version 0.0.4).
//!
//! Every route has its own block of atomics, found once a request: counting takes no lock. Labels
//! are route templates and status codes from fixed lists, so no caller can make them grow.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::backend::Backend;

/// Upper bounds of the delay buckets, in microseconds.
const BOUNDS: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
const CODES: [u16; 15] = [
    200, 206, 303, 304, 400, 403, 404, 405, 408, 413, 415, 422, 500, 503, 0,
];

/// One route's requests.
#[derive(Default)]
pub struct Route {
    codes: [AtomicU64; CODES.len()],
    /// Not cumulative; the last one is beyond all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Route {
    pub fn record(&self, code: u16, elapsed: Duration) {
        let micros = elapsed.as_micros() as u64;
        let code = CODES.iter().position(|known| *known == code);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.codes[code.unwrap_or(CODES.len() - 1)].fetch_add(1, Relaxed);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }
}

pub struct Metrics {
    routes: HashMap<String, Route>,
    /// Requests that no route matched.
    unmatched: Route,
}

impl Metrics {
    pub fn new(routes: impl IntoIterator<Item = String>) -> Self {
        Self {
            routes: routes
                .into_iter()
                .map(|route| (route, Route::default()))
                .collect(),
            unmatched: Route::default(),
        }
    }

    pub fn route(&self, matched: Option<&str>) -> &Route {
        matched
            .and_then(|path| self.routes.get(path))
            .unwrap_or(&self.unmatched)
    }

    pub fn text(&self, version: &str, backend: &dyn Backend) -> String {
        let mut out = String::new();
        head(
            &mut out,
            "forebay_build_info",
            "gauge",
            "The running program.",
        );
        line(&mut out, "forebay_build_info", &[("version", version)], 1);
        let mut routes: Vec<(&str, &Route)> =
            self.routes.iter().map(|(k, v)| (k.as_str(), v)).collect();
        routes.sort_unstable_by_key(|(name, _)| *name);
        routes.push(("unmatched", &self.unmatched));
        requests(&mut out, &routes);
        delays(&mut out, &routes);
        predictions(&mut out, backend);
        out
    }
}

fn requests(out: &mut String, routes: &[(&str, &Route)]) {
    let name = "forebay_http_requests_total";
    head(out, name, "counter", "Requests by route and status code.");
    for (route, counts) in routes {
        for (code, n) in CODES.iter().zip(&counts.codes) {
            let n = n.load(Relaxed);
            if n > 0 {
                let code = if *code == 0 {
                    "other".to_owned()
                } else {
                    code.to_string()
                };
                line(out, name, &[("route", route), ("code", &code)], n);
            }
        }
    }
}

fn delays(out: &mut String, routes: &[(&str, &Route)]) {
    let name = "forebay_http_request_duration_seconds";
    head(
        out,
        name,
        "histogram",
        "Time from a request's head to its answer.",
    );
    for (route, counts) in routes {
        let buckets: Vec<u64> = counts.buckets.iter().map(|n| n.load(Relaxed)).collect();
        let total: u64 = buckets.iter().sum();
        if total == 0 {
            continue;
        }
        let mut below = 0;
        for (bound, n) in BOUNDS.iter().zip(&buckets) {
            below += n;
            let bound = (*bound as f64 / 1e6).to_string();
            line(
                out,
                &format!("{name}_bucket"),
                &[("route", route), ("le", &bound)],
                below,
            );
        }
        line(
            out,
            &format!("{name}_bucket"),
            &[("route", route), ("le", "+Inf")],
            total,
        );
        let seconds = counts.micros.load(Relaxed) as f64 / 1e6;
        line(out, &format!("{name}_sum"), &[("route", route)], seconds);
        line(out, &format!("{name}_count"), &[("route", route)], total);
    }
}

fn predictions(out: &mut String, backend: &dyn Backend) {
    let stats: Vec<_> = backend
        .service_names()
        .into_iter()
        .map(|name| (backend.stats(&name), name))
        .collect();
    let name = "forebay_predictions_total";
    head(out, name, "counter", "Rows scored by inference service.");
    for (stats, service) in &stats {
        line(out, name, &[("service", service)], stats.predictions);
    }
    let name = "forebay_inference_requests_total";
    head(
        out,
        name,
        "counter",
        "Inference requests by service and outcome.",
    );
    for (stats, service) in &stats {
        line(
            out,
            name,
            &[("service", service), ("outcome", "answered")],
            stats.answered,
        );
        line(
            out,
            name,
            &[("service", service), ("outcome", "refused")],
            stats.refused,
        );
    }
    let name = "forebay_inference_seconds_total";
    head(out, name, "counter", "Time spent on inference requests.");
    for (stats, service) in &stats {
        line(out, name, &[("service", service)], stats.seconds);
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes all");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let label = |(key, value): &(&str, &str)| {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("{key}=\"{value}\"")
    };
    let labels: Vec<String> = labels.iter().map(label).collect();
    writeln!(out, "{name}{{{}}} {value}", labels.join(",")).expect("a string takes all");
}
