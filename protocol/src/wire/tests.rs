//! Payloads of honest and of hostile authors.

use proptest::prelude::*;

use super::*;
use crate::layout::{ChunkRule, TensorSpec};
use crate::sparse::{SparseConfig, compress};

const TOP_K: u32 = 64;

fn layout() -> Layout {
    let shapes: [&[u32]; 4] = [&[200, 130], &[64, 64], &[48], &[5000]];
    let tensors =
        shapes.iter().enumerate().map(|(i, s)| TensorSpec { name: format!("t{i}"), shape: s.to_vec() });
    Layout::new(tensors.collect(), ChunkRule::Padded).unwrap()
}

/// Values that look like a pseudo-gradient: many small, few large.
fn delta(layout: &Layout, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..layout.parameters()).map(|_| uniform() * uniform() * uniform() * 0.1).collect()
}

fn gradient(layout: &Layout, seed: u64) -> PseudoGradient {
    let config = SparseConfig { top_k: TOP_K, ..SparseConfig::default() };
    compress(layout, &config, &mut vec![0.0; layout.parameters()], &delta(layout, seed)).unwrap()
}

#[test]
fn payloads_are_lossless_and_bounded() {
    let layout = layout();
    for seed in 0..5 {
        let gradient = gradient(&layout, seed);
        let bytes = encode(&gradient, &layout, TOP_K);
        assert!(bytes.len() as u64 <= bytes_max(&layout, TOP_K));
        assert_eq!(decode(&bytes, &layout, TOP_K), Ok(gradient));
    }
}

/// Training protocol, section 1.8: the ancestor's wire reaches 102; the floor for uniform positions and codes of
/// one bit is 245.
#[test]
fn the_wire_is_more_than_200_times_smaller_than_f32() {
    let tensor = TensorSpec { name: "w".into(), shape: vec![1024, 2688] };
    let layout = Layout::new(vec![tensor], ChunkRule::Padded).unwrap();
    let bytes = encode(&gradient(&layout, 7), &layout, TOP_K).len();
    let ratio = layout.parameters() as f64 * 4.0 / bytes as f64;
    assert!(ratio > 210.0, "{ratio}");
}

#[test]
fn giants_are_refused_before_they_are_read() {
    let layout = layout();
    let giant = vec![0; bytes_max(&layout, TOP_K) as usize + 1];
    assert!(matches!(decode(&giant, &layout, TOP_K), Err(WireError::TooLong { .. })));
}

#[test]
fn numbers_that_are_not_numbers_are_refused() {
    let layout = layout();
    for value in [f32::NAN, f32::INFINITY, 1e5] {
        let mut hostile = gradient(&layout, 1);
        hostile.tensors[1].quantizer.lookup[3] = value;
        assert_eq!(
            decode(&encode(&hostile, &layout, TOP_K), &layout, TOP_K),
            Err(WireError::Quantizer { tensor: 1 })
        );
    }
}

#[test]
fn another_run_s_payload_is_refused() {
    let (layout, other) = (layout(), gradient(&layout(), 1));
    let bytes = encode(&other, &layout, TOP_K);
    let spec = TensorSpec { name: "t".into(), shape: vec![64] };
    let small = Layout::new(vec![spec], ChunkRule::Padded).unwrap();
    assert!(decode(&bytes, &small, TOP_K).is_err());
    assert_eq!(
        decode(&bytes, &layout, 32),
        Err(WireError::TooLong { found: bytes.len() as u64, max: bytes_max(&layout, 32) })
    );
    assert_eq!(decode(&bytes, &layout, 65), Err(WireError::OtherRun("number of kept values")));
}

#[test]
fn trailing_and_missing_bytes_are_refused() {
    let layout = layout();
    let bytes = encode(&gradient(&layout, 1), &layout, TOP_K);
    let longer = [&bytes[..], &[0]].concat();
    assert!(decode(&longer, &layout, TOP_K).is_err());
    for end in [0, 7, 43, 44, 60, bytes.len() / 2, bytes.len() - 1] {
        assert!(decode(&bytes[..end], &layout, TOP_K).is_err(), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is done to a payload, it is refused, or it is the one payload of what it decodes to.
    #[test]
    fn mutations_are_refused_or_canonical(
        seed in 0u64..4,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
    ) {
        let layout = layout();
        let mut bytes = encode(&gradient(&layout, seed), &layout, TOP_K);
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Ok(gradient) = decode(&bytes, &layout, TOP_K) {
            prop_assert_eq!(encode(&gradient, &layout, TOP_K), bytes);
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(decode(&bytes, &layout(), TOP_K).is_err());
    }
}
