//! The round record: written by the leader, followed by everybody else, applied by all.

use std::borrow::{Borrow, Cow};

use bytes::Bytes;
use sn3_chain::{BlockRef, Metagraph};
use sn3_exchange::{FetchError, PublishError, Store, fetch_aggregated, fetch_record, publish_record};
use sn3_protocol::aggregate::{aggregate, outer_step};
use sn3_protocol::{
    Digest, Hotkey, PROTOCOL_VERSION, PseudoGradient, RecordEntry, RoundRecord, SignedRecord, Uid, wire,
};

use super::collect::ATTEMPTS_MAX;
use super::judge::Round;
use super::{NodeError, ValidatorNode};
use crate::events::ValidatorEvent;

/// A round whose record is known and whose next state is computed.
pub(super) struct Recorded {
    pub round: Round,
    pub record: Digest,
    pub leader: Hotkey,
    pub theta_after: Vec<f32>,
    pub state_after: Digest,
}

/// Who leads: of the neurons with a permit the one with the largest stake (of all, where none has a permit);
/// equal stakes: the lower uid.
#[must_use]
pub fn leader(metagraph: &Metagraph) -> Option<Hotkey> {
    let best = |permitted: bool| {
        let staked = metagraph.neurons.iter().filter(|n| n.stake.0 > 0 && (!permitted || n.validator_permit));
        staked.max_by_key(|n| (n.stake, std::cmp::Reverse(n.uid))).map(|n| n.hotkey)
    };
    best(true).or_else(|| best(false))
}

impl ValidatorNode {
    /// Writes or awaits the record of the round, checks it, and computes the state that it leads to.
    pub(super) async fn record(&mut self, mut round: Round) -> Result<Recorded, NodeError> {
        let leader = leader(&round.metagraph).ok_or(NodeError::NoLeader(round.deadline))?;
        let own = leader == self.signer.hotkey();
        let record = if own { self.lead(&round).await? } else { self.follow(&round, leader).await? };
        self.check_record(&record, &round)?;
        let (theta_after, state_after) = {
            let peers = self.record_updates(&round, &record).await?;
            self.next_state(&round, &peers, record.outer_lr)?
        };
        if state_after != record.state_after {
            let found = record.state_after.short();
            let detail = format!("it leads to state {found}, this node reaches {}", state_after.short());
            return Err(self.misfit(&record, detail));
        }
        let aggregated: Vec<Uid> = record.aggregated.iter().map(|entry| entry.uid).collect();
        round.event.aggregated = Some(aggregated.clone());
        self.judge(&mut round);
        self.tell(ValidatorEvent::Recorded {
            window: round.window,
            record: record.digest(),
            leader,
            aggregated,
            outer_lr: record.outer_lr,
            state_before: record.state_before,
            state_after,
        });
        Ok(Recorded { round, record: record.digest(), leader, theta_after, state_after })
    }

    /// This node's own record: the one that is already published, else a new one.
    async fn lead(&mut self, round: &Round) -> Result<RoundRecord, NodeError> {
        let own = self.signer.hotkey();
        let store = self.stores.own().clone();
        match self.read_record(&store, round, &own).await {
            Ok(signed) => return Ok(signed.record),
            Err(
                FetchError::Missing { .. } | FetchError::Malformed { .. } | FetchError::BadSignature { .. },
            ) => {}
            Err(error) => return Err(self.misfit_of(round, own, error.to_string())),
        }
        let uids = self.would_aggregate(round);
        let peers: Vec<&PseudoGradient> = uids.iter().filter_map(|uid| round.updates.get(uid)).collect();
        let outer_lr = self.config.outer_lr(round.window);
        let (_, state_after) = self.next_state(round, &peers, outer_lr)?;
        let record = self.draft(round, &uids, outer_lr, state_after);
        let payloads: Vec<Bytes> = uids.iter().map(|uid| round.sent[uid].bytes.clone()).collect();
        self.publish(&store, &record.clone().sign(self.signer.as_ref()), &payloads).await?;
        Ok(record)
    }

    fn draft(&self, round: &Round, uids: &[Uid], outer_lr: f32, state_after: Digest) -> RoundRecord {
        let entry = |uid: &Uid| {
            let sent = &round.sent[uid];
            RecordEntry {
                uid: *uid,
                hotkey: sent.hotkey,
                payload: sent.manifest.payload,
                payload_bytes: sent.manifest.payload_bytes,
            }
        };
        RoundRecord {
            protocol_version: PROTOCOL_VERSION,
            run: self.config.run.clone(),
            window: round.window,
            deadline_block: round.deadline.number,
            deadline_hash: round.deadline.hash,
            previous: self.state.previous,
            aggregated: uids.iter().map(entry).collect(),
            outer_lr,
            state_before: self.state.theta,
            state_after,
            leader: self.signer.hotkey(),
        }
    }

    async fn publish(
        &self,
        store: &Store,
        signed: &SignedRecord,
        payloads: &[Bytes],
    ) -> Result<(), NodeError> {
        let window = signed.record.window;
        let mut attempts = 1;
        loop {
            match publish_record(store, signed, payloads).await {
                Ok(()) => return Ok(()),
                Err(error) if PublishError::retry(&error) && attempts < ATTEMPTS_MAX => attempts += 1,
                Err(source) => return Err(NodeError::Publish { what: "the record", window, source }),
            }
        }
    }

    /// The leader's record, looked for at every block from the deadline on.
    async fn follow(&mut self, round: &Round, leader: Hotkey) -> Result<RoundRecord, NodeError> {
        let store = round.stores.get(&leader).cloned();
        let mut last = FetchError::Missing { key: format!("the store address of {leader}") };
        for blocks in 1..=self.config.record_blocks {
            self.chain.clock().wait_until(round.deadline.number.saturating_add(blocks)).await?;
            let Some(store) = &store else { continue };
            match self.read_record(store, round, &leader).await {
                Ok(signed) => return Ok(signed.record),
                Err(error) => last = error,
            }
        }
        Err(NodeError::NoRecord { window: round.window, leader, blocks: self.config.record_blocks, last })
    }

    async fn read_record(
        &self,
        store: &Store,
        round: &Round,
        leader: &Hotkey,
    ) -> Result<SignedRecord, FetchError> {
        let mut attempts = 1;
        loop {
            match fetch_record(store, &self.config.run, round.window, leader).await {
                Err(error) if error.retry() && attempts < ATTEMPTS_MAX => attempts += 1,
                answer => return answer,
            }
        }
    }

    fn check_record(&self, record: &RoundRecord, round: &Round) -> Result<(), NodeError> {
        let at = BlockRef { number: record.deadline_block, hash: record.deadline_hash };
        let checks = [
            (record.previous == self.state.previous, "it does not follow the record before it"),
            (record.state_before == self.state.theta, "it starts from another state"),
            (at == round.deadline, "it names another deadline block"),
            (
                record.outer_lr.to_bits() == self.config.outer_lr(round.window).to_bits(),
                "its outer rate is not the run's",
            ),
        ];
        match checks.into_iter().find(|(sound, _)| !sound) {
            Some((_, detail)) => Err(self.misfit(record, detail.into())),
            None => Ok(()),
        }
    }

    /// The updates that a record names, in its order: those that were fetched, which judging needed decoded
    /// anyway, else from the leader's mirror.
    async fn record_updates<'a>(
        &self,
        round: &'a Round,
        record: &RoundRecord,
    ) -> Result<Vec<Cow<'a, PseudoGradient>>, NodeError> {
        let mut peers = Vec::with_capacity(record.aggregated.len());
        for entry in &record.aggregated {
            let known = round.sent.get(&entry.uid).is_some_and(|sent| sent.manifest.payload == entry.payload);
            peers.push(match round.updates.get(&entry.uid).filter(|_| known) {
                Some(update) => Cow::Borrowed(update),
                None => Cow::Owned(self.mirrored(round, record, entry).await?),
            });
        }
        Ok(peers)
    }

    async fn mirrored(
        &self,
        round: &Round,
        record: &RoundRecord,
        entry: &RecordEntry,
    ) -> Result<PseudoGradient, NodeError> {
        let failed = |detail: String| NodeError::Payload { window: round.window, uid: entry.uid, detail };
        let top_k = self.config.sparse.top_k;
        let leader =
            round.stores.get(&record.leader).ok_or_else(|| failed("the leader has no store".into()))?;
        let author = round.stores.get(&entry.hotkey);
        let bytes_max = wire::bytes_max(&self.layout, top_k);
        let bytes = fetch_aggregated(leader, author, record, entry, bytes_max)
            .await
            .map_err(|error| failed(error.to_string()))?;
        wire::decode(&bytes, &self.layout, top_k).map_err(|error| failed(error.to_string()))
    }

    fn next_state<P: Borrow<PseudoGradient>>(
        &self,
        round: &Round,
        peers: &[P],
        outer_lr: f32,
    ) -> Result<(Vec<f32>, Digest), NodeError> {
        let mut theta = self.theta.clone();
        if peers.is_empty() {
            return Ok((theta, self.state.theta));
        }
        let failed = |detail: String| self.misfit_of(round, self.signer.hotkey(), detail);
        let peers: Vec<&PseudoGradient> = peers.iter().map(Borrow::borrow).collect();
        let update =
            aggregate(&self.layout, self.config.sparse.top_k, &peers).map_err(|e| failed(e.to_string()))?;
        outer_step(&mut theta, &self.layout, &update, outer_lr).map_err(|e| failed(e.to_string()))?;
        let digest = self.layout.state_digest(&theta);
        Ok((theta, digest))
    }

    fn misfit(&self, record: &RoundRecord, detail: String) -> NodeError {
        NodeError::Record { window: record.window, leader: record.leader, detail }
    }

    fn misfit_of(&self, round: &Round, leader: Hotkey, detail: String) -> NodeError {
        NodeError::Record { window: round.window, leader, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sn3_chain::Neuron;
    use sn3_protocol::{Alpha, BlockNumber, Coldkey, NetUid};

    fn neuron(uid: u16, stake: u64, validator_permit: bool) -> Neuron {
        Neuron {
            uid: Uid(uid),
            hotkey: Hotkey([uid as u8; 32]),
            coldkey: Coldkey([0; 32]),
            stake: Alpha(stake),
            incentive: 0,
            dividends: 0,
            emission: Alpha(0),
            consensus: 0,
            validator_trust: 0,
            validator_permit,
            last_update: BlockNumber(0),
            active: true,
            registered_at: BlockNumber(0),
        }
    }

    fn lead(neurons: Vec<Neuron>) -> Option<u8> {
        let block = BlockRef { number: BlockNumber(1), hash: Digest::default() };
        leader(&Metagraph { netuid: NetUid(3), block, neurons }).map(|hotkey| hotkey.0[0])
    }

    #[test]
    fn the_largest_stake_with_a_permit_leads() {
        assert_eq!(lead(vec![neuron(0, 9, false), neuron(1, 5, true), neuron(2, 7, true)]), Some(2));
        assert_eq!(lead(vec![neuron(0, 7, true), neuron(1, 7, true)]), Some(0));
        assert_eq!(lead(vec![neuron(0, 3, false), neuron(1, 5, false)]), Some(1));
        assert_eq!(lead(vec![neuron(0, 0, true)]), None);
    }
}
