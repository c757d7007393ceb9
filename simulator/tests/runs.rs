//! Whole runs: digests, threads, pause and resume, outputs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sn3_simulator::output::TableFormat;
use sn3_simulator::run::{Control, PROGRESS_BLOCKS, RunEnd, Simulation};
use sn3_simulator::scenario::{EXAMPLE, Format, Scenario};
use sn3_simulator::state::StateError;

fn example(blocks: u64) -> Scenario {
    Scenario { blocks, ..Scenario::parse(EXAMPLE, Format::Toml).unwrap() }
}

fn finished(scenario: &Scenario) -> Simulation {
    let mut simulation = Simulation::new(scenario).unwrap();
    assert_eq!(simulation.run(&mut |_| Control::Continue), RunEnd::Finished);
    simulation
}

#[test]
fn the_example_runs_to_its_end_and_everybody_does_what_it_says() {
    let simulation = finished(&example(1_440));
    let summary = simulation.summary();
    let earned = |name: &str| summary.group(name).unwrap().earned_alpha_rao;
    let known = ["AmountTooLow", "SubnetNotExists"];
    assert!(
        summary.refusals.iter().all(|(_, error, _)| known.contains(&error.as_str())),
        "{:?}",
        summary.refusals
    );
    assert!(earned("1/honest") > 0 && earned("1/steady") > 0 && earned("2/steady") > 0);
    assert!(earned("1/newcomer") > 0, "they joined at 300 and paid for it");
    assert!(summary.group("1/newcomer").unwrap().registration_cost_rao > 0);
    assert!(earned("1/friends") < earned("1/steady") / 20, "consensus clips the cabal's friends");
    assert!(summary.group("1/steady").unwrap().free_tao_change_rao > 0, "they sell");
    assert!(summary.actor("2/honest/0").unwrap().weights_set > 10, "committed and revealed");
    let subnet = simulation.subnet(sn3_protocol::NetUid(2)).unwrap();
    assert!(subnet.mechanisms[0].weights.iter().any(|row| !row.is_empty()), "reveals arrived");
}

#[test]
fn series_have_one_row_per_record_and_integers_add_up() {
    let simulation = finished(&example(200));
    let series = simulation.series();
    assert_eq!(series.global.len(), 11);
    assert_eq!(series.subnets.len(), 22);
    assert_eq!(series.groups.len(), 11 * simulation.world().cast.groups.len());
    let last = series.subnets.last().unwrap();
    assert_eq!(
        last.pool_tao,
        10_000_000_000_000 + last.tao_in + last.excess_tao,
        "nobody trades on subnet 2"
    );
    let first = series.global.first().unwrap();
    assert_eq!((first.block, first.issuance), (1, 10_800_000_000_000_000));
}

#[test]
fn digests_are_equal_with_one_two_and_seven_threads() {
    let digests = [1, 2, 7].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| finished(&example(400)).digest())
    });
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
    let other = finished(&Scenario { seed: 8, ..example(400) }).digest();
    assert_ne!(digests[0], other);
}

#[test]
fn half_save_load_half_is_the_same_as_straight_on() {
    let scenario = example(PROGRESS_BLOCKS + 100);
    let straight = finished(&scenario);
    let mut first = Simulation::new(&scenario).unwrap();
    let pause = &mut |at: sn3_simulator::run::Progress| {
        if at.done >= PROGRESS_BLOCKS / 2 { Control::Pause } else { Control::Continue }
    };
    assert_eq!(first.run(pause), RunEnd::Paused);
    assert_eq!(first.done(), PROGRESS_BLOCKS, "the callback is asked between rows of blocks");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.state");
    first.save(&path).unwrap();
    drop(first);
    let mut second = Simulation::resume(&path).unwrap();
    assert_eq!(second.run(&mut |_| Control::Continue), RunEnd::Finished);
    assert_eq!(second.digest(), straight.digest());
    assert_eq!(second.summary(), straight.summary());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written is left");
}

#[test]
fn damaged_state_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.state");
    Simulation::new(&example(50)).unwrap().save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let error = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Simulation::resume(&path).unwrap_err()
    };
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(matches!(error(&flipped), StateError::Damaged { what, .. } if what.contains("checksum")));
    assert!(matches!(error(&good[..good.len() - 1]), StateError::Damaged { .. }));
    assert!(matches!(error(&good[..20]), StateError::Damaged { .. }));
    assert!(matches!(error(b"something else"), StateError::NotAState { .. }));
    let mut newer = good;
    newer[8] = 99;
    assert!(matches!(error(&newer), StateError::Version { found: 99, .. }));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Simulation::resume(&path).unwrap_err(), StateError::File { .. }));
}

#[test]
fn outputs_hold_the_series_in_every_format() {
    let simulation = finished(&example(100));
    let folder = tempfile::tempdir().unwrap();
    let files = simulation.write(folder.path(), &TableFormat::ALL).unwrap();
    assert_eq!(files.len(), 3 * 3 + 2);
    let csv = std::fs::read_to_string(folder.path().join("subnets.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + simulation.series().subnets.len());
    let groups = std::fs::read_to_string(folder.path().join("groups.csv")).unwrap();
    assert!(groups.starts_with("name,kind,block,group,neurons,permits,incentive,"));
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["digest"], simulation.digest().to_string());
    let again = std::fs::read_to_string(folder.path().join("scenario.json")).unwrap();
    let again = Scenario::parse(&again, Format::Json).unwrap();
    assert_eq!(again, *simulation.scenario());
}

#[test]
fn blocks_stepped_together_are_the_blocks_stepped_one_by_one() {
    let scenario = example(700);
    let together = finished(&scenario);
    let mut single = Simulation::new(&scenario).unwrap();
    while single.done() < scenario.blocks {
        single.step();
    }
    assert_eq!(single.digest(), together.digest());
}
