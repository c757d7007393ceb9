//! Crossing a runtime upgrade: what the migrations change in the state (runtime timeline, sections 1.2, 3.3, 4.1).

use super::{Globals, Network, Subnet};
use crate::fixed::U64F64;
use crate::network::owner::ACTIVITY_FACTOR_RANGE;
use crate::spec::{EpochPeriod, RootDividends, RuntimeSpec, ShareSplit, ValidatorPool};

/// The activity cutoff before it became a multiple of the tempo, in blocks.
const ACTIVITY_CUTOFF_BLOCKS: u32 = 5_000;

impl Network {
    /// Runs by another spec from the next block on, after the state changes that the chain's migrations made:
    ///
    /// * Pools get the new curve. A concentrated pool becomes a weighted one of the same price, `q = y/(p·x + y)`
    ///   (423); a constant product becomes concentrated liquidity over its reserves (283).
    /// * A schedule by block number becomes one by the last epoch whose next epoch falls where the old one put
    ///   it, with the epoch index and the activity cutoff carried over (423).
    /// * Another gate forgets its bar, so that the next block sets it (441).
    /// * What waits for an epoch is divided as the new spec expects (343).
    /// * Parameters at the old version's default move to the new version's, as values that nobody set do.
    ///
    /// Going back to an older spec, which no chain does, works as far as the state allows: a curve starts anew
    /// over the reserves, and claims that are still open count the TAO that older specs stake. Not modelled: the repair of `SubnetAlphaOut` at 446, and the conversion of claims into baskets
    /// at 441 (old claims stay claimable).
    ///
    /// ```
    /// use sn3_emission::{Network, network::Globals, spec::RuntimeSpec};
    /// let old = RuntimeSpec::at_version(419)?;
    /// let mut network = Network::with_spec(Globals::default(), 8_466_530, old);
    /// network.upgrade(RuntimeSpec::at_version(421)?);
    /// assert_eq!(network.step_block(&[0; 32]).block, 8_466_531);
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    pub fn upgrade(&mut self, spec: RuntimeSpec) {
        let old = std::mem::replace(&mut self.spec, spec);
        self.align_pools();
        follow_defaults(&mut self.globals, &old, &spec);
        if bar_of(&old) != bar_of(&spec) {
            self.gate_bar = U64F64::ZERO;
        }
        let (block, stateful) =
            (self.block, |spec: &RuntimeSpec| spec.schedule.period == EpochPeriod::Stateful);
        for subnet in self.subnets.values_mut().filter(|subnet| subnet.netuid.0 != 0) {
            if stateful(&spec) && !stateful(&old) {
                subnet.leave_modulo(block);
            }
            subnet.divide_pending(&old, &spec);
            follow_default(
                &mut subnet.params.bonds_penalty,
                old.default_bonds_penalty(),
                spec.default_bonds_penalty(),
            );
        }
    }

    /// Gives every pool the spec's curve.
    pub(super) fn align_pools(&mut self) {
        let rules = self.spec.pool;
        self.subnets.values_mut().for_each(|subnet| subnet.align(&rules));
    }
}

/// The gate, as far as its bar depends on it.
fn bar_of(spec: &RuntimeSpec) -> Option<crate::spec::GateBar> {
    match &spec.shares.split {
        ShareSplit::Gate(gate) => Some(gate.bar),
        _ => None,
    }
}

fn follow_default<T: PartialEq>(value: &mut T, old: T, new: T) {
    if *value == old {
        *value = new;
    }
}

fn follow_defaults(globals: &mut Globals, old: &RuntimeSpec, new: &RuntimeSpec) {
    let (old, new) = (old.default_globals(), new.default_globals());
    follow_default(&mut globals.fee_rate, old.fee_rate, new.fee_rate);
    follow_default(&mut globals.min_stake_rao, old.min_stake_rao, new.min_stake_rao);
    follow_default(&mut globals.subnet_limit, old.subnet_limit, new.subnet_limit);
    follow_default(
        &mut globals.network_immunity_blocks,
        old.network_immunity_blocks,
        new.network_immunity_blocks,
    );
}

impl Subnet {
    fn leave_modulo(&mut self, block: u64) {
        let tempo = self.params.tempo;
        if tempo == 0 {
            return;
        }
        let next = block + 1 + super::Schedule::blocks_until_modulo(block + 1, self.netuid, tempo);
        self.schedule.last_epoch_block = next.saturating_sub(tempo.into());
        self.schedule.epoch_index = super::Schedule::modulo_index(block, self.netuid, tempo);
        let factor = (ACTIVITY_CUTOFF_BLOCKS * 1_000).div_ceil(tempo.into());
        self.params.activity_cutoff_factor_milli =
            factor.clamp(*ACTIVITY_FACTOR_RANGE.start(), *ACTIVITY_FACTOR_RANGE.end());
    }

    /// One accumulator becomes three, or the other way round. Root's alpha that was sold is no longer there.
    fn divide_pending(&mut self, old: &RuntimeSpec, new: &RuntimeSpec) {
        let accumulated = |spec: &RuntimeSpec| spec.payout.validator_pool == ValidatorPool::Accumulated;
        let sold = |spec: &RuntimeSpec| spec.payout.root_dividends == RootDividends::Tao;
        let pending = &mut self.pending;
        if sold(old) && !sold(new) {
            pending.root_alpha = 0;
        }
        let all = pending.server.saturating_add(pending.validator);
        match (accumulated(old), accumulated(new)) {
            (false, true) => {
                pending.server = (all.saturating_add(pending.root_alpha) / 2).min(all);
                pending.validator = all - pending.server;
            }
            (true, false) => (pending.server, pending.validator) = (0, all),
            _ => (),
        }
    }
}
