//! What a score is: every component of one uid's judgement in one window, and how they combine
//! (training protocol, section 4).
//!
//! ```text
//!  losses on random data ──► gradient score ──► match (openskill) ──► ordinal ─┐
//!  losses on own data ─────► own-data test ───► moving average B ──────────────┼─► final ──► weights
//!  published probe ────────► steps behind ────► sync ──────────────────────────┘
//! ```

mod card;
pub mod loss;
pub mod overlap;
pub mod sync;
pub mod weights;

pub use card::{Reason, Scorecard, ScorecardSet, SyncResult};
pub use loss::{Control, LossChange, LossScore, LossScoreError};
pub use overlap::{CopyLevel, Geometry, PairOverlap};

use crate::run::BmaRule;

/// The moving average of the own-data test after one more result: `(1 - alpha)·bma + alpha·binary`.
///
/// ```
/// # use sn3_protocol::{run::GauntletConfig, score::bma_next};
/// let rule = GauntletConfig::default().bma;
/// let mut bma = 0.0;
/// for _ in 0..3 {
///     bma = bma_next(bma, 1.0, &rule);
/// }
/// assert!((bma - 0.142625).abs() < 1e-12); // three straight wins pass the threshold of 0.10
/// ```
#[must_use]
pub fn bma_next(bma: f64, binary: f64, rule: &BmaRule) -> f64 {
    (1.0 - rule.alpha) * bma + rule.alpha * binary
}

/// The factor B of the final score: the moving average, never negative, and 0 below the threshold once
/// the run is `warmup_windows` old (training protocol, section 4.5).
#[must_use]
pub fn bma_factor(bma: f64, round: u64, rule: &BmaRule) -> f64 {
    let settled = round >= rule.warmup_windows;
    if !bma.is_finite() || bma <= 0.0 || (settled && bma < rule.threshold) { 0.0 } else { bma }
}

/// `ordinal · B · sync`. B and sync are never negative, so a negative ordinal gives a negative score:
/// negative times negative cannot become positive here.
///
/// ```
/// # use sn3_protocol::score::final_score;
/// assert_eq!(final_score(2.0, 0.5, 1.0), 1.0);
/// assert!(final_score(-2.0, -0.5, 1.0) <= 0.0);
/// ```
#[must_use]
pub fn final_score(ordinal: f64, bma_factor: f64, sync: f64) -> f64 {
    let product = ordinal * bma_factor.max(0.0) * sync.clamp(0.0, 1.0);
    if product.is_finite() { product } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::GauntletConfig;

    #[test]
    fn the_threshold_counts_only_after_the_warm_up() {
        let rule = GauntletConfig::default().bma;
        assert_eq!(bma_factor(0.05, 9, &rule), 0.05);
        assert_eq!(bma_factor(0.05, 10, &rule), 0.0);
        assert_eq!(bma_factor(-0.3, 0, &rule), 0.0);
        assert_eq!(bma_factor(f64::NAN, 0, &rule), 0.0);
    }

    #[test]
    fn no_pair_of_negatives_makes_a_positive() {
        for ordinal in [-3.0, -0.1, 0.0] {
            for bma in [-1.0, -0.2, 0.0, 0.3] {
                assert!(final_score(ordinal, bma, 1.0) <= 0.0);
                assert!(final_score(ordinal, bma, -1.0) <= 0.0);
            }
        }
    }
}
