//! Bonds and dividends of Yuma2 and Yuma3 (emission mathematics, sections 5.2 and 5.3).

use super::liquid::LiquidAlpha;
use super::rows::{Entry, Rows};
use crate::fixed::{I32F32, I64F64, Reciprocal};

/// What a mechanism's bonds step needs from the steps before it.
pub(super) struct BondsStep<'a> {
    pub weights: &'a Rows,
    pub bonds: Rows,
    pub active_stake: &'a [I32F32],
    pub incentive: &'a [I32F32],
    pub consensus: &'a [I32F32],
    pub alpha: I32F32,
    pub liquid: Option<LiquidAlpha>,
    /// What liquid alpha reads in place of the consensus.
    pub liquid_consensus: Option<Vec<I32F32>>,
}

/// The share of the new bond in the moving average: `1 - bonds_moving_average / 10^6`.
///
/// ```
/// use sn3_emission::epoch::bonds_alpha;
/// assert_eq!(bonds_alpha(900_000).to_bits(), 429_496_730);
/// ```
#[must_use]
pub fn bonds_alpha(bonds_moving_average: u64) -> I32F32 {
    let memory = I64F64::from_int(bonds_moving_average).safe_div(I64F64::from_int(1_000_000));
    I32F32::ONE.saturating_sub(crate::fixed::Fixed::convert(memory))
}

/// Moving average `a·new + (1-a)·old`; entries that round to zero die, columns come out ascending.
#[must_use]
pub fn ema_scalar(new: &Rows, old: &Rows, a: I32F32, columns: usize) -> Rows {
    let memory = I32F32::ONE.saturating_sub(a);
    let mut out = Rows::with_capacity(new.len(), new.entry_count().max(old.entry_count()));
    let mut acc = vec![I32F32::ZERO; columns];
    for (new, old) in new.iter().zip(old.iter()) {
        if !(new.is_empty() && old.is_empty()) {
            accumulate(&mut acc, new, a);
            accumulate(&mut acc, old, memory);
            drain_positive(&mut acc, &mut out);
        }
        out.end_row();
    }
    out
}

fn accumulate(acc: &mut [I32F32], row: &[Entry], factor: I32F32) {
    for (j, v) in row {
        if let Some(sum) = acc.get_mut(usize::from(*j)) {
            *sum = sum.saturating_add(factor.saturating_mul(*v));
        }
    }
}

fn drain_positive(acc: &mut [I32F32], out: &mut Rows) {
    for (j, v) in acc.iter_mut().enumerate() {
        if *v > I32F32::ZERO {
            out.push(j as u16, *v);
        }
        *v = I32F32::ZERO;
    }
}

impl BondsStep<'_> {
    /// Yuma2: stake-weighted bond deltas, relative within a column. Answers (bonds to store, dividends).
    pub(super) fn yuma2(self) -> (Rows, Vec<I32F32>) {
        let (n, alpha) = (self.active_stake.len(), self.alpha);
        self.relative_bonds(|delta, bonds| ema_scalar(delta, bonds, alpha, n))
    }

    /// Yuma2 with any moving average.
    pub(super) fn relative_bonds(
        mut self,
        average: impl FnOnce(&Rows, &Rows) -> Rows,
    ) -> (Rows, Vec<I32F32>) {
        let n = self.active_stake.len();
        self.bonds.normalise_columns(n);
        let mut delta = self.weights.filter_map(|i, _, v| Some(v.saturating_mul(self.active_stake[i])));
        delta.normalise_columns(n);
        let mut ema = average(&delta, &self.bonds);
        ema.normalise_columns(n);
        let mut dividends = ema.weighted_row_sums(self.incentive);
        crate::vector::normalise(&mut dividends);
        ema.upscale_columns(n);
        (ema, dividends)
    }

    /// Yuma3: absolute bonds in `[0, 1]` per pair. Answers (bonds to store, dividends).
    pub(super) fn yuma3(self) -> (Rows, Vec<I32F32>) {
        let n = self.active_stake.len();
        let consensus = self.liquid_consensus.as_deref().unwrap_or(self.consensus);
        let ema = match &self.liquid {
            Some(liquid) if consensus.iter().any(|c| !c.is_zero()) => {
                liquid.ema(self.weights, &self.bonds, consensus)
            }
            _ => ema_scalar(self.weights, &self.bonds, self.alpha, n),
        };
        let sums: Vec<Reciprocal> = ema.column_sums(n).into_iter().map(Reciprocal::new).collect();
        let mut dividends: Vec<I32F32> =
            ema.iter().zip(self.active_stake).map(|(row, stake)| self.dividend(row, &sums, *stake)).collect();
        crate::vector::normalise(&mut dividends);
        (ema, dividends)
    }

    /// Relative bonds times incentive, times the validator's stake.
    fn dividend(&self, row: &[Entry], sums: &[Reciprocal], stake: I32F32) -> I32F32 {
        let mut total = I32F32::ZERO;
        for (j, v) in row {
            let column = usize::from(*j);
            if let (Some(incentive), Some(sum)) = (self.incentive.get(column), sums.get(column)) {
                let relative = if sum.divisor().is_zero() { *v } else { sum.divide(*v) };
                total = total.wrapping_add(relative.saturating_mul(*incentive));
            }
        }
        total.checked_mul(stake).unwrap_or(I32F32::ZERO)
    }
}
