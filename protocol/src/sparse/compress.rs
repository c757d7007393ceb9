//! Error feedback, selection and quantisation of a whole pseudo-gradient.

use std::ops::Range;

use rayon::prelude::*;

use super::chunks::{Band, Chunk, Chunks};
use super::quantize::Quantizer;
use super::select::{POSITIONS_MAX, Selector};
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

/// Values that one thread checks at a time.
const CHECK_VALUES: usize = 1 << 16;

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
    let expected = layout.parameters();
    for (what, found) in [("the error feedback", error.len()), ("the delta", delta.len())] {
        if found != expected {
            return Err(CompressError::Length { what, found, expected });
        }
    }
    check_bounded(layout, config.error_decay, error, delta)?;
    let tensors = layout
        .split_mut(error)
        .into_par_iter()
        .enumerate()
        .map(|(index, error)| {
            compress_tensor(&Chunks::of(layout, index), config, error, &delta[layout.range(index)])
        })
        .collect();
    Ok(PseudoGradient { tensors })
}

fn accumulate(decay: f32, error: f32, delta: f32) -> f32 {
    decay * error + delta
}

fn check_bounded(layout: &Layout, decay: f32, error: &[f32], delta: &[f32]) -> Result<(), CompressError> {
    let bounded = |e: f32, d: f32| accumulate(decay, e, d).abs() <= ACCUMULATED_MAX;
    // No early end inside a block: so it is done in vector registers.
    let sound = |(e, d): (&[f32], &[f32])| e.iter().zip(d).fold(true, |all, (&e, &d)| all & bounded(e, d));
    if error.par_chunks(CHECK_VALUES).zip(delta.par_chunks(CHECK_VALUES)).all(sound) {
        return Ok(());
    }
    let wrong = error.iter().zip(delta).position(|(&e, &d)| !bounded(e, d));
    let at = wrong.expect("a block with a wrong value has a first one");
    let (tensor, position) =
        layout.locate(at).map(|(tensor, position)| (tensor.name.clone(), position)).unwrap_or_default();
    Err(match accumulate(decay, error[at], delta[at]) {
        value if value.is_finite() => CompressError::TooLarge { tensor, position, value },
        _ => CompressError::NotFinite { tensor, position },
    })
}

fn compress_tensor(chunks: &Chunks, config: &SparseConfig, error: &mut [f32], delta: &[f32]) -> SparseTensor {
    let (top_k, size) = (config.top_k, chunks.band_values());
    let kept: Vec<Kept> = error
        .par_chunks_mut(size)
        .zip(delta.par_chunks(size))
        .zip(chunks.bands(top_k))
        .map_init(Scratch::new, |scratch, ((error, delta), band)| {
            select_band(chunks, config, &band, error, delta, scratch)
        })
        .collect();
    let values: Vec<f32> = kept.iter().flat_map(|band| &band.values).copied().collect();
    let indices = kept.iter().flat_map(|band| &band.indices).copied().collect();
    let (quantizer, codes) = Quantizer::fit(&values, config.range_in_sigmas);
    let tensor = SparseTensor { indices, codes, quantizer };
    chunks.for_each_band(top_k, error, |band, error| {
        chunks.for_each_kept(band, top_k, &tensor, |position, value| error[position] -= value);
    });
    tensor
}

/// What was selected of one band.
struct Kept {
    indices: Vec<u16>,
    values: Vec<f32>,
}

/// What a thread needs for its bands.
struct Scratch {
    selector: Selector,
    magnitudes: Box<[f32; POSITIONS_MAX]>,
}

impl Scratch {
    fn new() -> Self {
        Self { selector: Selector::new(), magnitudes: Box::new([0.0; POSITIONS_MAX]) }
    }
}

/// Adds a band's delta to its error and selects from the sums.
fn select_band(
    chunks: &Chunks,
    config: &SparseConfig,
    band: &Band,
    error: &mut [f32],
    delta: &[f32],
    scratch: &mut Scratch,
) -> Kept {
    let mut kept =
        Kept { indices: Vec::with_capacity(band.kept.len()), values: Vec::with_capacity(band.kept.len()) };
    for chunk in band.chunks.clone().map(|number| chunks.get(number)) {
        let magnitudes = &mut scratch.magnitudes[..chunks.positions()];
        let rows = rows(chunks, &chunk, band);
        accumulate_chunk(config.error_decay, rows, chunks.width(), error, delta, magnitudes);
        let start = kept.indices.len();
        scratch.selector.select(magnitudes, chunks.kept(&chunk, config.top_k), &mut kept.indices);
        let value = |&index: &u16| error[chunks.position(&chunk, index) - band.start];
        kept.values.extend(kept.indices[start..].iter().map(value));
    }
    kept
}

/// Where the rows of a chunk lie in its band.
fn rows(chunks: &Chunks, chunk: &Chunk, band: &Band) -> impl Iterator<Item = Range<usize>> {
    let (chunks, chunk, start) = (*chunks, *chunk, band.start);
    (0..chunk.rows).map(move |row| {
        let first = chunks.position(&chunk, (row * chunks.width()) as u16) - start;
        first..first + chunk.columns
    })
}

/// Accumulates the rows of a chunk and notes their magnitudes in its own order; −1 where it has no value.
fn accumulate_chunk(
    decay: f32,
    rows: impl Iterator<Item = Range<usize>>,
    width: usize,
    error: &mut [f32],
    delta: &[f32],
    magnitudes: &mut [f32],
) {
    let mut targets = magnitudes.chunks_exact_mut(width);
    for (row, target) in rows.zip(&mut targets) {
        let (target, padding) = target.split_at_mut(row.len());
        for ((magnitude, e), d) in target.iter_mut().zip(&mut error[row.clone()]).zip(&delta[row]) {
            *e = accumulate(decay, *e, *d);
            *magnitude = e.abs();
        }
        padding.fill(-1.0);
    }
    targets.for_each(|row| row.fill(-1.0));
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
