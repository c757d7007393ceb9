//! Matrix products written straight to where they are wanted.
//!
//! The only file of the trainer's arithmetic with `unsafe`: the product's kernels take pointers. Every
//! pointer comes from a view whose last element was checked to lie inside its slice.

use gemm::Parallelism;

use crate::pool::Pool;

/// Rows of a result that one task computes. Fixed, so that the order of every sum is the same on any number
/// of threads; large, because each task packs the right-hand matrix for itself.
const ROW_BLOCK: usize = 256;

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

/// `out = left · right` (or `+=`) for a row-major `out`, in row blocks on the pool.
pub(super) fn multiply(pool: &Pool, out: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, into: Into) {
    let columns = right.columns;
    assert_eq!(out.len(), left.rows * columns, "the result has the product's size");
    pool.each(out.chunks_mut(ROW_BLOCK * columns).enumerate(), |(block, out)| {
        let rows = left.row_block(block * ROW_BLOCK, out.len() / columns);
        multiply_scaled(out, rows, right, into, 1.0);
    });
}

/// `out = scale · left · right` (or `+=`) for a row-major `out`, on the calling thread.
pub(super) fn multiply_scaled(out: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, into: Into, scale: f32) {
    let (rows, columns, inner) = (left.rows, right.columns, left.columns);
    assert_eq!((inner, out.len()), (right.rows, rows * columns), "sizes of a product");
    left.check();
    right.check();
    // SAFETY: `out` holds rows × columns values in row-major order; all elements of both views lie inside
    // their slices (checked above), steps are below `isize::MAX` because the slices exist; `out` is borrowed
    // mutably and so overlaps neither view. The kernels read and write exactly these elements.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            columns as isize,
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

    #[test]
    fn threads_do_not_change_a_bit() {
        let (rows, inner, columns) = (1000, 700, 65);
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
