//! Shares, injection, chain buys and pending emission of a block (emission mathematics, sections 2.1 to 2.5).

use sn3_protocol::NetUid;

use super::{BlockReport, Network, Subnet};
use crate::fixed::{Fixed, U64F64, U96F32};
use crate::issuance::{block_emission, root_proportion};
use crate::pool::{Side, Swap, SwapLimit};

/// What a subnet is given in a block, before flooring.
struct Terms {
    netuid: NetUid,
    tao_in: U96F32,
    alpha_in: U96F32,
    alpha_out: U96F32,
    excess: U96F32,
}

impl Network {
    /// Spends the minted `credit`, runs due epochs and pays them out.
    pub(super) fn run_coinbase(&mut self, credit: u64, report: &mut BlockReport) {
        for subnet in self.subnets.values_mut() {
            subnet.block_emission.root_sell_tao = 0;
        }
        let order = self.visit_order();
        let emit_to: Vec<NetUid> =
            order.iter().copied().filter(|netuid| self.subnets[netuid].is_emitted_to()).collect();
        let terms = self.terms(&emit_to, credit);
        let root_sells = self.root_sells(&emit_to);
        report.issued_rao = credit - self.inject(&terms, credit);
        for term in &terms {
            self.accumulate(term, root_sells);
        }
        self.run_due_epochs(&order, report);
    }

    /// Each emitted subnet's part of the block's TAO, by moving price.
    ///
    /// Prices are weighted by the miner emission that a subnet does not withhold; subnets whose emission is
    /// switched off leave theirs to the others.
    #[must_use]
    pub fn emission_shares(&self, emit_to: &[NetUid]) -> Vec<U64F64> {
        let subnets: Vec<&Subnet> = emit_to.iter().filter_map(|netuid| self.subnets.get(netuid)).collect();
        let prices: Vec<U64F64> = subnets.iter().map(|subnet| moving_price(subnet)).collect();
        let shares = relative(&prices, &prices);
        let weighted: Vec<U64F64> =
            shares.iter().zip(&subnets).map(|(share, subnet)| not_withheld(*share, subnet)).collect();
        let shares = relative(&weighted, &shares);
        if subnets.iter().all(|subnet| subnet.emission_enabled) {
            return shares;
        }
        let enabled = shares.iter().zip(&subnets);
        let enabled: Vec<U64F64> = enabled
            .map(|(share, subnet)| if subnet.emission_enabled { *share } else { U64F64::ZERO })
            .collect();
        relative(&enabled, &vec![U64F64::ZERO; enabled.len()])
    }

    fn terms(&self, emit_to: &[NetUid], minted: u64) -> Vec<Terms> {
        let shares = self.emission_shares(emit_to);
        let minted = U64F64::from_int(minted);
        emit_to
            .iter()
            .zip(shares)
            .map(|(netuid, share)| self.term(&self.subnets[netuid], minted.saturating_mul(share).convert()))
            .collect()
    }

    /// Alpha injected keeps the price, but is capped by the root proportion; the rest of the TAO buys.
    fn term(&self, subnet: &Subnet, tao_emission: U96F32) -> Terms {
        let alpha_out = U96F32::from_int(block_emission(subnet.alpha_issuance()));
        let price: U96F32 = subnet.price().convert();
        let mut tao_in = tao_emission;
        let mut alpha_in = tao_emission.safe_div(price);
        let cap = self.root_proportion_of(subnet).saturating_mul(alpha_out);
        if alpha_in > cap {
            alpha_in = cap;
            tao_in = alpha_in.saturating_mul(price);
        }
        let excess = tao_emission.saturating_sub(tao_in);
        Terms { netuid: subnet.netuid, tao_in, alpha_in, alpha_out, excess }
    }

    fn root_proportion_of(&self, subnet: &Subnet) -> U96F32 {
        root_proportion(self.root_tao(), self.globals.tao_weight_fixed(), subnet.alpha_issuance())
    }

    /// Whether root dividends are paid: when the moving prices sum to more than one.
    fn root_sells(&self, emit_to: &[NetUid]) -> bool {
        let add = |sum: U64F64, netuid: &NetUid| sum.wrapping_add(moving_price(&self.subnets[netuid]));
        emit_to.iter().fold(U64F64::ZERO, add) > U64F64::ONE
    }

    /// Injects and buys for every subnet; answers the credit that is left and has been taken back.
    fn inject(&mut self, terms: &[Terms], mut credit: u64) -> u64 {
        for term in terms {
            let subnet = self.subnets.get_mut(&term.netuid).expect("terms are made from subnets");
            self.total_stake = self.total_stake.saturating_add(inject_subnet(subnet, term, &mut credit));
        }
        self.total_issuance = self.total_issuance.saturating_sub(credit);
        credit
    }

    /// Creates alpha outside the pool and adds its parts to the pending amounts (section 2.5).
    fn accumulate(&mut self, term: &Terms, root_sells: bool) {
        let half = U96F32::from_bits(1 << 31);
        let cut_rate = U96F32::from_int(self.globals.subnet_owner_cut).safe_div(U96F32::from_int(u16::MAX));
        let (root_tao, weight) = (self.root_tao(), self.globals.tao_weight_fixed());
        let subnet = self.subnets.get_mut(&term.netuid).expect("terms are made from subnets");
        let created = term.alpha_out.to_u64();
        subnet.block_emission.alpha_out = created;
        subnet.alpha_out = subnet.alpha_out.saturating_add(created);
        let mut alpha = term.alpha_out;
        if subnet.owner_cut_enabled {
            let cut = alpha.saturating_mul(cut_rate);
            alpha = alpha.saturating_sub(cut);
            add(&mut subnet.pending.owner_cut, cut.to_u64());
        }
        let proportion = root_proportion(root_tao, weight, subnet.alpha_issuance());
        let root_alpha = proportion.saturating_mul(alpha).saturating_mul(half);
        let server = alpha.saturating_mul(half);
        let validator = alpha.saturating_sub(server).saturating_sub(root_alpha);
        add(&mut subnet.pending.server, server.to_u64());
        add(&mut subnet.pending.validator, validator.to_u64());
        if root_sells {
            add(&mut subnet.pending.root_alpha, root_alpha.to_u64());
        } else {
            subnet.alpha_out = subnet.alpha_out.saturating_sub(root_alpha.to_u64());
        }
    }
}

fn add(sum: &mut u64, amount: u64) {
    *sum = sum.saturating_add(amount);
}

fn moving_price(subnet: &Subnet) -> U64F64 {
    if subnet.dynamic { subnet.moving_price.convert() } else { U64F64::ONE }
}

/// Each value's part of their sum, or the fallback when the sum is zero.
fn relative(values: &[U64F64], fallback: &[U64F64]) -> Vec<U64F64> {
    let sum = values.iter().fold(U64F64::ZERO, |acc, v| acc.saturating_add(*v));
    if sum == U64F64::ZERO {
        return fallback.to_vec();
    }
    values.iter().map(|v| v.safe_div(sum)).collect()
}

fn not_withheld(share: U64F64, subnet: &Subnet) -> U64F64 {
    let burned = subnet.miner_burned.convert::<U64F64>().min(U64F64::ONE);
    share.saturating_mul(U64F64::ONE.saturating_sub(burned))
}

/// Injects into one pool; answers by how much the total stake grew.
fn inject_subnet(subnet: &mut Subnet, term: &Terms, credit: &mut u64) -> u64 {
    let (mut tao_in, mut alpha_in) = (term.tao_in.to_u64(), term.alpha_in.to_u64());
    match subnet.pool.weight_after_injection(tao_in, alpha_in) {
        Some(weight) => subnet.pool.quote_weight = weight,
        None => (tao_in, alpha_in) = (0, 0),
    }
    subnet.block_emission.excess_tao = 0;
    subnet.block_emission.tao_in = 0;
    let mut staked = chain_buy(subnet, term.excess.to_u64(), credit);
    subnet.block_emission.alpha_in = alpha_in;
    add(&mut subnet.pool.alpha, alpha_in);
    if tao_in > 0 && *credit >= tao_in {
        *credit -= tao_in;
        subnet.block_emission.tao_in = tao_in;
        add(&mut subnet.account_tao, tao_in);
        add(&mut subnet.pool.tao, tao_in);
        add(&mut staked, tao_in);
        subnet.protocol_flow = subnet.protocol_flow.saturating_add_unsigned(tao_in);
    }
    staked
}

/// Buys alpha with the TAO that was not injected. A refused purchase leaves the TAO in the account.
fn chain_buy(subnet: &mut Subnet, excess: u64, credit: &mut u64) -> u64 {
    if excess == 0 || *credit < excess {
        return 0;
    }
    *credit -= excess;
    add(&mut subnet.account_tao, excess);
    let Ok(swap) = subnet.quote(Side::Buy, excess, SwapLimit::none(Side::Buy), 0) else {
        return 0;
    };
    subnet.bought(&swap, excess);
    add(&mut subnet.protocol_alpha, swap.paid_out);
    subnet.block_emission.excess_tao = swap.paid_in;
    subnet.protocol_flow = subnet.protocol_flow.saturating_add_unsigned(swap.paid_in);
    excess
}

impl Subnet {
    /// What a swap of the gross `amount` would move here; subnets without a pool swap one to one for free.
    ///
    /// # Errors
    /// The swap pallet's errors.
    pub fn quote(
        &self,
        side: Side,
        amount: u64,
        limit: SwapLimit,
        fee_rate: u16,
    ) -> Result<Swap, crate::pool::SwapError> {
        if self.dynamic {
            self.pool.quote(side, amount, limit, fee_rate)
        } else {
            Ok(Swap { paid_in: amount, paid_out: amount, ..Swap::default() })
        }
    }

    /// Books a purchase of alpha; the total stake grows by `gross` (the caller's matter).
    pub(super) fn bought(&mut self, swap: &Swap, gross: u64) {
        self.pool.apply(Side::Buy, swap);
        add(&mut self.alpha_out, swap.paid_out);
        self.volume = self.volume.saturating_add(gross.into());
    }

    /// Books a sale of alpha; the total stake falls by what is paid out (the caller's matter).
    pub(super) fn sold(&mut self, swap: &Swap) {
        self.pool.apply(Side::Sell, swap);
        self.alpha_out = self.alpha_out.saturating_sub(swap.paid_in);
        self.account_tao = self.account_tao.saturating_sub(swap.paid_out);
        self.volume = self.volume.saturating_add(swap.paid_out.into());
    }
}
