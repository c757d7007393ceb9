//! Exact top-k of one chunk.

use super::scan::{Candidates, Instructions, MAGNITUDE, Rows};

/// Largest chunk: 64 × 64.
pub(super) const POSITIONS_MAX: usize = 4096;

/// Share of the previous chunk's smallest kept magnitude at which candidates are taken: neighbouring chunks
/// have similar scales, so that few more than k values pass.
const CARRY: f32 = 0.88;
/// By what the threshold falls when too few passed.
const RETREAT: f32 = 0.7;

/// What was selected of one chunk after another.
#[derive(Default)]
pub(super) struct Kept {
    /// Indices, ascending within a chunk.
    pub indices: Vec<u16>,
    /// The values there.
    pub values: Vec<f32>,
}

/// Buckets by which the cut is found; a power of two.
const BUCKETS: usize = 128;

/// Selects the largest magnitudes of chunk after chunk, carrying a threshold from one to the next.
///
/// The result does not depend on the threshold, which only saves work: with equal magnitudes the lower index
/// wins, and indices come out ascending.
pub(super) struct Selector {
    how: Instructions,
    threshold: f32,
    candidates: Candidates,
    bucket: Vec<u32>,
    indices: Box<[u16; POSITIONS_MAX + 1]>,
    values: Box<[f32; POSITIONS_MAX + 1]>,
}

/// Where a chunk's kept values end: the smallest kept magnitude, and how many of the candidates with just
/// this magnitude are kept.
struct Cut {
    magnitude: u32,
    ties: usize,
}

impl Selector {
    pub fn new(how: Instructions) -> Self {
        Self {
            how,
            threshold: 0.0,
            candidates: Candidates::new(),
            bucket: Vec::with_capacity(POSITIONS_MAX),
            indices: Box::new([0; POSITIONS_MAX + 1]),
            values: Box::new([0.0; POSITIONS_MAX + 1]),
        }
    }

    /// Accumulates a chunk's delta in its error (`error ← decay · error + delta`) and appends the `k` largest
    /// of it; it has at least `k` values.
    pub fn select(
        &mut self,
        rows: Rows,
        k: usize,
        decay: f32,
        (error, delta): (&mut [f32], &[f32]),
        kept: &mut Kept,
    ) {
        self.candidates.accumulate(self.how, rows, decay, self.threshold, (error, delta));
        if k == 0 {
            return;
        }
        while self.candidates.len() < k && self.threshold > 0.0 {
            let lower = self.threshold * RETREAT;
            self.threshold = if lower.is_normal() { lower } else { 0.0 };
            self.candidates.collect(self.how, rows, self.threshold, error);
        }
        let cut = self.cut(k);
        self.threshold = f32::from_bits(cut.magnitude) * CARRY;
        self.keep(&cut, kept);
    }

    /// Finds the `k`-th largest magnitude: counts candidates in equal ranges of their bits, then sorts out
    /// the one range that it lies in, which holds a few.
    fn cut(&mut self, k: usize) -> Cut {
        let low = self.threshold.to_bits();
        let high = self.candidates.bits().iter().fold(low, |high, &bits| high.max(bits & MAGNITUDE));
        let shift = (BUCKETS as u32 - 1).leading_zeros().saturating_sub((high - low).leading_zeros());
        let of = |bits: u32| ((bits & MAGNITUDE) - low) as usize >> shift;
        let mut counts = [0u16; BUCKETS];
        self.candidates.bits().iter().for_each(|&bits| counts[of(bits) % BUCKETS] += 1);
        let (mut at, mut above) = (BUCKETS - 1, 0);
        while above + usize::from(counts[at]) < k {
            above += usize::from(counts[at]);
            at -= 1;
        }
        self.bucket.clear();
        let inside = self.candidates.bits().iter().filter(|&&bits| of(bits) == at);
        self.bucket.extend(inside.map(|bits| bits & MAGNITUDE));
        let wanted = k - above;
        let magnitude = *self.bucket.select_nth_unstable_by(wanted - 1, |a, b| b.cmp(a)).1;
        let larger = self.bucket.iter().filter(|&&other| other > magnitude).count();
        Cut { magnitude, ties: wanted - larger }
    }

    /// Appends the candidates above the cut, and of those at the cut as many as are wanted, the first ones.
    ///
    /// Every candidate is written and the end moved on only where it is kept: which are kept no processor can
    /// foresee.
    fn keep(&mut self, cut: &Cut, kept: &mut Kept) {
        let (mut ties, mut end) = (cut.ties, 0);
        for (bits, index) in self.candidates.iter() {
            let magnitude = bits & MAGNITUDE;
            let tie = (magnitude == cut.magnitude) & (ties > 0);
            ties -= usize::from(tie);
            self.indices[end] = index;
            self.values[end] = f32::from_bits(bits);
            end += usize::from(tie | (magnitude > cut.magnitude));
        }
        kept.indices.extend_from_slice(&self.indices[..end]);
        kept.values.extend_from_slice(&self.values[..end]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(values: &[f32], k: usize) -> Vec<u16> {
        let mut order: Vec<u16> = (0..values.len() as u16).collect();
        let magnitude = |i: u16| values[usize::from(i)].abs();
        order.sort_by(|&a, &b| magnitude(b).total_cmp(&magnitude(a)).then(a.cmp(&b)));
        order.truncate(k);
        order.sort_unstable();
        order
    }

    fn row(columns: usize) -> Rows {
        Rows { first: 0, stride: columns, rows: 1, columns, width: columns }
    }

    #[test]
    fn equal_magnitudes_go_to_the_lower_index() {
        for how in Instructions::all() {
            let mut kept = Kept::default();
            Selector::new(how).select(row(4), 2, 1.0, (&mut [0.0; 4], &[1.0, -2.0, -1.0, 1.0]), &mut kept);
            assert_eq!((kept.indices, kept.values), (vec![0, 1], vec![1.0, -2.0]));
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sort(chunks in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 1..200), 1..8), k in 1usize..64) {
            for how in Instructions::all() {
                let mut selector = Selector::new(how);
                for (number, chunk) in chunks.iter().enumerate() {
                    let scale = 10f32.powi(number as i32 * 3 - 9);
                    let mut error: Vec<f32> = chunk.iter().map(|m| m * scale).collect();
                    let (delta, k, mut kept) = (vec![0.0; error.len()], k.min(error.len()), Kept::default());
                    selector.select(row(error.len()), k, 1.0, (&mut error, &delta), &mut kept);
                    prop_assert_eq!(&kept.indices, &plainly(&error, k));
                    let values: Vec<f32> = kept.indices.iter().map(|&i| error[usize::from(i)]).collect();
                    prop_assert_eq!(&kept.values, &values);
                }
            }
        }

        /// Few different magnitudes, so that most cuts go through ties.
        #[test]
        fn ties_are_cut_as_a_stable_sort_does(chunk in prop::collection::vec(-3i8..3, 1..300), k in 1usize..64) {
            for how in Instructions::all() {
                let (mut selector, k) = (Selector::new(how), k.min(chunk.len()));
                for _ in 0..2 {
                    let mut error: Vec<f32> = chunk.iter().map(|&m| f32::from(m)).collect();
                    let (delta, mut kept) = (vec![0.0; error.len()], Kept::default());
                    selector.select(row(error.len()), k, 1.0, (&mut error, &delta), &mut kept);
                    prop_assert_eq!(&kept.indices, &plainly(&error, k));
                }
            }
        }
    }
}
