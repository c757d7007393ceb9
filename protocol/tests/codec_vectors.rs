//! The codec and the aggregation against numbers of the reference implementation (`tests/vectors/`).
//!
//! Integers must match exactly, floats to 1e-5 relative, since sums depend on their order. A code may differ by
//! one only where the scaled value is within 1e-4 of a rounding boundary.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use sn3_protocol::pack12::{pack, unpack};
use sn3_protocol::sparse::{Chunks, compress};
use sn3_protocol::{
    ChunkRule, Layout, PseudoGradient, Quantizer, SparseConfig, SparseTensor, TensorSpec, aggregate,
};

const RELATIVE_MAX: f32 = 1e-5;

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(kind)
}

fn index(kind: &str) -> BTreeMap<String, Value> {
    let text = std::fs::read(folder(kind).join("index.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

struct File(Vec<u8>);

impl File {
    fn open(kind: &str, name: &str) -> Self {
        Self(std::fs::read(folder(kind).join(format!("{name}.safetensors"))).unwrap())
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).unwrap()
    }

    fn f32(&self, name: &str) -> Vec<f32> {
        let tensors = self.tensors();
        let view = tensors.tensor(name).unwrap_or_else(|_| panic!("{name}"));
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    fn u8(&self, name: &str) -> Vec<u8> {
        self.tensors().tensor(name).unwrap().data().to_vec()
    }
}

fn shape(case: &Value) -> Vec<u32> {
    case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as u32).collect()
}

fn layout(case: &Value) -> Layout {
    Layout::new(vec![TensorSpec { name: "w".into(), shape: shape(case) }], ChunkRule::Reference).unwrap()
}

fn number(case: &Value, key: &str) -> f32 {
    case[key].as_f64().unwrap() as f32
}

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() <= RELATIVE_MAX * expected.abs().max(1e-9)
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0f32, |max, v| max.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= RELATIVE_MAX * e.abs().max(scale * 1e-2), "{what}[{i}]: {f} instead of {e}");
    }
}

/// The reference's kept values, sorted within each chunk as ours are.
fn reference_kept(packed: &[u8], codes: &[u8], chunks: &Chunks, top_k: u32) -> (Vec<u16>, Vec<u8>) {
    let indices = unpack(packed).unwrap();
    let mut pairs: Vec<(u16, u8)> = indices.into_iter().zip(codes.iter().copied()).collect();
    let mut start = 0;
    for chunk in chunks.iter() {
        let kept = chunks.kept(&chunk, top_k);
        pairs[start..start + kept].sort_unstable();
        start += kept;
    }
    assert_eq!(start, pairs.len());
    pairs.into_iter().unzip()
}

/// The input of kind `prng`: sums of four 22-bit draws of splitmix64 in counter form.
fn prng_input(case: &Value) -> Vec<f32> {
    let seed = case["seed"].as_u64().unwrap();
    let draw = |n: u64| {
        let mut x = seed.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let z = x ^ (x >> 31);
        (z & 0x3F_FFFF) + ((z >> 32) & 0x3F_FFFF)
    };
    let values: u64 = shape(case).iter().map(|&n| u64::from(n)).product();
    (0..values)
        .map(|i| (draw(2 * i + 1) + draw(2 * i + 2)) as f32 - 8_388_608.0)
        .map(|v| v / 1_073_741_824.0)
        .collect()
}

fn sha256(values: &[f32]) -> String {
    use sha2::Digest as _;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    hex::encode(sha2::Sha256::digest(bytes))
}

fn config(top_k: u64, decay: f32) -> SparseConfig {
    SparseConfig { top_k: top_k as u32, error_decay: decay, range_in_sigmas: 6.0 }
}

fn compress_case(name: &str, case: &Value) {
    let file = File::open("compress", name);
    let layout = layout(case);
    let input = if case["kind"] == "prng" { prng_input(case) } else { file.f32("input") };
    assert_eq!(sha256(&input), case["input_sha256"].as_str().unwrap(), "{name}");
    let config = config(case["topk_requested"].as_u64().unwrap(), 0.95);
    let mut error = vec![0.0; input.len()];
    let sent = compress(&layout, &config, &mut error, &input).unwrap();
    let tensor = &sent.tensors[0];
    let chunks = Chunks::of(&layout, 0);
    assert_eq!(chunks.kept_total(config.top_k), tensor.indices.len(), "{name}");
    if case["tie_free"] == false {
        return compress_tied(name, case, &file, &sent, &layout);
    }
    let (indices, codes) = reference_kept(&file.u8("idx_packed"), &file.u8("vals_q"), &chunks, config.top_k);
    assert_eq!(tensor.indices, indices, "{name}");
    assert!(close(tensor.quantizer.shift, number(case, "shift")), "{name}: shift");
    // The protocol's quantiser has four bins: of the case with 256, positions and mean are what it shares.
    if case["n_bins"] != 4 {
        return;
    }
    let differing = tensor.codes.iter().zip(&codes).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 0, "{name}: codes");
    assert_close(&tensor.quantizer.lookup, &file.f32("lookup"), name);
    let decoded = sent.decode_dense(&layout, config.top_k);
    for (values, norm) in [(&decoded, "decoded_l2"), (&error, "residual_l2"), (&input, "input_l2")] {
        assert!(close(l2(values), number(case, norm)), "{name}: {norm}");
    }
    if case["kind"] != "prng" {
        assert_close(&decoded, &file.f32("decoded"), name);
    }
}

/// With ties at the cut only values, norms and shapes are comparable.
fn compress_tied(name: &str, case: &Value, file: &File, sent: &PseudoGradient, layout: &Layout) {
    let tensor = &sent.tensors[0];
    assert_eq!(tensor.indices.len(), unpack(&file.u8("idx_packed")).unwrap().len(), "{name}");
    let sorted = |mut values: Vec<f32>| {
        values.sort_by(f32::total_cmp);
        values
    };
    assert_close(&sorted(tensor.values().collect()), &sorted(file.f32("vals_deq")), name);
    let decoded = sent.decode_dense(layout, case["topk_requested"].as_u64().unwrap() as u32);
    assert_eq!(decoded.len(), file.f32("decoded").len(), "{name}");
    assert!(close(l2(&decoded), number(case, "decoded_l2")), "{name}");
}

fn l2(values: &[f32]) -> f32 {
    values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt() as f32
}

#[test]
fn compression_matches_the_reference() {
    let cases = index("compress");
    cases.iter().for_each(|(name, case)| compress_case(name, case));
    assert_eq!(cases.len(), 24);
}

#[test]
fn error_feedback_matches_the_reference() {
    for (name, case) in index("error_feedback") {
        let file = File::open("error_feedback", &name);
        let layout = layout(&case);
        let config = config(case["topk"].as_u64().unwrap(), number(&case, "decay"));
        let mut error = vec![0.0; layout.parameters()];
        for round in 0..case["rounds"].as_u64().unwrap() {
            let part = |part: &str| file.f32(&format!("round{round}_{part}"));
            let sent = compress(&layout, &config, &mut error, &part("pseudograd")).unwrap();
            assert_close(&sent.decode_dense(&layout, config.top_k), &part("transmitted"), &name);
            // What stays is a difference, and carries the rounding of all that was sent in earlier rounds: it is
            // compared on the scale of the accumulator.
            let scale = part("accum").iter().fold(0f32, |max, a| max.max(a.abs()));
            for (found, expected) in error.iter().zip(part("error")) {
                assert!((found - expected).abs() <= RELATIVE_MAX * scale, "{name}: {found} {expected}");
            }
        }
    }
}

fn peers(file: &File, case: &Value, layout: &Layout) -> Vec<PseudoGradient> {
    let chunks = Chunks::of(layout, 0);
    let shifts = case["shifts"].as_array().unwrap();
    let peer = |(number, shift): (usize, &Value)| {
        let part = |part: &str| format!("peer{number}_{part}");
        let (indices, codes) = reference_kept(
            &file.u8(&part("idx_packed")),
            &file.u8(&part("vals_q")),
            &chunks,
            case["topk"].as_u64().unwrap() as u32,
        );
        let lookup = file.f32(&part("lookup")).try_into().unwrap();
        let quantizer = Quantizer { shift: shift.as_f64().unwrap() as f32, lookup };
        PseudoGradient { tensors: vec![SparseTensor { indices, codes, quantizer }] }
    };
    shifts.iter().enumerate().map(peer).collect()
}

#[test]
fn aggregation_and_outer_step_match_the_reference() {
    for (name, case) in index("aggregate") {
        let file = File::open("aggregate", &name);
        let layout = layout(&case);
        let peers = peers(&file, &case, &layout);
        let peers: Vec<&PseudoGradient> = peers.iter().collect();
        for (peer, norm) in peers.iter().zip(case["norms"].as_array().unwrap()) {
            assert!(close(peer.tensors[0].norm(), norm.as_f64().unwrap() as f32), "{name}: norm");
        }
        let medians = aggregate::median_norms(&layout, &peers);
        assert!(close(medians[0], number(&case, "median_norm")), "{name}");
        for (peer, factor) in peers.iter().zip(case["clip_factors"].as_array().unwrap()) {
            let found = aggregate::clip_factor(peer.tensors[0].norm(), medians[0]);
            assert!(close(found, factor.as_f64().unwrap() as f32), "{name}: clip factor");
        }
        let top_k = case["topk"].as_u64().unwrap() as u32;
        let unclipped = aggregate::aggregate_clipped(&layout, top_k, &peers, &[f32::INFINITY]).unwrap();
        assert_close(&unclipped, &file.f32("agg_noclip"), &name);
        let update = aggregate::aggregate(&layout, top_k, &peers).unwrap();
        assert_close(&update, &file.f32("agg_clip"), &name);
        let mut theta = file.f32("theta_before");
        aggregate::outer_step(&mut theta, &layout, &update, number(&case, "outer_lr")).unwrap();
        assert_close(&theta, &file.f32("theta_after"), &name);
    }
}

#[test]
fn packing_and_chunk_sides_match_the_reference() {
    let text = std::fs::read(folder("pack12.json")).unwrap();
    let vectors: Value = serde_json::from_slice(&text).unwrap();
    let indices = |case: &Value| -> Vec<u16> {
        case["indices"].as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as u16).collect()
    };
    for case in vectors["pack"].as_array().unwrap() {
        let packed = hex::decode(case["packed_hex"].as_str().unwrap()).unwrap();
        assert_eq!(unpack(&packed), Ok(indices(case)));
        assert_eq!(pack(&indices(case)), Ok(packed));
    }
    for case in vectors["pack_errors"].as_array().unwrap() {
        assert!(pack(&indices(case)).is_err(), "{case}");
    }
    let sides = vectors["largest_divisor_le_64"].as_object().unwrap();
    for (n, side) in sides {
        let found = sn3_protocol::sparse::largest_divisor(n.parse().unwrap());
        assert_eq!(found as u64, side.as_u64().unwrap(), "{n}");
    }
}
