//! All cases, versions and penalties: the numbers of the report.

use rayon::prelude::*;
use serde::Serialize;

use super::chain::{Machine, Outcome, entry, params, to_f64};
use super::plan::{CASES, Case, Epoch, VALIDATORS};
use super::totals::{Total, totals};
use super::{CasesError, CasesOptions, Version};

/// One validator in one epoch. Bonds and weights are by server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValidatorResult {
    /// Stake in TAO.
    pub stake_tao: f64,
    /// Weights, which sum to one.
    pub weights: Vec<f64>,
    /// Bonds as the version keeps them.
    pub bonds: Vec<f64>,
    /// Bonds relative within each server.
    pub normalised_bonds: Vec<f64>,
    /// Share of the epoch's dividends.
    pub dividend: f64,
}

/// One epoch of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EpochResult {
    /// A, B and C.
    pub validators: Vec<ValidatorResult>,
    /// Share of the epoch's incentive by server.
    pub incentive: Vec<f64>,
}

/// A case under one version with one penalty.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseRun {
    /// The version.
    pub version: Version,
    /// Bonds penalty between 0 and 1.
    pub penalty: f64,
    /// All epochs.
    pub epochs: Vec<EpochResult>,
    /// Total dividends of A, B and C.
    pub totals: Vec<Total>,
}

/// A case under all versions and penalties that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseStudy {
    /// The case.
    pub case: &'static Case,
    /// Penalties in the order of the options, within each the versions.
    pub runs: Vec<CaseRun>,
}

impl CaseStudy {
    /// The run of a version at the first penalty.
    #[must_use]
    pub fn run(&self, version: Version) -> Option<&CaseRun> {
        self.runs.iter().find(|run| run.version == version)
    }

    /// The run of a version at a penalty.
    #[must_use]
    pub fn run_at(&self, version: Version, penalty: f64) -> Option<&CaseRun> {
        self.runs.iter().find(|run| run.version == version && run.penalty == penalty)
    }
}

/// The whole study.
#[derive(Clone, Debug, PartialEq)]
pub struct CasesStudy {
    /// What was asked for.
    pub options: CasesOptions,
    /// Cases in the order of the options.
    pub cases: Vec<CaseStudy>,
}

impl CasesStudy {
    /// A case by its number.
    #[must_use]
    pub fn case(&self, number: u8) -> Option<&CaseStudy> {
        self.cases.iter().find(|study| study.case.number == number)
    }
}

/// Runs all cases, versions and penalties; `progress` hears of finished cases and how many there are.
///
/// # Errors
/// If an option names a case that does not exist, a penalty out of range, nothing, or something twice.
pub fn run_cases(
    options: &CasesOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<CasesStudy, CasesError> {
    let cases = chosen(options)?;
    let total = cases.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let study = |case: &&'static Case| {
        let study = study(case, options);
        progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, total);
        study
    };
    Ok(CasesStudy { options: options.clone(), cases: cases.par_iter().map(study).collect() })
}

fn chosen(options: &CasesOptions) -> Result<Vec<&'static Case>, CasesError> {
    once("case", &options.cases, |number| number.to_string())?;
    once("version", &options.versions, |version| version.name().to_owned())?;
    once("bonds penalty", &options.penalties, |penalty| penalty.to_string())?;
    if let Some(penalty) = options.penalties.iter().find(|penalty| !(0.0..=1.0).contains(*penalty)) {
        return Err(CasesError::Penalty(*penalty));
    }
    if options.moving_average_millionths > 1_000_000 {
        return Err(CasesError::MovingAverage(options.moving_average_millionths));
    }
    let find = |number: &u8| CASES.iter().find(|case| case.number == *number);
    options.cases.iter().map(|number| find(number).ok_or(CasesError::UnknownCase(*number))).collect()
}

/// At least one, and none twice.
fn once<T: PartialEq>(
    what: &'static str,
    chosen: &[T],
    name: impl Fn(&T) -> String,
) -> Result<(), CasesError> {
    if chosen.is_empty() {
        return Err(CasesError::Nothing(what));
    }
    match chosen.iter().enumerate().find(|(i, item)| chosen[..*i].contains(item)) {
        Some((_, item)) => Err(CasesError::Twice(format!("{what} {}", name(item)))),
        None => Ok(()),
    }
}

fn study(case: &'static Case, options: &CasesOptions) -> CaseStudy {
    let epochs = case.epochs(options.seed);
    let pairs = options.penalties.iter().flat_map(|p| options.versions.iter().map(move |v| (*v, *p)));
    let runs = pairs.map(|(version, penalty)| run(case, &epochs, version, penalty, options)).collect();
    CaseStudy { case, runs }
}

fn run(case: &Case, plan: &[Epoch], version: Version, penalty: f64, options: &CasesOptions) -> CaseRun {
    let params = params(version, penalty, options.moving_average_millionths);
    let mut machine = Machine::new(version, params, case.servers, case.winner_by_rank());
    let resets = options.reset_all_versions || version == Version::Yuma2c;
    let mut epochs = Vec::with_capacity(plan.len());
    for (index, epoch) in plan.iter().enumerate() {
        if let Some(reset) = case.reset.filter(|reset| resets && reset.epoch == index) {
            machine.reset_bonds(reset.server);
        }
        epochs.push(result(epoch, &machine.step(epoch), case.servers));
    }
    let totals = totals(&epochs);
    CaseRun { version, penalty, epochs, totals }
}

fn result(epoch: &Epoch, outcome: &Outcome, servers: usize) -> EpochResult {
    let validator = |uid: usize| {
        let sum: f64 = epoch.weights[uid].iter().map(|w| f64::from(*w)).sum();
        let by_server = |of: &dyn Fn(usize) -> f64| (0..servers).map(of).collect();
        ValidatorResult {
            stake_tao: f64::from(epoch.stake_thousandths[uid]) * 1_000.0,
            weights: by_server(&|j| f64::from(epoch.weights[uid][j]) / sum),
            bonds: by_server(&|j| to_f64(entry(&outcome.bonds, uid, j))),
            normalised_bonds: by_server(&|j| to_f64(entry(&outcome.relative_bonds, uid, j))),
            dividend: to_f64(outcome.dividends[uid]),
        }
    };
    EpochResult {
        validators: (0..VALIDATORS).map(validator).collect(),
        incentive: outcome.incentive[VALIDATORS..].iter().map(|v| to_f64(*v)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(cases: &[u8]) -> CasesOptions {
        CasesOptions { cases: cases.to_vec(), ..CasesOptions::default() }
    }

    #[test]
    fn wrong_options_are_named() {
        let error = |options: &CasesOptions| run_cases(options, &|_, _| {}).unwrap_err().to_string();
        assert!(error(&options(&[23])).contains("no case 23"));
        assert!(error(&options(&[])).contains("no case was chosen"));
        assert!(error(&options(&[1, 1])).contains("case 1 was chosen twice"));
        let penalties = |penalties: &[f64]| CasesOptions { penalties: penalties.to_vec(), ..options(&[1]) };
        assert!(error(&penalties(&[1.5])).contains("1.5"));
        assert!(error(&penalties(&[f64::NAN])).contains("NaN"));
    }

    #[test]
    fn a_memory_beyond_all_is_named() {
        let options = CasesOptions { moving_average_millionths: 1_000_001, ..options(&[1]) };
        assert!(run_cases(&options, &|_, _| {}).unwrap_err().to_string().contains("1000001"));
    }

    #[test]
    fn shares_are_shares_in_every_epoch_of_every_version() {
        let study = run_cases(&options(&[2, 9, 11, 18, 20, 22]), &|_, _| {}).unwrap();
        for run in study.cases.iter().flat_map(|case| &case.runs) {
            for (index, epoch) in run.epochs.iter().enumerate() {
                let dividends: f64 = epoch.validators.iter().map(|v| v.dividend).sum();
                let incentive: f64 = epoch.incentive.iter().sum();
                assert!((dividends - 1.0).abs() < 1e-6, "{:?} {index}: {dividends}", run.version);
                assert!((incentive - 1.0).abs() < 1e-6, "{:?} {index}: {incentive}", run.version);
            }
        }
    }

    #[test]
    fn when_all_switch_together_nobody_gains() {
        let study = run_cases(&options(&[4]), &|_, _| {}).unwrap();
        for run in &study.cases[0].runs {
            let relative: Vec<f64> = run.totals.iter().filter_map(|total| total.relative_to_base).collect();
            assert!(relative.iter().all(|r| r.abs() < 1e-3), "{:?}: {relative:?}", run.version);
        }
    }

    #[test]
    fn the_discoverer_gains_by_yuma_2b_and_loses_by_yuma_2() {
        let study = run_cases(&options(&[2]), &|_, _| {}).unwrap();
        let gain = |version| study.cases[0].run(version).and_then(|run| run.totals[1].relative_to_base);
        assert!(gain(Version::Yuma2b) > gain(Version::Yuma2), "{:?}", study.cases[0].runs.len());
    }

    #[test]
    fn noise_depends_on_the_seed_alone() {
        let noisy = |seed| run_cases(&CasesOptions { seed, ..options(&[19]) }, &|_, _| {}).unwrap().cases;
        assert_eq!(noisy(1), noisy(1));
        assert_ne!(noisy(1), noisy(2));
    }
}
