//! The loop in which compression spends its time: add a chunk's delta to its error, and note what may be kept.
//!
//! Written twice: portable, and with AVX-512, which puts the few large values of a register side by side in one
//! instruction. Both do the same f32 operations in the same order, so they give the same bytes; a test holds
//! them against each other.

use super::select::POSITIONS_MAX;

/// Values of one AVX-512 register; the portable loop looks at as many together.
const LANES: usize = 16;
/// A register is stored whole, so there must be room behind the last candidate.
const ROOM: usize = POSITIONS_MAX + LANES;
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

/// The rows of a chunk in the values of its band.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// Position of the first value.
    pub first: usize,
    /// Positions from one row to the next.
    pub stride: usize,
    /// Rows that exist.
    pub rows: usize,
    /// Columns that exist.
    pub columns: usize,
    /// Indices from one row to the next: the width of a full chunk.
    pub width: usize,
}

impl Rows {
    /// Index of a row's first value in its chunk, and position in its band.
    fn at(&self, row: usize) -> (usize, usize) {
        (row * self.width, self.first + row * self.stride)
    }
}

/// The values of a chunk whose magnitude reached a threshold, by ascending index.
pub(super) struct Candidates {
    bits: Box<[u32; ROOM]>,
    indices: Box<[u32; ROOM]>,
    len: usize,
}

impl Candidates {
    pub fn new() -> Self {
        Self { bits: Box::new([0; ROOM]), indices: Box::new([0; ROOM]), len: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The bits of each value with its sign.
    pub fn bits(&self) -> &[u32] {
        &self.bits[..self.len]
    }

    /// The bits of each value with its sign, and its index in the chunk.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        let indices = self.indices[..self.len].iter().map(|&index| index as u16);
        self.bits[..self.len].iter().copied().zip(indices)
    }

    /// `error ← decay · error + delta` over the rows; collects the results whose magnitude is at least
    /// `threshold` (not negative).
    pub fn accumulate(
        &mut self,
        how: Instructions,
        rows: Rows,
        decay: f32,
        threshold: f32,
        (error, delta): (&mut [f32], &[f32]),
    ) {
        self.len = 0;
        match how.0 {
            Kind::Portable => {
                for row in 0..rows.rows {
                    let (index, at) = rows.at(row);
                    let error = &mut error[at..at + rows.columns];
                    for (e, d) in error.iter_mut().zip(&delta[at..at + rows.columns]) {
                        *e = decay * *e + *d;
                    }
                    self.append(index, threshold.to_bits(), error);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::accumulate(self, rows, decay, threshold.to_bits(), error, delta),
        }
    }

    /// Collects again, with another threshold.
    pub fn collect(&mut self, how: Instructions, rows: Rows, threshold: f32, error: &[f32]) {
        self.len = 0;
        match how.0 {
            Kind::Portable => {
                for row in 0..rows.rows {
                    let (index, at) = rows.at(row);
                    self.append(index, threshold.to_bits(), &error[at..at + rows.columns]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::collect(self, rows, threshold.to_bits(), error),
        }
    }

    /// Appends those of `values` that reach the threshold; the bits of magnitudes order like magnitudes.
    fn append(&mut self, mut index: usize, threshold: u32, values: &[f32]) {
        let reaches = |value: f32| value.to_bits() & MAGNITUDE >= threshold;
        for group in values.chunks(LANES) {
            // No early end: so the whole group is looked at in vector registers, and most groups have none.
            if group.iter().fold(false, |any, &value| any | reaches(value)) {
                for (lane, &value) in group.iter().enumerate() {
                    self.bits[self.len] = value.to_bits();
                    self.indices[self.len] = (index + lane) as u32;
                    self.len += usize::from(reaches(value));
                }
            }
            index += LANES;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    //! The only `unsafe` of this crate: instructions that not every processor has, on pointers from slices
    //! whose bounds are checked just before.

    #![allow(unsafe_code, reason = "instructions of the processor take pointers")]

    use std::arch::x86_64::{
        __m512, __m512i, __mmask16, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_add_ps,
        _mm512_and_si512, _mm512_castps_si512, _mm512_cmpge_epu32_mask, _mm512_mask_storeu_ps,
        _mm512_maskz_compress_epi32, _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_setr_epi32, _mm512_storeu_si512,
    };

    use super::{Candidates, LANES, MAGNITUDE, ROOM, Rows};

    /// Values ahead that are fetched: a chunk's width.
    const AHEAD: usize = 64;

    pub(super) fn accumulate(
        candidates: &mut Candidates,
        rows: Rows,
        decay: f32,
        threshold: u32,
        error: &mut [f32],
        delta: &[f32],
    ) {
        for row in 0..rows.rows {
            let (index, at) = rows.at(row);
            let (error, delta) = (&mut error[at..at + rows.columns], &delta[at..at + rows.columns]);
            // SAFETY: `Kind::Avx512` is only made where the processor has AVX-512F; both slices have the same
            // length, and the candidates' room was checked by `row_fits`.
            unsafe {
                row_fits(candidates, rows.columns);
                accumulate_row(candidates, index, decay, threshold, error, delta);
            }
        }
    }

    pub(super) fn collect(candidates: &mut Candidates, rows: Rows, threshold: u32, error: &[f32]) {
        for row in 0..rows.rows {
            let (index, at) = rows.at(row);
            let values = &error[at..at + rows.columns];
            // SAFETY: as in `accumulate`.
            unsafe {
                row_fits(candidates, rows.columns);
                collect_row(candidates, index, threshold, values);
            }
        }
    }

    /// A row adds at most its columns, and each store writes a whole register from the current end.
    fn row_fits(candidates: &Candidates, columns: usize) {
        assert!(candidates.len + columns + LANES <= ROOM, "a chunk has at most 4,096 values");
    }

    /// The lanes of the register at `at` that a row of `columns` values has.
    fn lanes(columns: usize, at: usize) -> __mmask16 {
        if columns - at >= LANES { !0 } else { (1 << (columns - at)) - 1 }
    }

    /// # Safety
    /// The processor must have AVX-512F, both slices one length, and the candidates room for the row and a
    /// register.
    #[target_feature(enable = "avx512f,popcnt")]
    unsafe fn accumulate_row(
        candidates: &mut Candidates,
        index: usize,
        decay: f32,
        threshold: u32,
        error: &mut [f32],
        delta: &[f32],
    ) {
        let mut appender = Appender::new(candidates, index, threshold);
        let decay = _mm512_set1_ps(decay);
        for at in (0..error.len()).step_by(LANES) {
            let mask = lanes(error.len(), at);
            // SAFETY: the mask names only lanes inside both slices; the appender's room is the caller's promise.
            unsafe {
                let e = _mm512_maskz_loadu_ps(mask, error.as_ptr().add(at));
                let d = _mm512_maskz_loadu_ps(mask, delta.as_ptr().add(at));
                // The same row of the next chunk, which no prefetcher of the processor foresees. A prefetch
                // beyond the end reads nothing and cannot fault.
                _mm_prefetch::<_MM_HINT_T0>(error.as_ptr().wrapping_add(at + AHEAD).cast());
                _mm_prefetch::<_MM_HINT_T0>(delta.as_ptr().wrapping_add(at + AHEAD).cast());
                // Two roundings, as in the portable loop: no fused multiply-add.
                let sum = _mm512_add_ps(_mm512_mul_ps(decay, e), d);
                _mm512_mask_storeu_ps(error.as_mut_ptr().add(at), mask, sum);
                appender.append(mask, sum);
            }
        }
    }

    /// # Safety
    /// As `accumulate_row`.
    #[target_feature(enable = "avx512f,popcnt")]
    unsafe fn collect_row(candidates: &mut Candidates, index: usize, threshold: u32, values: &[f32]) {
        let mut appender = Appender::new(candidates, index, threshold);
        for at in (0..values.len()).step_by(LANES) {
            let mask = lanes(values.len(), at);
            // SAFETY: the mask names only lanes inside the slice; the room is the caller's promise.
            unsafe { appender.append(mask, _mm512_maskz_loadu_ps(mask, values.as_ptr().add(at))) };
        }
    }

    struct Appender<'a> {
        candidates: &'a mut Candidates,
        index: __m512i,
        threshold: __m512i,
    }

    impl<'a> Appender<'a> {
        #[target_feature(enable = "avx512f")]
        #[inline]
        fn new(candidates: &'a mut Candidates, index: usize, threshold: u32) -> Self {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let index = _mm512_add_epi32(_mm512_set1_epi32(index as i32), lanes);
            Self { candidates, index, threshold: _mm512_set1_epi32(threshold as i32) }
        }

        /// Appends the lanes of `mask` that reach the threshold, without a branch.
        ///
        /// # Safety
        /// The candidates must have room for a register.
        #[target_feature(enable = "avx512f,popcnt")]
        #[inline]
        unsafe fn append(&mut self, mask: __mmask16, values: __m512) {
            let bits = _mm512_castps_si512(values);
            let magnitudes = _mm512_and_si512(bits, _mm512_set1_epi32(MAGNITUDE as i32));
            let reached = mask & _mm512_cmpge_epu32_mask(magnitudes, self.threshold);
            let end = self.candidates.len;
            // SAFETY: the caller's promise.
            unsafe {
                let (to_bits, to_indices) = (
                    self.candidates.bits.as_mut_ptr().add(end),
                    self.candidates.indices.as_mut_ptr().add(end),
                );
                _mm512_storeu_si512(to_bits.cast(), _mm512_maskz_compress_epi32(reached, bits));
                _mm512_storeu_si512(to_indices.cast(), _mm512_maskz_compress_epi32(reached, self.index));
            }
            self.candidates.len += reached.count_ones() as usize;
            self.index = _mm512_add_epi32(self.index, _mm512_set1_epi32(LANES as i32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_instructions_collects_the_same() {
        for (rows, columns, width, stride) in
            [(64, 64, 64, 130), (3, 7, 64, 7), (1, 4096, 4096, 4096), (50, 49, 50, 60)]
        {
            let rows = Rows { first: 2, stride, rows, columns, width };
            let values = |seed: f32| -> Vec<f32> {
                (0..2 + rows.rows * stride)
                    .map(|i| (i as f32 * seed).sin() * (i as f32 * 0.11).cos())
                    .collect()
            };
            let run = |how| {
                let (mut candidates, mut error) = (Candidates::new(), values(0.37));
                candidates.accumulate(how, rows, 0.95, 0.9, (&mut error, &values(0.73)));
                let first: Vec<_> = candidates.iter().collect();
                candidates.collect(how, rows, 0.2, &error);
                let bits: Vec<u32> = error.iter().map(|e| e.to_bits()).collect();
                (first, candidates.iter().collect::<Vec<_>>(), bits)
            };
            let plain = run(Instructions::PORTABLE);
            assert!(plain.0.len() < plain.1.len() || rows.rows == 3, "{rows:?}");
            for how in Instructions::all() {
                assert_eq!(run(how), plain, "{} {rows:?}", how.name());
            }
        }
    }
}
