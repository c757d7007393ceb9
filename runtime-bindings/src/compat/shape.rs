//! Types as short texts, so that two chains' encodings can be compared and shown.
//!
//! The text says how a value is encoded and nothing else: wrappers of one field vanish, names of types vanish, names of
//! fields stay because values are found by them.
//!
//! ```text
//!  u16   C<u64> (compact)   [u16] (vector)   [u8;32]   (u16,u64)   {nonce:u32,free:u64}   <None|Some(u16)>
//! ```

use scale_info::form::PortableForm;
use scale_info::{Field, PortableRegistry, TypeDef, TypeDefPrimitive};
use subxt::Metadata;

/// How deep types may be nested; recursive ones end here.
const DEPTH_MAX: u8 = 8;
/// Variants of an enumeration that are written out; a longer list is cut.
const VARIANTS_MAX: usize = 24;

/// The shape of a type.
pub(super) fn of(metadata: &Metadata, id: u32) -> String {
    shape(metadata.types(), id, DEPTH_MAX)
}

/// The shape of a list of fields: of a call, or of a structure.
pub(super) fn of_fields(metadata: &Metadata, list: &[Field<PortableForm>]) -> String {
    fields(metadata.types(), list, DEPTH_MAX)
}

fn shape(types: &PortableRegistry, id: u32, depth: u8) -> String {
    let Some(depth) = depth.checked_sub(1) else { return "…".into() };
    let Some(ty) = types.resolve(id) else { return format!("unknown type {id}") };
    // What holds any call or event differs between any two releases; each call and event that is used has its line.
    match ty.path.segments.last().map(String::as_str) {
        Some("RuntimeCall") => return "call".into(),
        Some("RuntimeEvent") => return "event".into(),
        _ => {}
    }
    let inner = |id: u32| shape(types, id, depth);
    match &ty.type_def {
        TypeDef::Primitive(primitive) => name(primitive).into(),
        TypeDef::Compact(compact) => format!("C<{}>", inner(compact.type_param.id)),
        TypeDef::Sequence(sequence) => format!("[{}]", inner(sequence.type_param.id)),
        TypeDef::Array(array) => format!("[{};{}]", inner(array.type_param.id), array.len),
        TypeDef::BitSequence(_) => "bits".into(),
        TypeDef::Tuple(tuple) => {
            let parts: Vec<String> = tuple.fields.iter().map(|field| inner(field.id)).collect();
            format!("({})", parts.join(","))
        }
        TypeDef::Composite(composite) => match composite.fields.as_slice() {
            [one] => inner(one.ty.id),
            list => fields(types, list, depth),
        },
        TypeDef::Variant(variant) => {
            let one = |v: &scale_info::Variant<PortableForm>| match v.fields.is_empty() {
                true => format!("{}={}", v.name, v.index),
                false => format!("{}={}{}", v.name, v.index, fields(types, &v.fields, depth)),
            };
            let mut parts: Vec<String> = variant.variants.iter().take(VARIANTS_MAX).map(one).collect();
            if variant.variants.len() > VARIANTS_MAX {
                parts.push("…".into());
            }
            format!("<{}>", parts.join("|"))
        }
    }
}

fn fields(types: &PortableRegistry, list: &[Field<PortableForm>], depth: u8) -> String {
    let named = list.iter().all(|field| field.name.is_some());
    let part = |field: &Field<PortableForm>| match &field.name {
        Some(name) => format!("{name}:{}", shape(types, field.ty.id, depth)),
        None => shape(types, field.ty.id, depth),
    };
    let parts = list.iter().map(part).collect::<Vec<_>>().join(",");
    if named && !list.is_empty() { format!("{{{parts}}}") } else { format!("({parts})") }
}

fn name(primitive: &TypeDefPrimitive) -> &'static str {
    match primitive {
        TypeDefPrimitive::Bool => "bool",
        TypeDefPrimitive::Char => "char",
        TypeDefPrimitive::Str => "str",
        TypeDefPrimitive::U8 => "u8",
        TypeDefPrimitive::U16 => "u16",
        TypeDefPrimitive::U32 => "u32",
        TypeDefPrimitive::U64 => "u64",
        TypeDefPrimitive::U128 => "u128",
        TypeDefPrimitive::U256 => "u256",
        TypeDefPrimitive::I8 => "i8",
        TypeDefPrimitive::I16 => "i16",
        TypeDefPrimitive::I32 => "i32",
        TypeDefPrimitive::I64 => "i64",
        TypeDefPrimitive::I128 => "i128",
        TypeDefPrimitive::I256 => "i256",
    }
}
