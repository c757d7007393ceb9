//! Liquid alpha: a moving-average rate per pair (emission mathematics, section 5.4).

use super::rows::{Entry, Rows};
use crate::fixed::{I32F32, exp_safe, exp_safe_lanes, u16_proportion};
use crate::wide::fast;

/// The parameters of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidAlpha {
    low: I32F32,
    high: I32F32,
    /// `-steepness / 100`, the slope of the exponent.
    slope: I32F32,
    /// The rate of a pair without difference, by far the most common one.
    at_rest: I32F32,
}

impl LiquidAlpha {
    /// From the hyperparameters: bounds in 65535ths, steepness in hundredths.
    #[must_use]
    pub fn new(low: u16, high: u16, steepness: i16) -> Self {
        Self::from_fixed(u16_proportion(low), u16_proportion(high), I32F32::from_int(steepness))
    }

    /// From fixed-point bounds and steepness.
    #[must_use]
    pub fn from_fixed(low: I32F32, high: I32F32, steepness: I32F32) -> Self {
        let slope = steepness.saturating_div(I32F32::from_int(-100));
        let mut liquid = Self { low, high, slope, at_rest: I32F32::ZERO };
        liquid.at_rest = liquid.sigmoid(I32F32::ZERO);
        liquid
    }

    /// The rate for one pair: how fast a validator's bond follows its weight.
    #[must_use]
    pub fn rate(&self, consensus: I32F32, weight: I32F32, bond: I32F32) -> I32F32 {
        let difference = difference(consensus, weight, bond);
        if difference.is_zero() { self.at_rest } else { self.sigmoid(difference) }
    }

    fn sigmoid(&self, difference: I32F32) -> I32F32 {
        self.rate_of(exp_safe(self.exponent(difference)))
    }

    #[inline(always)]
    fn exponent(&self, difference: I32F32) -> I32F32 {
        let half = I32F32::from_bits(1 << 31);
        self.slope.saturating_mul(difference.saturating_sub(half))
    }

    /// The rate that belongs to the exponential of the exponent.
    #[inline(always)]
    fn rate_of(&self, exponential: I32F32) -> I32F32 {
        let share = I32F32::ONE.saturating_div(I32F32::ONE.saturating_add(exponential));
        let range = self.high.saturating_sub(self.low);
        self.low.saturating_add(share.saturating_mul(range)).min(self.high).max(self.low)
    }

    /// The bonds' moving average with this rate for every pair.
    #[must_use]
    pub(super) fn ema(&self, new: &Rows, old: &Rows, consensus: &[I32F32]) -> Rows {
        let n = consensus.len();
        let mut out = Rows::with_capacity(new.len(), new.entry_count());
        let (mut scratch, mut rates) = (Scratch::new(n), Vec::new());
        for (new, old) in new.iter().zip(old.iter()) {
            if !new.is_empty() {
                scratch.load(old);
                fast!(self.ema_row(new, &scratch, consensus, &mut rates, &mut out));
                scratch.clear(old);
            }
            out.end_row();
        }
        out
    }

    #[inline(always)]
    fn ema_row(
        &self,
        new: &[Entry],
        old: &Scratch,
        consensus: &[I32F32],
        rates: &mut Vec<I32F32>,
        out: &mut Rows,
    ) {
        let mut found = Cursor::default();
        rates.clear();
        let mut lanes = Lanes::new(self, rates);
        for (j, v) in new {
            let column = usize::from(*j);
            let seen = if found.reaches(*j) { *v } else { I32F32::ZERO };
            let difference = difference(consensus[column], seen, old.seen[column]);
            lanes.push(difference);
        }
        lanes.flush();
        for ((j, v), rate) in new.iter().zip(rates) {
            push_blend(out, *j, *v, old.stored[usize::from(*j)], *rate);
        }
    }
}

/// How far a weight is above consensus, or a bond above its weight, within `[0, 1]`.
#[inline(always)]
fn difference(consensus: I32F32, weight: I32F32, bond: I32F32) -> I32F32 {
    let difference = if weight >= bond { weight.wrapping_sub(consensus) } else { bond.wrapping_sub(weight) };
    difference.max(I32F32::ZERO).min(I32F32::ONE)
}

/// Exponentials that are computed side by side.
const LANES: usize = 8;

/// Collects differences and computes their rates [`LANES`] at a time.
struct Lanes<'a> {
    liquid: &'a LiquidAlpha,
    rates: &'a mut Vec<I32F32>,
    waiting: [(usize, I32F32); LANES],
    count: usize,
}

impl<'a> Lanes<'a> {
    fn new(liquid: &'a LiquidAlpha, rates: &'a mut Vec<I32F32>) -> Self {
        Self { liquid, rates, waiting: [(0, I32F32::ZERO); LANES], count: 0 }
    }

    #[inline(always)]
    fn push(&mut self, difference: I32F32) {
        if !difference.is_zero() {
            self.waiting[self.count] = (self.rates.len(), difference);
            self.count += 1;
        }
        self.rates.push(self.liquid.at_rest);
        if self.count == LANES {
            self.flush();
        }
    }

    #[inline(always)]
    fn flush(&mut self) {
        let exponentials =
            exp_safe_lanes(self.waiting.map(|(_, difference)| self.liquid.exponent(difference)));
        for ((at, _), exponential) in self.waiting.iter().zip(exponentials).take(self.count) {
            self.rates[*at] = self.liquid.rate_of(exponential);
        }
        self.count = 0;
    }
}

/// The bonds' moving average with any rate per pair. Only columns present in the new row survive.
#[must_use]
pub fn ema_by_pair(new: &Rows, old: &Rows, rate: impl Fn(usize, usize) -> I32F32, columns: usize) -> Rows {
    let mut out = Rows::with_capacity(new.len(), new.entry_count());
    let mut scratch = Scratch::new(columns);
    for (i, (new, old)) in new.iter().zip(old.iter()).enumerate() {
        scratch.load(old);
        for (j, v) in new {
            let column = usize::from(*j);
            push_blend(&mut out, *j, *v, scratch.stored[column], rate(i, column));
        }
        scratch.clear(old);
        out.end_row();
    }
    out
}

/// `min(1, (1 - rate)·old + max(0, rate·new))`, kept if positive.
#[inline(always)]
fn push_blend(out: &mut Rows, column: u16, new: I32F32, old: I32F32, rate: I32F32) {
    let kept = I32F32::ONE.saturating_sub(rate).saturating_mul(old);
    let added = rate.saturating_mul(new).max(I32F32::ZERO);
    let bond = kept.saturating_add(added).min(I32F32::ONE);
    if bond > I32F32::ZERO {
        out.push(column, bond);
    }
}

/// The reference looks entries up with a cursor that only moves forward: an entry behind a larger column
/// is never found.
#[derive(Default)]
struct Cursor {
    next: u32,
}

impl Cursor {
    fn reaches(&mut self, column: u16) -> bool {
        let column = u32::from(column);
        let found = column >= self.next;
        self.next = self.next.max(column + 1);
        found
    }
}

/// One row of old bonds, by column: as stored, and as the cursor sees it.
struct Scratch {
    stored: Vec<I32F32>,
    seen: Vec<I32F32>,
}

impl Scratch {
    fn new(n: usize) -> Self {
        Self { stored: vec![I32F32::ZERO; n], seen: vec![I32F32::ZERO; n] }
    }

    fn load(&mut self, row: &[Entry]) {
        let mut cursor = Cursor::default();
        for (j, v) in row {
            let found = cursor.reaches(*j);
            if let Some(stored) = self.stored.get_mut(usize::from(*j)) {
                *stored = *v;
                self.seen[usize::from(*j)] = if found { *v } else { I32F32::ZERO };
            }
        }
    }

    fn clear(&mut self, row: &[Entry]) {
        for (j, _) in row {
            if let Some(stored) = self.stored.get_mut(usize::from(*j)) {
                *stored = I32F32::ZERO;
                self.seen[usize::from(*j)] = I32F32::ZERO;
            }
        }
    }
}
