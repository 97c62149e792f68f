//! Functions that the engine lacks, or answers otherwise than PostgreSQL and DuckDB: one list a topic.

mod checks;
mod collected;
mod dates;
mod forms;
mod hashes;
mod hex;
mod intervals;
mod json;
mod json_checked;
mod json_compared;
mod json_made;
mod json_many;
mod json_text;
mod likeness;
mod lists;
mod maps;
mod moments;
mod numbers;
mod pairs;
mod paths;
mod patterns;
mod printf;
mod ranked;
mod reduced;
mod regexes;
mod roots;
mod strftime;
mod structures;
mod text;
mod text_parts;
mod to_char;
mod typed_json;
mod types;
mod vectors;
mod writing;
mod zones;

mod function;

pub(crate) use dates::{PART_NAMES, part_name};
pub use forms::without_exponent;
pub(crate) use intervals::canonical as interval;
pub(crate) use json_many::is_wild;
pub(crate) use json_text::check_path;
pub(crate) use patterns::{of_ascii, of_postgres, replacement};
pub(crate) use reduced::reduce;
pub(crate) use regexes::similar;
pub(crate) use strftime::read as read_moment;
pub(crate) use text::without_accents;
pub(crate) use typed_json::{Form, of_text};
pub(crate) use writing::write;
pub use writing::{lengths, to_exact};
pub(crate) use zones::{canonical_zone, with_offset};

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::types::Dialect;
use function::Function;

/// All of them as the dialect has them.
pub(crate) fn all(dialect: Dialect) -> Vec<ScalarUDF> {
    let shared = [
        text::FUNCTIONS,
        hex::FUNCTIONS,
        maps::FUNCTIONS,
        intervals::FUNCTIONS,
        regexes::FUNCTIONS,
        printf::FUNCTIONS,
        numbers::FUNCTIONS,
        dates::FUNCTIONS,
        moments::FUNCTIONS,
        zones::FUNCTIONS,
        json::FUNCTIONS,
        json_many::FUNCTIONS,
        lists::FUNCTIONS,
        checks::FUNCTIONS,
        forms::FUNCTIONS,
    ];
    let of_dialect: &[&[Function]] = match dialect {
        Dialect::DuckDb => &[
            hashes::DUCKDB,
            hex::DUCKDB,
            likeness::DUCKDB,
            lists::DUCKDB,
            paths::DUCKDB,
            printf::DUCKDB,
            regexes::DUCKDB,
            json::DUCKDB,
            json_compared::DUCKDB,
            json_made::DUCKDB,
            types::DUCKDB,
            numbers::DUCKDB,
            roots::DUCKDB,
            structures::DUCKDB,
            text::DUCKDB,
            maps::DUCKDB,
            vectors::DUCKDB,
        ],
        Dialect::Postgres => &[
            hex::POSTGRES,
            json::POSTGRES,
            json_made::POSTGRES,
            types::POSTGRES,
            numbers::POSTGRES,
            printf::POSTGRES,
            roots::POSTGRES,
        ],
    };
    let lists = shared.into_iter().chain(of_dialect.iter().copied());
    lists.flatten().map(|function| function.udf()).collect()
}

/// The aggregates.
pub(crate) fn aggregates(dialect: Dialect) -> Vec<AggregateUDF> {
    let mut all = ranked::aggregates(dialect);
    all.extend(pairs::aggregates(dialect));
    all.extend(collected::aggregates());
    all
}

/// One of both dialects, to be called by the dialect itself.
pub(crate) fn named(name: &'static str) -> Arc<ScalarUDF> {
    named_in(name, Dialect::DuckDb)
}

/// One as the dialect has it. They are few and asked for often: each is made once.
pub(crate) fn named_in(name: &'static str, dialect: Dialect) -> Arc<ScalarUDF> {
    type Made = HashMap<(&'static str, Dialect), Arc<ScalarUDF>>;
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let function = made.entry((name, dialect)).or_insert_with(|| {
        let mut all = all(dialect).into_iter();
        let found = all.find(|function| function.name() == name);
        Arc::new(found.unwrap_or_else(|| panic!("there is no function {name}")))
    });
    Arc::clone(function)
}
