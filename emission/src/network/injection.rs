//! How much TAO and alpha enter a pool, and what the rest of the TAO buys (runtime timeline, section 2; emission
//! mathematics, sections 2.3 and 2.4).

use sn3_protocol::NetUid;

use super::{Network, Subnet};
use crate::fixed::{Fixed, U64F64, U96F32};
use crate::issuance::block_emission;
use crate::pool::concentrated::Held;
use crate::pool::{Side, SwapLimit};
use crate::share_rule::ShareInput;
use crate::spec::{
    BoughtAlpha, ChainBuy, ClosedRegistration, InjectedAmounts, InjectionRules, Minting, RefusedBuy, RootPart,
};

/// What a subnet is given in a block, before flooring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub netuid: NetUid,
    pub tao_in: U96F32,
    pub alpha_in: U96F32,
    pub alpha_out: U96F32,
    pub excess: U96F32,
    /// Whether its price is below its share of TAO, where root's part depends on that.
    pub subsidised: bool,
}

/// What the amounts depend on. `emission` is the block's TAO in rao.
#[derive(Clone, Copy, Debug)]
struct Given {
    tao: U96F32,
    price: U96F32,
    alpha_emission: U96F32,
    emission: U96F32,
    root_proportion: U96F32,
}

/// TAO and alpha to inject, and TAO to buy with.
fn amounts(rule: InjectedAmounts, given: &Given) -> (U96F32, U96F32, U96F32) {
    match rule {
        InjectedAmounts::AllTao => {
            let alpha = given.tao.safe_div_or(given.price, given.alpha_emission);
            (given.tao, alpha.min(given.alpha_emission), U96F32::ZERO)
        }
        InjectedAmounts::Subsidy => subsidy(given, given.alpha_emission),
        InjectedAmounts::SubsidyOfBlock => subsidy(given, given.emission),
        InjectedAmounts::CapAlpha => capped(given, given.alpha_emission),
        InjectedAmounts::CapAlphaAndBlock => capped(given, given.alpha_emission.min(given.emission)),
        InjectedAmounts::CapRootProportion => {
            capped(given, given.root_proportion.saturating_mul(given.alpha_emission))
        }
    }
}

/// Alpha injected keeps the price, but is capped; the rest of the TAO buys.
fn capped(given: &Given, cap: U96F32) -> (U96F32, U96F32, U96F32) {
    let (mut tao, mut alpha) = (given.tao, given.tao.safe_div(given.price));
    if alpha > cap {
        alpha = cap;
        tao = alpha.saturating_mul(given.price);
    }
    (tao, alpha, given.tao.saturating_sub(tao))
}

fn is_subsidised(given: &Given) -> bool {
    given.price < given.tao.safe_div(given.emission)
}

fn subsidy(given: &Given, alpha: U96F32) -> (U96F32, U96F32, U96F32) {
    if !is_subsidised(given) {
        return (given.tao, given.tao.safe_div_or(given.price, given.alpha_emission), U96F32::ZERO);
    }
    let tao = given.price.saturating_mul(given.emission);
    (tao, alpha, given.tao.saturating_sub(tao))
}

impl Network {
    /// The block's TAO emission that caps and subsidies read. Where it is minted first, it is computed anew from
    /// the issuance that includes it.
    pub(super) fn emission_now(&self, minted: u64) -> U96F32 {
        let credit = self.spec.injection.minting == Minting::Credit;
        U96F32::from_int(if credit { block_emission(self.total_issuance) } else { minted })
    }

    /// A subnet's terms for its part of the block's TAO.
    pub(super) fn term(&self, input: &ShareInput, tao: U96F32, emission: U96F32) -> Terms {
        let rules = &self.spec.injection;
        let alpha_emission = U96F32::from_int(block_emission(input.alpha_issuance));
        let price = input.spot_price.convert();
        let root_proportion = input.root_proportion;
        let given = Given { tao, price, alpha_emission, emission, root_proportion };
        let (tao_in, alpha_in, excess) = amounts(rules.amounts, &given);
        let asked = matches!(
            self.spec.payout.root_part,
            RootPart::SoldUnlessSubsidised | RootPart::KeptUnlessSubsidised
        );
        let mut terms = Terms {
            netuid: input.netuid,
            tao_in,
            alpha_in,
            alpha_out: alpha_emission,
            excess,
            subsidised: asked && is_subsidised(&given),
        };
        self.close(&mut terms);
        terms
    }

    /// Takes from a subnet that accepts no registrations what its era takes.
    fn close(&self, terms: &mut Terms) {
        let subnet = &self.subnets[&terms.netuid];
        let (burns, works) = (subnet.registration_allowed, subnet.work_allowed);
        let loses = match self.spec.shares.closed {
            ClosedRegistration::LosesTaoIfWorkIsOpen => !burns && works,
            ClosedRegistration::LosesTao | ClosedRegistration::LosesAll => !burns && !works,
            ClosedRegistration::LeavesSet => false,
        };
        if loses {
            (terms.tao_in, terms.excess) = (U96F32::ZERO, U96F32::ZERO);
        }
        if loses && self.spec.shares.closed == ClosedRegistration::LosesAll {
            (terms.alpha_in, terms.alpha_out) = (U96F32::ZERO, U96F32::ZERO);
        }
    }

    /// Injects and buys for every subnet; answers the credit that is left and has been taken back.
    pub(super) fn inject(&mut self, terms: &[Terms], mut credit: u64) -> u64 {
        let rules = self.spec.injection;
        let mut bought = 0_u64;
        for term in terms {
            let subnet = self.subnets.get_mut(&term.netuid).expect("terms are made from subnets");
            let staked = inject_subnet(subnet, term, &rules, &mut credit);
            bought = bought.saturating_add(subnet.block_emission.excess_tao);
            self.total_stake = self.total_stake.saturating_add(staked);
        }
        let uncounted = if rules.minting == Minting::WithoutSubsidy { bought } else { 0 };
        self.total_issuance = self.total_issuance.saturating_sub(credit).saturating_sub(uncounted);
        credit
    }
}

/// Injects into one pool; answers by how much the total stake grew.
fn inject_subnet(subnet: &mut Subnet, term: &Terms, rules: &InjectionRules, credit: &mut u64) -> u64 {
    let mut injected = Held { tao: term.tao_in.to_u64(), alpha: term.alpha_in.to_u64() };
    let excess = term.excess.to_u64();
    subnet.block_emission.excess_tao = 0;
    subnet.block_emission.tao_in = 0;
    match rules.buy {
        ChainBuy::Never => {
            let taken = subnet.adjust(injected, rules.overflow);
            grow(subnet, taken, credit)
        }
        ChainBuy::BeforeInjection => {
            let bought = chain_buy(subnet, excess, rules, credit);
            let taken = subnet.adjust(injected, rules.overflow);
            bought.saturating_add(grow(subnet, taken, credit))
        }
        ChainBuy::AfterAdjustment => {
            let taken = subnet.adjust(injected, rules.overflow);
            let bought = chain_buy(subnet, excess, rules, credit);
            bought.saturating_add(grow(subnet, taken, credit))
        }
        ChainBuy::BeforeAdjustment => {
            let bought = chain_buy(subnet, excess, rules, credit);
            injected.tao = materialise(subnet, injected.tao, credit);
            subnet.block_emission.tao_in = injected.tao;
            subnet.block_emission.alpha_in = injected.alpha;
            let taken = subnet.adjust(injected, rules.overflow);
            subnet.pool.alpha = subnet.pool.alpha.saturating_add(taken.alpha);
            subnet.pool.tao = subnet.pool.tao.saturating_add(taken.tao);
            bought.saturating_add(taken.tao)
        }
    }
}

/// TAO of the credit comes to the subnet's account, if the credit covers it.
fn materialise(subnet: &mut Subnet, tao: u64, credit: &mut u64) -> u64 {
    if *credit < tao {
        return 0;
    }
    *credit -= tao;
    subnet.account_tao = subnet.account_tao.saturating_add(tao);
    subnet.protocol_flow = subnet.protocol_flow.saturating_add_unsigned(tao);
    tao
}

/// Grows the reserves by what the pool took; answers the TAO.
fn grow(subnet: &mut Subnet, taken: Held, credit: &mut u64) -> u64 {
    let tao = materialise(subnet, taken.tao, credit);
    subnet.block_emission.alpha_in = taken.alpha;
    subnet.block_emission.tao_in = tao;
    subnet.pool.alpha = subnet.pool.alpha.saturating_add(taken.alpha);
    subnet.pool.tao = subnet.pool.tao.saturating_add(tao);
    tao
}

/// Buys alpha with the TAO that was not injected; answers by how much the total stake grew.
fn chain_buy(subnet: &mut Subnet, excess: u64, rules: &InjectionRules, credit: &mut u64) -> u64 {
    if excess == 0 || *credit < excess {
        return 0;
    }
    let quoted = subnet.quote(Side::Buy, excess, SwapLimit::none(Side::Buy), 0);
    if quoted.is_err() && rules.refused == RefusedBuy::NotIssued {
        return 0;
    }
    *credit -= excess;
    subnet.account_tao = subnet.account_tao.saturating_add(excess);
    let Ok(swap) = quoted else { return 0 };
    subnet.bought(&swap, excess);
    match rules.bought {
        BoughtAlpha::Recycled => subnet.alpha_out = subnet.alpha_out.saturating_sub(swap.paid_out),
        BoughtAlpha::Kept => subnet.protocol_alpha = subnet.protocol_alpha.saturating_add(swap.paid_out),
    }
    subnet.block_emission.excess_tao = swap.paid_in;
    subnet.protocol_flow = subnet.protocol_flow.saturating_add_unsigned(swap.paid_in);
    excess
}

/// A moving price that counts as one where there is no pool.
pub(super) fn moving_price(subnet: &Subnet) -> U64F64 {
    if subnet.dynamic { subnet.moving_price.convert() } else { U64F64::ONE }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 TAO for a price of `price / 1000`, alpha emission 1,000, block emission 400, root proportion 1/4.
    fn floors(rule: InjectedAmounts, price: u64) -> (u64, u64, u64) {
        let given = Given {
            tao: U96F32::from_int(100),
            price: U96F32::from_int(price).safe_div(U96F32::from_int(1_000)),
            alpha_emission: U96F32::from_int(1_000),
            emission: U96F32::from_int(400),
            root_proportion: U96F32::from_bits(1 << 30),
        };
        let (tao, alpha, excess) = amounts(rule, &given);
        (tao.round().to_u64(), alpha.round().to_u64(), excess.round().to_u64())
    }

    #[test]
    fn the_launch_injects_all_tao() {
        assert_eq!(floors(InjectedAmounts::AllTao, 500), (100, 200, 0));
        assert_eq!(floors(InjectedAmounts::AllTao, 50), (100, 1_000, 0));
        assert_eq!(floors(InjectedAmounts::AllTao, 0), (100, 1_000, 0));
    }

    /// The share is 100/400: a price of 0.2 is subsidised, 0.3 is not.
    #[test]
    fn the_subsidy_buys_with_what_the_price_does_not_need() {
        assert_eq!(floors(InjectedAmounts::Subsidy, 200), (80, 1_000, 20));
        assert_eq!(floors(InjectedAmounts::SubsidyOfBlock, 200), (80, 400, 20));
        assert_eq!(floors(InjectedAmounts::Subsidy, 300), (100, 333, 0));
    }

    #[test]
    fn caps_bound_the_alpha_and_the_rest_buys() {
        assert_eq!(floors(InjectedAmounts::CapAlpha, 50), (50, 1_000, 50));
        assert_eq!(floors(InjectedAmounts::CapAlphaAndBlock, 50), (20, 400, 80));
        assert_eq!(floors(InjectedAmounts::CapRootProportion, 50), (12, 250, 88));
        assert_eq!(floors(InjectedAmounts::CapRootProportion, 500), (100, 200, 0));
    }
}
