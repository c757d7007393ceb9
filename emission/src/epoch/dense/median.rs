//! Weighted medians over full columns: no sorting, a few passes from a good guess (section 5.1's closed form).
//!
//! With `C(v)` the stake of all scores up to `v`, the median is the smallest score with `C(v) > minority`. One
//! pass for any `t` gives `C(t)` exactly, the largest score up to `t` and the smallest above it. So a pass below
//! the median and one above it that meet at the same score prove it; where to look next is only a guess.

use super::super::consensus::{Voters, select};
use super::super::rows::{Entry, Rows};
use super::matrix::{Matrix, Scratch};
use super::{CELLS_MAX, CELLS_MIN, SPARSITY_MAX};
use crate::fixed::I32F32;
use crate::wide::fast;

const ONE: u64 = 1 << 32;
/// Columns are padded to whole registers.
const LANES: usize = 16;
/// After this many passes the column is partitioned instead.
const PASSES_MAX: u32 = 24;
/// Every so often the range is halved, in case the interpolation creeps.
const HALVE_EVERY: u32 = 4;

/// All votes by column, and the stake behind them.
///
/// A score of one is held as `2^32 - 1`, which no quotient of a weight and a larger sum reaches.
pub(in super::super) struct Votes<'a> {
    scores: &'a [u32],
    stakes: Vec<i64>,
    voters: usize,
}

fn padded(voters: usize) -> usize {
    voters.next_multiple_of(LANES)
}

#[inline(always)]
fn encode(score: u64) -> u32 {
    score.min(u64::from(u32::MAX)) as u32
}

fn decode(score: u32) -> u64 {
    u64::from(score) + u64::from(score == u32::MAX)
}

impl<'a> Votes<'a> {
    /// Turns the rows of voters into columns.
    pub(super) fn load(scores: &'a mut Vec<u32>, rows: &Matrix, uids: &[usize], voters: &Voters) -> Self {
        let voting: Vec<(usize, usize)> =
            uids.iter().copied().enumerate().filter(|(_, uid)| voters.votes[*uid]).collect();
        let width = padded(voting.len());
        scores.clear();
        scores.resize(width * rows.columns(), 0);
        for (block, some) in voting.chunks(LANES).enumerate() {
            let rows: Vec<&[u64]> = some.iter().map(|(at, _)| rows.row(*at)).collect();
            fast!(transpose(scores, &rows, block * LANES, width));
        }
        let mut stakes: Vec<i64> = voting.iter().map(|(_, uid)| voters.stake[*uid].to_bits()).collect();
        stakes.resize(width, 0);
        Self { scores, stakes, voters: voting.len() }
    }

    /// The median of every column.
    pub(super) fn medians(&self, columns: usize, voters: &Voters, majority: I32F32) -> Vec<u64> {
        if voters.count == 0 {
            return vec![0; columns];
        }
        let minority = voters.total.saturating_sub(majority).to_bits();
        let total = voters.total.to_bits();
        fast!(self.each(columns, total, minority))
    }

    #[inline(always)]
    fn each(&self, columns: usize, total: i64, minority: i64) -> Vec<u64> {
        let width = self.stakes.len();
        let mut guess = 0;
        let mut medians = Vec::with_capacity(columns);
        for column in self.scores.chunks_exact(width).take(columns) {
            let median = if (0..total).contains(&minority) {
                search(column, &self.stakes, minority, guess)
            } else {
                self.extreme(column, minority)
            };
            guess = median;
            medians.push(decode(median));
        }
        medians
    }

    /// The smallest score when no support is needed, the largest when all of it is too little. The padding
    /// must not vote here.
    fn extreme(&self, column: &[u32], minority: i64) -> u32 {
        sorted(&column[..self.voters], &self.stakes[..self.voters], minority)
    }
}

/// The medians of sparse rows that are full enough and hold proportions, as weights do.
pub(in super::super) fn dense_medians(
    rows: &Rows,
    voters: &Voters,
    columns: usize,
    majority: I32F32,
) -> Option<Vec<I32F32>> {
    let uids: Vec<usize> = (0..rows.len().min(voters.votes.len())).filter(|uid| voters.votes[*uid]).collect();
    let cells = voters.count * columns;
    let full = rows.entry_count() * SPARSITY_MAX >= cells && (CELLS_MIN..=CELLS_MAX).contains(&cells);
    if !full || uids.len() != voters.count {
        return None;
    }
    let mut scratch = Scratch::take();
    let Scratch { weights, scores, .. } = &mut scratch;
    weights.reset(uids.len(), columns);
    let loaded = uids.iter().enumerate().all(|(at, uid)| load_votes(weights.row_mut(at), rows.row(*uid)));
    let medians =
        loaded.then(|| Votes::load(scores, weights, &uids, voters).medians(columns, voters, majority));
    scratch.give();
    Some(super::from_bits(&medians?))
}

/// Writes a row of votes; false when it is not ascending or holds what [`encode`] cannot.
fn load_votes(row: &mut [u64], votes: &[Entry]) -> bool {
    row.fill(0);
    let (mut next, mut fine) = (0_u32, true);
    for (column, score) in votes {
        let bits = score.to_bits() as u64;
        fine &= u32::from(*column) >= next && bits <= ONE && bits != u64::from(u32::MAX);
        next = u32::from(*column) + 1;
        if let Some(cell) = row.get_mut(usize::from(*column)) {
            *cell = bits;
        }
    }
    fine
}

#[inline(always)]
fn transpose(scores: &mut [u32], rows: &[&[u64]], first: usize, width: usize) {
    if let Ok(rows) = <&[&[u64]; LANES]>::try_from(rows) {
        for (j, column) in scores.chunks_exact_mut(width).enumerate() {
            for (cell, row) in column[first..first + LANES].iter_mut().zip(rows) {
                *cell = encode(row[j]);
            }
        }
        return;
    }
    for (v, row) in rows.iter().enumerate() {
        for (column, score) in scores.chunks_exact_mut(width).zip(*row) {
            column[first + v] = encode(*score);
        }
    }
}

/// What one pass finds.
struct Pass {
    /// Stake of the scores up to the threshold.
    mass: i64,
    /// The largest of these scores.
    below: u32,
    /// The smallest score above the threshold.
    above: u32,
}

#[inline(always)]
fn pass(scores: &[u32], stakes: &[i64], threshold: u32) -> Pass {
    let (mut mass, mut below, mut above) = (0_i64, 0_u32, u32::MAX);
    for (score, stake) in scores.iter().zip(stakes) {
        let counts = *score <= threshold;
        mass += if counts { *stake } else { 0 };
        below = below.max(if counts { *score } else { 0 });
        above = above.min(if counts { u32::MAX } else { *score });
    }
    Pass { mass, below, above }
}

/// What is known of the median so far: it is above `low.0`, at least `low.2`, and at most `high.0`.
#[derive(Default)]
struct Range {
    low: Option<(u32, i64, u32)>,
    high: Option<(u32, i64)>,
}

impl Range {
    /// The next threshold: where the stake would reach the minority if it were spread evenly.
    #[inline(always)]
    fn next(&self, minority: i64, halve: bool) -> u32 {
        let minority = minority as u64;
        match (self.low, self.high) {
            (Some((low, low_mass, above)), Some((high, high_mass))) => {
                let span = u64::from(high - low);
                let wanted = span * (minority - low_mass as u64) / (high_mass - low_mass) as u64;
                let step = if halve { span / 2 } else { wanted };
                (low + step.min(span) as u32).clamp(above, high - 1)
            }
            (None, Some((high, mass))) => {
                let scaled = u64::from(high) * (minority + 1) / mass as u64;
                (scaled as u32).min(high - 1)
            }
            (Some((low, mass, above)), None) => {
                let scaled = u64::from(low).max(1) * (minority + 1) / (mass as u64).max(minority / 8 + 1);
                u32::try_from(scaled).unwrap_or(u32::MAX - 1).max(above)
            }
            (None, None) => 0,
        }
    }
}

/// The median where the minority is at least zero and below the whole stake.
#[inline(always)]
fn search(scores: &[u32], stakes: &[i64], minority: i64, guess: u32) -> u32 {
    let mut range = Range::default();
    let mut threshold = guess;
    for passes in 1..=PASSES_MAX {
        let found = pass(scores, stakes, threshold);
        if found.mass > minority {
            if found.below == 0 || range.low.is_some_and(|(_, _, above)| above == found.below) {
                return found.below;
            }
            range.high = Some((found.below, found.mass));
        } else {
            if range.high.is_some_and(|(high, _)| high == found.above) {
                return found.above;
            }
            range.low = Some((threshold, found.mass, found.above));
        }
        threshold = range.next(minority, passes % HALVE_EVERY == 0);
    }
    sorted(scores, stakes, minority)
}

/// By partitioning, for any minority.
#[cold]
#[inline(never)]
fn sorted(scores: &[u32], stakes: &[i64], minority: i64) -> u32 {
    let stakes: Vec<I32F32> = stakes.iter().map(|s| I32F32::from_bits(*s)).collect();
    let ballot = |(at, score): (u16, &u32)| (at, I32F32::from_bits(i64::from(*score)));
    let mut ballots: Vec<Entry> = (0..=u16::MAX).zip(scores).map(ballot).collect();
    select(&mut ballots, &stakes, I32F32::from_bits(minority), I32F32::ZERO).to_bits() as u32
}
