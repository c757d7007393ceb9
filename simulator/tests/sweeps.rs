//! Sweeps and comparisons of specs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sn3_simulator::diff::compare;
use sn3_simulator::output::TableFormat;
use sn3_simulator::run::Control;
use sn3_simulator::scenario::{Format, Scenario, SpecChoice};
use sn3_simulator::sweep::{Axis, Sweep, SweepError, SweepResult};

const CABAL: &str = r#"
name = "cabal"
blocks = 60
seed = 3
[[subnets]]
netuid = 1
hyperparameters = { tempo = 20, commit_reveal_enabled = false, weights_rate_limit_blocks = 0 }
[[subnets.validators]]
name = "honest"
count = 3
stake = 1000
behaviour = { follow = { sigma = 0.2 } }
[[subnets.validators]]
name = "cabal"
stake = 1000
behaviour = { collude = { with = "friends" } }
[[subnets.miners]]
name = "good"
count = 4
quality = 0.8
[[subnets.miners]]
name = "friends"
quality = 0.0
"#;

fn swept(threads: usize) -> SweepResult {
    let axis: Axis = "subnets.0.validators.1.stake=1000..9000:3".parse().unwrap();
    let sweep = Sweep { axes: vec![axis], seeds: 5 };
    let scenario = Scenario::parse(CABAL, Format::Toml).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| sweep.run(&scenario, &|_| Control::Continue)).unwrap()
}

#[test]
fn a_cabal_with_a_majority_pays_its_friends() {
    let result = swept(2);
    assert_eq!(result.points.len(), 3);
    let shares: Vec<f64> =
        result.of_metric("group/1/friends/earned_share").unwrap().map(|(_, b)| b.mean).collect();
    assert!(shares[0] < 0.01 && shares[2] > 0.3, "{shares:?}");
    let (point, bands) = result.of_metric("group/1/honest/earned_alpha_rao").unwrap().next().unwrap();
    assert_eq!((point.values.as_slice(), bands.runs), (&["1000".to_owned()][..], 5));
    assert!(bands.min <= bands.p5 && bands.p5 <= bands.median && bands.median <= bands.p95);
    assert_eq!(point.digests.len(), 5);
}

#[test]
fn sweeps_are_equal_on_any_number_of_threads() {
    let (one, seven) = (swept(1), swept(7));
    assert_eq!(one, seven);
    let folder = tempfile::tempdir().unwrap();
    one.write(folder.path(), &[TableFormat::Csv, TableFormat::Parquet]).unwrap();
    let csv = std::fs::read_to_string(folder.path().join("sweep.csv")).unwrap();
    assert!(csv.starts_with(
        "subnets.0.validators.1.stake,metric,runs,mean,median,p5,p95,min,max\n1000,group/1/owner/"
    ));
}

#[test]
fn wrong_sweeps_are_refused_before_anything_runs() {
    let scenario = Scenario::parse(CABAL, Format::Toml).unwrap();
    let run = |axes: &[&str], seeds| {
        let axes = axes.iter().map(|text| text.parse().unwrap()).collect();
        Sweep { axes, seeds }.run(&scenario, &|_| Control::Continue).unwrap_err()
    };
    assert!(matches!(run(&[], 0), SweepError::NoSeeds));
    assert!(matches!(run(&["seed=1..9000:9000", "blocks=1..9000:9000"], 2), SweepError::TooLarge { .. }));
    let message = run(&["blocks=10,0"], 1).to_string();
    assert_eq!(message, "point blocks=0: blocks is zero; use at least 1");
    let message = run(&["subnets.0.hyperparameters.kapa=1,2"], 1).to_string();
    assert!(message.contains("unknown key `kapa`; did you mean `kappa`?"), "{message}");
    assert!(matches!(run(&["subnets.4.netuid=1,2"], 1), SweepError::Axis(_)));
    let stop = Sweep { axes: vec![], seeds: 40 }.run(&scenario, &|_| Control::Pause);
    assert!(matches!(stop, Err(SweepError::Stopped)));
}

#[test]
fn a_diff_says_who_gains_and_a_spec_does_not_differ_from_itself() {
    let mut text = CABAL.replace("netuid = 1\n", "netuid = 1\ncount = 3\n");
    text.push_str("\n[[events]]\nat = 1\ndo = { price_shock = { netuid = 2, factor = 3.0 } }\n");
    let scenario = Scenario::parse(&text, Format::Toml).unwrap();
    let specs = |a, b| [SpecChoice::Version(a), SpecChoice::Version(b)];
    let run = |a, b| compare(&scenario, specs(a, b), &|_, _| Control::Continue).unwrap().unwrap();
    let same = run(425, 425);
    assert!(same.ranked().is_empty() && same.rules.is_empty());
    assert_eq!(same.digests[0], same.digests[1]);
    let old = run(425, 411);
    assert!(!old.rules.is_empty());
    assert!(old.ranked().iter().any(|change| change.who.starts_with("subnet")), "{:?}", old.changes);
    assert!(compare(&scenario, specs(425, 9), &|_, _| Control::Continue).is_err());
}
