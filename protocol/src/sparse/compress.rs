//! Error feedback, selection and quantisation of a whole pseudo-gradient.

use rayon::prelude::*;

use super::chunks::{Band, Chunk, Chunks};
use super::quantize::Quantizer;
use super::scan::{Instructions, ROW, Rows};
use super::select::{Kept, Selector};
use super::{PseudoGradient, SparseConfig, SparseTensor};
use crate::layout::Layout;

/// Why a delta cannot be compressed; the error buffer is as before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// A buffer of another length than the layout has.
    #[error("{what} has {found} values, the layout {expected}; they belong to different models")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The layout's values.
        expected: usize,
    },
    /// The accumulator is infinite or not a number.
    #[error(
        "tensor {tensor:?} accumulates to a value that is not finite at position {position}; the inner loop diverged: lower the learning rate"
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Position in it.
        position: usize,
    },
    /// The accumulator is larger than a payload can say.
    #[error(
        "tensor {tensor:?} accumulates to {value} at position {position}; readers refuse payloads of values above {ACCUMULATED_MAX}: lower the learning rate"
    )]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// Position in it.
        position: usize,
        /// The value.
        value: f32,
    },
}

/// Largest magnitude of an accumulated value: its tensor's mean is no larger, and what differs from the mean no
/// more than twice as large, so that readers accept the quantiser.
const ACCUMULATED_MAX: f32 = Quantizer::MAGNITUDE_MAX / 2.0;

/// Compresses `delta = theta_start − theta_after` with error feedback (training protocol, section 1.4):
/// `a = β·error + delta`, `q = quantised top-k of a`, `error ← a − q`.
///
/// `error` and `delta` are flat in the layout's order. All arithmetic is f32, round to nearest, without fused
/// multiply-add; the result does not depend on the number of threads.
///
/// # Errors
/// If a buffer has another length than the layout, or the accumulator is not finite or above 5,000; `error` is
/// untouched then.
pub fn compress(
    layout: &Layout,
    config: &SparseConfig,
    error: &mut [f32],
    delta: &[f32],
) -> Result<PseudoGradient, CompressError> {
    compress_on(Instructions::best(), layout, config, error, delta)
}

/// [`compress`] on chosen instructions; the bytes are the same on all of them.
///
/// # Errors
/// As [`compress`].
pub fn compress_on(
    how: Instructions,
    layout: &Layout,
    config: &SparseConfig,
    error: &mut [f32],
    delta: &[f32],
) -> Result<PseudoGradient, CompressError> {
    let expected = layout.parameters();
    for (what, found) in [("the error feedback", error.len()), ("the delta", delta.len())] {
        if found != expected {
            return Err(CompressError::Length { what, found, expected });
        }
    }
    let tensors: Vec<Task<'_>> = layout
        .split_mut(error)
        .into_iter()
        .enumerate()
        .map(|(index, error)| Task {
            chunks: Chunks::of(layout, index),
            config,
            error,
            delta: &delta[layout.range(index)],
        })
        .collect();
    let kept: Vec<Vec<Kept>> = tensors.par_iter().map(|task| task.select(how)).collect();
    if kept.iter().flatten().any(|band| band.largest > ACCUMULATED_MAX.to_bits()) {
        return Err(out_of_bounds(layout, config.error_decay, error, delta));
    }
    let send = |(task, kept): (Task<'_>, Vec<Kept>)| task.send(&kept);
    Ok(PseudoGradient { tensors: tensors.into_par_iter().zip(kept).map(send).collect() })
}

fn accumulate(decay: f32, error: f32, delta: f32) -> f32 {
    decay * error + delta
}

/// Names the first value out of bounds; there is one.
fn out_of_bounds(layout: &Layout, decay: f32, error: &[f32], delta: &[f32]) -> CompressError {
    let sums = error.iter().zip(delta).map(|(&e, &d)| accumulate(decay, e, d));
    let found = sums.enumerate().find(|(_, sum)| sum.is_nan() || sum.abs() > ACCUMULATED_MAX);
    let (at, value) = found.expect("a chunk whose largest magnitude is out of bounds has such a value");
    let (tensor, position) =
        layout.locate(at).map(|(tensor, position)| (tensor.name.clone(), position)).unwrap_or_default();
    match value {
        value if value.is_finite() => CompressError::TooLarge { tensor, position, value },
        _ => CompressError::NotFinite { tensor, position },
    }
}

/// One tensor. It is passed over twice: once to select, which changes nothing, so that nothing is lost if some
/// tensor cannot be sent; and once to write the error, in which nothing is sought any more.
struct Task<'a> {
    chunks: Chunks,
    config: &'a SparseConfig,
    error: &'a mut [f32],
    delta: &'a [f32],
}

impl Task<'_> {
    /// Selects from each band's sums of decayed error and delta.
    fn select(&self, how: Instructions) -> Vec<Kept> {
        let size = self.chunks.band_values();
        self.error
            .par_chunks(size)
            .zip(self.delta.par_chunks(size))
            .zip(self.chunks.bands(self.config.top_k))
            .map_init(
                || Selector::new(how),
                |selector, ((error, delta), band)| self.select_band(&band, (error, delta), selector),
            )
            .collect()
    }

    fn select_band(&self, band: &Band, (error, delta): (&[f32], &[f32]), selector: &mut Selector) -> Kept {
        let mut kept = Kept::default();
        kept.indices.reserve_exact(band.kept.len());
        kept.values.reserve_exact(band.kept.len());
        for chunk in band.chunks.clone().map(|number| self.chunks.get(number)) {
            let (rows, k) = (rows(&self.chunks, &chunk, band), self.chunks.kept(&chunk, self.config.top_k));
            selector.select(rows, k, self.config.error_decay, (error, delta), &mut kept);
        }
        kept
    }

    /// Quantises what was kept, and leaves the rest of the sums in the error.
    fn send(self, kept: &[Kept]) -> SparseTensor {
        let (mut values, mut indices) = (Vec::new(), Vec::new());
        kept.iter().for_each(|band| values.extend_from_slice(&band.values));
        kept.iter().for_each(|band| indices.extend_from_slice(&band.indices));
        let (quantizer, codes) = Quantizer::fit(&values, self.config.range_in_sigmas);
        let tensor = SparseTensor { indices, codes, quantizer };
        let (chunks, decay, top_k) = (self.chunks, self.config.error_decay, self.config.top_k);
        chunks.for_each_band(top_k, self.error, |band, error| {
            let delta = &self.delta[band.start..band.start + error.len()];
            error.iter_mut().zip(delta).for_each(|(e, &d)| *e = accumulate(decay, *e, d));
            chunks.for_each_kept(band, top_k, &tensor, |position, value| error[position] -= value);
        });
        tensor
    }
}

/// Where the rows of a chunk lie in its band. The chunk of a tensor with one dimension is one row, seen as rows
/// of [`ROW`].
fn rows(chunks: &Chunks, chunk: &Chunk, band: &Band) -> Rows {
    let first = chunks.position(chunk, 0) - band.start;
    if chunk.columns > ROW {
        let count = chunk.columns.div_ceil(ROW);
        let last = chunk.columns - (count - 1) * ROW;
        return Rows { first, stride: ROW, count, columns: ROW, last, width: ROW };
    }
    Rows {
        first,
        stride: chunks.columns(),
        count: chunk.rows,
        columns: chunk.columns,
        last: chunk.columns,
        width: chunks.width(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::{ChunkRule, TensorSpec};

    fn layout(shapes: &[&[u32]]) -> Layout {
        let tensors =
            shapes.iter().enumerate().map(|(i, s)| TensorSpec { name: format!("t{i}"), shape: s.to_vec() });
        Layout::new(tensors.collect(), ChunkRule::Padded).unwrap()
    }

    /// By hand: of 3, −4, 1 with k = 1 the −4 is sent exactly and the rest stays.
    #[test]
    fn what_is_not_sent_stays() {
        let layout = layout(&[&[3]]);
        let config = SparseConfig { top_k: 1, ..SparseConfig::default() };
        let mut error = vec![2.0, 0.0, 0.0];
        let sent = compress(&layout, &config, &mut error, &[1.0, -4.0, 1.0]).unwrap();
        assert_eq!(sent.tensors[0].indices, [1]);
        assert_eq!(sent.decode_dense(&layout, 1), [0.0, -4.0, 0.0]);
        assert_eq!(error, [0.95 * 2.0 + 1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_delta_that_is_not_finite_is_refused_and_nothing_is_lost() {
        let layout = layout(&[&[2], &[2, 2]]);
        let mut error = vec![1.0; 6];
        let delta = [0.0, 0.0, 0.0, f32::NAN, 0.0, 0.0];
        let refused = compress(&layout, &SparseConfig::default(), &mut error, &delta).unwrap_err();
        assert_eq!(refused, CompressError::NotFinite { tensor: "t1".into(), position: 1 });
        assert_eq!(error, [1.0; 6]);
        assert!(compress(&layout, &SparseConfig::default(), &mut error, &delta[1..]).is_err());
    }

    #[test]
    fn what_readers_would_refuse_is_not_sent() {
        let layout = layout(&[&[3]]);
        let (config, mut error) = (SparseConfig::default(), vec![0.0; 3]);
        let refused = compress(&layout, &config, &mut error, &[0.0, 0.0, -5001.0]).unwrap_err();
        assert_eq!(refused, CompressError::TooLarge { tensor: "t0".into(), position: 2, value: -5001.0 });
        let sent = compress(&layout, &config, &mut error, &[5000.0, -5000.0, 5000.0]).unwrap();
        assert!(sent.tensors[0].quantizer.is_sound());
    }

    /// Of nothing, nothing is sent, and all of it stays.
    #[test]
    fn no_kept_values_are_a_legal_choice() {
        let layout = layout(&[&[66, 3]]);
        let config = SparseConfig { top_k: 0, ..SparseConfig::default() };
        let mut error = vec![0.0; layout.parameters()];
        let sent = compress(&layout, &config, &mut error, &vec![1.0; layout.parameters()]).unwrap();
        assert!(sent.tensors[0].indices.is_empty() && error.iter().all(|&e| e == 1.0));
    }

    /// Edges that registers do not divide, both rules, three rounds of error feedback.
    #[test]
    fn every_kind_of_instructions_gives_the_same_bytes() {
        for rule in [ChunkRule::Padded, ChunkRule::Reference] {
            let shapes: [&[u32]; 5] = [&[130, 200], &[5000], &[100, 60], &[64, 64], &[37]];
            let tensors = shapes.iter().enumerate();
            let tensors =
                tensors.map(|(i, shape)| TensorSpec { name: format!("t{i}"), shape: shape.to_vec() });
            let layout = Layout::new(tensors.collect(), rule).unwrap();
            let run = |how| {
                let mut error = vec![0.0; layout.parameters()];
                let mut round = |seed: f32| {
                    let value = |i: usize| (i as f32 * seed).sin() * 10f32.powi((i / 700 % 7) as i32 - 5);
                    let delta: Vec<f32> = (0..layout.parameters()).map(value).collect();
                    let sent = compress_on(how, &layout, &SparseConfig::default(), &mut error, &delta);
                    crate::wire::encode(&sent.unwrap(), &layout, 64)
                };
                let bytes = [0.37, 0.051, 1.3].map(&mut round);
                (bytes, error)
            };
            let plain = run(Instructions::PORTABLE);
            for how in Instructions::all() {
                assert_eq!(run(how), plain, "{}", how.name());
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let layout = layout(&[&[300, 200], &[5000], &[70, 700]]);
        let delta: Vec<f32> = (0..layout.parameters()).map(|i| (i as f32 * 0.37).sin() * 0.01).collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut error = vec![0.001; delta.len()];
            let sent = pool.install(|| compress(&layout, &SparseConfig::default(), &mut error, &delta));
            (sent.unwrap(), error)
        };
        assert_eq!(run(1), run(3));
    }

    proptest! {
        /// Nothing appears or vanishes: sent and kept together are the accumulator, to the bit.
        #[test]
        fn error_feedback_conserves(values in prop::collection::vec(-1.0f32..1.0, 66 * 70), k in 1u32..80) {
            let layout = layout(&[&[66, 70]]);
            let config = SparseConfig { top_k: k, ..SparseConfig::default() };
            let mut error = vec![0.5; values.len()];
            let accumulator: Vec<f32> = values.iter().map(|v| 0.95 * 0.5 + v).collect();
            let sent = compress(&layout, &config, &mut error, &values).unwrap().decode_dense(&layout, k);
            for ((e, a), s) in error.iter().zip(&accumulator).zip(&sent) {
                prop_assert_eq!(*e, a - s);
            }
        }
    }
}
