//! The constants of Gauntlet (training protocol, section 4.1), grouped by the rule that uses them.
//!
//! [`GauntletConfig::default`] holds the values that judged the 72B run. [`GauntletConfig::small`] is for
//! networks of a few miners and a dozen windows, where averages over twenty windows never settle.

use serde::{Deserialize, Serialize};

use crate::ids::{Alpha, Uid};

/// Every constant of the judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GauntletConfig {
    /// Most peers evaluated in one window.
    pub uids_per_window: u32,
    /// Bins by rating from which one is drawn when there are many candidates.
    pub evaluation_bins: u32,
    /// Samples of each kind (own, random) on which a peer is evaluated.
    pub evaluation_samples: u32,
    /// The evaluation applies a peer's update with `outer_lr · eval_lr_factor`.
    pub eval_lr_factor: f32,
    /// A peer is active when it submitted for this window or one of so many before it.
    pub active_windows: u64,
    /// Stake weight above which a hotkey is taken for a validator and not evaluated.
    pub stake_max: Alpha,
    /// Windows between two weight settings.
    pub windows_per_weights: u64,
    /// Windows between two peer lists.
    pub windows_per_peer_list: u64,
    /// Windows for which a naughty peer is shut out.
    pub naughty_windows: u64,
    /// Windows of inactivity after which everything known about a peer is forgotten.
    pub reset_inactivity_windows: u64,
    /// A final score that falls below this in a slash becomes 0.
    pub score_floor: f64,
    /// A payload whose L2 norm exceeds the round's lower median by more than this factor is invalid.
    /// None: norms are only clipped.
    pub norm_ratio_max: Option<f64>,
    /// The rating.
    pub rating: RatingRule,
    /// The moving average of the own-data test.
    pub bma: BmaRule,
    /// The control group of the own-data test.
    pub controls: ControlRule,
    /// How far a peer may be behind.
    pub sync: SyncRule,
    /// Missing submissions.
    pub missing: MissingRule,
    /// Updates that raise the loss.
    pub negative: NegativeRule,
    /// Copies.
    pub overlap: OverlapRule,
    /// By what a slash multiplies.
    pub slash: SlashFactors,
    /// How scores become weights.
    pub weights: WeightRule,
}

/// Constants of the Plackett–Luce match (training protocol, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatingRule {
    /// Mean of a newcomer.
    pub mu: f64,
    /// Uncertainty of a newcomer.
    pub sigma: f64,
    /// Spread of one performance.
    pub beta: f64,
    /// Uncertainty that a match adds before it takes some away.
    pub tau: f64,
    /// The match score of a peer that was missing or invalid.
    pub missing_score: f64,
    /// A positive score ties with the best of its group when it is at least `1 - tie_fraction` of it.
    /// With few samples the order inside such a group is noise, and a peer that is last by noise each
    /// time would lose its pay. 0: only equal scores tie.
    pub tie_fraction: f64,
}

/// Constants of the binary moving average B (training protocol, section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BmaRule {
    /// Share of the newest result.
    pub alpha: f64,
    /// Below this the final score is 0 once the warm-up is over.
    pub threshold: f64,
    /// Windows of the run before the threshold counts.
    pub warmup_windows: u64,
}

/// The control group of the own-data test: the updates of other peers, measured on the same samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlRule {
    /// Other peers whose updates are tried on a peer's own samples. 0: own against random data only, as
    /// the reference does, which needs many samples to see through the samples' unequal difficulty.
    pub per_peer: u32,
    /// Smallest gradient score, as a share of the window's median, with which the own-data test can be
    /// passed. Noise helps a little about as often as it hurts, but never nearly as much as training. 0: any.
    pub strength_min: f64,
}

/// Constants of the sync score (training protocol, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncRule {
    /// Steps behind at which the score reaches 0.
    pub steps_cap: f64,
    /// `sync = (1 - x / steps_cap) ^ exponent`.
    pub exponent: f64,
    /// Steps behind above which an aggregated peer is slashed.
    pub steps_slash: f64,
    /// Share of the newest round in the average change of a parameter.
    pub change_alpha: f64,
    /// Smallest change of a parameter that counts as a step.
    pub step_min: f64,
}

/// Constants of the missing rules (training protocol, section 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingRule {
    /// Share of listed peers that must be there; below it every missing one loses everything.
    pub success_min: f64,
    /// Gathers that are remembered.
    pub remembered: u32,
    /// Share of the remembered ones at which a peer is reset and shut out.
    pub share_max: f64,
}

/// Constants of the negative rules (training protocol, section 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NegativeRule {
    /// Negative evaluations in a row at which a peer is no longer aggregated, until one is not negative.
    pub consecutive_max: u32,
    /// Evaluations that are remembered.
    pub remembered: u32,
    /// Share of the remembered ones above which a peer is slashed.
    pub share_max: f64,
    /// The rules rest in a window whose peer of this rank (from 1) has a negative score: a bad step of
    /// the whole network. Fewer peers: the last one counts.
    pub network_rank: u32,
}

/// Constants of copy detection (training protocol, sections 4.6 and 4.8).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlapRule {
    /// Round from which the three levels count. Equal payloads and [`OverlapRule::exact`] always do.
    pub start_round: u64,
    /// Level 1: slash.
    pub high: f64,
    /// Level 2: reset.
    pub max: f64,
    /// Level 3: reset and shut out.
    pub mega: f64,
    /// Whether the levels are read between the round's median overlap and 1 instead of between 0 and 1:
    /// `threshold = median + level · (1 - median)`. Honest pairs share .30 to .45 of their positions in
    /// the first rounds and .03 after a dozen (section 1.9), so a fixed threshold is first too strict and
    /// then too lenient.
    pub relative: bool,
    /// Overlap that is a copy in any round: level 3. Read as the levels are where those are relative.
    pub exact: f64,
    /// Windows for which payload digests are remembered, so that a replay of an old one is seen.
    pub replay_windows: u64,
}

/// By what a slash multiplies final score and B (training protocol, section 4.6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlashFactors {
    /// Missing at the evaluation.
    pub missing_evaluation: f64,
    /// Listed but missing: the first, second, … time in a row; the last one holds from there on.
    pub missing_listed: Vec<f64>,
    /// Aggregated, but too far behind or without a probe.
    pub sync: f64,
    /// Too many negative evaluations.
    pub negative: f64,
    /// Inactive, per window (final score only).
    pub inactive: f64,
    /// Overlap of level 1.
    pub overlap: f64,
}

/// How final scores become weights (training protocol, section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightRule {
    /// Share of the weight that goes to the burn uid.
    pub burn_rate: f64,
    /// The uid whose incentive is burnt.
    pub burn_uid: Uid,
    /// Peers of the first tier: those that are aggregated.
    pub gather_peers: u32,
    /// Peers of the second tier: those that replace missing ones.
    pub reserve_peers: u32,
    /// Share of the first tier in what is not burnt.
    pub gather_share: f64,
    /// Weight of the best over that of the last in the first tier.
    pub gather_top_ratio: f64,
    /// Weight of one reserve over that of the one before.
    pub reserve_decay: f64,
    /// Smallest final score, as a share of the median positive one, that is paid. The line of the first tier
    /// pays by place and not by score, so that without this a score of nearly nothing earns half of the best.
    /// 0: every positive score is paid.
    pub score_share_min: f64,
}

impl Default for GauntletConfig {
    fn default() -> Self {
        Self {
            uids_per_window: 20,
            evaluation_bins: 5,
            evaluation_samples: 8,
            eval_lr_factor: 0.2,
            active_windows: 2,
            stake_max: Alpha(20_000_000_000_000),
            windows_per_weights: 3,
            windows_per_peer_list: 2,
            naughty_windows: 20,
            reset_inactivity_windows: 3,
            score_floor: 1e-4,
            norm_ratio_max: Some(10.0),
            rating: RatingRule::default(),
            bma: BmaRule { alpha: 0.05, threshold: 0.10, warmup_windows: 10 },
            controls: ControlRule { per_peer: 0, strength_min: 0.0 },
            sync: SyncRule::default(),
            missing: MissingRule { success_min: 0.4, remembered: 8, share_max: 0.5 },
            negative: NegativeRule { consecutive_max: 3, remembered: 8, share_max: 0.5, network_rank: 5 },
            overlap: OverlapRule::default(),
            slash: SlashFactors::default(),
            weights: WeightRule::default(),
        }
    }
}

impl Default for RatingRule {
    fn default() -> Self {
        Self { mu: 25.0, sigma: 25.0 / 3.0, beta: 7.0, tau: 0.1, missing_score: -99.0, tie_fraction: 0.0 }
    }
}

impl Default for SyncRule {
    fn default() -> Self {
        Self { steps_cap: 3.0, exponent: 2.5, steps_slash: 2.0, change_alpha: 0.2, step_min: 1e-9 }
    }
}

impl Default for OverlapRule {
    fn default() -> Self {
        Self {
            start_round: 20,
            high: 0.4,
            max: 0.5,
            mega: 0.6,
            relative: false,
            exact: 0.9,
            replay_windows: 20,
        }
    }
}

impl Default for SlashFactors {
    fn default() -> Self {
        Self {
            missing_evaluation: 0.75,
            missing_listed: vec![0.75, 0.5, 0.0],
            sync: 0.75,
            negative: 0.25,
            inactive: 0.75,
            overlap: 0.5,
        }
    }
}

impl Default for WeightRule {
    fn default() -> Self {
        Self {
            burn_rate: 0.5,
            burn_uid: Uid(1),
            gather_peers: 20,
            reserve_peers: 10,
            gather_share: 0.75,
            gather_top_ratio: 2.0,
            reserve_decay: 0.5,
            score_share_min: 0.0,
        }
    }
}

impl GauntletConfig {
    /// Constants for 4 to 8 miners and runs of about 8 windows: nothing burnt, weights and peer lists every
    /// window, a moving average that settles in a few windows, statistical ties in the match, a control
    /// group in the own-data test, and copies measured against the round's own distribution from its
    /// first comparison on.
    #[must_use]
    pub fn small() -> Self {
        Self {
            evaluation_samples: 32,
            windows_per_weights: 2,
            windows_per_peer_list: 1,
            rating: RatingRule { tie_fraction: 0.6, ..RatingRule::default() },
            bma: BmaRule { alpha: 0.2, threshold: 0.05, warmup_windows: 4 },
            controls: ControlRule { per_peer: 3, strength_min: 0.25 },
            negative: NegativeRule { consecutive_max: 2, remembered: 4, share_max: 0.5, network_rank: 2 },
            missing: MissingRule { success_min: 0.4, remembered: 4, share_max: 0.5 },
            overlap: OverlapRule {
                start_round: 1,
                high: 0.5,
                max: 0.65,
                mega: 0.8,
                relative: true,
                exact: 0.9,
                replay_windows: 20,
            },
            weights: WeightRule {
                burn_rate: 0.0,
                burn_uid: Uid(0),
                score_share_min: 0.1,
                ..WeightRule::default()
            },
            ..Self::default()
        }
    }

    /// The name of the first field outside its range, if any.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        self.count_fault().or_else(|| self.share_fault()).or_else(|| self.positive_fault())
    }

    fn count_fault(&self) -> Option<&'static str> {
        let counts = [
            (u64::from(self.uids_per_window), "gauntlet.uids_per_window"),
            (u64::from(self.evaluation_bins), "gauntlet.evaluation_bins"),
            (u64::from(self.evaluation_samples), "gauntlet.evaluation_samples"),
            (self.windows_per_weights, "gauntlet.windows_per_weights"),
            (self.windows_per_peer_list, "gauntlet.windows_per_peer_list"),
            (u64::from(self.missing.remembered), "gauntlet.missing.remembered"),
            (u64::from(self.negative.remembered), "gauntlet.negative.remembered"),
            (u64::from(self.negative.network_rank), "gauntlet.negative.network_rank"),
            (u64::from(self.weights.gather_peers), "gauntlet.weights.gather_peers"),
            (self.slash.missing_listed.len() as u64, "gauntlet.slash.missing_listed"),
        ];
        let legal = 1..=crate::record::RoundRecord::ENTRIES_MAX as u64;
        counts.into_iter().find(|(count, _)| !legal.contains(count)).map(|(_, name)| name)
    }

    fn share_fault(&self) -> Option<&'static str> {
        let shares = [
            (f64::from(self.eval_lr_factor), "gauntlet.eval_lr_factor"),
            (self.rating.tie_fraction, "gauntlet.rating.tie_fraction"),
            (self.bma.alpha, "gauntlet.bma.alpha"),
            (self.bma.threshold, "gauntlet.bma.threshold"),
            (self.sync.change_alpha, "gauntlet.sync.change_alpha"),
            (self.controls.strength_min, "gauntlet.controls.strength_min"),
            (self.weights.score_share_min, "gauntlet.weights.score_share_min"),
            (self.missing.success_min, "gauntlet.missing.success_min"),
            (self.missing.share_max, "gauntlet.missing.share_max"),
            (self.negative.share_max, "gauntlet.negative.share_max"),
            (self.overlap.high, "gauntlet.overlap.high"),
            (self.overlap.max, "gauntlet.overlap.max"),
            (self.overlap.mega, "gauntlet.overlap.mega"),
            (self.overlap.exact, "gauntlet.overlap.exact"),
            (self.slash.missing_evaluation, "gauntlet.slash.missing_evaluation"),
            (self.slash.sync, "gauntlet.slash.sync"),
            (self.slash.negative, "gauntlet.slash.negative"),
            (self.slash.inactive, "gauntlet.slash.inactive"),
            (self.slash.overlap, "gauntlet.slash.overlap"),
            (self.weights.burn_rate, "gauntlet.weights.burn_rate"),
            (self.weights.gather_share, "gauntlet.weights.gather_share"),
            (self.weights.reserve_decay, "gauntlet.weights.reserve_decay"),
        ];
        let listed = self.slash.missing_listed.iter().map(|&x| (x, "gauntlet.slash.missing_listed"));
        let outside = |&(x, _): &(f64, _)| !(0.0..=1.0).contains(&x);
        shares.into_iter().chain(listed).find(outside).map(|(_, name)| name)
    }

    fn positive_fault(&self) -> Option<&'static str> {
        let positive = [
            (self.rating.sigma, "gauntlet.rating.sigma"),
            (self.rating.beta, "gauntlet.rating.beta"),
            (self.sync.steps_cap, "gauntlet.sync.steps_cap"),
            (self.sync.exponent, "gauntlet.sync.exponent"),
            (self.sync.step_min, "gauntlet.sync.step_min"),
            (self.weights.gather_top_ratio, "gauntlet.weights.gather_top_ratio"),
            (self.norm_ratio_max.unwrap_or(1.0), "gauntlet.norm_ratio_max"),
        ];
        let finite = [
            (self.rating.mu, "gauntlet.rating.mu"),
            (self.rating.missing_score, "gauntlet.rating.missing_score"),
            (self.rating.tau, "gauntlet.rating.tau"),
            (self.sync.steps_slash, "gauntlet.sync.steps_slash"),
            (self.score_floor, "gauntlet.score_floor"),
        ];
        let bad_positive = positive.into_iter().find(|(x, _)| !(x.is_finite() && *x > 0.0));
        let bad_finite = finite.into_iter().find(|(x, _)| !x.is_finite());
        bad_positive.or(bad_finite).map(|(_, name)| name)
    }
}
