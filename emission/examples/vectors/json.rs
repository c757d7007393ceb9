//! Reading of numbers that are either JSON integers or decimal strings.

use serde_json::Value;

/// An integer of any width, or a panic that shows what was there instead.
pub fn int<T: TryFrom<i128>>(v: &Value) -> T {
    let wide = match v {
        Value::String(text) => text.parse::<i128>().ok(),
        Value::Number(n) => n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from)),
        Value::Bool(b) => Some(i128::from(*b)),
        _ => None,
    };
    wide.and_then(|w| T::try_from(w).ok()).unwrap_or_else(|| panic!("no such integer: {v}"))
}

/// An unsigned integer of up to 128 bits.
pub fn wide(v: &Value) -> u128 {
    match v {
        Value::String(text) => text.parse().unwrap_or_else(|_| panic!("no unsigned integer: {v}")),
        _ => u128::from(int::<u64>(v)),
    }
}

/// A list of integers.
pub fn ints<T: TryFrom<i128>>(v: &Value) -> Vec<T> {
    list(v).iter().map(int).collect()
}

/// The elements of a list; null is an empty one.
pub fn list(v: &Value) -> &[Value] {
    v.as_array().map_or(&[], Vec::as_slice)
}

/// A list of flags.
pub fn flags(v: &Value) -> Vec<bool> {
    list(v).iter().map(|b| b.as_bool().unwrap_or_else(|| panic!("no flag: {b}"))).collect()
}

/// A list of pairs of integers.
pub fn pairs<A: TryFrom<i128>, B: TryFrom<i128>>(v: &Value) -> Vec<(A, B)> {
    list(v).iter().map(|p| (int(&p[0]), int(&p[1]))).collect()
}

/// A field that must be there.
pub fn flag(v: &Value, name: &str) -> bool {
    v[name].as_bool().unwrap_or_else(|| panic!("no flag {name}"))
}
