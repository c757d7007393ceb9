//! Bonds of the classic simulator's variants: Yuma 1, 2B and 2C.
//!
//! These are the variants as they are described for that simulator (emission mathematics, section 10.2), read by
//! us and written in the chain's fixed-point arithmetic. **None of them is or was a rule of the chain**, and
//! there are no vectors to hold them to. They share the chain's consensus, clipping and incentive; only
//! bonds and dividends differ. With stake `S`, weights `W̃` (clipped as far as the bonds penalty says), incentive
//! `I`, columns normalised by `N(·)`:
//!
//! | version | bonds of the epoch | dividends |
//! |---|---|---|
//! | Yuma 1 | `B = N(S·W̃)` | `Σ B·I` |
//! | Yuma 2B | `B = N(a·N(S·W̃ of the epoch before, clipped at today's consensus) + (1-a)·B)` | `Σ B·I` |
//! | Yuma 2C | `B = min(S, (1-d)·B + W̃·min(c·S, S-B))`, decay `d`, rate `c` | `Σ N(B)·I` |

use sn3_emission::epoch::{Rows, clip_columns, ema_scalar, interpolate};
use sn3_emission::fixed::I32F32;
use sn3_emission::vector;

/// Share of a bond of Yuma 2C that decays in an epoch: 0.1.
pub(super) const DECAY: I32F32 = I32F32::from_bits(429_496_730);
/// Share of the capacity of Yuma 2C that can be bought in an epoch: 0.1.
pub(super) const PURCHASE: I32F32 = I32F32::from_bits(429_496_730);

/// What an epoch's consensus step leaves for the bonds. Rows and vectors are indexed by uid.
pub(super) struct Front<'a> {
    /// Weights by validator, each row summing to one.
    pub weights: &'a Rows,
    /// Active stake.
    pub stake: &'a [I32F32],
    /// Weighted medians.
    pub consensus: &'a [I32F32],
    /// Incentive.
    pub incentive: &'a [I32F32],
    /// Bonds penalty between 0 and 1.
    pub penalty: I32F32,
}

impl Front<'_> {
    fn columns(&self) -> usize {
        self.stake.len()
    }

    /// `W̃`: weights cut towards consensus by the penalty.
    fn penalised(&self, weights: &Rows) -> Rows {
        let clipped = clip_columns(weights, self.consensus);
        interpolate(weights, &clipped, self.penalty, self.columns()).into_owned()
    }

    /// `N(S·W̃)`.
    fn instant_bonds(&self, weights: &Rows) -> Rows {
        let times_stake = |i: usize, _, v: I32F32| Some(v.saturating_mul(self.stake[i]));
        let mut bonds = self.penalised(weights).filter_map(times_stake);
        bonds.normalise_columns(self.columns());
        bonds
    }

    /// Dividends of bonds that are relative within their columns.
    pub(super) fn dividends(&self, relative_bonds: &Rows) -> Vec<I32F32> {
        let mut dividends = relative_bonds.weighted_row_sums(self.incentive);
        vector::normalise(&mut dividends);
        dividends
    }

    /// Yuma 1: the bonds are this epoch's alone.
    pub(super) fn yuma1(&self) -> Rows {
        self.instant_bonds(self.weights)
    }

    /// Yuma 2B: a moving average at rate `a` of the bonds that the `previous` epoch's weights buy.
    pub(super) fn yuma2b(&self, previous: &Rows, old: &Rows, a: I32F32) -> Rows {
        let mut bonds = ema_scalar(&self.instant_bonds(previous), old, a, self.columns());
        bonds.normalise_columns(self.columns());
        bonds
    }

    /// Yuma 2C: decay, then purchases by weight, within a capacity that is one's stake.
    pub(super) fn yuma2c(&self, old: &Rows) -> Rows {
        let weights = dense(&self.penalised(self.weights), self.columns());
        let old = dense(old, self.columns());
        let mut bonds = Rows::with_capacity(self.columns(), 0);
        for (i, capacity) in self.stake.iter().enumerate() {
            for j in 0..self.columns() {
                let bond = purchased(weights[i][j], old[i][j], *capacity);
                if bond > I32F32::ZERO {
                    bonds.push(j as u16, bond);
                }
            }
            bonds.end_row();
        }
        bonds
    }
}

/// One bond of Yuma 2C after an epoch.
fn purchased(weight: I32F32, old: I32F32, capacity: I32F32) -> I32F32 {
    let free = capacity.saturating_sub(old).max(I32F32::ZERO);
    let affordable = PURCHASE.saturating_mul(capacity).min(free);
    let kept = I32F32::ONE.saturating_sub(DECAY).saturating_mul(old);
    kept.saturating_add(weight.saturating_mul(affordable)).min(capacity)
}

fn dense(rows: &Rows, columns: usize) -> Vec<Vec<I32F32>> {
    let mut out = vec![vec![I32F32::ZERO; columns]; columns];
    for (out, row) in out.iter_mut().zip(rows.iter()) {
        row.iter().for_each(|(j, v)| out[usize::from(*j)] = *v);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(x: f64) -> I32F32 {
        I32F32::from_bits((x * 2f64.powi(32)) as i64)
    }

    fn value(x: I32F32) -> f64 {
        x.to_bits() as f64 / 2f64.powi(32)
    }

    fn rows(of: &[&[f64]]) -> Rows {
        let row = |r: &&[f64]| r.iter().enumerate().map(|(j, v)| (j as u16, parts(*v))).collect::<Vec<_>>();
        Rows::from_rows(&of.iter().map(row).collect::<Vec<_>>())
    }

    /// Two validators of 75% and 25% stake; the first is on server 0, the second on both; no clipping.
    fn with_front<T>(weights: &Rows, f: impl FnOnce(&Front<'_>) -> T) -> T {
        let stake = [parts(0.75), parts(0.25)];
        let consensus = [I32F32::ONE, I32F32::ONE];
        let incentive = [parts(0.875), parts(0.125)];
        let penalty = I32F32::ONE;
        f(&Front { weights, stake: &stake, consensus: &consensus, incentive: &incentive, penalty })
    }

    #[test]
    fn yuma_1_by_hand() {
        // Column 0: 0.75·1 and 0.25·0.5, so 6/7 and 1/7; column 1: the second one alone.
        let weights = rows(&[&[1.0, 0.0], &[0.5, 0.5]]);
        with_front(&weights, |front| {
            let bonds = front.yuma1();
            assert!((value(bonds.row(0)[0].1) - 6.0 / 7.0).abs() < 1e-8);
            assert!((value(bonds.row(1)[1].1) - 1.0).abs() < 1e-8);
            // 0.875·6/7 = 0.75 and the rest.
            assert!((value(front.dividends(&bonds)[0]) - 0.75).abs() < 1e-8);
        });
    }

    #[test]
    fn yuma_2b_by_hand() {
        // The epoch before, both were on server 0: instant bonds 0.75 and 0.25; a tenth of them over old
        // bonds of 0 and 1 gives 0.075 and 0.925.
        let (weights, previous) = (rows(&[&[1.0, 0.0], &[0.0, 1.0]]), rows(&[&[1.0, 0.0], &[1.0, 0.0]]));
        let old = rows(&[&[], &[1.0]]);
        with_front(&weights, |front| {
            let bonds = front.yuma2b(&previous, &old, parts(0.1));
            assert!((value(bonds.row(0)[0].1) - 0.075).abs() < 1e-8, "{:?}", bonds.row(0));
            assert!((value(bonds.row(1)[0].1) - 0.925).abs() < 1e-8);
        });
    }

    #[test]
    fn yuma_2c_by_hand() {
        // Capacity 0.75, old bond 0.7: 0.63 is kept, and of the free 0.05 weight 1 buys all: 0.68.
        assert!((value(purchased(I32F32::ONE, parts(0.7), parts(0.75))) - 0.68).abs() < 1e-8);
        // From nothing, half the weight buys half a tenth of the capacity.
        assert!((value(purchased(parts(0.5), I32F32::ZERO, parts(0.75))) - 0.0375).abs() < 1e-8);
        // Without stake a bond is gone at once.
        assert_eq!(purchased(I32F32::ONE, parts(0.5), I32F32::ZERO), I32F32::ZERO);
    }
}
