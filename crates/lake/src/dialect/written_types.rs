//! The names of types as a query has them: DuckDB calls `ts::date` `CAST(ts AS date)`, and `ts::DATE` otherwise.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Ident, ObjectName, Spanned};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

/// Types that the grammar has no word for, so that their names are kept as they are written.
const TYPES: &[&str] = &[
    "bool",
    "bpchar",
    "bytea",
    "blob",
    "date",
    "datetime",
    "double",
    "float4",
    "float8",
    "hugeint",
    "int1",
    "int2",
    "int32",
    "int4",
    "int64",
    "int8",
    "json",
    "logical",
    "long",
    "nvarchar",
    "short",
    "signed",
    "string",
    "text",
    "timestamp_ms",
    "timestamp_ns",
    "timestamp_s",
    "tinyint",
    "ubigint",
    "uhugeint",
    "uinteger",
    "usmallint",
    "utinyint",
    "uuid",
];

/// Words that may be names of types, by their places.
#[derive(Default)]
pub(super) struct Words(BTreeMap<Location, String>);

impl Words {
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Self {
        let word = |token: &TokenWithSpan| match &token.token {
            Token::Word(word) if word.quote_style.is_none() && is_type(&word.value) => {
                Some((token.span.start, word.value.clone()))
            }
            _ => None,
        };
        Self(tokens.iter().filter_map(word).collect())
    }

    /// Puts the name as it is written into a cast.
    pub(super) fn put_into(&self, expr: &mut Expr) {
        match expr {
            Expr::Cast {
                expr, data_type, ..
            } => {
                let after = expr.span().end;
                if after != Location::empty()
                    && let Some((_, word)) = self.0.range(after..).next()
                {
                    put(word, data_type);
                }
            }
            Expr::TypedString(typed) => {
                let before = typed.value.span.start;
                if let Some((_, word)) = self.0.range(..before).next_back() {
                    put(word, &mut typed.data_type);
                }
            }
            _ => {}
        }
    }
}

fn is_type(word: &str) -> bool {
    TYPES.iter().any(|of| word.eq_ignore_ascii_case(of))
}

fn put(word: &str, into: &mut DataType) {
    if !into.to_string().eq_ignore_ascii_case(word) {
        return;
    }
    let ident = match into {
        DataType::JSON => Ident::with_quote('"', word),
        _ => Ident::new(word),
    };
    *into = DataType::Custom(ObjectName::from(vec![ident]), Vec::new());
}
