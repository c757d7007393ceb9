//! Stake-weighted medians by column, and clipping to them (emission mathematics, sections 5.1 and 5.6 to 5.9).

use std::borrow::Cow;

use super::recycle;
use super::rows::{Entry, Rows};
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
    if let Some(medians) = super::dense::dense_medians(rows, &voters, columns, majority) {
        return medians;
    }
    let minority = voters.total.saturating_sub(majority);
    let mut ballots = Ballots::new(rows, &voters, columns);
    (0..columns).map(|j| voters.median(ballots.column(j), minority)).collect()
}

/// Renormalised stakes of the rows that vote.
pub(super) struct Voters {
    /// Zero for those that do not vote.
    pub stake: Vec<I32F32>,
    pub votes: Vec<bool>,
    pub total: I32F32,
    pub count: usize,
}

impl Voters {
    pub(super) fn new(stake: &[I32F32]) -> Self {
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
    fn median(&self, ballots: &mut [Entry], minority: I32F32) -> I32F32 {
        let mut mass = self.total;
        for (row, _) in ballots.iter() {
            mass = mass.wrapping_sub(self.stake[usize::from(*row)]);
        }
        let zeros = ballots.len() < self.count;
        if zeros && minority < mass {
            return I32F32::ZERO;
        }
        select(ballots, &self.stake, minority, mass)
    }
}

/// Nonzero votes by column: each is the voter's row and its score.
struct Ballots {
    ends: Vec<usize>,
    ballots: Vec<Entry>,
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
        let mut ballots = recycle::take(ends[columns]);
        ballots.resize(ends[columns], (0, I32F32::ZERO));
        let mut next = ends.clone();
        for_each_vote(rows, voters, |j, ballot| {
            if j < columns {
                ballots[next[j]] = ballot;
                next[j] += 1;
            }
        });
        Self { ends, ballots }
    }

    fn column(&mut self, j: usize) -> &mut [Entry] {
        &mut self.ballots[self.ends[j]..self.ends[j + 1]]
    }
}

impl Drop for Ballots {
    fn drop(&mut self) {
        recycle::give(std::mem::take(&mut self.ballots));
    }
}

fn for_each_vote(rows: &Rows, voters: &Voters, mut f: impl FnMut(usize, Entry)) {
    for (i, row) in rows.iter().enumerate() {
        if voters.stake.get(i).is_some_and(|_| voters.votes[i]) {
            for (j, score) in row.iter().filter(|(_, v)| !v.is_zero()) {
                f(usize::from(*j), (i as u16, *score));
            }
        }
    }
}

/// Below this many ballots a sort costs less than further partitions.
const SORT_BELOW: usize = 12;

/// The smallest score with `minority < below + stake up to it`; the largest if none; zero without ballots.
pub(super) fn select(
    mut ballots: &mut [Entry],
    stake: &[I32F32],
    minority: I32F32,
    mut below: I32F32,
) -> I32F32 {
    while ballots.len() > SORT_BELOW {
        let (upper_start, lower_stake) = partition(ballots, stake);
        let reached = below.wrapping_add(lower_stake);
        if upper_start == ballots.len() {
            return ballots[0].1; // All scores are equal.
        } else if minority < reached {
            ballots = &mut ballots[..upper_start];
        } else {
            below = reached;
            ballots = &mut ballots[upper_start..];
        }
    }
    select_sorted(ballots, stake, minority, below)
}

/// Moves scores up to a pivot to the front; answers how many, and their stake. The back is empty only
/// when all scores are equal.
fn partition(ballots: &mut [Entry], stake: &[I32F32]) -> (usize, I32F32) {
    let (a, b, c) = (ballots[0].1, ballots[ballots.len() / 2].1, ballots[ballots.len() - 1].1);
    let pivot = a.max(b).min(a.min(b).max(c));
    let split = split_by(ballots, stake, |score| score <= pivot);
    if split.0 < ballots.len() {
        return split;
    }
    // The pivot is the largest score: split off everything below it, unless nothing is.
    let below = split_by(ballots, stake, |score| score < pivot);
    if below.0 == 0 { split } else { below }
}

/// Moves the chosen scores to the front; answers how many, and their stake. Without branches: a ballot that
/// is not chosen stays in the back even though it is swapped.
fn split_by(ballots: &mut [Entry], stake: &[I32F32], chosen: impl Fn(I32F32) -> bool) -> (usize, I32F32) {
    let (mut front, mut sum) = (0, I32F32::ZERO);
    for i in 0..ballots.len() {
        let ballot = ballots[i];
        let is_chosen = chosen(ballot.1);
        ballots[i] = ballots[front];
        ballots[front] = ballot;
        front += usize::from(is_chosen);
        let ballot_stake = stake[usize::from(ballot.0)];
        sum = sum.wrapping_add(if is_chosen { ballot_stake } else { I32F32::ZERO });
    }
    (front, sum)
}

fn select_sorted(ballots: &mut [Entry], stake: &[I32F32], minority: I32F32, mut below: I32F32) -> I32F32 {
    ballots.sort_unstable_by_key(|(_, score)| *score);
    let mut i = 0;
    while i < ballots.len() {
        let score = ballots[i].1;
        while i < ballots.len() && ballots[i].1 == score {
            below = below.wrapping_add(stake[usize::from(ballots[i].0)]);
            i += 1;
        }
        if minority < below {
            return score;
        }
    }
    ballots.last().map_or(I32F32::ZERO, |(_, score)| *score)
}

/// Weighted median of one list of scores, with the minority given (the helper that vectors hold).
///
/// Lists longer than there are uids are cut to that length.
#[must_use]
pub fn weighted_median(stake: &[I32F32], score: &[I32F32], minority: I32F32) -> I32F32 {
    let mut ballots: Vec<Entry> = (0..=u16::MAX).zip(score.iter().copied()).take(stake.len()).collect();
    select(&mut ballots, stake, minority, I32F32::ZERO)
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
    a: &[Entry],
    b: &[Entry],
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
            let mut ballots: Vec<Entry> = (0..=u16::MAX).zip(score.iter().copied()).collect();
            let sorted = select_sorted(&mut ballots, &stake, I32F32::from_bits(minority), I32F32::ZERO);
            prop_assert_eq!(weighted_median(&stake, &score, I32F32::from_bits(minority)), sorted);
        }
    }
}
