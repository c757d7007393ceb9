//! A run: agenda, events, block steps, records.
//!
//! ```text
//!  tick t:  sandwiches' fronts ▶ events at t ▶ due actors, ascending ▶ sandwiches' backs ▶ step_block ▶ record?
//! ```
//!
//! Actors cost nothing while they rest: each has its next actions on one agenda, a heap by tick, actor and task.

mod agenda;
mod events;
mod summary;

use codec::{Decode, Encode};
use sn3_protocol::{Digest, NetUid};

pub use agenda::Task;
pub use summary::{ActorSummary, GroupSummary, SubnetSummary, Summary};

use crate::scenario::Scenario;
use crate::series::Series;
use crate::world::{BuildError, World};
use agenda::Agenda;

/// Blocks between two calls of the progress callback.
pub const PROGRESS_BLOCKS: u64 = 1_024;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Blocks done.
    pub done: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Epochs run so far.
    pub epochs: u64,
}

/// What the caller wants of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Return now, between two blocks; [`Simulation::run`] may be called again, or [`Simulation::save`].
    Pause,
}

/// How a call of [`Simulation::run`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All blocks are done.
    Finished,
    /// The callback asked for a pause.
    Paused,
}

/// A run with everything that it needs to go on.
///
/// ```
/// use sn3_simulator::run::{Control, RunEnd, Simulation};
/// use sn3_simulator::scenario::{EXAMPLE, Format, Scenario};
///
/// let mut scenario = Scenario::parse(EXAMPLE, Format::Toml)?;
/// scenario.blocks = 300;
/// let mut simulation = Simulation::new(&scenario)?;
/// assert_eq!(simulation.run(&mut |_| Control::Continue), RunEnd::Finished);
/// assert!(simulation.series().subnets.len() > 10);
/// let digest = simulation.digest();
///
/// let mut again = Simulation::new(&scenario)?;
/// again.run(&mut |_| Control::Continue);
/// assert_eq!(again.digest(), digest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulation {
    scenario: Scenario,
    world: World,
    agenda: Agenda,
    series: Series,
    /// Event indices in order of time.
    order: Vec<usize>,
    /// How many of them have happened.
    happened: usize,
    epochs: u64,
}

impl Simulation {
    /// Builds the world of a scenario and takes the first record.
    ///
    /// # Errors
    /// An invalid scenario, or a genesis that the chain refuses.
    pub fn new(scenario: &Scenario) -> Result<Self, BuildError> {
        let world = World::build(scenario)?;
        let agenda = Agenda::first(&world);
        let mut simulation = Self::assemble(scenario.clone(), world, agenda);
        simulation.series.record(&simulation.world, &scenario.watch, 0);
        Ok(simulation)
    }

    fn assemble(scenario: Scenario, world: World, agenda: Agenda) -> Self {
        let mut order: Vec<usize> = (0..scenario.events.len()).collect();
        order.sort_by_key(|at| scenario.events[*at].at);
        Self { scenario, world, agenda, series: Series::default(), order, happened: 0, epochs: 0 }
    }

    /// Runs until the end or a pause. The callback is asked every [`PROGRESS_BLOCKS`] blocks and at the end.
    ///
    /// Blocks in which nobody acts and nothing is recorded are stepped together, on all threads of the pool.
    pub fn run(&mut self, progress: &mut dyn FnMut(Progress) -> Control) -> RunEnd {
        while self.done() < self.scenario.blocks {
            let stop = (self.done() / PROGRESS_BLOCKS + 1) * PROGRESS_BLOCKS;
            self.advance(stop.min(self.scenario.blocks));
            let wanted = self.done().is_multiple_of(PROGRESS_BLOCKS) || self.done() == self.scenario.blocks;
            if wanted && progress(self.progress()) == Control::Pause && self.done() < self.scenario.blocks {
                return RunEnd::Paused;
            }
        }
        RunEnd::Finished
    }

    /// Runs one block.
    pub fn step(&mut self) {
        self.advance(self.done() + 1);
    }

    /// Lets people act, then steps blocks until somebody acts again, a record is due, or `stop`.
    fn advance(&mut self, stop: u64) {
        let tick = self.world.tick();
        self.act(tick);
        let until = self.next_act().max(tick + 1).min(self.next_record()).min(stop);
        let (seed, start) = (self.scenario.seed, self.world.start_block);
        let (epochs, flows) = (&mut self.epochs, &mut self.world.flows);
        self.world.network.step_blocks(
            until - tick,
            |block| parent_hash(seed, block - start - 1),
            |report| {
                *epochs += report.epochs.len() as u64;
                for (netuid, emission) in &report.emissions {
                    flows.entry(*netuid).or_default().add(emission);
                }
            },
        );
        if until.is_multiple_of(self.scenario.record_every()) || until == self.scenario.blocks {
            self.series.record(&self.world, &self.scenario.watch, self.epochs);
        }
    }

    /// The tick of the next event or action.
    fn next_act(&self) -> u64 {
        let event = self.order.get(self.happened).map(|at| self.scenario.events[*at].at);
        event.unwrap_or(u64::MAX).min(self.agenda.next_tick().unwrap_or(u64::MAX))
    }

    fn next_record(&self) -> u64 {
        let every = self.scenario.record_every();
        (self.done() / every + 1) * every
    }

    fn act(&mut self, tick: u64) {
        let from = self.happened;
        let due = self.order[from..].iter().take_while(|at| self.scenario.events[**at].at <= tick).count();
        self.happened = from + due;
        let Self { scenario, world, agenda, order, .. } = self;
        let events: Vec<_> = order[from..from + due].iter().map(|at| &scenario.events[*at]).collect();
        let sandwiches = if events.is_empty() { Vec::new() } else { events::fronts(world, &events) };
        for event in &events {
            events::happen(world, agenda, &event.action);
        }
        agenda.perform(world, tick);
        events::backs(world, sandwiches);
    }

    /// Blocks done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.world.tick()
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.done(), blocks: self.scenario.blocks, epochs: self.epochs }
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What was recorded so far.
    #[must_use]
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// Who earned what so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&self.scenario, &self.world, self.epochs)
    }

    /// BLAKE2b-256 over chain, balances and series: equal on every machine and thread count.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let parts = (&self.world.network, &self.world.bank, &self.series, &self.world.refusals);
        Digest::of(&parts.encode())
    }

    /// The chain of a subnet, for reading.
    #[must_use]
    pub fn subnet(&self, netuid: NetUid) -> Option<&sn3_emission::network::Subnet> {
        self.world.network.subnet(netuid)
    }
}

/// What stands for a block's hash; it draws the root stakers whose dividends are claimed.
fn parent_hash(seed: u64, tick: u64) -> [u8; 32] {
    let mut bytes = b"sn3 simulator block".to_vec();
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes.extend_from_slice(&tick.to_le_bytes());
    Digest::of(&bytes).0
}

/// What changes in a run, for the state file.
#[derive(Encode, Decode)]
pub(crate) struct Dynamic {
    pub(crate) network: sn3_emission::Network,
    pub(crate) bank: sn3_emission::network::Balances,
    pub(crate) books: Vec<crate::world::Book>,
    pub(crate) refusals: std::collections::BTreeMap<(String, String), u64>,
    pub(crate) flows: std::collections::BTreeMap<NetUid, crate::world::Flow>,
    pub(crate) agenda: Vec<(u64, u32, Task)>,
    pub(crate) series: Series,
    pub(crate) happened: u32,
    pub(crate) epochs: u64,
}

impl Simulation {
    pub(crate) fn dynamic(&self) -> Dynamic {
        Dynamic {
            network: self.world.network.clone(),
            bank: self.world.bank.clone(),
            books: self.world.books.clone(),
            refusals: self.world.refusals.clone(),
            flows: self.world.flows.clone(),
            agenda: self.agenda.entries(),
            series: self.series.clone(),
            happened: self.happened as u32,
            epochs: self.epochs,
        }
    }

    /// A run as it was; changes of behaviour that had happened are made again.
    pub(crate) fn from_dynamic(scenario: Scenario, state: Dynamic) -> Result<Self, BuildError> {
        let mut world = World::build(&scenario)?;
        world.network = state.network;
        world.bank = state.bank;
        world.books = state.books;
        world.refusals = state.refusals;
        world.flows = state.flows;
        world.slots.clear();
        let mut simulation = Self::assemble(scenario, world, Agenda::from_entries(state.agenda));
        simulation.series = state.series;
        simulation.happened = (state.happened as usize).min(simulation.order.len());
        simulation.epochs = state.epochs;
        for at in &simulation.order[..simulation.happened] {
            events::change_role(&mut simulation.world, &simulation.scenario.events[*at].action);
        }
        Ok(simulation)
    }
}
