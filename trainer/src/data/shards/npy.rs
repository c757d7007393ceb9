//! The header of a `.npy` file: magic, version, and a Python dictionary with type and shape.

use super::TokenType;

/// Longest header that is read.
const HEADER_BYTES_MAX: usize = 1 << 16;

/// What a file of tokens says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the values begin.
    pub(super) start: usize,
    pub(super) kind: TokenType,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let (start, descr, count) = parse(bytes)?;
        let kind = match descr.as_str() {
            "<u2" => TokenType::U16,
            "<u4" => TokenType::U32,
            other => return Err(format!("its type is {other:?}")),
        };
        check_count(bytes.len() - start, count, kind.bytes())?;
        Ok(Self { start, kind })
    }
}

/// Where the ids of a file of ids begin.
pub(super) fn ids_start(bytes: &[u8]) -> Result<usize, String> {
    let (start, descr, count) = parse(bytes)?;
    if descr != "<u8" {
        return Err(format!("its type is {descr:?}; ids are uint64"));
    }
    check_count(bytes.len() - start, count, 8)?;
    Ok(start)
}

fn check_count(bytes: usize, count: usize, width: usize) -> Result<(), String> {
    match count.checked_mul(width) {
        Some(expected) if expected == bytes => Ok(()),
        _ => Err(format!("its header promises {count} values of {width} bytes, {bytes} bytes follow")),
    }
}

/// Where the values begin, their type, and how many the shape promises.
fn parse(bytes: &[u8]) -> Result<(usize, String, usize), String> {
    let version = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', major, _, ..] => *major,
        _ => return Err("it does not begin as a .npy file".to_owned()),
    };
    let (at, length) = match (version, &bytes[8..]) {
        (1, [low, high, ..]) => (10, usize::from(u16::from_le_bytes([*low, *high]))),
        (2 | 3, [a, b, c, d, ..]) => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => return Err(format!("it has format version {version}")),
    };
    if length > HEADER_BYTES_MAX {
        return Err(format!("its header has {length} bytes"));
    }
    let text = bytes.get(at..at + length).and_then(|text| std::str::from_utf8(text).ok());
    let text = text.ok_or("its header is cut short")?;
    if field(text, "fortran_order").is_some_and(|value| value.starts_with("True")) {
        return Err("its order is Fortran's".to_owned());
    }
    let descr = field(text, "descr").and_then(quoted).ok_or("its header names no type")?;
    let count = field(text, "shape").and_then(product).ok_or("its header names no shape")?;
    Ok((at + length, descr, count))
}

/// What follows `'name':` in a Python dictionary.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.split_once(&format!("'{name}'"))?.1;
    Some(rest.split_once(':')?.1.trim_start())
}

fn quoted(text: &str) -> Option<String> {
    let text = text.strip_prefix('\'')?;
    Some(text.split_once('\'')?.0.to_owned())
}

/// The product of a tuple of numbers.
fn product(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('(')?.split_once(')')?.0;
    let numbers = inside.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse::<usize>().ok()).try_fold(1usize, |all, next| all.checked_mul(next?))
}

/// The header of a one-dimensional array of `count` tokens, padded so that the values are aligned.
pub(crate) fn header(kind: TokenType, count: u64) -> Vec<u8> {
    let descr = match kind {
        TokenType::U16 => "<u2",
        TokenType::U32 => "<u4",
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({count},), }}");
    let fixed = 10 + 1;
    let padded = (fixed + text.len()).next_multiple_of(64) - fixed;
    text.extend(std::iter::repeat_n(' ', padded - text.len()));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}
