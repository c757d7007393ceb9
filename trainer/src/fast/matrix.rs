//! Matrix products written straight to where they are wanted.
//!
//! The only file of the trainer's arithmetic with `unsafe`: the product's kernels take pointers. Every
//! pointer comes from a view whose last element was checked to lie inside its slice.

use std::marker::PhantomData;

use gemm::Parallelism;

use crate::pool::Pool;

/// Multiplications and additions that are worth a task of their own: about half a millisecond of one core.
const TASK_FLOPS: usize = 1 << 26;
/// Most tasks of one product; a power of two. More would share the work among more threads, but each task packs
/// its part of both matrices for itself.
const TASKS_MAX: usize = 16;
/// Blocks begin at multiples of this, so that only the last ones leave the kernels' registers partly empty.
const BLOCK_STEP: usize = 64;

/// How a product is cut into tasks: blocks of so many rows and columns of the result. It depends on the sizes
/// only, so that the order of every sum is the same on any number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grid {
    rows: usize,
    columns: usize,
}

impl Grid {
    /// The grid for a `rows × columns` result of sums over `inner`, with the least packing: cut into `a` blocks
    /// of rows and `b` of columns, the right matrix is packed `a` times and the left one `b` times.
    fn new(rows: usize, inner: usize, columns: usize) -> Self {
        let flops = 2usize.saturating_mul(rows).saturating_mul(inner).saturating_mul(columns);
        let tasks = (flops / TASK_FLOPS).clamp(1, TASKS_MAX);
        let tasks = 1usize << tasks.ilog2();
        let cuts = (0..=tasks.ilog2()).map(|power| (1usize << power, tasks >> power));
        let packed =
            |&(a, b): &(usize, usize)| a.saturating_mul(columns).saturating_add(b.saturating_mul(rows));
        let (a, b) = cuts.min_by_key(packed).expect("there is at least one way to cut");
        let block = |length: usize, parts: usize| length.div_ceil(parts).next_multiple_of(BLOCK_STEP);
        Self { rows: block(rows, a), columns: block(columns, b) }
    }
}

/// A view of a matrix: element (r, c) is `data[r · row_step + c · column_step]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Matrix<'a> {
    /// A whole row-major matrix with `columns` columns.
    pub(super) fn new(data: &'a [f32], columns: usize) -> Self {
        Self { data, rows: data.len() / columns, columns, row_step: columns, column_step: 1 }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The same matrix with rows and columns exchanged; nothing is copied.
    pub(super) fn transposed(self) -> Self {
        let Self { data, rows, columns, row_step, column_step } = self;
        Self { data, rows: columns, columns: rows, row_step: column_step, column_step: row_step }
    }

    /// Rows `first .. first + count`.
    fn row_block(self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.row_step..], rows: count, ..self }
    }

    /// Columns `first .. first + count`.
    fn column_block(self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.column_step..], columns: count, ..self }
    }

    fn check(&self) {
        let last = |steps: usize, step: usize| steps.saturating_sub(1).checked_mul(step);
        let end = last(self.rows, self.row_step)
            .and_then(|row| row.checked_add(last(self.columns, self.column_step)?))
            .expect("a view inside memory has no overflow");
        let empty = self.rows == 0 || self.columns == 0;
        assert!(empty || end < self.data.len(), "a {}×{} view is outside its slice", self.rows, self.columns);
    }
}

/// What happens to the values that the result's place holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// They are replaced.
    Replace,
    /// The product is added to them.
    Add,
}

/// A block of a row-major result, which one task writes.
struct Block<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    /// Values from one row to the next: the result's columns.
    row_step: usize,
    first_row: usize,
    first_column: usize,
    result: PhantomData<&'a mut [f32]>,
}

// SAFETY: a block is a part of a mutably borrowed slice that no other block shares (see `blocks`), so handing
// it to another thread is handing over a `&mut`.
#[allow(unsafe_code)]
unsafe impl Send for Block<'_> {}

/// Cuts a row-major result with `columns` columns into blocks that do not overlap and cover it.
fn blocks(out: &mut [f32], columns: usize, grid: Grid) -> Vec<Block<'_>> {
    let rows = out.len().checked_div(columns).unwrap_or(0);
    let first = |length: usize, step: usize| (0..length).step_by(step.max(1));
    let mut blocks = Vec::new();
    for first_row in first(rows, grid.rows) {
        for first_column in first(columns, grid.columns) {
            let start = out[first_row * columns + first_column..].as_mut_ptr();
            let (rows, width) = (grid.rows.min(rows - first_row), grid.columns.min(columns - first_column));
            let result = PhantomData;
            blocks.push(Block {
                start,
                rows,
                columns: width,
                row_step: columns,
                first_row,
                first_column,
                result,
            });
        }
    }
    blocks
}

/// `out = left · right` (or `+=`) for a row-major `out`, in blocks on the pool.
pub(super) fn multiply(pool: &Pool, out: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, into: Into) {
    let columns = right.columns;
    assert_eq!(out.len(), left.rows * columns, "the result has the product's size");
    let grid = Grid::new(left.rows, left.columns, columns);
    pool.each(blocks(out, columns, grid).into_iter(), |block| {
        let left = left.row_block(block.first_row, block.rows);
        let right = right.column_block(block.first_column, block.columns);
        product(block, left, right, into, 1.0);
    });
}

/// `out = scale · left · right` (or `+=`) for a row-major `out`, on the calling thread.
pub(super) fn multiply_scaled(out: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, into: Into, scale: f32) {
    assert_eq!(out.len(), left.rows * right.columns, "the result has the product's size");
    let whole = Grid { rows: left.rows, columns: right.columns };
    for block in blocks(out, right.columns, whole) {
        product(block, left, right, into, scale);
    }
}

fn product(out: Block<'_>, left: Matrix<'_>, right: Matrix<'_>, into: Into, scale: f32) {
    let inner = left.columns;
    assert_eq!((inner, out.rows, out.columns), (right.rows, left.rows, right.columns), "sizes of a product");
    left.check();
    right.check();
    // SAFETY: the block's rows × columns values lie inside the slice that it borrows mutably, and overlap
    // neither view; all elements of both views lie inside their slices (checked above); steps are below
    // `isize::MAX` because the slices exist. The kernels read and write exactly these elements.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            inner,
            out.start,
            1,
            out.row_step as isize,
            into == Into::Add,
            left.data.as_ptr(),
            left.column_step as isize,
            left.row_step as isize,
            right.data.as_ptr(),
            right.column_step as isize,
            right.row_step as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 0.37).sin()).collect()
    }

    fn naive(left: &[f32], right: &[f32], inner: usize, columns: usize) -> Vec<f32> {
        let at = |r: usize, c: usize| (0..inner).map(|i| left[r * inner + i] * right[i * columns + c]).sum();
        (0..left.len() / inner)
            .flat_map(|r| (0..columns).map(move |c| (r, c)))
            .map(|(r, c)| at(r, c))
            .collect()
    }

    #[test]
    fn products_agree_with_the_definition_in_every_orientation() {
        let (rows, inner, columns) = (300, 33, 21);
        let (left, right) = (values(rows * inner), values(inner * columns));
        let expected = naive(&left, &right, inner, columns);
        let transposed = |m: &[f32], columns: usize| -> Vec<f32> {
            (0..columns).flat_map(|c| m.iter().skip(c).step_by(columns)).copied().collect()
        };
        let (left_t, right_t) = (transposed(&left, inner), transposed(&right, columns));
        let lefts = [Matrix::new(&left, inner), Matrix::new(&left_t, rows).transposed()];
        let rights = [Matrix::new(&right, columns), Matrix::new(&right_t, inner).transposed()];
        for (left, right) in lefts.into_iter().flat_map(|l| rights.map(|r| (l, r))) {
            let mut out = vec![1.0; rows * columns];
            multiply(&Pool::new(2), &mut out, left, right, Into::Add);
            multiply(&Pool::new(1), &mut out, left, right, Into::Add);
            let gap = out.iter().zip(&expected).map(|(o, e)| (o - 1.0 - 2.0 * e).abs()).fold(0.0, f32::max);
            assert!(gap < 1e-4, "{gap}");
            multiply_scaled(&mut out, left, right, Into::Replace, 0.5);
            let gap = out.iter().zip(&expected).map(|(o, e)| (o - 0.5 * e).abs()).fold(0.0, f32::max);
            assert!(gap < 1e-4, "{gap}");
        }
    }

    /// By hand: 2 · 2048 · 256 · 1376 are 1.44e9 operations, worth 16 tasks of 6.7e7. Packed are 1376·a + 2048·b
    /// columns of 256: 15,104 for 8 × 2 and 13,696 for 4 × 4, and more for the others. 1376 / 4 = 344 is
    /// rounded up to 384.
    #[test]
    fn products_are_cut_where_the_least_is_packed() {
        assert_eq!(Grid::new(2048, 256, 1376), Grid { rows: 512, columns: 384 });
        assert_eq!(Grid::new(64, 64, 64), Grid { rows: 64, columns: 64 });
        let tall = Grid::new(100_000, 64, 64);
        assert_eq!(tall.columns, 64);
    }

    #[test]
    fn blocks_cover_a_result_once() {
        let mut out = vec![0.0f32; 130 * 70];
        let start = out.as_ptr() as usize;
        let mut seen = vec![0u8; out.len()];
        for block in blocks(&mut out, 70, Grid { rows: 64, columns: 64 }) {
            let first = (block.start as usize - start) / size_of::<f32>();
            assert_eq!(first, block.first_row * 70 + block.first_column);
            for row in 0..block.rows {
                let at = first + row * block.row_step;
                seen[at..at + block.columns].iter_mut().for_each(|count| *count += 1);
            }
        }
        assert!(seen.iter().all(|&count| count == 1));
        assert!(blocks(&mut [], 70, Grid { rows: 64, columns: 64 }).is_empty());
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let (rows, inner, columns) = (1000, 700, 565);
        let (left, right) = (values(rows * inner), values(inner * columns));
        let run = |threads| {
            let mut out = vec![0.25; rows * columns];
            let (left, right) = (Matrix::new(&left, inner), Matrix::new(&right, columns));
            multiply(&Pool::new(threads), &mut out, left, right, Into::Add);
            out
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(5));
    }

    #[test]
    #[should_panic(expected = "outside its slice")]
    fn a_view_past_its_slice_is_refused() {
        let data = values(10);
        let view = Matrix { data: &data, rows: 3, columns: 4, row_step: 4, column_step: 1 };
        multiply_scaled(&mut [0.0; 9], view, Matrix::new(&values(12), 3), Into::Replace, 1.0);
    }
}
