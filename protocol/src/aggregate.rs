//! Many pseudo-gradients into one update, and the update into the state (training protocol, section 1.7).
//!
//! The arithmetic is fixed so that every node reaches the same bits: values and sums are f32, rounded to nearest
//! after each operation, never fused; peers are added in the order given, which is ascending by uid; norms are
//! summed in f64 in the order of the kept values and rounded to f32 once. Threads share the work by tensors, so
//! their number changes nothing.

use rayon::prelude::*;

use crate::layout::Layout;
use crate::sparse::{Chunks, PseudoGradient, SparseTensor};

/// Added to a norm before it divides.
const NORM_EPS: f32 = 1e-8;

/// Most peers of one aggregation.
pub const PEERS_MAX: usize = 256;

/// Why an update cannot be made or applied; nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// More peers than a round may have.
    #[error("{0} submissions cannot be aggregated in one round; at most {PEERS_MAX} can")]
    TooManyPeers(usize),
    /// A pseudo-gradient of another layout.
    #[error("submission {peer} has {found} tensors, the layout {expected}; decode it with this layout")]
    Tensors {
        /// Position of the peer.
        peer: usize,
        /// Its tensors.
        found: usize,
        /// Those of the layout.
        expected: usize,
    },
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
    /// The result is not finite.
    #[error("tensor {0:?} would get a value that is not finite; the round cannot be applied")]
    NotFinite(String),
}

/// The clipping norm of every tensor: the lower median of its norms over the peers; 0 without peers.
///
/// By hand: of norms 1, 2, 3, 4 the lower median is 2.
#[must_use]
pub fn median_norms(layout: &Layout, peers: &[&PseudoGradient]) -> Vec<f32> {
    (0..layout.tensors().len())
        .into_par_iter()
        .map(|index| lower_median(peers.iter().map(|peer| peer.tensors[index].norm()).collect()))
        .collect()
}

/// The lower of the two middle values.
///
/// ```
/// # use sn3_protocol::aggregate::lower_median;
/// assert_eq!(lower_median(vec![4.0, 1.0, 3.0, 2.0]), 2.0);
/// assert_eq!(lower_median(vec![]), 0.0);
/// ```
#[must_use]
pub fn lower_median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// By what a tensor of norm `norm` is multiplied: `min(1, median / (norm + 1e-8))`. It only shrinks.
#[must_use]
pub fn clip_factor(norm: f32, median: f32) -> f32 {
    (median / (norm + NORM_EPS)).min(1.0)
}

/// The dense update of a round: every position is the mean over the peers that sent it, each clipped per tensor
/// to the lower median norm; positions that nobody sent are 0.
///
/// # Errors
/// If a peer belongs to another layout or there are too many.
pub fn aggregate(layout: &Layout, top_k: u32, peers: &[&PseudoGradient]) -> Result<Vec<f32>, AggregateError> {
    check_peers(layout, peers)?;
    let medians = median_norms(layout, peers);
    let mut update = vec![0.0; layout.parameters()];
    layout.split_mut(&mut update).into_par_iter().enumerate().for_each(|(index, out)| {
        let tensors: Vec<&SparseTensor> = peers.iter().map(|peer| &peer.tensors[index]).collect();
        mean_over_senders(&Chunks::of(layout, index), top_k, &tensors, medians[index], out);
    });
    Ok(update)
}

/// `theta ← theta − outer_lr · update`, all or nothing.
///
/// # Errors
/// If lengths differ or a value would not be finite, which names the tensor; `theta` is untouched then. The
/// reference skips such a tensor silently.
pub fn outer_step(
    theta: &mut [f32],
    layout: &Layout,
    update: &[f32],
    outer_lr: f32,
) -> Result<(), AggregateError> {
    check_length(layout, "the state", theta.len())?;
    check_length(layout, "the update", update.len())?;
    let step = |theta: f32, update: f32| theta - outer_lr * update;
    if let Some(at) = theta.iter().zip(update).position(|(&t, &u)| !step(t, u).is_finite()) {
        let name = layout.locate(at).map(|(tensor, _)| tensor.name.clone()).unwrap_or_default();
        return Err(AggregateError::NotFinite(name));
    }
    for (theta, &update) in theta.iter_mut().zip(update) {
        *theta = step(*theta, update);
    }
    Ok(())
}

/// The state that a validator tries for one peer: `theta − lr · clipped update` (training protocol, section
/// 4.3), with each tensor clipped to the round's `medians`.
///
/// # Errors
/// If lengths differ or a value would not be finite.
pub fn apply_single(
    theta: &[f32],
    layout: &Layout,
    top_k: u32,
    peer: &PseudoGradient,
    medians: &[f32],
    lr: f32,
) -> Result<Vec<f32>, AggregateError> {
    check_peers(layout, &[peer])?;
    let mut update = vec![0.0; layout.parameters()];
    for (index, out) in layout.split_mut(&mut update).into_iter().enumerate() {
        let median = medians.get(index).copied().unwrap_or(f32::INFINITY);
        mean_over_senders(&Chunks::of(layout, index), top_k, &[&peer.tensors[index]], median, out);
    }
    let mut tried = theta.to_vec();
    outer_step(&mut tried, layout, &update, lr)?;
    Ok(tried)
}

fn mean_over_senders(chunks: &Chunks, top_k: u32, tensors: &[&SparseTensor], median: f32, out: &mut [f32]) {
    let mut senders = vec![0u16; out.len()];
    for tensor in tensors {
        let factor = clip_factor(tensor.norm(), median);
        chunks.for_each_kept(top_k, tensor, |position, value| {
            out[position] += value * factor;
            senders[position] += 1;
        });
    }
    for (value, &count) in out.iter_mut().zip(&senders).filter(|(_, count)| **count > 1) {
        *value /= f32::from(count);
    }
}

fn check_peers(layout: &Layout, peers: &[&PseudoGradient]) -> Result<(), AggregateError> {
    if peers.len() > PEERS_MAX {
        return Err(AggregateError::TooManyPeers(peers.len()));
    }
    let expected = layout.tensors().len();
    match peers.iter().position(|peer| peer.tensors.len() != expected) {
        Some(peer) => Err(AggregateError::Tensors { peer, found: peers[peer].tensors.len(), expected }),
        None => Ok(()),
    }
}

fn check_length(layout: &Layout, what: &'static str, found: usize) -> Result<(), AggregateError> {
    let expected = layout.parameters();
    if found == expected { Ok(()) } else { Err(AggregateError::Length { what, found, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{ChunkRule, TensorSpec};
    use crate::sparse::Quantizer;

    fn layout() -> Layout {
        Layout::new(vec![TensorSpec { name: "w".into(), shape: vec![4] }], ChunkRule::Padded).unwrap()
    }

    fn peer(indices: [u16; 2], values: [f32; 2]) -> PseudoGradient {
        let quantizer = Quantizer { shift: 0.0, lookup: [values[0], values[1], 0.0, 0.0] };
        let tensor = SparseTensor { indices: indices.to_vec(), codes: vec![0, 1], quantizer };
        PseudoGradient { tensors: vec![tensor] }
    }

    /// By hand: norms 5, 5 and 50; the median is 5; the third shrinks tenfold; position 1 has two senders.
    #[test]
    fn giants_are_clipped_and_positions_averaged_over_senders() {
        let peers = [peer([0, 1], [3.0, 4.0]), peer([1, 2], [4.0, 3.0]), peer([2, 3], [30.0, 40.0])];
        let update = aggregate(&layout(), 2, &peers.iter().collect::<Vec<_>>()).unwrap();
        let expected = [3.0, 4.0, (3.0 + 3.0) / 2.0, 4.0];
        assert!(update.iter().zip(expected).all(|(u, e)| (u - e).abs() < 1e-6), "{update:?}");
        let mut theta = vec![1.0; 4];
        outer_step(&mut theta, &layout(), &update, 0.5).unwrap();
        assert_eq!(theta[1], 1.0 - 0.5 * update[1]);
    }

    #[test]
    fn an_update_that_is_not_finite_changes_nothing_and_is_named() {
        let mut theta = vec![f32::MAX; 4];
        let refused = outer_step(&mut theta, &layout(), &[0.0, f32::MIN, 0.0, 0.0], 1.0);
        assert_eq!(refused, Err(AggregateError::NotFinite("w".into())));
        assert_eq!(theta, [f32::MAX; 4]);
    }

    #[test]
    fn no_peers_give_no_update() {
        assert_eq!(aggregate(&layout(), 2, &[]), Ok(vec![0.0; 4]));
    }

    #[test]
    fn one_peer_alone_moves_the_state_by_its_own_update() {
        let tried = apply_single(&[1.0; 4], &layout(), 2, &peer([0, 3], [1.0, -1.0]), &[10.0], 0.1).unwrap();
        assert_eq!(tried, [0.9, 1.0, 1.0, 1.1]);
    }
}
