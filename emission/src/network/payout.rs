//! From an epoch's amounts to stake (emission mathematics, sections 2.6 and 2.7).

use std::collections::{BTreeMap, BTreeSet};

use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{Network, Pending, Subnet};
use crate::epoch::{SubnetEpoch, child_fraction};
use crate::fixed::{I96F32, U96F32};
use crate::spec::{ChildTake, DividendSplit, OwnerIncentive, RootDividends, TradeFee, ValidatorPool};

/// What an epoch returned, by hotkey in ascending order.
pub(super) struct Amounts {
    incentives: Vec<(Hotkey, u64)>,
    dividends: Vec<(Hotkey, u64)>,
}

impl Amounts {
    pub(super) fn new(subnet: &Subnet, epoch: &SubnetEpoch) -> Self {
        let by_hotkey = |amounts: &[u64]| by_hotkey(subnet, amounts);
        Self {
            incentives: by_hotkey(&epoch.server_emission),
            dividends: by_hotkey(&epoch.validator_emission),
        }
    }
}

/// Amounts by uid in ascending order of hotkeys; of a hotkey that is there twice the last one counts.
fn by_hotkey(subnet: &Subnet, amounts: &[u64]) -> Vec<(Hotkey, u64)> {
    let neurons = &subnet.neurons;
    if neurons.uids.len() == neurons.hotkeys.len() {
        let amount = |uid: u16| amounts.get(usize::from(uid)).copied().unwrap_or(0);
        return neurons.uids.iter().map(|(hotkey, uid)| (*hotkey, amount(*uid))).collect();
    }
    let by_hotkey: BTreeMap<Hotkey, u64> =
        neurons.hotkeys.iter().copied().zip(amounts.iter().copied()).collect();
    by_hotkey.into_iter().collect()
}

/// Amounts by hotkey in ascending order, each hotkey once.
pub(super) type Shares = Vec<(Hotkey, U96F32)>;

/// What a payout must know of a hotkey; nothing of it changes while a subnet is paid.
#[derive(Clone, Copy)]
struct Payee {
    hotkey: Hotkey,
    /// Nobody owns an unknown hotkey.
    owner: Option<Coldkey>,
    take: U96F32,
    /// Whether its root stakers may claim from the subnet already.
    claimable: bool,
}

/// The registered hotkeys' payees, ascending.
pub(super) struct Payees(Vec<Payee>);

impl Payees {
    fn mark_claimable(&mut self, at: usize, hotkey: &Hotkey) {
        if let Some(payee) = self.0.get_mut(at).filter(|payee| payee.hotkey == *hotkey) {
            payee.claimable = true;
        }
    }

    /// The payee of a hotkey that is probably the one at `at`.
    fn find(&self, at: usize, hotkey: &Hotkey) -> Option<Payee> {
        if let Some(payee) = self.0.get(at).filter(|payee| payee.hotkey == *hotkey) {
            return Some(*payee);
        }
        self.0.binary_search_by_key(hotkey, |payee| payee.hotkey).ok().map(|at| self.0[at])
    }
}

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
    ///
    /// `known` are the payees of the subnet's last payout, if nothing but block steps happened since then.
    /// Answers them as they are afterwards.
    pub(super) fn distribute(
        &mut self,
        netuid: NetUid,
        pending: &Pending,
        amounts: &Amounts,
        known: Option<Payees>,
    ) -> Payees {
        let mut payees = known.unwrap_or_else(|| self.payees(netuid, &amounts.incentives));
        let dividends = self.dividends_with_families(netuid, &amounts.dividends);
        let parts = self.split_by_stake(netuid, &dividends);
        let alpha = parts.alpha(self.spec.payout.validator_pool, pending, amounts);
        self.pay_owner(netuid, pending.owner_cut);
        self.pay_miners(netuid, &amounts.incentives, &payees);
        self.pay_alpha_dividends(netuid, alpha, &payees);
        self.pay_root(netuid, pending, &parts, &mut payees);
        let (block, keeps) = (self.block, self.spec.pool.fee == TradeFee::FlatOrYield);
        let subnet = self.paid_mut(netuid);
        subnet.schedule.last_mechanism_step_block = block;
        if keeps {
            subnet.stake_at_epoch =
                subnet.stakes.iter().map(|(hotkey, pool)| (*hotkey, pool.value())).collect();
        }
        payees
    }

    /// Root's dividends, as the spec pays them. TAO that an upgrade found waiting is paid as such.
    fn pay_root(&mut self, netuid: NetUid, pending: &Pending, parts: &DividendParts, payees: &mut Payees) {
        if pending.root_tao > 0 {
            self.pay_root_tao(netuid, parts.root(pending.root_tao));
        }
        match self.spec.payout.root_dividends {
            RootDividends::Tao => (),
            RootDividends::Claims => {
                self.pay_root_dividends(netuid, parts.root(pending.root_alpha), payees);
            }
            RootDividends::Baskets => self.queue_basket_deposits(netuid, parts.root(pending.root_alpha)),
        }
    }

    /// Looks every hotkey up once.
    fn payees(&self, netuid: NetUid, amounts: &[(Hotkey, u64)]) -> Payees {
        let default_take = u16_part(self.globals.default_take);
        Payees(amounts.iter().map(|(hotkey, _)| self.payee(netuid, hotkey, default_take)).collect())
    }

    fn payee(&self, netuid: NetUid, hotkey: &Hotkey, default_take: U96F32) -> Payee {
        let state = self.hotkeys.get(hotkey);
        Payee {
            hotkey: *hotkey,
            owner: state.map(|state| state.owner),
            take: state.and_then(|state| state.take).map_or(default_take, u16_part),
            claimable: state.is_some_and(|state| state.claimable.contains_key(&netuid)),
        }
    }

    fn payee_at(&self, netuid: NetUid, payees: &Payees, at: usize, hotkey: &Hotkey) -> Payee {
        let unregistered = || self.payee(netuid, hotkey, u16_part(self.globals.default_take));
        payees.find(at, hotkey).unwrap_or_else(unregistered)
    }

    fn paid_mut(&mut self, netuid: NetUid) -> &mut Subnet {
        self.subnets.get_mut(&netuid).expect("payouts are to subnets whose epoch ran")
    }

    /// Shares every hotkey's dividends with its parents; sums by hotkey.
    fn dividends_with_families(&mut self, netuid: NetUid, dividends: &[(Hotkey, u64)]) -> Shares {
        if self.subnets[&netuid].parents.is_empty() {
            return dividends.iter().map(|(hotkey, v)| (*hotkey, U96F32::from_int(*v))).collect();
        }
        let mut sums = BTreeMap::<Hotkey, U96F32>::new();
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
        sums.into_iter().collect()
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
        let mut all = U96F32::from_int(dividend);
        let mut total_take = U96F32::ZERO;
        let per_parent = self.spec.payout.child_take == ChildTake::PerParent;
        if !per_parent {
            total_take = takes.take.saturating_mul(all);
            all = all.saturating_sub(total_take);
        }
        let mut remaining = all;
        let mut family = Family { credits: Vec::with_capacity(parents.len() + 1), recycled: 0 };
        for ((_, parent), contribution) in parents.iter().zip(contributions) {
            let mut emission = all.saturating_mul(contribution.safe_div(total));
            remaining = remaining.saturating_sub(emission);
            if per_parent && self.owner_of(parent) != owner {
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

    /// Splits dividends into what alpha stake and what root stake earned.
    fn split_by_stake(&self, netuid: NetUid, dividends: &Shares) -> DividendParts {
        let subnet = &self.subnets[&netuid];
        let weight = self.globals.tao_weight_fixed();
        let seats = self.subnet(NetUid(0)).map(|root| &root.neurons);
        let split = |(hotkey, dividend): &(Hotkey, U96F32)| {
            if *dividend == U96F32::ZERO {
                return (*hotkey, U96F32::ZERO, U96F32::ZERO);
            }
            let root = U96F32::from_int(self.root_stake(hotkey)).saturating_mul(weight);
            let alpha = U96F32::from_int(subnet.stake_of_hotkey(hotkey));
            let seated = || seats.is_some_and(|neurons| neurons.uid_of(hotkey).is_some());
            let (alpha, root) = match self.spec.payout.dividend_split {
                DividendSplit::RootRounded => by_root(*dividend, alpha, root),
                DividendSplit::AlphaRounded => by_alpha(*dividend, alpha, root, seated),
            };
            (*hotkey, alpha, root)
        };
        DividendParts(dividends.iter().map(split).collect())
    }

    fn pay_owner(&mut self, netuid: NetUid, owner_cut: u64) {
        let subnet = &self.subnets[&netuid];
        if let (Some(hotkey), Some(coldkey)) = (subnet.owner_hotkey, subnet.owner_coldkey) {
            self.credit_stake(netuid, &hotkey, &coldkey, owner_cut);
        }
    }

    /// Hotkeys whose mining income is withheld.
    fn owner_hotkeys(&self, netuid: NetUid, payees: &Payees) -> BTreeSet<Hotkey> {
        let subnet = &self.subnets[&netuid];
        let owner_hotkey = subnet.owner_hotkey.into_iter();
        match self.spec.payout.owner_incentive {
            OwnerIncentive::Paid => BTreeSet::new(),
            OwnerIncentive::OwnerHotkey => owner_hotkey.collect(),
            OwnerIncentive::ImmuneHotkeys => {
                let hotkey = |uid: u16| subnet.neurons.hotkeys[usize::from(uid)];
                self.immortal(subnet).into_iter().map(hotkey).collect()
            }
            OwnerIncentive::AllHotkeys => registered_by_owner(subnet, payees).chain(owner_hotkey).collect(),
            OwnerIncentive::AllRegistered => registered_by_owner(subnet, payees).collect(),
        }
    }

    fn pay_miners(&mut self, netuid: NetUid, incentives: &[(Hotkey, u64)], payees: &Payees) {
        let withheld_from = self.owner_hotkeys(netuid, payees);
        let (mut withheld, mut total) = (0_u64, 0_u64);
        for (at, (hotkey, amount)) in incentives.iter().enumerate() {
            total = total.saturating_add(*amount);
            if withheld_from.contains(hotkey) {
                withheld = withheld.saturating_add(*amount);
            } else if let Some(owner) = self.payee_at(netuid, payees, at, hotkey).owner {
                let captured = self.paid_mut(netuid).settle(hotkey, &owner, *amount, *amount);
                let destination = self.subnets[&netuid].auto_stake.get(&owner).copied().unwrap_or(*hotkey);
                self.credit_stake(netuid, hotkey, &owner, captured);
                self.credit_stake(netuid, &destination, &owner, *amount - captured);
            }
        }
        let rules = self.spec.payout;
        let chosen =
            matches!(rules.owner_incentive, OwnerIncentive::AllHotkeys | OwnerIncentive::AllRegistered);
        let subnet = self.paid_mut(netuid);
        if subnet.recycle_withheld && chosen {
            subnet.alpha_out = subnet.alpha_out.saturating_sub(withheld);
        }
        if rules.burned_recorded {
            subnet.miner_burned = U96F32::from_int(withheld).safe_div(U96F32::from_int(total));
        }
    }

    pub(super) fn take_of(&self, hotkey: &Hotkey) -> U96F32 {
        let take = self.hotkeys.get(hotkey).and_then(|state| state.take);
        u16_part(take.unwrap_or(self.globals.default_take))
    }

    /// Pays the take of an amount to the hotkey's owner; answers what is left.
    pub(super) fn pay_take(&mut self, netuid: NetUid, hotkey: &Hotkey, amount: U96F32) -> u64 {
        let take = self.take_of(hotkey).saturating_mul(amount);
        if let Some(owner) = self.owner_of(hotkey) {
            self.credit_stake(netuid, hotkey, &owner, take.to_u64());
        }
        amount.saturating_sub(take).to_u64()
    }

    /// Pays the take of an amount to the payee's owner; answers what is left.
    fn pay_take_of(&mut self, netuid: NetUid, payee: &Payee, amount: U96F32) -> u64 {
        if amount == U96F32::ZERO {
            return 0;
        }
        let take = payee.take.saturating_mul(amount);
        if let Some(owner) = payee.owner {
            self.credit_stake(netuid, &payee.hotkey, &owner, take.to_u64());
        }
        amount.saturating_sub(take).to_u64()
    }

    fn pay_alpha_dividends(&mut self, netuid: NetUid, dividends: Shares, payees: &Payees) {
        let mut paid = Vec::with_capacity(dividends.len());
        for (at, (hotkey, amount)) in dividends.into_iter().enumerate() {
            let payee = self.payee_at(netuid, payees, at, &hotkey);
            let rest = self.pay_take_of(netuid, &payee, amount);
            if let Some(owner) = payee.owner {
                let take = amount.to_u64().saturating_sub(rest);
                self.paid_mut(netuid).settle(&hotkey, &owner, amount.to_u64(), take);
            }
            if rest > 0 {
                let pool = self.paid_mut(netuid).stakes.entry(hotkey).or_default();
                pool.update_all(i64::try_from(rest).unwrap_or(i64::MAX));
            }
            paid.push((hotkey, rest));
        }
        note(&mut self.paid_mut(netuid).alpha_dividends, paid);
    }

    fn pay_root_dividends(&mut self, netuid: NetUid, dividends: Shares, payees: &mut Payees) {
        let mut paid = Vec::with_capacity(dividends.len());
        for (at, (hotkey, amount)) in dividends.into_iter().enumerate() {
            let payee = self.payee_at(netuid, payees, at, &hotkey);
            let rest = self.pay_take_of(netuid, &payee, amount);
            if self.make_claimable(netuid, &payee, rest) {
                payees.mark_claimable(at, &hotkey);
            }
            paid.push((hotkey, rest));
        }
        note(&mut self.paid_mut(netuid).root_alpha_dividends, paid);
    }

    /// Raises what each rao of root stake on the hotkey may claim; more than one to one goes to its owner.
    /// Answers whether there is something to claim on this subnet from now on.
    fn make_claimable(&mut self, netuid: NetUid, payee: &Payee, amount: u64) -> bool {
        if amount == 0 && payee.claimable {
            return false;
        }
        let hotkey = &payee.hotkey;
        let root_stake = self.root_stake(hotkey);
        let Some(owner) = payee.owner else { return false };
        if amount > root_stake {
            self.credit_stake(netuid, hotkey, &owner, amount);
            return false;
        }
        let raise = I96F32::from_int(amount).safe_div(I96F32::from_int(root_stake));
        if let Some(state) = self.hotkeys.get_mut(hotkey) {
            let rate = state.claimable.entry(netuid).or_default();
            *rate = rate.saturating_add(raise);
        }
        true
    }

    /// Raises stake and remembers where the coldkey has some.
    pub(super) fn credit_stake(&mut self, netuid: NetUid, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64) {
        if amount == 0 {
            return;
        }
        // Whoever has a share was remembered when it got it.
        if self.paid_mut(netuid).credit_stake(hotkey, coldkey, amount) {
            return;
        }
        let hotkeys = self.staking_hotkeys.entry(*coldkey).or_default();
        if !hotkeys.contains(hotkey) {
            hotkeys.push(*hotkey);
        }
    }
}

/// Notes ascending amounts in place of earlier ones. The hotkeys are mostly those of the last epoch, and then the
/// map keeps its nodes.
fn note(known: &mut BTreeMap<Hotkey, u64>, paid: Vec<(Hotkey, u64)>) {
    if known.keys().eq(paid.iter().map(|(hotkey, _)| hotkey)) {
        known.values_mut().zip(paid).for_each(|(amount, (_, now))| *amount = now);
    } else {
        *known = paid.into_iter().collect();
    }
}

/// `v · R / (A + R)` for root stake, the rest for alpha stake.
fn by_root(dividend: U96F32, alpha: U96F32, root: U96F32) -> (U96F32, U96F32) {
    let by_root = dividend.saturating_mul(root.safe_div(alpha.saturating_add(root)));
    (dividend.saturating_sub(by_root), by_root)
}

/// `v · A / (A + R)` for alpha stake, the rest for root stake with a seat; without stake all is alpha's.
fn by_alpha(dividend: U96F32, alpha: U96F32, root: U96F32, seated: impl Fn() -> bool) -> (U96F32, U96F32) {
    let total = alpha.saturating_add(root);
    if total == U96F32::ZERO {
        return (dividend, U96F32::ZERO);
    }
    let by_alpha = dividend.saturating_mul(alpha.safe_div(total));
    let rest = if seated() { dividend.saturating_sub(by_alpha) } else { U96F32::ZERO };
    (by_alpha, rest)
}

/// What alpha stake and root stake earned, by hotkey, as proportions.
struct DividendParts(Vec<(Hotkey, U96F32, U96F32)>);

impl DividendParts {
    /// Each hotkey's alpha by the era's rule.
    fn alpha(&self, rule: ValidatorPool, pending: &Pending, amounts: &Amounts) -> Shares {
        match rule {
            ValidatorPool::EpochAmounts => self.map(|alpha, root| alpha.saturating_add(root)),
            ValidatorPool::EpochAmountsLessRoot => self.map(|alpha, _| alpha),
            ValidatorPool::HalvedRemainder | ValidatorPool::Accumulated => {
                self.scaled(validator_alpha(rule, pending, amounts), |(_, alpha, _)| *alpha)
            }
        }
    }

    /// Each hotkey's part of root's amount.
    fn root(&self, amount: u64) -> Shares {
        self.scaled(amount, |(_, _, root)| *root)
    }

    fn map(&self, f: impl Fn(U96F32, U96F32) -> U96F32) -> Shares {
        self.0.iter().map(|(hotkey, alpha, root)| (*hotkey, f(*alpha, *root))).collect()
    }

    fn scaled(&self, amount: u64, part: impl Fn(&(Hotkey, U96F32, U96F32)) -> U96F32) -> Shares {
        let sum = self.0.iter().fold(U96F32::ZERO, |sum, parts| sum.saturating_add(part(parts)));
        let amount = U96F32::from_int(amount);
        let scale = |part: U96F32| match part {
            U96F32::ZERO => U96F32::ZERO,
            part => amount.saturating_mul(part.safe_div(sum)),
        };
        self.0.iter().map(|parts| (parts.0, scale(part(parts)))).collect()
    }
}

/// What validators share: what was accumulated for them, or half of everything without root's part; all of it
/// when no miner earned.
fn validator_alpha(rule: ValidatorPool, pending: &Pending, amounts: &Amounts) -> u64 {
    let incentives = amounts.incentives.iter().fold(0, |acc: u64, (_, v)| acc.saturating_add(*v));
    let root = pending.root_alpha;
    match rule {
        _ if incentives == 0 => pending.validator.saturating_add(pending.server),
        ValidatorPool::HalvedRemainder => (pending.validator.saturating_add(root) / 2).saturating_sub(root),
        _ => pending.validator,
    }
}

/// Registered hotkeys of the subnet's owner.
fn registered_by_owner(subnet: &Subnet, payees: &Payees) -> impl Iterator<Item = Hotkey> {
    let owner = subnet.owner_coldkey;
    payees.0.iter().filter(move |payee| owner.is_some() && payee.owner == owner).map(|payee| payee.hotkey)
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
