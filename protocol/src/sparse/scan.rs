//! The loop in which compression spends its time: sum a chunk's decayed error and delta, and mark what may be
//! kept.
//!
//! Sums lie in the processor's nearest cache, in rows of 64; marks are one bit a sum, a word a row, so that they
//! are counted and found without looking at the sums again.
//!
//! Written twice: portable, and with AVX-512, where a comparison of 16 values is 16 bits already. Both do the
//! same f32 operations in the same order, so they give the same bytes; a test holds them against each other.

use super::select::POSITIONS_MAX;

/// Values of a row, and bits of its word.
pub(super) const ROW: usize = 64;
/// Rows of a chunk.
const ROWS_MAX: usize = POSITIONS_MAX / ROW;
/// All bits of a float but its sign.
pub(super) const MAGNITUDE: u32 = 0x7fff_ffff;

/// The instructions that compression runs on. All of them give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    // Only made by `Instructions::all`, after the processor said that it has them.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// Those that every machine has.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// All that this machine has, the fastest last.
    #[must_use]
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            return vec![Self::PORTABLE, Self(Kind::Avx512)];
        }
        vec![Self::PORTABLE]
    }

    /// The fastest that this machine has.
    #[must_use]
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self::PORTABLE)
    }

    /// Their name: `portable` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }
}

/// The rows of a chunk in the values of its band, each of at most [`ROW`] values. A chunk that is one long row is
/// seen as several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// Position of the first value.
    pub first: usize,
    /// Positions from one row to the next.
    pub stride: usize,
    /// Number of rows.
    pub count: usize,
    /// Values of each row but the last.
    pub columns: usize,
    /// Values of the last row.
    pub last: usize,
    /// Indices from one row to the next: the width of a full chunk.
    pub width: usize,
}

impl Rows {
    /// The positions of a row's values in the band.
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let columns = if row + 1 == self.count { self.last } else { self.columns };
        let start = self.first + row * self.stride;
        start..start + columns
    }
}

/// The sums of a chunk, and which of them reach a threshold.
pub(super) struct Sums {
    how: Instructions,
    /// Rows of 64; what the chunk does not have is 0 and never marked.
    values: Box<[[f32; ROW]; ROWS_MAX]>,
    /// The bits of values that exist.
    exist: Box<[u64; ROWS_MAX]>,
    marks: Box<[u64; ROWS_MAX]>,
    rows: usize,
    width: usize,
}

impl Sums {
    pub fn new(how: Instructions) -> Self {
        let (values, words) = (Box::new([[0.0; ROW]; ROWS_MAX]), Box::new([0; ROWS_MAX]));
        Self { how, values, exist: words.clone(), marks: words, rows: 0, width: ROW }
    }

    /// Sums `decay · error + delta` over the rows and marks what has at least the magnitude `threshold`; the bits
    /// of magnitudes order like magnitudes. Returns how many are marked.
    pub fn load(&mut self, rows: Rows, decay: f32, threshold: u32, error: &[f32], delta: &[f32]) -> usize {
        (self.rows, self.width) = (rows.count, rows.width);
        for row in 0..rows.count {
            let range = rows.range(row);
            self.exist[row] = u64::MAX >> (ROW - range.len());
            let (error, delta) = (&error[range.clone()], &delta[range]);
            match self.how.0 {
                Kind::Portable => {
                    sum(decay, error, delta, &mut self.values[row]);
                    self.marks[row] = mark(threshold, &self.values[row]) & self.exist[row];
                }
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => {
                    let reached = avx512::sum(decay, threshold, error, delta, &mut self.values[row]);
                    self.marks[row] = reached & self.exist[row];
                }
            }
        }
        self.marked()
    }

    /// Marks again, with another threshold; returns how many are marked.
    pub fn mark(&mut self, threshold: u32) -> usize {
        for row in 0..self.rows {
            let reached = match self.how.0 {
                Kind::Portable => mark(threshold, &self.values[row]),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => avx512::mark(threshold, &self.values[row]),
            };
            self.marks[row] = reached & self.exist[row];
        }
        self.marked()
    }

    fn marked(&self) -> usize {
        self.marks[..self.rows].iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Calls `visit` with the index in the chunk and the value of each marked sum, by ascending index.
    #[inline]
    pub fn for_each_marked(&self, mut visit: impl FnMut(usize, f32)) {
        for (row, (&word, values)) in self.marks[..self.rows].iter().zip(self.values.iter()).enumerate() {
            let mut rest = word;
            while rest != 0 {
                let lane = rest.trailing_zeros() as usize;
                visit(row * self.width + lane, values[lane % ROW]);
                rest &= rest - 1;
            }
        }
    }
}

/// Two roundings: never a fused multiply-add.
fn sum(decay: f32, error: &[f32], delta: &[f32], sums: &mut [f32; ROW]) {
    for ((sum, e), d) in sums.iter_mut().zip(error).zip(delta) {
        *sum = decay * *e + *d;
    }
}

/// One bit for each value, without a branch: bytes of 0 and 1, and eight of them gathered by a product.
fn mark(threshold: u32, values: &[f32; ROW]) -> u64 {
    const BYTES: usize = 8;
    /// Times bytes of 0 and 1, bit `56 + i` is byte `i`; no two of the products meet in a bit.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    // As signed numbers, which older instructions compare; both are below 2³¹.
    let reaches = |value: f32| u8::from((value.to_bits() & MAGNITUDE) as i32 >= threshold as i32);
    let bytes: [u8; ROW] = values.map(reaches);
    let (groups, _) = bytes.as_chunks::<BYTES>();
    let gathered = |group: &[u8; BYTES]| u64::from_le_bytes(*group).wrapping_mul(GATHER) >> 56;
    groups.iter().enumerate().fold(0, |word, (number, group)| word | gathered(group) << (BYTES * number))
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    //! The only `unsafe` of this crate: instructions that not every processor has, on pointers from slices
    //! whose bounds are checked just before.

    #![allow(unsafe_code, reason = "instructions of the processor take pointers")]

    use std::arch::x86_64::{
        __m512, __mmask16, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512,
        _mm512_cmpge_epu32_mask, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32,
        _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::{MAGNITUDE, ROW};

    /// Values of a register.
    const LANES: usize = 16;

    /// Sums a row and returns which of its 64 lanes reach the threshold; lanes without a value hold 0.
    pub(super) fn sum(
        decay: f32,
        threshold: u32,
        error: &[f32],
        delta: &[f32],
        sums: &mut [f32; ROW],
    ) -> u64 {
        assert!(error.len() == delta.len() && error.len() <= ROW, "a row has at most 64 values");
        // SAFETY: `Kind::Avx512` is only made where the processor has AVX-512F; the lengths were checked.
        unsafe { sum_row(decay, threshold, error, delta, sums) }
    }

    /// Which of a row's 64 lanes reach the threshold.
    pub(super) fn mark(threshold: u32, values: &[f32; ROW]) -> u64 {
        // SAFETY: as in `sum`.
        unsafe { mark_row(threshold, values) }
    }

    /// The lanes of the register at `at` that a row of `columns` values has.
    fn lanes(columns: usize, at: usize) -> __mmask16 {
        if columns >= at + LANES { !0 } else { ((1u32 << columns.saturating_sub(at)) - 1) as __mmask16 }
    }

    /// # Safety
    /// The processor must have AVX-512F, and both slices one length of at most 64.
    #[target_feature(enable = "avx512f")]
    unsafe fn sum_row(
        decay: f32,
        threshold: u32,
        error: &[f32],
        delta: &[f32],
        sums: &mut [f32; ROW],
    ) -> u64 {
        let (decay, mut word) = (_mm512_set1_ps(decay), 0);
        for at in (0..ROW).step_by(LANES) {
            let mask = lanes(error.len(), at);
            let (error, delta) = (error.as_ptr().wrapping_add(at), delta.as_ptr().wrapping_add(at));
            // SAFETY: the mask names only lanes inside both slices, and lanes that it does not name are not read;
            // the register at `at` lies in the row of sums.
            unsafe {
                let (e, d) = (_mm512_maskz_loadu_ps(mask, error), _mm512_maskz_loadu_ps(mask, delta));
                // The same row of the next chunk, which no prefetcher of the processor foresees; not into the
                // nearest cache, where rows that are a power of two apart push each other out. A prefetch beyond
                // the end reads nothing and cannot fault.
                _mm_prefetch::<_MM_HINT_T1>(error.wrapping_add(ROW).cast());
                _mm_prefetch::<_MM_HINT_T1>(delta.wrapping_add(ROW).cast());
                // Two roundings, as in the portable loop: no fused multiply-add.
                let sum = _mm512_add_ps(_mm512_mul_ps(decay, e), d);
                _mm512_storeu_ps(sums.as_mut_ptr().add(at), sum);
                word |= reached(threshold, sum) << at;
            }
        }
        word
    }

    /// # Safety
    /// The processor must have AVX-512F.
    #[target_feature(enable = "avx512f")]
    unsafe fn mark_row(threshold: u32, values: &[f32; ROW]) -> u64 {
        let mut word = 0;
        for at in (0..ROW).step_by(LANES) {
            // SAFETY: the register at `at` lies in the row.
            let register = unsafe { _mm512_loadu_ps(values.as_ptr().add(at)) };
            word |= reached(threshold, register) << at;
        }
        word
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn reached(threshold: u32, values: __m512) -> u64 {
        let bits = _mm512_castps_si512(values);
        let magnitudes = _mm512_and_si512(bits, _mm512_set1_epi32(MAGNITUDE as i32));
        u64::from(_mm512_cmpge_epu32_mask(magnitudes, _mm512_set1_epi32(threshold as i32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_instructions_marks_the_same() {
        for (count, columns, last, width, stride) in [
            (64, 64, 64, 64, 130),
            (3, 7, 7, 64, 7),
            (64, 64, 64, 64, 64),
            (50, 49, 49, 50, 60),
            (2, 64, 1, 64, 64),
        ] {
            let rows = Rows { first: 2, stride, count, columns, last, width };
            let values = |seed: f32| -> Vec<f32> {
                (0..2 + count * stride).map(|i| (i as f32 * seed).sin() * (i as f32 * 0.11).cos()).collect()
            };
            let (error, delta) = (values(0.37), values(0.73));
            let run = |how| {
                let (mut sums, mut seen) = (Sums::new(how), Vec::new());
                for _ in 0..2 {
                    let many = sums.load(rows, 0.95, 0.9f32.to_bits(), &error, &delta);
                    sums.for_each_marked(|index, value| seen.push((index, value.to_bits())));
                    let more = sums.mark(0.2f32.to_bits());
                    sums.for_each_marked(|index, value| seen.push((index, value.to_bits())));
                    assert!(many < more || count == 2);
                    let exist = columns * (count - 1) + last;
                    assert_eq!(sums.mark(0), exist, "what does not exist is never marked");
                }
                seen
            };
            let plainly = |threshold: f32| {
                let position = |row: usize, column: usize| 2 + row * stride + column;
                let all = (0..count).flat_map(|row| {
                    (0..if row + 1 == count { last } else { columns }).map(move |column| (row, column))
                });
                let at = |(row, column)| {
                    let at = position(row, column);
                    (row * width + column, 0.95 * error[at] + delta[at])
                };
                let all = all.map(at).filter(move |(_, sum)| sum.abs() >= threshold);
                all.map(|(index, sum)| (index, sum.to_bits())).collect::<Vec<_>>()
            };
            let expected = [plainly(0.9), plainly(0.2)].concat();
            for how in Instructions::all() {
                assert_eq!(
                    run(how),
                    [expected.clone(), expected.clone()].concat(),
                    "{} {rows:?}",
                    how.name()
                );
            }
        }
    }
}
