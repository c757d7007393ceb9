//! Weights as commands show them: plain data, ready for JSON.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};

use super::daemon::{Daemon, DaemonError};
use super::observe::Method;
use crate::ledger::{Intent, IntentState, Step};
use crate::{BlockRef, ChainClient, ChainClock, HotkeyPair, Ledger, LedgerError};

/// One intent with all its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentReport {
    /// Number in the ledger.
    pub id: i64,
    /// The subnet.
    pub netuid: NetUid,
    /// The mechanism.
    pub mechanism: u8,
    /// Whose weights.
    pub hotkey: Hotkey,
    /// How they are sent.
    pub method: Method,
    /// Where they stand.
    pub state: IntentState,
    /// The weights as sent; 65535 is the largest.
    pub weights: Vec<(Uid, u16)>,
    /// The version key.
    pub version_key: u64,
    /// The finalized head when they were meant to be set.
    pub decided_at: BlockNumber,
    /// The epoch index in which they or their commit landed.
    pub epoch: Option<u64>,
    /// The beacon's round that they are sealed to.
    pub reveal_round: Option<u64>,
    /// Why they were abandoned or missed.
    pub reason: Option<String>,
    /// Every step with its proof.
    pub steps: Vec<StepReport>,
}

/// One step of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// `signed`, `landed`, `committed`, `reveal_signed`, `revealed`, `counted` and so on.
    pub step: String,
    /// The finalized block that proves it; for a signature, the head at that time.
    pub block: Option<BlockRef>,
    /// BLAKE2b-256 of the extrinsic.
    pub extrinsic: Option<Digest>,
    /// The epoch index of the block.
    pub epoch: Option<u64>,
    /// What else is to be said.
    pub note: Option<String>,
}

/// Where a hotkey's weights stand on chain, and what it could do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsStatus {
    /// The finalized block that this was read at.
    pub head: BlockRef,
    /// The hotkey's slot.
    pub uid: Option<Uid>,
    /// How the subnet takes weights now.
    pub method: Method,
    /// Whether the hotkey may set weights for others.
    pub permit: bool,
    /// Its stake weight in rao; 0 where the chain demands none.
    pub stake: u64,
    /// The stake weight that is demanded, in rao.
    pub stake_threshold: u64,
    /// When it last set or committed weights; 0 for never.
    pub last_update: BlockNumber,
    /// The first block at which it may again.
    pub allowed_at: BlockNumber,
    /// The version key that the subnet demands.
    pub version_key: u64,
    /// The epoch index now.
    pub epoch: u64,
    /// Blocks until the next epoch; none on a subnet without epochs.
    pub blocks_to_epoch: Option<u64>,
    /// Epochs between commit and reveal.
    pub reveal_period_epochs: u64,
    /// Commits of ours that wait for our reveal.
    pub commits_open: usize,
    /// The weights that the chain holds.
    pub weights: Vec<(Uid, u16)>,
    /// What the ledger has not brought to an end.
    pub open: Vec<IntentReport>,
}

/// Sets weights and follows them until they are on chain, or counted when `until_counted`.
///
/// Earlier intents of the ledger are followed on the way. The newest intents come back first; what can never be
/// set is an error.
#[expect(clippy::too_many_arguments, reason = "whose, what and how far: the command's own arguments")]
pub async fn set(
    client: &ChainClient,
    ledger: &Arc<Ledger>,
    clock: &dyn ChainClock,
    hotkey: &HotkeyPair,
    netuid: NetUid,
    mechanism: u8,
    weights: &[(Uid, u16)],
    version_key: u64,
    until_counted: bool,
) -> Result<Vec<IntentReport>, DaemonError> {
    let mut daemon = Daemon::new(client.clone(), ledger.clone(), hotkey.clone(), netuid, mechanism)?;
    daemon.want(weights, version_key, None);
    let enough = |daemon: &Daemon| if until_counted { daemon.is_done() } else { daemon.is_on_chain() };
    match daemon.run(clock, enough).await? {
        Some(error) => Err(DaemonError::Rejected(error)),
        None => Ok(history(ledger, 1)?),
    }
}

/// Where a hotkey's weights stand.
pub async fn status(
    client: &ChainClient,
    ledger: &Ledger,
    hotkey: &Hotkey,
    netuid: NetUid,
    mechanism: u8,
) -> Result<WeightsStatus, DaemonError> {
    let head = client.head().await?;
    let seen = client.observe_weights(hotkey, netuid, mechanism, head).await?;
    let open = ledger.open_intents(netuid, hotkey, mechanism)?;
    Ok(WeightsStatus {
        head,
        uid: seen.uid,
        method: seen.method(),
        permit: seen.permit || seen.is_owner,
        stake: seen.stake,
        stake_threshold: seen.stake_threshold,
        last_update: seen.last_update,
        allowed_at: seen.last_update.saturating_add(seen.rate_limit_blocks),
        version_key: seen.version_key,
        epoch: seen.epochs.epoch_index,
        blocks_to_epoch: seen.blocks_to_epoch(),
        reveal_period_epochs: seen.reveal_period_epochs,
        commits_open: seen.commits.len(),
        weights: seen.weights,
        open: open.into_iter().map(|intent| report(ledger, intent)).collect::<Result<_, _>>()?,
    })
}

/// The newest intents of a ledger with all their steps, at most `count_max`.
pub fn history(ledger: &Ledger, count_max: u32) -> Result<Vec<IntentReport>, LedgerError> {
    ledger.history(count_max)?.into_iter().map(|intent| report(ledger, intent)).collect()
}

fn report(ledger: &Ledger, intent: Intent) -> Result<IntentReport, LedgerError> {
    let steps = ledger.steps(intent.id)?.into_iter().map(step_report).collect();
    Ok(IntentReport {
        id: intent.id,
        netuid: intent.netuid,
        mechanism: intent.mechanism,
        hotkey: intent.hotkey,
        method: intent.method,
        state: intent.state,
        weights: intent.weights,
        version_key: intent.version_key,
        decided_at: intent.decided_at,
        epoch: intent.epoch,
        reveal_round: intent.round,
        reason: intent.reason,
        steps,
    })
}

fn step_report(step: Step) -> StepReport {
    let Step { name, block, extrinsic, epoch, note } = step;
    StepReport { step: name, block, extrinsic, epoch, note }
}
