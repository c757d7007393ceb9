//! Maps of the honest shares over both self-weights.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sn3_report::{Field, FieldError};

use super::network::{Network, Teams};
use super::{ConsensusError, ConsensusOptions};

/// The rules of a map. The validators' emission ratio is no part of it, since one map serves every ratio.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Setting {
    /// Standard deviation of weights relative to their mean.
    pub deviation: f64,
    /// Majority, between 0 and 1.
    pub kappa: f64,
    /// Bonds penalty, between 0 and 1.
    pub penalty: f64,
    /// Yuma 3 instead of Yuma 2.
    pub yuma3: bool,
}

impl Setting {
    /// The published study's defaults: deviation 0.4, majority 0.5, full penalty, Yuma 2.
    pub const BASE: Self = Self { deviation: 0.4, kappa: 0.5, penalty: 1.0, yuma3: false };

    /// Every map that the figures need, the base first.
    pub const ALL: [Self; 8] = [
        Self::BASE,
        Self { deviation: 0.0, ..Self::BASE },
        Self { deviation: 0.2, ..Self::BASE },
        Self { kappa: 0.4, ..Self::BASE },
        Self { kappa: 0.6, ..Self::BASE },
        Self { penalty: 0.0, ..Self::BASE },
        Self { penalty: 0.5, ..Self::BASE },
        Self { yuma3: true, ..Self::BASE },
    ];
}

/// Honest shares at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapPoint {
    /// Share of the dividends.
    pub dividends: f64,
    /// Share of the incentive.
    pub incentive: f64,
}

impl MapPoint {
    /// Honest emission when validators get `validator_share` of it.
    #[must_use]
    pub fn emission(&self, validator_share: f64) -> f64 {
        validator_share * self.dividends + (1.0 - validator_share) * self.incentive
    }
}

/// One setting's map for each honest stake.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionMap {
    /// The rules.
    pub setting: Setting,
    /// Honest stakes, ascending.
    pub honest_stakes: Vec<f64>,
    /// Measured relative deviation of the weights, for each honest stake.
    pub weight_deviation: Vec<f64>,
    /// Grid steps in each direction.
    pub steps: usize,
    /// By honest stake, within it by `W_C`, within it by `W_H`.
    points: Vec<MapPoint>,
}

impl RetentionMap {
    /// The point of a stake at grid positions of `W_H` and `W_C`.
    #[must_use]
    pub fn point(&self, stake: usize, honest: usize, cabal: usize) -> MapPoint {
        self.points[(stake * self.steps + cabal) * self.steps + honest]
    }

    /// The self-weight at a grid position.
    #[must_use]
    pub fn weight(&self, position: usize) -> f64 {
        position as f64 / (self.steps - 1) as f64
    }

    /// `E_H` of one honest stake as a field over `W_H` and `W_C`.
    ///
    /// # Errors
    /// Never for a map of [`run_consensus`], whose grid ascends.
    pub fn field(&self, stake: usize, validator_share: f64) -> Result<Field, FieldError> {
        let at: Vec<f64> = (0..self.steps).map(|i| self.weight(i)).collect();
        let values = (0..self.steps).flat_map(|c| (0..self.steps).map(move |h| (h, c)));
        let values = values.map(|(h, c)| self.point(stake, h, c).emission(validator_share)).collect();
        Field::new(at.clone(), at, values)
    }

    /// The least `W_H` from which on honest stake is retained whatever the cabal's self-weight; none if even
    /// `W_H = 1` does not retain it. Linear between grid points.
    #[must_use]
    pub fn required_utility(&self, stake: usize, validator_share: f64) -> Option<f64> {
        let needed = (0..self.steps).map(|cabal| self.required_against(stake, cabal, validator_share));
        needed.reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    /// The least `W_H` against one self-weight of the cabal.
    fn required_against(&self, stake: usize, cabal: usize, validator_share: f64) -> Option<f64> {
        let target = self.honest_stakes[stake];
        let surplus = |honest: usize| self.point(stake, honest, cabal).emission(validator_share) - target;
        let last_short = (0..self.steps).rev().find(|honest| surplus(*honest) < 0.0);
        match last_short {
            None => Some(0.0),
            Some(honest) if honest + 1 == self.steps => None,
            Some(honest) => {
                let (below, above) = (surplus(honest), surplus(honest + 1));
                let step = 1.0 / (self.steps - 1) as f64;
                Some(self.weight(honest) + step * below / (below - above))
            }
        }
    }
}

/// All maps.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsensusStudy {
    /// What was asked for.
    pub options: ConsensusOptions,
    /// One map for each of [`Setting::ALL`], in that order.
    pub maps: Vec<RetentionMap>,
}

impl ConsensusStudy {
    /// The map of a setting.
    #[must_use]
    pub fn map(&self, setting: Setting) -> Option<&RetentionMap> {
        self.maps.iter().find(|map| map.setting == setting)
    }

    /// The position of an honest stake in every map.
    #[must_use]
    pub fn stake_index(&self, honest_stake: f64) -> Option<usize> {
        self.options.honest_stakes.iter().position(|stake| (stake - honest_stake).abs() < 1e-9)
    }
}

/// Runs all maps on all cores; `progress` hears of finished lines and how many there are.
///
/// The same options give the same numbers on any number of threads: every network has a seed of its own, and a
/// map uses one network for all its points, so that neighbours differ by their self-weights alone.
///
/// # Errors
/// If an option is out of range.
pub fn run_consensus(
    options: &ConsensusOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<ConsensusStudy, ConsensusError> {
    options.check()?;
    let total = Setting::ALL.len() * options.honest_stakes.len() * options.steps;
    let done = AtomicUsize::new(0);
    let tick = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let maps = Setting::ALL.iter().map(|setting| map(*setting, options, &tick)).collect();
    Ok(ConsensusStudy { options: options.clone(), maps })
}

fn map(setting: Setting, options: &ConsensusOptions, tick: &(dyn Fn() + Sync)) -> RetentionMap {
    let networks: Vec<Network> =
        options.honest_stakes.iter().map(|s| network(*s, setting, options)).collect();
    let lines: Vec<(usize, usize)> =
        (0..networks.len()).flat_map(|stake| (0..options.steps).map(move |cabal| (stake, cabal))).collect();
    let weight = |position: usize| position as f64 / (options.steps - 1) as f64;
    let line = |(stake, cabal): &(usize, usize)| {
        let points = (0..options.steps).map(|honest| {
            let shares = networks[*stake].epoch(&setting, weight(honest), weight(*cabal));
            MapPoint { dividends: shares.dividends, incentive: shares.incentive }
        });
        let points: Vec<MapPoint> = points.collect();
        tick();
        points
    };
    let points: Vec<Vec<MapPoint>> = lines.par_iter().map(line).collect();
    RetentionMap {
        setting,
        honest_stakes: options.honest_stakes.clone(),
        weight_deviation: networks.iter().map(Network::weight_deviation).collect(),
        steps: options.steps,
        points: points.into_iter().flatten().collect(),
    }
}

/// The network of a stake: the same draws for every setting, so that settings differ by their rules alone.
fn network(honest_stake: f64, setting: Setting, options: &ConsensusOptions) -> Network {
    let teams = Teams::new(options.nodes, options.validators, honest_stake);
    Network::draw(teams, honest_stake, setting.deviation, options.seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> ConsensusOptions {
        ConsensusOptions {
            steps: 5,
            nodes: 64,
            validators: 16,
            honest_stakes: vec![0.6, 0.8],
            ..ConsensusOptions::quick()
        }
    }

    #[test]
    fn threads_do_not_change_a_number() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run_consensus(&small(), &|_, _| {}).unwrap())
        };
        assert_eq!(with(1), with(7));
    }

    #[test]
    fn progress_ends_at_the_whole() {
        let last = AtomicUsize::new(0);
        run_consensus(&small(), &|done, total| {
            last.fetch_max(done, Ordering::Relaxed);
            assert_eq!(total, 8 * 2 * 5);
        })
        .unwrap();
        assert_eq!(last.into_inner(), 8 * 2 * 5);
    }

    #[test]
    fn the_requirement_is_the_worst_over_the_cabals_choices() {
        // E_H = W_H - 0.1·W_C with both shares equal: 0.6 needs 0.6 against 0 and 0.7 against 1.
        let at = |i: usize| i as f64 / 10.0;
        let point = |c: usize, h: usize| at(h) - 0.1 * at(c);
        let points = (0..11).flat_map(|c| (0..11).map(move |h| point(c, h)));
        let map = RetentionMap {
            setting: Setting::BASE,
            honest_stakes: vec![0.6],
            weight_deviation: vec![0.4],
            steps: 11,
            points: points.map(|e| MapPoint { dividends: e, incentive: e }).collect(),
        };
        assert!((map.required_utility(0, 0.5).unwrap() - 0.7).abs() < 1e-9);
        let unreachable = RetentionMap { honest_stakes: vec![0.95], ..map };
        assert_eq!(unreachable.required_utility(0, 0.5), None);
    }

    #[test]
    fn wrong_options_are_named() {
        let error = |options: ConsensusOptions| run_consensus(&options, &|_, _| {}).unwrap_err().to_string();
        assert!(error(ConsensusOptions { steps: 2, ..small() }).contains("2 grid steps"));
        assert!(error(ConsensusOptions { steps: 100_000, ..small() }).contains("100000"));
        assert!(error(ConsensusOptions { honest_stakes: vec![0.6, f64::NAN], ..small() }).contains("NaN"));
        assert!(error(ConsensusOptions { honest_stakes: vec![0.7, 0.6], ..small() }).contains("ascending"));
        assert!(error(ConsensusOptions { nodes: 17, ..small() }).contains("17 nodes"));
    }
}
