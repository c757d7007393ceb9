//! After the deadline block: evaluate, publish scorecards, move to the next window, set weights.

use std::collections::BTreeMap;

use sn3_chain::WeightsError;
use sn3_exchange::publish_scorecards;
use sn3_protocol::score::overlap::median_overlap;
use sn3_protocol::score::weights::to_u16;
use sn3_protocol::score::{Scorecard, ScorecardSet, sync};
use sn3_protocol::{BlockNumber, PROTOCOL_VERSION, Uid, Window};

use super::collect::ATTEMPTS_MAX;
use super::disk::Phase;
use super::judge::{Round, medians};
use super::record::Recorded;
use super::{NodeError, ValidatorNode};
use crate::evaluate::{Evaluate, EvaluateError, Round as TrialRound, Trials, run_trials};
use crate::events::ValidatorEvent;
use crate::ledger::{RoundRow, WeightsRow};
use crate::mechanism::{Effect, Evaluated, Event, Mechanism};

/// How long the last weights of a run wait for the chain's rate limit, in blocks.
const LAST_WEIGHTS_WAIT_BLOCKS_MAX: u64 = 1_000;

type Measured = (Box<dyn Evaluate>, Recorded, Result<(Trials, Option<f64>), EvaluateError>);

impl ValidatorNode {
    /// The held-out loss of the state that the node starts from.
    pub(super) async fn first_heldout(&mut self) -> Result<(), NodeError> {
        if self.state.heldout.is_some() {
            return Ok(());
        }
        let found = self.evaluator().as_deref_mut().map(|evaluate| evaluate.heldout_loss(&self.theta));
        self.state.heldout = found.transpose()?.flatten();
        self.save()?;
        self.tell_heldout();
        Ok(())
    }

    /// Tries the updates of the round and does everything that follows from the results.
    pub(super) async fn evaluate(&mut self, recorded: Recorded) -> Result<(), NodeError> {
        let window = recorded.round.window;
        self.chain.clock().wait_until(recorded.round.deadline.number.saturating_add(1)).await?;
        let (recorded, trials, heldout) = self.measure(recorded).await?;
        let probe_after = sync::probe(&self.layout, &recorded.theta_after);
        let evaluated = Evaluated { window, results: trials.results, probe_after };
        let gauntlet = std::mem::take(&mut self.state.gauntlet);
        let (gauntlet, effects) = self.gauntlet.step(gauntlet, &Event::Evaluated(evaluated));
        self.state.gauntlet = gauntlet;
        for effect in effects {
            match effect {
                Effect::Cards(cards) => self.publish_cards(&recorded.round, cards).await,
                Effect::SetWeights(weights) => self.owe(window, &weights),
                Effect::Reject { .. } | Effect::Aggregate(_) | Effect::Evaluate(_) => {}
            }
        }
        self.advance(recorded, heldout)
    }

    /// Losses are computed on a thread of their own: they take long, and the node's other tasks go on.
    async fn measure(&mut self, recorded: Recorded) -> Result<(Recorded, Trials, Option<f64>), NodeError> {
        let window = recorded.round.window;
        let lost = || NodeError::EvaluationLost(window);
        let mut evaluate = self.evaluator().take().ok_or_else(lost)?;
        let medians = medians(self, &recorded.round);
        let (layout, theta) = (self.layout.clone(), self.theta.clone());
        let (top_k, lr) = (self.config.sparse.top_k, self.evaluation_lr(window));
        let work = move || -> Measured {
            let found = {
                let Round { updates, own, random, tasks, .. } = &recorded.round;
                let (layout, theta, medians) = (&*layout, &theta[..], &medians[..]);
                let round = TrialRound { layout, top_k, theta, medians, lr, updates, own, random };
                run_trials(evaluate.as_mut(), round, tasks)
                    .and_then(|trials| Ok((trials, evaluate.heldout_loss(&recorded.theta_after)?)))
            };
            (evaluate, recorded, found)
        };
        let (evaluate, recorded, found) = tokio::task::spawn_blocking(work).await.map_err(|_| lost())?;
        *self.evaluator() = Some(evaluate);
        let (trials, heldout) = found?;
        Ok((recorded, trials, heldout))
    }

    async fn publish_cards(&self, round: &Round, cards: Vec<Scorecard>) {
        let set = ScorecardSet {
            protocol_version: PROTOCOL_VERSION,
            run: self.config.run.clone(),
            window: round.window,
            validator: self.signer.hotkey(),
            deadline_hash: round.deadline.hash,
            state_before: self.state.theta,
            random_samples: round.random.clone(),
            median_overlap: median_overlap(&round.event.overlaps),
            heldout_loss: self.state.heldout,
            cards,
        };
        let mut attempts = 1;
        while let Err(error) = publish_scorecards(self.stores.own(), &set, self.signer.as_ref()).await {
            if !error.retry() || attempts == ATTEMPTS_MAX {
                self.trouble(format!("scorecards of window {} are not published: {error}", round.window));
                break;
            }
            attempts += 1;
        }
        self.tell(ValidatorEvent::Scored { cards: Box::new(set) });
    }

    fn owe(&mut self, window: Window, weights: &BTreeMap<Uid, f64>) {
        let weights = to_u16(weights);
        if !weights.is_empty() {
            self.state.unpaid = Some((window, weights));
        }
    }

    /// The window is done: ledger, new state, next window.
    fn advance(&mut self, recorded: Recorded, heldout: Option<f64>) -> Result<(), NodeError> {
        let Recorded { round, record, leader, theta_after, state_after } = recorded;
        self.ledger.add_round(&RoundRow {
            window: round.window,
            record,
            leader,
            aggregated: round.aggregated.clone(),
            state_before: self.state.theta,
            state_after,
        })?;
        let seen = std::mem::take(&mut self.state.seen);
        let absent = round.stores.keys().filter(|hotkey| !seen.contains_key(*hotkey) && **hotkey != leader);
        self.state.absent = absent.copied().collect();
        self.state.previous = record;
        self.state.theta = state_after;
        self.state.heldout = heldout;
        self.state.phase = Phase::Collecting;
        self.state.window = round.window.next();
        self.theta = theta_after;
        self.save()?;
        self.tell_heldout();
        Ok(())
    }

    /// Sets the weights that are owed. `last`: nothing comes after, so the rate limit is waited for.
    pub(super) async fn pay(&mut self, last: bool) -> Result<(), NodeError> {
        let Some((window, weights)) = self.state.unpaid.clone() else { return Ok(()) };
        let mut answer = self.chain.set_weights(&weights, self.version_key).await;
        if last
            && let Err(WeightsError::TooSoon { allowed_at, .. }) = &answer
            && self.is_near(*allowed_at).await?
        {
            self.chain.clock().wait_until(*allowed_at).await?;
            answer = self.chain.set_weights(&weights, self.version_key).await;
        }
        match answer {
            Ok(receipt) => {
                self.ledger.add_weights(&WeightsRow { window, weights: weights.clone(), receipt })?;
                self.state.unpaid = None;
                self.save()?;
                self.tell(ValidatorEvent::WeightsSet { window, weights, receipt });
            }
            Err(error) => self.tell(ValidatorEvent::WeightsFailed { window, error: error.to_string() }),
        }
        Ok(())
    }

    /// Reveals what is due. A failure is told; the next block tries again.
    pub(super) async fn follow_weights(&mut self) {
        if let Err(error) = self.chain.follow_weights().await {
            let window = self.state.window;
            self.tell(ValidatorEvent::WeightsFailed { window, error: error.to_string() });
        }
    }

    async fn is_near(&self, block: BlockNumber) -> Result<bool, NodeError> {
        let head = self.chain.clock().head().await?;
        Ok(block <= head.number.saturating_add(LAST_WEIGHTS_WAIT_BLOCKS_MAX))
    }

    fn evaluation_lr(&self, window: Window) -> f32 {
        self.config.outer_lr(window) * self.config.gauntlet.eval_lr_factor
    }

    fn tell_heldout(&self) {
        if let Some(loss) = self.state.heldout {
            self.tell(ValidatorEvent::Heldout { window: self.state.window, loss });
        }
    }
}
