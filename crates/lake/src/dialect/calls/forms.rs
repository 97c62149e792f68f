//! `strptime` by forms that are written out: of several the first that fits counts, and where one has a zone the moment
//! has one.

use datafusion::sql::sqlparser::ast::{Expr, Function};

use super::{args, fill, literal, named, set_args};

pub(super) fn rewrite(name: &str, function: &mut Function) -> Option<Expr> {
    if !matches!(name, "strptime" | "try_strptime") {
        return None;
    }
    let args = args(function)?;
    let [text, form] = args.as_slice() else {
        return None;
    };
    match form {
        Expr::Array(forms) => {
            let is_zoned = forms.elem.iter().any(has_zone);
            let last = forms.elem.len().checked_sub(1)?;
            let each = forms.elem.iter().enumerate().map(|(at, form)| {
                let name = if at == last { name } else { "try_strptime" };
                let mut one = function.clone();
                one.name = named(&of_zone(name, is_zoned));
                set_args(&mut one, vec![text.clone(), form.clone()]);
                Expr::Function(one)
            });
            let each: Vec<Expr> = each.collect();
            let places: Vec<String> = (1..=each.len()).map(|at| format!("_{at}")).collect();
            fill(&format!("coalesce({})", places.join(", ")), &each)
        }
        form => {
            function.name = named(&of_zone(name, has_zone(form)));
            None
        }
    }
}

fn of_zone(name: &str, is_zoned: bool) -> String {
    match is_zoned {
        true => format!("{name}_zoned"),
        false => name.to_owned(),
    }
}

fn has_zone(form: &Expr) -> bool {
    literal(form).is_some_and(|form| form.contains("%z") || form.contains("%Z"))
}
