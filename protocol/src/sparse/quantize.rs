//! The four-bin quantiser (training protocol, section 1.6).

/// Number of bins; codes are 0 to 3.
const BINS: usize = 4;
/// The code of a value that equals the mean.
const OFFSET: f32 = 2.0;

/// The four-bin quantiser of one tensor: a kept value decodes to `lookup[code] + shift`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantizer {
    /// Mean of the kept values.
    pub shift: f32,
    /// Mean of the centred values that fell into each bin; 0 for an empty bin.
    pub lookup: [f32; BINS],
}

impl Quantizer {
    /// Largest magnitude of `shift` and `lookup` that a reader accepts.
    pub const MAGNITUDE_MAX: f32 = 1e4;

    /// The value of each code.
    #[must_use]
    pub fn decoded(&self) -> [f32; BINS] {
        self.lookup.map(|mean| mean + self.shift)
    }

    /// Whether all numbers are finite and bounded; a peer wrote them.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sound = |value: &f32| value.is_finite() && value.abs() <= Self::MAGNITUDE_MAX;
        sound(&self.shift) && self.lookup.iter().all(sound)
    }

    /// Quantises the kept values of a tensor: the codes, and how they decode.
    ///
    /// `shift` is the mean, `s` the sample standard deviation of the centred values, `scale = range·s/4` (1 where
    /// that is 0 or not finite), `code = clamp(round_half_even(c/scale + 2), 0, 3)`, `lookup[b]` the mean of `c`
    /// over bin `b`. Sums are f64; each result is rounded to f32 once.
    ///
    /// Sums of f64 depend on their order, so the order is a part of the payload's arithmetic. It is one that a GPU
    /// follows at full speed and a CPU without loss: values are cut into blocks of 8,192. Lane `l` of a block adds
    /// values `l`, `l + 256`, `l + 512`, … in this order; then lane `l` adds lane `l + 128`'s sum to its own, then
    /// `l + 64`'s, down to lane 0, which has the block's. The blocks' sums are summed in the same way until one is
    /// left.
    ///
    /// By hand: 1, 1, −1, −1 have mean 0 and s = √(4/3); 6s/4 = 1.732, and ±1/1.732 + 2 = 2.577 and 1.423, which
    /// round to codes 3 and 1.
    ///
    /// ```
    /// # use sn3_protocol::Quantizer;
    /// let (quantizer, codes) = Quantizer::fit(&[1.0, 1.0, -1.0, -1.0], 6.0);
    /// assert_eq!(codes, [3, 3, 1, 1]);
    /// assert_eq!(quantizer.lookup, [0.0, -1.0, 0.0, 1.0]);
    /// ```
    #[must_use]
    pub fn fit(values: &[f32], range_in_sigmas: f32) -> (Self, Vec<u8>) {
        if values.is_empty() {
            return (Self::default(), Vec::new());
        }
        let [sum] = ordered_sums(values, |&value, [sum]| *sum += f64::from(value));
        let shift = (sum / values.len() as f64) as f32;
        let scale = scale(values, shift, range_in_sigmas);
        let code = |value: f32| ((value - shift) / scale + OFFSET).round_ties_even().clamp(0.0, 3.0) as u8;
        let codes: Vec<u8> = values.iter().map(|&value| code(value)).collect();
        (Self { shift, lookup: bin_means(values, &codes, shift) }, codes)
    }
}

fn scale(values: &[f32], shift: f32, range_in_sigmas: f32) -> f32 {
    let [squares] = ordered_sums(values, |&value, [sum]| {
        let centred = f64::from(value - shift);
        *sum += centred * centred;
    });
    let variance = squares / (values.len() as f64 - 1.0);
    let scale = (f64::from(range_in_sigmas) * variance.sqrt() / BINS as f64) as f32;
    if scale.is_finite() && scale != 0.0 { scale } else { 1.0 }
}

fn bin_means(values: &[f32], codes: &[u8], shift: f32) -> [f32; BINS] {
    let mut counts = [0u64; BINS];
    codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
    let coded: Vec<(f32, u8)> = values.iter().copied().zip(codes.iter().copied()).collect();
    let sums = ordered_sums(&coded, |&(value, code), sums: &mut [f64; BINS]| {
        sums[usize::from(code)] += f64::from(value - shift);
    });
    std::array::from_fn(|bin| if counts[bin] == 0 { 0.0 } else { (sums[bin] / counts[bin] as f64) as f32 })
}

/// Lanes of a block in the order of sums; see [`Quantizer::fit`].
const LANES: usize = 256;
/// Items of a block.
const BLOCK: usize = 32 * LANES;

/// The sums of `items` in the order of [`Quantizer::fit`]; `add` adds an item to a lane's sums, which begin at 0.
fn ordered_sums<T, const N: usize>(items: &[T], add: impl Fn(&T, &mut [f64; N])) -> [f64; N] {
    let mut sums: Vec<[f64; N]> = items.chunks(BLOCK).map(|block| block_sums(block, &add)).collect();
    while sums.len() > 1 {
        sums = sums.chunks(BLOCK).map(|block| block_sums(block, &add_all)).collect();
    }
    sums.pop().unwrap_or([0.0; N])
}

fn block_sums<T, const N: usize>(block: &[T], add: &impl Fn(&T, &mut [f64; N])) -> [f64; N] {
    let mut lanes = [[0f64; N]; LANES];
    for row in block.chunks(LANES) {
        row.iter().zip(&mut lanes).for_each(|(item, lane)| add(item, lane));
    }
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(&*high).for_each(|(lane, other)| add_all(other, lane));
        half /= 2;
    }
    lanes[0]
}

fn add_all<const N: usize>(other: &[f64; N], sums: &mut [f64; N]) {
    sums.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, with one item a lane but for the first: lane 0 has 2⁵³ + 1, which is 2⁵³ (ties to even), and loses
    /// lane 128's 1 in the same way; lanes 64 and 192 meet first, so that their 2 is not lost.
    #[test]
    fn sums_run_in_their_order() {
        let mut items = vec![0.0; LANES + 1];
        let huge = 9_007_199_254_740_992.0;
        (items[0], items[256], items[128], items[64], items[192]) = (huge, 1.0, 1.0, 1.0, 1.0);
        assert_eq!(ordered_sums(&items, |&item, [sum]| *sum += item), [huge + 2.0]);
    }

    /// Whole numbers have one sum, whatever the order: nothing is left out or added twice.
    #[test]
    fn sums_are_whole_at_every_length() {
        for count in [0, 1, 255, 257, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 700] {
            let items: Vec<u32> = (0..count as u32).collect();
            let sums = ordered_sums(&items, |&item, [sum, odd]| {
                *sum += f64::from(item);
                *odd += f64::from(item % 2);
            });
            let expected = count * count.saturating_sub(1) / 2;
            assert_eq!(sums, [expected as f64, (count / 2) as f64]);
        }
    }

    #[test]
    fn one_value_and_no_value_have_a_quantizer() {
        let (one, codes) = Quantizer::fit(&[0.25], 6.0);
        assert_eq!((one.decoded()[usize::from(codes[0])], codes.len()), (0.25, 1));
        assert_eq!(Quantizer::fit(&[], 6.0), (Quantizer::default(), vec![]));
    }
}
