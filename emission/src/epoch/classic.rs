//! The epoch before Yuma3: permits with ties, and liquid alpha by quantiles of the consensus (runtime timeline,
//! section 4.2; specs 233 to 272).

use super::EpochParams;
use super::bonds::BondsStep;
use super::rows::{Entry, Rows};
use crate::fixed::{I32F32, exp_safe, safe_ln, u16_proportion};

/// Whether each element is among the `k` largest, zeros included; of equal values the later ones are.
#[must_use]
pub(super) fn is_topk(x: &[I32F32], k: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by_key(|i| x[*i]);
    let mut kept = vec![true; x.len()];
    for dropped in &order[..x.len().saturating_sub(k)] {
        kept[*dropped] = false;
    }
    kept
}

/// A quartile of all values: linear between neighbours of the sorted list. Zero without values.
///
/// ```
/// use sn3_emission::{epoch::quantile, fixed::I32F32};
/// let values = [4, 0, 8, 2].map(I32F32::from_int);
/// assert_eq!(quantile(&values, 3), I32F32::from_int(5)); // position 2.25 of 0, 2, 4, 8
/// assert_eq!(quantile(&values, 1).to_bits(), 3 << 31); // position 0.75
/// ```
#[must_use]
pub fn quantile(values: &[I32F32], quarters: u8) -> I32F32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else { return I32F32::ZERO };
    let position = usize::from(quarters.min(4)) * last;
    let (at, rest) = (position / 4, position % 4);
    if rest == 0 {
        return sorted[at];
    }
    let part = I32F32::from_bits((rest as i64) << 30);
    sorted[at].saturating_add(sorted[at + 1].saturating_sub(sorted[at]).saturating_mul(part))
}

/// Each column's rate by where its consensus lies between the quartiles; `None` when the consensus is flat at
/// zero and the plain rate applies. `low` and `high` are the bounds.
///
/// ```
/// use sn3_emission::{epoch::column_rates, fixed::I32F32};
/// let (low, high) = (I32F32::from_bits(7 << 29), I32F32::from_bits(15 << 28)); // 7/8 and 15/16
/// let consensus = [0, 1, 2, 3, 4].map(|c| I32F32::from_bits(c << 30)); // 0, 1/4, 1/2, 3/4, 1
/// let rates = column_rates(&consensus, low, high).unwrap();
/// // At the quartiles the sigmoid passes through the bounds, and beyond it is clamped.
/// assert!((rates[1].to_bits() - low.to_bits()).abs() < 4_096);
/// assert!((rates[3].to_bits() - high.to_bits()).abs() < 4_096);
/// assert_eq!((rates[0], rates[4]), (low, high));
/// assert_eq!(column_rates(&[I32F32::ZERO; 3], low, high), None);
/// ```
#[must_use]
pub fn column_rates(consensus: &[I32F32], low: I32F32, high: I32F32) -> Option<Vec<I32F32>> {
    let (top, bottom) = (quantile(consensus, 3), quantile(consensus, 1));
    if top <= bottom && top.is_zero() && bottom >= I32F32::ZERO {
        return None;
    }
    let (slope, offset) = sigmoid_through(bottom, top, low, high);
    let rate = |c: &I32F32| {
        let exponential = exp_safe(offset.saturating_sub(slope.saturating_mul(*c)));
        I32F32::ONE.safe_div(I32F32::ONE.saturating_add(exponential)).max(low).min(high)
    };
    Some(consensus.iter().map(rate).collect())
}

/// Slope and offset of the sigmoid that passes `low` at `bottom` and `high` at `top`.
fn sigmoid_through(bottom: I32F32, top: I32F32, low: I32F32, high: I32F32) -> (I32F32, I32F32) {
    if top <= bottom || low.is_zero() || high.is_zero() {
        return (I32F32::ZERO, I32F32::ZERO);
    }
    let logit = |v: I32F32| safe_ln(I32F32::ONE.safe_div(v).saturating_sub(I32F32::ONE));
    let slope = logit(high).saturating_sub(logit(low)).safe_div(bottom.saturating_sub(top));
    (slope, logit(low).saturating_add(slope.saturating_mul(bottom)))
}

impl BondsStep<'_> {
    /// Yuma2 whose moving average has a rate per column when liquid alpha is on and there is a consensus.
    pub(super) fn yuma2_by_quantiles(self, params: &EpochParams) -> (Rows, Vec<I32F32>) {
        let (low, high) = (u16_proportion(params.alpha_low), u16_proportion(params.alpha_high));
        let liquid = params.liquid_alpha_on && self.consensus.iter().any(|c| !c.is_zero());
        let rates = if liquid { column_rates(self.consensus, low, high) } else { None };
        match rates {
            Some(rates) => self.relative_bonds(|delta, bonds| ema_by_column(delta, bonds, &rates)),
            None => self.yuma2(),
        }
    }
}

/// Moving average with a rate per column; entries that round to zero die, columns come out ascending.
fn ema_by_column(new: &Rows, old: &Rows, rates: &[I32F32]) -> Rows {
    let mut out = Rows::with_capacity(new.len(), new.entry_count().max(old.entry_count()));
    let mut sums = vec![I32F32::ZERO; rates.len()];
    for (new, old) in new.iter().zip(old.iter()) {
        add_scaled(&mut sums, new, |j| rates[j]);
        add_scaled(&mut sums, old, |j| I32F32::ONE.saturating_sub(rates[j]));
        for (j, sum) in sums.iter_mut().enumerate() {
            if *sum > I32F32::ZERO {
                out.push(j as u16, *sum);
            }
            *sum = I32F32::ZERO;
        }
        out.end_row();
    }
    out
}

fn add_scaled(sums: &mut [I32F32], row: &[Entry], rate: impl Fn(usize) -> I32F32) {
    for (j, v) in row {
        let j = usize::from(*j);
        if let Some(sum) = sums.get_mut(j) {
            *sum = sum.saturating_add(rate(j).saturating_mul(*v));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_given_to_zeros_too() {
        let x = [2, 0, 0].map(I32F32::from_int);
        assert_eq!(is_topk(&x, 2), [true, false, true]);
        assert_eq!(is_topk(&x, 5), [true; 3]);
    }

    /// One row, one column: `0.75 · 1 + 0.25 · 0.5 = 0.875`.
    #[test]
    fn the_average_blends_by_column() {
        let half = I32F32::from_bits(1 << 31);
        let new = Rows::from_rows(&[vec![(1, I32F32::ONE)]]);
        let old = Rows::from_rows(&[vec![(1, half)]]);
        let rates = [I32F32::ONE, I32F32::from_bits(3 << 30)];
        let row = ema_by_column(&new, &old, &rates);
        assert_eq!(row.row(0), [(1, I32F32::from_bits(7 << 29))]);
    }
}
