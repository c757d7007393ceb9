//! Sparse matrices as rows of `(column, value)` in stored order.

use super::recycle;
use crate::fixed::{I32F32, Reciprocal};

/// One stored entry.
pub type Entry = (u16, I32F32);

/// A matrix of ordered rows, packed into one allocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rows {
    ends: Vec<usize>,
    entries: Vec<Entry>,
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        let mut entries = recycle::take(self.entries.len());
        entries.extend_from_slice(&self.entries);
        Self { ends: self.ends.clone(), entries }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        recycle::give(std::mem::take(&mut self.entries));
    }
}

impl Rows {
    /// An empty matrix with room for `rows` rows and `entries` entries.
    #[must_use]
    pub fn with_capacity(rows: usize, entries: usize) -> Self {
        Self { ends: Vec::with_capacity(rows), entries: recycle::take(entries) }
    }

    /// Packs the given rows.
    #[must_use]
    pub fn from_rows<R: AsRef<[Entry]>>(rows: &[R]) -> Self {
        let mut packed = Self::with_capacity(rows.len(), 0);
        for row in rows {
            packed.entries.extend_from_slice(row.as_ref());
            packed.end_row();
        }
        packed
    }

    /// Appends an entry to the row that is being built.
    #[inline]
    pub fn push(&mut self, column: u16, value: I32F32) {
        self.entries.push((column, value));
    }

    /// Appends values by column where the pattern is positive; both are bits of numbers up to one.
    pub(super) fn push_where(&mut self, pattern: &[u64], values: &[u64]) {
        let mut end = self.entries.len();
        self.entries.resize(end + values.len(), (0, I32F32::ZERO));
        for (j, (pattern, value)) in pattern.iter().zip(values).enumerate() {
            self.entries[end] = (j as u16, I32F32::from_bits(*value as i64));
            end += usize::from(*pattern > 0);
        }
        self.entries.truncate(end);
    }

    /// Finishes the row that is being built.
    #[inline]
    pub fn end_row(&mut self) {
        self.ends.push(self.entries.len());
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of stored entries.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        start..self.ends[row]
    }

    /// Entries of a row in stored order.
    #[must_use]
    #[inline]
    pub fn row(&self, row: usize) -> &[Entry] {
        &self.entries[self.range(row)]
    }

    /// All rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &[Entry]> {
        (0..self.len()).map(|i| self.row(i))
    }

    /// The last finished or unfinished row's entries, for in-place work before [`Rows::end_row`].
    pub(super) fn open_row_mut(&mut self) -> &mut [Entry] {
        let start = self.ends.last().copied().unwrap_or(0);
        &mut self.entries[start..]
    }

    /// Replaces or drops every entry, keeping the order.
    #[must_use]
    pub fn filter_map(&self, mut f: impl FnMut(usize, u16, I32F32) -> Option<I32F32>) -> Self {
        let mut out = Self::with_capacity(self.len(), self.entry_count());
        for (i, row) in self.iter().enumerate() {
            for (j, v) in row {
                if let Some(v) = f(i, *j, *v) {
                    out.push(*j, v);
                }
            }
            out.end_row();
        }
        out
    }

    /// Plain (wrapping) sum of every row.
    #[must_use]
    pub fn row_sums(&self) -> Vec<I32F32> {
        self.iter().map(|row| row.iter().fold(I32F32::ZERO, |acc, (_, v)| acc.wrapping_add(*v))).collect()
    }

    /// Divides every row by its sum where that is positive.
    pub fn normalise_rows(&mut self) {
        for i in 0..self.len() {
            let range = self.range(i);
            normalise_row(&mut self.entries[range]);
        }
    }

    /// Divides every column by its saturating sum where that is nonzero.
    pub fn normalise_columns(&mut self, columns: usize) {
        self.divide_columns(&self.column_sums(columns));
    }

    /// Divides every column by its largest value where that is nonzero.
    pub fn upscale_columns(&mut self, columns: usize) {
        let mut largest = vec![I32F32::ZERO; columns];
        for (j, v) in &self.entries {
            if let Some(max) = largest.get_mut(usize::from(*j)) {
                *max = (*max).max(*v);
            }
        }
        self.divide_columns(&largest);
    }

    fn divide_columns(&mut self, divisors: &[I32F32]) {
        let reciprocals: Vec<Reciprocal> = divisors.iter().map(|d| Reciprocal::new(*d)).collect();
        for (j, v) in &mut self.entries {
            if let Some(reciprocal) = reciprocals.get(usize::from(*j)).filter(|r| !r.divisor().is_zero()) {
                *v = reciprocal.divide(*v);
            }
        }
    }

    /// Saturating column sums.
    #[must_use]
    pub fn column_sums(&self, columns: usize) -> Vec<I32F32> {
        let mut sums = vec![I32F32::ZERO; columns];
        for (j, v) in &self.entries {
            if let Some(sum) = sums.get_mut(usize::from(*j)) {
                *sum = sum.saturating_add(*v);
            }
        }
        sums
    }

    /// `out_j = Σ_i x_i · m_ij`, saturating, rows ascending.
    #[must_use]
    pub fn weighted_column_sums(&self, x: &[I32F32], columns: usize) -> Vec<I32F32> {
        let mut out = vec![I32F32::ZERO; columns];
        for (row, x) in self.iter().zip(x) {
            for (j, v) in row {
                if let Some(sum) = out.get_mut(usize::from(*j)) {
                    *sum = sum.saturating_add(x.saturating_mul(*v));
                }
            }
        }
        out
    }

    /// `out_i = Σ_j m_ij · x_j`, saturating, in stored order.
    #[must_use]
    pub fn weighted_row_sums(&self, x: &[I32F32]) -> Vec<I32F32> {
        let product = |(j, v): &Entry| x.get(usize::from(*j)).map_or(I32F32::ZERO, |x| v.saturating_mul(*x));
        let add = |acc: I32F32, e: &Entry| acc.saturating_add(product(e));
        self.iter().map(|row| row.iter().fold(I32F32::ZERO, add)).collect()
    }
}

/// Divides a row by its plain sum where that is positive.
pub(super) fn normalise_row(row: &mut [Entry]) {
    let total = row.iter().fold(I32F32::ZERO, |acc, (_, v)| acc.wrapping_add(*v));
    if total > I32F32::ZERO {
        let total = Reciprocal::new(total);
        row.iter_mut().for_each(|(_, v)| *v = total.divide(*v));
    }
}
