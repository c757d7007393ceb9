//! Error feedback, selection and quantisation of a whole pseudo-gradient.

use rayon::prelude::*;

use super::chunks::{Chunk, Chunks};
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
}

/// Compresses `delta = theta_start − theta_after` with error feedback (training protocol, section 1.4):
/// `a = β·error + delta`, `q = quantised top-k of a`, `error ← a − q`.
///
/// `error` and `delta` are flat in the layout's order. All arithmetic is f32, round to nearest, without fused
/// multiply-add; the result does not depend on the number of threads.
///
/// # Errors
/// If a buffer has another length than the layout or the accumulator is not finite; `error` is untouched then.
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
    check_finite(layout, config.error_decay, error, delta)?;
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

fn check_finite(layout: &Layout, decay: f32, error: &[f32], delta: &[f32]) -> Result<(), CompressError> {
    let wrong = error.iter().zip(delta).position(|(e, d)| !(decay * e + d).is_finite());
    let Some(at) = wrong else { return Ok(()) };
    let (tensor, position) =
        layout.locate(at).map(|(tensor, position)| (tensor.name.clone(), position)).unwrap_or_default();
    Err(CompressError::NotFinite { tensor, position })
}

fn compress_tensor(chunks: &Chunks, config: &SparseConfig, error: &mut [f32], delta: &[f32]) -> SparseTensor {
    for (e, d) in error.iter_mut().zip(delta) {
        *e = config.error_decay * *e + d;
    }
    let indices = select_all(chunks, config.top_k, error);
    let positions = positions(chunks, config.top_k, &indices);
    let values: Vec<f32> = positions.iter().map(|&p| error[p]).collect();
    let (quantizer, codes) = Quantizer::fit(&values, config.range_in_sigmas);
    let decoded = quantizer.decoded();
    for (&position, &code) in positions.iter().zip(&codes) {
        error[position] -= decoded[usize::from(code)];
    }
    SparseTensor { indices, codes, quantizer }
}

fn select_all(chunks: &Chunks, top_k: u32, values: &[f32]) -> Vec<u16> {
    let mut indices = Vec::with_capacity(chunks.kept_total(top_k));
    let mut magnitudes = [0f32; POSITIONS_MAX];
    let mut selector = Selector::new();
    for chunk in chunks.iter() {
        let magnitudes = &mut magnitudes[..chunks.positions()];
        gather(chunks, &chunk, values, magnitudes);
        selector.select(magnitudes, chunks.kept(&chunk, top_k), &mut indices);
    }
    indices
}

/// Magnitudes of a chunk in its own order; −1 where it has no value.
fn gather(chunks: &Chunks, chunk: &Chunk, values: &[f32], magnitudes: &mut [f32]) {
    if chunk.values() < magnitudes.len() {
        magnitudes.fill(-1.0);
    }
    for row in 0..chunk.rows {
        let start = chunks.position(chunk, (row * chunks.width()) as u16);
        let source = &values[start..start + chunk.columns];
        let target = &mut magnitudes[row * chunks.width()..][..chunk.columns];
        for (magnitude, value) in target.iter_mut().zip(source) {
            *magnitude = value.abs();
        }
    }
}

fn positions(chunks: &Chunks, top_k: u32, indices: &[u16]) -> Vec<usize> {
    let mut rest = indices.iter();
    let mut positions = Vec::with_capacity(indices.len());
    for chunk in chunks.iter() {
        let kept = rest.by_ref().take(chunks.kept(&chunk, top_k));
        positions.extend(kept.map(|&index| chunks.position(&chunk, index)));
    }
    positions
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
