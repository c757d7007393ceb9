//! The block step: everything that happens before a block's extrinsics (emission mathematics, section 2).

use sn3_protocol::NetUid;

use super::{BlockEmission, Hooks, Network, Subnet};
use crate::fixed::{Fixed, I96F32, U64F64, U96F32};
use crate::issuance::{SUPPLY_MAX_RAO, block_emission, root_proportion_by};
use crate::spec::{FractionBits, MovingPriceRules, NeuronPrice, PriceAge, RootDividends};
use crate::vector::moving_average;

/// The age at which a moving price had half its rate in specs 246 to 251.
const FIXED_HALVING_BLOCKS: u64 = 100_800;

/// What a block step did that a pallet turns into events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockReport {
    /// The block that was stepped.
    pub block: u64,
    /// TAO minted and kept, in rao.
    pub issued_rao: u64,
    /// Subnets whose epoch ran, ascending.
    pub epochs: Vec<NetUid>,
    /// Subnets whose epoch was put off to the next block.
    pub deferred: Vec<NetUid>,
    /// Subnets whose new child keys took effect.
    pub children_applied: Vec<NetUid>,
    /// What the block emitted into each subnet besides root, ascending.
    pub emissions: Vec<(NetUid, BlockEmission)>,
}

impl Network {
    /// Steps one block. `parent_hash` draws the root stakers whose dividends are claimed. Timelocked weights
    /// stay closed.
    pub fn step_block(&mut self, parent_hash: &[u8; 32]) -> BlockReport {
        self.step_block_with(parent_hash, &mut super::NoOpener)
    }

    /// Steps one block; `opener` opens the timelocked weights whose epoch has come.
    pub fn step_block_with(&mut self, parent_hash: &[u8; 32], opener: &mut dyn super::Opener) -> BlockReport {
        self.step_block_hooked(parent_hash, &mut Hooks::opening(opener))
    }

    /// Steps one block with hooks. Pools that do not follow the spec's curve yet get it first.
    pub fn step_block_hooked(&mut self, parent_hash: &[u8; 32], hooks: &mut Hooks<'_>) -> BlockReport {
        self.block += 1;
        let mut report = BlockReport { block: self.block, ..BlockReport::default() };
        self.align_pools();
        self.tick_epoch_indices();
        self.move_registration_prices();
        let credit = self.mint();
        hooks.open(|opener| self.reveal_timelocked(opener));
        self.run_coinbase(credit, hooks, &mut report);
        self.update_prices();
        self.apply_due_children(&mut report);
        self.pay_root_stakers(parent_hash);
        report.emissions = self.emissions();
        report
    }

    fn emissions(&self) -> Vec<(NetUid, BlockEmission)> {
        let subnets = self.subnets.iter().filter(|(netuid, _)| netuid.0 != 0);
        subnets.map(|(netuid, subnet)| (*netuid, subnet.block_emission)).collect()
    }

    /// Claims of root dividends, where the spec has them.
    fn pay_root_stakers(&mut self, parent_hash: &[u8; 32]) {
        match self.spec.payout.root_dividends {
            RootDividends::Claims => self.auto_claim(parent_hash),
            RootDividends::Baskets => self.flush_next_basket(),
            RootDividends::Tao => (),
        }
    }

    fn move_registration_prices(&mut self) {
        let (block, rule) = (self.block, self.spec.registration.price);
        for subnet in self.subnets.values_mut().filter(|subnet| subnet.netuid.0 != 0) {
            match rule {
                NeuronPrice::HalfLife if block > 1 => subnet.registration_price.decay(),
                NeuronPrice::HalfLife => (),
                NeuronPrice::Interval => subnet.registration_price.adjust(block),
            }
        }
    }

    /// Mints the block's emission; what the coinbase does not spend is taken back by it.
    fn mint(&mut self) -> u64 {
        let room = SUPPLY_MAX_RAO.saturating_sub(self.total_issuance);
        let minted = block_emission(self.total_issuance).min(room);
        self.total_issuance += minted;
        minted
    }

    /// Moving prices and displayed root proportions (sections 2.8 and 2; runtime timeline, section 1.4).
    fn update_prices(&mut self) {
        let root = self.weighted_root();
        let (averages, set) = (self.averages(), self.spec.shares.emit_set);
        for subnet in self.subnets.values_mut().filter(|subnet| subnet.is_in(set)) {
            subnet.moving_price = averages.next(subnet);
            subnet.root_proportion = root_proportion_by(root, subnet.alpha_issuance());
        }
    }

    fn averages(&self) -> Averages {
        Averages {
            rules: self.spec.price,
            block: self.block,
            rate: self.globals.moving_alpha,
            halving_blocks: self.globals.ema_price_halving_blocks,
        }
    }
}

/// How moving prices move in one block.
struct Averages {
    rules: MovingPriceRules,
    block: u64,
    rate: I96F32,
    halving_blocks: u64,
}

impl Averages {
    fn next(&self, subnet: &Subnet) -> I96F32 {
        let spot = subnet.price();
        let price = if self.rules.capped { spot.min(U64F64::ONE) } else { spot };
        let age = self.age(subnet);
        match self.rules.bits {
            FractionBits::Bits64 => {
                let rate = rate_at(self.rate.convert::<U64F64>(), age);
                moving_average(rate, price, subnet.moving_price.convert()).convert()
            }
            FractionBits::Bits32 => {
                let rate = rate_at_32(self.rate.convert::<U96F32>(), age);
                moving_average_32(rate, price.convert(), subnet.moving_price.convert()).convert()
            }
        }
    }

    /// Blocks of age and of half the full rate; none where age does not slow the average.
    fn age(&self, subnet: &Subnet) -> Option<(u64, u64)> {
        let registered = self.block.saturating_sub(subnet.registered_at);
        match self.rules.age {
            PriceAge::None => None,
            PriceAge::RegistrationFixed => Some((registered, FIXED_HALVING_BLOCKS)),
            PriceAge::Registration => Some((registered, self.halving_blocks)),
            PriceAge::Start => {
                let first = subnet.first_emission_block.unwrap_or(self.block);
                Some((self.block.saturating_sub(first.saturating_sub(1)), self.halving_blocks))
            }
        }
    }
}

/// The average's rate, slowed by age.
fn rate_at(rate: U64F64, age: Option<(u64, u64)>) -> U64F64 {
    let Some((age, halving)) = age else { return rate };
    let progress = match age.checked_add(halving) {
        Some(sum) => U64F64::ratio(age, sum),
        None => U64F64::from_int(age).safe_div(U64F64::MAX),
    };
    rate.saturating_mul(progress)
}

fn rate_at_32(rate: U96F32, age: Option<(u64, u64)>) -> U96F32 {
    let Some((age, halving)) = age else { return rate };
    let (age, halving) = (U96F32::from_int(age), U96F32::from_int(halving));
    rate.saturating_mul(age.safe_div(age.saturating_add(halving)))
}

fn moving_average_32(rate: U96F32, new: U96F32, old: U96F32) -> U96F32 {
    rate.saturating_mul(new).saturating_add(U96F32::ONE.saturating_sub(rate).saturating_mul(old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Globals;
    use crate::pool::Pool;
    use crate::spec::RuntimeSpec;

    /// Price 4, rate 1/4, 201,600 blocks after registration, 100,800 after the start.
    fn next(version: u32) -> i128 {
        let spec = RuntimeSpec::at_version(version).unwrap();
        let globals = Globals { moving_alpha: I96F32::from_bits(1 << 30), ..Globals::default() };
        let mut network = Network::with_spec(globals, 201_600, spec);
        let mut subnet = Subnet::new(NetUid(1), 0);
        subnet.pool = Pool::new(4_000_000_000, 1_000_000_000);
        subnet.first_emission_block = Some(100_801);
        network.insert_subnet(subnet);
        network.averages().next(&network.subnets[&NetUid(1)]).to_bits()
    }

    #[test]
    fn the_moving_price_is_slowed_as_its_version_says() {
        assert_eq!(next(233), 1 << 32); // 1/4 of 4
        assert_eq!(next(234), 1 << 30); // 1/4 of 1
        assert_eq!(next(246), ((1 << 32) * 2_i128 / 3) / 4); // 2/3 of it
        assert_eq!(next(252), 1 << 29); // 1/2
        assert_eq!(next(258), ((1 << 32) / 3) / 4); // 1/3
        assert_eq!(next(425), ((1 << 32) / 3) / 4);
    }
}
