//! The pages in a real browser: they draw their charts, and the browser has nothing to complain about.
#![allow(clippy::unwrap_used, reason = "a browser that cannot be driven is a failed test")]
#![allow(clippy::print_stdout, reason = "a test that opened nothing says so")]

use std::path::Path;
use std::process::Command;

use sn3_report::Report;
use sn3_simulator::attacks::{AttacksOptions, run_attacks};
use sn3_simulator::cases::{CasesOptions, run_cases};
use sn3_simulator::consensus::{ConsensusOptions, run_consensus};
use sn3_simulator::diff::compare;
use sn3_simulator::page::{attacks_page, cases_page, consensus_page, diff_page, run_page, sweep_page};
use sn3_simulator::run::{Control, Simulation};
use sn3_simulator::scenario::{EXAMPLE, Format, Scenario, SpecChoice};
use sn3_simulator::sweep::Sweep;

/// Largest page in bytes.
const BYTES_MAX: usize = 2 << 20;
/// A picture of an empty page is smaller than this.
const PICTURE_BYTES_MIN: u64 = 20_000;

fn browser() -> Option<&'static str> {
    let works =
        |program: &&str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(works)
}

/// Opens a page and checks its picture and what the browser says about it. A page's policy forbids every request,
/// so that one that tried would be among the complaints.
fn open(name: &str, page: &Report) {
    let html = page.html();
    assert!(html.len() <= BYTES_MAX, "{name}: {} bytes", html.len());
    let Some(chromium) = browser() else {
        println!("no Chromium found; {name} was not opened in a browser");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name).with_extension("html");
    page.write_atomic(&path).unwrap();
    let picture = folder.path().join("page.png");
    let output = run(chromium, folder.path(), &path, &[&format!("--screenshot={}", picture.display())]);
    assert!(output.status.success(), "{name}");
    assert!(picture.metadata().unwrap().len() > PICTURE_BYTES_MIN, "{name} is empty");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{name}: {complaints:?}");
    let dom = run(chromium, folder.path(), &path, &["--dump-dom"]);
    let dom = String::from_utf8_lossy(&dom.stdout).into_owned();
    assert_eq!(dom.matches("<svg").count(), html.matches("<svg").count(), "{name}: charts are missing");
}

fn run(chromium: &str, folder: &Path, page: &Path, more: &[&str]) -> std::process::Output {
    Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--window-size=1200,2400", "--virtual-time-budget=1000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(more)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap()
}

#[test]
fn cases_open_in_a_browser() {
    open("cases", &cases_page(&run_cases(&CasesOptions::default(), &|_, _| {}).unwrap()));
}

#[test]
fn consensus_opens_in_a_browser() {
    let options = ConsensusOptions { steps: 6, nodes: 128, validators: 24, ..ConsensusOptions::quick() };
    open("consensus", &consensus_page(&run_consensus(&options, &|_, _| {}).unwrap()).unwrap());
}

#[test]
fn attacks_open_in_a_browser() {
    let options = AttacksOptions { blocks: Some(1_440), ..AttacksOptions::default() };
    open("attacks", &attacks_page(&run_attacks(&options, &|_, _| {}).unwrap()));
}

#[test]
fn a_run_opens_in_a_browser() {
    let mut simulation = Simulation::new(&Scenario::parse(EXAMPLE, Format::Toml).unwrap()).unwrap();
    simulation.run(&mut |_| Control::Continue);
    open("run", &run_page(&simulation));
}

#[test]
fn a_sweep_and_a_comparison_open_in_a_browser() {
    let mut scenario = Scenario::parse(EXAMPLE, Format::Toml).unwrap();
    scenario.blocks = 300;
    let axes = vec!["globals.tao_weight=0.05..0.5:4".parse().unwrap()];
    let swept = Sweep { axes, seeds: 4 }.run(&scenario, &|_| Control::Continue).unwrap();
    open("sweep", &sweep_page(&swept));
    let specs = [SpecChoice::Version(425), SpecChoice::Version(440)];
    let compared = compare(&scenario, specs, &|_, _| Control::Continue).unwrap().unwrap();
    open("diff", &diff_page(&compared));
}
