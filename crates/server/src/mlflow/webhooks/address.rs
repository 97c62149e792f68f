//! Where a webhook may lead: out into the internet, and not to what the server alone can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::super::Problem;

/// Whom webhooks may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, by https; and these hosts wherever they are, by http too.
    Public { and: Arc<[String]> },
    /// Any address, by http too: for hooks within a team's own network.
    Anywhere,
}

impl Reach {
    /// Names and addresses of hosts, each with any port.
    pub fn public_and(hosts: &[String]) -> Self {
        let and = hosts.iter().map(|host| host.to_ascii_lowercase());
        Self::Public { and: and.collect() }
    }

    /// Whether the host was named as one that may be anywhere.
    fn names(&self, host: &str) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::Public { and } => and.iter().any(|named| named == host),
        }
    }

    /// Whether plain http is ever right.
    pub fn is_https_only(&self) -> bool {
        matches!(self, Reach::Public { and } if and.is_empty())
    }

    /// What can be known before anything is sent. A name is looked up again when it is connected to.
    pub fn check(&self, url: &str) -> Result<(), Problem> {
        let refused = |why: &str| {
            Problem::invalid(format!("the webhook's address '{url}' is refused: {why}"))
        };
        let parsed = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
        let Some(host) = parsed.host() else {
            return Err(refused("it names no host"));
        };
        let named = self.names(parsed.host_str().unwrap_or_default());
        match parsed.scheme() {
            "https" => {}
            "http" if named => {}
            _ => return Err(refused("it must begin with https://")),
        }
        let is_outward = match host {
            _ if named => true,
            Host::Ipv4(ip) => is_public(ip.into()),
            Host::Ipv6(ip) => is_public(ip.into()),
            Host::Domain(name) => resolves_outward(name),
        };
        match is_outward {
            true => Ok(()),
            false => Err(refused("it leads to no public address")),
        }
    }
}

/// A name that is not known now may be later, and is asked again then.
fn resolves_outward(name: &str) -> bool {
    match (name, 443).to_socket_addrs() {
        Ok(mut found) => found.all(|address| is_public(address.ip())),
        Err(_) => true,
    }
}

/// Looks names up, and gives the addresses that are then connected to: between the check and the
/// connection there is no second answer that could differ.
pub struct Outward(pub Reach);

impl Resolve for Outward {
    fn resolve(&self, name: Name) -> Resolving {
        let named = self.0.names(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<_> = found.collect();
            match named || found.iter().all(|address| is_public(address.ip())) {
                true => Ok(Box::new(found.into_iter()) as Addrs),
                false => Err(format!("{} leads to no public address", name.as_str()).into()),
            }
        })
    }
}

/// Of the registries of special addresses (RFC 6890 and its successors), those that are somewhere
/// in the internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_4(ip),
        IpAddr::V6(ip) => is_public_6(ip),
    }
}

fn is_public_4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (192, 168, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 51, 100)
            | (203, 0, 113)
            | (198, 18 | 19, _)
            | (224..=255, _, _)
    );
    !is_special
}

/// Only what is handed out to networks (2000::/3), and of it nothing that wraps another address.
fn is_public_6(ip: Ipv6Addr) -> bool {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return is_public_4(ip);
    }
    let [a, b, ..] = ip.segments();
    let is_special = matches!(
        (a, b),
        (0x2001, 0..=0x01ff) | (0x2001, 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff)
    );
    a & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_alone_reaches_is_not_public() {
        for inward in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(inward.parse().unwrap()), "{inward}");
        }
        for outward in [
            "1.1.1.1",
            "100.63.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(outward.parse().unwrap()), "{outward}");
        }
    }

    #[test]
    fn an_address_is_refused_however_it_is_written() {
        for bad in [
            "http://8.8.8.8/",
            "ftp://8.8.8.8/",
            "file:///etc/passwd",
            "https://",
            "nonsense",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://localhost/",
            "https://user@10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert!(Reach::public_and(&[]).check(bad).is_err(), "{bad}");
        }
        let public = Reach::public_and(&[]);
        assert!(public.check("https://8.8.8.8:8443/hook?x=1").is_ok());
        assert!(Reach::Anywhere.check("http://10.0.0.1/hook").is_ok());
        assert!(Reach::Anywhere.check("file:///etc/passwd").is_err());
    }
    /// What a name led to when it was checked does not matter: it is looked up again to connect.
    #[tokio::test]
    async fn a_name_that_leads_inward_is_not_connected_to() {
        let name = || "localhost".parse().unwrap();
        let outward = Outward(Reach::public_and(&[]));
        assert!(outward.resolve(name()).await.is_err());
        let named = Outward(Reach::public_and(&["localhost".to_owned()]));
        assert!(named.resolve(name()).await.unwrap().next().is_some());
    }

    #[test]
    fn a_host_that_was_named_may_be_anywhere() {
        let own = ["Hooks.lan", "10.0.0.7", "[fd00::1]"].map(str::to_owned);
        let reach = Reach::public_and(&own);
        for good in [
            "http://hooks.lan:8080/x",
            "https://hooks.lan/",
            "http://10.0.0.7/",
            "http://[fd00::1]:80/",
        ] {
            assert!(reach.check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.8/",
            "http://8.8.8.8/",
            "http://x.hooks.lan/",
            "https://localhost/",
        ] {
            assert!(reach.check(bad).is_err(), "{bad}");
        }
    }
}
