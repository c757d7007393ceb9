//! The payload: a pseudo-gradient as bounded, canonical bytes.
//!
//! | part | bytes |
//! |---|---|
//! | magic `sn3p`, version, three zero bytes | 8 |
//! | kept values of a chunk, u32 | 4 |
//! | layout digest | 32 |
//! | for each tensor: length of its section, u32 | 4 |
//! | for each tensor: its section | |
//! | · shift and four means, f32 | 20 |
//! | · gap parameter, code coding | 2 |
//! | · gaps of indices, Rice coded; absent when every value is kept | see below |
//! | · codes, to the end of the section: 2 bits each, or a range-coded run where that is shorter | |
//!
//! All numbers are little-endian. Sections are coded and decoded on all threads.
//!
//! Gaps restart with every chunk: the first is the index, each further one the distance to the previous index
//! less one. A gap `g` is `g >> b` ones, a zero, and the low `b` bits of `g`; the parameter `b` is the one that
//! needs the fewest bits for the tensor, the smallest of several. That is never longer than Elias–Fano with the
//! same `b`, whatever the indices: both spend `k(1 + b)` bits on a chunk of `k` of `p` values, and then
//! Elias–Fano `p >> b` and Rice coding `Σ(g >> b)`, which is at most `(Σg) >> b < p >> b`. So there is one
//! coding of indices and nothing to choose.
//!
//! Decoding refuses everything that encoding would not have written, so a pseudo-gradient has one payload and
//! one hash. Sizes follow from the layout alone: nothing that a peer wrote decides how much memory is taken.

mod bits;
mod gaps;
mod range;

use rayon::prelude::*;

use crate::layout::Layout;
use crate::sparse::{Chunks, PseudoGradient, Quantizer, SparseTensor};
use bits::{BitReader, BitWriter};

const MAGIC: [u8; 4] = *b"sn3p";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 8 + 4 + 32;
const LENGTH_BYTES: usize = 4;
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
        (LENGTH_BYTES + TENSOR_HEADER_BYTES) as u64 + index_bits.div_ceil(8) + code_bits.div_ceil(8)
    };
    HEADER_BYTES as u64 + (0..layout.tensors().len()).map(tensor).sum::<u64>()
}

/// Encodes a pseudo-gradient that was compressed for this layout with this `top_k`.
///
/// # Panics
/// If it was not (the caller owns all three), or if a tensor's section were 4 GiB or longer, which takes more
/// than 10¹¹ values.
#[must_use]
pub fn encode(gradient: &PseudoGradient, layout: &Layout, top_k: u32) -> Vec<u8> {
    assert_eq!(gradient.tensors.len(), layout.tensors().len(), "pseudo-gradient and layout belong together");
    let section = |(index, tensor)| write_tensor(tensor, &Chunks::of(layout, index), top_k);
    let sections: Vec<Vec<u8>> = gradient.tensors.par_iter().enumerate().map(section).collect();
    let mut bytes = Vec::with_capacity(
        HEADER_BYTES + sections.iter().map(|section| LENGTH_BYTES + section.len()).sum::<usize>(),
    );
    write_header(layout, top_k, &mut bytes);
    for section in &sections {
        let length = u32::try_from(section.len()).expect("a section is shorter than 4 GiB");
        bytes.extend_from_slice(&length.to_le_bytes());
    }
    sections.iter().for_each(|section| bytes.extend_from_slice(section));
    bytes
}

/// Decodes a payload; `encode` of the result gives the same bytes.
///
/// # Errors
/// If the bytes are anything but a canonical payload of this layout and `top_k`; of several wrong tensors the
/// first is named.
pub fn decode(bytes: &[u8], layout: &Layout, top_k: u32) -> Result<PseudoGradient, WireError> {
    let payload = Payload::open(bytes, layout, top_k)?;
    let read = |index| payload.tensor(&Chunks::of(layout, index), index);
    let tensors: Vec<Result<SparseTensor, WireError>> =
        (0..payload.sections.len()).into_par_iter().map(read).collect();
    Ok(PseudoGradient { tensors: tensors.into_iter().collect::<Result<_, _>>()? })
}

/// A payload whose header and table of lengths were found sound; its tensors are still bytes.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    sections: Vec<&'a [u8]>,
    top_k: u32,
}

impl<'a> Payload<'a> {
    pub(crate) fn open(bytes: &'a [u8], layout: &Layout, top_k: u32) -> Result<Self, WireError> {
        let (found, max) = (bytes.len() as u64, bytes_max(layout, top_k));
        if found > max {
            return Err(WireError::TooLong { found, max });
        }
        let rest = read_header(bytes, layout, top_k)?;
        Ok(Self { sections: split_sections(rest, layout.tensors().len())?, top_k })
    }

    /// Decodes tensor `index`, whose grid is `chunks`.
    pub(crate) fn tensor(&self, chunks: &Chunks, index: usize) -> Result<SparseTensor, WireError> {
        read_tensor(self.sections[index], chunks, self.top_k, index)
    }
}

/// The sections of `count` tensors, which the table of their lengths must cut without a rest.
fn split_sections(mut rest: &[u8], count: usize) -> Result<Vec<&[u8]>, WireError> {
    let table = take(&mut rest, count * LENGTH_BYTES, "the table of lengths")?;
    let mut sections = Vec::with_capacity(count);
    for length in table.chunks_exact(LENGTH_BYTES) {
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        sections.push(take(&mut rest, length as usize, "a tensor's section")?);
    }
    if rest.is_empty() { Ok(sections) } else { Err(WireError::Trailing(rest.len())) }
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

fn write_tensor(tensor: &SparseTensor, chunks: &Chunks, top_k: u32) -> Vec<u8> {
    let (parameter, gaps) = gaps::encode(&tensor.indices, chunks, top_k);
    let (coding, codes) = write_codes(&tensor.codes);
    let mut bytes = Vec::with_capacity(TENSOR_HEADER_BYTES + gaps.len() + codes.len());
    bytes.extend_from_slice(&tensor.quantizer.shift.to_le_bytes());
    tensor.quantizer.lookup.iter().for_each(|mean| bytes.extend_from_slice(&mean.to_le_bytes()));
    bytes.extend_from_slice(&[parameter, coding]);
    bytes.extend_from_slice(&gaps);
    bytes.extend_from_slice(&codes);
    bytes
}

fn read_tensor(
    mut section: &[u8],
    chunks: &Chunks,
    top_k: u32,
    tensor: usize,
) -> Result<SparseTensor, WireError> {
    let header = take(&mut section, TENSOR_HEADER_BYTES, "a tensor's header")?;
    let quantizer =
        read_quantizer(header).filter(Quantizer::is_sound).ok_or(WireError::Quantizer { tensor })?;
    let (parameter, coding) = (header[20], header[21]);
    let mut reader = BitReader::new(section);
    let indices = gaps::decode(&mut reader, parameter, chunks, top_k, tensor)?;
    let used = reader.finish().ok_or(WireError::NotCanonical { tensor, what: "the indices' padding" })?;
    if gaps::best_parameter(&indices, chunks, top_k) != parameter {
        return Err(WireError::NotCanonical { tensor, what: "the gap parameter" });
    }
    let codes = read_codes(&section[used..], coding, indices.len())
        .ok_or(WireError::NotCanonical { tensor, what: "the codes" })?;
    Ok(SparseTensor { indices, codes, quantizer })
}

fn read_quantizer(header: &[u8]) -> Option<Quantizer> {
    let float = |i: usize| Some(f32::from_le_bytes(header.get(4 * i..4 * i + 4)?.try_into().ok()?));
    Some(Quantizer { shift: float(0)?, lookup: [float(1)?, float(2)?, float(3)?, float(4)?] })
}

/// The shorter coding of codes; packing if both are equal.
fn write_codes(codes: &[u8]) -> (u8, Vec<u8>) {
    let (packed, ranged) = (pack_codes(codes), range::encode(codes));
    if ranged.len() < packed.len() { (CODES_RANGE, ranged) } else { (CODES_PACKED, packed) }
}

/// The codes, if `bytes` are what [`write_codes`] makes of them.
fn read_codes(bytes: &[u8], coding: u8, count: usize) -> Option<Vec<u8>> {
    let packed_len = count.div_ceil(4);
    let codes = match coding {
        CODES_PACKED if bytes.len() == packed_len => unpack_codes(bytes, count)?,
        CODES_RANGE if bytes.len() < packed_len => range::decode(bytes, count),
        _ => return None,
    };
    let ranged = range::encode(&codes);
    let canonical = if coding == CODES_RANGE { ranged == bytes } else { ranged.len() >= packed_len };
    canonical.then_some(codes)
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
