//! Copy detection, held to the reference's answers (`vectors/overlap`).

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use safetensors::SafeTensors;
use serde_json::Value;
use sn3_protocol::score::overlap::{Positions, overlap, tensor_overlap};

const TENSORS: [&str; 3] = ["a.weight", "b.weight", "c.norm"];

/// One peer's positions, sorted inside each chunk as our payloads are.
struct Peer {
    uid: u64,
    indices: Vec<Vec<u16>>,
}

fn unpack(packed: &[u8]) -> Vec<u16> {
    let pair = |b: &[u8]| {
        [u16::from(b[0]) | (u16::from(b[1] & 15) << 8), u16::from(b[1] >> 4) | (u16::from(b[2]) << 4)]
    };
    packed.chunks_exact(3).flat_map(pair).collect()
}

fn kept(case: &Value, tensor: &str) -> Vec<usize> {
    let shape: Vec<usize> =
        case["vals_shape"][tensor].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let (k, chunks) = shape.split_last().unwrap();
    vec![*k; chunks.iter().product()]
}

fn peers(case: &Value, bytes: &[u8]) -> Vec<Peer> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let of = |uid: u64, tensor: &str| {
        let mut indices = unpack(file.tensor(&format!("{tensor}/uid{uid}/idx_packed")).unwrap().data());
        indices.chunks_exact_mut(kept(case, tensor)[0]).for_each(<[u16]>::sort_unstable);
        indices
    };
    let uids = case["uids"].as_array().unwrap().iter().map(|uid| uid.as_u64().unwrap());
    uids.map(|uid| Peer { uid, indices: TENSORS.map(|tensor| of(uid, tensor)).to_vec() }).collect()
}

/// The reference's measure, in which dense tensors count.
fn with_dense(a: &Peer, b: &Peer, kept: &[Vec<usize>]) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (i, kept) in kept.iter().enumerate() {
        let sent = |peer: &Peer| peer.indices[i].len() as f64;
        let positions = |indices| Positions { indices, kept, dense: false };
        sum += sent(a) * tensor_overlap(&positions(&a.indices[i]), &positions(&b.indices[i]));
        weight += sent(a);
    }
    sum / weight
}

fn without_dense(a: &Peer, b: &Peer, kept: &[Vec<usize>]) -> f64 {
    fn positions<'a>(peer: &'a Peer, kept: &'a [Vec<usize>]) -> Vec<Positions<'a>> {
        let of =
            |i: usize| Positions { indices: &peer.indices[i], kept: &kept[i], dense: TENSORS[i] == "c.norm" };
        (0..TENSORS.len()).map(of).collect()
    }
    overlap(&positions(a, kept), &positions(b, kept))
}

fn each_pair(name: &str, bytes: &[u8], mut visit: impl FnMut(&Value, &Peer, &Peer, &[Vec<usize>])) -> Value {
    let index: Value = serde_json::from_str(include_str!("vectors/overlap/index.json")).unwrap();
    let case = index[name].clone();
    let peers = peers(&case, bytes);
    let kept = TENSORS.map(|tensor| kept(&case, tensor));
    for (i, a) in peers.iter().enumerate() {
        for b in &peers[i + 1..] {
            visit(&case, a, b, &kept);
        }
    }
    case
}

fn check_against_the_reference(name: &str, bytes: &[u8]) {
    let (mut overlaps, mut over) = (Vec::new(), Vec::new());
    let case = each_pair(name, bytes, |case, a, b, kept| {
        let overlap = with_dense(a, b, kept);
        overlaps.push(overlap);
        if overlap >= case["overlap_threshold"].as_f64().unwrap() {
            over.push((a.uid, b.uid, overlap));
        }
    });
    let near = |found: f64, name: &str| (found - case[name].as_f64().unwrap()).abs() < 1e-6;
    assert_eq!(overlaps.len() as u64, case["pairs_checked"].as_u64().unwrap());
    assert!(near(overlaps.iter().sum::<f64>() / overlaps.len() as f64, "mean_overlap"));
    assert!(near(overlaps.iter().copied().fold(1.0, f64::min), "min_overlap"));
    assert!(near(overlaps.iter().copied().fold(0.0, f64::max), "max_overlap"));
    let expected = case["pairs_over"].as_array().unwrap();
    assert_eq!(over.len(), expected.len());
    for ((a, b, overlap), pair) in over.iter().zip(expected) {
        assert_eq!((Some(*a), Some(*b)), (pair[0].as_u64(), pair[1].as_u64()));
        assert!((overlap - pair[2].as_f64().unwrap()).abs() < 1e-6);
    }
}

#[test]
fn overlaps_are_those_of_the_reference() {
    check_against_the_reference(
        "independent_s11",
        include_bytes!("vectors/overlap/independent_s11.safetensors"),
    );
    check_against_the_reference("related_s11", include_bytes!("vectors/overlap/related_s11.safetensors"));
    check_against_the_reference("copies_s11", include_bytes!("vectors/overlap/copies_s11.safetensors"));
}

/// The reference sees .37 between peers that share nothing, because the dense norm counts as equal.
#[test]
fn independent_peers_share_nothing_once_dense_tensors_are_left_out() {
    let bytes = include_bytes!("vectors/overlap/independent_s11.safetensors");
    each_pair("independent_s11", bytes, |_, a, b, kept| {
        let overlap = without_dense(a, b, kept);
        assert!(overlap < 0.05, "uids {} and {}: {overlap}", a.uid, b.uid);
    });
}

#[test]
fn copies_stay_copies_without_the_dense_tensors() {
    let bytes = include_bytes!("vectors/overlap/copies_s11.safetensors");
    each_pair("copies_s11", bytes, |_, a, b, kept| {
        let overlap = without_dense(a, b, kept);
        assert_eq!(a.uid == 13 || b.uid == 13, overlap < 0.5, "uids {} and {}: {overlap}", a.uid, b.uid);
    });
}
