//! SparseLoCo's compression and aggregation on a [`Device`]: the CPU codec's bits.

mod fit;

use std::sync::Arc;

use sn3_protocol::Layout;
use sn3_protocol::aggregate::{AggregateError, PEERS_MAX, clip_factor, lower_median};
use sn3_protocol::sparse::{Chunks, CompressError, PseudoGradient, Quantizer, SparseConfig, SparseTensor};

use super::device::{Address, Arg, Buffer, Device, GpuError, Launch};
use fit::{FITTED, Fit};

/// Largest magnitude that a payload can say, as in the CPU codec.
const ACCUMULATED_MAX: f32 = Quantizer::MAGNITUDE_MAX / 2.0;
/// Largest chunk that the kernels hold.
const POSITIONS_MAX: usize = 4096;
/// What `bad` says where nothing is.
const NONE: u64 = u64::MAX;

/// Why something was not compressed or aggregated; nothing has been changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The GPU failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The delta cannot be compressed.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// The peers cannot be aggregated.
    #[error(transparent)]
    Aggregate(#[from] AggregateError),
}

/// How one tensor is cut, on the device.
struct Cut<D: Device> {
    grid: [u32; 4],
    chunks: u32,
    /// u32: where each chunk's kept values begin among the tensor's, and where the last ends.
    kept_before: Buffer<D>,
    /// First kept value among all tensors', and their number.
    first: usize,
    kept: usize,
}

/// Error feedback of one layout in a device's memory, and room to compress.
pub(crate) struct Codec<D: Device> {
    device: Arc<D>,
    layout: Layout,
    config: SparseConfig,
    cuts: Vec<Cut<D>>,
    fit: Fit<D>,
    error: Buffer<D>,
    delta: Buffer<D>,
    indices: Buffer<D>,
    values: Buffer<D>,
    codes: Buffer<D>,
    bad: Buffer<D>,
}

impl<D: Device> Codec<D> {
    /// A codec whose error feedback is 0.
    pub(crate) fn new(device: Arc<D>, layout: &Layout, config: SparseConfig) -> Result<Self, GpuError> {
        let mut first = 0;
        let mut cuts = Vec::with_capacity(layout.tensors().len());
        for index in 0..layout.tensors().len() {
            let cut = Cut::new(&device, layout, index, config.top_k, first)?;
            first += cut.kept;
            cuts.push(cut);
        }
        let kept: Vec<usize> = cuts.iter().map(|cut| cut.kept).collect();
        let floats = || {
            let buffer = Buffer::words(&device, layout.parameters())?;
            buffer.zero().map(|()| buffer)
        };
        Ok(Self {
            fit: Fit::new(&device, &kept, config.range_in_sigmas)?,
            error: floats()?,
            delta: floats()?,
            indices: Buffer::new(&device, first * size_of::<u16>())?,
            values: Buffer::words(&device, first)?,
            codes: Buffer::new(&device, first)?,
            bad: Buffer::new(&device, size_of::<u64>())?,
            layout: layout.clone(),
            config,
            cuts,
            device,
        })
    }

    pub(crate) fn error(&self) -> Result<Vec<f32>, GpuError> {
        self.error.read(self.layout.parameters())
    }

    pub(crate) fn set_error(&mut self, error: &[f32]) -> Result<(), CodecError> {
        self.check_length("the error feedback", error.len())?;
        Ok(self.error.write(error)?)
    }

    pub(crate) fn set_delta(&mut self, delta: &[f32]) -> Result<(), CodecError> {
        self.check_length("the delta", delta.len())?;
        Ok(self.delta.write(delta)?)
    }

    fn check_length(&self, what: &'static str, found: usize) -> Result<(), CompressError> {
        let expected = self.layout.parameters();
        if found == expected { Ok(()) } else { Err(CompressError::Length { what, found, expected }) }
    }

    /// Compresses the delta that was set; the error feedback is as before where it fails. The delta is used up.
    pub(crate) fn compress(&mut self) -> Result<PseudoGradient, CodecError> {
        self.run_selection()?;
        let bad = self.bad.read::<u64>(1)?[0];
        if bad != NONE {
            return Err(self.refuse(bad as usize)?.into());
        }
        self.run_quantisation()?;
        // The accumulator is where the delta was: that is the next error feedback.
        std::mem::swap(&mut self.error, &mut self.delta);
        let kept = self.cuts.iter().map(|cut| cut.kept).sum();
        let (indices, codes) = (self.indices.read::<u16>(kept)?, self.codes.read::<u8>(kept)?);
        let fitted = self.fit.fitted()?;
        let tensor = |(cut, fitted): (&Cut<D>, &[f32])| SparseTensor {
            indices: indices[cut.first..cut.first + cut.kept].to_vec(),
            codes: codes[cut.first..cut.first + cut.kept].to_vec(),
            quantizer: Quantizer { shift: fitted[0], lookup: [fitted[1], fitted[2], fitted[3], fitted[4]] },
        };
        Ok(PseudoGradient {
            tensors: self.cuts.iter().zip(fitted.chunks_exact(FITTED)).map(tensor).collect(),
        })
    }

    /// Asks for the kernels that accumulate into the delta and select from it, and waits for none.
    pub(crate) fn run_selection(&self) -> Result<(), GpuError> {
        self.bad.write(&[NONE])?;
        self.cuts
            .iter()
            .enumerate()
            .try_for_each(|(index, cut)| self.select(cut, self.layout.range(index).start))
    }

    /// Asks for the kernels that quantise what was selected and subtract it from the delta.
    pub(crate) fn run_quantisation(&self) -> Result<(), GpuError> {
        self.fit.run(&self.values, &self.codes)?;
        for (index, cut) in self.cuts.iter().enumerate() {
            let arguments = [
                self.delta.word(self.layout.range(index).start).into(),
                Arg::Grid(cut.grid),
                cut.kept_before.at().into(),
                self.kept_indices(cut).into(),
                self.codes.at().after(cut.first).into(),
                self.fit.of_tensor(index).into(),
            ];
            let launch = Launch { threads: 64, ..Launch::blocks(u64::from(cut.chunks)) };
            self.device.launch("codec_subtract", launch, &arguments)?;
        }
        Ok(())
    }

    fn select(&self, cut: &Cut<D>, offset: usize) -> Result<(), GpuError> {
        let arguments = [
            self.error.word(offset).into(),
            self.delta.word(offset).into(),
            Arg::F32(self.config.error_decay),
            Arg::F32(ACCUMULATED_MAX),
            Arg::Grid(cut.grid),
            cut.kept_before.at().into(),
            self.kept_indices(cut).into(),
            self.values.word(cut.first).into(),
            self.bad.at().into(),
            Arg::U64(offset as u64),
        ];
        self.device.launch("codec_select", Launch::blocks(u64::from(cut.chunks)), &arguments)
    }

    fn kept_indices(&self, cut: &Cut<D>) -> Address {
        self.indices.at().after(cut.first * size_of::<u16>())
    }

    /// Why the accumulator at flat position `at` cannot be sent.
    fn refuse(&self, at: usize) -> Result<CompressError, GpuError> {
        let located = self.layout.locate(at).map(|(tensor, position)| (tensor.name.clone(), position));
        let (tensor, position) = located.unwrap_or_default();
        let mut value = [0f32];
        self.device.read(self.delta.word(at), bytemuck::cast_slice_mut(&mut value))?;
        let [value] = value;
        Ok(match value.is_finite() {
            true => CompressError::TooLarge { tensor, position, value },
            false => CompressError::NotFinite { tensor, position },
        })
    }

    /// The dense update of a round, as `sn3_protocol::aggregate::aggregate` gives it.
    pub(crate) fn aggregate(&self, peers: &[&PseudoGradient]) -> Result<Vec<f32>, CodecError> {
        self.check(peers)?;
        let update = Buffer::words(&self.device, self.layout.parameters())?;
        for index in 0..self.cuts.len() {
            self.aggregate_tensor(index, peers, update.word(self.layout.range(index).start))?;
        }
        Ok(update.read(self.layout.parameters())?)
    }

    fn aggregate_tensor(
        &self,
        index: usize,
        peers: &[&PseudoGradient],
        update: Address,
    ) -> Result<(), GpuError> {
        let cut = &self.cuts[index];
        let tensors: Vec<&SparseTensor> = peers.iter().map(|peer| &peer.tensors[index]).collect();
        let norms: Vec<f32> = tensors.iter().map(|tensor| tensor.norm()).collect();
        let median = lower_median(norms.clone());
        let decoded = |(tensor, norm): (&&SparseTensor, &f32)| {
            let factor = clip_factor(*norm, median);
            tensor.quantizer.decoded().map(|value| value * factor)
        };
        let decoded: Vec<[f32; 4]> = tensors.iter().zip(&norms).map(decoded).collect();
        let indices: Vec<u16> = tensors.iter().flat_map(|tensor| &tensor.indices).copied().collect();
        let codes: Vec<u8> = tensors.iter().flat_map(|tensor| &tensor.codes).copied().collect();
        let indices = Buffer::of(&self.device, &indices)?;
        let (codes, decoded) = (Buffer::of(&self.device, &codes)?, Buffer::of(&self.device, &decoded)?);
        let arguments = [
            indices.at().into(),
            codes.at().into(),
            decoded.at().into(),
            Arg::U32(peers.len() as u32),
            Arg::U64(cut.kept as u64),
            Arg::Grid(cut.grid),
            cut.kept_before.at().into(),
            update.into(),
        ];
        self.device.launch("codec_aggregate", Launch::blocks(u64::from(cut.chunks)), &arguments)
    }

    /// Refuses what the CPU's aggregation refuses.
    fn check(&self, peers: &[&PseudoGradient]) -> Result<(), AggregateError> {
        if peers.len() > PEERS_MAX {
            return Err(AggregateError::TooManyPeers(peers.len()));
        }
        for (peer, gradient) in peers.iter().enumerate() {
            let (found, expected) = (gradient.tensors.len(), self.cuts.len());
            if found != expected {
                return Err(AggregateError::Tensors { peer, found, expected });
            }
            for ((sent, cut), spec) in gradient.tensors.iter().zip(&self.cuts).zip(self.layout.tensors()) {
                let (tensor, expected) = (spec.name.clone(), cut.kept);
                if let Some(found) =
                    [sent.indices.len(), sent.codes.len()].into_iter().find(|&n| n != expected)
                {
                    return Err(AggregateError::Kept { peer, tensor, found, expected });
                }
                if !sent.quantizer.is_sound() {
                    return Err(AggregateError::Quantizer { peer, tensor });
                }
            }
        }
        Ok(())
    }

    /// `theta − rate·update`, as `sn3_protocol::aggregate::outer_step` gives it.
    pub(crate) fn outer_step(
        &self,
        theta: &[f32],
        update: &[f32],
        rate: f32,
    ) -> Result<Vec<f32>, CodecError> {
        let expected = self.layout.parameters();
        for (what, found) in [("the state", theta.len()), ("the update", update.len())] {
            if found != expected {
                return Err(AggregateError::Length { what, found, expected }.into());
            }
        }
        let (theta, update) = (Buffer::of(&self.device, theta)?, Buffer::of(&self.device, update)?);
        let out = Buffer::words(&self.device, expected)?;
        self.bad.write(&[NONE])?;
        let count = expected as u64;
        let arguments = [
            theta.at().into(),
            update.at().into(),
            Arg::F32(rate),
            out.at().into(),
            Arg::U64(count),
            self.bad.at().into(),
        ];
        self.device.launch("codec_outer", Launch::strided(count), &arguments)?;
        match self.bad.read::<u64>(1)?[0] {
            NONE => Ok(out.read(expected)?),
            at => {
                let name = self.layout.locate(at as usize).map(|(tensor, _)| tensor.name.clone());
                Err(AggregateError::NotFinite(name.unwrap_or_default()).into())
            }
        }
    }
}

impl<D: Device> Cut<D> {
    fn new(
        device: &Arc<D>,
        layout: &Layout,
        index: usize,
        top_k: u32,
        first: usize,
    ) -> Result<Self, GpuError> {
        let chunks = Chunks::of(layout, index);
        let (positions, width) = (chunks.positions(), chunks.width());
        if positions > POSITIONS_MAX {
            return Err(GpuError::Shape {
                field: "positions of a chunk",
                rule: "at most 4096",
                value: positions,
            });
        }
        let (rows, columns) = match layout.tensors()[index].shape[..] {
            [rows, columns] => (rows, columns),
            _ => (1, layout.tensors()[index].len() as u32),
        };
        let mut before = vec![0u32];
        let mut kept = 0;
        for chunk in chunks.iter() {
            kept += chunks.kept(&chunk, top_k);
            before.push(kept as u32);
        }
        let grid = [rows, columns, (positions / width) as u32, width as u32];
        Ok(Self {
            grid,
            chunks: chunks.count() as u32,
            kept_before: Buffer::of(device, &before)?,
            first,
            kept,
        })
    }
}
