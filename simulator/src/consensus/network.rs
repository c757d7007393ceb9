//! Two teams of validators and servers, and one epoch of them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sn3_emission::epoch::{self, EpochInput, EpochParams, MechanismInput, StoredRow};
use sn3_emission::fixed::I32F32;

use super::map::Setting;
use crate::cases::standard_normal;

/// Nodes of the published study.
pub const NODES: usize = 512;
/// Validators of the published study.
pub const VALIDATORS: usize = 64;

/// Standard deviation of validators' stakes around their mean of one.
const STAKE_DEVIATION: f64 = 0.3;
/// Stake of everyone together in rao: a million TAO.
const STAKE_RAO: f64 = 1e15;
/// A block at which everyone is registered and active.
const BLOCK: u64 = 1_000_000;
const REGISTERED_BLOCK: u64 = 1_000;
const TEMPO_BLOCKS: u16 = 360;

/// How many of each there are. Uids: honest validators, the cabal's, honest servers, the cabal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Teams {
    /// Validators of both teams.
    pub validators: usize,
    /// Honest ones among them.
    pub honest_validators: usize,
    /// Servers of both teams.
    pub servers: usize,
    /// Honest ones among them.
    pub honest_servers: usize,
}

impl Teams {
    /// Teams in the ratio of their stakes, each with at least one validator and one server.
    ///
    /// ```
    /// use sn3_simulator::consensus::Teams;
    /// let teams = Teams::new(512, 64, 0.6);
    /// assert_eq!((teams.honest_validators, teams.honest_servers), (38, 269));
    /// ```
    #[must_use]
    pub fn new(nodes: usize, validators: usize, honest_stake: f64) -> Self {
        let part = |of: usize| ((of as f64 * honest_stake).round() as usize).clamp(1, of - 1);
        let servers = nodes - validators;
        Self { validators, honest_validators: part(validators), servers, honest_servers: part(servers) }
    }

    fn is_honest(&self, uid: usize) -> bool {
        match uid.checked_sub(self.validators) {
            None => uid < self.honest_validators,
            Some(server) => server < self.honest_servers,
        }
    }

    fn nodes(&self) -> usize {
        self.validators + self.servers
    }
}

/// Drawn stakes and weights; within each (validator, team of servers) the weights sum to one.
pub(super) struct Network {
    teams: Teams,
    stake_rao: Vec<u64>,
    weights: Vec<Vec<f64>>,
}

/// Honest shares of dividends and incentive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Honest {
    pub dividends: f64,
    pub incentive: f64,
}

impl Network {
    /// Draws a network of which the honest team has `honest_stake`. `deviation` is relative to the mean weight.
    pub fn draw(teams: Teams, honest_stake: f64, deviation: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut positive = |deviation: f64| (1.0 + deviation * standard_normal(&mut rng)).max(0.0);
        let mut stake: Vec<f64> = (0..teams.validators).map(|_| positive(STAKE_DEVIATION)).collect();
        let (honest, cabal) = stake.split_at_mut(teams.honest_validators);
        scale(honest, honest_stake);
        scale(cabal, 1.0 - honest_stake);
        let mut row = || {
            let mut row: Vec<f64> = (0..teams.servers).map(|_| positive(deviation)).collect();
            let (honest, cabal) = row.split_at_mut(teams.honest_servers);
            scale(honest, 1.0);
            scale(cabal, 1.0);
            row
        };
        let weights = (0..teams.validators).map(|_| row()).collect();
        let mut stake_rao: Vec<u64> = stake.iter().map(|share| (share * STAKE_RAO).round() as u64).collect();
        stake_rao.resize(teams.nodes(), 0);
        Self { teams, stake_rao, weights }
    }

    /// The mean over rows and teams of the weights' relative standard deviation.
    pub fn weight_deviation(&self) -> f64 {
        let parts = self.weights.iter().flat_map(|row| {
            let (honest, cabal) = row.split_at(self.teams.honest_servers);
            [honest, cabal]
        });
        let deviations: Vec<f64> = parts.filter(|part| part.len() > 1).map(relative_deviation).collect();
        deviations.iter().sum::<f64>() / deviations.len().max(1) as f64
    }

    /// One epoch from empty bonds with these self-weights.
    pub fn epoch(&self, setting: &Setting, honest_self: f64, cabal_self: f64) -> Honest {
        let n = self.teams.nodes();
        let rows: Vec<StoredRow> = (0..n).map(|uid| self.stored_row(uid, honest_self, cabal_self)).collect();
        let permits: Vec<bool> = (0..n).map(|uid| uid < self.teams.validators).collect();
        let params = params(setting, self.teams.validators);
        let input = EpochInput {
            params: &params,
            block: BLOCK,
            last_mechanism_step_block: BLOCK - u64::from(TEMPO_BLOCKS),
            owner_uid: None,
            alpha_stake: &self.stake_rao,
            root_stake: &vec![0; n],
            tao_weight: 0,
            stake_threshold: 0,
            block_at_registration: &vec![REGISTERED_BLOCK; n],
            validator_permit: &permits,
        };
        let mechanism = MechanismInput {
            weights: &rows,
            bonds: &[],
            last_update: &vec![BLOCK - 1; n],
            earliest_commit: &[],
        };
        let vectors = epoch::run(&input, &mechanism, 0).vectors;
        Honest { dividends: self.honest(&vectors.dividends), incentive: self.honest(&vectors.incentive) }
    }

    /// A row as the chain stores it: the largest weight is 65535.
    fn stored_row(&self, uid: usize, honest_self: f64, cabal_self: f64) -> StoredRow {
        let Some(row) = self.weights.get(uid) else { return StoredRow::new() };
        let to_honest = if self.teams.is_honest(uid) { honest_self } else { 1.0 - cabal_self };
        let part =
            |server: usize| if server < self.teams.honest_servers { to_honest } else { 1.0 - to_honest };
        let weights: Vec<f64> = row.iter().enumerate().map(|(server, w)| w * part(server)).collect();
        let largest = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let stored = |w: &f64| (w / largest * f64::from(u16::MAX)).round() as u16;
        let column = |server: usize| (self.teams.validators + server) as u16;
        weights.iter().enumerate().map(|(server, w)| (column(server), stored(w))).collect()
    }

    fn honest(&self, shares: &[I32F32]) -> f64 {
        let honest = shares.iter().enumerate().filter(|(uid, _)| self.teams.is_honest(*uid));
        honest.map(|(_, share)| share.to_bits()).sum::<i64>() as f64 / 2f64.powi(32)
    }
}

fn params(setting: &Setting, validators: usize) -> EpochParams {
    let parts = |share: f64| (share * f64::from(u16::MAX)).round() as u16;
    EpochParams {
        tempo: TEMPO_BLOCKS,
        activity_cutoff_factor_milli: 13_889,
        kappa: parts(setting.kappa),
        bonds_moving_average: 900_000,
        bonds_penalty: parts(setting.penalty),
        yuma3_on: setting.yuma3,
        liquid_alpha_on: false,
        alpha_low: 45_875,
        alpha_high: 58_982,
        alpha_sigmoid_steepness: 1_000,
        max_allowed_validators: u16::try_from(validators).unwrap_or(u16::MAX),
        commit_reveal_enabled: false,
    }
}

/// Scales to a sum; equal parts where everything is zero.
fn scale(values: &mut [f64], sum: f64) {
    let total: f64 = values.iter().sum();
    let count = values.len() as f64;
    for value in values {
        *value = if total > 0.0 { *value / total * sum } else { sum / count };
    }
}

fn relative_deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    variance.sqrt() / mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(honest_stake: f64, deviation: f64) -> Network {
        Network::draw(Teams::new(96, 24, honest_stake), honest_stake, deviation, 5)
    }

    /// Without deviation the two-team game has a closed form. With `W_H = 0.6` and the cabal at
    /// `W_C = 1 - W_H` both teams agree: incentive is 0.6, bonds follow stake, and so is `E_H`.
    #[test]
    fn agreement_by_hand() {
        let setting = Setting { deviation: 0.0, ..Setting::BASE };
        let honest = network(0.6, 0.0).epoch(&setting, 0.6, 0.4);
        assert!((honest.incentive - 0.6).abs() < 1e-3, "{honest:?}");
        assert!((honest.dividends - 0.6).abs() < 1e-3, "{honest:?}");
    }

    /// With `S_H = W_H = 0.6`, `W_C = 1` and no deviation: ranks 0.6·0.6 and 0.4, so incentive 0.36 / 0.76; the
    /// cabal is clipped to the honest weight on its servers, so it holds 0.4 of their bonds and none of ours.
    #[test]
    fn full_self_weight_by_hand() {
        let setting = Setting { deviation: 0.0, ..Setting::BASE };
        let honest = network(0.6, 0.0).epoch(&setting, 0.6, 1.0);
        let incentive = 0.36 / 0.76;
        assert!((honest.incentive - incentive).abs() < 1e-3, "{honest:?}");
        assert!((honest.dividends - (incentive + 0.6 * (1.0 - incentive))).abs() < 1e-3, "{honest:?}");
    }

    /// All weight of both teams is on honest servers: all incentive, and dividends by stake.
    #[test]
    fn a_cabal_that_serves_others_keeps_its_dividends_only() {
        let honest = network(0.9, 0.4).epoch(&Setting::BASE, 1.0, 0.0);
        assert!(honest.incentive > 0.999 && (honest.dividends - 0.9).abs() < 0.01, "{honest:?}");
    }

    #[test]
    fn weights_deviate_as_asked() {
        assert!((network(0.6, 0.2).weight_deviation() - 0.2).abs() < 0.02);
        assert!(network(0.6, 0.0).weight_deviation() < 1e-12);
    }

    #[test]
    fn both_teams_have_a_validator_and_a_server() {
        let teams = Teams::new(512, 64, 0.999_9);
        assert_eq!((teams.honest_validators, teams.honest_servers), (63, 447));
    }
}
