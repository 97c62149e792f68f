//! Python's `itertools` as far as templates use it. What is lazy there is a list here.

use minijinja::value::{Kwargs, Rest, Tuple, from_args};
use minijinja::{Error, ErrorKind, Value};

use super::collections;
use super::errors::failed;

/// More would not be a template's but a program's.
const MOST: usize = 1_000_000;

pub(super) fn call(method: &str, args: &[Value]) -> Result<Value, Error> {
    let rows = match method {
        "chain" => {
            let all = lists(args)?.into_iter().flatten();
            return Ok(collections::list(all));
        }
        "accumulate" => return accumulated(args),
        "islice" => return part(args),
        "repeat" => {
            let (item, times): (Value, usize) = from_args(args)?;
            bounded(Some(times))?;
            return Ok(collections::list(vec![item; times]));
        }
        "product" => product(args)?,
        "combinations" => combinations(args)?,
        "permutations" => permutations(args)?,
        "zip_longest" => zip_longest(args)?,
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    let rows = rows.into_iter().map(|row| Value::from(Tuple::from(row)));
    Ok(collections::list(rows))
}

/// Sums of the items so far.
fn accumulated(args: &[Value]) -> Result<Value, Error> {
    let (items,): (Value,) = from_args(args)?;
    let mut sums: Vec<Value> = Vec::new();
    for item in items.try_iter()? {
        let sum = match sums.last() {
            None => item,
            Some(last) => super::values::added(last, &item)?,
        };
        sums.push(sum);
    }
    Ok(collections::list(sums))
}

/// `islice(items, stop)`, or `islice(items, start, stop, step)`.
fn part(args: &[Value]) -> Result<Value, Error> {
    let (items, first, stop, step): (Value, Option<usize>, Option<Option<usize>>, Option<usize>) =
        from_args(args)?;
    let (start, stop) = match stop {
        Some(stop) => (first.unwrap_or(0), stop),
        None => (0, first),
    };
    let items = items
        .try_iter()?
        .take(stop.unwrap_or(usize::MAX))
        .skip(start);
    Ok(collections::list(items.step_by(step.unwrap_or(1).max(1))))
}

fn lists(args: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    let list = |list: &Value| Ok(list.try_iter()?.collect());
    args.iter().map(list).collect()
}

fn product(args: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    let (given, kwargs): (Rest<Value>, Kwargs) = from_args(args)?;
    let repeat = kwargs.get::<Option<usize>>("repeat")?.unwrap_or(1);
    kwargs.assert_all_used()?;
    bounded(Some(repeat))?;
    let lists = vec![lists(&given)?; repeat].concat();
    let sizes = lists
        .iter()
        .try_fold(1_usize, |all, list| all.checked_mul(list.len()));
    bounded(sizes)?;
    let mut rows = vec![Vec::new()];
    for list in &lists {
        let longer = |row: &Vec<Value>| {
            let row = row.clone();
            let next = move |item: &Value| [&row[..], std::slice::from_ref(item)].concat();
            list.iter().map(next).collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    Ok(rows)
}

/// Every choice of `size` of them, in their order.
fn combinations(args: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    let (list, size): (Value, usize) = from_args(args)?;
    let items: Vec<Value> = list.try_iter()?.collect();
    let mut rows = Vec::new();
    choose(&items, size, &mut Vec::new(), &mut rows)?;
    Ok(rows)
}

fn choose(
    items: &[Value],
    more: usize,
    chosen: &mut Vec<Value>,
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), Error> {
    if more == 0 {
        rows.push(chosen.clone());
        return bounded(Some(rows.len()));
    }
    for (at, item) in items.iter().enumerate() {
        chosen.push(item.clone());
        choose(&items[at + 1..], more - 1, chosen, rows)?;
        chosen.pop();
    }
    Ok(())
}

/// Every order of `size` of them; of all where no size is given.
fn permutations(args: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    let (list, size): (Value, Option<usize>) = from_args(args)?;
    let items: Vec<Value> = list.try_iter()?.collect();
    let mut rows = Vec::new();
    let size = size.unwrap_or(items.len());
    arrange(&items, size, &mut Vec::new(), &mut rows)?;
    let row = |places: Vec<usize>| places.into_iter().map(|at| items[at].clone()).collect();
    Ok(rows.into_iter().map(row).collect())
}

fn arrange(
    items: &[Value],
    size: usize,
    places: &mut Vec<usize>,
    rows: &mut Vec<Vec<usize>>,
) -> Result<(), Error> {
    if places.len() == size {
        rows.push(places.clone());
        return bounded(Some(rows.len()));
    }
    for at in 0..items.len() {
        if !places.contains(&at) {
            places.push(at);
            arrange(items, size, places, rows)?;
            places.pop();
        }
    }
    Ok(())
}

fn zip_longest(args: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    let (given, kwargs): (Rest<Value>, Kwargs) = from_args(args)?;
    let fill = kwargs
        .get::<Option<Value>>("fillvalue")?
        .unwrap_or(Value::from(()));
    kwargs.assert_all_used()?;
    let lists = lists(&given)?;
    let rows = lists.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| {
        let item = |list: &Vec<Value>| list.get(at).unwrap_or(&fill).clone();
        lists.iter().map(item).collect()
    };
    Ok((0..rows).map(row).collect())
}

fn bounded(rows: Option<usize>) -> Result<(), Error> {
    match rows {
        Some(rows) if rows <= MOST => Ok(()),
        _ => Err(failed(format!(
            "modules.itertools would make more than {MOST} rows"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(method: &str, args: &[Value]) -> String {
        call(method, args).map_or_else(
            |error| error.to_string(),
            |rows| super::super::python::repr(&rows),
        )
    }

    #[test]
    fn rows_come_in_the_order_of_python() {
        let (ab, xy) = (Value::from(vec!["a", "b"]), Value::from(vec!["x", "y"]));
        let abc = Value::from(vec!["a", "b", "c"]);
        assert_eq!(
            made("product", &[ab.clone(), xy.clone()]),
            "[('a', 'x'), ('a', 'y'), ('b', 'x'), ('b', 'y')]"
        );
        assert_eq!(
            made("combinations", &[abc.clone(), Value::from(2)]),
            "[('a', 'b'), ('a', 'c'), ('b', 'c')]"
        );
        assert_eq!(
            made("permutations", std::slice::from_ref(&ab)),
            "[('a', 'b'), ('b', 'a')]"
        );
        assert_eq!(made("chain", &[ab.clone(), xy]), "['a', 'b', 'x', 'y']");
        assert_eq!(
            made("zip_longest", &[abc, ab]),
            "[('a', 'a'), ('b', 'b'), ('c', None)]"
        );
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let many = Value::from((0..2_000).collect::<Vec<i64>>());
        assert!(made("product", &[many.clone(), many.clone()]).contains("more than"));
        assert!(made("combinations", &[many, Value::from(3)]).contains("more than"));
    }
}
