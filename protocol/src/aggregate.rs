//! Many pseudo-gradients into one update, and the update into the state (training protocol, section 1.7).
//!
//! Every node must reach the same bits, on a CPU or a GPU and with any number of threads. So the arithmetic is
//! fixed. All of it is f32, rounded to nearest (ties to even) after every single operation, subnormals kept,
//! never fused, except where f64 is named:
//!
//! 1. value of a code: `v = lookup[code] + shift`;
//! 2. norm of a peer's tensor: [`SparseTensor::norm`], four f64 products by how often each code occurs, added in
//!    the order of the codes, then rounded to f32;
//! 3. the clipping norm of a tensor: the lower median of its norms over the peers;
//! 4. factor of a peer's tensor: `f = min(1, median / (norm + 1e-8))`;
//! 5. one position: `sum ← sum + v·f` from 0 over the peers that sent it, in the order given, which is ascending
//!    by uid; then, if there were two or more, `sum / count`;
//! 6. the state: `theta − outer_lr·update`.
//!
//! No step depends on how positions are shared among threads: nothing is summed across positions but the counts
//! of codes, which are integers.

mod payloads;

pub use payloads::{PayloadError, aggregate_payloads};

use rayon::prelude::*;

use crate::layout::Layout;
use crate::sparse::{Band, Chunks, PseudoGradient, SparseTensor};

/// Added to a norm before it divides.
const NORM_EPS: f32 = 1e-8;

/// Values that one thread steps at a time.
const BLOCK_VALUES: usize = 1 << 16;

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
    /// A pseudo-gradient that keeps another number of values.
    #[error(
        "submission {peer} keeps {found} values of tensor {tensor:?}, the run {expected}; decode it with this layout"
    )]
    Kept {
        /// Position of the peer.
        peer: usize,
        /// The tensor.
        tensor: String,
        /// Its kept values.
        found: usize,
        /// Those of the layout.
        expected: usize,
    },
    /// A pseudo-gradient with a quantiser that no decoder lets through.
    #[error(
        "submission {peer} has a value of tensor {tensor:?} that is not finite or out of bounds; leave it out"
    )]
    Quantizer {
        /// Position of the peer.
        peer: usize,
        /// The tensor.
        tensor: String,
    },
    /// A buffer of another length than the layout has.
    #[error("{what} has {found} values, the run needs {expected}; they belong to different models")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What the layout needs.
        expected: usize,
    },
    /// The result is not finite.
    #[error("tensor {0:?} would get a value that is not finite; the round cannot be applied")]
    NotFinite(String),
}

/// The clipping norm of every tensor: the lower median of its norms over the peers; 0 without peers.
///
/// By hand: of norms 1, 2, 3, 4 the lower median is 2.
///
/// # Panics
/// If a peer has fewer tensors than the layout, which [`crate::wire::decode`] does not let through.
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
/// If a peer belongs to another layout, has numbers out of bounds, or there are too many peers.
pub fn aggregate(layout: &Layout, top_k: u32, peers: &[&PseudoGradient]) -> Result<Vec<f32>, AggregateError> {
    check_peers(layout, top_k, peers)?;
    Ok(mean_over_senders(layout, top_k, peers, &median_norms(layout, peers)))
}

/// [`aggregate`] with clipping norms that are given, one for each tensor; infinite ones do not clip.
///
/// # Errors
/// As [`aggregate`], and if there is not one norm for each tensor.
pub fn aggregate_clipped(
    layout: &Layout,
    top_k: u32,
    peers: &[&PseudoGradient],
    norms: &[f32],
) -> Result<Vec<f32>, AggregateError> {
    check_peers(layout, top_k, peers)?;
    check_count("the list of norms", norms.len(), layout.tensors().len())?;
    Ok(mean_over_senders(layout, top_k, peers, norms))
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
    check_count("the state", theta.len(), layout.parameters())?;
    check_count("the update", update.len(), layout.parameters())?;
    let step = |theta: f32, update: f32| theta - outer_lr * update;
    // No early end inside a block: so it is done in vector registers.
    let finite =
        |(t, u): (&[f32], &[f32])| t.iter().zip(u).fold(true, |all, (&t, &u)| all & step(t, u).is_finite());
    if !theta.par_chunks(BLOCK_VALUES).zip(update.par_chunks(BLOCK_VALUES)).all(finite) {
        let wrong = theta.iter().zip(update).position(|(&t, &u)| !step(t, u).is_finite());
        return Err(not_finite(layout, wrong));
    }
    theta.par_chunks_mut(BLOCK_VALUES).zip(update.par_chunks(BLOCK_VALUES)).for_each(|(theta, update)| {
        theta.iter_mut().zip(update).for_each(|(theta, &update)| *theta = step(*theta, update));
    });
    Ok(())
}

/// The state that a validator tries for one peer: `theta − lr · clipped update` (training protocol, section
/// 4.3), with each tensor clipped to the round's `medians`. The same bits as [`aggregate_clipped`] of this peer
/// alone and [`outer_step`], without the dense update.
///
/// # Errors
/// If the peer belongs to another layout, lengths differ, or a value would not be finite.
pub fn apply_single(
    theta: &[f32],
    layout: &Layout,
    top_k: u32,
    peer: &PseudoGradient,
    medians: &[f32],
    lr: f32,
) -> Result<Vec<f32>, AggregateError> {
    check_peers(layout, top_k, &[peer])?;
    check_count("the list of norms", medians.len(), layout.tensors().len())?;
    check_count("the state", theta.len(), layout.parameters())?;
    let mut tried = theta.to_vec();
    layout.split_mut(&mut tried).into_par_iter().enumerate().for_each(|(index, out)| {
        let (chunks, tensor) = (Chunks::of(layout, index), &peer.tensors[index]);
        let factor = clip_factor(tensor.norm(), medians[index]);
        chunks.for_each_band(top_k, out, |band, out| {
            chunks.for_each_kept(band, top_k, tensor, |position, value| {
                out[position] -= lr * (value * factor);
            });
        });
    });
    let finite = |block: &[f32]| block.iter().fold(true, |all, value| all & value.is_finite());
    match tried.par_chunks(BLOCK_VALUES).all(finite) {
        true => Ok(tried),
        false => Err(not_finite(layout, tried.iter().position(|value| !value.is_finite()))),
    }
}

fn mean_over_senders(layout: &Layout, top_k: u32, peers: &[&PseudoGradient], norms: &[f32]) -> Vec<f32> {
    let mut update = vec![0.0; layout.parameters()];
    layout.split_mut(&mut update).into_par_iter().enumerate().for_each(|(index, out)| {
        let tensors: Vec<&SparseTensor> = peers.iter().map(|peer| &peer.tensors[index]).collect();
        mean_of_tensor(&Chunks::of(layout, index), top_k, &tensors, norms[index], out);
    });
    update
}

/// The mean of one tensor over the peers that sent each position, clipped to `norm`; `out` holds zeros.
fn mean_of_tensor(chunks: &Chunks, top_k: u32, peers: &[&SparseTensor], norm: f32, out: &mut [f32]) {
    let clipped: Vec<Clipped<'_>> =
        peers.iter().map(|&tensor| (tensor, clip_factor(tensor.norm(), norm))).collect();
    chunks.for_each_band(top_k, out, |band, out| mean_of_band(chunks, top_k, band, &clipped, out));
}

/// A peer's tensor and what its values are multiplied by.
type Clipped<'a> = (&'a SparseTensor, f32);

fn mean_of_band(chunks: &Chunks, top_k: u32, band: &Band, peers: &[Clipped<'_>], out: &mut [f32]) {
    let mut senders = vec![0u16; out.len()];
    for (tensor, factor) in peers {
        chunks.for_each_kept(band, top_k, tensor, |position, value| {
            out[position] += value * factor;
            senders[position] += 1;
        });
    }
    for (value, &count) in out.iter_mut().zip(&senders).filter(|(_, count)| **count > 1) {
        *value /= f32::from(count);
    }
}

fn check_peers(layout: &Layout, top_k: u32, peers: &[&PseudoGradient]) -> Result<(), AggregateError> {
    if peers.len() > PEERS_MAX {
        return Err(AggregateError::TooManyPeers(peers.len()));
    }
    let kept: Vec<usize> =
        (0..layout.tensors().len()).map(|index| Chunks::of(layout, index).kept_total(top_k)).collect();
    peers.iter().enumerate().try_for_each(|(number, peer)| check_peer(layout, &kept, number, peer))
}

fn check_peer(
    layout: &Layout,
    kept: &[usize],
    peer: usize,
    gradient: &PseudoGradient,
) -> Result<(), AggregateError> {
    let (found, expected) = (gradient.tensors.len(), kept.len());
    if found != expected {
        return Err(AggregateError::Tensors { peer, found, expected });
    }
    for ((sent, spec), &expected) in gradient.tensors.iter().zip(layout.tensors()).zip(kept) {
        let tensor = || spec.name.clone();
        if let Some(found) = [sent.indices.len(), sent.codes.len()].into_iter().find(|&n| n != expected) {
            return Err(AggregateError::Kept { peer, tensor: tensor(), found, expected });
        }
        if !sent.quantizer.is_sound() {
            return Err(AggregateError::Quantizer { peer, tensor: tensor() });
        }
    }
    Ok(())
}

fn check_count(what: &'static str, found: usize, expected: usize) -> Result<(), AggregateError> {
    if found == expected { Ok(()) } else { Err(AggregateError::Length { what, found, expected }) }
}

fn not_finite(layout: &Layout, at: Option<usize>) -> AggregateError {
    let tensor = at.and_then(|at| layout.locate(at)).map(|(tensor, _)| tensor.name.clone());
    AggregateError::NotFinite(tensor.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{ChunkRule, TensorSpec};
    use crate::sparse::{Quantizer, SparseConfig, compress};

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
    fn what_no_decoder_lets_through_is_refused_and_named() {
        let honest = peer([0, 1], [3.0, 4.0]);
        let refused = |gradient: &PseudoGradient| aggregate(&layout(), 2, &[&honest, gradient]).unwrap_err();
        let none = PseudoGradient::default();
        assert_eq!(refused(&none), AggregateError::Tensors { peer: 1, found: 0, expected: 1 });
        let mut short = honest.clone();
        short.tensors[0].codes.pop();
        let expected = AggregateError::Kept { peer: 1, tensor: "w".into(), found: 1, expected: 2 };
        assert_eq!(refused(&short), expected);
        let wild = peer([0, 1], [f32::NAN, 1.0]);
        assert_eq!(refused(&wild), AggregateError::Quantizer { peer: 1, tensor: "w".into() });
        assert!(apply_single(&[0.0; 4], &layout(), 2, &wild, &[1.0], 1.0).is_err());
        assert!(apply_single(&[0.0; 3], &layout(), 2, &honest, &[1.0], 1.0).is_err());
        assert!(apply_single(&[0.0; 4], &layout(), 2, &honest, &[], 1.0).is_err());
        let many = vec![&honest; PEERS_MAX + 1];
        assert_eq!(aggregate(&layout(), 2, &many), Err(AggregateError::TooManyPeers(PEERS_MAX + 1)));
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
    fn compressed(layout: &Layout, seed: u32) -> PseudoGradient {
        let wave = |i: usize| (i as f32 * (0.37 + seed as f32 * 0.011)).sin() * 0.01 * (1 + seed) as f32;
        let delta: Vec<f32> = (0..layout.parameters()).map(wave).collect();
        compress(layout, &SparseConfig::default(), &mut vec![0.0; delta.len()], &delta).unwrap()
    }

    fn larger() -> Layout {
        let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.into(), shape: shape.to_vec() };
        let tensors = vec![spec("a", &[200, 150]), spec("b", &[5000]), spec("c", &[70, 300])];
        Layout::new(tensors, ChunkRule::Padded).unwrap()
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let layout = larger();
        let peers: Vec<PseudoGradient> = (0..5).map(|seed| compressed(&layout, seed)).collect();
        let peers: Vec<&PseudoGradient> = peers.iter().collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let update = aggregate(&layout, 64, &peers).unwrap();
                let mut theta = vec![0.5; layout.parameters()];
                outer_step(&mut theta, &layout, &update, 0.4).unwrap();
                layout.state_digest(&theta)
            })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn a_peer_alone_is_tried_as_it_would_be_aggregated() {
        let (layout, lr) = (larger(), 0.3);
        let peer = compressed(&layout, 3);
        let medians: Vec<f32> = peer.tensors.iter().map(|tensor| tensor.norm() * 0.7).collect();
        let theta: Vec<f32> = (0..layout.parameters()).map(|i| (i as f32 * 0.01).cos()).collect();
        let mut expected = theta.clone();
        let update = aggregate_clipped(&layout, 64, &[&peer], &medians).unwrap();
        outer_step(&mut expected, &layout, &update, lr).unwrap();
        let tried = apply_single(&theta, &layout, 64, &peer, &medians, lr).unwrap();
        assert_eq!(layout.state_digest(&tried), layout.state_digest(&expected));
    }
}
