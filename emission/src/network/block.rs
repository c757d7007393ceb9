//! The block step: everything that happens before a block's extrinsics (emission mathematics, section 2).

use sn3_protocol::NetUid;

use super::Network;
use crate::fixed::{Fixed, I96F32, U64F64};
use crate::issuance::{SUPPLY_MAX_RAO, block_emission};
use crate::vector::moving_average;

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
}

impl Network {
    /// Steps one block. `parent_hash` draws the root stakers whose dividends are claimed. Timelocked weights
    /// stay closed.
    pub fn step_block(&mut self, parent_hash: &[u8; 32]) -> BlockReport {
        self.step_block_with(parent_hash, &mut super::NoOpener)
    }

    /// Steps one block; `opener` opens the timelocked weights whose epoch has come.
    pub fn step_block_with(&mut self, parent_hash: &[u8; 32], opener: &mut dyn super::Opener) -> BlockReport {
        self.block += 1;
        let mut report = BlockReport { block: self.block, ..BlockReport::default() };
        self.decay_registration_prices();
        let credit = self.mint();
        self.reveal_timelocked(opener);
        self.run_coinbase(credit, &mut report);
        self.update_prices();
        self.apply_due_children(&mut report);
        self.auto_claim(parent_hash);
        report
    }

    fn decay_registration_prices(&mut self) {
        if self.block > 1 {
            for (netuid, subnet) in &mut self.subnets {
                if netuid.0 != 0 {
                    subnet.registration_price.decay();
                }
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

    /// Moving prices and displayed root proportions (sections 2.8 and 2).
    fn update_prices(&mut self) {
        let root_tao = self.root_tao();
        let globals = self.globals.clone();
        let block = self.block;
        for subnet in self.subnets.values_mut().filter(|subnet| subnet.is_emitted_to()) {
            let first = subnet.first_emission_block.unwrap_or(block);
            let age = U64F64::from_int(block.saturating_sub(first.saturating_sub(1)));
            let halving = U64F64::from_int(globals.ema_price_halving_blocks);
            let progress = age.safe_div(age.saturating_add(halving));
            let alpha = globals.moving_alpha.convert::<U64F64>().saturating_mul(progress);
            let price = subnet.price().min(U64F64::ONE);
            let average = moving_average(alpha, price, subnet.moving_price.convert());
            subnet.moving_price = average.convert::<I96F32>();
            let weight = globals.tao_weight_fixed();
            subnet.root_proportion =
                crate::issuance::root_proportion(root_tao, weight, subnet.alpha_issuance());
        }
    }
}
