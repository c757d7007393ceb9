//! At the deadline: fetch what is there, check it, and let the mechanism judge.

use std::collections::BTreeMap;

use bytes::Bytes;
use sn3_chain::{BlockRef, Metagraph};
use sn3_exchange::{Expected, FetchError, Store, Submission, fetch_submission};
use sn3_protocol::aggregate::median_norms;
use sn3_protocol::assignment::{assigned, evaluation_sample, random_sample, receipt};
use sn3_protocol::score::overlap::{level, median_overlap};
use sn3_protocol::score::{Geometry, PairOverlap, sync};
use sn3_protocol::{BlockNumber, Hotkey, Manifest, PseudoGradient, Uid, Window, wire};

use super::collect::{ATTEMPTS_MAX, Peers};
use super::{NodeError, ValidatorNode};
use crate::evaluate::{Round as TrialRound, authorship};
use crate::events::ValidatorEvent;
use crate::mechanism::{Deadline, Effect, EvaluationTask, Event, Mechanism, NeuronInfo, Submitted};

/// A window after its deadline.
pub(super) struct Round {
    pub window: Window,
    pub deadline: BlockRef,
    pub metagraph: Metagraph,
    pub stores: BTreeMap<Hotkey, Store>,
    pub event: Deadline,
    pub sent: BTreeMap<Uid, Sent>,
    pub updates: BTreeMap<Uid, PseudoGradient>,
    pub own: BTreeMap<Uid, Vec<u32>>,
    pub random: Vec<u32>,
    pub aggregated: Vec<Uid>,
    pub tasks: Vec<EvaluationTask>,
}

/// A submission that could be read.
pub(super) struct Sent {
    pub hotkey: Hotkey,
    pub bytes: Bytes,
    pub manifest: Manifest,
    pub first_seen: BlockNumber,
}

impl ValidatorNode {
    /// Fetches and checks everything that was there at the deadline. The mechanism judges it when the round's
    /// aggregated set is known (see `record`).
    pub(super) async fn close(&mut self, deadline: BlockRef) -> Result<Round, NodeError> {
        let window = self.state.window;
        let Peers { metagraph, stores } = self.peers(deadline).await?;
        let late = self.late(&metagraph, &stores).await;
        let mut round = Round {
            event: self.empty_event(deadline, &metagraph, late),
            random: self.random_samples(&deadline)?,
            window,
            deadline,
            metagraph,
            stores,
            sent: BTreeMap::new(),
            updates: BTreeMap::new(),
            own: BTreeMap::new(),
            aggregated: Vec::new(),
            tasks: Vec::new(),
        };
        self.receive(&mut round).await;
        round.event.overlaps = self.overlaps(&round)?;
        let submissions = round.event.submissions.keys().copied().collect();
        self.tell(ValidatorEvent::Closed { window, deadline, submissions });
        Ok(round)
    }

    /// Lets the mechanism judge, with the aggregated set of a record where there is one.
    pub(super) fn judge(&mut self, round: &mut Round) {
        let gauntlet = std::mem::take(&mut self.state.gauntlet);
        let (state, effects) = self.gauntlet.step(gauntlet, &Event::Deadline(round.event.clone()));
        self.state.gauntlet = state;
        for effect in effects {
            match effect {
                Effect::Aggregate(uids) => round.aggregated = uids,
                Effect::Evaluate(tasks) => round.tasks = tasks,
                Effect::Reject { uid, reason } => self.tell_rejected(round, uid, reason),
                Effect::Cards(_) | Effect::SetWeights(_) => {}
            }
        }
    }

    /// A copy of the mechanism's answer, without changing its state: whom this node would aggregate.
    pub(super) fn would_aggregate(&self, round: &Round) -> Vec<Uid> {
        let (_, effects) =
            self.gauntlet.step(self.state.gauntlet.clone(), &Event::Deadline(round.event.clone()));
        let aggregated = effects.into_iter().find_map(|effect| match effect {
            Effect::Aggregate(uids) => Some(uids),
            _ => None,
        });
        aggregated.unwrap_or_default()
    }

    fn tell_rejected(&self, round: &Round, uid: Uid, reason: sn3_protocol::score::Reason) {
        let Some(neuron) = round.metagraph.by_uid(uid) else { return };
        let (hotkey, text) = (neuron.hotkey, reason.to_string());
        self.tell(ValidatorEvent::Rejected { window: round.window, uid, hotkey, reason, text });
    }

    fn empty_event(
        &self,
        deadline: BlockRef,
        metagraph: &Metagraph,
        late: BTreeMap<Uid, Window>,
    ) -> Deadline {
        let window = self.state.window;
        let info = |n: &sn3_chain::Neuron| NeuronInfo { uid: n.uid, hotkey: n.hotkey, stake: n.stake };
        Deadline {
            window,
            round: self.config.round(window),
            deadline_hash: deadline.hash,
            neurons: metagraph.neurons.iter().map(info).collect(),
            submissions: BTreeMap::new(),
            overlaps: Vec::new(),
            late,
            probe: sync::probe(&self.layout, &self.theta),
            outer_lr: self.config.outer_lr(window),
            aggregated: None,
        }
    }

    /// Who was not there at the last deadline and has submitted for that window since.
    async fn late(&self, metagraph: &Metagraph, stores: &BTreeMap<Hotkey, Store>) -> BTreeMap<Uid, Window> {
        let previous = self.state.window.saturating_sub(1);
        let mut late = BTreeMap::new();
        for hotkey in &self.state.absent {
            let (Some(neuron), Some(store)) = (metagraph.by_hotkey(hotkey), stores.get(hotkey)) else {
                continue;
            };
            if matches!(self.is_there(store, previous, hotkey).await, Ok(true)) {
                late.insert(neuron.uid, previous);
            }
        }
        late
    }

    async fn receive(&mut self, round: &mut Round) {
        for neuron in round.metagraph.neurons.clone() {
            let Some(first_seen) = self.state.seen.get(&neuron.hotkey).copied() else { continue };
            let Some(store) = round.stores.get(&neuron.hotkey).cloned() else { continue };
            let submitted = match self.fetch(&store, neuron.uid, neuron.hotkey).await {
                Ok(submission) => self.admit(round, neuron.uid, submission, first_seen),
                Err(error) => Err(error.to_string()),
            };
            let submitted = submitted.unwrap_or_else(|detail| Submitted::Broken { detail });
            round.event.submissions.insert(neuron.uid, submitted);
        }
    }

    async fn fetch(&self, store: &Store, uid: Uid, hotkey: Hotkey) -> Result<Submission, FetchError> {
        let expected = Expected {
            run: self.config.run.clone(),
            window: self.state.window,
            uid,
            hotkey,
            layout: self.layout.digest(),
            base_state: self.state.theta,
            payload_bytes_max: wire::bytes_max(&self.layout, self.config.sparse.top_k),
        };
        let mut attempts = 1;
        loop {
            match fetch_submission(store, &expected).await {
                Err(error) if error.retry() && attempts < ATTEMPTS_MAX => attempts += 1,
                answer => return answer,
            }
        }
    }

    /// The checks behind the signature: payload, inner steps, receipt.
    fn admit(
        &self,
        round: &mut Round,
        uid: Uid,
        submission: Submission,
        first_seen: BlockNumber,
    ) -> Result<Submitted, String> {
        let manifest = submission.manifest.manifest;
        let trained = self.trained(uid, &manifest)?;
        let update = wire::decode(&submission.payload, &self.layout, self.config.sparse.top_k)
            .map_err(|error| error.to_string())?;
        let count = self.config.gauntlet.evaluation_samples;
        let own = evaluation_sample(&trained, uid, round.window, &round.deadline.hash, count)
            .map_err(|error| error.to_string())?;
        let (payload, norm, probe) = (manifest.payload, update.norm(), manifest.sync_probe.clone());
        round.own.insert(uid, own);
        round.updates.insert(uid, update);
        let hotkey = manifest.hotkey;
        round.sent.insert(uid, Sent { hotkey, bytes: submission.payload, manifest, first_seen });
        Ok(Submitted::Readable { payload, norm, probe })
    }

    /// What the author must have trained on, if its receipt says the same.
    fn trained(&self, uid: Uid, manifest: &Manifest) -> Result<Vec<u32>, String> {
        let evaluator = self.evaluator();
        let evaluate = evaluator.as_deref().ok_or("no evaluation at hand")?;
        if manifest.inner_steps == 0 || manifest.inner_steps > self.config.inner_steps {
            let steps = self.config.inner_steps;
            return Err(format!("{} inner steps where 1 to {steps} are due", manifest.inner_steps));
        }
        let mut trained = assigned(&self.config, uid, manifest.window, evaluate.pool_len())
            .map_err(|error| error.to_string())?;
        trained.truncate(manifest.inner_steps as usize * self.config.batch_samples as usize);
        let ids: Vec<u64> = trained.iter().map(|index| evaluate.sample_id(*index)).collect();
        if receipt(&ids) == manifest.samples {
            return Ok(trained);
        }
        Err("the sample receipt is not that of the assigned samples; use the run's dataset and seed".into())
    }

    fn random_samples(&self, deadline: &BlockRef) -> Result<Vec<u32>, NodeError> {
        let pool = self.evaluator().as_deref().map_or(0, |evaluate| evaluate.pool_len());
        let count = self.config.gauntlet.evaluation_samples;
        random_sample(pool, self.state.window, &deadline.hash, count).map_err(|error| {
            crate::evaluate::EvaluateError { samples: count as usize, reason: error.to_string() }.into()
        })
    }

    /// Overlaps of all pairs of updates. Of a pair the later is the one that was first seen later; where both
    /// were first seen at the same block and look like copies, the one whose own data the payload fits less.
    fn overlaps(&self, round: &Round) -> Result<Vec<PairOverlap>, NodeError> {
        let geometry = Geometry::new(&self.layout, self.config.sparse.top_k);
        let uids: Vec<Uid> = round.updates.keys().copied().collect();
        let mut pairs = Vec::new();
        for (i, a) in uids.iter().enumerate() {
            for b in &uids[i + 1..] {
                let equal = round.sent[a].manifest.payload == round.sent[b].manifest.payload;
                let overlap =
                    if equal { 1.0 } else { geometry.overlap(&round.updates[a], &round.updates[b]) };
                let (first, later) =
                    if round.sent[b].first_seen < round.sent[a].first_seen { (*b, *a) } else { (*a, *b) };
                pairs.push(PairOverlap { first, later, overlap });
            }
        }
        self.settle_ties(round, &mut pairs)?;
        Ok(pairs)
    }

    fn settle_ties(&self, round: &Round, pairs: &mut [PairOverlap]) -> Result<(), NodeError> {
        let (median, number) = (median_overlap(pairs), round.event.round);
        let rule = self.config.gauntlet.overlap;
        let mut evaluator = self.evaluator();
        let Some(evaluate) = evaluator.as_deref_mut() else { return Ok(()) };
        let mut settled = Ok(());
        for pair in pairs {
            let tied = round.sent[&pair.first].first_seen == round.sent[&pair.later].first_seen;
            if !tied || level(pair.overlap, median, number, &rule).is_none() {
                continue;
            }
            let controls: Vec<Uid> = round.updates.keys().copied().collect();
            let both = (pair.first, pair.later);
            match authorship(evaluate, self.trial_round(round, &medians(self, round)), both, &controls) {
                Ok(Some(author)) if author == pair.later => std::mem::swap(&mut pair.first, &mut pair.later),
                Ok(_) => {}
                Err(error) => settled = Err(error.into()),
            }
        }
        settled
    }

    pub(super) fn trial_round<'a>(&'a self, round: &'a Round, medians: &'a [f32]) -> TrialRound<'a> {
        TrialRound {
            layout: &self.layout,
            top_k: self.config.sparse.top_k,
            theta: &self.theta,
            medians,
            lr: self.config.outer_lr(round.window) * self.config.gauntlet.eval_lr_factor,
            updates: &round.updates,
            own: &round.own,
            random: &round.random,
        }
    }
}

/// The clipping norms of the round: over the aggregated, or over everybody where nobody is.
pub(super) fn medians(node: &ValidatorNode, round: &Round) -> Vec<f32> {
    let of = |uids: Vec<Uid>| -> Vec<f32> {
        let peers: Vec<&PseudoGradient> = uids.iter().filter_map(|uid| round.updates.get(uid)).collect();
        median_norms(&node.layout, &peers)
    };
    match round.aggregated.is_empty() {
        true => of(round.updates.keys().copied().collect()),
        false => of(round.aggregated.clone()),
    }
}
