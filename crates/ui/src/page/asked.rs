//! What a list of logged things was asked for, as its address says it: read from there, written into
//! links.

use crate::link;

/// Which lifecycle stages are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifecycle {
    #[default]
    Active,
    Deleted,
    All,
}

impl Lifecycle {
    const ALL: [(Lifecycle, &'static str); 3] = [
        (Lifecycle::Active, "active"),
        (Lifecycle::Deleted, "deleted"),
        (Lifecycle::All, "all"),
    ];

    fn word(self) -> &'static str {
        let known = Self::ALL.iter().find(|(state, _)| *state == self);
        known.map_or("active", |(_, word)| word)
    }
}

/// Filter and order are in the search grammar; empty texts ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub filter: String,
    pub order: String,
    pub state: Lifecycle,
    /// Where the page begins; empty is the start.
    pub page: String,
    /// As [`super::Column::written`] has them; none asks for the usual ones.
    pub columns: Vec<String>,
    /// Ids of runs that stay on top, whatever else is asked.
    pub pinned: Vec<String>,
}

impl Asked {
    /// From the names and values of a query; others' names are left alone.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "filter" => asked.filter = value.trim().to_owned(),
                "order" => asked.order = value,
                "page" => asked.page = value,
                "column" => asked.columns.push(value),
                "runs" => asked.pinned.extend(ids(&value)),
                "state" => {
                    let known = Lifecycle::ALL.iter().find(|(_, word)| *word == value);
                    asked.state = known.map_or(Lifecycle::Active, |(state, _)| *state);
                }
                _ => {}
            }
        }
        asked
    }

    pub(crate) fn href(&self, path: &str) -> String {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        let mut put = |name, value| {
            if !str::is_empty(value) {
                pairs.push((name, value));
            }
        };
        put("filter", self.filter.as_str());
        put("order", &self.order);
        put(
            "state",
            if self.state == Lifecycle::Active {
                ""
            } else {
                self.state.word()
            },
        );
        put("page", &self.page);
        let (columns, pinned) = (self.columns.iter(), self.pinned.iter());
        columns.for_each(|column| put("column", column));
        pinned.for_each(|run| put("runs", run));
        link::query(path, &pairs)
    }

    /// Ordered by the key from its start: falling first, then rising, then not any more.
    pub(crate) fn turned(&self, key: &str) -> Self {
        let order = match self.order.strip_prefix(key).map(str::trim) {
            Some("DESC") => format!("{key} ASC"),
            Some(_) => String::new(),
            None => format!("{key} DESC"),
        };
        Self {
            order,
            page: String::new(),
            ..self.clone()
        }
    }

    /// The direction in which the key orders the list, in ARIA's words.
    pub(crate) fn direction(&self, key: &str) -> Option<&'static str> {
        match self.order.strip_prefix(key)?.trim() {
            "DESC" => Some("descending"),
            "ASC" => Some("ascending"),
            _ => None,
        }
    }

    /// The address of the page that begins there.
    pub(crate) fn more(&self, next: Option<&String>, path: &str) -> Option<String> {
        let page = next?.clone();
        let asked = Self {
            page,
            ..self.clone()
        };
        Some(asked.href(path))
    }

    pub(crate) fn at_start(&self) -> Self {
        Self {
            page: String::new(),
            ..self.clone()
        }
    }

    /// Every state with its word and whether it is the one asked for.
    pub(crate) fn states(&self) -> [(&'static str, bool); 3] {
        Lifecycle::ALL.map(|(state, word)| (word, state == self.state))
    }

    pub(crate) fn is_narrowed(&self) -> bool {
        !self.filter.is_empty() || self.state != Lifecycle::Active
    }
}

/// Ids, several of them parted by commas.
pub fn ids(text: &str) -> impl Iterator<Item = String> {
    let ids = text.split(',').map(str::trim);
    ids.filter(|id| !id.is_empty()).map(str::to_owned)
}

/// A filter or an order that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    pub message: String,
    /// The place in the filter, in characters from one.
    pub at: Option<usize>,
}

impl Misread {
    /// The filter before the place, what stands there, and after it. None where no place is known.
    pub(crate) fn parts<'f>(&self, filter: &'f str) -> Option<(&'f str, &'f str, &'f str)> {
        let at = self.at?.checked_sub(1)?;
        let start = filter
            .char_indices()
            .nth(at)
            .map_or(filter.len(), |(i, _)| i);
        let rest = &filter[start..];
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        Some((&filter[..start], &rest[..end], &rest[end..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(href: &str) -> Vec<(String, String)> {
        let (_, query) = href.split_once('?').unwrap_or_default();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            let value = value
                .replace("%20", " ")
                .replace("%3E", ">")
                .replace("%60", "`");
            (name.to_owned(), value.replace("%2C", ","))
        };
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(pair)
            .collect()
    }

    #[test]
    fn an_address_reads_back_as_what_was_asked() {
        let asked = Asked {
            filter: "metrics.auc > 0".into(),
            order: "metrics.`auc` DESC".into(),
            state: Lifecycle::All,
            page: "t".into(),
            columns: vec!["params.lr".into(), "metrics.auc".into()],
            pinned: vec!["a".into(), "b".into()],
        };
        assert_eq!(Asked::read(query(&asked.href("/experiments/x"))), asked);
        assert_eq!(Asked::default().href("/x"), "/x");
        let listed = Asked::read([("runs".to_owned(), "a, b,,c".to_owned())]);
        assert_eq!(listed.pinned, ["a", "b", "c"]);
    }

    #[test]
    fn a_key_orders_falling_then_rising_then_not() {
        let asked = Asked {
            page: "t".into(),
            ..Asked::default()
        };
        let falling = asked.turned("start_time");
        assert_eq!(
            (falling.order.as_str(), falling.page.as_str()),
            ("start_time DESC", "")
        );
        assert_eq!(falling.direction("start_time"), Some("descending"));
        let rising = falling.turned("start_time");
        assert_eq!(rising.direction("start_time"), Some("ascending"));
        assert_eq!(rising.turned("start_time").order, "");
        assert_eq!(rising.turned("status").order, "status DESC");
    }

    #[test]
    fn the_place_of_a_misread_filter_is_a_word_of_it() {
        let misread = |at| Misread {
            message: String::new(),
            at: Some(at),
        };
        assert_eq!(misread(5).parts("a = x b"), Some(("a = ", "x", " b")));
        assert_eq!(misread(9).parts("ü = 1"), Some(("ü = 1", "", "")));
        assert_eq!(misread(0).parts("a"), None);
    }
}
