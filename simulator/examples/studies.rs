//! Runs the studies, writes their pages into a folder, and says how long each took and how large it became:
//! `cargo run --release -p sn3-simulator --example studies -- DIR [cases] [consensus] [full] [attacks] [run]`.
#![allow(clippy::print_stdout, reason = "an example whose output is its result")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use sn3_report::Report;
use sn3_simulator::attacks::{AttacksOptions, run_attacks};
use sn3_simulator::cases::{CasesOptions, cases_csv, run_cases};
use sn3_simulator::consensus::{ConsensusOptions, run_consensus};
use sn3_simulator::diff::compare;
use sn3_simulator::page::{attacks_page, cases_page, consensus_page, diff_page, run_page, sweep_page};
use sn3_simulator::run::{Control, Simulation};
use sn3_simulator::scenario::{EXAMPLE, Format, Scenario, SpecChoice};
use sn3_simulator::sweep::Sweep;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("name a folder for the pages")?);
    let studies = &arguments[1..];
    let wanted = |name: &str| studies.is_empty() || studies.iter().any(|study| study == name);
    std::fs::create_dir_all(&folder)?;
    if wanted("cases") {
        cases(&folder)?;
    }
    if wanted("consensus") {
        consensus(&folder, studies.iter().any(|study| study == "full"))?;
    }
    if wanted("attacks") {
        attacks(&folder)?;
    }
    if wanted("run") {
        example(&folder)?;
    }
    Ok(())
}

/// The example scenario: a run, a sweep of it, and two versions of the rules on it.
fn example(folder: &Path) -> Result<(), Failure> {
    let scenario = Scenario::parse(EXAMPLE, Format::Toml)?;
    let start = Instant::now();
    let mut simulation = Simulation::new(&scenario)?;
    simulation.run(&mut |_| Control::Continue);
    write(folder, "run", &run_page(&simulation), start)?;
    let start = Instant::now();
    let sweep = Sweep { axes: vec!["globals.tao_weight=0.05..0.5:6".parse()?], seeds: 8 };
    write(folder, "sweep", &sweep_page(&sweep.run(&scenario, &|_| Control::Continue)?), start)?;
    let specs = [SpecChoice::Version(425), SpecChoice::Version(440)];
    let compared =
        compare(&scenario, specs, &|_, _| Control::Continue)?.ok_or("the comparison was paused")?;
    write(folder, "diff", &diff_page(&compared), start)
}

fn attacks(folder: &Path) -> Result<(), Failure> {
    let start = Instant::now();
    let study = run_attacks(&AttacksOptions::default(), &|_, _| {})?;
    println!("attacks: {} pairs in {:.2?}", study.outcomes.len(), start.elapsed());
    for o in &study.outcomes {
        let tao = |rao: i64| rao as f64 / 1e9;
        println!(
            "{:30} cost {:10.4} gain {:12.6} ({:?}) honest loss {:12.6} {}",
            o.attack.name,
            tao(o.cost_rao),
            tao(o.gain_rao),
            o.gain_share(),
            tao(o.honest_loss_rao),
            o.pays()
        );
    }
    write(folder, "attacks", &attacks_page(&study), start)
}

fn cases(folder: &Path) -> Result<(), Failure> {
    let start = Instant::now();
    let study = run_cases(&CasesOptions::default(), &|_, _| {})?;
    println!(
        "cases: {} runs in {:.2?}",
        study.cases.iter().map(|case| case.runs.len()).sum::<usize>(),
        start.elapsed()
    );
    write(folder, "cases", &cases_page(&study), start)?;
    std::fs::write(folder.join("cases.csv"), cases_csv(&study)?)?;
    println!("cases: page and data in {:.2?}", start.elapsed());
    Ok(())
}

fn consensus(folder: &Path, full: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let options = if full { ConsensusOptions::full() } else { ConsensusOptions::quick() };
    let study = run_consensus(&options, &|_, _| {})?;
    println!("consensus: {0} × {0} in {1:.2?}", options.steps, start.elapsed());
    for c in study.comparisons() {
        println!(
            "({}) {:60} published {:?} ours {:.3?} {:?}",
            c.figure, c.statement, c.published, c.ours, c.reproduces
        );
    }
    write(folder, "consensus", &consensus_page(&study)?, start)
}

fn write(folder: &Path, name: &str, page: &Report, start: Instant) -> Result<(), Failure> {
    let path = folder.join(name).with_extension("html");
    page.write_atomic(&path)?;
    println!("{}: {} bytes after {:.2?}", path.display(), path.metadata()?.len(), start.elapsed());
    Ok(())
}
