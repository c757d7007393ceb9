//! From final scores to the weights that go on chain (training protocol, section 4.7).

use std::collections::BTreeMap;

use crate::ids::Uid;
use crate::run::WeightRule;

/// The weight of every uid that gets any; they add up to 1. Uids ascend.
///
/// Positive scores are sorted, best first (ties: lower uid first). The first `gather_peers` share
/// `(1 - burn)·gather_share` along a straight line from `gather_top_ratio` to 1; the next
/// `reserve_peers` share the rest as powers of `reserve_decay`, scaled down so that the best of them gets
/// at most `reserve_decay` of the last of the first tier when it would get more. All is rescaled to
/// `1 - burn`, equal scores share what their places get, and the burn uid gets `burn` (everything, when no score is positive). Without a burn rate
/// and without a positive score there are no weights. Scores below `score_share_min` of the (lower) median
/// positive one are not paid.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use sn3_protocol::{Uid, run::WeightRule, score::weights::weights};
/// let finals = BTreeMap::from([(Uid(28), 10.9), (Uid(87), 12.97), (Uid(90), -4.0)]);
/// let weights = weights(&finals, &WeightRule::default());
/// assert_eq!(weights[&Uid(1)], 0.5); // burnt
/// assert!((weights[&Uid(87)] - 1.0 / 3.0).abs() < 1e-12); // 2 : 1
/// assert!((weights[&Uid(28)] - 1.0 / 6.0).abs() < 1e-12);
/// assert!(!weights.contains_key(&Uid(90)));
/// ```
#[must_use]
pub fn weights(finals: &BTreeMap<Uid, f64>, rule: &WeightRule) -> BTreeMap<Uid, f64> {
    let order = paid(finals, rule);
    let (gather, rest) = order.split_at(order.len().min(rule.gather_peers as usize));
    let reserve = &rest[..rest.len().min(rule.reserve_peers as usize)];
    let mut shares = tiers(gather.len(), reserve.len(), rule);
    rescale(&mut shares, 1.0 - rule.burn_rate);
    level_ties(&order, finals, &mut shares);
    let mut weights = BTreeMap::new();
    for (uid, share) in gather.iter().chain(reserve).zip(shares) {
        weights.insert(*uid, share);
    }
    if rule.burn_rate > 0.0 {
        let burnt = if weights.is_empty() { 1.0 } else { rule.burn_rate };
        *weights.entry(rule.burn_uid).or_insert(0.0) += burnt;
    }
    weights
}

/// The uids with a positive score, best first; equal scores by uid.
#[must_use]
pub fn ranking(finals: &BTreeMap<Uid, f64>) -> Vec<Uid> {
    let mut positive: Vec<(Uid, f64)> =
        finals.iter().filter(|(_, score)| **score > 0.0).map(|(uid, score)| (*uid, *score)).collect();
    positive.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    positive.into_iter().map(|(uid, _)| uid).collect()
}

/// The [`ranking`] without those whose score is too small a share of the median.
fn paid(finals: &BTreeMap<Uid, f64>, rule: &WeightRule) -> Vec<Uid> {
    let mut order = ranking(finals);
    let score = |uid: &Uid| finals.get(uid).copied().unwrap_or(0.0);
    let median = order.get(order.len() / 2).map_or(0.0, score);
    order.retain(|uid| score(uid) >= rule.score_share_min * median);
    order
}

/// Relative difference below which two scores are equal: they come from the same matches.
const TIE: f64 = 1e-9;

/// Gives everybody of a group of equal scores the mean of their shares. `order` is best first.
fn level_ties(order: &[Uid], finals: &BTreeMap<Uid, f64>, shares: &mut [f64]) {
    let score = |place: usize| finals.get(&order[place]).copied().unwrap_or(0.0);
    let mut start = 0;
    while start < shares.len() {
        let tied =
            (start..shares.len()).take_while(|&place| score(place) >= score(start) * (1.0 - TIE)).count();
        let group = &mut shares[start..start + tied.max(1)];
        let mean = group.iter().sum::<f64>() / group.len() as f64;
        group.fill(mean);
        start += tied.max(1);
    }
}

/// Weights as the chain takes them: the largest becomes 65,535, the others in proportion, rounded to
/// nearest; zeros are left out.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use sn3_protocol::{Uid, score::weights::to_u16};
/// let weights = BTreeMap::from([(Uid(0), 0.5), (Uid(4), 0.25), (Uid(5), 1e-9)]);
/// assert_eq!(to_u16(&weights), [(Uid(0), 65_535), (Uid(4), 32_768)]);
/// ```
#[must_use]
pub fn to_u16(weights: &BTreeMap<Uid, f64>) -> Vec<(Uid, u16)> {
    let largest = weights.values().copied().filter(|w| w.is_finite()).fold(0.0, f64::max);
    if largest <= 0.0 {
        return Vec::new();
    }
    let scale = |weight: f64| (weight / largest * f64::from(u16::MAX)).round() as u16;
    weights.iter().map(|(uid, weight)| (*uid, scale(*weight))).filter(|(_, w)| *w > 0).collect()
}

/// The raw shares of both tiers, best first.
fn tiers(gather: usize, reserve: usize, rule: &WeightRule) -> Vec<f64> {
    let top = rule.gather_top_ratio;
    let ramp = |i: usize| if gather < 2 { top } else { top + (1.0 - top) * i as f64 / (gather - 1) as f64 };
    let mut first: Vec<f64> = (0..gather).map(ramp).collect();
    let mut second: Vec<f64> = (0..reserve).map(|i| rule.reserve_decay.powi(i as i32)).collect();
    rescale(&mut first, rule.gather_share);
    rescale(&mut second, 1.0 - rule.gather_share);
    let smallest = first.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = second.iter().copied().fold(0.0, f64::max);
    if largest > smallest {
        let factor = smallest / largest * rule.reserve_decay;
        second.iter_mut().for_each(|share| *share *= factor);
    }
    first.extend(second);
    first
}

fn rescale(shares: &mut [f64], total: f64) {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        shares.iter_mut().for_each(|share| *share *= total / sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_for_any_number_of_peers() {
        for count in 0..40u16 {
            let finals = (0..count).map(|i| (Uid(i + 2), f64::from(i) - 3.0)).collect();
            let sum: f64 = weights(&finals, &WeightRule::default()).values().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{count} peers: {sum}");
        }
    }

    #[test]
    fn nobody_positive_means_everything_is_burnt() {
        let finals = BTreeMap::from([(Uid(3), 0.0), (Uid(4), -1.0), (Uid(5), f64::NAN)]);
        assert_eq!(weights(&finals, &WeightRule::default()), BTreeMap::from([(Uid(1), 1.0)]));
    }

    #[test]
    fn equal_scores_get_equal_weights() {
        let finals = BTreeMap::from([(Uid(2), 3.0), (Uid(3), 3.0), (Uid(4), 1.0)]);
        let rule = WeightRule { burn_rate: 0.0, ..WeightRule::default() };
        let weights = weights(&finals, &rule);
        assert_eq!(weights[&Uid(2)], weights[&Uid(3)]);
        assert!((weights[&Uid(2)] - 1.75 / 4.5).abs() < 1e-12 && weights[&Uid(4)] < weights[&Uid(3)]);
    }

    #[test]
    fn a_score_of_nearly_nothing_is_not_paid_where_the_rule_says_so() {
        let finals = BTreeMap::from([(Uid(2), 3.0), (Uid(3), 2.0), (Uid(4), 2.0), (Uid(5), 0.19)]);
        let rule = WeightRule { score_share_min: 0.1, ..WeightRule::default() };
        assert!(!weights(&finals, &rule).contains_key(&Uid(5)));
        assert!(weights(&finals, &WeightRule::default()).contains_key(&Uid(5)));
    }

    #[test]
    fn without_burn_a_peer_keeps_all() {
        let rule = WeightRule { burn_rate: 0.0, ..WeightRule::default() };
        assert_eq!(weights(&BTreeMap::from([(Uid(3), 1.0)]), &rule), BTreeMap::from([(Uid(3), 1.0)]));
    }
}
