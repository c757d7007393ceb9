//! The classic cases against the reference pallet's own outputs, bit for bit.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be read is a failed test")]

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sn3_simulator::cases::{CaseRun, CasesOptions, CasesStudy, Version, run_cases};

/// The golden scenarios lie with the crate whose arithmetic made them exact.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../emission/tests/vectors/scenario")
}

fn study(reset_all_versions: bool) -> CasesStudy {
    let options = CasesOptions {
        versions: vec![Version::Yuma2, Version::Yuma3, Version::Yuma3Liquid],
        penalties: vec![1.0],
        reset_all_versions,
        ..CasesOptions::default()
    };
    run_cases(&options, &|_, _| {}).unwrap()
}

fn read(path: &Path) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A share of 32 fraction bits is an exact double.
fn bits(share: f64) -> i64 {
    (share * 2f64.powi(32)) as i64
}

fn raw(values: &Value) -> Vec<i64> {
    values.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect()
}

fn compare(run: &CaseRun, golden: &Value, name: &str) {
    let steps = golden["steps"].as_array().unwrap();
    assert_eq!(steps.len(), run.epochs.len(), "{name}");
    for (index, (step, epoch)) in steps.iter().zip(&run.epochs).enumerate() {
        let expected = &step["out"]["mechanisms"][0]["raw_i32f32"];
        let dividends: Vec<i64> = epoch.validators.iter().map(|v| bits(v.dividend)).collect();
        let incentive: Vec<i64> = epoch.incentive.iter().map(|v| bits(*v)).collect();
        assert_eq!(dividends, raw(&expected["dividends"])[..3], "{name}, epoch {index}, dividends");
        assert_eq!(incentive, raw(&expected["incentive"])[3..], "{name}, epoch {index}, incentive");
        for (uid, validator) in epoch.validators.iter().enumerate() {
            let mut row = vec![0; incentive.len()];
            for entry in expected["ema_bonds"][uid].as_array().unwrap() {
                row[entry[0].as_u64().unwrap() as usize - 3] = entry[1].as_i64().unwrap();
            }
            let bonds: Vec<i64> = validator.bonds.iter().map(|b| bits(*b)).collect();
            assert_eq!(bonds, row, "{name}, epoch {index}, bonds of {uid}");
        }
    }
}

/// `case_05_yuma3_liquid_bp65535_reset` to its number, version, and whether it is reset.
fn parse(name: &str) -> (u8, Version, bool) {
    let version = match name {
        name if name.contains("yuma3_liquid") => Version::Yuma3Liquid,
        name if name.contains("yuma3") => Version::Yuma3,
        _ => Version::Yuma2,
    };
    (name[5..7].parse().unwrap(), version, name.ends_with("_reset"))
}

#[test]
fn cases_1_to_18_are_the_reference_bit_for_bit() {
    let studies = [study(false), study(true)];
    let mut compared = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json.gz") else {
            continue;
        };
        let (number, version, reset) = parse(name);
        let run = studies[usize::from(reset)].case(number).unwrap().run(version).unwrap();
        compare(run, &read(&path), name);
        compared += 1;
    }
    assert!(compared >= 54, "only {compared} golden scenarios were found");
}

#[test]
fn case_1_reproduces_the_published_dividends() {
    let study = study(false);
    let run = study.case(1).unwrap().run(Version::Yuma3Liquid).unwrap();
    let published = [
        [0.8, 0.1, 0.1],
        [1.0, 0.0, 0.0],
        [0.9382, 0.0618, 0.0],
        [0.8819, 0.0773, 0.0407],
        [0.8564, 0.0844, 0.0592],
        [0.8418, 0.0884, 0.0697],
    ];
    for (index, (epoch, published)) in run.epochs.iter().zip(published).enumerate() {
        for (validator, published) in epoch.validators.iter().zip(published) {
            assert!((validator.dividend - published).abs() <= 0.000_05, "epoch {index}: {validator:?}");
        }
    }
}

#[test]
fn threads_do_not_change_a_number() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run_cases(&CasesOptions::default(), &|_, _| {}).unwrap())
    };
    assert_eq!(with(1), with(7));
}
