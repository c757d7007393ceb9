//! Stake-weighted medians by column, and clipping to them (emission mathematics, sections 5.1 and 5.6 to 5.9).

use std::borrow::Cow;

use super::rows::Rows;
use crate::fixed::I32F32;

/// Weighted median of every column: the largest weight that a `majority` of the active stake supports.
///
/// Rows with no stake do not vote; an absent entry is a vote for zero. Exact ties go to the upper value.
#[must_use]
pub fn weighted_medians(rows: &Rows, stake: &[I32F32], columns: usize, majority: I32F32) -> Vec<I32F32> {
    let voters = Voters::new(stake);
    if voters.count == 0 {
        return vec![I32F32::ZERO; columns];
    }
    let minority = voters.total.saturating_sub(majority);
    let mut ballots = Ballots::new(rows, &voters, columns);
    (0..columns).map(|j| voters.median(ballots.column(j), minority)).collect()
}

/// Renormalised stakes of the rows that vote.
struct Voters {
    stake: Vec<I32F32>,
    votes: Vec<bool>,
    total: I32F32,
    count: usize,
}

impl Voters {
    fn new(stake: &[I32F32]) -> Self {
        let votes: Vec<bool> = stake.iter().map(|s| *s > I32F32::ZERO).collect();
        let mut stake: Vec<I32F32> =
            stake.iter().map(|s| if *s > I32F32::ZERO { *s } else { I32F32::ZERO }).collect();
        let sum = crate::vector::sum(&stake);
        stake.iter_mut().for_each(|s| *s = s.safe_div(sum));
        let total = crate::vector::sum(&stake);
        let count = votes.iter().filter(|v| **v).count();
        Self { stake, votes, total, count }
    }

    /// The smallest score whose cumulative stake exceeds the minority, or the largest score.
    fn median(&self, ballots: &mut [Ballot], minority: I32F32) -> I32F32 {
        let mut mass = self.total;
        for ballot in ballots.iter() {
            mass = mass.wrapping_sub(ballot.stake);
        }
        let zeros = ballots.len() < self.count;
        if zeros && minority < mass {
            return I32F32::ZERO;
        }
        select(ballots, minority, mass)
    }
}

/// One nonzero vote for a column.
#[derive(Clone, Copy)]
pub(super) struct Ballot {
    score: I32F32,
    stake: I32F32,
}

/// Votes by column.
struct Ballots {
    ends: Vec<usize>,
    ballots: Vec<Ballot>,
}

impl Ballots {
    fn new(rows: &Rows, voters: &Voters, columns: usize) -> Self {
        let mut ends = vec![0_usize; columns + 1];
        for_each_vote(rows, voters, |j, _| {
            if let Some(end) = ends.get_mut(j + 1) {
                *end += 1;
            }
        });
        for j in 0..columns {
            ends[j + 1] += ends[j];
        }
        let empty = Ballot { score: I32F32::ZERO, stake: I32F32::ZERO };
        let mut ballots = vec![empty; ends[columns]];
        let mut next = ends.clone();
        for_each_vote(rows, voters, |j, ballot| {
            if j < columns {
                ballots[next[j]] = ballot;
                next[j] += 1;
            }
        });
        Self { ends, ballots }
    }

    fn column(&mut self, j: usize) -> &mut [Ballot] {
        &mut self.ballots[self.ends[j]..self.ends[j + 1]]
    }
}

fn for_each_vote(rows: &Rows, voters: &Voters, mut f: impl FnMut(usize, Ballot)) {
    for (i, row) in rows.iter().enumerate() {
        if !voters.votes.get(i).copied().unwrap_or(false) {
            continue;
        }
        let stake = voters.stake[i];
        for (j, score) in row.iter().filter(|(_, v)| !v.is_zero()) {
            f(usize::from(*j), Ballot { score: *score, stake });
        }
    }
}

/// Below this many ballots a sort costs less than further partitions.
const SORT_BELOW: usize = 12;

/// The smallest score with `minority < below + stake up to it`; the largest if none; zero without ballots.
fn select(mut ballots: &mut [Ballot], minority: I32F32, mut below: I32F32) -> I32F32 {
    while ballots.len() > SORT_BELOW {
        let (upper_start, lower_stake) = partition(ballots);
        let reached = below.wrapping_add(lower_stake);
        if upper_start == ballots.len() {
            return ballots[0].score; // All scores are equal.
        } else if minority < reached {
            ballots = &mut ballots[..upper_start];
        } else {
            below = reached;
            ballots = &mut ballots[upper_start..];
        }
    }
    select_sorted(ballots, minority, below)
}

/// Moves scores up to a pivot to the front; answers how many, and their stake. The back is empty only
/// when all scores are equal.
fn partition(ballots: &mut [Ballot]) -> (usize, I32F32) {
    let (a, b, c) = (ballots[0].score, ballots[ballots.len() / 2].score, ballots[ballots.len() - 1].score);
    let pivot = a.max(b).min(a.min(b).max(c));
    let (mut front, mut stake) = (0, I32F32::ZERO);
    for i in 0..ballots.len() {
        if ballots[i].score <= pivot {
            stake = stake.wrapping_add(ballots[i].stake);
            ballots.swap(i, front);
            front += 1;
        }
    }
    if front < ballots.len() { (front, stake) } else { partition_below(ballots, pivot, stake) }
}

/// When the pivot is the largest score: splits off everything below it, unless nothing is.
fn partition_below(ballots: &mut [Ballot], largest: I32F32, all: I32F32) -> (usize, I32F32) {
    let (mut front, mut stake) = (0, I32F32::ZERO);
    for i in 0..ballots.len() {
        if ballots[i].score < largest {
            stake = stake.wrapping_add(ballots[i].stake);
            ballots.swap(i, front);
            front += 1;
        }
    }
    if front == 0 { (ballots.len(), all) } else { (front, stake) }
}

fn select_sorted(ballots: &mut [Ballot], minority: I32F32, mut below: I32F32) -> I32F32 {
    ballots.sort_unstable_by_key(|b| b.score);
    let mut i = 0;
    while i < ballots.len() {
        let score = ballots[i].score;
        while i < ballots.len() && ballots[i].score == score {
            below = below.wrapping_add(ballots[i].stake);
            i += 1;
        }
        if minority < below {
            return score;
        }
    }
    ballots.last().map_or(I32F32::ZERO, |b| b.score)
}

/// Weighted median of one list of scores, with the minority given (the helper that vectors hold).
#[must_use]
pub fn weighted_median(stake: &[I32F32], score: &[I32F32], minority: I32F32) -> I32F32 {
    let mut ballots: Vec<Ballot> =
        stake.iter().zip(score).map(|(stake, score)| Ballot { score: *score, stake: *stake }).collect();
    select(&mut ballots, minority, I32F32::ZERO)
}

/// Clips entries above their column's threshold to it; entries over a threshold of zero are dropped.
#[must_use]
pub fn clip_columns(rows: &Rows, thresholds: &[I32F32]) -> Rows {
    rows.filter_map(|_, j, v| {
        let threshold = thresholds.get(usize::from(j)).copied().unwrap_or(I32F32::ZERO);
        if threshold >= v { Some(v) } else { (threshold > I32F32::ZERO).then_some(threshold) }
    })
}

/// `a + ratio · (b - a)` entry by entry; the ends of the ratio keep the stored order.
#[must_use]
pub fn interpolate<'a>(a: &'a Rows, b: &'a Rows, ratio: I32F32, columns: usize) -> Cow<'a, Rows> {
    if ratio == I32F32::ZERO {
        return Cow::Borrowed(a);
    }
    if ratio == I32F32::ONE {
        return Cow::Borrowed(b);
    }
    let mut out = Rows::with_capacity(a.len(), a.entry_count());
    let mut scratch = vec![(I32F32::ZERO, I32F32::ZERO); columns];
    for (row_a, row_b) in a.iter().zip(b.iter()) {
        interpolate_row(&mut scratch, row_a, row_b, ratio, &mut out);
        out.end_row();
    }
    Cow::Owned(out)
}

fn interpolate_row(
    scratch: &mut [(I32F32, I32F32)],
    a: &[super::rows::Entry],
    b: &[super::rows::Entry],
    ratio: I32F32,
    out: &mut Rows,
) {
    if a.is_empty() && b.is_empty() {
        return;
    }
    scratch.fill((I32F32::ZERO, I32F32::ZERO));
    a.iter().for_each(|(j, v)| scratch[usize::from(*j)].0 = *v);
    b.iter().for_each(|(j, v)| scratch[usize::from(*j)].1 = *v);
    for (j, (v1, v2)) in scratch.iter().enumerate() {
        let v = v1.saturating_add(ratio.saturating_mul(v2.saturating_sub(*v1)));
        if v > I32F32::ZERO {
            out.push(j as u16, v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The partition search finds what a full sort finds.
        #[test]
        fn selection_equals_sorting(votes in prop::collection::vec((0i64..9, 0i64..50), 0..90), minority in -3i64..2_000) {
            let stake: Vec<_> = votes.iter().map(|v| I32F32::from_bits(v.1)).collect();
            let score: Vec<_> = votes.iter().map(|v| I32F32::from_bits(v.0)).collect();
            let mut ballots: Vec<Ballot> =
                stake.iter().zip(&score).map(|(stake, score)| Ballot { score: *score, stake: *stake }).collect();
            let sorted = select_sorted(&mut ballots, I32F32::from_bits(minority), I32F32::ZERO);
            prop_assert_eq!(weighted_median(&stake, &score, I32F32::from_bits(minority)), sorted);
        }
    }
}
