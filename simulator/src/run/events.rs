//! Events: what the scenario says happens.

use std::collections::BTreeMap;

use sn3_emission::OpError;
use sn3_emission::network::{Relation, Weights};
use sn3_protocol::NetUid;

use super::agenda::{Agenda, Task};
use crate::behaviour::{Front, MinerStep, Sandwich, StakerStep};
use crate::scenario::{Action, Amount, Child, Event};
use crate::world::{Role, World};

/// A sandwich whose front has been traded.
pub(super) struct Open {
    actor: usize,
    step: Sandwich,
    front: Front,
}

/// Lets everybody trade who waits for such events.
pub(super) fn fronts(world: &mut World, events: &[&Event]) -> Vec<Open> {
    let mut waiting = Vec::new();
    for (actor, who) in world.cast.actors.iter().enumerate() {
        if let Role::Staker { steps } = &who.role {
            let steps =
                steps.iter().filter_map(|s| if let StakerStep::Sandwich(s) = s { Some(s) } else { None });
            waiting.extend(steps.map(|step| (actor, step.clone())));
        }
    }
    let traded = waiting.into_iter().filter_map(|(actor, step)| {
        let front = step.front(world, actor, events)?;
        Some(Open { actor, step, front })
    });
    traded.collect()
}

/// Undoes the fronts, last in first out.
pub(super) fn backs(world: &mut World, open: Vec<Open>) {
    for Open { actor, step, front } in open.into_iter().rev() {
        step.back(world, actor, front);
    }
}

/// Makes an event happen.
pub(super) fn happen(world: &mut World, agenda: &mut Agenda, action: &Action) {
    for actor in whose(world, action) {
        act(world, agenda, action, actor);
    }
    on_chain(world, action);
}

/// Everybody who acts in an event.
fn whose(world: &World, action: &Action) -> Vec<usize> {
    match action {
        Action::Stake { who, .. }
        | Action::Unstake { who, .. }
        | Action::Move { who, .. }
        | Action::Register { who }
        | Action::Leave { who }
        | Action::Weights { who, .. }
        | Action::Children { who, .. }
        | Action::Take { who, .. }
        | Action::ClaimRoot { who, .. }
        | Action::RegisterNetwork { who }
        | Action::ValidatorBehaviour { who, .. }
        | Action::MinerBehaviour { who, .. }
        | Action::StakerBehaviour { who, .. } => world.cast.select(who),
        _ => Vec::new(),
    }
}

fn act(world: &mut World, agenda: &mut Agenda, action: &Action, actor: usize) {
    match action {
        Action::Stake { .. } | Action::Unstake { .. } | Action::Move { .. } => {
            trade(world, actor, action);
        }
        Action::Register { .. } => world.register(actor),
        Action::Weights { weights, .. } => {
            let waits = !world.books[actor].hidden.is_empty();
            let reveal = explicit_weights(world, actor, weights);
            agenda.put(reveal.filter(|_| !waits), actor, Task::Reveal);
        }
        Action::Children { children, .. } => set_children(world, actor, children),
        Action::Take { take, .. } => set_take(world, actor, take.in_u16()),
        Action::ClaimRoot { netuids, .. } => claim_root(world, actor, netuids),
        Action::RegisterNetwork { .. } => {
            world.register_network(actor);
        }
        Action::ValidatorBehaviour { .. } | Action::StakerBehaviour { .. } => {
            agenda.withdraw(actor);
            set_role(world, actor, action);
            agenda.enter(world, actor);
        }
        _ => set_role(world, actor, action),
    }
}

fn trade(world: &mut World, actor: usize, action: &Action) -> Option<()> {
    match action {
        Action::Stake { on, netuid, tao, limit, .. } => {
            let on = world.cast.hotkey_of(on)?;
            world.stake(actor, &on, NetUid(*netuid), tao.rao(), *limit);
        }
        Action::Unstake { on, netuid, alpha, limit, .. } => {
            let on = world.cast.hotkey_of(on)?;
            world.unstake(actor, &on, NetUid(*netuid), alpha.map(Amount::rao), *limit);
        }
        Action::Move { from, from_netuid, to, to_netuid, alpha, .. } => {
            let (from, to) = world.cast.hotkey_of(from).zip(world.cast.hotkey_of(to))?;
            let (from_netuid, to_netuid) = (NetUid(*from_netuid), NetUid(*to_netuid));
            let amount = alpha.map_or_else(|| world.held(actor, &from, from_netuid), Amount::rao);
            world.move_stake(actor, (&from, from_netuid), (&to, to_netuid), amount);
        }
        _ => {}
    }
    Some(())
}

/// The uids of an explicit row; a selector stands for all its neurons.
fn explicit_weights(world: &mut World, actor: usize, weights: &BTreeMap<String, u16>) -> Option<u64> {
    let netuid = world.cast.actors[actor].netuid?;
    let subnet = world.network.subnet(netuid)?;
    let mut row = BTreeMap::new();
    for (selector, weight) in weights {
        if let Ok(uid) = selector.parse::<u16>() {
            row.insert(uid, *weight);
            continue;
        }
        for chosen in world.cast.select_on(selector, netuid) {
            let hotkeys = world.cast.actors[chosen].hotkeys.iter();
            row.extend(hotkeys.filter_map(|hotkey| subnet.neurons.uid_of(hotkey)).map(|uid| (uid, *weight)));
        }
    }
    let (uids, values) = row.into_iter().unzip();
    world.submit_weights(actor, netuid, &Weights { uids, values, version_key: 0 })
}

fn set_children(world: &mut World, actor: usize, children: &[Child]) {
    let who = &world.cast.actors[actor];
    let Some(netuid) = who.netuid else { return };
    let relation = |child: &Child| world.cast.hotkey_of(&child.to).map(|to| (child.share.in_u64(), to));
    let relations: Vec<Relation> = children.iter().filter_map(relation).collect();
    let result = world.network.set_children(&who.coldkey, &who.hotkey(), netuid, relations);
    world.noted("set_children", result);
}

fn set_take(world: &mut World, actor: usize, take: u16) {
    let who = &world.cast.actors[actor];
    let state = world.network.hotkeys.get(&who.hotkey());
    let now = state.and_then(|state| state.take).unwrap_or(world.network.globals.default_take);
    let (operation, raise) = if take > now { ("increase_take", true) } else { ("decrease_take", false) };
    let result = world.network.set_take(&who.coldkey, &who.hotkey(), take, raise);
    world.noted(operation, result);
}

fn claim_root(world: &mut World, actor: usize, netuids: &[u16]) {
    let netuids: Vec<NetUid> = netuids.iter().copied().map(NetUid).collect();
    let coldkey = world.cast.actors[actor].coldkey;
    let result = world.network.claim_root(&coldkey, &netuids);
    world.noted("claim_root", result);
}

/// What root, owners and outsiders do.
fn on_chain(world: &mut World, action: &Action) {
    let unknown = OpError::SubnetNotExists;
    let (operation, result) = match action {
        Action::Hyperparameters { netuid, set } => {
            let subnet = world.network.subnet_mut(NetUid(*netuid));
            ("hyperparameters", subnet.map(|subnet| set.apply(subnet)).ok_or(unknown))
        }
        Action::Emission { netuid, enabled } => {
            let subnet = world.network.subnet_mut(NetUid(*netuid));
            ("emission", subnet.map(|subnet| subnet.emission_enabled = *enabled).ok_or(unknown))
        }
        Action::StartCall { netuid } => ("start_call", start_call(world, NetUid(*netuid))),
        Action::PriceShock { netuid, factor } => ("price_shock", shock(world, NetUid(*netuid), *factor)),
        Action::Globals { set } => {
            set.apply(&mut world.network.globals);
            return;
        }
        Action::Upgrade { spec } => {
            world.upgrade(*spec);
            return;
        }
        _ => return,
    };
    world.noted(operation, result);
}

fn start_call(world: &mut World, netuid: NetUid) -> Result<(), OpError> {
    let owner = world.network.subnet(netuid).and_then(|subnet| subnet.owner_coldkey);
    let owner = owner.ok_or(OpError::SubnetNotExists)?;
    world.network.start_call(&owner, netuid).map(|_| ())
}

/// Scales a pool's TAO; the difference enters or leaves the chain. The factor counts in 10⁻⁹ths.
fn shock(world: &mut World, netuid: NetUid, factor: f64) -> Result<(), OpError> {
    let steps = (factor * 1e9).round() as u128;
    let network = &mut world.network;
    let subnet = network.subnet_mut(netuid).ok_or(OpError::SubnetNotExists)?;
    let old = subnet.pool.tao;
    let new = u64::try_from(u128::from(old) * steps / 1_000_000_000).unwrap_or(u64::MAX);
    let moved = |amount: u64| amount.saturating_add(new).saturating_sub(old);
    subnet.pool.tao = new;
    subnet.account_tao = moved(subnet.account_tao);
    network.total_issuance = moved(network.total_issuance);
    network.total_stake = moved(network.total_stake);
    Ok(())
}

/// Repeats the changes of behaviour of an event, when a run is resumed.
pub(super) fn change_role(world: &mut World, action: &Action) {
    for actor in whose(world, action) {
        set_role(world, actor, action);
    }
}

fn set_role(world: &mut World, actor: usize, action: &Action) {
    let at = world.tick();
    match (action, &mut world.cast.actors[actor].role) {
        (Action::ValidatorBehaviour { behaviour, .. }, Role::Validator { steps, .. }) => {
            *steps = behaviour.0.as_slice().into();
        }
        (Action::MinerBehaviour { behaviour, .. }, Role::Miner { steps, .. }) => {
            *steps = behaviour.0.as_slice().into();
        }
        (Action::StakerBehaviour { behaviour, .. }, Role::Staker { steps }) => {
            *steps = behaviour.0.as_slice().into();
        }
        (Action::Leave { .. }, Role::Miner { steps, .. }) => {
            let mut left = steps.to_vec();
            left.push(MinerStep::Leave(at));
            *steps = left.into();
        }
        _ => {}
    }
}
