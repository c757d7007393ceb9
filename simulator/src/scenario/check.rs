//! What the types of a scenario cannot express.

use std::collections::BTreeSet;

use super::parse::nearest;
use super::{Action, Scenario, Stakers, SubnetGroup};
use crate::behaviour::{LAG_MAX, MinerStep, SYBIL_COPIES_MAX, ValidatorStep, copies};

/// Most blocks of a run: twenty years.
pub const BLOCKS_MAX: u64 = 52_560_000;
/// Most actors of a run.
pub const ACTORS_MAX: u64 = 200_000;
/// Most events of a scenario.
pub const EVENTS_MAX: usize = 100_000;
/// Most rows of a recorded series.
pub const ROWS_MAX: u64 = 20_000_000;
/// Most neurons of a subnet.
pub const UIDS_MAX: u64 = 4_096;
/// Most TAO, and most alpha of a subnet, in rao.
const SUPPLY_MAX_RAO: u128 = 21_000_000_000_000_000;
/// Largest factor of a price shock.
const SHOCK_FACTOR_MAX: f64 = 100.0;

/// Why a well-formed scenario cannot be simulated. Every message starts with the path of the key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioInvalid {
    /// A number that must not be zero.
    #[error("{path} is zero; use at least 1")]
    Zero {
        /// The key.
        path: String,
    },
    /// A number above its limit.
    #[error("{path} is {value}, at most {limit} are possible; {advice}")]
    TooMany {
        /// The key.
        path: String,
        /// Its value.
        value: u64,
        /// The limit.
        limit: u64,
        /// What to do.
        advice: &'static str,
    },
    /// A number outside its range.
    #[error("{path} is {value}, which is not within {range}; change it")]
    OutOfRange {
        /// The key.
        path: String,
        /// Its value.
        value: String,
        /// The range.
        range: &'static str,
    },
    /// A netuid that two subnets use, or root's.
    #[error("{path}: netuid {netuid} is used twice (or is root's, 0); give every subnet a number of its own")]
    DuplicateNetuid {
        /// The key.
        path: String,
        /// The number.
        netuid: u16,
    },
    /// A name that two groups use.
    #[error("{path}: the name {name:?} is used twice; give every group a name of its own")]
    DuplicateName {
        /// The key.
        path: String,
        /// The name.
        name: String,
    },
    /// A name with characters that selectors need, or none.
    #[error(
        "{path}: {name:?} is no name; use letters, digits, `-` and `_`, not only digits, and not `owner` or `uid`"
    )]
    BadName {
        /// The key.
        path: String,
        /// The name.
        name: String,
    },
    /// A uid that is named twice.
    #[error("{path}: uid {uid} is given twice; name every uid once")]
    DuplicateUid {
        /// The key.
        path: String,
        /// The uid.
        uid: u16,
    },
    /// A selector that nobody has.
    #[error("{path}: nobody is called {selector:?}{}", suggestion.as_ref().map_or_else(|| "; name a group such as \"1/honest\" or a staker".to_owned(), |s| format!("; did you mean {s:?}?")))]
    UnknownActor {
        /// The key.
        path: String,
        /// The selector.
        selector: String,
        /// The most similar name.
        suggestion: Option<String>,
    },
    /// A subnet that the scenario does not have.
    #[error("{path}: there is no subnet {netuid}; add one to [[subnets]] or change the number")]
    UnknownSubnet {
        /// The key.
        path: String,
        /// The number.
        netuid: u16,
    },
    /// More TAO or alpha than there can be.
    #[error(
        "{path}: {units} units are more than the supply of 21000000 (all stake, pools and balances count); use less"
    )]
    BeyondSupply {
        /// The key.
        path: String,
        /// The sum in whole units.
        units: u128,
    },
    /// An issuance below what the scenario hands out.
    #[error(
        "issuance is {issuance} TAO, but pools, root stake and balances already hold {held}; raise it or leave it out"
    )]
    IssuanceTooLow {
        /// What was given.
        issuance: u128,
        /// What is handed out.
        held: u128,
    },
    /// A runtime version whose rules are not known.
    #[error("{path}: {what}; versions with known rules are in the runtime timeline, 425 is the exact one")]
    UnknownSpec {
        /// The key.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Neither subnets nor a snapshot.
    #[error("subnets: there is none; add [[subnets]], or start from a snapshot")]
    NoSubnets,
    /// A snapshot that is not consistent.
    #[error("{0}")]
    Snapshot(String),
}

type Checked = Result<(), ScenarioInvalid>;

fn at_most(path: &str, value: u64, limit: u64, advice: &'static str) -> Checked {
    if value > limit {
        return Err(ScenarioInvalid::TooMany { path: path.to_owned(), value, limit, advice });
    }
    Ok(())
}

fn positive(path: impl Into<String>, value: u64) -> Checked {
    if value == 0 { Err(ScenarioInvalid::Zero { path: path.into() }) } else { Ok(()) }
}

impl Scenario {
    /// Checks everything that can be known before a run: limits, names, references, supply.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Checked {
        positive("blocks", self.blocks)?;
        at_most("blocks", self.blocks, BLOCKS_MAX, "run a shorter time")?;
        if self.record_every_blocks == Some(0) {
            return Err(ScenarioInvalid::Zero { path: "record_every_blocks".to_owned() });
        }
        positive("start_block", self.start_block)?;
        at_most("start_block", self.start_block, u64::MAX / 4, "start earlier")?;
        crate::spec::resolve(self.spec).map_err(|what| unknown_spec("spec", what))?;
        self.check_size()?;
        let names = self.check_names()?;
        self.check_references(&names)?;
        self.check_supply()?;
        (0..).zip(&self.events).try_for_each(|(at, event)| check_event(at, &event.action))
    }

    fn check_size(&self) -> Checked {
        if self.subnets.is_empty() && self.snapshot.is_none() {
            return Err(ScenarioInvalid::NoSubnets);
        }
        if let Some(snapshot) = &self.snapshot {
            snapshot.check().map_err(|error| ScenarioInvalid::Snapshot(error.to_string()))?;
        }
        at_most("events", self.events.len() as u64, EVENTS_MAX as u64, "use fewer events")?;
        let (actors, groups) = self.size();
        at_most("subnets", actors, ACTORS_MAX, "use fewer subnets or smaller groups")?;
        let per_record = groups + if self.watch.per_actor { actors } else { 0 };
        let rows = (self.blocks / self.record_every() + 2).saturating_mul(per_record);
        at_most(
            "record_every_blocks",
            rows,
            ROWS_MAX,
            "these are rows of series; record less often, or watch less",
        )
    }

    /// Numbers of actors, and of subnets and groups.
    fn size(&self) -> (u64, u64) {
        let (mut actors, mut groups) = (0, 0);
        for subnet in &self.subnets {
            let people = subnet.validators.iter().map(|v| u64::from(v.count));
            let people: u64 = people.chain(subnet.miners.iter().map(|m| u64::from(m.count))).sum();
            actors += u64::from(subnet.count) * (people + 1);
            groups += u64::from(subnet.count) * (2 + subnet.validators.len() + subnet.miners.len()) as u64;
        }
        let stakers: u64 = self.stakers.iter().map(|s| u64::from(s.count)).sum();
        let restored = self.snapshot.iter().flat_map(|s| &s.subnets).map(|s| s.neurons.len() as u64);
        (actors + stakers + restored.sum::<u64>(), groups + self.stakers.len() as u64 + 1)
    }

    fn check_names(&self) -> Result<Names, ScenarioInvalid> {
        let mut names = Names::default();
        for subnet in self.snapshot.iter().flat_map(|snapshot| &snapshot.subnets) {
            names.add_subnet("snapshot", subnet.netuid.0)?;
            names.add_group("snapshot", Some(subnet.netuid.0), "uid", subnet.neurons.len() as u64, true)?;
        }
        for (at, subnet) in self.subnets.iter().enumerate() {
            check_subnet(&format!("subnets[{at}]"), subnet, &mut names)?;
        }
        for (at, stakers) in self.stakers.iter().enumerate() {
            check_stakers(&format!("stakers[{at}]"), stakers, &mut names)?;
        }
        Ok(names)
    }

    fn check_references(&self, names: &Names) -> Checked {
        for (at, stake) in self.root.iter().enumerate() {
            names.known(&format!("root[{at}].on"), &stake.on)?;
            stake.by.iter().try_for_each(|by| names.known(&format!("root[{at}].by"), by))?;
        }
        for (at, stakers) in self.stakers.iter().enumerate() {
            for (holding, i) in stakers.holds.iter().zip(0..) {
                let path = format!("stakers[{at}].holds[{i}]");
                names.known(&format!("{path}.on"), &holding.on)?;
                names.subnet_or_root(&format!("{path}.netuid"), holding.netuid)?;
            }
            for step in stakers.behaviour.iter().flat_map(crate::behaviour::StakerStep::selectors) {
                names.known(&format!("stakers[{at}].behaviour"), step)?;
            }
        }
        for (at, subnet) in self.subnets.iter().enumerate() {
            for (i, group) in subnet.validators.iter().enumerate() {
                names.steps(&format!("subnets[{at}].validators[{i}].behaviour"), &group.behaviour.0)?;
            }
            names.steps(&format!("subnets[{at}].owner.behaviour"), &subnet.owner.behaviour.0)?;
        }
        (0..).zip(&self.events).try_for_each(|(at, event)| names.event(at, &event.action))
    }

    /// All TAO, and the alpha of every subnet, stay within what can ever exist.
    fn check_supply(&self) -> Checked {
        let mut held: u128 = self.snapshot.as_ref().map_or(0, |s| u128::from(s.total_issuance));
        for (at, subnet) in self.subnets.iter().enumerate() {
            let alpha = alpha_of(subnet) + self.alpha_of_stakers(subnet);
            supply(&format!("subnets[{at}].stake"), alpha)?;
            held += tao_of(subnet) * u128::from(subnet.count);
            supply(&format!("subnets[{at}].pool.tao"), held)?;
        }
        for stakers in &self.stakers {
            let root = stakers.holds.iter().filter(|h| h.netuid == 0).map(|h| u128::from(h.amount.rao()));
            let each = u128::from(stakers.balance.rao()) + root.sum::<u128>();
            held += each * u128::from(stakers.count);
        }
        let (actors, _) = self.size();
        for stake in &self.root {
            let members =
                if stake.on.matches('/').count() == 2 { 1 } else { self.members_of(&stake.on).min(actors) };
            held += u128::from(stake.tao.rao()) * u128::from(members);
        }
        supply("stakers and root", held)?;
        match self.issuance.map(|issuance| u128::from(issuance.rao())) {
            Some(issuance) if issuance < held => {
                let units = |rao| rao / 1_000_000_000;
                Err(ScenarioInvalid::IssuanceTooLow { issuance: units(issuance), held: units(held) })
            }
            Some(issuance) => supply("issuance", issuance),
            None => Ok(()),
        }
    }

    fn members_of(&self, selector: &str) -> u64 {
        let label = selector.rsplit('/').next().unwrap_or(selector);
        let on_one = selector.contains('/');
        let mut members = 0;
        for subnet in &self.subnets {
            let count = if on_one { 1 } else { u64::from(subnet.count) };
            let validators = subnet.validators.iter().filter(|v| v.name == label).map(|v| u64::from(v.count));
            let miners = subnet.miners.iter().filter(|m| m.name == label).map(|m| u64::from(m.count));
            members += count * (validators.sum::<u64>() + miners.sum::<u64>() + u64::from(label == "owner"));
        }
        members.max(1)
    }

    fn alpha_of_stakers(&self, subnet: &SubnetGroup) -> u128 {
        let here = |netuid: u16| subnet.netuids().any(|n| n == netuid);
        let of = |stakers: &Stakers| {
            let held = stakers.holds.iter().filter(|h| here(h.netuid)).map(|h| u128::from(h.amount.rao()));
            held.sum::<u128>() * u128::from(stakers.count)
        };
        self.stakers.iter().map(of).sum()
    }
}

fn supply(path: &str, rao: u128) -> Checked {
    if rao > SUPPLY_MAX_RAO {
        return Err(ScenarioInvalid::BeyondSupply { path: path.to_owned(), units: rao / 1_000_000_000 });
    }
    Ok(())
}

fn alpha_of(subnet: &SubnetGroup) -> u128 {
    let validators = subnet.validators.iter().map(|v| u128::from(v.stake.rao()) * u128::from(v.count));
    let miners = subnet.miners.iter().map(|m| u128::from(m.stake.rao()) * u128::from(m.count));
    let pool = u128::from(subnet.pool.alpha.rao()) + u128::from(subnet.pool.alpha_elsewhere.rao());
    pool + u128::from(subnet.owner.stake.rao()) + validators.sum::<u128>() + miners.sum::<u128>()
}

fn tao_of(subnet: &SubnetGroup) -> u128 {
    let validators = subnet.validators.iter().map(|v| u128::from(v.balance.rao()) * u128::from(v.count));
    let miners = subnet.miners.iter().map(|m| u128::from(m.balance.rao()) * u128::from(m.count));
    u128::from(subnet.pool.tao.rao())
        + u128::from(subnet.owner.balance.rao())
        + validators.sum::<u128>()
        + miners.sum::<u128>()
}

fn unknown_spec(path: &str, what: String) -> ScenarioInvalid {
    ScenarioInvalid::UnknownSpec { path: path.to_owned(), what }
}

fn check_subnet(path: &str, subnet: &SubnetGroup, names: &mut Names) -> Checked {
    positive(format!("{path}.count"), subnet.count.into())?;
    if subnet.netuid.checked_add(subnet.count - 1).is_none() {
        return Err(ScenarioInvalid::TooMany {
            path: format!("{path}.count"),
            value: u64::from(subnet.netuid) + u64::from(subnet.count),
            limit: u16::MAX.into(),
            advice: "netuids end there; use fewer subnets",
        });
    }
    check_neurons(path, subnet)?;
    for netuid in subnet.netuids() {
        names.add_subnet(path, netuid)?;
        names.add_group(path, Some(netuid), "owner", 1, true)?;
        for (at, group) in subnet.validators.iter().enumerate() {
            names.add_group(
                &format!("{path}.validators[{at}]"),
                Some(netuid),
                &group.name,
                group.count.into(),
                false,
            )?;
        }
        for (at, group) in subnet.miners.iter().enumerate() {
            names.add_group(
                &format!("{path}.miners[{at}]"),
                Some(netuid),
                &group.name,
                group.count.into(),
                false,
            )?;
        }
    }
    check_steps(path, subnet)
}

fn check_neurons(path: &str, subnet: &SubnetGroup) -> Checked {
    let limit = subnet.hyperparameters.max_allowed_uids.map_or(256, u64::from);
    at_most(&format!("{path}.hyperparameters.max_allowed_uids"), limit, UIDS_MAX, "use fewer slots")?;
    let validators: u64 = subnet.validators.iter().map(|v| u64::from(v.count)).sum();
    let there = |m: &&super::Miners| crate::behaviour::joins_at(&m.behaviour.0).is_none();
    let miners = subnet.miners.iter().filter(there);
    let miners: u64 = miners.map(|m| u64::from(m.count) * u64::from(copies(&m.behaviour.0).max(1))).sum();
    let neurons = 1 + validators + miners;
    let advice = "neurons (owner included) need slots: raise hyperparameters.max_allowed_uids, or use fewer";
    at_most(&format!("{path} (neurons)"), neurons, limit, advice)
}

fn check_steps(path: &str, subnet: &SubnetGroup) -> Checked {
    for (at, group) in subnet.validators.iter().enumerate() {
        let path = format!("{path}.validators[{at}]");
        positive(format!("{path}.count"), group.count.into())?;
        positive(format!("{path}.timing.every_epochs"), group.timing.every_epochs.into())?;
        group.sell.iter().try_for_each(|s| positive(format!("{path}.sell.every_blocks"), s.every_blocks))?;
        for step in group.behaviour.iter() {
            if let ValidatorStep::Lag(settings) = step {
                at_most(&format!("{path}.behaviour.lag"), (*settings).into(), LAG_MAX.into(), "lag less")?;
            }
        }
    }
    for (at, group) in subnet.miners.iter().enumerate() {
        let path = format!("{path}.miners[{at}]");
        positive(format!("{path}.count"), group.count.into())?;
        group.sell.iter().try_for_each(|s| positive(format!("{path}.sell.every_blocks"), s.every_blocks))?;
        for step in group.behaviour.iter() {
            if let MinerStep::Sybil(sybil) = step {
                let path = format!("{path}.behaviour.sybil.copies");
                positive(path.clone(), sybil.copies.into())?;
                at_most(&path, sybil.copies.into(), SYBIL_COPIES_MAX.into(), "register fewer copies")?;
            }
        }
    }
    Ok(())
}

fn check_stakers(path: &str, stakers: &Stakers, names: &mut Names) -> Checked {
    positive(format!("{path}.count"), stakers.count.into())?;
    names.add_group(path, None, &stakers.name, stakers.count.into(), false)
}

fn check_event(at: usize, action: &Action) -> Checked {
    let path = |key: &str| format!("events[{at}].do.{key}");
    match action {
        Action::PriceShock { factor, .. } if !(*factor > 0.0 && *factor <= SHOCK_FACTOR_MAX) => {
            let (path, value) = (path("price_shock.factor"), factor.to_string());
            Err(ScenarioInvalid::OutOfRange { path, value, range: "0 (without) to 100" })
        }
        Action::ClaimRoot { netuids, .. } => {
            at_most(&path("claim_root.netuids"), netuids.len() as u64, 5, "claim in two events")
        }
        Action::Children { children, .. } => {
            at_most(&path("children.children"), children.len() as u64, 5, "use fewer child keys")
        }
        Action::Upgrade { spec } => {
            crate::spec::resolve(*spec).map(|_| ()).map_err(|what| unknown_spec(&path("upgrade.spec"), what))
        }
        Action::Weights { weights, .. } => check_uids(&path("weights.weights"), weights.keys()),
        _ => Ok(()),
    }
}

/// Uids are distinct even where they are written differently, as in `7` and `07`.
fn check_uids<'a>(path: &str, keys: impl Iterator<Item = &'a String>) -> Checked {
    let mut seen = BTreeSet::new();
    for uid in keys.filter_map(|key| key.parse::<u16>().ok()) {
        if !seen.insert(uid) {
            return Err(ScenarioInvalid::DuplicateUid { path: path.to_owned(), uid });
        }
    }
    Ok(())
}

/// All names of a scenario.
#[derive(Debug, Default)]
struct Names {
    subnets: BTreeSet<u16>,
    groups: BTreeSet<String>,
    members: std::collections::BTreeMap<String, u64>,
}

impl Names {
    fn add_subnet(&mut self, path: &str, netuid: u16) -> Checked {
        if netuid == 0 || !self.subnets.insert(netuid) {
            return Err(ScenarioInvalid::DuplicateNetuid { path: path.to_owned(), netuid });
        }
        Ok(())
    }

    fn add_group(
        &mut self,
        path: &str,
        netuid: Option<u16>,
        name: &str,
        count: u64,
        reserved: bool,
    ) -> Checked {
        let path = || format!("{path}.name");
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let number = name.bytes().all(|b| b.is_ascii_digit());
        if !plain || number || (!reserved && (name == "owner" || name == "uid")) {
            return Err(ScenarioInvalid::BadName { path: path(), name: name.to_owned() });
        }
        let full = netuid.map_or_else(|| name.to_owned(), |netuid| format!("{netuid}/{name}"));
        if self.members.insert(full, count).is_some() {
            return Err(ScenarioInvalid::DuplicateName { path: path(), name: name.to_owned() });
        }
        let taken = self.groups.contains(name) && netuid.is_none();
        if taken {
            return Err(ScenarioInvalid::DuplicateName { path: path(), name: name.to_owned() });
        }
        self.groups.insert(name.to_owned());
        Ok(())
    }

    fn known(&self, path: &str, selector: &str) -> Checked {
        let member = selector.rsplit_once('/').and_then(|(group, at)| {
            let count = self.members.get(group)?;
            at.parse::<u64>().ok().filter(|at| at < count)
        });
        if member.is_some() || self.groups.contains(selector) || self.members.contains_key(selector) {
            return Ok(());
        }
        let all: Vec<&str> = self.groups.iter().chain(self.members.keys()).map(String::as_str).collect();
        let suggestion = nearest(selector, &all);
        Err(ScenarioInvalid::UnknownActor {
            path: path.to_owned(),
            selector: selector.to_owned(),
            suggestion,
        })
    }

    /// A selector, or a uid.
    fn known_or_uid(&self, path: &str, selector: &str) -> Checked {
        if selector.parse::<u16>().is_ok() { Ok(()) } else { self.known(path, selector) }
    }

    fn subnet_or_root(&self, path: &str, netuid: u16) -> Checked {
        if netuid == 0 || self.subnets.contains(&netuid) {
            return Ok(());
        }
        Err(ScenarioInvalid::UnknownSubnet { path: path.to_owned(), netuid })
    }

    fn steps(&self, path: &str, steps: &[ValidatorStep]) -> Checked {
        for step in steps {
            if let ValidatorStep::Fixed(fixed) = step {
                check_uids(path, fixed.weights.keys())?;
            }
            step.selectors().into_iter().try_for_each(|selector| self.known_or_uid(path, selector))?;
        }
        Ok(())
    }

    fn event(&self, at: usize, action: &Action) -> Checked {
        let path = format!("events[{at}].do");
        let (selectors, netuids) = action.references();
        selectors.into_iter().try_for_each(|selector| self.known_or_uid(&path, selector))?;
        netuids.into_iter().try_for_each(|netuid| self.subnet_or_root(&path, netuid))?;
        if let Action::ValidatorBehaviour { behaviour, .. } = action {
            self.steps(&path, &behaviour.0)?;
        }
        Ok(())
    }
}
