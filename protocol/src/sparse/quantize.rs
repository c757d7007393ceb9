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
    /// over bin `b`. Sums run in f64 in the order of the values; each result is rounded to f32 once.
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
        let count = values.len() as f64;
        let shift = (values.iter().map(|&v| f64::from(v)).sum::<f64>() / count) as f32;
        let scale = scale(values, shift, range_in_sigmas);
        let code = |value: f32| ((value - shift) / scale + OFFSET).round_ties_even().clamp(0.0, 3.0) as u8;
        let codes: Vec<u8> = values.iter().map(|&value| code(value)).collect();
        (Self { shift, lookup: bin_means(values, &codes, shift) }, codes)
    }
}

fn scale(values: &[f32], shift: f32, range_in_sigmas: f32) -> f32 {
    let square = |value: f32| f64::from(value - shift) * f64::from(value - shift);
    let variance = values.iter().map(|&v| square(v)).sum::<f64>() / (values.len() as f64 - 1.0);
    let scale = (f64::from(range_in_sigmas) * variance.sqrt() / BINS as f64) as f32;
    if scale.is_finite() && scale != 0.0 { scale } else { 1.0 }
}

fn bin_means(values: &[f32], codes: &[u8], shift: f32) -> [f32; BINS] {
    let (mut sums, mut counts) = ([0f64; BINS], [0u32; BINS]);
    for (&value, &code) in values.iter().zip(codes) {
        sums[usize::from(code)] += f64::from(value - shift);
        counts[usize::from(code)] += 1;
    }
    std::array::from_fn(
        |bin| if counts[bin] == 0 { 0.0 } else { (sums[bin] / f64::from(counts[bin])) as f32 },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_and_no_value_have_a_quantizer() {
        let (one, codes) = Quantizer::fit(&[0.25], 6.0);
        assert_eq!((one.decoded()[usize::from(codes[0])], codes.len()), (0.25, 1));
        assert_eq!(Quantizer::fit(&[], 6.0), (Quantizer::default(), vec![]));
    }
}
