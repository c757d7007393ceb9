//! What a new finalized block means for each open intent.

use super::{Effect, Event, Landing, Mark, Open, Stage, State, Tx, Whose};
use crate::BlockRef;
use crate::weights::class::{Class, Refusal};
use crate::weights::observe::{Method, Observation};

impl State {
    /// One intent at a new head.
    pub(super) fn follow(&mut self, id: i64, seen: &Observation) -> Vec<Effect> {
        let Some(open) = self.open.get(&id) else { return Vec::new() };
        let to = seen.head.number.0;
        match open.stage {
            Stage::Planned { since } => self.planned(id, since, seen),
            Stage::Sent { tx } | Stage::RevealSent { tx, .. } if tx.searched < to => {
                vec![Effect::Trace { id, from: tx.searched, to }]
            }
            Stage::Sent { tx } | Stage::RevealSent { tx, .. } => self.not_found(id, tx, seen),
            Stage::Committed { epoch, searched } => self.committed(id, epoch, searched, seen),
            Stage::Counting { epoch, landed } if seen.epochs.epoch_index > epoch => {
                vec![Effect::Judge { id, epoch, landed, to }]
            }
            Stage::Counting { .. } => Vec::new(),
        }
    }

    /// Planned, but not signed: by a process that ended, or because a node did not answer.
    fn planned(&mut self, id: i64, since: u64, seen: &Observation) -> Vec<Effect> {
        let Some(open) = self.open.get(&id) else { return Vec::new() };
        let stale = seen.head.number.0.saturating_sub(since) > u64::from(seen.epochs.tempo);
        let method = open.wanted.method.unwrap_or_else(|| seen.method());
        let second = self.last_epoch.is_some_and(|last| last >= seen.epoch_next());
        let reason = match (stale, method == open.method, second) {
            (true, _, _) => "it was decided more than a tempo ago",
            (_, false, _) => "the subnet takes weights in another way now",
            (_, _, true) => "this epoch has weights already",
            _ => return self.sign_if_allowed(id, seen),
        };
        let wanted = open.wanted.clone();
        if !stale && self.wanted.is_none() {
            self.wanted = Some(wanted);
        }
        vec![self.end(id, Mark::Abandoned { reason: reason.into() })]
    }

    fn sign_if_allowed(&mut self, id: i64, seen: &Observation) -> Vec<Effect> {
        let Some(Open { wanted, .. }) = self.open.get(&id) else { return Vec::new() };
        let Whose { hotkey, netuid, mechanism } = self.whose;
        match seen.preflight(&hotkey, netuid, mechanism, &wanted.weights, wanted.version_key) {
            Ok(()) => vec![Effect::Sign { id }],
            Err(error) => {
                let reason = error.to_string();
                self.waiting_for = Some(error);
                vec![self.end(id, Mark::Abandoned { reason })]
            }
        }
    }

    /// Not in any finalized block up to the head: dead, or to be sent again.
    fn not_found(&mut self, id: i64, tx: Tx, seen: &Observation) -> Vec<Effect> {
        let reason = if seen.head.number.0 >= tx.dies_at {
            "its era passed before any block took it"
        } else if seen.nonce > tx.nonce {
            "another extrinsic took its nonce; another program may use this hotkey"
        } else {
            return vec![Effect::Broadcast { id }];
        };
        let refusal = Refusal { class: Class::NextBlock, reason: reason.into() };
        self.again(id, refusal)
    }

    /// An extrinsic that came to nothing: the same weights are wanted again, unless newer ones are.
    pub(super) fn again(&mut self, id: i64, refusal: Refusal) -> Vec<Effect> {
        let Some(open) = self.open.get(&id) else { return Vec::new() };
        let is_reveal = matches!(open.stage, Stage::RevealSent { .. });
        if !is_reveal && self.wanted.is_none() {
            self.wanted = Some(open.wanted.clone());
        }
        if let Some(seen) = &self.seen {
            let epoch = seen.epoch_next();
            let count = if self.failures.0 == epoch { self.failures.1 } else { 0 };
            self.failures = (epoch, count + 1);
            if refusal.class == Class::NextEpoch {
                let next = seen.epochs.next_epoch(seen.head.number.0);
                self.hold_until = next.unwrap_or(self.hold_until);
            }
        }
        self.refused(id, &refusal)
    }

    /// A commit on chain: revealed by us in its epoch, or by the chain.
    fn committed(&mut self, id: i64, epoch: u64, searched: u64, seen: &Observation) -> Vec<Effect> {
        let Some(open) = self.open.get(&id) else { return Vec::new() };
        if open.method == Method::Timelocked {
            let reveal_epoch = epoch.saturating_add(seen.reveal_period_epochs);
            let to = seen.head.number.0;
            let due = seen.epochs.epoch_index >= reveal_epoch;
            let search = Effect::TraceReveal { id, from: searched, reveal_epoch, to };
            return if due { vec![search] } else { Vec::new() };
        }
        let entry = seen.commits.iter().find(|commit| Some(commit.hash) == open.commit);
        let Some(entry) = entry else {
            let reason = "the chain no longer has this commit, and no reveal of ours is known";
            return vec![self.end(id, Mark::Missed { reason: reason.into() })];
        };
        let due = entry.epoch.saturating_add(seen.reveal_period_epochs);
        match seen.epoch_next().cmp(&due) {
            std::cmp::Ordering::Less => Vec::new(),
            std::cmp::Ordering::Equal => vec![Effect::SignReveal { id }],
            std::cmp::Ordering::Greater => {
                let reason = format!("epoch {due}, in which it had to be revealed, has passed");
                vec![self.end(id, Mark::Missed { reason })]
            }
        }
    }

    /// The finalized blocks were searched for an extrinsic.
    pub(super) fn traced(&mut self, id: i64, to: u64, landing: Option<Landing>) -> Vec<Effect> {
        let Some(open) = self.open.get_mut(&id) else { return Vec::new() };
        let stage = open.stage;
        let Some(tx) = open.stage.tx_mut() else { return Vec::new() };
        tx.searched = to;
        let tx = *tx;
        let Some(Landing { receipt, epoch, result }) = landing else {
            let seen = self.seen.clone();
            return seen.map_or_else(Vec::new, |seen| self.not_found(id, tx, &seen));
        };
        match (result, stage) {
            (Ok(()), Stage::Sent { .. }) => self.landed(id, receipt, epoch),
            (Ok(()), _) => {
                self.revealed(id, Mark::Revealed { block: receipt.block, receipt: Some(receipt), epoch })
            }
            (Err(refusal), _) => self.again(id, refusal),
        }
    }

    /// Weights or a commit are on chain.
    fn landed(&mut self, id: i64, receipt: crate::Receipt, epoch: u64) -> Vec<Effect> {
        let Some(open) = self.open.get_mut(&id) else { return Vec::new() };
        let landed = receipt.block.number.0;
        self.last_epoch = self.last_epoch.max(Some(epoch));
        if self.wanted.as_ref() == Some(&open.wanted) {
            self.wanted = None;
        }
        let (stage, mark) = match open.method {
            Method::Plain => (Stage::Counting { epoch, landed }, Mark::Landed { receipt, epoch }),
            _ => (Stage::Committed { epoch, searched: landed }, Mark::Committed { receipt, epoch }),
        };
        open.stage = stage;
        vec![Effect::Note { id, mark }]
    }

    fn revealed(&mut self, id: i64, mark: Mark) -> Vec<Effect> {
        let (Some(open), Mark::Revealed { block, epoch, .. }) = (self.open.get_mut(&id), &mark) else {
            return Vec::new();
        };
        open.stage = Stage::Counting { epoch: *epoch, landed: block.number.0 };
        vec![Effect::Note { id, mark }]
    }

    /// The chain's own reveal was looked for. An epoch that ran in the same block ran after it.
    pub(super) fn reveal_traced(
        &mut self,
        id: i64,
        to: u64,
        revealed: Option<(BlockRef, u64)>,
    ) -> Vec<Effect> {
        if let Some((block, epoch)) = revealed {
            return self.revealed(id, Mark::Revealed { block, receipt: None, epoch });
        }
        let (Some(open), Some(seen)) = (self.open.get_mut(&id), &self.seen) else { return Vec::new() };
        let Stage::Committed { epoch, .. } = open.stage else { return Vec::new() };
        let reveal_epoch = epoch.saturating_add(seen.reveal_period_epochs);
        if seen.epochs.epoch_index > reveal_epoch && to >= seen.head.number.0 {
            let reason = format!("the chain has not revealed it in epoch {reveal_epoch}, its time");
            return vec![self.end(id, Mark::Missed { reason })];
        }
        open.stage = Stage::Committed { epoch, searched: to };
        Vec::new()
    }
}

impl Event {
    /// The event's name, for the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Want(_) => "want",
            Self::Head(_) => "head",
            Self::Intended { .. } => "intended",
            Self::Signed { .. } => "signed",
            Self::NotSigned { .. } => "not signed",
            Self::Answered { .. } => "answered",
            Self::Traced { .. } => "traced",
            Self::RevealTraced { .. } => "reveal traced",
            Self::Judged { .. } => "judged",
        }
    }
}
