//! Whose requests are ours: `Host` against DNS rebinding, `Origin` against other sites' forms.
//!
//! A page of another site can make a browser send us requests. It cannot make the browser lie about
//! `Origin`, nor name our loopback address in `Host` when it got here through a name of its own.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};

/// The hosts that this server answers to.
#[derive(Clone, Debug)]
pub struct Hosts {
    port: u16,
    names: Vec<String>,
}

impl Hosts {
    pub fn new(port: u16, names: Vec<String>) -> Self {
        Self { port, names }
    }

    /// `Err` says what is wrong with the request's head.
    pub fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), &'static str> {
        let host = self.host(uri, headers)?;
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let site = headers.get("sec-fetch-site").map(|v| v.as_bytes());
        if !matches!(site, None | Some(b"same-origin" | b"none")) {
            return Err("the request comes from another site");
        }
        match headers.get(header::ORIGIN).map(|v| v.to_str()) {
            None => Ok(()),
            Some(Ok(origin)) if is_origin_of(origin, host) => Ok(()),
            Some(_) => Err("the request's Origin is another site"),
        }
    }

    fn host<'a>(&self, uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, &'static str> {
        let mut all = headers.get_all(header::HOST).iter();
        let host = match (all.next(), all.next()) {
            (Some(host), None) => host.to_str().unwrap_or_default(),
            _ => return Err("the request must name its Host once"),
        };
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        match self.is_ours(host) && self.is_ours(authority) {
            true => Ok(host),
            false => Err("the request's Host is not a name of this server"),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let Some((name, port)) = split(host) else {
            return false;
        };
        let configured =
            |known: &String| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name);
        let here = port.unwrap_or(80) == self.port && is_loopback(name);
        here || self.names.iter().any(configured)
    }
}

/// Name (an IPv6 address without its brackets) and port of `name[:port]`.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(digits.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    (!name.is_empty()).then_some((name, port))
}

fn is_loopback(name: &str) -> bool {
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// A proxy in front of a configured name may speak TLS, so both schemes count.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let bare = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    bare.is_some_and(|bare| bare.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(host: &str) -> bool {
        Hosts::new(8600, vec!["forebay.lan".into(), "tunnel:9000".into()]).is_ours(host)
    }

    #[test]
    fn loopback_with_our_port_and_configured_names_are_ours() {
        for host in [
            "localhost:8600",
            "LOCALHOST:8600",
            "127.0.0.1:8600",
            "127.9.9.9:8600",
            "[::1]:8600",
        ] {
            assert!(ours(host), "{host}");
        }
        for host in ["forebay.lan", "forebay.lan:443", "tunnel:9000"] {
            assert!(ours(host), "{host}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for host in [
            "",
            "evil.example:8600",
            "localhost",
            "localhost:80",
            "localhost.evil.example:8600",
            "localhost.:8600",
            "evil@localhost:8600",
            "127.0.0.1.nip.io:8600",
            "10.0.0.1:8600",
            "[::1]x:8600",
            "[::1",
            "localhost:8600:1",
            "localhost:",
            "tunnel:9001",
            "0.0.0.0:8600",
        ] {
            assert!(!ours(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_ours_when_it_is_the_host_that_was_asked() {
        assert!(is_origin_of("http://localhost:8600", "localhost:8600"));
        assert!(is_origin_of("https://forebay.lan", "forebay.lan"));
        for origin in [
            "null",
            "http://localhost:9999",
            "http://localhost:8600.evil",
            "file://",
            "localhost:8600",
        ] {
            assert!(!is_origin_of(origin, "localhost:8600"), "{origin}");
        }
    }
}
