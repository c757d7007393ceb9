//! Exact top-k of one chunk.

use super::scan::{Instructions, MAGNITUDE, Rows, Sums};

/// Largest chunk: 64 × 64.
pub(super) const POSITIONS_MAX: usize = 4096;

/// Share of the previous chunk's smallest kept magnitude at which candidates are taken: neighbouring chunks
/// have similar scales, so that few more than k values pass.
const CARRY: f32 = 0.88;
/// Candidates for each kept value above which a higher threshold is sought.
const SURPLUS: usize = 4;
/// First step by which a threshold moves, in units of its bits: half a power of two. It doubles.
const STEP: u32 = 1 << 22;
/// Candidates that are compared together.
const GROUP: usize = 16;

/// What was selected of one chunk after another.
#[derive(Default)]
pub(super) struct Kept {
    /// Indices, ascending within a chunk.
    pub indices: Vec<u16>,
    /// The values there.
    pub values: Vec<f32>,
    /// The largest magnitude of all chunks, kept or not, as bits: so that what is not finite is seen, too.
    pub largest: u32,
}

/// Selects the largest magnitudes of chunk after chunk, carrying a threshold from one to the next.
///
/// The result does not depend on the threshold, which only saves work: with equal magnitudes the lower index
/// wins, and indices come out ascending.
pub(super) struct Selector {
    sums: Sums,
    /// Bits of a magnitude.
    threshold: u32,
    /// The candidates by ascending index, and how many there are; behind them, zeros to a whole group.
    magnitudes: Box<[u32; POSITIONS_MAX + GROUP]>,
    indices: Box<[u16; POSITIONS_MAX]>,
    values: Box<[f32; POSITIONS_MAX]>,
    len: usize,
}

/// Where a chunk's kept values end: all above this magnitude are kept, and so many with just this magnitude.
struct Cut {
    magnitude: u32,
    ties: usize,
}

impl Selector {
    pub fn new(how: Instructions) -> Self {
        Self {
            sums: Sums::new(how),
            threshold: 0,
            magnitudes: Box::new([0; POSITIONS_MAX + GROUP]),
            indices: Box::new([0; POSITIONS_MAX]),
            values: Box::new([0.0; POSITIONS_MAX]),
            len: 0,
        }
    }

    /// Appends the `k` largest of a chunk's sums `decay · error + delta`; it has at least `k` values.
    pub fn select(
        &mut self,
        rows: Rows,
        k: usize,
        decay: f32,
        (error, delta): (&[f32], &[f32]),
        kept: &mut Kept,
    ) {
        if k == 0 {
            self.threshold = 0;
        }
        let found = self.sums.load(rows, decay, self.threshold, error, delta);
        if found < k {
            self.lower(k);
        } else if found > SURPLUS * k && k > 0 {
            self.raise(k, found);
        }
        self.collect();
        let largest = self.magnitudes[..self.len].iter().copied().max().unwrap_or(0);
        kept.largest = kept.largest.max(largest);
        let cut = self.cut(k, largest);
        if cut.magnitude > 0 {
            self.threshold = (f32::from_bits(cut.magnitude) * CARRY).to_bits() & MAGNITUDE;
        }
        self.keep(&cut, kept);
    }

    /// Marks at least `k` values where fewer reach the threshold.
    fn lower(&mut self, k: usize) {
        let (mut high, mut step) = (self.threshold, STEP);
        while high > 1 {
            let low = high.saturating_sub(step).max(1);
            let found = self.sums.mark(low);
            if found >= k {
                return self.narrow(k, low, found, high);
            }
            (high, step) = (low, step.saturating_mul(2));
        }
        // Fewer than k values are not 0.
        self.threshold = 0;
        self.sums.mark(0);
    }

    /// Marks fewer values where more than enough, `found`, reach the threshold.
    fn raise(&mut self, k: usize, found: usize) {
        let (mut low, mut step, mut found) = (self.threshold, STEP, found);
        while low < MAGNITUDE {
            let high = low.saturating_add(step).min(MAGNITUDE);
            let above = self.sums.mark(high);
            if above < k {
                return self.narrow(k, low, found, high);
            }
            (low, found, step) = (high, above, step.saturating_mul(2));
        }
        // At least k values have the largest bits that there are.
        self.threshold = low;
    }

    /// Marks what reaches a threshold from `low`, which `found` values reach, at least `k`, to `high`, which
    /// fewer than `k` reach: the first halving that leaves no surplus.
    fn narrow(&mut self, k: usize, mut low: u32, mut found: usize, mut high: u32) {
        while found > SURPLUS * k && high - low > 1 {
            let middle = low + (high - low) / 2;
            let above = self.sums.mark(middle);
            if above >= k { (low, found) = (middle, above) } else { high = middle }
        }
        self.threshold = low;
        self.sums.mark(low);
    }

    /// Puts the marked values side by side.
    fn collect(&mut self) {
        let Self { sums, magnitudes, indices, values, len, .. } = self;
        *len = 0;
        sums.for_each_marked(|index, value| {
            magnitudes[*len] = value.to_bits() & MAGNITUDE;
            indices[*len] = index as u16;
            values[*len] = value;
            *len += 1;
        });
        magnitudes[*len..*len + GROUP].fill(0);
    }

    /// How many candidates have at least this magnitude, which is above 0.
    fn count(&self, magnitude: u32) -> usize {
        let (groups, _) = self.magnitudes[..self.len.next_multiple_of(GROUP)].as_chunks::<GROUP>();
        let mut counts = [0i32; GROUP];
        for group in groups {
            for lane in 0..GROUP {
                counts[lane] += i32::from(group[lane] as i32 >= magnitude as i32);
            }
        }
        counts.iter().sum::<i32>() as usize
    }

    /// Finds where the `k` largest candidates end, by halving between the threshold and the largest. Mostly some
    /// magnitude that exactly `k` reach is met after a few steps.
    fn cut(&self, k: usize, largest: u32) -> Cut {
        let (mut low, mut found) = (self.threshold, self.len);
        let (mut high, mut above) = (largest + 1, 0);
        while found > k && high - low > 1 {
            let middle = low + (high - low) / 2;
            let reached = self.count(middle);
            if reached >= k { (low, found) = (middle, reached) } else { (high, above) = (middle, reached) }
        }
        match low.checked_sub(1) {
            Some(below) if found == k => Cut { magnitude: below, ties: 0 },
            _ => Cut { magnitude: low, ties: k - above },
        }
    }

    /// Appends the candidates above the cut, and of those at the cut as many as are wanted, the first ones.
    ///
    /// Every candidate is written and the end moved on only where it is kept: which are kept no processor can
    /// foresee.
    fn keep(&mut self, cut: &Cut, kept: &mut Kept) {
        let (mut ties, mut end) = (cut.ties, 0);
        for at in 0..self.len {
            let magnitude = self.magnitudes[at];
            let tie = (magnitude == cut.magnitude) & (ties > 0);
            ties -= usize::from(tie);
            self.indices[end] = self.indices[at];
            self.values[end] = self.values[at];
            end += usize::from(tie | (magnitude > cut.magnitude));
        }
        kept.indices.extend_from_slice(&self.indices[..end]);
        kept.values.extend_from_slice(&self.values[..end]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scan::ROW;
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
        let count = columns.div_ceil(ROW);
        let last = columns - (count - 1) * ROW;
        Rows { first: 0, stride: ROW, count, columns: ROW.min(columns), last, width: ROW }
    }

    #[test]
    fn equal_magnitudes_go_to_the_lower_index() {
        for how in Instructions::all() {
            let mut kept = Kept::default();
            Selector::new(how).select(row(4), 2, 1.0, (&[0.0; 4], &[1.0, -2.0, -1.0, 1.0]), &mut kept);
            assert_eq!((kept.indices, kept.values), (vec![0, 1], vec![1.0, -2.0]));
        }
    }

    /// Scales that jump by many powers of two, nothing at all, nearly nothing, and what is not finite: whatever
    /// came before, the next chunk is cut right.
    #[test]
    fn a_threshold_that_is_far_off_is_found_again() {
        let wave = |scale: f32| -> Vec<f32> { (0..4096).map(|i| (i as f32 * 0.37).sin() * scale).collect() };
        let mut single = vec![0.0; 4096];
        single[77] = -1e-40;
        let chunks = [1e-3, 1e4, 0.0, 1e-30, 1e-42, 1.0, f32::INFINITY, 1e-3, 0.0, f32::NAN, 1e-3].map(wave);
        for how in Instructions::all() {
            let mut selector = Selector::new(how);
            for chunk in chunks.iter().chain([&single, &chunks[0], &vec![2.5; 4096], &chunks[3]]) {
                let (mut kept, zeros) = (Kept::default(), vec![0.0; 4096]);
                selector.select(row(4096), 64, 1.0, (chunk, &zeros), &mut kept);
                assert_eq!(kept.indices, plainly(chunk, 64));
                let largest = chunk.iter().map(|v| (v + 0.0).to_bits() & MAGNITUDE).max().unwrap();
                assert_eq!(kept.largest, largest);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sort(chunks in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 1..200), 1..8), k in 1usize..64) {
            for how in Instructions::all() {
                let mut selector = Selector::new(how);
                for (number, chunk) in chunks.iter().enumerate() {
                    let scale = 10f32.powi(number as i32 * 3 - 9);
                    let error: Vec<f32> = chunk.iter().map(|m| m * scale).collect();
                    let (delta, k, mut kept) = (vec![0.0; error.len()], k.min(error.len()), Kept::default());
                    selector.select(row(error.len()), k, 1.0, (&error, &delta), &mut kept);
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
                    let error: Vec<f32> = chunk.iter().map(|&m| f32::from(m)).collect();
                    let (delta, mut kept) = (vec![0.0; error.len()], Kept::default());
                    selector.select(row(error.len()), k, 1.0, (&error, &delta), &mut kept);
                    prop_assert_eq!(&kept.indices, &plainly(&error, k));
                }
            }
        }
    }
}
