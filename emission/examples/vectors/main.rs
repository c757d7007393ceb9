//! Runs every golden vector file in a folder and prints counts per kind and every mismatch.
//!
//! `cargo run --release -p sn3-emission --example vectors -- DIR`

use std::path::PathBuf;
use std::process::ExitCode;

#[path = "check.rs"]
mod check;

#[allow(clippy::print_stdout, clippy::print_stderr)]
fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: vectors DIR   (a folder with .json.gz vector files, in any depth)");
        return ExitCode::from(2);
    };
    match check::run_folder(&dir) {
        Ok(report) => {
            print!("{report}");
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("cannot read the vectors in {}: {error}", dir.display());
            ExitCode::from(2)
        }
    }
}
