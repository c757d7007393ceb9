//! `sn3 emission new`: a commented example to start from.

use serde::Serialize;
use sn3_simulator::output::write_atomic;
use sn3_simulator::scenario::EXAMPLE;

use crate::args::emission::EmissionNewArgs;
use crate::exit::{CliError, Exit};
use crate::output::Output;

#[derive(Serialize)]
struct Written<'a> {
    file: &'a std::path::Path,
}

/// Writes the example; never over a file that is there.
pub fn run(args: &EmissionNewArgs, output: &Output) -> Result<(), CliError> {
    let shown = args.file.display();
    if args.file.exists() {
        let message = format!("{shown} exists already and was not touched; name another file");
        return Err(CliError::new(Exit::Usage, message));
    }
    write_atomic(&args.file, EXAMPLE.as_bytes()).map_err(|error| {
        CliError::new(Exit::Data, format!("cannot write {shown}: {error}; name another place"))
    })?;
    output.result(format_args!("wrote {shown}; run it with: sn3 emission run {shown}"));
    output.event("scenario", &Written { file: &args.file });
    Ok(())
}
