//! The study as CSV and JSON.

use serde_json::{Value, json};

use super::plan::SERVERS_MAX;
use super::study::{CaseRun, CaseStudy, CasesStudy, EpochResult};

const VALIDATOR_NAMES: [&str; 3] = ["A", "B", "C"];

/// One line for each case, version, penalty, epoch and validator. Weights, bonds, normalised bonds and incentive
/// have a column for each server, empty where a case has no third one.
///
/// # Errors
/// If the text cannot be assembled, which only memory prevents.
pub fn cases_csv(study: &CasesStudy) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(header())?;
    for case in &study.cases {
        for run in &case.runs {
            write_run(&mut out, case, run)?;
        }
    }
    let bytes = out.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn header() -> Vec<String> {
    let fixed = ["case", "name", "version", "penalty", "epoch", "validator", "stake_tao", "dividend"];
    let by_server = ["weight", "bond", "normalised_bond", "incentive"];
    let numbered = by_server.iter().flat_map(|name| (1..=SERVERS_MAX).map(move |j| format!("{name}_{j}")));
    fixed.iter().map(|name| (*name).to_owned()).chain(numbered).collect()
}

fn write_run(out: &mut csv::Writer<Vec<u8>>, case: &CaseStudy, run: &CaseRun) -> Result<(), csv::Error> {
    for (index, epoch) in run.epochs.iter().enumerate() {
        for uid in 0..epoch.validators.len() {
            out.write_record(record(case, run, index, epoch, uid))?;
        }
    }
    Ok(())
}

fn record(case: &CaseStudy, run: &CaseRun, index: usize, epoch: &EpochResult, uid: usize) -> Vec<String> {
    let validator = &epoch.validators[uid];
    let mut record = vec![
        case.case.number.to_string(),
        case.case.name.to_owned(),
        run.version.name().to_owned(),
        run.penalty.to_string(),
        index.to_string(),
        VALIDATOR_NAMES[uid].to_owned(),
        validator.stake_tao.to_string(),
        decimal(validator.dividend),
    ];
    for values in [&validator.weights, &validator.bonds, &validator.normalised_bonds, &epoch.incentive] {
        record.extend((0..SERVERS_MAX).map(|j| values.get(j).map_or_else(String::new, |v| decimal(*v))));
    }
    record
}

/// Nine decimals, which is finer than 32 fraction bits resolve a share.
fn decimal(value: f64) -> String {
    format!("{value:.9}")
}

/// Everything, with a version of the format: cases, their runs, epochs and totals.
#[must_use]
pub fn cases_json(study: &CasesStudy) -> Value {
    let cases: Vec<Value> = study.cases.iter().map(case_json).collect();
    json!({ "v": 1, "seed": study.options.seed, "epochs": super::EPOCHS, "cases": cases })
}

fn case_json(study: &CaseStudy) -> Value {
    let case = study.case;
    json!({
        "case": case.number,
        "name": case.name,
        "story": case.story,
        "servers": case.servers,
        "bonds_reset": case.reset,
        "noisy": case.is_noisy(),
        "runs": study.runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CasesOptions, Version, run_cases};

    fn small() -> CasesStudy {
        let options = CasesOptions {
            cases: vec![1, 15],
            versions: vec![Version::Yuma2],
            penalties: vec![1.0],
            ..CasesOptions::default()
        };
        run_cases(&options, &|_, _| {}).unwrap()
    }

    #[test]
    fn csv_has_a_line_for_each_validator_and_epoch() {
        let csv = cases_csv(&small()).unwrap();
        let mut lines = csv.lines();
        assert!(lines.next().unwrap().ends_with("incentive_1,incentive_2,incentive_3"));
        assert_eq!(lines.count(), 2 * 40 * 3);
        let first = "1,Big validator moves first,Yuma 2,1,0,A,800000,0.800000004,1.000000000,0.000000000,,";
        assert!(csv.lines().nth(1).unwrap().starts_with(first), "{}", csv.lines().nth(1).unwrap());
    }

    #[test]
    fn json_can_be_read_back() {
        let text = cases_json(&small()).to_string();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["cases"][1]["runs"][0]["epochs"].as_array().unwrap().len(), 40);
        assert_eq!(value["cases"][0]["runs"][0]["version"], "Yuma2");
    }
}
