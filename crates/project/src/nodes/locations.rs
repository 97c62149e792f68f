//! dbt-duckdb's `external_location`: a source whose rows are files, and the SQL text that reads them.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value as Json};

use super::SourceTable;

/// The text that stands for the source, of its settings or its `meta`. None: it is a table.
///
/// As dbt-duckdb fills it: the source's name, identifier, schema and database and everything in `meta` are put
/// in, as `formatter` says; what calls no function becomes a quoted path.
pub(super) fn location(
    database: &str,
    table: &SourceTable,
    config: &Map<String, Json>,
) -> Option<Result<String, String>> {
    let meta = config.get("meta").and_then(Json::as_object);
    let setting = |key: &str| config.get(key).or_else(|| meta?.get(key));
    let written = setting("external_location")?;
    let Some(text) = written.as_str() else {
        return Some(Err("external_location must be a text".to_owned()));
    };
    let style = setting("formatter")
        .and_then(Json::as_str)
        .unwrap_or("newstyle");
    let value = |key: &str| match (setting(key), key) {
        (Some(found), _) => Some(found.as_str().map_or(found.to_string(), str::to_owned)),
        (None, "name") => Some(table.table.clone()),
        (None, "identifier") => Some(table.identifier.clone()),
        (None, "schema") => Some(table.schema.clone()),
        (None, "database") => Some(database.to_owned()),
        _ => None,
    };
    Some(filled(text, style, value).map(quoted))
}

/// Each pattern finds a doubled sign, a name in its signs, and a sign that stands alone.
static STYLES: LazyLock<[(&str, Regex); 3]> = LazyLock::new(|| {
    [
        ("newstyle", r"(?<double>\{\{|\}\})|\{(?<name>\w+)\}|[{}]"),
        ("oldstyle", r"(?<double>%%)|%\((?<name>\w+)\)s|%"),
        (
            "template",
            r"(?<double>\$\$)|\$\{(?<name>\w+)\}|\$(?<bare>[A-Za-z_]\w*)|\$",
        ),
    ]
    .map(|(style, pattern)| (style, Regex::new(pattern).expect("a valid pattern")))
});

fn filled(
    text: &str,
    style: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let Some((_, pattern)) = STYLES.iter().find(|(known, _)| *known == style) else {
        return Err(format!(
            "there is no formatter '{style}': it is newstyle, oldstyle or template"
        ));
    };
    let mut problem = None;
    let filled = pattern.replace_all(text, |found: &Captures<'_>| {
        let name = found.name("name").or_else(|| found.name("bare"));
        let put = match (found.name("double"), name) {
            (Some(double), _) => Ok(double.as_str()[1..].to_owned()),
            (None, Some(name)) => value(name.as_str())
                .ok_or_else(|| format!("external_location: '{}' is not known", name.as_str())),
            (None, None) => Err(format!(
                "external_location: '{}' must be doubled, or enclose a name",
                &found[0]
            )),
        };
        put.unwrap_or_else(|why| {
            problem.get_or_insert(why);
            String::new()
        })
    });
    let filled = filled.into_owned();
    problem.map_or(Ok(filled), Err)
}

fn quoted(location: String) -> String {
    match location.contains('(') || location.starts_with('\'') {
        true => location,
        false => format!("'{location}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_as_the_formatter_says() {
        let value = |key: &str| (key == "name").then(|| "orders".to_owned());
        for (style, text, expected) in [
            ("newstyle", "data/{name}.csv", Ok("data/orders.csv")),
            (
                "newstyle",
                "f('{name}', {{'a': 1}})",
                Ok("f('orders', {'a': 1})"),
            ),
            ("newstyle", "f({'a': 1})", Err("'{' must be doubled")),
            ("newstyle", "{size}", Err("'size' is not known")),
            ("oldstyle", "%(name)s{}%%", Ok("orders{}%")),
            ("template", "$name/${name}$$", Ok("orders/orders$")),
            ("other", "", Err("no formatter 'other'")),
        ] {
            match (filled(text, style, value), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_path_is_quoted_and_a_call_is_not() {
        assert_eq!(quoted("data/x.csv".into()), "'data/x.csv'");
        assert_eq!(quoted("read_csv('x')".into()), "read_csv('x')");
        assert_eq!(quoted("'x.csv'".into()), "'x.csv'");
    }
}
