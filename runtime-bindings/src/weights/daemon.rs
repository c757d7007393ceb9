//! Carries out what the machine wants, one thing at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use rand::Rng as _;
use sn3_protocol::{BlockNumber, NetUid, Uid};
use sn3_timelock::{Entropy, WeightsPayload, seal};

use super::class::{Class, Refusal};
use super::machine::{Effect, Event, Mark, Open, Stage, State, Tx, Wanted, Whose};
use super::observe::{Method, TIMELOCK_VERSION};
use super::port::{Target, WeightsPort};
use crate::client::{WeightsCall, commit_hash};
use crate::ledger::{Intent, IntentState, Ledger, NewIntent, Step};
use crate::{
    BlockRef, ChainClient, ChainClock, ClockError, HotkeyPair, LedgerError, ReadError, WeightsError,
};

/// Numbers of sixteen bits in the salt of a commit.
const SALT_LEN: usize = 8;
/// How often in a row the chain may fail to answer before the daemon gives up.
const READ_FAILURES_MAX: u32 = 60;
/// The pause after a read that failed.
const READ_PAUSE_MS: u64 = 500;

/// Why the daemon ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The record cannot be kept, so nothing may be sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The chain does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The clock has stopped.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// What was wanted can never be set.
    #[error(transparent)]
    Rejected(WeightsError),
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Nothing is left to do at this finalized block.
    Idle(BlockNumber),
    /// A new finalized block was looked at.
    Looked(BlockNumber),
    /// One thing was done: `intend`, `sign`, `sign_reveal`, `broadcast`, `trace`, `trace_reveal`, `judge`, `note`.
    Did(&'static str),
    /// What was wanted can never be set, for this reason.
    Rejected(WeightsError),
}

/// Sets one hotkey's weights on one mechanism of one subnet, and follows them until an epoch has counted them.
///
/// It may be killed between any two steps, and in the middle of one: another daemon on the same ledger goes on.
/// Two daemons for one hotkey at the same time would send twice; run one.
pub struct Daemon {
    port: Arc<dyn WeightsPort>,
    ledger: Arc<Ledger>,
    target: Target,
    state: State,
    queue: VecDeque<Effect>,
    head: Option<BlockRef>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Daemon({}, subnet {}, {:?})", self.target.hotkey.public(), self.target.netuid, self.queue)
    }
}

impl Daemon {
    /// Takes up whatever the ledger has left open.
    pub fn new(
        client: ChainClient,
        ledger: Arc<Ledger>,
        hotkey: HotkeyPair,
        netuid: NetUid,
        mechanism: u8,
    ) -> Result<Self, LedgerError> {
        Self::over(Arc::new(client), ledger, Target { hotkey, netuid, mechanism })
    }

    pub(crate) fn over(
        port: Arc<dyn WeightsPort>,
        ledger: Arc<Ledger>,
        target: Target,
    ) -> Result<Self, LedgerError> {
        let whose =
            Whose { hotkey: target.hotkey.public(), netuid: target.netuid, mechanism: target.mechanism };
        let mut state = State::new(whose);
        state.last_epoch = ledger.last_epoch(whose.netuid, &whose.hotkey, whose.mechanism)?;
        for intent in ledger.open_intents(whose.netuid, &whose.hotkey, whose.mechanism)? {
            let stage = resumed(&ledger, &intent)?;
            state.open.insert(intent.id, open(&intent, stage));
        }
        Ok(Self { port, ledger, target, state, queue: VecDeque::new(), head: None })
    }

    /// Asks for weights to be set once; they replace earlier ones that are not sent yet. `method` is for those who
    /// know better than the subnet's settings.
    pub fn want(&mut self, weights: &[(Uid, u16)], version_key: u64, method: Option<Method>) {
        let mut weights: Vec<_> = weights.iter().copied().filter(|(_, weight)| *weight > 0).collect();
        weights.sort_unstable();
        self.feed(Event::Want(Wanted { weights, version_key, method }));
        // What is wanted can be planned at the block that was seen already.
        self.head = None;
    }

    /// Why the weights that are wanted are not sent yet, if they are not.
    #[must_use]
    pub fn waiting_for(&self) -> Option<&WeightsError> {
        self.state.waiting_for.as_ref()
    }

    /// Whether nothing is wanted and nothing is open.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.queue.is_empty() && self.state.wanted.is_none() && self.state.open.is_empty()
    }

    /// Whether nothing is wanted and nothing may still land: what remains only waits for epochs.
    #[must_use]
    pub fn is_on_chain(&self) -> bool {
        let waits = |stage: &Stage| matches!(stage, Stage::Committed { .. } | Stage::Counting { .. });
        self.queue.is_empty()
            && self.state.wanted.is_none()
            && self.state.open.values().all(|open| waits(&open.stage))
    }

    /// Does one thing: the next that is queued, or a look at the finalized head.
    pub async fn step(&mut self) -> Result<Progress, DaemonError> {
        let Some(effect) = self.queue.pop_front() else { return self.look().await };
        let name = effect.name();
        if let Effect::Reject { error, .. } = effect {
            tracing::info!(%error, "these weights are given up");
            return Ok(Progress::Rejected(error));
        }
        if let Some(event) = self.perform(effect).await? {
            tracing::debug!(effect = name, event = event.name(), "weights");
            self.feed(event);
        }
        Ok(Progress::Did(name))
    }

    /// Steps until there is nothing left to do at the finalized head. The last rejection, if any, is returned.
    pub async fn settle(&mut self) -> Result<Option<WeightsError>, DaemonError> {
        let mut rejected = None;
        loop {
            match self.step().await? {
                Progress::Idle(_) => return Ok(rejected),
                Progress::Rejected(error) => rejected = Some(error),
                _ => {}
            }
        }
    }

    /// Follows the chain until `is_enough` says so after a block, or what was wanted is rejected. Reads that fail
    /// are repeated, thirty seconds long.
    pub async fn run(
        &mut self,
        clock: &dyn ChainClock,
        is_enough: impl Fn(&Self) -> bool,
    ) -> Result<Option<WeightsError>, DaemonError> {
        let mut failures = 0;
        loop {
            match self.settle().await {
                Ok(rejected) if rejected.is_some() || is_enough(self) => return Ok(rejected),
                Ok(_) => failures = 0,
                Err(DaemonError::Read(error)) if error.is_transient() && failures < READ_FAILURES_MAX => {
                    failures += 1;
                    tracing::warn!(%error, failures, "the chain did not answer, trying again");
                    tokio::time::sleep(std::time::Duration::from_millis(READ_PAUSE_MS)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let next = self.head.map_or(BlockNumber(0), |head| head.number.saturating_add(1));
            clock.wait_until(next).await?;
        }
    }

    async fn look(&mut self) -> Result<Progress, DaemonError> {
        let head = self.port.head().await?;
        if self.head.is_some_and(|seen| seen.number >= head.number) {
            return Ok(Progress::Idle(head.number));
        }
        let seen = self.port.observe(&self.target, head).await?;
        self.head = Some(head);
        self.feed(Event::Head(Box::new(seen)));
        Ok(Progress::Looked(head.number))
    }

    /// Lets the machine decide; what follows from an effect comes before what was queued behind it.
    fn feed(&mut self, event: Event) {
        let fresh = State::new(self.state.whose);
        let (state, effects) = std::mem::replace(&mut self.state, fresh).advance(event);
        self.state = state;
        for effect in effects.into_iter().rev() {
            self.queue.push_front(effect);
        }
    }

    async fn perform(&mut self, effect: Effect) -> Result<Option<Event>, DaemonError> {
        match effect {
            Effect::Intend { wanted, method } => self.intend(wanted, method).map(Some),
            Effect::Sign { id } => self.sign(id, false).await.map(Some),
            Effect::SignReveal { id } => self.sign(id, true).await.map(Some),
            Effect::Broadcast { id } => self.broadcast(id).await.map(Some),
            Effect::Trace { id, from, to } => self.trace(id, from, to).await,
            Effect::TraceReveal { id, from, reveal_epoch, to } => {
                let revealed = self.port.trace_reveal(&self.target, from, reveal_epoch, to).await?;
                Ok(Some(Event::RevealTraced { id, to, revealed }))
            }
            Effect::Judge { id, epoch, landed, to } => {
                let Some(open) = self.state.open.get(&id) else { return Ok(None) };
                let weights = &open.wanted.weights;
                let verdict = self.port.judge(&self.target, weights, epoch, landed, to).await?;
                Ok(Some(Event::Judged { id, verdict }))
            }
            Effect::Note { id, mark } => self.note(id, mark).map(|()| None),
            Effect::Reject { .. } => Ok(None),
        }
    }

    fn intend(&self, wanted: Wanted, method: Method) -> Result<Event, DaemonError> {
        let salt = (method == Method::Salted).then(salt);
        let head = self.head.map_or(BlockNumber(0), |head| head.number);
        let new = NewIntent {
            netuid: self.target.netuid,
            hotkey: self.target.hotkey.public(),
            weights: &wanted.weights,
            version_key: wanted.version_key,
            salt: salt.as_ref().map(|salt| salt.as_slice()),
            decided_at: head,
            mechanism: self.target.mechanism,
            method,
            forced: wanted.method.is_some(),
        };
        let id = self.ledger.intend(&new)?;
        let commit = salt.map(|salt| self.commit(&wanted, &salt));
        let open = Open { method, wanted, commit, stage: Stage::Planned { since: head.0 } };
        Ok(Event::Intended { id, open })
    }

    fn commit(&self, wanted: &Wanted, salt: &[u16]) -> sn3_protocol::Digest {
        let Target { hotkey, netuid, mechanism } = &self.target;
        commit_hash(&hotkey.public(), *netuid, *mechanism, &wanted.weights, salt, wanted.version_key)
    }

    /// Signs, and writes the bytes down before anybody else sees them.
    async fn sign(&self, id: i64, reveal: bool) -> Result<Event, DaemonError> {
        let call = match self.call(id, reveal) {
            Ok(call) => call,
            Err(error) => {
                let refusal = Refusal { class: Class::Fatal, reason: error.to_string() };
                return Ok(Event::NotSigned { id, refusal });
            }
        };
        match self.port.sign(&self.target, &call).await {
            Ok(signed) => {
                self.ledger.sent(id, &signed)?;
                if let WeightsCall::Timelocked { round, .. } = call {
                    self.ledger.sealed_to(id, round)?;
                }
                Ok(Event::Signed { id, tx: tx(&signed, true) })
            }
            Err(error) => Ok(Event::NotSigned { id, refusal: Refusal::of(&error) }),
        }
    }

    /// The call that an intent comes to.
    fn call(&self, id: i64, reveal: bool) -> Result<WeightsCall, WeightsError> {
        let lost = || WeightsError::Refused { reason: format!("intent {id} is not in the ledger") };
        let intent = self.ledger.intent(id)?.ok_or_else(lost)?;
        let (weights, version_key) = (intent.weights, intent.version_key);
        match (intent.method, intent.salt) {
            (Method::Plain, _) => Ok(WeightsCall::Plain { weights, version_key }),
            (Method::Salted, Some(salt)) if reveal => Ok(WeightsCall::Reveal { weights, salt, version_key }),
            (Method::Salted, Some(salt)) => {
                let wanted = Wanted { weights, version_key, method: None };
                Ok(WeightsCall::Salted { hash: self.commit(&wanted, &salt) })
            }
            (Method::Salted, None) => {
                Err(WeightsError::Refused { reason: format!("intent {id} has lost its salt") })
            }
            (Method::Timelocked, _) => self.sealed(&weights, version_key),
        }
    }

    fn sealed(&self, weights: &[(Uid, u16)], version_key: u64) -> Result<WeightsCall, WeightsError> {
        let failed = |reason: &dyn fmt::Display| WeightsError::Timelock { reason: reason.to_string() };
        let seen = self.state.seen.as_ref().ok_or_else(|| failed(&"no block was seen yet"))?;
        timelocked(seen, &self.target.hotkey.public().0, weights, version_key)
    }

    async fn broadcast(&self, id: i64) -> Result<Event, DaemonError> {
        let Some(signed) = self.ledger.signed(id)? else {
            let reason = "its bytes are not in the ledger".to_owned();
            return Ok(Event::Answered { id, refusal: Some(Refusal { class: Class::NextBlock, reason }) });
        };
        let refusal = self.port.broadcast(&signed).await.err().map(|error| Refusal::of(&error));
        Ok(Event::Answered { id, refusal })
    }

    async fn trace(&self, id: i64, from: u64, to: u64) -> Result<Option<Event>, DaemonError> {
        let Some(signed) = self.ledger.signed(id)? else {
            let landing = None;
            return Ok(Some(Event::Traced { id, to, landing }));
        };
        match self.port.trace(&self.target, &signed.call, signed.hash, from, to).await {
            Ok(landing) => Ok(Some(Event::Traced { id, to, landing })),
            // The next head asks again.
            Err(refusal) => {
                tracing::warn!(reason = refusal.reason, "cannot look for an extrinsic");
                Ok(None)
            }
        }
    }

    fn note(&self, id: i64, mark: Mark) -> Result<(), DaemonError> {
        let (state, step) = written(mark);
        tracing::info!(intent = id, step = step.name, block = ?step.block, epoch = step.epoch, note = step.note, "weights");
        Ok(self.ledger.step(id, Some(state), &step)?)
    }
}

/// Seals weights until the epoch in which the chain reveals them.
pub(crate) fn timelocked(
    seen: &super::Observation,
    hotkey: &[u8; 32],
    weights: &[(Uid, u16)],
    version_key: u64,
) -> Result<WeightsCall, WeightsError> {
    let failed = |reason: &dyn fmt::Display| WeightsError::Timelock { reason: reason.to_string() };
    let (beacon, last_round) =
        seen.beacon().ok_or_else(|| failed(&"the chain has no beacon that we accept"))?;
    let plan = seen.reveal_plan(&beacon).map_err(|error| failed(&error))?;
    let (uids, values) = weights.iter().map(|(uid, weight)| (uid.0, *weight)).unzip();
    let payload = WeightsPayload { hotkey: *hotkey, uids, values, version_key };
    // The chain refuses a round that it has stored already.
    let round = plan.round.max(last_round.saturating_add(1));
    let entropy = Entropy::fresh().map_err(|error| failed(&error))?;
    let bytes = seal(&beacon, round, &payload.encode(), entropy).map_err(|error| failed(&error))?;
    Ok(WeightsCall::Timelocked { bytes, round, version: TIMELOCK_VERSION })
}

/// Secret until the reveal, so it comes from the thread's cryptographic generator.
pub(crate) fn salt() -> [u16; SALT_LEN] {
    rand::rng().random()
}

fn tx(signed: &crate::client::Signed, fresh: bool) -> Tx {
    let searched = signed.signed_at.number.0;
    Tx { nonce: signed.nonce, dies_at: signed.dies_at.0, searched, fresh }
}

/// Where an intent of an earlier process stands.
fn resumed(ledger: &Ledger, intent: &Intent) -> Result<Stage, LedgerError> {
    let since = intent.decided_at.0;
    let block = intent.receipt.map_or(since, |receipt| receipt.block.number.0);
    let epoch = intent.epoch.unwrap_or(0);
    let signed = ledger.signed(intent.id)?;
    Ok(match (intent.state, signed) {
        (IntentState::Sent, Some(signed)) => Stage::Sent { tx: tx(&signed, false) },
        (IntentState::RevealSent, Some(signed)) => Stage::RevealSent { epoch, tx: tx(&signed, false) },
        (IntentState::Committed | IntentState::RevealSent, _) => Stage::Committed { epoch, searched: block },
        (IntentState::Landed, _) => Stage::Counting { epoch, landed: block },
        (IntentState::Revealed, _) => {
            let steps = ledger.steps(intent.id)?;
            let step = steps.iter().rev().find(|step| step.name == "revealed");
            let at = step.and_then(|step| Some((step.epoch?, step.block?.number.0)));
            let (epoch, landed) = at.unwrap_or((epoch, block));
            Stage::Counting { epoch, landed }
        }
        _ => Stage::Planned { since },
    })
}

fn open(intent: &Intent, stage: Stage) -> Open {
    let method = intent.forced.then_some(intent.method);
    let wanted = Wanted { weights: intent.weights.clone(), version_key: intent.version_key, method };
    let commit = intent.salt.as_ref().map(|salt| {
        let Intent { hotkey, netuid, mechanism, version_key, weights, .. } = intent;
        commit_hash(hotkey, *netuid, *mechanism, weights, salt, *version_key)
    });
    Open { method: intent.method, wanted, commit, stage }
}

/// A mark as the ledger keeps it.
fn written(mark: Mark) -> (IntentState, Step) {
    let step = |name: &str| Step { name: name.into(), block: None, extrinsic: None, epoch: None, note: None };
    let landed = |name: &str, receipt: crate::Receipt, epoch| Step {
        block: Some(receipt.block),
        extrinsic: Some(receipt.extrinsic),
        epoch: Some(epoch),
        ..step(name)
    };
    let ran = |name: &str, block, epoch| Step { block: Some(block), epoch: Some(epoch), ..step(name) };
    match mark {
        Mark::Landed { receipt, epoch } => (IntentState::Landed, landed("landed", receipt, epoch)),
        Mark::Committed { receipt, epoch } => (IntentState::Committed, landed("committed", receipt, epoch)),
        Mark::Revealed { block, receipt, epoch } => {
            let extrinsic = receipt.map(|receipt| receipt.extrinsic);
            (IntentState::Revealed, Step { extrinsic, ..ran("revealed", block, epoch) })
        }
        Mark::RevealAgain => (IntentState::Committed, step("reveal_again")),
        Mark::Counted { block, epoch } => (IntentState::Counted, ran("counted", block, epoch)),
        Mark::Superseded { block, epoch } => (IntentState::Superseded, ran("superseded", block, epoch)),
        Mark::Missed { reason } => (IntentState::Missed, Step { note: Some(reason), ..step("missed") }),
        Mark::Abandoned { reason } => {
            (IntentState::Abandoned, Step { note: Some(reason), ..step("abandoned") })
        }
    }
}

impl Effect {
    /// The effect's name, for the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Intend { .. } => "intend",
            Self::Sign { .. } => "sign",
            Self::SignReveal { .. } => "sign_reveal",
            Self::Broadcast { .. } => "broadcast",
            Self::Trace { .. } => "trace",
            Self::TraceReveal { .. } => "trace_reveal",
            Self::Judge { .. } => "judge",
            Self::Note { .. } => "note",
            Self::Reject { .. } => "reject",
        }
    }
}

#[cfg(test)]
mod tests;
