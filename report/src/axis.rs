//! Round numbers for axes.

/// A range of values and the round numbers in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<f64>,
    decimals: usize,
}

/// About how many ticks an axis has.
const TICKS: f64 = 5.0;

/// Values that differ by less than this share of them are one value to an axis; so are all smaller ones.
const SPAN_MIN: f64 = 1e-12;

impl Axis {
    /// An axis over all finite values. Without any it runs from 0 to 1; a single value gets room around it.
    pub fn over(values: impl Iterator<Item = f64>, from_zero: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if from_zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high - low < SPAN_MIN * low.abs().max(SPAN_MIN) {
            let room = if low.abs() < SPAN_MIN { 1.0 } else { low.abs() * 0.1 };
            (low, high) = (low - if from_zero { 0.0 } else { room }, high + room);
        }
        Self::rounded(low, high)
    }

    /// An axis with a slot of equal width for each of `values`, which ascend; for bars.
    pub fn slots(values: Vec<f64>) -> Self {
        let Some((&first, &last)) = values.first().zip(values.last()) else {
            return Self::over([].into_iter(), false);
        };
        let half = if values.len() < 2 { 0.5 } else { (last - first) / (values.len() - 1) as f64 / 2.0 };
        Self { low: first - half, high: last + half, ticks: values, decimals: 0 }
    }

    /// An axis over exactly this range with round ticks inside it; of 0 to 1 where it is none.
    pub fn spanning((low, high): (f64, f64)) -> Self {
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Self::spanning((0.0, 1.0));
        }
        let rounded = Self::rounded(low, high);
        let within = |tick: &f64| *tick >= low - 1e-9 * (high - low) && *tick <= high + 1e-9 * (high - low);
        let ticks = rounded.ticks.iter().copied().filter(within).collect();
        Self { low, high, ticks, decimals: rounded.decimals }
    }

    /// An axis from the smallest to the largest finite value.
    pub fn tight(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        Self::spanning((low, high))
    }

    fn rounded(low: f64, high: f64) -> Self {
        let step = round_step((high - low) / TICKS);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks = (0..=(last - first) as u64).map(|i| (first + i as f64) * step).collect();
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        Self { low: first * step, high: last * step, ticks, decimals }
    }

    /// Where `value` lies between the ends: 0 to 1.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// The text of a tick.
    pub fn label(&self, value: f64) -> String {
        if value.abs() >= 1e6 {
            return format!("{value:.1e}");
        }
        format!("{value:.*}", self.decimals)
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let factor =
        [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= raw * 0.999).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let axis = Axis::over([0.3, 6.9].into_iter(), false);
        assert_eq!(axis.ticks, [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(axis.label(2.0), "2");
        assert_eq!(Axis::over([0.01, 0.05].into_iter(), false).label(0.02), "0.02");
    }

    #[test]
    fn a_given_range_is_kept() {
        let axis = Axis::spanning((0.0, 1.0));
        assert_eq!((axis.low, axis.high, axis.ticks.len()), (0.0, 1.0, 6));
        let axis = Axis::tight([0.0, 39.0].into_iter());
        assert_eq!((axis.low, axis.high, axis.label(39.0)), (0.0, 39.0, "39".to_owned()));
        assert_eq!(Axis::tight([].into_iter()).high, 1.0);
    }

    #[test]
    fn no_values_and_one_value_have_an_axis() {
        for values in
            [vec![], vec![f64::NAN], vec![3.0], vec![0.0], vec![-2.0], vec![5e-324], vec![1e100, 1e100]]
        {
            let axis = Axis::over(values.into_iter(), false);
            assert!(axis.high > axis.low && axis.ticks.len() >= 2, "{axis:?}");
        }
    }
}
