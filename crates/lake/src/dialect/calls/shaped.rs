//! Casts to types that have others inside: of `row(1, 'x')` to a structure, whose fields it takes by their places, and to
//! maps, whose types the engine's planner does not know.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, CastKind, DataType, Expr, Value};

use super::{args, fill, literal, name_of, records, set_args, types};
use crate::types::Dialect;

/// Names the fields of rows that are written out.
pub(super) fn name_fields(expr: &mut Expr, of: &DataType) {
    if let (Expr::Tuple(_), DataType::Struct(..)) = (&*expr, of) {
        records::structure(expr, Dialect::DuckDb);
    }
    match (expr, of) {
        (Expr::Nested(inner), of) => name_fields(inner, of),
        (Expr::Array(list), DataType::Array(ArrayElemTypeDef::SquareBracket(item, _))) => {
            list.elem
                .iter_mut()
                .for_each(|elem| name_fields(elem, item));
        }
        (Expr::Function(function), DataType::Struct(fields, _)) => {
            let mut parts = match args(function) {
                Some(parts) if parts.len() == 2 * fields.len() => parts,
                _ => return,
            };
            let is_place = |at: usize| literal(&parts[2 * at]) == Some((at + 1).to_string());
            if name_of(function).as_deref() != Some("named_struct")
                || !(0..fields.len()).all(is_place)
            {
                return;
            }
            for (pair, field) in parts.chunks_exact_mut(2).zip(fields) {
                if let Some(name) = &field.field_name {
                    pair[0] = Expr::Value(Value::SingleQuotedString(name.value.clone()).into());
                }
                name_fields(&mut pair[1], &field.field_type);
            }
            set_args(function, parts);
        }
        _ => {}
    }
}

/// `x::map(text, integer)`. None: it is no such cast.
pub(super) fn to_map(expr: &Expr) -> Option<Expr> {
    let Expr::Cast {
        kind,
        expr: of,
        data_type: DataType::Custom(name, text),
        ..
    } = expr
    else {
        return None;
    };
    let ("map", [text]) = (name.to_string().to_lowercase().as_str(), text.as_slice()) else {
        return None;
    };
    let [key, value] = types::pair(text)?;
    let function = match kind {
        CastKind::Cast | CastKind::DoubleColon => "map_as",
        CastKind::TryCast | CastKind::SafeCast => "try_map_as",
    };
    let typed = format!("{function}(_1, null::{key}, null::{value})");
    fill(&typed, std::slice::from_ref(of.as_ref()))
}
