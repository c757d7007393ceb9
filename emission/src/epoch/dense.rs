//! The epoch over a full matrix: what most subnets are, without an index per entry.
//!
//! Validators of a busy subnet weigh nearly every neuron. Their rows are then held as plain vectors of one
//! number per column, an absent entry being zero, and every step is one loop that the compiler turns into wide
//! instructions. The results are those of the sparse steps, bit for bit: an entry of zero and an absent one
//! differ only under liquid alpha, which stays sparse.
//!
//! All numbers are `I32F32` bits in `[0, 2^32]`; what could leave that range is left to the sparse steps.

mod divide;
mod kernels;
mod matrix;
mod median;

use super::consensus::Voters;
use super::rows::Rows;
use super::{EpochInput, EpochVectors, MechanismInput, Standing, WeightMask, bonds_alpha};
use crate::fixed::{I32F32, u16_proportion};
use crate::spec::Yuma;
use crate::vector;
use crate::wide::fast;
use matrix::{Matrix, Scratch};

pub(super) use median::dense_medians;

/// Smaller networks are faster without the matrix.
const CELLS_MIN: usize = 2_048;
/// Larger matrices would need gigabytes.
const CELLS_MAX: usize = 1 << 25;
/// At least one cell in this many is stored.
const SPARSITY_MAX: usize = 4;
const ONE: u64 = 1 << 32;

/// What the steps share.
struct Epoch<'a> {
    input: &'a EpochInput<'a>,
    mechanism: &'a MechanismInput<'a>,
    standing: &'a Standing,
    active: &'a [I32F32],
    /// Uids with a row: who votes, weighs or has bonds.
    uids: Vec<usize>,
    /// The new bond's part in the moving average, and the old one's.
    rate: (u64, u64),
    penalty: u64,
}

/// The vectors of one mechanism, if its network is full enough and its numbers are in range.
pub(super) fn vectors(
    input: &EpochInput<'_>,
    mechanism: &MechanismInput<'_>,
    standing: &Standing,
    active: &[I32F32],
) -> Option<EpochVectors> {
    let epoch = Epoch::new(input, mechanism, standing, active)?;
    let mut scratch = Scratch::take();
    let vectors = epoch.run(&mut scratch);
    scratch.give();
    vectors
}

impl<'a> Epoch<'a> {
    fn new(
        input: &'a EpochInput<'a>,
        mechanism: &'a MechanismInput<'a>,
        standing: &'a Standing,
        active: &'a [I32F32],
    ) -> Option<Self> {
        let n = active.len();
        let rate = bonds_alpha(input.params.bonds_moving_average);
        let in_range = rate > I32F32::ZERO && rate < I32F32::ONE && active.iter().all(|s| *s < I32F32::ONE);
        if standing.rules.yuma != Yuma::Yuma3
            || !in_range
            || input.params.liquid_on()
            || input.block_at_registration.len() != n
        {
            return None;
        }
        let new = rate.to_bits() as u64;
        let mut epoch = Self {
            input,
            mechanism,
            standing,
            active,
            uids: Vec::new(),
            rate: (new, ONE - new),
            penalty: u16_proportion(input.params.bonds_penalty).to_bits() as u64,
        };
        epoch.uids = (0..n).filter(|uid| epoch.has_row(*uid)).collect();
        let (cells, entries) = (epoch.uids.len() * n, epoch.entries());
        let full = entries * SPARSITY_MAX >= cells && (CELLS_MIN..=CELLS_MAX).contains(&cells);
        full.then_some(epoch)
    }

    fn weights(&self, uid: usize) -> &[(u16, u16)] {
        let row = self.mechanism.weights.get(uid).filter(|_| self.standing.old_permits[uid]);
        row.map_or(&[], Vec::as_slice)
    }

    fn bonds(&self, uid: usize) -> &[(u16, u16)] {
        self.mechanism.bonds.get(uid).map_or(&[], Vec::as_slice)
    }

    fn has_row(&self, uid: usize) -> bool {
        self.active[uid] > I32F32::ZERO || !self.weights(uid).is_empty() || !self.bonds(uid).is_empty()
    }

    /// Stored weights, or stored bonds if those are more.
    fn entries(&self) -> usize {
        let weights: usize = self.uids.iter().map(|uid| self.weights(*uid).len()).sum();
        let bonds: usize = self.uids.iter().map(|uid| self.bonds(*uid).len()).sum();
        weights.max(bonds)
    }

    fn run(&self, scratch: &mut Scratch) -> Option<EpochVectors> {
        let n = self.active.len();
        let Scratch { weights, bonds, scores } = scratch;
        self.load_weights(weights)?;
        self.load_bonds(bonds)?;
        let voters = Voters::new(self.active);
        let majority = u16_proportion(self.input.params.kappa);
        let votes = median::Votes::load(scores, weights, &self.uids, &voters);
        let consensus = votes.medians(n, &voters, majority);
        let (validator_trust, incentive) = self.clip(weights, &consensus);
        if incentive.contains(&I32F32::ONE) {
            return None; // A single miner earns all: relative bonds times one may not fit.
        }
        let dividends = if self.input.params.yuma3_on {
            self.yuma3(weights, bonds, &incentive)
        } else {
            self.yuma2(weights, bonds, &incentive)
        };
        let combined = incentive.iter().zip(&dividends).map(|(i, d)| i.saturating_add(*d));
        Some(EpochVectors {
            stake: self.standing.stake.clone(),
            active_stake: self.active.to_vec(),
            consensus: from_bits(&consensus),
            validator_trust,
            emission_sum: combined.fold(I32F32::ZERO, I32F32::wrapping_add),
            incentive,
            dividends,
            ema_bonds: if self.input.params.yuma3_on {
                self.packed(bonds, bonds)
            } else {
                self.packed(weights, bonds)
            },
        })
    }

    /// Masked weights, normalised by row. `None` when a row names a column twice.
    fn load_weights(&self, weights: &mut Matrix) -> Option<()> {
        let registered = self.input.block_at_registration;
        let newest = registered.iter().copied().max().unwrap_or(0);
        weights.reset(self.uids.len(), self.active.len());
        for (at, uid) in self.uids.iter().enumerate() {
            let row = weights.row_mut(at);
            let stored = self.weights(*uid);
            if stored.is_empty() {
                row.fill(0);
                continue;
            }
            let mask = WeightMask::new(self.input, self.mechanism, self.standing.rules, *uid);
            let counts_from = mask.updated.min(mask.committed.saturating_add(1));
            fast!(matrix::load(row, stored)).then_some(())?;
            if newest >= counts_from {
                fast!(kernels::drop_from(row, registered, counts_from));
            }
            if let Some(own) = mask.forbidden_column {
                row[own] = 0;
            }
            fast!(divide::normalise_weights(row));
        }
        Some(())
    }

    /// Masked bonds: proportions under Yuma3, whole numbers under Yuma2.
    fn load_bonds(&self, bonds: &mut Matrix) -> Option<()> {
        let registered = self.input.block_at_registration;
        let newest = registered.iter().copied().max().unwrap_or(0);
        bonds.reset(self.uids.len(), self.active.len());
        for (at, uid) in self.uids.iter().enumerate() {
            let row = bonds.row_mut(at);
            fast!(matrix::load(row, self.bonds(*uid))).then_some(())?;
            let since = self.standing.rules.bonds_count_since(self.input, self.mechanism, *uid);
            if newest >= since {
                fast!(kernels::drop_from(row, registered, since));
            }
            if self.input.params.yuma3_on {
                fast!(kernels::to_proportions(row));
            }
        }
        Some(())
    }

    fn stake(&self, at: usize) -> u64 {
        self.active[self.uids[at]].to_bits() as u64
    }

    /// Turns weights into those that bonds follow; answers trust by uid and incentive.
    fn clip(&self, weights: &mut Matrix, consensus: &[u64]) -> (Vec<I32F32>, Vec<I32F32>) {
        let mut trust = vec![I32F32::ZERO; self.active.len()];
        let mut ranks = vec![0; consensus.len()];
        for (at, uid) in self.uids.iter().enumerate() {
            let (row, stake) = (weights.row_mut(at), self.stake(at));
            let sum = fast!(kernels::clip_row(row, consensus, stake, self.penalty, &mut ranks));
            trust[*uid] = I32F32::from_bits(sum as i64);
        }
        let mut incentive = from_bits(&ranks);
        vector::normalise(&mut incentive);
        (trust, incentive)
    }

    /// Bonds become their moving average; answers dividends (section 5.3).
    fn yuma3(&self, weights: &Matrix, bonds: &mut Matrix, incentive: &[I32F32]) -> Vec<I32F32> {
        let mut sums = vec![0; incentive.len()];
        for at in 0..self.uids.len() {
            fast!(kernels::average(bonds.row_mut(at), weights.row(at), self.rate, &mut sums));
        }
        let incentive = to_bits(incentive);
        let divisors = divide::Divisors::new(&sums);
        self.dividends(|at| {
            let total = fast!(divide::relative_total(bonds.row(at), &divisors, &incentive));
            let stake = I32F32::from_bits(self.stake(at) as i64);
            I32F32::from_bits(total as i64).checked_mul(stake).unwrap_or(I32F32::ZERO)
        })
    }

    /// The same for Yuma2 (section 5.2). Leaves the average in the weights: a bond that division makes zero is
    /// stored all the same.
    fn yuma2(&self, weights: &mut Matrix, bonds: &mut Matrix, incentive: &[I32F32]) -> Vec<I32F32> {
        normalise_columns(bonds);
        for at in 0..self.uids.len() {
            let stake = self.stake(at);
            fast!(kernels::scale(weights.row_mut(at), stake));
        }
        normalise_columns(weights);
        let mut sums = vec![0; incentive.len()];
        for at in 0..self.uids.len() {
            fast!(kernels::average(bonds.row_mut(at), weights.row(at), self.rate, &mut sums));
        }
        weights.copy_from(bonds);
        divide_columns(bonds, &sums);
        let incentive = to_bits(incentive);
        let dividends = self.dividends(|at| {
            I32F32::from_bits(fast!(kernels::weighted_total(bonds.row(at), &incentive)) as i64)
        });
        let mut largest = vec![0; incentive.len()];
        for at in 0..self.uids.len() {
            fast!(kernels::raise_to(&mut largest, bonds.row(at)));
        }
        divide_columns(bonds, &largest);
        dividends
    }

    /// Every row's total by uid, normalised.
    fn dividends(&self, total: impl Fn(usize) -> I32F32) -> Vec<I32F32> {
        let mut dividends = vec![I32F32::ZERO; self.active.len()];
        for (at, uid) in self.uids.iter().enumerate() {
            dividends[*uid] = total(at);
        }
        vector::normalise(&mut dividends);
        dividends
    }

    /// Bonds by row where the pattern is positive, columns ascending.
    fn packed(&self, pattern: &Matrix, bonds: &Matrix) -> Rows {
        let n = self.active.len();
        let mut rows = Rows::with_capacity(n, bonds.cells());
        let mut next = 0;
        for uid in 0..n {
            if self.uids.get(next) == Some(&uid) {
                rows.push_where(pattern.row(next), bonds.row(next));
                next += 1;
            }
            rows.end_row();
        }
        rows
    }
}

fn normalise_columns(matrix: &mut Matrix) {
    let mut sums = vec![0; matrix.columns()];
    for at in 0..matrix.rows() {
        fast!(kernels::add_to(&mut sums, matrix.row(at)));
    }
    divide_columns(matrix, &sums);
}

fn divide_columns(matrix: &mut Matrix, by: &[u64]) {
    let divisors = divide::Divisors::new(by);
    for at in 0..matrix.rows() {
        fast!(divide::divide_row(matrix.row_mut(at), &divisors));
    }
}

fn from_bits(bits: &[u64]) -> Vec<I32F32> {
    bits.iter().map(|b| I32F32::from_bits(*b as i64)).collect()
}

fn to_bits(values: &[I32F32]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits() as u64).collect()
}
