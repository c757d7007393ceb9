//! From an epoch's amounts to stake (emission mathematics, sections 2.6 and 2.7).

use std::collections::{BTreeMap, BTreeSet};

use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{Network, Pending, Subnet};
use crate::epoch::{SubnetEpoch, child_fraction};
use crate::fixed::{I96F32, U96F32};

/// What an epoch returned, by hotkey in ascending order.
pub(super) struct Amounts {
    incentives: BTreeMap<Hotkey, u64>,
    dividends: BTreeMap<Hotkey, u64>,
}

impl Amounts {
    pub(super) fn new(subnet: &Subnet, epoch: &SubnetEpoch) -> Self {
        let by_hotkey =
            |amounts: &[u64]| subnet.neurons.hotkeys.iter().copied().zip(amounts.iter().copied()).collect();
        Self {
            incentives: by_hotkey(&epoch.server_emission),
            dividends: by_hotkey(&epoch.validator_emission),
        }
    }
}

type Shares = BTreeMap<Hotkey, U96F32>;

/// What one hotkey's dividends turned into.
struct Family {
    credits: Vec<(Hotkey, u64)>,
    recycled: u64,
}

fn u16_part(part: u16) -> U96F32 {
    U96F32::from_int(part).safe_div(U96F32::from_int(u16::MAX))
}

impl Network {
    /// Pays one subnet's drained amounts out in the reference's order.
    pub(super) fn distribute(&mut self, netuid: NetUid, pending: &Pending, amounts: &Amounts) {
        let incentive_sum = amounts.incentives.values().fold(0, |acc: u64, v| acc.saturating_add(*v));
        let validator_alpha = match incentive_sum {
            0 => pending.validator.saturating_add(pending.server),
            _ => pending.validator,
        };
        let dividends = self.dividends_with_families(netuid, &amounts.dividends);
        let (alpha, root) = self.split_by_stake(netuid, &dividends, validator_alpha, pending.root_alpha);
        self.pay_owner(netuid, pending.owner_cut);
        self.pay_miners(netuid, &amounts.incentives);
        self.pay_alpha_dividends(netuid, alpha);
        self.pay_root_dividends(netuid, root);
        let block = self.block;
        self.paid_mut(netuid).schedule.last_mechanism_step_block = block;
    }

    fn paid_mut(&mut self, netuid: NetUid) -> &mut Subnet {
        self.subnets.get_mut(&netuid).expect("payouts are to subnets whose epoch ran")
    }

    /// Shares every hotkey's dividends with its parents; sums by hotkey.
    fn dividends_with_families(&mut self, netuid: NetUid, dividends: &BTreeMap<Hotkey, u64>) -> Shares {
        let mut sums = Shares::new();
        let mut recycled = 0_u64;
        for (hotkey, dividend) in dividends {
            let family = self.family(netuid, hotkey, *dividend);
            recycled = recycled.saturating_add(family.recycled);
            for (receiver, amount) in family.credits {
                let sum = sums.entry(receiver).or_default();
                *sum = sum.saturating_add(U96F32::from_int(amount));
            }
        }
        let subnet = self.paid_mut(netuid);
        subnet.alpha_out = subnet.alpha_out.saturating_sub(recycled);
        sums
    }

    fn family(&self, netuid: NetUid, hotkey: &Hotkey, dividend: u64) -> Family {
        let subnet = &self.subnets[&netuid];
        let Some(parents) = subnet.parents.get(hotkey).filter(|parents| !parents.is_empty()) else {
            return Family { credits: vec![(*hotkey, dividend)], recycled: 0 };
        };
        let contributions: Vec<U96F32> =
            parents.iter().map(|(p, parent)| self.contribution(subnet, parent, child_fraction(*p))).collect();
        let own = U96F32::from_int(self.self_contribution(subnet, hotkey));
        let total = contributions.iter().fold(own, |acc, c| acc.saturating_add(*c));
        let takes = Takes {
            burn: child_fraction(self.globals.childkey_burn),
            take: u16_part(subnet.childkey_take.get(hotkey).copied().unwrap_or(0)),
        };
        let owner = self.owner_of(hotkey);
        let all = U96F32::from_int(dividend);
        let (mut remaining, mut total_take) = (all, U96F32::ZERO);
        let mut family = Family { credits: Vec::with_capacity(parents.len() + 1), recycled: 0 };
        for ((_, parent), contribution) in parents.iter().zip(contributions) {
            let mut emission = all.saturating_mul(contribution.safe_div(total));
            remaining = remaining.saturating_sub(emission);
            if self.owner_of(parent) != owner {
                let (burn, take) = takes.of(emission);
                emission = emission.saturating_sub(burn).saturating_sub(take);
                total_take = total_take.saturating_add(take);
                family.recycled = family.recycled.saturating_add(burn.to_u64());
            }
            family.credits.push((*parent, emission.to_u64()));
        }
        family.credits.push((*hotkey, remaining.saturating_add(total_take).to_u64()));
        family
    }

    /// `mul(alpha, f) + mul(mul(root, f), tao_weight)` of a hotkey's own stake.
    fn contribution(&self, subnet: &Subnet, hotkey: &Hotkey, fraction: U96F32) -> U96F32 {
        let alpha = U96F32::from_int(subnet.stake_of_hotkey(hotkey)).saturating_mul(fraction);
        let root = U96F32::from_int(self.root_stake(hotkey)).saturating_mul(fraction);
        alpha.saturating_add(root.saturating_mul(self.globals.tao_weight_fixed()))
    }

    fn self_contribution(&self, subnet: &Subnet, hotkey: &Hotkey) -> u64 {
        let children = subnet.children.get(hotkey).into_iter().flatten();
        let rest = children.fold(U96F32::ONE, |acc, (p, _)| acc.saturating_sub(child_fraction(*p)));
        self.contribution(subnet, hotkey, rest).to_u64()
    }

    /// All root stake of a hotkey in rao.
    #[must_use]
    pub fn root_stake(&self, hotkey: &Hotkey) -> u64 {
        self.subnet(NetUid(0)).map_or(0, |root| root.stake_of_hotkey(hotkey))
    }

    /// Splits dividends into what alpha stake and what root stake earned, scaled to the drained amounts.
    fn split_by_stake(&self, netuid: NetUid, dividends: &Shares, alpha: u64, root: u64) -> (Shares, Shares) {
        let subnet = &self.subnets[&netuid];
        let weight = self.globals.tao_weight_fixed();
        let parts: Vec<(Hotkey, U96F32, U96F32)> = dividends
            .iter()
            .map(|(hotkey, v)| {
                let root = U96F32::from_int(self.root_stake(hotkey)).saturating_mul(weight);
                let total = U96F32::from_int(subnet.stake_of_hotkey(hotkey)).saturating_add(root);
                let by_root = v.saturating_mul(root.safe_div(total));
                (*hotkey, v.saturating_sub(by_root), by_root)
            })
            .collect();
        let sum = |f: fn(&(Hotkey, U96F32, U96F32)) -> U96F32| {
            parts.iter().fold(U96F32::ZERO, |acc, p| acc.saturating_add(f(p)))
        };
        let (alpha_sum, root_sum) = (sum(|p| p.1), sum(|p| p.2));
        let scale = |amount: u64, part: U96F32, sum: U96F32| {
            U96F32::from_int(amount).saturating_mul(part.safe_div(sum))
        };
        let alphas = parts.iter().map(|(h, a, _)| (*h, scale(alpha, *a, alpha_sum))).collect();
        let roots = parts.iter().map(|(h, _, r)| (*h, scale(root, *r, root_sum))).collect();
        (alphas, roots)
    }

    fn pay_owner(&mut self, netuid: NetUid, owner_cut: u64) {
        let subnet = &self.subnets[&netuid];
        if let (Some(hotkey), Some(coldkey)) = (subnet.owner_hotkey, subnet.owner_coldkey) {
            self.credit_stake(netuid, &hotkey, &coldkey, owner_cut);
        }
    }

    /// Registered hotkeys of the subnet's owner, whose mining income is withheld.
    fn owner_hotkeys(&self, netuid: NetUid) -> BTreeSet<Hotkey> {
        let subnet = &self.subnets[&netuid];
        let Some(owner) = subnet.owner_coldkey else { return subnet.owner_hotkey.into_iter().collect() };
        let registered = subnet.neurons.hotkeys.iter();
        registered.filter(|h| self.owner_of(h) == Some(owner)).copied().chain(subnet.owner_hotkey).collect()
    }

    fn pay_miners(&mut self, netuid: NetUid, incentives: &BTreeMap<Hotkey, u64>) {
        let withheld_from = self.owner_hotkeys(netuid);
        let (mut withheld, mut total) = (0_u64, 0_u64);
        for (hotkey, amount) in incentives {
            total = total.saturating_add(*amount);
            if withheld_from.contains(hotkey) {
                withheld = withheld.saturating_add(*amount);
            } else if let Some(owner) = self.owner_of(hotkey) {
                let destination = self.subnets[&netuid].auto_stake.get(&owner).copied().unwrap_or(*hotkey);
                self.credit_stake(netuid, &destination, &owner, *amount);
            }
        }
        let subnet = self.paid_mut(netuid);
        if subnet.recycle_withheld {
            subnet.alpha_out = subnet.alpha_out.saturating_sub(withheld);
        }
        subnet.miner_burned = U96F32::from_int(withheld).safe_div(U96F32::from_int(total));
    }

    fn take_of(&self, hotkey: &Hotkey) -> U96F32 {
        let take = self.hotkeys.get(hotkey).and_then(|state| state.take);
        u16_part(take.unwrap_or(self.globals.default_take))
    }

    /// Pays the take of an amount to the hotkey's owner; answers what is left.
    fn pay_take(&mut self, netuid: NetUid, hotkey: &Hotkey, amount: U96F32) -> u64 {
        let take = self.take_of(hotkey).saturating_mul(amount);
        if let Some(owner) = self.owner_of(hotkey) {
            self.credit_stake(netuid, hotkey, &owner, take.to_u64());
        }
        amount.saturating_sub(take).to_u64()
    }

    fn pay_alpha_dividends(&mut self, netuid: NetUid, dividends: Shares) {
        self.paid_mut(netuid).alpha_dividends.clear();
        for (hotkey, amount) in dividends {
            let rest = self.pay_take(netuid, &hotkey, amount);
            let subnet = self.paid_mut(netuid);
            if rest > 0 {
                let pool = subnet.stakes.entry(hotkey).or_default();
                pool.update_all(i64::try_from(rest).unwrap_or(i64::MAX));
            }
            let paid = subnet.alpha_dividends.entry(hotkey).or_default();
            *paid = paid.saturating_add(rest);
        }
    }

    fn pay_root_dividends(&mut self, netuid: NetUid, dividends: Shares) {
        self.paid_mut(netuid).root_alpha_dividends.clear();
        for (hotkey, amount) in dividends {
            let rest = self.pay_take(netuid, &hotkey, amount);
            self.make_claimable(netuid, &hotkey, rest);
            let paid = self.paid_mut(netuid).root_alpha_dividends.entry(hotkey).or_default();
            *paid = paid.saturating_add(rest);
        }
    }

    /// Raises what each rao of root stake on the hotkey may claim; more than one to one goes to its owner.
    fn make_claimable(&mut self, netuid: NetUid, hotkey: &Hotkey, amount: u64) {
        let root_stake = self.root_stake(hotkey);
        let Some(owner) = self.owner_of(hotkey) else { return };
        if amount > root_stake {
            self.credit_stake(netuid, hotkey, &owner, amount);
            return;
        }
        let raise = I96F32::from_int(amount).safe_div(I96F32::from_int(root_stake));
        if let Some(state) = self.hotkeys.get_mut(hotkey) {
            let rate = state.claimable.entry(netuid).or_default();
            *rate = rate.saturating_add(raise);
        }
    }

    /// Raises stake and remembers where the coldkey has some.
    pub(super) fn credit_stake(&mut self, netuid: NetUid, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64) {
        if amount == 0 {
            return;
        }
        self.paid_mut(netuid).credit_stake(hotkey, coldkey, amount);
        let hotkeys = self.staking_hotkeys.entry(*coldkey).or_default();
        if !hotkeys.contains(hotkey) {
            hotkeys.push(*hotkey);
        }
    }
}

struct Takes {
    burn: U96F32,
    take: U96F32,
}

impl Takes {
    /// Burned part and the child's take of a parent's emission.
    fn of(&self, emission: U96F32) -> (U96F32, U96F32) {
        (self.burn.saturating_mul(emission), self.take.saturating_mul(emission))
    }
}
