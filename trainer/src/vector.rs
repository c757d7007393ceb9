//! Loops over f32 slices that the compiler turns into wide instructions.
//!
//! Sums run in [`LANES`] parallel lanes that are added in a fixed order, so a result depends on the values
//! only: not on the instruction set, nor on the number of threads.

/// Lanes of a sum: one AVX-512 register, two AVX2 registers.
pub(crate) const LANES: usize = 16;

/// Work that [`pulp`] inlines into a function compiled for an instruction set.
///
/// The work is called by reference: by value, a closure that only borrows is called through a shim that is not
/// inlined, and its loops would keep the narrow instructions.
pub(crate) struct Wide<F>(pub(crate) F);

impl<R, F: FnMut() -> R> pulp::NullaryFnOnce for Wide<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}

/// Runs an expression compiled for the widest instructions of this machine. They are the instructions of the
/// function that the code is inlined into, so everything that it calls must be `#[inline(always)]`.
macro_rules! fast {
    ($work:expr $(,)?) => {
        pulp::Arch::new().dispatch($crate::vector::Wide(
            #[inline(always)]
            || $work,
        ))
    };
}
pub(crate) use fast;

/// Adds the lanes pairwise, in a fixed tree.
#[inline(always)]
pub(crate) fn add_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The scalar product of two slices of one length.
#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    for (lane, (left, right)) in lanes.iter_mut().zip(left_rest.iter().zip(right_rest)) {
        *lane += left * right;
    }
    add_lanes(lanes)
}

/// The largest value; minus infinity for none.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], chunk[lane]);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| larger(a, b))
}

/// Replaces every value by `exp(value − shift)` and returns the sum.
#[inline(always)]
pub(crate) fn exp_sum(values: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (whole, rest) = values.as_chunks_mut::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - shift);
            lanes[lane] += chunk[lane];
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *value = exp(*value - shift);
        *lane += *value;
    }
    add_lanes(lanes)
}

/// Multiplies every value by `factor`.
#[inline(always)]
pub(crate) fn scale(values: &mut [f32], factor: f32) {
    values.iter_mut().for_each(|value| *value *= factor);
}

/// `exp(x)` with a relative error below 3e-7; 0 below −87, and finite for all finite `x` up to 88.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2; exp(r) by its Taylor polynomial of degree 7 (remainder below 7e-9),
/// times 2ⁿ put together from bits. No branches, no table, so that loops over it vectorise.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding this rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.5 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.0 { 0.0 } else { p * power }
}

/// `1 / (1 + exp(−x))`.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_libraries() {
        for step in -8_700..=8_800 {
            let x = step as f32 * 0.01;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 3e-7, "exp({x}) = {found}, not {expected}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!((exp(-100.0), exp(f32::NEG_INFINITY)), (0.0, 0.0));
        assert!(exp(1e30).is_finite() && exp(f32::NAN).is_nan());
        assert!((sigmoid(2.0) - 0.880_797).abs() < 1e-6 && sigmoid(-1e9) < 1e-37);
    }

    #[test]
    fn sums_of_any_length_are_right_and_independent_of_the_instructions() {
        for length in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
            let exact: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
            assert!((f64::from(dot(&values, &values)) - exact).abs() < 1e-5);
            assert_eq!(dot(&values, &values), fast!(dot(&values, &values)));
            let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(max(&values), largest);
            let (mut plain, mut wide) = (values.clone(), values);
            assert_eq!(exp_sum(&mut plain, 0.5), fast!(exp_sum(&mut wide, 0.5)));
            assert_eq!(plain, wide);
        }
    }
}
