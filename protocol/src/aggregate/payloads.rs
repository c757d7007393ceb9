//! Payloads straight into an update, one pass over their bytes.

use rayon::prelude::*;

use super::{PEERS_MAX, lower_median, mean_of_tensor};
use crate::layout::Layout;
use crate::sparse::{Chunks, SparseTensor};
use crate::wire::{Payload, WireError};

/// Why payloads give no update.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// More payloads than a round may have.
    #[error("{0} payloads cannot be aggregated in one round; at most {PEERS_MAX} can")]
    TooManyPeers(usize),
    /// One that cannot be decoded.
    #[error("payload {peer} cannot be used: {source}; leave it out or fetch it again")]
    Payload {
        /// Its position.
        peer: usize,
        /// What is wrong with it.
        source: WireError,
    },
}

/// The dense update of a round from the payloads themselves: the same bits as [`super::aggregate`] of what
/// [`crate::wire::decode`] gives, for a fraction of the memory. One tensor of all peers is decoded, clipped and
/// averaged while it is in the processor's cache; no whole pseudo-gradient is ever kept.
///
/// # Errors
/// If there are too many payloads, or one is not canonical. Of several the one with the first wrong header,
/// then with the first wrong tensor is named.
///
/// ```
/// # use sn3_protocol::{ChunkRule, Layout, TensorSpec, aggregate, wire};
/// # use sn3_protocol::sparse::{SparseConfig, compress};
/// let tensor = TensorSpec { name: "w".into(), shape: vec![64, 128] };
/// let layout = Layout::new(vec![tensor], ChunkRule::Padded)?;
/// let delta: Vec<f32> = (0..64 * 128).map(|i| (i as f32).sin()).collect();
/// let sent = compress(&layout, &SparseConfig::default(), &mut vec![0.0; delta.len()], &delta)?;
/// let payload = wire::encode(&sent, &layout, 64);
/// let update = aggregate::aggregate_payloads(&layout, 64, &[&payload, &payload])?;
/// assert_eq!(update, aggregate::aggregate(&layout, 64, &[&sent, &sent])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn aggregate_payloads(layout: &Layout, top_k: u32, payloads: &[&[u8]]) -> Result<Vec<f32>, PayloadError> {
    if payloads.len() > PEERS_MAX {
        return Err(PayloadError::TooManyPeers(payloads.len()));
    }
    let open = |(peer, bytes)| {
        Payload::open(bytes, layout, top_k).map_err(|source| PayloadError::Payload { peer, source })
    };
    let payloads = payloads.iter().copied().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
    let mut update = vec![0.0; layout.parameters()];
    let done: Vec<Result<(), PayloadError>> = layout
        .split_mut(&mut update)
        .into_par_iter()
        .enumerate()
        .map(|(index, out)| one_tensor(&Chunks::of(layout, index), index, top_k, &payloads, out))
        .collect();
    done.into_iter().collect::<Result<(), _>>()?;
    Ok(update)
}

fn one_tensor(
    chunks: &Chunks,
    index: usize,
    top_k: u32,
    payloads: &[Payload<'_>],
    out: &mut [f32],
) -> Result<(), PayloadError> {
    let read = |(peer, payload): (usize, &Payload<'_>)| {
        payload.tensor(chunks, index).map_err(|source| PayloadError::Payload { peer, source })
    };
    let tensors: Vec<Result<SparseTensor, PayloadError>> =
        payloads.par_iter().enumerate().map(read).collect();
    let tensors = tensors.into_iter().collect::<Result<Vec<_>, _>>()?;
    let norm = lower_median(tensors.iter().map(SparseTensor::norm).collect());
    mean_of_tensor(chunks, top_k, &tensors.iter().collect::<Vec<_>>(), norm, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{ChunkRule, TensorSpec};
    use crate::sparse::{SparseConfig, compress};
    use crate::{aggregate, wire};

    fn layout() -> Layout {
        let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.into(), shape: shape.to_vec() };
        let tensors = vec![spec("a", &[200, 150]), spec("b", &[5000]), spec("c", &[70, 300])];
        Layout::new(tensors, ChunkRule::Padded).unwrap()
    }

    fn payload(layout: &Layout, seed: u32) -> Vec<u8> {
        let wave = |i: usize| (i as f32 * (0.37 + seed as f32 * 0.011)).sin() * 0.01 * (1 + seed) as f32;
        let delta: Vec<f32> = (0..layout.parameters()).map(wave).collect();
        let sent = compress(layout, &SparseConfig::default(), &mut vec![0.0; delta.len()], &delta).unwrap();
        wire::encode(&sent, layout, 64)
    }

    #[test]
    fn payloads_give_the_bits_of_their_pseudo_gradients_on_any_number_of_threads() {
        let layout = layout();
        let payloads: Vec<Vec<u8>> = (0..7).map(|seed| payload(&layout, seed)).collect();
        let bytes: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let decoded: Vec<_> = bytes.iter().map(|bytes| wire::decode(bytes, &layout, 64).unwrap()).collect();
        let expected = aggregate::aggregate(&layout, 64, &decoded.iter().collect::<Vec<_>>()).unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let update = pool.install(|| aggregate_payloads(&layout, 64, &bytes)).unwrap();
            assert_eq!(layout.state_digest(&update), layout.state_digest(&expected));
        }
        assert_eq!(aggregate_payloads(&layout, 64, &[]), Ok(vec![0.0; layout.parameters()]));
    }

    #[test]
    fn a_bad_payload_is_named() {
        let layout = layout();
        let (good, mut bad) = (payload(&layout, 1), payload(&layout, 2));
        *bad.last_mut().unwrap() ^= 0x40;
        let error = aggregate_payloads(&layout, 64, &[&good, &bad]).unwrap_err();
        assert!(matches!(error, PayloadError::Payload { peer: 1, .. }), "{error}");
        let error = aggregate_payloads(&layout, 64, &[&good, &good[..9]]).unwrap_err();
        let source = WireError::Truncated("the header");
        assert_eq!(error, PayloadError::Payload { peer: 1, source });
        let many = vec![&good[..]; PEERS_MAX + 1];
        assert_eq!(aggregate_payloads(&layout, 64, &many), Err(PayloadError::TooManyPeers(PEERS_MAX + 1)));
    }
}
