//! Rice coding of the gaps between a chunk's indices.

use super::WireError;
use super::bits::{BitReader, BitWriter};
use crate::sparse::Chunks;

/// Largest number of low bits: a gap is below 4,096.
const PARAMETER_MAX: u8 = 11;

/// Most bits that a tensor's indices can take: with parameter `b` a chunk of `k` kept of `p` positions needs at
/// most `k(1 + b) + (p >> b)` bits, and the encoder takes the best `b`.
pub(super) fn bits_max(chunks: &Chunks, top_k: u32) -> u64 {
    if chunks.is_dense(top_k) {
        return 0;
    }
    let kept = chunks.kept_total(top_k) as u64;
    let chunk = chunks.positions() as u64;
    let total = |b: u8| kept * (1 + u64::from(b)) + chunks.count() as u64 * (chunk >> b);
    (0..=PARAMETER_MAX).map(total).min().unwrap_or(0)
}

/// Calls `visit` with each gap.
fn for_each_gap(indices: &[u16], chunks: &Chunks, top_k: u32, mut visit: impl FnMut(u32)) {
    let mut rest = indices.iter();
    for chunk in chunks.iter() {
        let mut next = 0;
        for &index in rest.by_ref().take(chunks.kept(&chunk, top_k)) {
            visit(u32::from(index) - next);
            next = u32::from(index) + 1;
        }
    }
}

/// The parameter that needs the fewest bits, the smallest of several; 0 where nothing is written.
pub(super) fn best_parameter(indices: &[u16], chunks: &Chunks, top_k: u32) -> u8 {
    if chunks.is_dense(top_k) {
        return 0;
    }
    let mut bits = [0u64; PARAMETER_MAX as usize + 1];
    for_each_gap(indices, chunks, top_k, |gap| {
        for (parameter, total) in bits.iter_mut().enumerate() {
            *total += u64::from(gap >> parameter) + 1 + parameter as u64;
        }
    });
    (0..=PARAMETER_MAX).min_by_key(|&parameter| bits[usize::from(parameter)]).unwrap_or(0)
}

/// The parameter and the bytes; none where every value is kept.
pub(super) fn encode(indices: &[u16], chunks: &Chunks, top_k: u32) -> (u8, Vec<u8>) {
    if chunks.is_dense(top_k) {
        return (0, Vec::new());
    }
    let parameter = best_parameter(indices, chunks, top_k);
    let mut writer = BitWriter::default();
    for_each_gap(indices, chunks, top_k, |gap| {
        writer.write_unary(gap >> parameter);
        writer.write(gap & ((1 << parameter) - 1), u32::from(parameter));
    });
    (parameter, writer.finish())
}

/// Reads as many indices as the layout says there are, each checked to name a value.
pub(super) fn decode(
    reader: &mut BitReader<'_>,
    parameter: u8,
    chunks: &Chunks,
    top_k: u32,
    tensor: usize,
) -> Result<Vec<u16>, WireError> {
    if chunks.is_dense(top_k) {
        return Ok(all_indices(chunks));
    }
    if parameter > PARAMETER_MAX {
        return Err(WireError::NotCanonical { tensor, what: "the gap parameter" });
    }
    let (positions, kept) = (chunks.positions() as u32, chunks.kept_total(top_k));
    // Each index takes at least this: what is too short for them all takes no memory.
    if reader.bits_left() < kept * (1 + usize::from(parameter)) {
        return Err(WireError::Truncated("the indices"));
    }
    let mut indices = Vec::with_capacity(kept);
    for chunk in chunks.iter() {
        let mut next = 0u32;
        for _ in 0..chunks.kept(&chunk, top_k) {
            let high =
                reader.read_unary(positions >> parameter).ok_or(WireError::Truncated("the indices"))?;
            let low = reader.read(u32::from(parameter)).ok_or(WireError::Truncated("the indices"))?;
            let index = next + ((high << parameter) | low);
            let index =
                u16::try_from(index).ok().filter(|&i| u32::from(i) < positions && chunks.holds(&chunk, i));
            let index = index.ok_or(WireError::Index { tensor })?;
            indices.push(index);
            next = u32::from(index) + 1;
        }
    }
    Ok(indices)
}

fn all_indices(chunks: &Chunks) -> Vec<u16> {
    let positions = chunks.positions() as u16;
    let of_chunk = |chunk| (0..positions).filter(move |&index| chunks.holds(&chunk, index));
    chunks.iter().flat_map(of_chunk).collect()
}
