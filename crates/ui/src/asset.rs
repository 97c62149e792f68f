//! The files that every page refers to, compiled in. Their address carries a hash of their text, so
//! a browser may keep them for good.

/// A file under `/assets/`.
pub struct Asset {
    pub name: &'static str,
    pub content_type: &'static str,
    pub body: &'static str,
    /// Changes with the body; also its ETag.
    pub hash: u64,
}

impl Asset {
    const fn new(name: &'static str, content_type: &'static str, body: &'static str) -> Self {
        Self {
            name,
            content_type,
            body,
            hash: fnv1a(body.as_bytes()),
        }
    }

    pub fn href(&self) -> String {
        format!("/assets/{}?v={:016x}", self.name, self.hash)
    }
}

pub static STYLE: Asset = Asset::new(
    "forebay.css",
    "text/css; charset=utf-8",
    include_str!("../assets/forebay.css"),
);
pub static SCRIPT: Asset = Asset::new(
    "forebay.js",
    "text/javascript; charset=utf-8",
    include_str!("../assets/forebay.js"),
);
pub static ICON: Asset = Asset::new(
    "forebay.svg",
    "image/svg+xml",
    include_str!("../assets/forebay.svg"),
);

pub static ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// FNV-1a, 64 bits: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>. Not for secrets.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}
