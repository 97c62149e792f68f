//! YAML as Python writes it: one item a line.

use serde_json::Value as Json;

/// Of a scalar alone, Python ends the document too.
pub(super) fn yaml_text(json: &Json) -> String {
    let mut out = String::new();
    match json {
        Json::Array(items) if !items.is_empty() => block(&mut out, json, 0),
        Json::Object(map) if !map.is_empty() => block(&mut out, json, 0),
        Json::Array(_) | Json::Object(_) => out = format!("{}\n", scalar(json)),
        Json::String(text) if quoted(text) => out = format!("{}\n", scalar(json)),
        _ => out = format!("{}\n...\n", scalar(json)),
    }
    out
}

/// The lines of a list or mapping, the first without its indent.
fn block(out: &mut String, json: &Json, indent: usize) {
    let mut first = true;
    let mut begin = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push_str(&" ".repeat(indent));
        }
    };
    match json {
        Json::Array(items) => {
            for item in items {
                begin(out);
                out.push('-');
                match is_block(item) {
                    true => {
                        out.push(' ');
                        block(out, item, indent + 2);
                    }
                    false => line(out, item),
                }
            }
        }
        Json::Object(map) => {
            for (key, value) in map {
                begin(out);
                out.push_str(&scalar(&Json::String(key.clone())));
                out.push(':');
                match value {
                    // A list stands below its key, not deeper.
                    Json::Array(_) if is_block(value) => {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent));
                        block(out, value, indent);
                    }
                    _ if is_block(value) => {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent + 2));
                        block(out, value, indent + 2);
                    }
                    _ => line(out, value),
                }
            }
        }
        _ => line(out, json),
    }
}

fn is_block(json: &Json) -> bool {
    match json {
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
        _ => false,
    }
}

fn line(out: &mut String, json: &Json) {
    out.push(' ');
    out.push_str(&scalar(json));
    out.push('\n');
}

fn scalar(json: &Json) -> String {
    match json {
        Json::String(text) if text.chars().any(|c| c.is_control() && c != '\n') => {
            Json::String(text.clone()).to_string()
        }
        Json::String(text) if quoted(text) => {
            format!("'{}'", text.replace('\'', "''").replace('\n', "\n\n  "))
        }
        Json::String(text) => text.clone(),
        Json::Array(_) => "[]".to_owned(),
        Json::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// Whether a text without quotes would be read as something else.
fn quoted(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "=", "<<",
    ];
    let begins = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c);
    let first = text.chars().next().unwrap_or_default();
    let free = (first == '-' || first == '?' || first == ':')
        && text
            .chars()
            .nth(1)
            .is_some_and(|next| !next.is_whitespace());
    let number = text.trim_start_matches(['+', '-']);
    let number = number.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (number.replace('_', "").parse::<f64>().is_ok() || is_date(text));
    WORDS.contains(&text.to_lowercase().as_str())
        || number
        || (begins(first) && !free)
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':')
        || text.contains('\n')
        || text.trim() != text
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [y, m, d] if y.len() == 4 && m.len() <= 2 && !d.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn lists_and_mappings_are_written_line_by_line() {
        let all = json!({"b": [1, 2], "a": {"c": "x"}, "n": [[1], [{"q": 1, "r": 2}]], "t": "true", "e": []});
        assert_eq!(
            super::yaml_text(&all),
            "b:\n- 1\n- 2\na:\n  c: x\nn:\n- - 1\n- - q: 1\n    r: 2\nt: 'true'\ne: []\n"
        );
        assert_eq!(super::yaml_text(&json!("a")), "a\n...\n");
    }
}
