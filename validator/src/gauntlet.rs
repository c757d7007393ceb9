//! Gauntlet: who is aggregated, who is evaluated, what it is worth (training protocol, section 4).
//!
//! A window has two steps. At the deadline: identity, activity, fast checks, copies, who is aggregated, sync
//! and missing rules, who is drawn for evaluation. After the evaluation: negative rules, match, final scores,
//! weights, the next peer list.

mod admit;
mod copies;
mod draw;
mod gather;
mod grade;
mod state;

pub use state::{GauntletState, Peer, PeerList, Pending, Standing};

use sn3_protocol::Window;
use sn3_protocol::run::{GauntletConfig, RunConfig};

use crate::mechanism::{Deadline, Effect, Evaluated, Event, Mechanism};

/// The mechanism of the run that produced Covenant-72B, with its constants as configuration.
///
/// ```
/// use sn3_protocol::run::GauntletConfig;
/// use sn3_validator::gauntlet::Gauntlet;
/// use sn3_validator::mechanism::Mechanism;
///
/// let gauntlet = Gauntlet::new(GauntletConfig::small(), None);
/// assert!(gauntlet.start().peers.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Gauntlet {
    config: GauntletConfig,
    end_window: Option<Window>,
}

impl Gauntlet {
    /// A mechanism with these constants. In `end_window` weights are set in any case.
    #[must_use]
    pub fn new(config: GauntletConfig, end_window: Option<Window>) -> Self {
        Self { config, end_window }
    }

    /// The mechanism of a run.
    #[must_use]
    pub fn of_run(run: &RunConfig) -> Self {
        Self::new(run.gauntlet.clone(), run.end_window)
    }

    fn deadline(&self, state: &mut GauntletState, event: &Deadline) -> Vec<Effect> {
        if state.judged.is_some_and(|judged| event.window <= judged) {
            return Vec::new();
        }
        admit::identities(state, event, &self.config);
        admit::activity(state, event);
        let mut pending = admit::standings(event, &self.config);
        admit::late(&mut pending, event);
        admit::inactivity(state, &mut pending, &self.config);
        copies::punish(state, &mut pending, event, &self.config);
        gather::choose(state, &mut pending, event, &self.config);
        gather::punish_missing(state, &mut pending, &self.config);
        gather::punish_sync(state, &mut pending, &self.config);
        let tasks = draw::tasks(state, &mut pending, event, &self.config);
        let effects = effects_at_deadline(&pending, tasks);
        state.judged = Some(event.window);
        state.pending = Some(pending);
        effects
    }

    fn evaluated(&self, state: &mut GauntletState, event: &Evaluated) -> Vec<Effect> {
        match state.pending.take() {
            Some(pending) if pending.window == event.window => {
                grade::grade(state, pending, event, &self.config, self.end_window)
            }
            other => {
                state.pending = other;
                Vec::new()
            }
        }
    }
}

impl Mechanism for Gauntlet {
    type State = GauntletState;

    fn start(&self) -> GauntletState {
        GauntletState::default()
    }

    fn step(&self, mut state: GauntletState, event: &Event) -> (GauntletState, Vec<Effect>) {
        let effects = match event {
            Event::Deadline(event) => self.deadline(&mut state, event),
            Event::Evaluated(event) => self.evaluated(&mut state, event),
        };
        (state, effects)
    }
}

fn effects_at_deadline(pending: &Pending, tasks: Vec<crate::mechanism::EvaluationTask>) -> Vec<Effect> {
    let blamed =
        pending.reasons.iter().flat_map(|(uid, reasons)| reasons.iter().map(move |r| (*uid, r.clone())));
    let mut effects: Vec<Effect> = blamed.map(|(uid, reason)| Effect::Reject { uid, reason }).collect();
    effects.push(Effect::Aggregate(pending.aggregated.clone()));
    effects.push(Effect::Evaluate(tasks));
    effects
}

#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod simulation_tests;
