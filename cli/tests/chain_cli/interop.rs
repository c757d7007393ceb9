//! Wallets of the official package open here, and ours there.

use std::process::Command;

/// Names a Python that has the official package; `python3` otherwise.
const PYTHON: &str = "SN3_PYTHON";

#[test]
fn wallets_open_in_both_directions() {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".into());
    let import = Command::new(&python).args(["-c", "import bittensor.wallet"]).output();
    if !import.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no bittensor package; set {PYTHON} to one that has");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/wallets.py");
    let output = Command::new(&python).args([script, env!("CARGO_BIN_EXE_sn3")]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("0 steps failed"), "{text}");
}
