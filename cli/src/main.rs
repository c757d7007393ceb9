//! The one binary: see `sn3 --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sn3::run()
}
