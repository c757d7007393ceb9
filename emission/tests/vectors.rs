//! The crate against a representative part of the golden vectors, bit for bit.

use std::path::Path;

#[path = "../examples/vectors/check.rs"]
mod check;

fn agrees(kind: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(kind);
    let report = check::run_folder(&dir).expect("the vectors are part of the repository");
    assert!(report.passed(), "{report}");
}

#[test]
fn helpers_agree_bit_for_bit() {
    agrees("math");
}

#[test]
fn epochs_agree_bit_for_bit() {
    agrees("epoch");
}

#[test]
fn scenarios_agree_bit_for_bit() {
    agrees("scenario");
}

#[test]
fn swaps_agree_bit_for_bit() {
    agrees("swap");
}

#[test]
fn chains_agree_bit_for_bit() {
    agrees("coinbase");
}

#[test]
fn a_changed_vector_is_noticed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/nothing-here");
    assert!(check::run_folder(&dir).is_err(), "a missing folder must not pass");
    assert!(!check::Report::default().passed(), "an empty run must not pass");
}
