//! `sn3 emission rules`: what a runtime version does, and how that is known.

use serde::Serialize;
use sn3_emission::spec::{Difference, RuleNote, RuntimeSpec};

use crate::args::emission::EmissionRulesArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

#[derive(Serialize)]
struct Rules {
    spec: u32,
    rules: Vec<RuleNote>,
}

#[derive(Serialize)]
struct Differences {
    a: u32,
    b: u32,
    differences: Vec<Difference>,
}

/// Prints the rules of a version, or what differs between two.
pub fn run(args: &EmissionRulesArgs, output: &Output) -> Result<(), CliError> {
    let spec = RuntimeSpec::at_version(args.spec).or_exit(Exit::Usage)?;
    match args.against {
        None => show(args.spec, spec.notes(), output),
        Some(other) => {
            let other_spec = RuntimeSpec::at_version(other).or_exit(Exit::Usage)?;
            compare(args.spec, other, RuntimeSpec::differences(&spec, &other_spec), output);
        }
    }
    Ok(())
}

fn show(spec: u32, rules: Vec<RuleNote>, output: &Output) {
    for note in &rules {
        output.result(format_args!("{}\n  {}", note.topic, line(note)));
    }
    output.event("rules", &Rules { spec, rules });
}

fn compare(a: u32, b: u32, differences: Vec<Difference>, output: &Output) {
    if differences.is_empty() {
        output.result(format_args!("{a} and {b} have the same rules"));
    }
    for difference in &differences {
        output.result(difference.topic);
        output.result(format_args!("  {a}: {}", line(&difference.a)));
        output.result(format_args!("  {b}: {}", line(&difference.b)));
    }
    output.event("differences", &Differences { a, b, differences });
}

fn line(note: &RuleNote) -> String {
    format!("{} [{}; {}]", note.rule, note.certainty.name(), note.source)
}
