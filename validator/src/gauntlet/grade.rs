//! From losses to scores: negative rules, match, final scores, weights, scorecards (training protocol,
//! sections 4.3 to 4.7).

use std::collections::BTreeMap;

use sn3_protocol::openskill::{Player, play};
use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::{LossScore, Reason, Scorecard, bma_factor, bma_next, final_score, sync, weights};
use sn3_protocol::{Uid, Window};

use super::gather::{count, next_list, push_bounded};
use super::state::{GauntletState, Peer, Pending};
use crate::mechanism::{Effect, Evaluated, Trial};

/// Handles the results of a window and says what follows.
pub(super) fn grade(
    state: &mut GauntletState,
    mut pending: Pending,
    event: &Evaluated,
    config: &GauntletConfig,
    end_window: Option<Window>,
) -> Vec<Effect> {
    let tried = usable_results(state, &mut pending, event);
    absent(state, &mut pending, config);
    own_data(state, &mut pending, &tried, config);
    negatives(state, &mut pending, &tried, config);
    let match_scores = contest(state, &pending, &tried, config);
    finals(state, &pending, &tried, config);
    let weights = current_weights(state, config);
    state.probe_change =
        sync::change_next(&state.probe_change, &pending.probe, &event.probe_after, config.sync.change_alpha);
    state.scored = Some(pending.window);
    if (pending.round + 1).is_multiple_of(config.windows_per_peer_list) {
        state.list = next_list(state, pending.window.next(), config);
    }
    let cards =
        Cards { state, pending: &pending, event, tried: &tried, match_scores, weights: &weights, config };
    let mut effects = vec![Effect::Cards(cards.all())];
    let due =
        (pending.round + 1).is_multiple_of(config.windows_per_weights) || end_window == Some(pending.window);
    if due && !weights.is_empty() {
        effects.push(Effect::SetWeights(weights));
    }
    effects
}

/// The losses that can be scored. An update whose losses are no numbers is invalid.
fn usable_results<'a>(
    state: &mut GauntletState,
    pending: &mut Pending,
    event: &'a Evaluated,
) -> BTreeMap<Uid, &'a LossScore> {
    let mut tried = BTreeMap::new();
    for (uid, Trial { outcome, .. }) in &event.results {
        if !pending.drawn.contains(uid) {
            continue;
        }
        match outcome {
            Ok(loss) => drop(tried.insert(*uid, loss)),
            Err(detail) => {
                pending.blame(*uid, Reason::Invalid { detail: detail.clone() });
                if let Some(standing) = pending.standings.get_mut(uid) {
                    standing.usable = false;
                }
            }
        }
        if let Some(peer) = state.peers.get_mut(uid) {
            peer.waiting = 1;
        }
    }
    tried
}

/// Drawn peers without a usable submission: missing loses a quarter, invalid loses all.
fn absent(state: &mut GauntletState, pending: &mut Pending, config: &GauntletConfig) {
    for uid in pending.drawn.clone() {
        let Some(peer) = state.peers.get_mut(&uid) else { continue };
        match pending.standing(uid).map(|standing| standing.usable) {
            Some(true) => continue,
            Some(false) => peer.slash_final(0.0, config),
            None => {
                peer.slash(config.slash.missing_evaluation, config);
                if !pending.missing.contains(&uid) {
                    pending.blame(uid, Reason::Missing { in_a_row: 1 });
                }
            }
        }
        peer.waiting = 1;
    }
}

/// The own-data test; like the negative rules it rests when the whole network made a bad step.
fn own_data(
    state: &mut GauntletState,
    pending: &mut Pending,
    tried: &BTreeMap<Uid, &LossScore>,
    config: &GauntletConfig,
) {
    let rests = bad_step(tried, config);
    let scores = gradient_scores(tried);
    let median = scores.get(scores.len() / 2).copied().unwrap_or(0.0);
    for (uid, loss) in tried.iter().filter(|_| !rests) {
        let Some(peer) = state.peers.get_mut(uid) else { continue };
        let share = if median > 0.0 { loss.gradient_score() / median } else { 1.0 };
        let weak = share < config.controls.strength_min;
        let binary = if weak { -1.0 } else { loss.binary() };
        peer.bma = bma_next(peer.bma, binary, &config.bma);
        if weak {
            pending.blame(*uid, Reason::Weak { share });
        } else if binary < 0.0 {
            pending.blame(*uid, Reason::OwnDataNotTrained);
        }
        if bma_factor(peer.bma, pending.round, &config.bma) == 0.0 {
            pending.blame(*uid, Reason::BelowThreshold { bma: peer.bma });
        }
    }
}

/// The negative rules; they rest when the whole network made a bad step.
fn negatives(
    state: &mut GauntletState,
    pending: &mut Pending,
    tried: &BTreeMap<Uid, &LossScore>,
    config: &GauntletConfig,
) {
    if bad_step(tried, config) {
        return;
    }
    let rule = &config.negative;
    for (uid, loss) in tried {
        let Some(peer) = state.peers.get_mut(uid) else { continue };
        let negative = loss.gradient_score() < 0.0;
        push_bounded(&mut peer.negatives, negative, rule.remembered);
        peer.negatives_in_a_row = if negative { peer.negatives_in_a_row + 1 } else { 0 };
        if negative {
            pending.blame(*uid, Reason::RaisesLoss);
        }
    }
    for (uid, peer) in &mut state.peers {
        let (negative, of) = (count(&peer.negatives), peer.negatives.len() as u32);
        if f64::from(negative) > rule.share_max * f64::from(rule.remembered) {
            peer.slash(config.slash.negative, config);
            pending.blame(*uid, Reason::OftenNegative { negative, of });
        }
    }
}

/// The gradient scores of the window, best first.
fn gradient_scores(tried: &BTreeMap<Uid, &LossScore>) -> Vec<f64> {
    let mut scores: Vec<f64> = tried.values().map(|loss| loss.gradient_score()).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores
}

fn bad_step(tried: &BTreeMap<Uid, &LossScore>, config: &GauntletConfig) -> bool {
    let scores = gradient_scores(tried);
    let place = (config.negative.network_rank as usize).min(scores.len());
    place.checked_sub(1).is_some_and(|place| scores[place] < 0.0)
}

/// The match of the window. Who was missing or invalid gets the penalty score.
fn contest(
    state: &mut GauntletState,
    pending: &Pending,
    tried: &BTreeMap<Uid, &LossScore>,
    config: &GauntletConfig,
) -> BTreeMap<Uid, f64> {
    let penalty = config.rating.missing_score;
    let out = |uid: &&Uid| !pending.standing(**uid).is_some_and(|standing| standing.usable);
    let mut scores: BTreeMap<Uid, f64> =
        pending.drawn.iter().filter(out).chain(&pending.missing).map(|uid| (*uid, penalty)).collect();
    scores.extend(tried.iter().map(|(uid, loss)| (*uid, loss.gradient_score())));
    scores.retain(|uid, _| state.peers.contains_key(uid));
    let player = |(uid, score): (&Uid, &f64)| Player { rating: state.peers[uid].rating, score: *score };
    let players: Vec<Player> = scores.iter().map(player).collect();
    for (uid, rating) in scores.keys().zip(play(&players, &config.rating)) {
        if let Some(peer) = state.peers.get_mut(uid) {
            peer.rating = rating;
        }
    }
    scores
}

/// New final scores, only for those who were evaluated; others keep (and are slashed on) the old one.
fn finals(
    state: &mut GauntletState,
    pending: &Pending,
    tried: &BTreeMap<Uid, &LossScore>,
    config: &GauntletConfig,
) {
    for uid in tried.keys() {
        let Some(peer) = state.peers.get_mut(uid) else { continue };
        let sync = pending.standing(*uid).and_then(|standing| standing.sync).map_or(0.0, |sync| sync.score);
        let factor = bma_factor(peer.bma, pending.round, &config.bma);
        peer.final_score = final_score(peer.rating.ordinal(), factor, sync);
    }
}

fn current_weights(state: &GauntletState, config: &GauntletConfig) -> BTreeMap<Uid, f64> {
    let finals: BTreeMap<Uid, f64> = state.peers.iter().map(|(uid, peer)| (*uid, peer.final_score)).collect();
    weights::weights(&finals, &config.weights)
}

struct Cards<'a> {
    state: &'a GauntletState,
    pending: &'a Pending,
    event: &'a Evaluated,
    tried: &'a BTreeMap<Uid, &'a LossScore>,
    match_scores: BTreeMap<Uid, f64>,
    weights: &'a BTreeMap<Uid, f64>,
    config: &'a GauntletConfig,
}

impl Cards<'_> {
    /// One card for every uid that ever submitted anything or is blamed for something.
    fn all(&self) -> Vec<Scorecard> {
        let known = |(uid, peer): &(&Uid, &Peer)| {
            peer.last_seen.is_some()
                || self.pending.reasons.contains_key(uid)
                || self.weights.contains_key(uid)
        };
        self.state.peers.iter().filter(known).map(|(uid, peer)| self.card(*uid, peer)).collect()
    }

    fn card(&self, uid: Uid, peer: &Peer) -> Scorecard {
        let standing = self.pending.standing(uid);
        let loss = self.tried.get(&uid).copied();
        Scorecard {
            uid,
            hotkey: peer.hotkey,
            payload: standing.and_then(|standing| standing.payload),
            aggregated: self.pending.aggregated.contains(&uid),
            own_samples: self.event.results.get(&uid).map(|t| t.own_samples.clone()).unwrap_or_default(),
            loss: loss.cloned(),
            gradient_score: loss.map(LossScore::gradient_score),
            own_data_gap: loss.map(LossScore::own_data_gap),
            match_score: self.match_scores.get(&uid).copied(),
            rating: peer.rating,
            ordinal: peer.rating.ordinal(),
            bma: peer.bma,
            bma_factor: bma_factor(peer.bma, self.pending.round, &self.config.bma),
            sync: standing.and_then(|standing| standing.sync),
            overlap: standing.and_then(|standing| standing.overlap),
            final_score: peer.final_score,
            weight: self.weights.get(&uid).copied().unwrap_or(0.0),
            reasons: self.reasons(uid),
        }
    }

    fn reasons(&self, uid: Uid) -> Vec<Reason> {
        let mut reasons = self.pending.reasons.get(&uid).cloned().unwrap_or_default();
        let submitted = self.pending.standing(uid).is_some_and(|standing| standing.usable);
        if submitted && !self.pending.drawn.contains(&uid) && reasons.is_empty() {
            reasons.push(Reason::NotDrawn);
        }
        reasons
    }
}
