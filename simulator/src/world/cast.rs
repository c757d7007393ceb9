//! Actors and groups, and how they are named.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use sn3_protocol::{Coldkey, Digest, Hotkey, NetUid};

use crate::behaviour::{MinerStep, StakerStep, ValidatorStep};
use crate::scenario::{Selling, Timing};

/// What somebody does.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Sets weights.
    Validator {
        /// How weights come about.
        steps: Arc<[ValidatorStep]>,
        /// When they are set.
        timing: Timing,
    },
    /// Works.
    Miner {
        /// How good the work is at the start.
        quality: f64,
        /// How that changes.
        steps: Arc<[MinerStep]>,
    },
    /// Trades.
    Staker {
        /// How.
        steps: Arc<[StakerStep]>,
    },
}

/// What kind of people a group consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A subnet's owner.
    Owner,
    /// Validators.
    Validator,
    /// Miners.
    Miner,
    /// Stakers.
    Staker,
}

impl Kind {
    /// The kind in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Validator => "validator",
            Self::Miner => "miner",
            Self::Staker => "staker",
        }
    }
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    /// The full name.
    pub name: String,
    /// Who it pays and is paid as.
    pub coldkey: Coldkey,
    /// Its hotkeys; the first one stakes, the others are copies.
    pub hotkeys: Vec<Hotkey>,
    /// The subnet where it is registered.
    pub netuid: Option<NetUid>,
    /// What it does.
    pub role: Role,
    /// How it sells income.
    pub sell: Option<Selling>,
}

impl Actor {
    /// The hotkey that stakes and validates.
    #[must_use]
    pub fn hotkey(&self) -> Hotkey {
        self.hotkeys[0]
    }

    /// How good its work is at a tick; zero for those who do not mine.
    #[must_use]
    pub fn quality(&self, tick: u64) -> f64 {
        match &self.role {
            Role::Miner { quality, steps } => steps.iter().fold(*quality, |q, step| step.quality(q, tick)),
            _ => 0.0,
        }
    }
}

/// Actors that the scenario names together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `netuid/label`, or the label alone for stakers.
    pub name: String,
    /// The group's name in the scenario.
    pub label: String,
    /// The subnet, if the group belongs to one.
    pub netuid: Option<NetUid>,
    /// What kind of people.
    pub kind: Kind,
    /// Their indices.
    pub members: Range<usize>,
}

/// All actors and groups of a run. Both are in the scenario's order and never change in number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cast {
    /// Actors.
    pub actors: Vec<Actor>,
    /// Groups.
    pub groups: Vec<Group>,
    pub(crate) by_hotkey: BTreeMap<Hotkey, u32>,
    by_name: BTreeMap<String, usize>,
    by_label: BTreeMap<String, Vec<usize>>,
}

/// The keys of an actor: BLAKE2b-256 of its name, so that they are the same in every run.
///
/// `copy` numbers the hotkeys of one actor.
#[must_use]
pub fn keys_of(name: &str, copy: u16) -> (Coldkey, Hotkey) {
    let digest = |what: &str| Digest::of(format!("sn3 simulator {what} {name}").as_bytes()).0;
    (Coldkey(digest("coldkey")), Hotkey(digest(&format!("hotkey {copy}"))))
}

impl Cast {
    /// Adds a group with its members.
    pub(crate) fn add(&mut self, netuid: Option<NetUid>, label: &str, kind: Kind, members: Vec<Actor>) {
        let name = netuid.map_or_else(|| label.to_owned(), |netuid| format!("{netuid}/{label}"));
        let first = self.actors.len();
        for actor in members {
            let index = self.actors.len();
            for hotkey in &actor.hotkeys {
                self.by_hotkey.insert(*hotkey, index as u32);
            }
            self.by_name.insert(actor.name.clone(), index);
            self.actors.push(actor);
        }
        self.by_label.entry(label.to_owned()).or_default().push(self.groups.len());
        let members = first..self.actors.len();
        self.groups.push(Group { name, label: label.to_owned(), netuid, kind, members });
    }

    /// The actor with exactly this name.
    #[must_use]
    pub fn actor_named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// All actors that a selector names, ascending.
    #[must_use]
    pub fn select(&self, selector: &str) -> Vec<usize> {
        if let Some(actor) = self.actor_named(selector) {
            return vec![actor];
        }
        let label = selector.split_once('/').map_or(selector, |(_, label)| label);
        let groups = self.by_label.get(label).or_else(|| self.by_label.get(selector));
        let groups = groups.into_iter().flatten().map(|group| &self.groups[*group]);
        groups
            .filter(|group| group.label == selector || group.name == selector)
            .flat_map(|g| g.members.clone())
            .collect()
    }

    /// The actors of a selector that belong to a subnet (or to none, as stakers).
    pub fn select_on(&self, selector: &str, netuid: NetUid) -> impl Iterator<Item = usize> + '_ {
        let actors = self.select(selector).into_iter();
        actors.filter(move |actor| self.actors[*actor].netuid.is_none_or(|home| home == netuid))
    }

    /// The hotkey of the first actor that a selector names.
    #[must_use]
    pub fn hotkey_of(&self, selector: &str) -> Option<Hotkey> {
        self.select(selector).first().map(|actor| self.actors[*actor].hotkey())
    }

    /// The group of an actor.
    #[must_use]
    pub fn group_of(&self, actor: usize) -> Option<&Group> {
        let at = self.groups.partition_point(|group| group.members.end <= actor);
        self.groups.get(at)
    }
}
