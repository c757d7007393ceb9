//! Compares a file of runtime metadata with what this program uses.
//!
//! `cargo run -p sn3-chain --example compat -- METADATA.scale`

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::process::ExitCode;

use sn3_chain::compat::{CompatLine, Verdict, report_of_bytes};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give a file of metadata")?;
    let report = report_of_bytes(&std::fs::read(path)?)?;
    report.lines.iter().for_each(show);
    let (all, unequal) = (report.lines.len(), report.differences().count());
    let unexplained = report.unexplained().count();
    println!("{} of {all} equal, {unequal} not, {unexplained} of them unexplained", all - unequal);
    Ok(if unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(line: &CompatLine) {
    let kind = format!("{:?}", line.kind).to_lowercase();
    match line.verdict {
        Verdict::Equal => println!("equal      {kind:9} {}", line.name),
        Verdict::Missing => {
            let why = line.explanation.as_deref().unwrap_or("unexplained");
            println!("MISSING    {kind:9} {}: needed for {}; {why}", line.name, line.used_for);
        }
        Verdict::Different => {
            let found = line.found.as_deref().unwrap_or_default();
            println!("DIFFERENT  {kind:9} {}\n    here  {}\n    there {found}", line.name, line.expected);
        }
    }
}
