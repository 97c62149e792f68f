//! A selector as the manifest shows it: what is short in `selectors.yml` written out.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json, json};

use super::selectors::Selector;

/// `before`: the selectors that it may use.
pub(super) fn shown(selector: Json, before: &[Selector]) -> Json {
    let mut selector = selector;
    if let Some(written) = selector.get_mut("definition") {
        *written = definition(written.take(), before);
    }
    selector
}

fn definition(written: Json, before: &[Selector]) -> Json {
    let mut map = match written {
        Json::String(text) => return criterion(&text),
        Json::Object(map) => map,
        other => return other,
    };
    for how in ["union", "intersection"] {
        if let Some(items) = map.remove(how) {
            return json!({how: all(items, before)});
        }
    }
    let Some((key, value)) = map.iter().next() else {
        return Json::Object(map);
    };
    let is_list = value.is_array();
    match (key.as_str(), value.as_str()) {
        ("exclude", _) => json!({"exclude": all(value.clone(), before)}),
        _ if map.len() == 1 && is_list => {
            json!({"method": key, "value": all(value.clone(), before)})
        }
        _ if map.len() == 1 => json!({"method": key, "value": value}),
        ("method", Some("selector")) => {
            let used = before.iter().find(|one| map["value"] == one.name.as_str());
            used.map_or(Json::Null, |one| one.shown["definition"].clone())
        }
        _ => Json::Object(map),
    }
}

fn all(items: Json, before: &[Selector]) -> Json {
    match items {
        Json::Array(items) => items
            .into_iter()
            .map(|item| definition(item, before))
            .collect(),
        other => other,
    }
}

/// `2+tag:nightly+` as a mapping.
fn criterion(text: &str) -> Json {
    static PARTS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(@)?((\d*)\+)?(?:([\w.]+):)?(.*?)(\+(\d*))?$").expect("a valid pattern")
    });
    let Some(parts) = PARTS.captures(text) else {
        return Json::from(text);
    };
    let part = |nth: usize| parts.get(nth).map_or("", |part| part.as_str());
    let mut map = Map::new();
    let mut put = |key: &str, is_there: bool, value: Json| {
        if is_there {
            map.insert(key.to_owned(), value);
        }
    };
    let value = part(5);
    let method = match part(4) {
        "" if value.contains('/') => "path",
        "" if [".sql", ".py", ".csv"]
            .iter()
            .any(|end| value.to_lowercase().ends_with(end)) =>
        {
            "file"
        }
        "" => "fqn",
        named => named,
    };
    put("childrens_parents", !part(1).is_empty(), true.into());
    put("parents", !part(2).is_empty(), true.into());
    put("parents_depth", !part(3).is_empty(), part(3).into());
    put("method", true, method.into());
    put("value", !value.is_empty(), value.into());
    put("children", !part(6).is_empty(), true.into());
    put("children_depth", !part(7).is_empty(), part(7).into());
    Json::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_written_out() {
        let shown = |written: Json| shown(json!({"name": "x", "definition": written}), &[]);
        for (written, expected) in [
            (
                json!("2+tag:x+1"),
                json!({"parents": true, "parents_depth": "2", "method": "tag", "value": "x", "children": true, "children_depth": "1"}),
            ),
            (
                json!("@models/a"),
                json!({"childrens_parents": true, "method": "path", "value": "models/a"}),
            ),
            (json!({"tag": "y"}), json!({"method": "tag", "value": "y"})),
            (
                json!({"union": [{"method": "tag", "value": "y", "parents": true}, {"exclude": ["a"]}]}),
                json!({"union": [
                    {"method": "tag", "value": "y", "parents": true},
                    {"exclude": [{"method": "fqn", "value": "a"}]},
                ]}),
            ),
        ] {
            assert_eq!(shown(written)["definition"], expected);
        }
    }
}
