//! What is used of the chain against the metadata of the main network of December 2025 (runtime 365), and every error
//! of the chain's own pallets against the explanations.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::io::Read as _;

use sn3_chain::compat::{Kind, Verdict, error_names, report_of_bytes};
use sn3_chain::explain;

fn mainnet() -> Vec<u8> {
    let file =
        std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/finney-spec365.scale.gz"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file.unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn development() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/metadata/devnet.scale")).unwrap()
}

#[test]
fn everything_used_is_equal_on_the_main_network_or_explained() {
    let report = report_of_bytes(&mainnet()).unwrap();
    let unexplained: Vec<_> = report.unexplained().collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let equal = report.lines.iter().filter(|line| line.verdict == Verdict::Equal).count();
    assert!(equal * 10 >= report.lines.len() * 8, "only {equal} of {} are equal", report.lines.len());
    // What makes weights possible there is equal; what is newer is named.
    let of = |kind, name| report.line(kind, name).unwrap().verdict;
    assert_eq!(of(Kind::Call, "SubtensorModule.commit_timelocked_weights"), Verdict::Equal);
    assert_eq!(of(Kind::Call, "Commitments.set_commitment"), Verdict::Equal);
    assert_eq!(of(Kind::Call, "SubtensorModule.register_limit"), Verdict::Missing);
    assert_eq!(of(Kind::Extension, "CheckMetadataHash"), Verdict::Equal);
}

#[test]
fn every_error_of_the_chains_own_pallets_is_explained() {
    for bytes in [mainnet(), development()] {
        for pallet in ["SubtensorModule", "Commitments", "AdminUtils", "Balances", "Sudo", "System"] {
            let names = error_names(&bytes, pallet).unwrap();
            assert!(!names.is_empty() || pallet == "System", "{pallet}");
            let missing: Vec<_> = names.iter().filter(|name| explain::error(name).is_none()).collect();
            assert!(missing.is_empty(), "{pallet}: {missing:?} have no explanation");
        }
    }
}

#[test]
fn nothing_is_explained_that_no_chain_says() {
    let pallets = ["SubtensorModule", "Commitments", "AdminUtils", "Balances", "Sudo", "System"];
    let names = |bytes: &[u8]| pallets.map(|pallet| error_names(bytes, pallet).unwrap());
    let known: Vec<String> =
        [names(&mainnet()), names(&development())].into_iter().flatten().flatten().collect();
    let unknown: Vec<_> =
        explain::known_errors().filter(|name| !known.iter().any(|known| known == name)).collect();
    assert!(unknown.is_empty(), "explained, but in no metadata: {unknown:?}");
}

/// Reading the main network's metadata must not hold up a start.
#[test]
fn metadata_is_read_in_a_moment() {
    let bytes = mainnet();
    let start = std::time::Instant::now();
    let report = report_of_bytes(&bytes).unwrap();
    let took = start.elapsed();
    assert!(!report.lines.is_empty());
    // Measured 20 ms with optimisation; this bound only tells a mistake from a slow machine.
    assert!(took.as_secs() < 10, "{took:?}");
}
