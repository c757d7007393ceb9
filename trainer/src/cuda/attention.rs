//! Attention by the crate's own kernels: where there is no cuDNN, and for values stored as f32.

use super::device::{Address, Arg, Device, GpuError, Launch};
use super::source::Storage;
use crate::shape::Dims;

/// Rows of a block's own side and of the other side, as in `attention.cu`.
const OWN: usize = 64;
const OTHER: usize = 32;
const THREADS: u32 = 128;
const WARPS: usize = 4;

/// Sizes of one attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sizes {
    pub(crate) samples: usize,
    pub(crate) tokens: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

impl Sizes {
    pub(crate) fn new(dims: &Dims, samples: usize, tokens: usize) -> Self {
        let Dims { heads, kv_heads, head_dim, .. } = *dims;
        Self { samples, tokens, heads, kv_heads, head_dim }
    }

    pub(crate) fn rows(&self) -> usize {
        self.samples * self.tokens
    }

    /// `1 / sqrt(head_dim)`.
    pub(crate) fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }
}

/// What the forward pass reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forward {
    pub(crate) sizes: Sizes,
    /// Rows of rotated queries, rotated keys and values.
    pub(crate) qkv: Address,
    /// Rows of the heads' results.
    pub(crate) out: Address,
    /// f32: samples × heads × tokens.
    pub(crate) log_sums: Address,
}

/// What the backward pass reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backward {
    pub(crate) forward: Forward,
    /// The gradient by `out`.
    pub(crate) dout: Address,
    /// Where the gradient by `qkv` goes.
    pub(crate) dqkv: Address,
    /// f32 room as `log_sums`.
    pub(crate) row_sums: Address,
    /// f32 room: rows × heads × head_dim, for libraries that add the queries' gradient up in f32.
    pub(crate) query_sums: Address,
}

/// What rows that follow cached ones read and write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cached {
    /// Sizes of one sample whose last rows are new: `tokens` counts the cached ones too.
    pub(crate) sizes: Sizes,
    /// Rows that are new.
    pub(crate) rows: usize,
    /// Rows of all tokens, as in [`Forward`].
    pub(crate) qkv: Address,
    /// The new rows' results.
    pub(crate) out: Address,
}

/// Writes the mixed values of the last rows of a text: each looks at all rows up to its own. Made for one row or a
/// few; [`forward`] reads less memory where all rows are new.
pub(crate) fn cached(device: &impl Device, work: &Cached) -> Result<(), GpuError> {
    let Cached { sizes, rows, qkv, out } = *work;
    let first = Arg::U32((sizes.tokens - rows) as u32);
    let [_, heads, kv_heads, scale] = tail(sizes);
    let launch = Launch { blocks: [rows as u32, sizes.heads as u32, 1], ..Launch::blocks(1) };
    device.launch("attention_cached", launch, &[qkv.into(), out.into(), first, heads, kv_heads, scale])
}

/// Writes the mixed values and the logarithms of the denominators.
pub(crate) fn forward(device: &impl Device, work: &Forward) -> Result<(), GpuError> {
    let launch = blocks(work.sizes, work.sizes.heads, shared_bytes(device, work.sizes, OWN, 2 * OTHER));
    let mut arguments: Vec<Arg> = vec![work.qkv.into(), work.out.into(), work.log_sums.into()];
    arguments.extend(tail(work.sizes));
    device.launch("attention_forward", launch, &arguments)
}

/// Writes the gradients by queries, keys and values.
pub(crate) fn backward(device: &impl Device, work: &Backward) -> Result<(), GpuError> {
    let Backward { forward, dout, dqkv, row_sums, .. } = *work;
    let sizes = forward.sizes;
    let warps = (sizes.rows() * sizes.heads) as u64;
    let (rows, tokens, heads) = (sizes.rows() as u64, sizes.tokens as u32, sizes.heads as u32);
    let arguments =
        [forward.out.into(), dout.into(), row_sums.into(), Arg::U64(rows), Arg::U32(tokens), Arg::U32(heads)];
    device.launch("attention_row_sums", Launch::blocks(warps.div_ceil(8)), &arguments)?;
    let mut arguments: Vec<Arg> =
        [forward.qkv, dout, forward.log_sums, row_sums, dqkv].into_iter().map(Arg::from).collect();
    arguments.extend(tail(sizes));
    let shared = shared_bytes(device, sizes, 2 * OWN, 2 * OTHER);
    device.launch("attention_backward_keys", blocks(sizes, sizes.kv_heads, shared), &arguments)?;
    device.launch("attention_backward_queries", blocks(sizes, sizes.heads, shared), &arguments)
}

fn tail(sizes: Sizes) -> [Arg; 4] {
    let Sizes { tokens, heads, kv_heads, .. } = sizes;
    [Arg::U32(tokens as u32), Arg::U32(heads as u32), Arg::U32(kv_heads as u32), Arg::F32(sizes.scale())]
}

fn blocks(sizes: Sizes, heads: usize, shared_bytes: u32) -> Launch {
    let across = sizes.tokens.div_ceil(OWN) as u32;
    Launch { blocks: [across, heads as u32, sizes.samples as u32], threads: THREADS, shared_bytes }
}

/// Bytes of a block's tiles: `own + other` padded rows of a head, and each warp's 16 × OTHER scores.
fn shared_bytes(device: &impl Device, sizes: Sizes, own: usize, other: usize) -> u32 {
    shared_bytes_of(device.storage(), sizes.head_dim, own + other)
}

fn shared_bytes_of(storage: Storage, head_dim: usize, rows: usize) -> u32 {
    let pad = 16 / storage.bytes();
    let line = head_dim.next_multiple_of(16) + pad;
    ((rows * line + WARPS * 16 * (OTHER + pad)) * storage.bytes()) as u32
}

/// Most shared memory of a block that any of the kernels asks for.
pub(crate) fn shared_bytes_max(storage: Storage, head_dim: usize) -> u32 {
    shared_bytes_of(storage, head_dim, 2 * OWN + 2 * OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_heads_fit_every_supported_gpu() {
        // By hand: 192 rows of 136 values and 64 of 40, two bytes each. An A100 allows 163 KiB.
        assert_eq!(shared_bytes_max(Storage::Bf16, 128), (192 * 136 + 64 * 40) * 2);
        assert!(shared_bytes_max(Storage::F32, 128) < 163 << 10);
    }
}
