//! How a tensor is cut: which values a chunk holds, and where they lie.

use std::ops::Range;

use rayon::prelude::*;

use crate::layout::{CHUNK_SIDE_MAX, ChunkRule, Layout};
use crate::sparse::SparseTensor;

/// The largest divisor of `n` that is not above 64; the side of a chunk under [`ChunkRule::Reference`].
///
/// ```
/// # use sn3_protocol::sparse::largest_divisor;
/// assert_eq!([60, 100, 127, 262_208].map(largest_divisor), [60, 50, 1, 64]);
/// ```
#[must_use]
pub fn largest_divisor(n: usize) -> usize {
    (1..=CHUNK_SIDE_MAX.min(n)).rev().find(|side| n.is_multiple_of(*side)).unwrap_or(1)
}

/// The grid of chunks of one tensor. A 1-D tensor is one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    rows: usize,
    columns: usize,
    height: usize,
    width: usize,
    /// The power of two that `width` is, where it is one; dividing by it is then a shift.
    shift: Option<u32>,
    rule: ChunkRule,
}

/// One chunk: a rectangle of a tensor. Index `i` in it is row `i / width`, column `i % width` of the full
/// `height × width` rectangle, of which a chunk at the edge may have only the first rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// First row in the tensor.
    pub row: usize,
    /// First column in the tensor.
    pub column: usize,
    /// Rows that exist.
    pub rows: usize,
    /// Columns that exist.
    pub columns: usize,
}

impl Chunk {
    /// Number of values that exist.
    #[must_use]
    pub fn values(&self) -> usize {
        self.rows * self.columns
    }
}

/// One row of the grid. Its values are contiguous in the tensor, so bands are what threads share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Band {
    /// First position in the tensor.
    pub start: usize,
    /// Numbers of its chunks.
    pub chunks: Range<usize>,
    /// Where its kept values lie among the tensor's.
    pub kept: Range<usize>,
}

impl Chunks {
    /// The grid of tensor `index` of a layout.
    #[must_use]
    pub fn of(layout: &Layout, index: usize) -> Self {
        Self::new(&layout.tensors()[index].shape, layout.rule())
    }

    /// The grid of a tensor with one or two dimensions.
    #[must_use]
    pub fn new(shape: &[u32], rule: ChunkRule) -> Self {
        let (rows, columns) = match *shape {
            [rows, columns] => (rows as usize, columns as usize),
            _ => (1, shape.iter().map(|&n| n as usize).product()),
        };
        let two_dimensional = shape.len() == 2;
        let (height, width) = match rule {
            ChunkRule::Reference if two_dimensional => (largest_divisor(rows), largest_divisor(columns)),
            ChunkRule::Reference => (1, largest_divisor(columns)),
            ChunkRule::Padded if two_dimensional => (CHUNK_SIDE_MAX, CHUNK_SIDE_MAX),
            ChunkRule::Padded => (1, CHUNK_SIDE_MAX * CHUNK_SIDE_MAX),
        };
        let shift = width.is_power_of_two().then(|| width.trailing_zeros());
        Self { rows, columns, height, width, shift, rule }
    }

    /// Number of chunks.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.div_ceil(self.height) * self.columns.div_ceil(self.width)
    }

    /// Width of a full chunk: what an index is divided by to find its row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Positions of a full chunk; every index is below this.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.height * self.width
    }

    /// Chunk `number`, row after row of the grid.
    #[must_use]
    pub fn get(&self, number: usize) -> Chunk {
        let across = self.columns.div_ceil(self.width);
        let (row, column) = ((number / across) * self.height, (number % across) * self.width);
        Chunk {
            row,
            column,
            rows: self.height.min(self.rows - row),
            columns: self.width.min(self.columns - column),
        }
    }

    /// All chunks in order.
    pub fn iter(&self) -> impl Iterator<Item = Chunk> + '_ {
        (0..self.count()).map(|number| self.get(number))
    }

    /// How many values of `chunk` are kept.
    ///
    /// Padded: `top_k`, or all there are. Reference: at least 2 and even (training protocol, section 1.5), except
    /// that a chunk of one value keeps that one, where the reference fails.
    #[must_use]
    pub fn kept(&self, chunk: &Chunk, top_k: u32) -> usize {
        let (values, top_k) = (chunk.values(), top_k as usize);
        match self.rule {
            ChunkRule::Padded => top_k.min(values),
            ChunkRule::Reference if values < 2 => values,
            ChunkRule::Reference => (top_k.min(values) & !1).max(2),
        }
    }

    /// Kept values of all chunks together.
    #[must_use]
    pub fn kept_total(&self, top_k: u32) -> usize {
        self.iter().map(|chunk| self.kept(&chunk, top_k)).sum()
    }

    /// Whether every chunk keeps all of its values, so that positions carry no information.
    #[must_use]
    pub fn is_dense(&self, top_k: u32) -> bool {
        self.iter().all(|chunk| self.kept(&chunk, top_k) == chunk.values())
    }

    /// Where index `index` of `chunk` lies in the tensor.
    #[must_use]
    pub fn position(&self, chunk: &Chunk, index: u16) -> usize {
        let (row, column) = self.split(index);
        (chunk.row + row) * self.columns + chunk.column + column
    }

    /// Whether index `index` names a value of `chunk` that exists.
    #[must_use]
    pub fn holds(&self, chunk: &Chunk, index: u16) -> bool {
        let (row, column) = self.split(index);
        row < chunk.rows && column < chunk.columns
    }

    /// Row and column of an index in its chunk.
    #[inline]
    fn split(&self, index: u16) -> (usize, usize) {
        let index = usize::from(index);
        match self.shift {
            Some(shift) => (index >> shift, index & (self.width - 1)),
            None => (index / self.width, index % self.width),
        }
    }

    /// Columns of the tensor.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Number of values in every band but the last, which may have fewer.
    pub(crate) fn band_values(&self) -> usize {
        self.height * self.columns
    }

    /// The rows of the grid in order.
    pub(crate) fn bands(&self, top_k: u32) -> Vec<Band> {
        let across = self.columns.div_ceil(self.width);
        let mut kept_before = 0;
        let band = |row: usize| {
            let chunks = row * across..(row + 1) * across;
            let kept: usize = chunks.clone().map(|number| self.kept(&self.get(number), top_k)).sum();
            let start = kept_before;
            kept_before += kept;
            Band { start: row * self.band_values(), chunks, kept: start..kept_before }
        };
        (0..self.rows.div_ceil(self.height)).map(band).collect()
    }

    /// Calls `visit` with each band and its values of `tensor`, on all threads.
    pub(crate) fn for_each_band(
        &self,
        top_k: u32,
        tensor: &mut [f32],
        visit: impl Fn(&Band, &mut [f32]) + Sync,
    ) {
        let bands = self.bands(top_k);
        tensor
            .par_chunks_mut(self.band_values())
            .zip(bands.par_iter())
            .for_each(|(values, band)| visit(band, values));
    }

    /// Calls `visit(position in the band, value)` for each kept value of `tensor` in a band.
    pub(crate) fn for_each_kept(
        &self,
        band: &Band,
        top_k: u32,
        tensor: &SparseTensor,
        mut visit: impl FnMut(usize, f32),
    ) {
        let decoded = tensor.quantizer.decoded();
        let mut kept = tensor.indices[band.kept.clone()].iter().zip(&tensor.codes[band.kept.clone()]);
        for chunk in band.chunks.clone().map(|number| self.get(number)) {
            for (&index, &code) in kept.by_ref().take(self.kept(&chunk, top_k)) {
                visit(self.position(&chunk, index) - band.start, decoded[usize::from(code & 3)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_exactly_one_chunk() {
        for rule in [ChunkRule::Padded, ChunkRule::Reference] {
            for shape in [&[1u32, 1][..], &[65, 130], &[100, 60], &[127, 64], &[5000], &[37]] {
                let chunks = Chunks::new(shape, rule);
                let mut seen = vec![0u8; shape.iter().product::<u32>() as usize];
                for chunk in chunks.iter() {
                    for index in 0..chunks.positions() as u16 {
                        if chunks.holds(&chunk, index) {
                            seen[chunks.position(&chunk, index)] += 1;
                        }
                    }
                }
                assert!(seen.iter().all(|&n| n == 1), "{rule:?} {shape:?}");
            }
        }
    }

    #[test]
    fn bands_cover_the_tensor_in_order() {
        for rule in [ChunkRule::Padded, ChunkRule::Reference] {
            for shape in [&[1u32, 1][..], &[65, 130], &[100, 60], &[127, 64], &[5000], &[37]] {
                let chunks = Chunks::new(shape, rule);
                let bands = chunks.bands(64);
                let values = shape.iter().product::<u32>() as usize;
                assert_eq!(bands.len(), values.div_ceil(chunks.band_values()), "{rule:?} {shape:?}");
                let (mut chunk, mut kept) = (0, 0);
                for (number, band) in bands.iter().enumerate() {
                    assert_eq!(band.start, number * chunks.band_values());
                    assert_eq!((band.chunks.start, band.kept.start), (chunk, kept));
                    (chunk, kept) = (band.chunks.end, band.kept.end);
                }
                assert_eq!((chunk, kept), (chunks.count(), chunks.kept_total(64)));
            }
        }
    }

    /// Training protocol, section 1.5, by hand: 100 is cut into 50s, 60 stays whole.
    #[test]
    fn the_reference_cuts_by_divisors() {
        let chunks = Chunks::new(&[100, 60], ChunkRule::Reference);
        assert_eq!((chunks.count(), chunks.positions()), (2, 3000));
        assert_eq!(chunks.kept(&chunks.get(0), 5), 4);
        let prime = Chunks::new(&[127], ChunkRule::Reference);
        assert_eq!((prime.count(), prime.kept(&prime.get(0), 64)), (127, 1));
    }
}
