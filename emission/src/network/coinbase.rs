//! Shares, injection, chain buys and pending emission of a block (emission mathematics, sections 2.1 to 2.5).

use sn3_protocol::NetUid;

use super::injection::{Terms, moving_price};
use super::{BlockReport, Hooks, Network, Subnet};
use crate::fixed::{U64F64, U96F32};
use crate::issuance::root_proportion_by;
use crate::share_rule::{ShareInput, ShareRule, TaoSplit, split_tao};
use crate::spec::{EmitSet, RootPart, ValidatorPool};

impl Network {
    /// Spends the minted `credit`, runs due epochs and pays them out.
    pub(super) fn run_coinbase(&mut self, credit: u64, hooks: &mut Hooks<'_>, report: &mut BlockReport) {
        for subnet in self.subnets.values_mut() {
            subnet.block_emission.root_sell_tao = 0;
        }
        let order = self.visit_order();
        let emit_to: Vec<NetUid> =
            order.iter().copied().filter(|netuid| self.is_emitted_to(&self.subnets[netuid])).collect();
        self.advance_flows(&emit_to);
        let terms = self.terms(&emit_to, credit, hooks.share_rule);
        let root_sells = self.root_sells(&emit_to);
        report.issued_rao = credit - self.inject(&terms, credit);
        let rates = self.rates();
        for term in &terms {
            self.accumulate(term, &rates, root_sells);
        }
        self.run_due_epochs(&order, &mut hooks.ahead, report);
    }

    /// Whether a subnet is emitted to (emission mathematics, section 2.1; runtime timeline, section 1.1).
    #[must_use]
    pub fn is_emitted_to(&self, subnet: &Subnet) -> bool {
        subnet.is_in(self.spec.shares.emit_set)
    }

    /// Each emitted subnet's part of the block's TAO by the spec's rule.
    #[must_use]
    pub fn emission_shares(&self, emit_to: &[NetUid]) -> Vec<U64F64> {
        let unit = 1 << 31;
        let split = self.split(&self.share_inputs(emit_to), unit, None);
        let unit = U96F32::from_int(unit);
        split.tao.iter().map(|tao| crate::fixed::Fixed::convert(tao.safe_div(unit))).collect()
    }

    /// What a share rule may know of each subnet, in the given order; unknown subnets are left out.
    #[must_use]
    pub fn share_inputs(&self, emit_to: &[NetUid]) -> Vec<ShareInput> {
        let root = self.weighted_root();
        emit_to
            .iter()
            .filter_map(|netuid| self.subnets.get(netuid))
            .map(|s| self.share_input(s, root))
            .collect()
    }

    fn share_input(&self, subnet: &Subnet, root: U96F32) -> ShareInput {
        ShareInput {
            netuid: subnet.netuid,
            block: self.block,
            registered_at: subnet.registered_at,
            first_emission_block: subnet.first_emission_block,
            moving_price: moving_price(subnet),
            spot_price: subnet.price(),
            tao_reserve: subnet.pool.tao,
            alpha_reserve: subnet.pool.alpha,
            alpha_out: subnet.alpha_out,
            alpha_issuance: subnet.alpha_issuance(),
            root_proportion: root_proportion_by(root, subnet.alpha_issuance()),
            miner_burned: subnet.miner_burned,
            user_flow: subnet.flow.user.unwrap_or_default(),
            protocol_flow: subnet.flow.protocol,
            emission_enabled: subnet.emission_enabled,
        }
    }

    fn split(&self, input: &[ShareInput], minted: u64, custom: Option<&dyn ShareRule>) -> TaoSplit {
        split_tao(&self.spec.shares, input, minted, self.gate_bar, custom)
    }

    fn terms(&mut self, emit_to: &[NetUid], minted: u64, custom: Option<&dyn ShareRule>) -> Vec<Terms> {
        let input = self.share_inputs(emit_to);
        let split = self.split(&input, minted, custom);
        self.gate_bar = split.bar.unwrap_or(self.gate_bar);
        let emission = self.emission_now(minted);
        input.iter().zip(split.tao).map(|(input, tao)| self.term(input, tao, emission)).collect()
    }

    /// All root stake as it counts against alpha.
    pub(super) fn weighted_root(&self) -> U96F32 {
        U96F32::from_int(self.root_tao()).saturating_mul(self.globals.tao_weight_fixed())
    }

    fn rates(&self) -> Rates {
        let cut = U96F32::from_int(self.globals.subnet_owner_cut);
        Rates { owner_cut: cut.safe_div(U96F32::from_int(u16::MAX)), weighted_root: self.weighted_root() }
    }

    /// Whether root dividends are paid: when the moving prices sum to more than one.
    fn root_sells(&self, emit_to: &[NetUid]) -> bool {
        let add = |sum: U64F64, netuid: &NetUid| sum.wrapping_add(moving_price(&self.subnets[netuid]));
        emit_to.iter().fold(U64F64::ZERO, add) > U64F64::ONE
    }

    /// Creates alpha outside the pool and adds its parts to the pending amounts (section 2.5).
    fn accumulate(&mut self, term: &Terms, rates: &Rates, root_sells: bool) {
        let half = U96F32::from_bits(1 << 31);
        let subnet = self.subnets.get_mut(&term.netuid).expect("terms are made from subnets");
        let created = term.alpha_out.to_u64();
        subnet.block_emission.alpha_out = created;
        subnet.alpha_out = subnet.alpha_out.saturating_add(created);
        let mut alpha = term.alpha_out;
        if subnet.owner_cut_enabled {
            let cut = alpha.saturating_mul(rates.owner_cut);
            alpha = alpha.saturating_sub(cut);
            add(&mut subnet.pending.owner_cut, cut.to_u64());
        }
        let proportion = root_proportion_by(rates.weighted_root, subnet.alpha_issuance());
        let root_alpha = proportion.saturating_mul(alpha).saturating_mul(half);
        if self.spec.payout.validator_pool == ValidatorPool::Accumulated {
            let server = alpha.saturating_mul(half);
            let validator = alpha.saturating_sub(server).saturating_sub(root_alpha);
            add(&mut subnet.pending.server, server.to_u64());
            add(&mut subnet.pending.validator, validator.to_u64());
        } else {
            add(&mut subnet.pending.validator, alpha.saturating_sub(root_alpha).to_u64());
        }
        self.book_root_part(term, root_alpha.to_u64(), root_sells);
    }

    /// What becomes of root's part of a block's alpha (runtime timeline, section 2).
    fn book_root_part(&mut self, term: &Terms, alpha: u64, root_sells: bool) {
        let subnet = self.subnets.get_mut(&term.netuid).expect("terms are made from subnets");
        let sell = match self.spec.payout.root_part {
            RootPart::Sold => true,
            RootPart::SoldUnlessSubsidised => !term.subsidised,
            RootPart::KeptUnlessSubsidised => {
                if !term.subsidised {
                    add(&mut subnet.pending.root_alpha, alpha);
                }
                return;
            }
            RootPart::KeptOrRecycled if root_sells => return add(&mut subnet.pending.root_alpha, alpha),
            RootPart::KeptOrRecycled => {
                subnet.alpha_out = subnet.alpha_out.saturating_sub(alpha);
                return;
            }
        };
        add(&mut subnet.pending.root_alpha, alpha);
        if sell {
            self.sell_root_part(term.netuid, alpha);
        }
    }
}

/// What is the same for all subnets of a block.
struct Rates {
    owner_cut: U96F32,
    weighted_root: U96F32,
}

pub(super) fn add(sum: &mut u64, amount: u64) {
    *sum = sum.saturating_add(amount);
}

impl Subnet {
    /// Whether it belongs to an emit set; root never does.
    pub(super) fn is_in(&self, set: EmitSet) -> bool {
        let (burns, works) = (self.registration_allowed, self.work_allowed);
        let started = self.first_emission_block.is_some();
        self.netuid.0 != 0
            && match set {
                EmitSet::All => true,
                EmitSet::Started => started,
                EmitSet::OpenByAnyMeans => started && self.subtoken_enabled && (burns || works),
                EmitSet::OpenByBurn => started && self.subtoken_enabled && burns,
            }
    }
}
