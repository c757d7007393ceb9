//! The payload: a pseudo-gradient as bounded, canonical bytes.
//!
//! | part | bytes |
//! |---|---|
//! | magic `sn3p`, version, three zero bytes | 8 |
//! | kept values of a chunk, u32 | 4 |
//! | layout digest | 32 |
//! | for each tensor: shift and four means, f32 | 20 |
//! | gap parameter, code coding | 2 |
//! | gaps of indices, Rice coded; absent when every value is kept | see below |
//! | codes: 2 bits each, or a length (u32) and a range-coded run where that is shorter | |
//!
//! All numbers are little-endian. Gaps restart with every chunk: the first is the index, each further one the
//! distance to the previous index less one. The gap parameter is the one that needs the fewest bits for the
//! tensor. Rice coding was chosen over Elias–Fano because it is never longer on uniform gaps (7.5 against 8
//! bits for 64 of 4,096) and shorter on clustered ones.
//!
//! Decoding refuses everything that encoding would not have written, so a pseudo-gradient has one payload and
//! one hash. Sizes follow from the layout alone: nothing that a peer wrote decides how much memory is taken.

mod bits;
mod gaps;
mod range;

use crate::layout::Layout;
use crate::sparse::{Chunks, PseudoGradient, Quantizer, SparseTensor};
use bits::{BitReader, BitWriter};

const MAGIC: [u8; 4] = *b"sn3p";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 8 + 4 + 32;
const TENSOR_HEADER_BYTES: usize = 22;
const CODES_PACKED: u8 = 0;
const CODES_RANGE: u8 = 1;

/// Why bytes are no payload of this layout. All of these are the author's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// More bytes than the largest legal payload.
    #[error("the payload has {found} bytes; the largest legal one for this layout has {max}")]
    TooLong {
        /// Its length.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// The bytes end early.
    #[error("the payload ends inside {0}")]
    Truncated(&'static str),
    /// Not the format.
    #[error("the payload does not begin with the mark and version of format 1")]
    Format,
    /// Another layout or another number of kept values.
    #[error("the payload was made for another {0}")]
    OtherRun(&'static str),
    /// A number that is not finite or out of bounds.
    #[error("tensor {tensor}: the quantiser has a number that is not finite or above 10,000")]
    Quantizer {
        /// Position of the tensor in the layout.
        tensor: usize,
    },
    /// An index beyond the chunk or in its padding.
    #[error("tensor {tensor}: an index names no value of its chunk")]
    Index {
        /// Position of the tensor in the layout.
        tensor: usize,
    },
    /// Bytes that no encoder writes.
    #[error("tensor {tensor}: {what} is not the canonical coding")]
    NotCanonical {
        /// Position of the tensor in the layout.
        tensor: usize,
        /// Which part.
        what: &'static str,
    },
    /// Bytes after the end.
    #[error("{0} bytes follow the last tensor")]
    Trailing(usize),
}

/// The largest payload that a pseudo-gradient of this layout can have; readers refuse more before fetching.
#[must_use]
pub fn bytes_max(layout: &Layout, top_k: u32) -> u64 {
    let tensor = |index: usize| {
        let chunks = Chunks::of(layout, index);
        let index_bits: u64 = gaps::bits_max(&chunks, top_k);
        let code_bits = 2 * chunks.kept_total(top_k) as u64;
        TENSOR_HEADER_BYTES as u64 + index_bits.div_ceil(8) + code_bits.div_ceil(8)
    };
    HEADER_BYTES as u64 + (0..layout.tensors().len()).map(tensor).sum::<u64>()
}

/// Encodes a pseudo-gradient that was compressed for this layout with this `top_k`.
///
/// # Panics
/// If it was not: the caller owns all three.
#[must_use]
pub fn encode(gradient: &PseudoGradient, layout: &Layout, top_k: u32) -> Vec<u8> {
    assert_eq!(gradient.tensors.len(), layout.tensors().len(), "pseudo-gradient and layout belong together");
    let mut bytes = Vec::new();
    write_header(layout, top_k, &mut bytes);
    for (index, tensor) in gradient.tensors.iter().enumerate() {
        write_tensor(tensor, &Chunks::of(layout, index), top_k, &mut bytes);
    }
    bytes
}

/// Decodes a payload; `encode` of the result gives the same bytes.
///
/// # Errors
/// If the bytes are anything but a canonical payload of this layout and `top_k`.
pub fn decode(bytes: &[u8], layout: &Layout, top_k: u32) -> Result<PseudoGradient, WireError> {
    let (found, max) = (bytes.len() as u64, bytes_max(layout, top_k));
    if found > max {
        return Err(WireError::TooLong { found, max });
    }
    let mut rest = read_header(bytes, layout, top_k)?;
    let mut tensors = Vec::with_capacity(layout.tensors().len());
    for index in 0..layout.tensors().len() {
        tensors.push(read_tensor(&mut rest, &Chunks::of(layout, index), top_k, index)?);
    }
    if rest.is_empty() { Ok(PseudoGradient { tensors }) } else { Err(WireError::Trailing(rest.len())) }
}

fn write_header(layout: &Layout, top_k: u32, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, 0, 0, 0]);
    bytes.extend_from_slice(&top_k.to_le_bytes());
    bytes.extend_from_slice(&layout.digest().0);
}

fn read_header<'a>(bytes: &'a [u8], layout: &Layout, top_k: u32) -> Result<&'a [u8], WireError> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or(WireError::Truncated("the header"))?;
    if header[..4] != MAGIC || header[4..8] != [VERSION, 0, 0, 0] {
        return Err(WireError::Format);
    }
    if header[8..12] != top_k.to_le_bytes() {
        return Err(WireError::OtherRun("number of kept values"));
    }
    if header[12..] != layout.digest().0 {
        return Err(WireError::OtherRun("layout"));
    }
    Ok(rest)
}

fn write_tensor(tensor: &SparseTensor, chunks: &Chunks, top_k: u32, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&tensor.quantizer.shift.to_le_bytes());
    tensor.quantizer.lookup.iter().for_each(|mean| bytes.extend_from_slice(&mean.to_le_bytes()));
    let (parameter, index_bytes) = gaps::encode(&tensor.indices, chunks, top_k);
    let packed = pack_codes(&tensor.codes);
    let ranged = range::encode(&tensor.codes);
    let short = ranged.len() + 4 < packed.len();
    bytes.extend_from_slice(&[parameter, if short { CODES_RANGE } else { CODES_PACKED }]);
    bytes.extend_from_slice(&index_bytes);
    if short {
        let length = u32::try_from(ranged.len()).expect("a tensor's codes are shorter than 4 GiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&ranged);
    } else {
        bytes.extend_from_slice(&packed);
    }
}

fn read_tensor(
    rest: &mut &[u8],
    chunks: &Chunks,
    top_k: u32,
    tensor: usize,
) -> Result<SparseTensor, WireError> {
    let header = take(rest, TENSOR_HEADER_BYTES, "a tensor's header")?;
    let quantizer =
        read_quantizer(header).filter(Quantizer::is_sound).ok_or(WireError::Quantizer { tensor })?;
    let mut reader = BitReader::new(rest);
    let indices = gaps::decode(&mut reader, header[20], chunks, top_k, tensor)?;
    let used = reader.finish().ok_or(WireError::NotCanonical { tensor, what: "the indices' padding" })?;
    *rest = &rest[used..];
    if gaps::best_parameter(&indices, chunks, top_k) != header[20] {
        return Err(WireError::NotCanonical { tensor, what: "the gap parameter" });
    }
    let codes = read_codes(rest, header[21], indices.len(), tensor)?;
    Ok(SparseTensor { indices, codes, quantizer })
}

fn read_quantizer(header: &[u8]) -> Option<Quantizer> {
    let float = |i: usize| Some(f32::from_le_bytes(header.get(4 * i..4 * i + 4)?.try_into().ok()?));
    Some(Quantizer { shift: float(0)?, lookup: [float(1)?, float(2)?, float(3)?, float(4)?] })
}

fn read_codes(rest: &mut &[u8], coding: u8, count: usize, tensor: usize) -> Result<Vec<u8>, WireError> {
    let wrong = WireError::NotCanonical { tensor, what: "the codes" };
    let packed_len = count.div_ceil(4);
    let codes = match coding {
        CODES_PACKED => unpack_codes(take(rest, packed_len, "the codes")?, count),
        CODES_RANGE => {
            let length = take(rest, 4, "the codes' length")?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            if length + 4 >= packed_len {
                return Err(wrong);
            }
            let bytes = take(rest, length, "the codes")?;
            let codes = range::decode(bytes, count);
            if range::encode(&codes) != bytes {
                return Err(wrong);
            }
            return Ok(codes);
        }
        _ => return Err(wrong),
    };
    // Packing is one of many writings only if range coding would not have been shorter and the padding is zero.
    let canonical = codes.as_ref().is_some_and(|codes| range::encode(codes).len() + 4 >= packed_len);
    codes.filter(|_| canonical).ok_or(wrong)
}

fn pack_codes(codes: &[u8]) -> Vec<u8> {
    let mut writer = BitWriter::default();
    codes.iter().for_each(|&code| writer.write(u32::from(code), 2));
    writer.finish()
}

fn unpack_codes(bytes: &[u8], count: usize) -> Option<Vec<u8>> {
    let mut reader = BitReader::new(bytes);
    let codes = (0..count).map(|_| reader.read(2).map(|code| code as u8)).collect::<Option<_>>()?;
    reader.finish().map(|_| codes)
}

fn take<'a>(rest: &mut &'a [u8], count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
    let (taken, left) = rest.split_at_checked(count).ok_or(WireError::Truncated(what))?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests;
