//! Statistics over the runs of one point.

use serde::Serialize;

/// Mean, median and a band that holds nine tenths of the runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bands {
    /// Number of runs.
    pub runs: u32,
    /// Arithmetic mean.
    pub mean: f64,
    /// Half of the runs lie below.
    pub median: f64,
    /// 5% of the runs lie below.
    pub p5: f64,
    /// 95% of the runs lie below.
    pub p95: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Bands {
    /// Names of the columns in the order of [`Bands::values`].
    pub const NAMES: [&'static str; 6] = ["mean", "median", "p5", "p95", "min", "max"];

    /// The statistics of some numbers; all zero of none. Percentiles lie on straight lines between neighbours:
    /// the `p`-th one stands at position `p/100 · (n − 1)` of the sorted numbers.
    ///
    /// ```
    /// use sn3_simulator::sweep::Bands;
    /// let bands = Bands::of(&[4.0, 1.0, 2.0, 3.0, 5.0]);
    /// assert_eq!((bands.mean, bands.median, bands.p5, bands.p95), (3.0, 3.0, 1.2, 4.8));
    /// ```
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else { return Self::default() };
        Self {
            runs: sorted.len() as u32,
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
            median: percentile(&sorted, 0.5),
            p5: percentile(&sorted, 0.05),
            p95: percentile(&sorted, 0.95),
            min: *min,
            max: *max,
        }
    }

    /// The statistics without the number of runs.
    #[must_use]
    pub fn values(&self) -> [f64; 6] {
        [self.mean, self.median, self.p5, self.p95, self.min, self.max]
    }
}

fn percentile(sorted: &[f64], part: f64) -> f64 {
    let position = part * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_is_its_own_band_and_none_are_zero() {
        assert_eq!(Bands::of(&[7.0]).values(), [7.0; 6]);
        assert_eq!(Bands::of(&[]), Bands::default());
    }
}
