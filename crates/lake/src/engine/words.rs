//! What the engine says of SQL that it cannot plan, in the words of SQL.

use forebay_core::{Diagnostic, suggest};

/// A sentence of the engine, by how it begins, and what is told for what is behind that.
type Sentence = (&'static str, fn(&str) -> Option<Diagnostic>);

/// The sentence in other words. None: it is well as it is.
pub(super) fn said(text: &str) -> Option<Diagnostic> {
    if let Some((number, rest)) = text.split_once(" is too large to store in a Decimal") {
        let (_, most) = rest.split_once("Max is ")?;
        return Some(
            Diagnostic::error(format!(
                "{number} is too large for its decimal type: {most} is the most"
            ))
            .hint("decimal(18, 2) holds larger numbers"),
        );
    }
    SENTENCES.iter().find_map(|(begins, told)| {
        let rest = text.strip_prefix(begins)?;
        told(rest)
    })
}

const SENTENCES: &[Sentence] = &[
    ("Function '", call),
    ("Invalid function '", no_function),
    ("Unsupported SQL type ", |name| {
        Some(
            Diagnostic::error(format!("there is no type '{name}'")).maybe_hint(suggest::nearest(
                &name.to_lowercase(),
                TYPES.iter().copied(),
            )),
        )
    }),
    ("Cannot coerce arithmetic expression ", |rest| {
        let what = rest.strip_suffix(" to valid types")?;
        Some(
            Diagnostic::error(format!("there is no operation {what}"))
                .hint("cast one side to the type of the other: x::integer"),
        )
    }),
    (
        "Cannot infer common argument type for comparison operation ",
        |rest| {
            Some(
                Diagnostic::error(format!("types cannot be compared: {rest}"))
                    .hint("cast one side to the type of the other: x::integer"),
            )
        },
    ),
    ("Column in SELECT must be in GROUP BY", not_grouped),
    ("Column in HAVING must be in GROUP BY", not_grouped),
    ("Column in ORDER BY must be in GROUP BY", not_grouped),
    ("Aggregate function calls cannot be nested", |rest| {
        let (_, rest) = rest.split_once("is nested inside '")?;
        let (outer, _) = rest.split_once('(')?;
        Some(
            Diagnostic::error(format!(
                "an aggregate function within another one: {outer}(...)"
            ))
            .hint("compute the inner one in a subquery"),
        )
    }),
    (
        "Aggregate functions are not allowed in the WHERE clause",
        |_| {
            Some(
                Diagnostic::error("WHERE has an aggregate, and is asked of single rows")
                    .hint("HAVING is asked of groups"),
            )
        },
    ),
    ("Cannot find column with position ", |rest| {
        let (place, rest) = rest.split_once(' ')?;
        let (_, count) = rest.rsplit_once("1 to ")?;
        Some(out_of_bounds("GROUP BY", place, count))
    }),
    ("Order by column out of bounds, specified: ", |rest| {
        let (place, count) = rest.split_once(", max: ")?;
        Some(out_of_bounds("ORDER BY", place, count))
    }),
    (
        "Inconsistent data type across values list at row ",
        |rest| {
            let (row, rest) = rest.split_once(" column ")?;
            let (column, rest) = rest.split_once(". Was ")?;
            let (before, found) = rest.split_once(" but found ")?;
            let next = |place: &str| place.parse::<usize>().ok().map(|place| place + 1);
            let (row, column) = (next(row)?, next(column)?);
            Some(
            Diagnostic::error(format!(
                "row {row} of VALUES has {found} in column {column}, where the rows before it have {before}"
            ))
            .hint("cast one of them to the type of the others"),
        )
        },
    ),
    (
        "Inconsistent data length across values list: got ",
        |rest| {
            let (found, rest) = rest.split_once(" values in row ")?;
            let (row, expected) = rest.split_once(" but expected ")?;
            let row = row.parse::<usize>().ok()? + 1;
            Some(Diagnostic::error(format!(
                "row {row} of VALUES has {found} values, and the first has {expected}"
            )))
        },
    ),
    (
        "Too many columns! The subquery should only return one column: ",
        |rest| {
            Some(Diagnostic::error(format!(
                "a subquery gives one column here, and not {rest}"
            )))
        },
    ),
    ("UNION queries have different number of columns", |_| {
        Some(Diagnostic::error(
            "the queries of a UNION have different numbers of columns",
        ))
    }),
    ("EXCEPT queries have different number of columns", |_| {
        Some(Diagnostic::error(
            "the queries of an EXCEPT have different numbers of columns",
        ))
    }),
    ("INTERSECT queries have different number of columns", |_| {
        Some(Diagnostic::error(
            "the queries of an INTERSECT have different numbers of columns",
        ))
    }),
    ("The function '", |rest| {
        let (name, rest) = rest.split_once("' expected ")?;
        let (wanted, rest) = rest.split_once(" argument")?;
        let (_, found) = rest.split_once(" but received ")?;
        let found = found.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Diagnostic::error(format!(
            "{name}() takes {wanted} arguments, not {found}"
        )))
    }),
    (
        "Failed to coerce arguments to satisfy a call to '",
        |rest| {
            let (name, rest) = rest.split_once('\'')?;
            let (_, given) = rest.split_once("coercion from ")?;
            let (given, _) = given.split_once(" to the signature")?;
            let name = match name {
                "nvl" => "ifnull",
                name => name,
            };
            Some(
                Diagnostic::error(format!("{name}() takes no such arguments: {given}"))
                    .hint("cast them, or see how many it takes"),
            )
        },
    ),
    ("Query INSERT", |_| {
        Some(
            Diagnostic::error("INSERT is a statement, where a query is needed")
                .hint("the rows that it inserts are the query; statements are hooks"),
        )
    }),
    ("Placeholder '", |rest| {
        let (name, _) = rest.split_once('\'')?;
        Some(
            Diagnostic::error(format!("{name} stands for a value that nobody gives"))
                .hint("{{ var('name') }} is a value of the project, 'x' a text"),
        )
    }),
    ("Cannot create filter with non-boolean predicate ", |rest| {
        let (what, of) = rest.rsplit_once(" returning ")?;
        Some(Diagnostic::error(format!(
            "WHERE needs a condition, and {what} is {of}"
        )))
    }),
    (
        "Unary operator 'NOT' requires a boolean expression, got ",
        |of| {
            Some(Diagnostic::error(format!(
                "NOT needs a condition, and got {of}"
            )))
        },
    ),
    (
        "Aggregate function calls cannot contain window function calls: ",
        |rest| {
            let (_, rest) = rest.split_once("is nested inside '")?;
            let (outer, _) = rest.split_once('(')?;
            Some(
                Diagnostic::error(format!(
                    "a window function within an aggregate function: {outer}(...)"
                ))
                .hint("compute the window function in a subquery"),
            )
        },
    ),
    ("HAVING clause references: ", |_| {
        Some(
            Diagnostic::error(
                "HAVING asks of a column that is neither in GROUP BY nor within an aggregate function",
            )
            .hint("WHERE is asked of single rows"),
        )
    }),
    ("Cannot cast value '", |rest| {
        let (text, _) = rest.split_once(" (true or false)'")?;
        Some(
            Diagnostic::error(format!("'{text}' is neither true nor false"))
                .hint("a condition compares: x = 'a', x is not null"),
        )
    }),
    ("Cannot access field at argument 1: type ", |rest| {
        let (of, _) = rest.split_once(' ')?;
        Some(
            Diagnostic::error(format!("a field is asked for of {of}, which has none"))
                .hint("json ->> '$.field' looks into a text of JSON"),
        )
    }),
    ("Unsupported ast node in sqltorel: ", |rest| {
        let name = rest.split(|c: char| !c.is_alphanumeric()).next()?;
        let problem = Diagnostic::error(format!("there is no operator {}", name.to_uppercase()));
        Some(match name {
            "RLike" => problem.hint("regexp_matches(text, 'pattern'), text ~ 'whole pattern'"),
            _ => problem,
        })
    }),
    ("There isn't a common type to coerce ", |rest| {
        let (types, what) = rest.split_once(" in ")?;
        let what = what.strip_suffix(" expression")?;
        Some(
            Diagnostic::error(format!("{what} is of texts, and not of {types}"))
                .hint("cast it: x::varchar"),
        )
    }),
    ("Dot access not supported", |_| {
        Some(
            Diagnostic::error("a field is asked for by a point behind what has no such fields")
                .hint("(value).field, or value['field']"),
        )
    }),
    ("Field ", |rest| {
        let name = rest.strip_suffix(" not found in struct")?;
        Some(Diagnostic::error(format!(
            "the structure has no field '{name}'"
        )))
    }),
    ("Scalar subquery returned more than one row", |_| {
        Some(
            Diagnostic::error("a subquery that is one value has more than one row")
                .hint("max(x), or limit 1, makes one of them"),
        )
    }),
    ("QUALIFY clause requires window functions", |_| {
        Some(
            Diagnostic::error("QUALIFY is asked of a query that has no window function")
                .hint("WHERE and HAVING are asked of rows and groups"),
        )
    }),
    ("join condition should not be empty", |_| {
        Some(
            Diagnostic::error("SQL syntax: a JOIN says nothing of how it joins")
                .hint("ON a.id = b.id, USING (id), or CROSS JOIN for all pairs of rows"),
        )
    }),
    ("Invalid input syntax for type interval: \"", |rest| {
        let (text, _) = rest.split_once('"')?;
        Some(
            Diagnostic::error(format!("'{text}' is no length of time"))
                .hint("a number and a unit: '3 days', '1 month 2 hours'"),
        )
    }),
    (
        "Physical plan does not support logical expression ",
        |rest| {
            Some(match rest.split(['(', ' ']).next()? {
                "Wildcard" => Diagnostic::error("* stands where one value must"),
                _ => Diagnostic::error(
                    "a subquery of columns of the query around it is not supported there",
                )
                .hint("join what it selects"),
            })
        },
    ),
];

/// The types that a misspelt one may be.
const TYPES: &[&str] = &[
    "bigint",
    "boolean",
    "date",
    "decimal",
    "double",
    "integer",
    "interval",
    "json",
    "numeric",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "varchar",
];

const WINDOWS: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// The engine names a function that is near by its own measure, however far it is.
fn no_function(rest: &str) -> Option<Diagnostic> {
    let (name, rest) = rest.split_once('\'')?;
    if WINDOWS.contains(&name) {
        return Some(Diagnostic::error(format!(
            "{name}() needs OVER (...): it is a function of rows beside others"
        )));
    }
    let near = rest
        .split_once("Did you mean '")
        .and_then(|(_, near)| near.split('\'').next());
    let near = near.and_then(|near| suggest::nearest(name, [near]));
    Some(Diagnostic::error(format!("there is no function '{name}'")).maybe_hint(near))
}

/// `upper' user-defined coercion failed with: Error during planning: upper() takes 1 argument, not 3. No function
/// matches ... 'upper(text, bigint)' ...`.
fn call(rest: &str) -> Option<Diagnostic> {
    const KINDS: [&str; 2] = ["Error during planning: ", "Execution error: "];
    let (name, rest) = rest.split_once('\'')?;
    let reason = rest
        .strip_prefix(" user-defined coercion failed with: ")
        .and_then(|reason| KINDS.iter().find_map(|kind| reason.strip_prefix(kind)))
        .and_then(|reason| reason.split(" No function matches").next())
        .map(|reason| reason.trim_end_matches('.'));
    match reason {
        Some(reason) if reason.starts_with("Failed to unify argument types") => {
            let (_, types) = reason.split_once(": ")?;
            Some(
                Diagnostic::error(format!(
                    "{name}() takes values of one type, not of {}",
                    types.trim_matches(['[', ']'])
                ))
                .hint("cast them to one type: x::text"),
            )
        }
        Some(reason) if reason.contains(name) => Some(Diagnostic::error(reason)),
        None if !rest.contains("argument types '") => Some(
            Diagnostic::error(format!("{name}() takes no such arguments"))
                .hint("cast them: x::integer, x::text"),
        ),
        _ => {
            let (_, called) = rest.split_once("argument types '")?;
            let called = called.split('\'').next()?;
            Some(
                Diagnostic::error(format!("there is no function {called}"))
                    .hint("cast the arguments: x::integer, x::text"),
            )
        }
    }
}

/// `column "main.a.name" must appear ...`.
fn not_grouped(rest: &str) -> Option<Diagnostic> {
    let (_, column) = rest.split_once("column \"")?;
    let column = column.split('"').next()?;
    let name = column.rsplit('.').next()?;
    Some(
        Diagnostic::error(format!(
            "column '{name}' has to be in GROUP BY, or within an aggregate function"
        ))
        .hint(format!("any_value({name}) is one of its values")),
    )
}

fn out_of_bounds(clause: &str, place: &str, count: &str) -> Diagnostic {
    let columns = match count {
        "1" => "1 column".to_owned(),
        count => format!("{count} columns"),
    };
    Diagnostic::error(format!("{clause} {place}: the answer has {columns}"))
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn sentences_of_the_engine_are_told_in_words_of_sql() {
        for (engine, told) in [
            (
                "Function 'upper' user-defined coercion failed with: Error during planning: upper() takes 1 argument, not 3. No function matches the given name and argument types 'upper(text, bigint, bigint)'. You might need to add explicit type casts.",
                "upper() takes 1 argument, not 3",
            ),
            (
                "Function 'round' failed to match any signature, errors: x. No function matches the given name and argument types 'round(text, bigint)'. You might",
                "there is no function round(text, bigint)",
            ),
            (
                "Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column \"main.a.name\" must appear",
                "column 'name' has to be in GROUP BY, or within an aggregate function",
            ),
            (
                "Invalid function 'nofunc'. Did you mean 'round'?",
                "there is no function 'nofunc'",
            ),
            (
                "Inconsistent data type across values list at row 1 column 0. Was date but found text",
                "row 2 of VALUES has text in column 1, where the rows before it have date",
            ),
            (
                "Order by column out of bounds, specified: 7, max: 1",
                "ORDER BY 7: the answer has 1 column",
            ),
        ] {
            assert_eq!(
                said(engine).map(|problem| problem.message).as_deref(),
                Some(told)
            );
        }
        assert!(said("division by zero").is_none());
    }
}
