//! Follows weights through the chain, one plain line a step; what Ctrl-C leaves behind is durable.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Serialize;
use sn3_chain::ledger::IntentState;
use sn3_chain::weights::{Daemon, IntentReport, StepReport, history};
use sn3_chain::{ChainClient, HotkeyPair, SubscriptionClock, WeightsError};
use sn3_protocol::{NetUid, Signer};

use super::{Held, hold, hotkey, netuid, step_line};
use crate::args::chain::{WeightsFollowArgs, WeightsOfArgs};
use crate::commands::chain::{connect, head_with_subnet};
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Intents that are looked at for new steps.
const INTENTS_MAX: u32 = 64;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Weights, or their commit, are in a finalized block.
    OnChain,
    /// An epoch has counted them, and nothing is open.
    Counted,
}

/// One step, as JSON.
#[derive(Serialize)]
struct StepEvent<'a> {
    intent: i64,
    #[serde(flatten)]
    step: &'a StepReport,
}

/// Goes on with what an earlier process left open.
pub async fn run(args: &WeightsFollowArgs, output: &Output) -> Result<(), CliError> {
    let hotkey = hotkey(&args.of)?;
    let held = hold(&args.of, &hotkey)?;
    let client = connect(&args.of.chain).await?;
    head_with_subnet(&client, netuid(&args.of)).await?;
    let daemon = daemon(&client, &held, &hotkey, &args.of)?;
    if daemon.is_done() {
        output.result(format_args!("nothing is open in {}", held.path.display()));
        return Ok(());
    }
    follow(&client, daemon, &held, &hotkey, &args.of, Until::Counted, output).await
}

/// A daemon over the held ledger.
pub fn daemon(
    client: &ChainClient,
    held: &Held,
    hotkey: &HotkeyPair,
    of: &WeightsOfArgs,
) -> Result<Daemon, CliError> {
    Ok(Daemon::new(client.clone(), held.ledger.clone(), hotkey.clone(), netuid(of), of.mechanism)?)
}

/// Drives the daemon and prints each step, until it is far enough or the user stops it.
pub async fn follow(
    client: &ChainClient,
    mut daemon: Daemon,
    held: &Held,
    hotkey: &HotkeyPair,
    of: &WeightsOfArgs,
    until: Until,
    output: &Output,
) -> Result<(), CliError> {
    let clock = SubscriptionClock::start(client.clone()).await?;
    let story = RefCell::new(Story::begin(held, hotkey, of, output)?);
    let far_enough = |daemon: &Daemon| {
        let hopeless = until == Until::OnChain && hopeless(daemon);
        story.borrow_mut().tell(daemon, hopeless);
        let done = match until {
            Until::OnChain => daemon.is_on_chain(),
            Until::Counted => daemon.is_done(),
        };
        done || hopeless || story.borrow().broken.is_some()
    };
    let rejected = tokio::select! {
        result = daemon.run(&clock, far_enough) => result?,
        () = crate::signals::wait_for_stop() => return Err(story.into_inner().interrupted()),
    };
    let reason = rejected.or_else(|| daemon.waiting_for().filter(|_| !daemon.is_done()).cloned());
    story.into_inner().end(reason, until)
}

/// Whether waiting longer is for somebody who said so: stake and permits do not come by themselves.
fn hopeless(daemon: &Daemon) -> bool {
    matches!(daemon.waiting_for(), Some(WeightsError::NoPermit { .. } | WeightsError::StakeTooLow { .. }))
}

/// What was told already.
struct Story<'a> {
    held: &'a Held,
    output: &'a Output,
    hotkey: sn3_protocol::Hotkey,
    netuid: NetUid,
    mechanism: u8,
    /// Steps of each intent that were told.
    told: BTreeMap<i64, usize>,
    /// The newest intent of earlier processes.
    before: i64,
    waiting_for: Option<String>,
    /// Why the ledger cannot be read any more.
    broken: Option<CliError>,
}

impl<'a> Story<'a> {
    fn begin(
        held: &'a Held,
        hotkey: &HotkeyPair,
        of: &WeightsOfArgs,
        output: &'a Output,
    ) -> Result<Self, CliError> {
        let (netuid, mechanism, hotkey) = (netuid(of), of.mechanism, hotkey.hotkey());
        let told = BTreeMap::new();
        let mut story = Self {
            held,
            output,
            hotkey,
            netuid,
            mechanism,
            told,
            before: 0,
            waiting_for: None,
            broken: None,
        };
        for intent in story.intents()? {
            story.told.insert(intent.id, intent.steps.len());
            story.before = story.before.max(intent.id);
        }
        Ok(story)
    }

    /// This hotkey's intents, oldest first.
    fn intents(&self) -> Result<Vec<IntentReport>, CliError> {
        let mut all = history(&self.held.ledger, INTENTS_MAX)?;
        all.retain(|intent| {
            (intent.hotkey, intent.netuid, intent.mechanism) == (self.hotkey, self.netuid, self.mechanism)
        });
        all.reverse();
        Ok(all)
    }

    /// Prints the steps that are new, and why nothing happens when nothing does.
    fn tell(&mut self, daemon: &Daemon, hopeless: bool) {
        match self.intents() {
            Ok(intents) => intents.iter().for_each(|intent| self.tell_intent(intent)),
            Err(error) => self.broken = Some(error),
        }
        let reason = daemon.waiting_for().map(ToString::to_string);
        if let Some(reason) = reason.as_ref().filter(|_| reason != self.waiting_for && !hopeless) {
            self.output.story(format_args!("waiting: {reason}"));
        }
        self.waiting_for = reason;
    }

    fn tell_intent(&mut self, intent: &IntentReport) {
        let told = self.told.get(&intent.id).copied();
        if told.is_none() {
            let count = intent.weights.len();
            let method = serde_json::to_value(intent.method).unwrap_or_default();
            let method = method.as_str().unwrap_or("?").to_owned();
            self.output.result(format_args!("intent {:<4} {count} weights, {method}", intent.id));
        }
        for step in intent.steps.iter().skip(told.unwrap_or(0)) {
            self.output.event("step", &StepEvent { intent: intent.id, step });
            self.output.result(format_args!("intent {:<4} {}", intent.id, step_line(step)));
        }
        self.told.insert(intent.id, intent.steps.len());
    }

    /// What stays in the ledger when the user stops the command.
    fn interrupted(self) -> CliError {
        let open: Vec<String> = self
            .intents()
            .unwrap_or_default()
            .iter()
            .filter(|intent| !ended(intent.state))
            .map(|intent| format!("intent {}", intent.id))
            .collect();
        let message = match (open.is_empty(), &self.waiting_for) {
            (false, _) => format!(
                "stopped; {} stays in {}, and `sn3 weights follow` goes on with it",
                open.join(", "),
                self.held.path.display()
            ),
            (true, Some(reason)) => {
                format!("stopped before anything was signed ({reason}); run the same command again later")
            }
            (true, None) => "stopped before anything was signed; run the same command again".to_owned(),
        };
        CliError::new(Exit::Interrupted, message)
    }

    /// The end: the newest intent of this process says whether it went well.
    fn end(self, reason: Option<WeightsError>, until: Until) -> Result<(), CliError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let intents = self.intents()?;
        if let Some(error) = reason {
            return Err(error.into());
        }
        let Some(last) = intents.last() else { return Ok(()) };
        self.output.event("intent", last);
        match last.state {
            IntentState::Missed | IntentState::Abandoned => {
                let reason = last.reason.clone().unwrap_or_else(|| "no reason is known".into());
                Err(CliError::new(Exit::Chain, format!("intent {} came to nothing: {reason}", last.id)))
            }
            IntentState::Committed if until == Until::OnChain => {
                self.output.story(
                    "the commit is on chain, not yet revealed; `sn3 weights follow` goes on until an epoch counts it",
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether nothing more happens to it.
fn ended(state: IntentState) -> bool {
    use IntentState::{Abandoned, Counted, Missed, Superseded};
    matches!(state, Abandoned | Counted | Missed | Superseded)
}
