//! The four-bin quantiser of every tensor's kept values, all tensors at once: three passes of block sums and totals.

use std::sync::Arc;

use crate::cuda::device::{Address, Arg, Buffer, Device, GpuError, Launch};

/// shift and lookup[4] of a tensor.
pub(super) const FITTED: usize = 5;
/// f64 sums of a block.
const SUMS: usize = 8;
/// Values of a block in the quantiser's order of sums.
const BLOCK: usize = 8192;
/// Most blocks of a tensor: their totals are one block of the same order.
const BLOCKS_MAX: usize = BLOCK;
/// Mean, deviation, codes with the bins' means.
const PASSES: u32 = 3;

/// Room for the quantisers of one layout.
pub(super) struct Fit<D: Device> {
    device: Arc<D>,
    tensors: usize,
    range_in_sigmas: f32,
    /// u64 thrice: first value, values and tensor of each block.
    blocks: Buffer<D>,
    block_count: usize,
    /// u32: where each tensor's blocks begin, and where the last's end.
    blocks_before: Buffer<D>,
    /// u64: where each tensor's kept values begin, and where the last's end.
    starts: Buffer<D>,
    /// f64: [`SUMS`] of each block.
    totals: Buffer<D>,
    fitted: Buffer<D>,
    scales: Buffer<D>,
}

impl<D: Device> Fit<D> {
    /// For tensors with `kept` kept values each, one after another.
    pub(super) fn new(device: &Arc<D>, kept: &[usize], range_in_sigmas: f32) -> Result<Self, GpuError> {
        let (mut blocks, mut blocks_before, mut starts) = (Vec::new(), vec![0u32], vec![0u64]);
        let mut start = 0;
        for (tensor, &kept) in kept.iter().enumerate() {
            if kept.div_ceil(BLOCK) > BLOCKS_MAX {
                let rule = "at most 67108864";
                return Err(GpuError::Shape { field: "kept values of a tensor", rule, value: kept });
            }
            let firsts = (0..kept).step_by(BLOCK);
            let block = |first| [start + first, BLOCK.min(kept - first), tensor].map(|n| n as u64);
            blocks.extend(firsts.map(block));
            start += kept;
            blocks_before.push(blocks.len() as u32);
            starts.push(start as u64);
        }
        Ok(Self {
            device: device.clone(),
            tensors: kept.len(),
            range_in_sigmas,
            block_count: blocks.len(),
            totals: Buffer::new(device, blocks.len() * SUMS * size_of::<f64>())?,
            blocks: Buffer::of(device, &blocks)?,
            blocks_before: Buffer::of(device, &blocks_before)?,
            starts: Buffer::of(device, &starts)?,
            fitted: Buffer::words(device, kept.len() * FITTED)?,
            scales: Buffer::words(device, kept.len())?,
        })
    }

    /// Asks for the codes of `values` and for how they decode, and waits for nothing.
    pub(super) fn run(&self, values: &Buffer<D>, codes: &Buffer<D>) -> Result<(), GpuError> {
        (0..PASSES).try_for_each(|pass| {
            if self.block_count > 0 {
                self.sums(pass, values, codes)?;
            }
            self.fit(pass)
        })
    }

    fn sums(&self, pass: u32, values: &Buffer<D>, codes: &Buffer<D>) -> Result<(), GpuError> {
        let arguments = [
            values.at().into(),
            self.blocks.at().into(),
            Arg::U32(pass),
            self.fitted.at().into(),
            self.scales.at().into(),
            codes.at().into(),
            self.totals.at().into(),
        ];
        self.device.launch("codec_sums", Launch::blocks(self.block_count as u64), &arguments)
    }

    fn fit(&self, pass: u32) -> Result<(), GpuError> {
        let arguments = [
            self.totals.at().into(),
            self.blocks_before.at().into(),
            self.starts.at().into(),
            Arg::U32(pass),
            Arg::F32(self.range_in_sigmas),
            self.fitted.at().into(),
            self.scales.at().into(),
        ];
        self.device.launch("codec_fit", Launch::blocks(self.tensors as u64), &arguments)
    }

    /// How each tensor's codes decode: [`FITTED`] values a tensor.
    pub(super) fn fitted(&self) -> Result<Vec<f32>, GpuError> {
        self.fitted.read(self.tensors * FITTED)
    }

    /// Where the values of tensor `index` are that [`Fit::fitted`] gives.
    pub(super) fn of_tensor(&self, index: usize) -> Address {
        self.fitted.word(index * FITTED)
    }
}
