//! Weights in the form in which the chain keeps them (chain interface, sections 3.5 and 5.2).

use sn3_protocol::Uid;

/// The largest weight.
const WEIGHT_MAX: u16 = u16::MAX;

/// Why weights cannot be brought into the chain's form.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NormaliseError {
    /// A weight is no number, infinite or negative.
    #[error("the weight of uid {uid} is {weight}; give a number that is 0 or more")]
    NotAWeight {
        /// Whose.
        uid: Uid,
        /// What was given.
        weight: f64,
    },
    /// Two weights for one slot.
    #[error("uid {uid} has two weights; give it one")]
    Duplicate {
        /// Whose.
        uid: Uid,
    },
    /// Every weight is zero.
    #[error("every weight is zero; give weight to at least one neuron")]
    AllZero,
}

/// Ascending uids without zeros, the largest weight 65535, the others in proportion and rounded to the nearest.
///
/// ```
/// use sn3_chain::weights::normalise;
/// use sn3_protocol::Uid;
///
/// let weights = normalise(&[(Uid(4), 1.0), (Uid(1), 2.0), (Uid(2), 0.0)])?;
/// assert_eq!(weights, [(Uid(1), 65535), (Uid(4), 32768)]);
/// # Ok::<(), sn3_chain::weights::NormaliseError>(())
/// ```
pub fn normalise(weights: &[(Uid, f64)]) -> Result<Vec<(Uid, u16)>, NormaliseError> {
    let mut sorted = weights.to_vec();
    sorted.sort_by_key(|(uid, _)| *uid);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(NormaliseError::Duplicate { uid: pair[0].0 });
    }
    if let Some(&(uid, weight)) = sorted.iter().find(|(_, weight)| !weight.is_finite() || *weight < 0.0) {
        return Err(NormaliseError::NotAWeight { uid, weight });
    }
    let largest = sorted.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
    if largest <= 0.0 {
        return Err(NormaliseError::AllZero);
    }
    let scaled = |weight: f64| (weight / largest * f64::from(WEIGHT_MAX)).round() as u16;
    let all = sorted.into_iter().map(|(uid, weight)| (uid, scaled(weight)));
    Ok(all.filter(|(_, weight)| *weight > 0).collect())
}

/// What the chain makes of values before it stores them: the largest becomes 65535, each other one
/// value × 65535 / largest, rounded to the nearest (chain interface, section 3.5).
///
/// ```
/// assert_eq!(sn3_chain::weights::upscale(&[1, 3, 2]), [21_845, 65_535, 43_690]);
/// ```
#[must_use]
pub fn upscale(values: &[u16]) -> Vec<u16> {
    let largest = values.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return values.to_vec();
    }
    values.iter().map(|value| rescaled(*value, largest)).collect()
}

/// round(value × 65535 / largest), halves up, in the chain's arithmetic of 32 fraction bits.
fn rescaled(value: u16, largest: u16) -> u16 {
    /// Above it the chain divides before it multiplies.
    const DIVIDE_FIRST_ABOVE: u16 = 32_768;
    let bits = if largest > DIVIDE_FIRST_ABOVE {
        let ratio = (u64::from(WEIGHT_MAX) << 32) / u64::from(largest);
        u64::from(value) * ratio
    } else {
        ((u64::from(value) * u64::from(WEIGHT_MAX)) << 32) / u64::from(largest)
    };
    u16::try_from((bits + (1 << 31)) >> 32).unwrap_or(WEIGHT_MAX)
}

/// Limits each weight to a share of the sum, where `limit` of 65535 stands for all of it and limits nothing.
///
/// What is cut off is not given to others: the shares are those of the cut weights, so the limit is applied again
/// until it holds, at most as often as there are weights. Impossible limits (below one over the number of weights)
/// end in equal weights.
#[must_use]
pub fn clip(weights: &[(Uid, f64)], limit: u16) -> Vec<(Uid, f64)> {
    if limit == WEIGHT_MAX || weights.is_empty() {
        return weights.to_vec();
    }
    let limit = f64::from(limit) / f64::from(WEIGHT_MAX);
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| weights[*b].1.total_cmp(&weights[*a].1));
    let mut rest: f64 = weights.iter().map(|(_, weight)| weight).sum();
    for (cut, index) in order.iter().enumerate() {
        let left = 1.0 - cut as f64 * limit;
        let ceiling = if left > 0.0 { rest * limit / left } else { weights[order[order.len() - 1]].1 };
        if weights[*index].1 <= ceiling {
            return weights.iter().map(|(uid, weight)| (*uid, weight.min(ceiling))).collect();
        }
        rest -= weights[*index].1;
    }
    weights.iter().map(|(uid, _)| (*uid, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_weight_is_refused() {
        for weight in [f64::NAN, f64::INFINITY, -1.0] {
            let refused = normalise(&[(Uid(1), weight)]);
            assert!(matches!(refused, Err(NormaliseError::NotAWeight { .. })), "{weight}");
        }
        assert_eq!(normalise(&[(Uid(1), 0.0)]), Err(NormaliseError::AllZero));
        assert_eq!(normalise(&[]), Err(NormaliseError::AllZero));
        let twice = normalise(&[(Uid(1), 1.0), (Uid(1), 2.0)]);
        assert_eq!(twice, Err(NormaliseError::Duplicate { uid: Uid(1) }));
    }

    #[test]
    fn clipping_holds_the_limit() {
        // 8, 1, 1 with a limit of one half: the ceiling c solves c = (c + 1 + 1) / 2, so c = 2.
        let weights = [(Uid(0), 8.0), (Uid(1), 1.0), (Uid(2), 1.0)];
        let clipped = clip(&weights, 32_768);
        let share = clipped[0].1 / clipped.iter().map(|(_, weight)| weight).sum::<f64>();
        assert!((share - 32_768.0 / 65_535.0).abs() < 1e-9, "{clipped:?}");
        assert_eq!(clip(&weights, 65_535), weights);
        let equal = clip(&weights, 1);
        assert!(equal.iter().all(|(_, weight)| *weight == equal[0].1), "{equal:?}");
    }

    proptest! {
        #[test]
        fn what_we_send_is_what_the_chain_stores(values in proptest::collection::vec(0.0..1e6f64, 1..50)) {
            let weights: Vec<_> = values.iter().enumerate().map(|(i, w)| (Uid(i as u16), *w)).collect();
            if let Ok(sent) = normalise(&weights) {
                let sent: Vec<u16> = sent.into_iter().map(|(_, weight)| weight).collect();
                prop_assert_eq!(sent.iter().max(), Some(&65_535));
                prop_assert_eq!(upscale(&sent), sent);
            }
        }

        #[test]
        fn upscaling_is_monotonic_and_reaches_the_top(values in proptest::collection::vec(0u16.., 1..50)) {
            let up = upscale(&values);
            let mut pairs: Vec<_> = values.iter().zip(&up).collect();
            pairs.sort_unstable();
            prop_assert!(pairs.windows(2).all(|pair| pair[0].1 <= pair[1].1));
            if values.iter().any(|value| *value > 0) {
                prop_assert_eq!(up.iter().max(), Some(&65_535));
            }
        }
    }
}
