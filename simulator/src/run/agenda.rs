//! Who acts when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use codec::{Decode, Encode};

use crate::behaviour::joins_at;
use crate::world::{Role, World};

/// What an actor does by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Task {
    /// A miner registers.
    Join,
    /// A validator reveals what it committed.
    Reveal,
    /// A validator sets weights.
    Weights,
    /// Somebody sells income.
    Sell,
    /// A staker's step, by its place in the list.
    Step(u32),
}

/// Next actions by tick, actor and task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda(BinaryHeap<Reverse<(u64, u32, Task)>>);

impl Agenda {
    /// The first actions of everybody.
    pub(crate) fn first(world: &World) -> Self {
        let mut agenda = Self::default();
        for actor in 0..world.cast.actors.len() {
            agenda.enter(world, actor);
            if let Some(selling) = &world.cast.actors[actor].sell {
                agenda.put(Some(world.tick() + selling.every_blocks), actor, Task::Sell);
            }
        }
        agenda
    }

    /// The first actions of one actor's role.
    pub(crate) fn enter(&mut self, world: &World, actor: usize) {
        let now = world.tick();
        match &world.cast.actors[actor].role {
            Role::Validator { .. } => self.put(world.next_weights_tick(actor, true), actor, Task::Weights),
            Role::Miner { steps, .. } => self.put(joins_at(steps), actor, Task::Join),
            Role::Staker { steps } => {
                for (at, step) in (0..).zip(steps.iter()) {
                    self.put(step.first().map(|tick| tick.max(now)), actor, Task::Step(at));
                }
            }
        }
    }

    /// Forgets what an actor's role was going to do.
    pub(crate) fn withdraw(&mut self, actor: usize) {
        let kept = |task: &Task| matches!(task, Task::Sell | Task::Reveal);
        self.0.retain(|Reverse((_, who, task))| *who as usize != actor || kept(task));
    }

    pub(crate) fn put(&mut self, tick: Option<u64>, actor: usize, task: Task) {
        if let Some(tick) = tick {
            self.0.push(Reverse((tick, actor as u32, task)));
        }
    }

    /// The tick of the next action, if anybody will act.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((tick, _, _))| *tick)
    }

    /// Performs everything that is due.
    pub(crate) fn perform(&mut self, world: &mut World, tick: u64) {
        while self.0.peek().is_some_and(|Reverse((at, _, _))| *at <= tick) {
            let Some(Reverse((_, actor, task))) = self.0.pop() else { return };
            self.perform_one(world, actor as usize, task, tick);
        }
    }

    fn perform_one(&mut self, world: &mut World, actor: usize, task: Task, tick: u64) {
        let later = |next: Option<u64>| next.map(|next| next.max(tick + 1));
        match task {
            Task::Join => world.register(actor),
            Task::Reveal => {
                let next = world.reveal(actor);
                self.put(later(next), actor, Task::Reveal);
            }
            Task::Weights => {
                let waits = !world.books[actor].hidden.is_empty();
                let reveal = world.weigh(actor);
                self.put(later(reveal).filter(|_| !waits), actor, Task::Reveal);
                let next = world.next_weights_tick(actor, false);
                self.put(later(next), actor, Task::Weights);
            }
            Task::Sell => {
                world.sell_income(actor);
                let every = world.cast.actors[actor].sell.as_ref().map(|selling| selling.every_blocks);
                self.put(later(every.map(|every| tick.saturating_add(every))), actor, Task::Sell);
            }
            Task::Step(at) => {
                let Role::Staker { steps } = &world.cast.actors[actor].role else { return };
                let steps = steps.clone();
                let next = steps.get(at as usize).and_then(|step| step.act(world, actor, tick));
                self.put(later(next), actor, Task::Step(at));
            }
        }
    }

    /// All entries, ascending, for the state file.
    pub(crate) fn entries(&self) -> Vec<(u64, u32, Task)> {
        let mut entries: Vec<_> = self.0.iter().map(|Reverse(entry)| *entry).collect();
        entries.sort_unstable();
        entries
    }

    pub(crate) fn from_entries(entries: Vec<(u64, u32, Task)>) -> Self {
        Self(entries.into_iter().map(Reverse).collect())
    }
}
