//! One case under one version, epoch by epoch.

use sn3_emission::epoch::{self, EpochInput, EpochParams, MechanismInput, Rows, StoredRow, bonds_alpha};
use sn3_emission::fixed::{I32F32, u16_proportion};
use sn3_emission::vector;

use super::Version;
use super::classic::Front;
use super::plan::{Epoch, SERVERS_MAX, VALIDATORS};

/// Majority of every case in 65535ths: one half.
pub const KAPPA: u16 = 32_767;
/// Memory of the bonds in millionths unless another is chosen: 0.975.
pub const MOVING_AVERAGE_MILLIONTHS: u64 = 975_000;
/// Lower and upper rate of liquid alpha in 65535ths: 0.1 and 0.3, the classic simulator's.
const LIQUID: (u16, u16) = (6_554, 19_661);
/// Steepness of liquid alpha in hundredths: 10.
const STEEPNESS: i16 = 1_000;

const TEMPO_BLOCKS: u16 = 360;
/// The block of epoch 0; any block well after everyone's registration serves.
const FIRST_BLOCK: u64 = 1_000_000;
const REGISTRATION_BLOCK: u64 = 1_000;
/// Rao in a thousandth of a million TAO.
const THOUSANDTH_RAO: u64 = 1_000_000_000_000;

/// An epoch's outcome, indexed by uid: three validators, then the servers.
pub(super) struct Outcome {
    pub incentive: Vec<I32F32>,
    pub dividends: Vec<I32F32>,
    /// Bonds as the version keeps them.
    pub bonds: Rows,
    /// Bonds relative within each server.
    pub relative_bonds: Rows,
}

/// A case in progress.
pub(super) struct Machine {
    version: Version,
    params: EpochParams,
    n: usize,
    block: u64,
    permits: Vec<bool>,
    stored: Vec<StoredRow>,
    bonds: Rows,
    previous_weights: Option<Rows>,
    winner_by_rank: bool,
}

impl Machine {
    pub fn new(version: Version, params: EpochParams, servers: usize, winner_by_rank: bool) -> Self {
        let n = VALIDATORS + servers;
        Self {
            version,
            params,
            n,
            block: FIRST_BLOCK,
            permits: (0..n).map(|uid| uid < VALIDATORS).collect(),
            stored: vec![StoredRow::new(); n],
            bonds: Rows::from_rows(&vec![Vec::new(); n]),
            previous_weights: None,
            winner_by_rank,
        }
    }

    /// Forgets every bond with a server, counted from 0.
    pub fn reset_bonds(&mut self, server: usize) {
        let column = (VALIDATORS + server) as u16;
        self.stored.iter_mut().for_each(|row| row.retain(|(j, _)| *j != column));
        self.bonds = self.bonds.filter_map(|_, j, v| (j != column).then_some(v));
    }

    /// Runs the next epoch.
    pub fn step(&mut self, input: &Epoch) -> Outcome {
        let rows = stored_weights(input, self.n);
        let output = self.run_chain(input, &rows);
        let outcome = match self.version {
            Version::Yuma2 | Version::Yuma3 | Version::Yuma3Liquid => self.of_chain(output.vectors),
            Version::Yuma1 | Version::Yuma2b | Version::Yuma2c => self.of_classic(&rows, output.vectors),
        };
        self.stored = output.bonds;
        self.permits = output.validator_permit;
        self.block += u64::from(TEMPO_BLOCKS);
        outcome
    }

    fn run_chain(&self, input: &Epoch, rows: &[StoredRow]) -> epoch::EpochOutput {
        let mut stake = vec![0; self.n];
        for (stake, thousandths) in stake.iter_mut().zip(input.stake_thousandths) {
            *stake = u64::from(thousandths) * THOUSANDTH_RAO;
        }
        let epoch_input = EpochInput {
            params: &self.params,
            block: self.block,
            last_mechanism_step_block: self.block - u64::from(TEMPO_BLOCKS),
            owner_uid: None,
            alpha_stake: &stake,
            root_stake: &vec![0; self.n],
            tao_weight: 0,
            stake_threshold: 0,
            block_at_registration: &vec![REGISTRATION_BLOCK; self.n],
            validator_permit: &self.permits,
        };
        let mechanism = MechanismInput {
            weights: rows,
            bonds: &self.stored,
            last_update: &vec![self.block - 1; self.n],
            earliest_commit: &[],
        };
        epoch::run(&epoch_input, &mechanism, 0)
    }

    fn of_chain(&self, vectors: epoch::EpochVectors) -> Outcome {
        let mut relative_bonds = vectors.ema_bonds.clone();
        relative_bonds.normalise_columns(self.n);
        if !self.winner_by_rank {
            let (incentive, dividends) = (vectors.incentive, vectors.dividends);
            return Outcome { incentive, dividends, bonds: vectors.ema_bonds, relative_bonds };
        }
        let incentive = winner(&vectors.incentive);
        let mut dividends = relative_bonds.weighted_row_sums(&incentive);
        if self.version != Version::Yuma2 {
            let times_stake = |(d, s): (&mut I32F32, &I32F32)| *d = d.saturating_mul(*s);
            dividends.iter_mut().zip(&vectors.active_stake).for_each(times_stake);
        }
        vector::normalise(&mut dividends);
        Outcome { incentive, dividends, bonds: vectors.ema_bonds, relative_bonds }
    }

    fn of_classic(&mut self, rows: &[StoredRow], vectors: epoch::EpochVectors) -> Outcome {
        let weights = normalised(rows);
        let incentive = if self.winner_by_rank { winner(&vectors.incentive) } else { vectors.incentive };
        let front = Front {
            weights: &weights,
            stake: &vectors.active_stake,
            consensus: &vectors.consensus,
            incentive: &incentive,
            penalty: u16_proportion(self.params.bonds_penalty),
        };
        let bonds = match self.version {
            Version::Yuma1 => front.yuma1(),
            Version::Yuma2b => {
                let previous = self.previous_weights.as_ref().unwrap_or(&weights);
                front.yuma2b(previous, &self.bonds, bonds_alpha(self.params.bonds_moving_average))
            }
            _ => front.yuma2c(&self.bonds),
        };
        let mut relative_bonds = bonds.clone();
        relative_bonds.normalise_columns(self.n);
        let dividends = front.dividends(&relative_bonds);
        self.bonds = bonds.clone();
        self.previous_weights = Some(weights);
        Outcome { incentive, dividends, bonds, relative_bonds }
    }
}

/// The epoch's parameters; the classic variants use Yuma 2's for their consensus step.
pub(super) fn params(version: Version, penalty: f64, moving_average_millionths: u64) -> EpochParams {
    let full = f64::from(u16::MAX);
    EpochParams {
        tempo: TEMPO_BLOCKS,
        activity_cutoff_factor_milli: 13_889,
        kappa: KAPPA,
        bonds_moving_average: moving_average_millionths,
        bonds_penalty: (penalty * full).round() as u16,
        yuma3_on: matches!(version, Version::Yuma3 | Version::Yuma3Liquid),
        liquid_alpha_on: version == Version::Yuma3Liquid,
        alpha_low: LIQUID.0,
        alpha_high: LIQUID.1,
        alpha_sigmoid_steepness: STEEPNESS,
        max_allowed_validators: 64,
        commit_reveal_enabled: false,
    }
}

/// Rows as stored: every validator lists every server, so that old bonds decay instead of vanishing.
fn stored_weights(input: &Epoch, n: usize) -> Vec<StoredRow> {
    let entry = |(j, weight): (usize, &u16)| ((VALIDATORS + j) as u16, *weight);
    let row =
        |weights: &[u16; SERVERS_MAX]| weights.iter().enumerate().map(entry).take(n - VALIDATORS).collect();
    let mut rows: Vec<StoredRow> = input.weights.iter().map(row).collect();
    rows.resize(n, StoredRow::new());
    rows
}

fn normalised(rows: &[StoredRow]) -> Rows {
    let row = |row: &StoredRow| row.iter().map(|(j, w)| (*j, I32F32::from_int(*w))).collect::<Vec<_>>();
    let mut weights = Rows::from_rows(&rows.iter().map(row).collect::<Vec<_>>());
    weights.normalise_rows();
    weights
}

/// All incentive to the largest rank; to the first of equal ones.
fn winner(incentive: &[I32F32]) -> Vec<I32F32> {
    let best = incentive.iter().copied().max().unwrap_or(I32F32::ZERO);
    let first = incentive.iter().position(|v| *v == best && !v.is_zero());
    let share = |uid| if Some(uid) == first { I32F32::ONE } else { I32F32::ZERO };
    (0..incentive.len()).map(share).collect()
}

/// A fixed-point number for charts and tables.
pub(super) fn to_f64(v: I32F32) -> f64 {
    v.to_bits() as f64 / 2f64.powi(32)
}

/// Row `validator` towards `server`, zero where there is none.
pub(super) fn entry(rows: &Rows, validator: usize, server: usize) -> I32F32 {
    let column = (VALIDATORS + server) as u16;
    rows.row(validator).iter().find(|(j, _)| *j == column).map_or(I32F32::ZERO, |(_, v)| *v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_winners_takes_all() {
        let half = I32F32::from_bits(1 << 31);
        assert_eq!(winner(&[half, half]), [I32F32::ONE, I32F32::ZERO]);
        assert_eq!(winner(&[I32F32::ZERO; 2]), [I32F32::ZERO; 2]);
    }
}
