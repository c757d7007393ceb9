//! Exact top-k of one chunk.

/// Largest chunk: 64 × 64.
pub(super) const POSITIONS_MAX: usize = 4096;

/// Share of the previous chunk's smallest kept magnitude at which candidates are taken: neighbouring chunks
/// have similar scales, so that few more than k values pass.
const CARRY: f32 = 0.88;
/// By what the threshold falls when too few passed.
const RETREAT: f32 = 0.7;

/// Selects the largest magnitudes of chunk after chunk, carrying a threshold from one to the next.
///
/// The result does not depend on the threshold, which only saves work: with equal magnitudes the lower index
/// wins, and indices come out ascending.
pub(super) struct Selector {
    threshold: f32,
    candidates: Vec<u64>,
}

impl Selector {
    pub fn new() -> Self {
        Self { threshold: 0.0, candidates: Vec::with_capacity(POSITIONS_MAX) }
    }

    /// Appends the indices of the `k` largest of `magnitudes` to `indices`, ascending. Positions without a value
    /// are marked by a negative magnitude; at least `k` have one.
    pub fn select(&mut self, magnitudes: &[f32], k: usize, indices: &mut Vec<u16>) {
        if k == 0 {
            return;
        }
        self.collect(magnitudes, k);
        if self.candidates.len() > k {
            self.candidates.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
            self.candidates.truncate(k);
        }
        let smallest = self.candidates.iter().min().map_or(0, |key| (key >> 16) as u32);
        self.threshold = f32::from_bits(smallest) * CARRY;
        let start = indices.len();
        indices.extend(self.candidates.iter().map(|&key| !(key as u16)));
        indices[start..].sort_unstable();
    }

    fn collect(&mut self, magnitudes: &[f32], k: usize) {
        loop {
            self.candidates.clear();
            for (index, &magnitude) in magnitudes.iter().enumerate() {
                if magnitude >= self.threshold {
                    self.candidates.push(key(magnitude, index as u16));
                }
            }
            if self.candidates.len() >= k || self.threshold == 0.0 {
                return;
            }
            let lower = self.threshold * RETREAT;
            self.threshold = if lower.is_normal() { lower } else { 0.0 };
        }
    }
}

/// Orders by magnitude, then by lower index: bits of a non-negative float order like the float.
fn key(magnitude: f32, index: u16) -> u64 {
    (u64::from(magnitude.to_bits()) << 16) | u64::from(!index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(magnitudes: &[f32], k: usize) -> Vec<u16> {
        let mut order: Vec<u16> =
            (0..magnitudes.len() as u16).filter(|&i| magnitudes[usize::from(i)] >= 0.0).collect();
        order.sort_by(|&a, &b| {
            magnitudes[usize::from(b)].total_cmp(&magnitudes[usize::from(a)]).then(a.cmp(&b))
        });
        order.truncate(k);
        order.sort_unstable();
        order
    }

    #[test]
    fn equal_magnitudes_go_to_the_lower_index() {
        let mut indices = Vec::new();
        Selector::new().select(&[1.0, 2.0, 1.0, 1.0], 2, &mut indices);
        assert_eq!(indices, [0, 1]);
    }

    proptest! {
        #[test]
        fn it_is_a_sort(chunks in prop::collection::vec(prop::collection::vec(-0.2f32..1.0, 1..200), 1..8), k in 1usize..64) {
            let mut selector = Selector::new();
            for (number, chunk) in chunks.iter().enumerate() {
                let scale = 10f32.powi(number as i32 * 3 - 9);
                let chunk: Vec<f32> = chunk.iter().map(|m| if *m < 0.0 { -1.0 } else { m * scale }).collect();
                let real = chunk.iter().filter(|m| **m >= 0.0).count();
                let mut indices = Vec::new();
                selector.select(&chunk, k.min(real).max(usize::from(real > 0)), &mut indices);
                prop_assert_eq!(indices, plainly(&chunk, k.min(real)));
            }
        }
    }
}
