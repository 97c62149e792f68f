//! From the conditions of a filter to SQL.

use rusqlite::types::Value;

use super::parse::{Comparison, Condition, Literal};
use super::{Field, Kind, Sql, Target};
use crate::Error;

/// ` and ...` for each; those about one of several things are asked of the same one.
pub fn all(target: &Target, conditions: &[Condition]) -> Result<Sql, Error> {
    let mut all = Sql::default();
    let mut of_one: Vec<(&str, Sql)> = Vec::new();
    for condition in conditions {
        let (field, pair) = target.field(&condition.key)?;
        let compiled = compile(field, pair, condition)?;
        match field.one_of {
            None => all.push(&format!(" and {}", compiled.text), &compiled.values),
            Some(one) => match of_one.iter_mut().find(|(known, _)| *known == one) {
                Some((_, sql)) => sql.push(&format!(" and {}", compiled.text), &compiled.values),
                None => of_one.push((one, compiled)),
            },
        }
    }
    for (one, sql) in of_one {
        all.push(
            &format!(" and {}", one.replace("{}", &sql.text)),
            &sql.values,
        );
    }
    Ok(all)
}

fn compile(field: &Field, pair: Option<&str>, condition: &Condition) -> Result<Sql, Error> {
    let (text, value) = comparison(field, condition)?;
    let is_null = matches!(condition.comparison, Comparison::IsNull);
    // A prompt is a registered model with this tag. Clients ask for the others by `!=`, and mean
    // those without the tag too.
    let others = matches!(condition.comparison, Comparison::Compare("!=", _));
    let text = if others && pair == Some("mlflow.prompt.is_prompt") {
        field.sql.replace("{}", "is not ?")
    } else if is_null && field.sql.starts_with("exists") {
        // Of what is looked for among others, none being there is its absence.
        format!("not {}", field.sql.replace("{}", "is not null"))
    } else {
        field.sql.replace("{}", &text)
    };
    let key = pair.map(|key| Value::Text(key.to_owned()));
    Ok(Sql::new(text, key.into_iter().chain(value).collect()))
}

/// The comparison in SQL, with its value.
fn comparison(field: &Field, condition: &Condition) -> Result<(String, Option<Value>), Error> {
    use Comparison as C;
    let wrong = |expected: &str| {
        let (name, at) = (&condition.key.name, condition.key.at);
        let message = format!("'{name}' (character {at}) takes {expected}");
        Err(Error::misread(at, message))
    };
    let list = |values: &[String]| Some(Value::Text(serde_json::json!(values).to_string()));
    let found = match (field.kind, &condition.comparison) {
        (_, C::IsNull) => ("is null".to_owned(), None),
        (_, C::IsNotNull) => ("is not null".to_owned(), None),
        (Kind::Json, C::Compare(operator @ ("=" | "!="), Literal::Text(text))) => {
            let not = if *operator == "=" { "" } else { "not " };
            let as_json = serde_json::json!(text).to_string();
            (
                format!("{not}in (select value from json_each(?))"),
                list(&[text.clone(), as_json]),
            )
        }
        (Kind::Json, C::Compare(operator, literal)) => match number(literal) {
            Some(number) => (
                format!("glob '[-0-9]*' and cast(a.value as real) {operator} ?"),
                Some(Value::Real(number)),
            ),
            None => return wrong("a number"),
        },
        (Kind::Number, C::Compare(operator, literal)) => match number(literal) {
            Some(number) => (format!("{operator} ?"), Some(Value::Real(number))),
            None => return wrong("a number"),
        },
        (Kind::Number, _) => return wrong("one of = != < <= > >= and a number"),
        (Kind::Text, C::Compare(operator @ ("=" | "!="), Literal::Text(text))) => {
            (format!("{operator} ?"), Some(Value::Text(text.clone())))
        }
        (Kind::Text, C::Compare("=" | "!=", Literal::Number(_))) => {
            return wrong("a 'quoted' text");
        }
        (Kind::Text, C::Compare(..)) => {
            return wrong("one of = != LIKE ILIKE RLIKE IN, NOT IN and a text");
        }
        (_, C::Like(pattern)) => ("glob ?".to_owned(), Some(Value::Text(glob(pattern)))),
        (_, C::ILike(pattern)) => ("like ?".to_owned(), Some(Value::Text(pattern.clone()))),
        (_, C::RLike(pattern)) => match regex::Regex::new(pattern) {
            Ok(_) => ("regexp ?".to_owned(), Some(Value::Text(pattern.clone()))),
            Err(error) => return wrong(&format!("a regular expression: {error}")),
        },
        (_, C::In(values)) => (
            "in (select value from json_each(?))".to_owned(),
            list(values),
        ),
        (_, C::NotIn(values)) => (
            "not in (select value from json_each(?))".to_owned(),
            list(values),
        ),
    };
    Ok(found)
}

/// Times are sometimes written as texts.
pub fn number(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Number(number) => Some(*number),
        Literal::Text(text) => text.trim().parse().ok(),
    }
}

/// SQLite's LIKE knows no case; its GLOB does, with other signs.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for sign in pattern.chars() {
        match sign {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => {
                glob.push('[');
                glob.push(sign);
                glob.push(']');
            }
            other => glob.push(other),
        }
    }
    glob
}
