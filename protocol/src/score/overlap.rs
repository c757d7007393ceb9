//! Copy detection: how many positions two payloads share (training protocol, section 4.8).

use std::fmt;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::ids::Uid;
use crate::layout::Layout;
use crate::run::OverlapRule;
use crate::sparse::{Chunks, PseudoGradient};

/// The positions that one peer sent of one tensor, chunk after chunk.
#[derive(Clone, Copy, Debug)]
pub struct Positions<'a> {
    /// Positions inside their chunks, strictly ascending within a chunk.
    pub indices: &'a [u16],
    /// How many were kept of each chunk, in order.
    pub kept: &'a [usize],
    /// Whether every value of every chunk was kept. Two such tensors always share all positions, which
    /// says nothing, so they do not count.
    pub dense: bool,
}

/// The share of positions that two peers both sent, 0 to 1: per tensor the mean over its chunks of
/// `|A ∩ B| / k`, averaged over the tensors that are not dense, weighted by the number of kept values.
/// 0 where every tensor is dense, or where the two do not have the same chunks.
///
/// ```
/// # use sn3_protocol::score::overlap::{overlap, Positions};
/// let kept = [2, 2];
/// let sent = |indices| Positions { indices, kept: &kept, dense: false };
/// // Two of two positions are shared in the first chunk, one of two in the second.
/// assert_eq!(overlap(&[sent(&[3, 9, 1, 7])], &[sent(&[3, 9, 1, 8])]), 0.75);
/// ```
#[must_use]
pub fn overlap(a: &[Positions<'_>], b: &[Positions<'_>]) -> f64 {
    if a.len() != b.len() {
        return 0.0;
    }
    let pairs = a.iter().zip(b).filter(|(x, y)| !x.dense && !y.dense);
    let (sum, weight) = pairs.fold((0.0, 0.0), |(sum, weight), (x, y)| {
        let kept = x.indices.len() as f64;
        (sum + kept * tensor_overlap(x, y), weight + kept)
    });
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// The mean over the chunks of one tensor.
#[must_use]
pub fn tensor_overlap(a: &Positions<'_>, b: &Positions<'_>) -> f64 {
    if a.kept != b.kept || a.indices.len() != b.indices.len() || a.kept.is_empty() {
        return 0.0;
    }
    let mut from = 0;
    let mut chunk = |&kept: &usize| {
        let range = from..(from + kept).min(a.indices.len());
        from = range.end;
        if kept == 0 {
            0.0
        } else {
            shared(&a.indices[range.clone()], &b.indices[range]) as f64 / kept as f64
        }
    };
    a.kept.iter().map(&mut chunk).sum::<f64>() / a.kept.len() as f64
}

/// How a layout's tensors are cut, computed once for all pairs of a round.
#[derive(Clone, Debug)]
pub struct Geometry {
    tensors: Vec<(Vec<usize>, bool)>,
}

impl Geometry {
    /// The geometry of a layout of which `top_k` values are kept in each chunk.
    #[must_use]
    pub fn new(layout: &Layout, top_k: u32) -> Self {
        let of = |index: usize| {
            let chunks = Chunks::of(layout, index);
            let kept = chunks.iter().map(|chunk| chunks.kept(&chunk, top_k)).collect();
            (kept, chunks.is_dense(top_k))
        };
        Self { tensors: (0..layout.tensors().len()).map(of).collect() }
    }

    /// [`overlap`] of two pseudo-gradients of this layout.
    #[must_use]
    pub fn overlap(&self, a: &PseudoGradient, b: &PseudoGradient) -> f64 {
        overlap(&self.positions(a), &self.positions(b))
    }

    fn positions<'a>(&'a self, of: &'a PseudoGradient) -> Vec<Positions<'a>> {
        let both = of.tensors.iter().zip(&self.tensors);
        both.map(|(tensor, (kept, dense))| Positions { indices: &tensor.indices, kept, dense: *dense })
            .collect()
    }
}

/// Number of values in both of two strictly ascending lists.
fn shared(a: &[u16], b: &[u16]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        count += usize::from(a[i] == b[j]);
        let (step_a, step_b) = (a[i] <= b[j], b[j] <= a[i]);
        i += usize::from(step_a);
        j += usize::from(step_b);
    }
    count
}

/// The overlap of two submissions of one round.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct PairOverlap {
    /// The one that was there first.
    pub first: Uid,
    /// The one that came later, and is the offender where the overlap is too high.
    pub later: Uid,
    /// [`overlap`], or 1 where the payloads are equal.
    pub overlap: f64,
}

/// How bad a copy is; what follows is in the training protocol, section 4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyLevel {
    /// Slash.
    High,
    /// Reset.
    Max,
    /// Reset, and shut out for a while.
    Mega,
}

impl fmt::Display for CopyLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Max => "max",
            Self::Mega => "mega",
        })
    }
}

/// The level of an overlap in `round`, where `median` is [`median_overlap`] of the round.
///
/// ```
/// # use sn3_protocol::{run::GauntletConfig, score::overlap::{CopyLevel, level}};
/// let rule = GauntletConfig::small().overlap; // relative: high 0.5, max 0.65, mega 0.8, exact 0.9
/// assert_eq!(level(0.60, 0.4, 1, &rule), None); // below 0.4 + 0.5 * 0.6 = 0.7
/// assert_eq!(level(0.72, 0.4, 1, &rule), Some(CopyLevel::High));
/// assert_eq!(level(0.95, 0.4, 0, &rule), Some(CopyLevel::Mega)); // above 0.94, in any round
/// ```
#[must_use]
pub fn level(overlap: f64, median: f64, round: u64, rule: &OverlapRule) -> Option<CopyLevel> {
    let base = if rule.relative { median.clamp(0.0, 1.0) } else { 0.0 };
    let reaches = |share: f64| overlap >= base + share * (1.0 - base);
    if reaches(rule.exact) {
        return Some(CopyLevel::Mega);
    }
    if round < rule.start_round {
        return None;
    }
    [(rule.mega, CopyLevel::Mega), (rule.max, CopyLevel::Max), (rule.high, CopyLevel::High)]
        .into_iter()
        .find(|(share, _)| reaches(*share))
        .map(|(_, level)| level)
}

/// Pairs below which there is no telling what is usual in a round.
const PAIRS_MIN: usize = 3;

/// The lower median of the round's overlaps; 0 with fewer than three pairs (two peers).
#[must_use]
pub fn median_overlap(pairs: &[PairOverlap]) -> f64 {
    if pairs.len() < PAIRS_MIN {
        return 0.0;
    }
    let mut overlaps: Vec<f64> = pairs.iter().map(|pair| pair.overlap).collect();
    overlaps.sort_by(f64::total_cmp);
    overlaps.get(overlaps.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::GauntletConfig;

    #[test]
    fn dense_tensors_do_not_count() {
        let kept = [4];
        let dense = Positions { indices: &[0, 1, 2, 3], kept: &kept, dense: true };
        assert_eq!(overlap(&[dense], &[dense]), 0.0);
        let two = [2];
        let sparse = |indices| Positions { indices, kept: &two, dense: false };
        assert_eq!(overlap(&[dense, sparse(&[0, 1])], &[dense, sparse(&[2, 3])]), 0.0);
    }

    #[test]
    fn fixed_levels_begin_with_the_start_round() {
        let rule = GauntletConfig::default().overlap;
        assert_eq!(level(0.45, 0.3, 19, &rule), None);
        assert_eq!(level(0.45, 0.3, 20, &rule), Some(CopyLevel::High));
        assert_eq!(level(0.5, 0.3, 20, &rule), Some(CopyLevel::Max));
        assert_eq!(level(0.6, 0.3, 20, &rule), Some(CopyLevel::Mega));
    }

    #[test]
    fn a_copy_is_a_copy_in_any_round() {
        assert_eq!(level(0.95, 0.4, 0, &GauntletConfig::default().overlap), Some(CopyLevel::Mega));
        assert_eq!(level(1.0, 1.0, 0, &GauntletConfig::small().overlap), Some(CopyLevel::Mega));
    }

    #[test]
    fn where_everybody_resembles_everybody_nobody_is_a_copy() {
        assert_eq!(level(0.95, 0.94, 3, &GauntletConfig::small().overlap), None);
    }

    #[test]
    fn relative_levels_follow_what_honest_peers_share() {
        let rule = GauntletConfig::small().overlap;
        assert_eq!(level(0.49, 0.45, 1, &rule), None); // honest in the first rounds
        assert_eq!(level(0.55, 0.04, 9, &rule), Some(CopyLevel::High)); // not honest a dozen rounds later
        assert_eq!(level(0.85, 0.04, 9, &rule), Some(CopyLevel::Mega));
    }

    #[test]
    fn the_median_is_the_lower_one() {
        let pair = |overlap| PairOverlap { first: Uid(0), later: Uid(1), overlap };
        assert_eq!(median_overlap(&[]), 0.0);
        assert_eq!(median_overlap(&[pair(0.9), pair(0.1)]), 0.0);
        assert_eq!(median_overlap(&[pair(0.9), pair(0.2), pair(0.1), pair(0.3)]), 0.2);
        assert_eq!(median_overlap(&[pair(0.9), pair(0.1), pair(0.3)]), 0.3);
    }
}
