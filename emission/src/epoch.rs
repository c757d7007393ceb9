//! The epoch as a stateless function: Yuma2, Yuma3, liquid alpha, mechanisms (emission mathematics, section 5).
//!
//! ```text
//! alpha and root stake ─▶ stake ─▶ permits, active stake ─┐
//! weights ─▶ mask ─▶ row normalise ────────────────────────┴▶ consensus ─▶ clip ─▶ incentive, trust
//!                                        interpolate by the bonds penalty ◀──┘         │
//! bonds ─▶ mask ─────────────────────────────▶ bonds, dividends ◀──────────────────────┘ ─▶ amounts
//! ```
//!
//! [`run_subnet`] runs every mechanism of a subnet and aggregates; [`run`] is one mechanism.

mod bonds;
mod classic;
mod consensus;
mod dense;
mod era;
mod liquid;
mod mechanisms;
pub mod null;
mod recycle;
mod rows;
mod stake;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use bonds::{bonds_alpha, ema_scalar};
pub use classic::{column_rates, quantile};
pub use consensus::{clip_columns, interpolate, weighted_median, weighted_medians};
pub(crate) use era::prepare_subnet_by;
pub use era::{EpochEra, run_subnet_by};
pub use liquid::{LiquidAlpha, ema_by_pair};
pub(crate) use mechanisms::PreparedEpoch;
pub use mechanisms::{SubnetEpoch, run_subnet, split_emission};
pub use rows::{Entry, Rows};
pub use stake::{child_fraction, inherited_stake, stake_vector, tao_weight, total_stake};

use crate::fixed::{I32F32, U64F64, proportion_to_u16, u16_proportion};
use crate::spec::{EpochRules, Yuma};
use crate::vector;

/// A stored row of weights or bonds: `(column uid, value in 65535ths)` in the order of submission.
pub type StoredRow = Vec<(u16, u16)>;

/// Hyperparameters that the epoch reads.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochParams {
    /// Blocks between epochs.
    pub tempo: u16,
    /// Activity cutoff in thousandths of the tempo.
    pub activity_cutoff_factor_milli: u32,
    /// Majority in 65535ths.
    pub kappa: u16,
    /// Memory of the bonds in millionths.
    pub bonds_moving_average: u64,
    /// How far out-of-consensus weights lose bonds, in 65535ths.
    pub bonds_penalty: u16,
    /// Yuma3 instead of Yuma2.
    pub yuma3_on: bool,
    /// Liquid alpha (Yuma3 only).
    pub liquid_alpha_on: bool,
    /// Lower bound of liquid alpha in 65535ths.
    pub alpha_low: u16,
    /// Upper bound of liquid alpha in 65535ths.
    pub alpha_high: u16,
    /// Steepness of liquid alpha in hundredths.
    pub alpha_sigmoid_steepness: i16,
    /// How many validator permits there are.
    pub max_allowed_validators: u16,
    /// Whether commits mask weights towards neurons registered after them.
    pub commit_reveal_enabled: bool,
}

impl EpochParams {
    /// Blocks without new weights after which a validator counts as inactive (section 4.2).
    #[must_use]
    pub fn activity_cutoff_blocks(&self) -> u64 {
        let blocks = u64::from(self.activity_cutoff_factor_milli) * u64::from(self.tempo) / 1_000;
        blocks.max(1)
    }

    /// Whether bonds move by liquid alpha; Yuma2 ignores it.
    fn liquid_on(&self) -> bool {
        self.liquid_alpha_on && self.yuma3_on
    }

    fn liquid(&self) -> Option<LiquidAlpha> {
        self.liquid_alpha_on
            .then(|| LiquidAlpha::new(self.alpha_low, self.alpha_high, self.alpha_sigmoid_steepness))
    }
}

/// What all mechanisms of a subnet share. All slices are indexed by uid and have one element per neuron.
#[derive(Clone, Copy, Debug)]
pub struct EpochInput<'a> {
    /// Hyperparameters.
    pub params: &'a EpochParams,
    /// The current block.
    pub block: u64,
    /// Block of the previous epoch's end (`LastMechansimStepBlock`), zero if there was none.
    pub last_mechanism_step_block: u64,
    /// Uid of the subnet owner's hotkey, if it is registered.
    pub owner_uid: Option<u16>,
    /// Alpha stake after inheritance over child keys, in rao.
    pub alpha_stake: &'a [u64],
    /// Root stake after inheritance, in rao.
    pub root_stake: &'a [u64],
    /// Weight of root stake in 2⁻⁶⁴ths.
    pub tao_weight: u64,
    /// Least stake to count, in rao.
    pub stake_threshold: u64,
    /// Block at which each neuron registered.
    pub block_at_registration: &'a [u64],
    /// Permits of the previous epoch.
    pub validator_permit: &'a [bool],
}

/// What one mechanism stores. Vectors may be shorter than the number of neurons.
#[derive(Clone, Copy, Debug, Default)]
pub struct MechanismInput<'a> {
    /// Weights by validator uid.
    pub weights: &'a [StoredRow],
    /// Bonds by validator uid.
    pub bonds: &'a [StoredRow],
    /// Block of each neuron's last weights.
    pub last_update: &'a [u64],
    /// Block of each validator's earliest unexpired commit, `u64::MAX` without one. May be empty.
    pub earliest_commit: &'a [u64],
}

/// Intermediate vectors of one mechanism as fixed-point numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochVectors {
    /// Normalised stake.
    pub stake: Vec<I32F32>,
    /// Normalised stake of active permitted validators.
    pub active_stake: Vec<I32F32>,
    /// Weighted median of every column.
    pub consensus: Vec<I32F32>,
    /// Sum of every validator's clipped weights.
    pub validator_trust: Vec<I32F32>,
    /// Normalised rank.
    pub incentive: Vec<I32F32>,
    /// Normalised dividends.
    pub dividends: Vec<I32F32>,
    /// Plain sum of incentive plus dividends.
    pub emission_sum: I32F32,
    /// Bonds as they are before storing.
    pub ema_bonds: Rows,
}

/// What one mechanism's epoch stores and returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOutput {
    /// The vectors before rounding to 16 bits.
    pub vectors: EpochVectors,
    /// Whether each neuron set weights lately.
    pub active: Vec<bool>,
    /// New permits.
    pub validator_permit: Vec<bool>,
    /// Stake in 65535ths.
    pub stake_weight: Vec<u16>,
    /// Consensus in 65535ths.
    pub consensus: Vec<u16>,
    /// Incentive in 65535ths.
    pub incentive: Vec<u16>,
    /// Dividends in 65535ths.
    pub dividends: Vec<u16>,
    /// Validator trust in 65535ths.
    pub validator_trust: Vec<u16>,
    /// Each neuron's amount as a miner, in rao.
    pub server_emission: Vec<u64>,
    /// Each neuron's amount as a validator, in rao.
    pub validator_emission: Vec<u64>,
    /// The combined amount that is stored as `Emission`, in rao.
    pub emission: Vec<u64>,
    /// Bonds to store; empty rows for everyone without a permit.
    pub bonds: Vec<StoredRow>,
}

/// Runs one mechanism's epoch over `rao_emission`.
#[must_use]
pub fn run(input: &EpochInput<'_>, mechanism: &MechanismInput<'_>, rao_emission: u64) -> EpochOutput {
    let standing = Standing::new(input, EpochRules::PROVEN);
    prepare_with_stake(input, mechanism, &standing, None).with_amounts(rao_emission)
}

/// Stake and permits, which all mechanisms of a subnet share.
struct Standing {
    rules: EpochRules,
    stake: Vec<I32F32>,
    old_permits: Vec<bool>,
    new_permits: Vec<bool>,
}

impl Standing {
    fn new(input: &EpochInput<'_>, rules: EpochRules) -> Self {
        let (threshold, exempt) = rules.threshold_of(input);
        let stake = stake_vector(input.alpha_stake, input.root_stake, input.tao_weight, threshold, exempt);
        let k = usize::from(input.params.max_allowed_validators);
        let mut new_permits = rules.permitted(&stake, k);
        let mut old_permits = input.validator_permit.to_vec();
        old_permits.resize(stake.len(), false);
        for permits in [&mut new_permits, &mut old_permits] {
            let owner = input.owner_uid.filter(|_| rules.owner_permit);
            if let Some(permit) = owner.and_then(|uid| permits.get_mut(usize::from(uid))) {
                *permit = true;
            }
        }
        Self { rules, stake, old_permits, new_permits }
    }

    /// Stake of permitted validators that are active; a missing activity counts as inactive.
    fn active_stake(&self, active: &[bool]) -> Vec<I32F32> {
        let counts = |uid: usize| self.old_permits[uid] && active.get(uid).copied().unwrap_or(false);
        let mut stake: Vec<I32F32> = self
            .stake
            .iter()
            .enumerate()
            .map(|(uid, s)| if counts(uid) { *s } else { I32F32::ZERO })
            .collect();
        vector::normalise(&mut stake);
        stake
    }
}

/// Everything but the amounts, which alone depend on the emission.
fn prepare_with_stake(
    input: &EpochInput<'_>,
    mechanism: &MechanismInput<'_>,
    standing: &Standing,
    liquid_consensus: Option<&[u16]>,
) -> EpochOutput {
    let active = activity(input, mechanism, standing.rules);
    let active_stake = standing.active_stake(&active);
    let vectors = vectors(input, mechanism, standing, active_stake, liquid_consensus);
    let to_u16 = |x: &[I32F32]| x.iter().map(|v| proportion_to_u16(*v)).collect::<Vec<u16>>();
    EpochOutput {
        active,
        validator_permit: standing.new_permits.clone(),
        stake_weight: to_u16(&vectors.stake),
        consensus: to_u16(&vectors.consensus),
        incentive: to_u16(&vectors.incentive),
        dividends: to_u16(&vectors.dividends),
        validator_trust: to_u16(&vectors.validator_trust),
        server_emission: Vec::new(),
        validator_emission: Vec::new(),
        emission: Vec::new(),
        bonds: stored_bonds(&vectors.ema_bonds, &standing.new_permits),
        vectors,
    }
}

impl EpochOutput {
    /// Splits an emission by the vectors.
    fn with_amounts(mut self, rao_emission: u64) -> Self {
        let amounts = Amounts::new(&self.vectors, rao_emission);
        self.server_emission = amounts.server;
        self.validator_emission = amounts.validator;
        self.emission = amounts.combined;
        self
    }
}

fn activity(input: &EpochInput<'_>, mechanism: &MechanismInput<'_>, rules: EpochRules) -> Vec<bool> {
    let cutoff = rules.activity_cutoff_blocks(input.params);
    mechanism.last_update.iter().map(|updated| updated.saturating_add(cutoff) >= input.block).collect()
}

fn vectors(
    input: &EpochInput<'_>,
    mechanism: &MechanismInput<'_>,
    standing: &Standing,
    active_stake: Vec<I32F32>,
    liquid_consensus: Option<&[u16]>,
) -> EpochVectors {
    if let Some(vectors) = dense::vectors(input, mechanism, standing, &active_stake) {
        return vectors;
    }
    let n = standing.stake.len();
    let rules = standing.rules;
    let weights = masked_weights(input, mechanism, standing);
    let consensus = weighted_medians(&weights, &active_stake, n, u16_proportion(input.params.kappa));
    let clipped = clip_columns(&weights, &consensus);
    let validator_trust = clipped.row_sums();
    let mut incentive = clipped.weighted_column_sums(&active_stake, n);
    vector::normalise(&mut incentive);
    let penalty = u16_proportion(input.params.bonds_penalty);
    let step = bonds::BondsStep {
        weights: &interpolate(&weights, &clipped, penalty, n),
        bonds: masked_bonds(input, mechanism, rules, n),
        active_stake: &active_stake,
        incentive: &incentive,
        consensus: &consensus,
        alpha: bonds_alpha(input.params.bonds_moving_average),
        liquid: input.params.liquid(),
        liquid_consensus: liquid_consensus.map(|stored| era::padded(stored, n)),
    };
    let (ema_bonds, dividends) = match rules.yuma {
        Yuma::QuantileLiquid => step.yuma2_by_quantiles(input.params),
        Yuma::Yuma3 if input.params.yuma3_on => step.yuma3(),
        Yuma::Yuma3 => step.yuma2(),
    };
    let combined = incentive.iter().zip(&dividends).map(|(i, d)| i.saturating_add(*d));
    let emission_sum = combined.fold(I32F32::ZERO, I32F32::wrapping_add);
    let stake = standing.stake.clone();
    EpochVectors {
        stake,
        active_stake,
        consensus,
        validator_trust,
        incentive,
        dividends,
        emission_sum,
        ema_bonds,
    }
}

/// Weights of permitted validators towards neurons that were there when they were set, normalised by row.
fn masked_weights(input: &EpochInput<'_>, mechanism: &MechanismInput<'_>, standing: &Standing) -> Rows {
    let permits = &standing.old_permits;
    let entries = mechanism.weights.iter().map(Vec::len).sum();
    let mut rows = Rows::with_capacity(permits.len(), entries);
    for (i, permit) in permits.iter().enumerate() {
        if let Some(row) = mechanism.weights.get(i).filter(|_| *permit) {
            let mask = WeightMask::new(input, mechanism, standing.rules, i);
            // Integers over their sum; both sides without their 32 empty fraction bits divide to the same.
            for (j, w) in row.iter().filter(|(j, _)| mask.keeps(*j)) {
                rows.push(*j, I32F32::from_bits((*w).into()));
            }
            rows::normalise_row(rows.open_row_mut());
        }
        rows.end_row();
    }
    rows
}

/// Which columns of one validator's row count.
struct WeightMask<'a> {
    registered: &'a [u64],
    forbidden_column: Option<usize>,
    updated: u64,
    committed: u64,
}

impl<'a> WeightMask<'a> {
    fn new(input: &EpochInput<'a>, mechanism: &MechanismInput<'_>, rules: EpochRules, row: usize) -> Self {
        let owner = rules.owner_self_weight && input.owner_uid.is_some_and(|uid| usize::from(uid) == row);
        let commit = mechanism.earliest_commit.get(row).copied().unwrap_or(u64::MAX);
        Self {
            registered: input.block_at_registration,
            forbidden_column: (!owner).then_some(row),
            updated: mechanism.last_update.get(row).copied().unwrap_or(0),
            committed: if input.params.commit_reveal_enabled { commit } else { u64::MAX },
        }
    }

    fn keeps(&self, column: u16) -> bool {
        let column = usize::from(column);
        self.registered.get(column).is_some_and(|registered| {
            Some(column) != self.forbidden_column
                && self.updated > *registered
                && self.committed >= *registered
        })
    }
}

/// Stored bonds without those towards neurons registered since the previous epoch.
fn masked_bonds(input: &EpochInput<'_>, mechanism: &MechanismInput<'_>, rules: EpochRules, n: usize) -> Rows {
    let registered = |j: u16| input.block_at_registration.get(usize::from(j)).copied().unwrap_or(0);
    let mut rows = Rows::with_capacity(n, mechanism.bonds.iter().map(Vec::len).sum());
    for i in 0..n {
        let since = rules.bonds_count_since(input, mechanism, i);
        for (j, bond) in mechanism.bonds.get(i).into_iter().flatten() {
            if since > registered(*j) {
                rows.push(*j, bond_value(input.params, rules, *bond));
            }
        }
        rows.end_row();
    }
    rows
}

/// Yuma3 stores proportions; Yuma2 only looks at relations within a column.
fn bond_value(params: &EpochParams, rules: EpochRules, bond: u16) -> I32F32 {
    if params.yuma3_on && rules.yuma == Yuma::Yuma3 { u16_proportion(bond) } else { I32F32::from_int(bond) }
}

fn stored_bonds(ema: &Rows, permits: &[bool]) -> Vec<StoredRow> {
    let store = |row: &[Entry]| row.iter().map(|(j, v)| (*j, proportion_to_u16(*v))).collect();
    ema.iter().zip(permits).map(|(row, permit)| if *permit { store(row) } else { Vec::new() }).collect()
}

/// Amounts in rao by role (section 5, points 11 and 12).
struct Amounts {
    server: Vec<u64>,
    validator: Vec<u64>,
    combined: Vec<u64>,
}

impl Amounts {
    fn new(vectors: &EpochVectors, rao_emission: u64) -> Self {
        let sum = vectors.emission_sum;
        let combined =
            vectors.incentive.iter().zip(&vectors.dividends).map(|(i, d)| i.saturating_add(*d)).collect();
        let amount = |x: &I32F32| rao_part(*x, rao_emission);
        if sum.is_zero() {
            let stake = by_stake(vectors);
            let validator: Vec<u64> = stake.iter().map(amount).collect();
            let server = vectors.incentive.iter().map(amount).collect();
            return Self { server, combined: validator.clone(), validator };
        }
        let part = |x: &Vec<I32F32>| x.iter().map(|v| amount(&v.safe_div(sum))).collect();
        Self {
            server: part(&vectors.incentive),
            validator: part(&vectors.dividends),
            combined: part(&combined),
        }
    }
}

/// Without any incentive or dividends, validators earn by active stake, or all neurons by stake.
fn by_stake(vectors: &EpochVectors) -> &[I32F32] {
    if vector::sum(&vectors.active_stake).is_zero() { &vectors.stake } else { &vectors.active_stake }
}

fn rao_part(x: I32F32, rao_emission: u64) -> u64 {
    let product = i128::from(x.to_bits()) * i128::from(rao_emission);
    u64::try_from((product >> 32).max(0)).unwrap_or(u64::MAX)
}

/// `sub_emission / total`, one mechanism's weight in the subnet's stored vectors (section 6.1).
fn mechanism_weight(sub_emission: u64, total: u64, first: bool) -> U64F64 {
    let default = if first { U64F64::ONE } else { U64F64::ZERO };
    U64F64::from_int(sub_emission).safe_div_or(U64F64::from_int(total), default)
}
