//! The epoch against a small one that is written to be read: every step as the specification says it, with wide
//! integers and no shortcut (emission mathematics, section 5).
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use proptest::prelude::*;
use sn3_emission::epoch::{
    EpochInput, EpochOutput, EpochParams, MechanismInput, StoredRow, bonds_alpha, run,
};
use sn3_emission::fixed::{I32F32, exp_safe};
use sn3_emission::network::default_params;

const ONE: i64 = 1 << 32;

/// `floor(a·b / 2^32)`.
fn mul(a: i64, b: i64) -> i64 {
    ((i128::from(a) * i128::from(b)) >> 32) as i64
}

/// `trunc(a·2^32 / b)`, zero without a quotient.
fn div(a: i64, b: i64) -> i64 {
    (i128::from(a) << 32).checked_div(b.into()).and_then(|q| i64::try_from(q).ok()).unwrap_or(0)
}

fn normalised(x: &[i64]) -> Vec<i64> {
    let sum: i64 = x.iter().sum();
    x.iter().map(|v| if sum == 0 { *v } else { div(*v, sum) }).collect()
}

type Row = Vec<(usize, i64)>;

fn get(row: &Row, column: usize) -> i64 {
    row.iter().find(|(j, _)| *j == column).map_or(0, |(_, v)| *v)
}

/// The forward-only cursor of liquid alpha.
fn seen(row: &Row, column: usize) -> i64 {
    let mut at = 0;
    for j in 0..=column {
        while at < row.len() && row[at].0 < j {
            at += 1;
        }
    }
    row.get(at).filter(|(j, _)| *j == column).map_or(0, |(_, v)| *v)
}

/// What a case stores, besides the parameters.
#[derive(Clone, Debug)]
struct Case {
    params: EpochParams,
    stake: Vec<u64>,
    registered: Vec<u64>,
    updated: Vec<u64>,
    permits: Vec<bool>,
    owner: Option<u16>,
    weights: Vec<StoredRow>,
    bonds: Vec<StoredRow>,
}

const BLOCK: u64 = 10_000;
const LAST_STEP: u64 = 9_000;

impl Case {
    fn n(&self) -> usize {
        self.stake.len()
    }

    fn run(&self) -> EpochOutput {
        let root = vec![0; self.n()];
        let input = EpochInput {
            params: &self.params,
            block: BLOCK,
            last_mechanism_step_block: LAST_STEP,
            owner_uid: self.owner,
            alpha_stake: &self.stake,
            root_stake: &root,
            tao_weight: 0,
            stake_threshold: 0,
            block_at_registration: &self.registered,
            validator_permit: &self.permits,
        };
        let mechanism = MechanismInput {
            weights: &self.weights,
            bonds: &self.bonds,
            last_update: &self.updated,
            earliest_commit: &[],
        };
        run(&input, &mechanism, 1_000_000_000)
    }

    fn permit(&self, uid: usize) -> bool {
        self.permits[uid] || self.owner.is_some_and(|owner| usize::from(owner) == uid)
    }

    fn stake_fixed(&self) -> Vec<i64> {
        let sum: u128 = self.stake.iter().map(|s| u128::from(*s)).sum();
        self.stake.iter().map(|s| (u128::from(*s) << 32).checked_div(sum).unwrap_or(0) as i64).collect()
    }

    fn active_stake(&self) -> Vec<i64> {
        let cutoff = self.params.activity_cutoff_blocks();
        let counts = |uid: usize| self.permit(uid) && self.updated[uid].saturating_add(cutoff) >= BLOCK;
        let stake = self.stake_fixed();
        normalised(&(0..self.n()).map(|uid| if counts(uid) { stake[uid] } else { 0 }).collect::<Vec<_>>())
    }

    fn masked_weights(&self) -> Vec<Row> {
        let row = |uid: usize| -> Row {
            let owner = self.owner.is_some_and(|owner| usize::from(owner) == uid);
            let keeps =
                |j: usize| j < self.n() && (owner || j != uid) && self.updated[uid] > self.registered[j];
            let stored = self.weights.get(uid).filter(|_| self.permit(uid)).into_iter().flatten();
            let kept: Row =
                stored.map(|(j, w)| (usize::from(*j), i64::from(*w))).filter(|(j, _)| keeps(*j)).collect();
            let sum: i64 = kept.iter().map(|(_, w)| w).sum();
            kept.into_iter().map(|(j, w)| (j, if sum > 0 { div(w, sum) } else { w })).collect()
        };
        (0..self.n()).map(row).collect()
    }

    fn masked_bonds(&self) -> Vec<Row> {
        let value = |b: u16| if self.params.yuma3_on { div(b.into(), 65_535) } else { i64::from(b) << 32 };
        let row = |uid: usize| -> Row {
            let stored = self.bonds.get(uid).into_iter().flatten();
            let kept = stored.filter(|(j, _)| LAST_STEP + 1 > self.registered[usize::from(*j)]);
            kept.map(|(j, b)| (usize::from(*j), value(*b))).collect()
        };
        (0..self.n()).map(row).collect()
    }
}

/// The reference's own bisection over positions (section 5.1).
fn median(stake: &[i64], score: &[i64], majority: i64) -> i64 {
    let voters: Vec<usize> = (0..stake.len()).filter(|i| stake[*i] > 0).collect();
    let stakes = normalised(&voters.iter().map(|i| stake[*i]).collect::<Vec<_>>());
    let score: Vec<i64> = voters.iter().map(|i| score[*i]).collect();
    let total: i64 = stakes.iter().sum();
    let minority = total - majority;
    let (mut low, mut high) = (0, total);
    let mut at: Vec<usize> = (0..score.len()).collect();
    loop {
        match at.len() {
            0 => return 0,
            1 => return score[at[0]],
            _ => {}
        }
        let pivot = score[at[at.len() / 2]];
        let lower: Vec<usize> = at.iter().copied().filter(|i| score[*i] < pivot).collect();
        let upper: Vec<usize> = at.iter().copied().filter(|i| score[*i] > pivot).collect();
        let sum = |some: &[usize]| some.iter().map(|i| stakes[*i]).sum::<i64>();
        if minority < low + sum(&lower) && !lower.is_empty() {
            high = low + sum(&lower);
            at = lower;
        } else if high - sum(&upper) <= minority && !upper.is_empty() {
            low = high - sum(&upper);
            at = upper;
        } else {
            return pivot;
        }
    }
}

fn clipped(weights: &[Row], consensus: &[i64]) -> Vec<Row> {
    let clip = |(j, v): &(usize, i64)| match consensus[*j] {
        limit if limit >= *v => Some((*j, *v)),
        limit => (limit > 0).then_some((*j, limit)),
    };
    weights.iter().map(|row| row.iter().filter_map(clip).collect()).collect()
}

fn blended(a: &[Row], b: &[Row], ratio: i64, n: usize) -> Vec<Row> {
    match ratio {
        0 => a.to_vec(),
        ONE => b.to_vec(),
        _ => a.iter().zip(b).map(|(a, b)| blended_row(a, b, ratio, n)).collect(),
    }
}

fn blended_row(a: &Row, b: &Row, ratio: i64, n: usize) -> Row {
    let value = |j| get(a, j) + mul(ratio, get(b, j) - get(a, j));
    (0..n).map(|j| (j, value(j))).filter(|(_, v)| *v > 0).collect()
}

fn columns_normalised(rows: &[Row], n: usize) -> Vec<Row> {
    let sums: Vec<i64> = (0..n).map(|j| rows.iter().map(|row| get(row, j)).sum()).collect();
    let value = |(j, v): &(usize, i64)| (*j, if sums[*j] != 0 { div(*v, sums[*j]) } else { *v });
    rows.iter().map(|row| row.iter().map(value).collect()).collect()
}

fn average(new: &[Row], old: &[Row], rate: i64, n: usize) -> Vec<Row> {
    let value = |new: &Row, old: &Row, j| mul(rate, get(new, j)) + mul(ONE - rate, get(old, j));
    let row = |(new, old): (&Row, &Row)| -> Row {
        (0..n).map(|j| (j, value(new, old, j))).filter(|(_, v)| *v > 0).collect()
    };
    new.iter().zip(old).map(row).collect()
}

/// Liquid alpha's rate for a pair (section 5.4).
fn liquid_rate(params: &EpochParams, consensus: i64, weight: i64, bond: i64) -> i64 {
    let clamp = |v: i64| v.clamp(0, ONE);
    let d = if weight >= bond { clamp(weight - consensus) } else { clamp(bond - weight) };
    let slope = div(i64::from(params.alpha_sigmoid_steepness) << 32, -100 << 32);
    let exponent = mul(slope, d - ONE / 2);
    let sigmoid = div(ONE, ONE + exp_safe(I32F32::from_bits(exponent)).to_bits());
    let (low, high) = (div(params.alpha_low.into(), 65_535), div(params.alpha_high.into(), 65_535));
    (low + mul(sigmoid, high - low)).min(high).max(low)
}

fn liquid_average(params: &EpochParams, new: &[Row], old: &[Row], consensus: &[i64]) -> Vec<Row> {
    let blend = |new: &Row, old: &Row, j: usize, v: i64| {
        let rate = liquid_rate(params, consensus[j], seen(new, j), seen(old, j));
        (mul(ONE - rate, get(old, j)) + mul(rate, v).max(0)).min(ONE)
    };
    let row = |(new, old): (&Row, &Row)| -> Row {
        new.iter().map(|(j, v)| (*j, blend(new, old, *j, *v))).filter(|(_, v)| *v > 0).collect()
    };
    new.iter().zip(old).map(row).collect()
}

/// What both epochs are compared by.
#[derive(Debug, PartialEq, Eq)]
struct Vectors {
    active: Vec<i64>,
    consensus: Vec<i64>,
    trust: Vec<i64>,
    incentive: Vec<i64>,
    dividends: Vec<i64>,
    bonds: Vec<Row>,
}

impl Vectors {
    fn of(output: &EpochOutput) -> Self {
        let bits = |x: &[I32F32]| x.iter().map(|v| v.to_bits()).collect::<Vec<i64>>();
        let v = &output.vectors;
        let row = |row: &[(u16, I32F32)]| row.iter().map(|(j, v)| (usize::from(*j), v.to_bits())).collect();
        Self {
            active: bits(&v.active_stake),
            consensus: bits(&v.consensus),
            trust: bits(&v.validator_trust),
            incentive: bits(&v.incentive),
            dividends: bits(&v.dividends),
            bonds: v.ema_bonds.iter().map(row).collect(),
        }
    }

    fn naive(case: &Case) -> Self {
        let n = case.n();
        let (active, weights) = (case.active_stake(), case.masked_weights());
        let majority = div(case.params.kappa.into(), 65_535);
        let column = |j: usize| weights.iter().map(|row| get(row, j)).collect::<Vec<_>>();
        let consensus: Vec<i64> = (0..n).map(|j| median(&active, &column(j), majority)).collect();
        let clipped = clipped(&weights, &consensus);
        let trust = clipped.iter().map(|row| row.iter().map(|(_, v)| v).sum()).collect();
        let rank = |j: usize| (0..n).map(|i| mul(active[i], get(&clipped[i], j))).sum();
        let incentive = normalised(&(0..n).map(rank).collect::<Vec<_>>());
        let followed = blended(&weights, &clipped, div(case.params.bonds_penalty.into(), 65_535), n);
        let (bonds, dividends) = if case.params.yuma3_on {
            yuma3(case, &followed, &active, &incentive, &consensus)
        } else {
            yuma2(case, &followed, &active, &incentive)
        };
        Self { active, consensus, trust, incentive, dividends, bonds }
    }
}

fn rate(case: &Case) -> i64 {
    bonds_alpha(case.params.bonds_moving_average).to_bits()
}

fn yuma3(
    case: &Case,
    new: &[Row],
    active: &[i64],
    incentive: &[i64],
    consensus: &[i64],
) -> (Vec<Row>, Vec<i64>) {
    let (n, old) = (case.n(), case.masked_bonds());
    let bonds = if case.params.liquid_alpha_on && consensus.iter().any(|c| *c != 0) {
        liquid_average(&case.params, new, &old, consensus)
    } else {
        average(new, &old, rate(case), n)
    };
    let relative = columns_normalised(&bonds, n);
    let total = |i: usize| relative[i].iter().map(|(j, v)| mul(*v, incentive[*j])).sum::<i64>();
    let dividends: Vec<i64> = (0..n).map(|i| mul(total(i), active[i])).collect();
    (bonds, normalised(&dividends))
}

fn yuma2(case: &Case, new: &[Row], active: &[i64], incentive: &[i64]) -> (Vec<Row>, Vec<i64>) {
    let n = case.n();
    let old = columns_normalised(&case.masked_bonds(), n);
    let staked =
        |(i, row): (usize, &Row)| -> Row { row.iter().map(|(j, v)| (*j, mul(*v, active[i]))).collect() };
    let delta = columns_normalised(&new.iter().enumerate().map(staked).collect::<Vec<_>>(), n);
    let bonds = columns_normalised(&average(&delta, &old, rate(case), n), n);
    let dividends: Vec<i64> =
        bonds.iter().map(|row| row.iter().map(|(j, v)| mul(incentive[*j], *v)).sum()).collect();
    let largest: Vec<i64> = (0..n).map(|j| bonds.iter().map(|row| get(row, j)).max().unwrap_or(0)).collect();
    let scaled = |(j, v): &(usize, i64)| (*j, if largest[*j] != 0 { div(*v, largest[*j]) } else { *v });
    (bonds.iter().map(|row| row.iter().map(scaled).collect()).collect(), normalised(&dividends))
}

/// A row over `n` columns: which part of them, of what largest value, and in what order.
fn row(n: usize, beyond: bool) -> impl Strategy<Value = StoredRow> {
    let columns = if beyond { n + 3 } else { n };
    let value = prop_oneof![4 => 0_u16.., 2 => Just(u16::MAX), 1 => Just(0), 1 => 0_u16..4];
    let cells = prop::collection::vec((value, 0_u8..10), columns);
    (cells, 0_u8..12, any::<bool>()).prop_map(|(cells, kept, reversed)| {
        let numbered = cells.into_iter().enumerate().filter(|(_, (_, part))| *part < kept);
        let mut row: StoredRow = numbered.map(|(j, (v, _))| (j as u16, v)).collect();
        if reversed && kept % 4 == 0 {
            row.reverse();
        }
        row
    })
}

fn params() -> impl Strategy<Value = EpochParams> {
    let kappa = prop_oneof![4 => Just(32_767_u16), 1 => Just(0), 1 => Just(u16::MAX), 2 => any::<u16>()];
    let penalty = prop_oneof![3 => Just(u16::MAX), 1 => Just(0), 2 => any::<u16>()];
    let average =
        prop_oneof![4 => Just(900_000_u64), 1 => Just(0), 1 => Just(1_000_000), 2 => 0_u64..1_000_000];
    let alphas = (any::<u16>(), any::<u16>(), -2_000_i16..2_000);
    (kappa, penalty, average, any::<bool>(), any::<bool>(), alphas).prop_map(
        |(kappa, bonds_penalty, bonds_moving_average, yuma3_on, liquid_alpha_on, (low, high, steepness))| {
            EpochParams {
                kappa,
                bonds_penalty,
                bonds_moving_average,
                yuma3_on,
                liquid_alpha_on,
                alpha_low: low.min(high),
                alpha_high: low.max(high),
                alpha_sigmoid_steepness: if steepness == 0 { 1_000 } else { steepness },
                commit_reveal_enabled: false,
                ..default_params()
            }
        },
    )
}

fn case(n: usize, validators: usize) -> impl Strategy<Value = Case> {
    let stake =
        prop_oneof![3 => 1_u64 << 30..1 << 45, 2 => Just(1_000_000_000_000), 1 => Just(0), 1 => 1_u64..9];
    let block = prop_oneof![8 => Just(100_u64), 1 => 8_000_u64..10_001];
    let columns = (
        prop::collection::vec(stake, n),
        prop::collection::vec(block, n),
        prop::collection::vec(prop_oneof![8 => Just(9_500_u64), 1 => 0_u64..10_000], n),
        prop::collection::vec(prop::bool::weighted(0.9), validators),
    );
    let rows =
        (prop::collection::vec(row(n, true), validators), prop::collection::vec(row(n, false), validators));
    (params(), columns, rows, prop::option::of(0..n as u16)).prop_map(
        move |(params, (stake, registered, updated, mut permits), (weights, mut bonds), owner)| {
            permits.resize(n, false);
            // The chain stores bonds in ascending order.
            bonds.iter_mut().for_each(|row| row.sort_unstable());
            Case { params, stake, registered, updated, permits, owner, weights, bonds }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn small_networks_agree(case in (1_usize..12).prop_flat_map(|n| (1..=n).prop_flat_map(move |v| case(n, v)))) {
        prop_assert_eq!(Vectors::of(&case.run()), Vectors::naive(&case));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Large and full enough for the matrix.
    #[test]
    fn full_networks_agree(case in (48_usize..80).prop_flat_map(|n| (40..=n).prop_flat_map(move |v| case(n, v)))) {
        prop_assert_eq!(Vectors::of(&case.run()), Vectors::naive(&case));
    }
}

/// All validators agree to the last digit, some have no stake, and one miner gets everything.
#[test]
fn ties_and_a_single_miner_agree() {
    for (value, only) in [(7, None), (u16::MAX, None), (1, Some(60)), (u16::MAX, Some(60))] {
        for (yuma3_on, bonds_penalty) in [(true, u16::MAX), (true, 0), (false, u16::MAX), (true, 1_000)] {
            let weigh = |j: u16| if only.is_none_or(|only| only == j) { value } else { 0 };
            let row: StoredRow = (0..64).map(|j| (j, weigh(j))).collect();
            let case = Case {
                params: EpochParams {
                    yuma3_on,
                    bonds_penalty,
                    commit_reveal_enabled: false,
                    ..default_params()
                },
                stake: (0..64).map(|uid| if uid % 9 == 0 { 0 } else { 1 << 40 }).collect(),
                registered: vec![1; 64],
                updated: vec![9_999; 64],
                permits: (0..64).map(|uid| uid < 48).collect(),
                owner: None,
                weights: vec![row.clone(); 48],
                bonds: vec![row; 48],
            };
            assert_eq!(Vectors::of(&case.run()), Vectors::naive(&case));
        }
    }
}
