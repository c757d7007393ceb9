//! Bad input at every entrance: one line that names the value and the remedy, and a stable exit code.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

const DATA: i32 = 3;
const USAGE: i32 = 2;
const NETWORK: i32 = 4;
const WALLET: i32 = 5;

fn sn3(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sn3")).args(args).current_dir(dir).output().expect("the binary runs")
}

fn fails(args: &[&str], code: i32, names: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    fails_in(dir.path(), args, code, names);
}

fn fails_in(dir: &Path, args: &[&str], code: i32, names: &str) {
    let output = sn3(dir, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(errors.len(), 1, "{args:?}: {stderr}");
    assert!(errors[0].contains(names), "{args:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{args:?} printed a result");
}

#[test]
fn data_that_is_not_there_or_empty() {
    fails(&["localnet", "--data", "no/such/file"], DATA, "no/such/file");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("empty.txt"), b"").unwrap();
    fails_in(dir.path(), &["localnet", "--data", "empty.txt", "--cache", "cache"], DATA, "empty.txt");
}

#[test]
fn a_preset_that_nobody_knows() {
    fails(&["localnet", "--preset", "13b"], USAGE, "13b");
}

#[test]
fn a_port_that_is_taken() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    fails(&["devnet", "--port", &port], NETWORK, &port);
}

#[test]
fn an_endpoint_that_nobody_answers_at() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("ws://127.0.0.1:{free}");
    fails(&["scaffold", "--endpoint", &url, "--wallet-path", "wallets"], NETWORK, &url);
}

#[test]
fn a_wallet_that_is_not_there() {
    let args = ["miner", "run", "--wallet", "nobody", "--wallet-path", "w", "--store", "s", "--state", "t"];
    fails(&args, WALLET, "nobody");
}

#[test]
fn a_password_file_that_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), b"\n").unwrap();
    let args = ["wallet", "create", "--wallet-path", "w", "--password-file", "password"];
    fails_in(dir.path(), &args, WALLET, "password");
}

#[test]
fn an_output_folder_of_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("thesis")).unwrap();
    std::fs::write(dir.path().join("thesis/chapter-1"), b"x").unwrap();
    fails_in(dir.path(), &["localnet", "--out", "thesis"], USAGE, "thesis");
    assert!(dir.path().join("thesis/chapter-1").exists());
}
