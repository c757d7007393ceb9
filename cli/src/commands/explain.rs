//! `sn3 explain NAME`: what an error of the chain means, and what to do.

use serde::Serialize;
use sn3_chain::explain;

use crate::args::ExplainArgs;
use crate::exit::{CliError, Exit};
use crate::output::Output;

#[derive(Serialize)]
struct Explained<'a> {
    name: &'a str,
    meaning: &'a str,
}

/// Prints the explanation of an error name, or of a pool's custom code.
pub fn run(args: &ExplainArgs, output: &Output) -> Result<(), CliError> {
    let name = args.name.as_str();
    let meaning = name.parse().ok().and_then(explain::custom_code).or_else(|| explain::error(name));
    let Some(meaning) = meaning else {
        return Err(CliError::new(Exit::Usage, unknown(name)));
    };
    output.result(format_args!("{name}: {meaning}"));
    output.event("explanation", &Explained { name, meaning });
    Ok(())
}

fn unknown(name: &str) -> String {
    let lower = name.to_lowercase();
    let near: Vec<&str> =
        explain::known_errors().filter(|known| known.to_lowercase().contains(&lower)).take(5).collect();
    match near.as_slice() {
        [] => format!(
            "no error of the chain is called {name:?}; names look like NotEnoughStakeToSetWeights, codes are 0 to 255"
        ),
        near => format!("no error of the chain is called {name:?}; did you mean {}?", near.join(", ")),
    }
}
