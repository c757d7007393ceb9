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

/// Sections that cover less than all bytes, or more.
#[test]
fn bytes_that_belong_to_no_section_are_refused() {
    let mut bytes = of_eight("01001607");
    bytes[HEADER_BYTES] -= 1;
    assert_eq!(decode(&bytes, &eight(), 2), Err(WireError::Trailing(1)));
    bytes[HEADER_BYTES] += 2;
    assert_eq!(decode(&bytes, &eight(), 2), Err(WireError::Truncated("a tensor's section")));
}

/// A table that promises more than there is, and sections too short for their indices.
#[test]
fn lengths_that_do_not_fit_are_refused() {
    let layout = layout();
    let bytes = encode(&gradient(&layout, 1), &layout, TOP_K);
    let mut long = bytes.clone();
    long[HEADER_BYTES..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode(&long, &layout, TOP_K), Err(WireError::Truncated("a tensor's section")));
    let mut short = bytes[..HEADER_BYTES].to_vec();
    for _ in layout.tensors() {
        short.extend_from_slice(&(TENSOR_HEADER_BYTES as u32).to_le_bytes());
    }
    short.extend_from_slice(&vec![0; layout.tensors().len() * TENSOR_HEADER_BYTES]);
    assert_eq!(decode(&short, &layout, TOP_K), Err(WireError::Truncated("the indices")));
}

fn eight() -> Layout {
    Layout::new(vec![TensorSpec { name: "w".into(), shape: vec![8] }], ChunkRule::Padded).unwrap()
}

/// A payload that keeps two of eight values; `tail` is the parameter, the coding, the indices and the codes.
fn of_eight(tail: &str) -> Vec<u8> {
    let parts = [
        "736e337001000000", // "sn3p", version 1
        "02000000",         // two kept
        &eight().digest().to_string(),
        &format!("{:02x}000000", 20 + tail.len() / 2), // length of the section
        "0000003f",                                    // a shift of 0.5
        "00000000000080bf000000000000803f",            // means 0, -1, 0, 1
        tail,
    ];
    hex::decode(parts.concat()).unwrap()
}

/// By hand: of 8 values, 1 and 5 are kept, so the gaps are 1 and 5 − 1 − 1 = 3. With b = 0, 1, 2 they take
/// 6, 5 and 6 bits, so b = 1: gap 1 is `0 1` (no ones, a zero, low bit 1), gap 3 is `1 0 1`. First bit lowest:
/// 0b10110 = 0x16. Codes 3 and 1 are 3 + 1·4 = 7 in two bits each.
#[test]
fn a_payload_by_hand() {
    let quantizer = Quantizer { shift: 0.5, lookup: [0.0, -1.0, 0.0, 1.0] };
    let tensor = SparseTensor { indices: vec![1, 5], codes: vec![3, 1], quantizer };
    let gradient = PseudoGradient { tensors: vec![tensor] };
    let bytes = of_eight("01001607");
    assert_eq!(encode(&gradient, &eight(), 2), bytes);
    let read = decode(&bytes, &eight(), 2).unwrap();
    assert_eq!(read.decode_dense(&eight(), 2), [0.0, 1.5, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0]);
}

/// The same numbers written in another way, by hand: each would give one pseudo-gradient a second hash.
#[test]
fn second_writings_of_one_pseudo_gradient_are_refused() {
    let refused = |tail: &str, what| {
        let expected = Err(WireError::NotCanonical { tensor: 0, what });
        assert_eq!(decode(&of_eight(tail), &eight(), 2), expected, "{tail}");
    };
    // With b = 0 the gaps 1 and 3 are `1 0` and `1 1 1 0`: six bits, 0b011101.
    refused("00001d07", "the gap parameter");
    refused("0c001607", "the gap parameter");
    // Five bits of the byte are used; the others are set one by one.
    for padding in [0x20, 0x40, 0x80] {
        refused(&format!("0100{:02x}07", 0x16 | padding), "the indices' padding");
    }
    for padding in [0x10, 0x20, 0x40, 0x80] {
        refused(&format!("010016{:02x}", 0x07 | padding), "the codes");
    }
    refused("01021607", "the codes"); // no such coding
    refused("0100160700", "the codes"); // a byte too many in the section
    refused("010016", "the codes");
    refused("01011600", "the codes"); // a range-coded run that is not shorter
}

/// By hand: gaps 1 and 6 with b = 1 are `0 1` and `1 1 1 0 0`, 0b0011110: index 8 of 8 values.
#[test]
fn positions_in_the_padding_are_refused() {
    assert_eq!(decode(&of_eight("01001e07"), &eight(), 2), Err(WireError::Index { tensor: 0 }));
}

/// Where packing is shorter than range coding it is the only writing, and the other way round.
#[test]
fn the_longer_coding_of_codes_is_refused() {
    let skewed = vec![3u8; 4096];
    let (coding, short) = write_codes(&skewed);
    assert_eq!((coding, read_codes(&short, coding, 4096)), (CODES_RANGE, Some(skewed.clone())));
    assert_eq!(read_codes(&pack_codes(&skewed), CODES_PACKED, 4096), None);
    // A range decoder reads zeros behind the end, so that longer and shorter runs decode to the same codes.
    assert_eq!(read_codes(&[&short[..], &[0]].concat(), CODES_RANGE, 4096), None);
    assert_eq!(read_codes(&short[..short.len() - 1], CODES_RANGE, 4096), None);
    let even: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 30) as u8).collect();
    let (coding, packed) = write_codes(&even);
    assert_eq!((coding, read_codes(&packed, coding, 4096)), (CODES_PACKED, Some(even.clone())));
    assert_eq!(read_codes(&range::encode(&even), CODES_RANGE, 4096), None);
}

/// The bytes of a format are a promise: those of version 1 are pinned here, so that a change is a choice.
#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    let layout = layout();
    let bytes = encode(&gradient(&layout, 1), &layout, TOP_K);
    assert_eq!(crate::Digest::of(&bytes).short(), "7d203381");
}

/// All indices at the end of their chunks, all at the front, and codes of each kind.
#[test]
fn extreme_payloads_are_within_the_bound() {
    let spec = TensorSpec { name: "w".into(), shape: vec![128, 128] };
    let layout = Layout::new(vec![spec], ChunkRule::Padded).unwrap();
    let fronts: [Vec<u16>; 3] =
        [(0..64).collect(), (4032..4096).collect(), (0..64).map(|i| i * 64 + 63).collect()];
    for indices in fronts {
        for pattern in [[0u8, 0, 0, 0], [3, 3, 3, 3], [0, 1, 2, 3], [1, 3, 1, 3]] {
            let codes = pattern.iter().copied().cycle().take(256).collect();
            let tensor = SparseTensor { indices: indices.repeat(4), codes, quantizer: Quantizer::default() };
            let gradient = PseudoGradient { tensors: vec![tensor] };
            let bytes = encode(&gradient, &layout, TOP_K);
            assert!(bytes.len() as u64 <= bytes_max(&layout, TOP_K), "{}", bytes.len());
            assert_eq!(decode(&bytes, &layout, TOP_K), Ok(gradient));
        }
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
    fn every_prefix_is_refused(seed in 0u64..4, end in any::<prop::sample::Index>()) {
        let layout = layout();
        let bytes = encode(&gradient(&layout, seed), &layout, TOP_K);
        prop_assert!(decode(&bytes[..end.index(bytes.len())], &layout, TOP_K).is_err());
    }

    /// Any legal choice of indices and codes survives, in both rules.
    #[test]
    fn any_choice_is_lossless_and_bounded(
        picks in prop::collection::vec((prop::collection::btree_set(0u16..600, 8), prop::collection::vec(0u8..4, 8)), 5),
        shift in -1.0f32..1.0,
    ) {
        let spec = TensorSpec { name: "w".into(), shape: vec![64, 65 * 64 - 63] };
        let layout = Layout::new(vec![spec], ChunkRule::Padded).unwrap();
        let chunks = Chunks::of(&layout, 0);
        let mut tensor = SparseTensor::default();
        tensor.quantizer.shift = shift;
        for (number, chunk) in chunks.iter().enumerate() {
            let (indices, codes) = &picks[number % picks.len()];
            // The last chunk is one column wide: its indices are multiples of 64.
            let column = |i: &u16| if chunk.columns == 1 { i % 8 * 64 } else { *i };
            let mut here: Vec<u16> = indices.iter().map(column).collect();
            here.sort_unstable();
            here.dedup();
            let mut spare = (0u16..64).map(|row| row * 64).filter(|i| !indices.contains(i));
            while here.len() < 8 {
                let next = spare.next().unwrap();
                if !here.contains(&next) {
                    here.push(next);
                }
            }
            here.sort_unstable();
            tensor.indices.extend(here);
            tensor.codes.extend(codes);
        }
        let gradient = PseudoGradient { tensors: vec![tensor] };
        let bytes = encode(&gradient, &layout, 8);
        prop_assert!(bytes.len() as u64 <= bytes_max(&layout, 8));
        prop_assert_eq!(decode(&bytes, &layout, 8), Ok(gradient));
    }

    /// Behind a true header, so that sections are reached.
    #[test]
    fn noise_is_refused_in_sections_too(noise in prop::collection::vec(any::<u8>(), 4..600)) {
        let spec = TensorSpec { name: "w".into(), shape: vec![130, 70] };
        let layout = Layout::new(vec![spec], ChunkRule::Padded).unwrap();
        let mut bytes = Vec::new();
        write_header(&layout, TOP_K, &mut bytes);
        bytes.extend_from_slice(&(noise.len() as u32 + 20).to_le_bytes());
        bytes.extend_from_slice(&[0; 20]);
        bytes.extend_from_slice(&noise);
        if let Ok(gradient) = decode(&bytes, &layout, TOP_K) {
            prop_assert_eq!(encode(&gradient, &layout, TOP_K), bytes);
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(decode(&bytes, &layout(), TOP_K).is_err());
    }
}
