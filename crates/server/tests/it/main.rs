//! The server against a fake project: every page, every rule of the protocol, every safety rule.

mod client;
mod fake;
mod features;
mod metrics;
mod mlflow;
mod pages;
mod protocol;
mod safety;
mod socket;
mod tracked;
