//! What happened in a run, gathered from the nodes' events and from the chain, for the summary, run.json and the
//! report.

mod page;
mod summary;

pub use page::page;
pub use summary::{Row, Summary};

use std::collections::BTreeMap;

use serde::Serialize;
use sn3_chain::{BlockRef, Metagraph, Receipt};
use sn3_miner::MinerEvent;
use sn3_protocol::score::ScorecardSet;
use sn3_protocol::{Digest, Hotkey, Uid, Window};
use sn3_validator::ValidatorEvent;

/// Who takes part.
#[derive(Clone, Debug, Serialize)]
pub struct Participant {
    /// Its slot.
    pub uid: Uid,
    /// Its key.
    pub hotkey: Hotkey,
    /// `validator`, `honest`, or the kind of dishonesty.
    pub role: String,
}

/// A round as recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Digest of the record.
    pub record: Digest,
    /// Who was aggregated.
    pub aggregated: Vec<Uid>,
    /// Outer learning rate.
    pub outer_lr: f32,
    /// State after the outer step, as recorded.
    pub state: Digest,
}

/// What a miner did in a window.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Work {
    /// Mean loss of its inner steps.
    pub mean_loss: f64,
    /// Inner steps.
    pub steps: u32,
    /// Labels a second at the end of the window.
    pub tokens_per_s: f64,
    /// Bytes of the payload.
    pub payload_bytes: u64,
    /// Bytes of the dense values over those of the payload.
    pub ratio: f64,
}

/// A uid that lost something, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Rejection {
    /// In which window.
    pub window: Window,
    /// Who.
    pub uid: Uid,
    /// Why, in words.
    pub reason: String,
}

/// Weights that landed.
#[derive(Clone, Debug, Serialize)]
pub struct WeightsSet {
    /// The window whose scores they pay.
    pub window: Window,
    /// As they were set.
    pub weights: Vec<(Uid, u16)>,
    /// The proof.
    pub receipt: Receipt,
}

/// What the chain paid, read back at a block.
#[derive(Clone, Debug, Serialize)]
pub struct Pay {
    /// The block.
    pub block: BlockRef,
    /// Incentive by uid; 65535 stands for all of it.
    pub incentive: BTreeMap<Uid, u16>,
    /// Alpha rao that the last epoch paid, by uid.
    pub emission: BTreeMap<Uid, u64>,
}

/// The whole story. Everything is ordered, so that the same run tells the same story.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Story {
    /// Who takes part, by uid.
    pub participants: BTreeMap<Uid, Participant>,
    /// Loss on held-out samples of the state before each window, nats per token.
    pub heldout: BTreeMap<Window, f64>,
    /// The records.
    pub rounds: BTreeMap<Window, Round>,
    /// The state that each node reached by itself after each round.
    pub reached: BTreeMap<Window, BTreeMap<Uid, Digest>>,
    /// What miners did.
    pub work: BTreeMap<Window, BTreeMap<Uid, Work>>,
    /// The scorecards as published.
    pub scorecards: BTreeMap<Window, ScorecardSet>,
    /// Who lost something, and why.
    pub rejections: Vec<Rejection>,
    /// Weights on chain.
    pub weights: Vec<WeightsSet>,
    /// Weights that did not land.
    pub weights_failed: Vec<String>,
    /// What the chain paid, by window.
    pub pay: BTreeMap<Window, Pay>,
    /// Troubles that the nodes survived.
    pub troubles: Vec<String>,
    /// Whether a node said that it lost the common state.
    pub desyncs: Vec<String>,
}

impl Story {
    /// Adds what a miner says.
    pub fn miner(&mut self, uid: Uid, event: &MinerEvent) {
        match event {
            MinerEvent::InnerStep { window, step, loss, tokens_per_s, .. } => {
                let work = self.work_of(*window, uid);
                work.mean_loss += (f64::from(*loss) - work.mean_loss) / f64::from(*step);
                (work.steps, work.tokens_per_s) = (*step, *tokens_per_s);
            }
            MinerEvent::Compressed { window, bytes, ratio, .. } => {
                let work = self.work_of(*window, uid);
                (work.payload_bytes, work.ratio) = (*bytes, *ratio);
            }
            MinerEvent::RecordApplied { window, state, .. } => {
                self.reached.entry(*window).or_default().insert(uid, *state);
            }
            MinerEvent::Desync { window, detail, .. } => {
                self.desyncs.push(format!("window {window}, uid {uid}: {detail}"));
            }
            MinerEvent::Trouble { window, error } => {
                self.troubles.push(format!("window {window}, uid {uid}: {error}"));
            }
            MinerEvent::RecordMissing { window, reason, .. } => {
                let reason = reason.as_deref().unwrap_or("it did not appear");
                self.troubles.push(format!("window {window}, uid {uid}: no record: {reason}"));
            }
            _ => {}
        }
    }

    /// Adds what the validator with slot `uid` says.
    pub fn validator(&mut self, uid: Uid, event: &ValidatorEvent) {
        match event {
            ValidatorEvent::Heldout { window, loss } => drop(self.heldout.insert(*window, *loss)),
            ValidatorEvent::Rejected { window, uid, text, .. } => {
                self.rejections.push(Rejection { window: *window, uid: *uid, reason: text.clone() });
            }
            ValidatorEvent::Recorded { window, record, aggregated, outer_lr, state_after, .. } => {
                let round = Round {
                    record: *record,
                    aggregated: aggregated.clone(),
                    outer_lr: *outer_lr,
                    state: *state_after,
                };
                self.reached.entry(*window).or_default().insert(uid, *state_after);
                self.rounds.insert(*window, round);
            }
            ValidatorEvent::Scored { cards } => {
                self.scorecards.insert(cards.window, (**cards).clone());
            }
            ValidatorEvent::WeightsSet { window, weights, receipt } => {
                self.weights.push(WeightsSet {
                    window: *window,
                    weights: weights.clone(),
                    receipt: *receipt,
                });
            }
            ValidatorEvent::WeightsFailed { window, error } => {
                self.weights_failed.push(format!("window {window}: {error}"));
            }
            ValidatorEvent::Trouble { window, error } => {
                self.troubles.push(format!("window {window}: {error}"))
            }
            _ => {}
        }
    }

    /// Adds what the chain says after `window`.
    pub fn chain(&mut self, window: Window, metagraph: &Metagraph) {
        let neurons = || metagraph.neurons.iter();
        let pay = Pay {
            block: metagraph.block,
            incentive: neurons().map(|n| (n.uid, n.incentive)).collect(),
            emission: neurons().map(|n| (n.uid, n.emission.0)).collect(),
        };
        self.pay.insert(window, pay);
    }

    /// Where a node reached another state than the record says.
    pub fn diverged(&self) -> Vec<String> {
        let of_round = |(window, round): (&Window, &Round)| {
            let reached = self.reached.get(window).into_iter().flatten();
            let differing = reached.filter(|(_, state)| **state != round.state);
            differing
                .map(|(uid, state)| format!("window {window}, uid {uid}: {}", state.short()))
                .collect::<Vec<_>>()
        };
        self.rounds.iter().flat_map(of_round).chain(self.desyncs.iter().cloned()).collect()
    }

    fn work_of(&mut self, window: Window, uid: Uid) -> &mut Work {
        self.work.entry(window).or_default().entry(uid).or_default()
    }
}
