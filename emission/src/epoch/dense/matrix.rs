//! Full matrices and the buffers that a thread keeps for them.

use std::cell::RefCell;

thread_local! {
    static KEPT: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

/// A thread that computed a large network gives its buffers back to the system above this many cells.
const KEPT_CELLS_MAX: usize = 1 << 21;

/// The buffers of one epoch. Fresh ones would cost a page fault for every four kilobytes.
#[derive(Default)]
pub(super) struct Scratch {
    pub weights: Matrix,
    pub bonds: Matrix,
    pub scores: Vec<u32>,
}

impl Scratch {
    /// This thread's buffers, or new ones.
    pub(super) fn take() -> Self {
        KEPT.try_with(|kept| kept.borrow_mut().take()).ok().flatten().unwrap_or_default()
    }

    /// Keeps the buffers for the thread's next epoch.
    pub(super) fn give(self) {
        if self.weights.cells() <= KEPT_CELLS_MAX {
            let _thread_is_ending = KEPT.try_with(|kept| *kept.borrow_mut() = Some(self));
        }
    }
}

/// Rows of one number per column. Rows hold old values until they are written.
#[derive(Default)]
pub(super) struct Matrix {
    columns: usize,
    values: Vec<u64>,
}

impl Matrix {
    /// Sets the size; every row must be written afterwards.
    pub(super) fn reset(&mut self, rows: usize, columns: usize) {
        self.columns = columns;
        self.values.resize(rows * columns, 0);
    }

    /// Becomes a copy.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.columns = other.columns;
        self.values.clone_from(&other.values);
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    pub(super) fn cells(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    pub(super) fn row(&self, at: usize) -> &[u64] {
        &self.values[at * self.columns..][..self.columns]
    }

    #[inline(always)]
    pub(super) fn row_mut(&mut self, at: usize) -> &mut [u64] {
        &mut self.values[at * self.columns..][..self.columns]
    }
}

/// Writes a stored row over a full one, columns beyond it left out. False when it names a column twice.
#[inline(always)]
pub(super) fn load(row: &mut [u64], stored: &[(u16, u16)]) -> bool {
    if stored.len() == row.len() && load_complete(row, stored) {
        return true;
    }
    row.fill(0);
    let (mut next, mut ascending) = (0_u32, true);
    for (column, value) in stored {
        ascending &= u32::from(*column) >= next;
        next = u32::from(*column) + 1;
        if let Some(cell) = row.get_mut(usize::from(*column)) {
            *cell = u64::from(*value);
        }
    }
    ascending || distinct(stored)
}

/// The whole row in order, as validators of every neuron submit it; false when it is not that.
#[inline(always)]
fn load_complete(row: &mut [u64], stored: &[(u16, u16)]) -> bool {
    let mut out_of_place = 0;
    for (at, (cell, (column, value))) in row.iter_mut().zip(stored).enumerate() {
        out_of_place |= *column ^ at as u16;
        *cell = u64::from(*value);
    }
    out_of_place == 0
}

fn distinct(stored: &[(u16, u16)]) -> bool {
    let mut columns: Vec<u16> = stored.iter().map(|(column, _)| *column).collect();
    columns.sort_unstable();
    columns.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_loaded_in_any_order_but_without_repetition() {
        let mut row = [9; 4];
        assert!(load(&mut row, &[(3, 7), (0, 5), (9, 1)]));
        assert_eq!(row, [5, 0, 0, 7]);
        assert!(load(&mut row, &[(0, 1), (1, 2), (2, 3), (3, 4)]));
        assert_eq!(row, [1, 2, 3, 4]);
        assert!(!load(&mut row, &[(2, 1), (2, 1)]));
    }
}
