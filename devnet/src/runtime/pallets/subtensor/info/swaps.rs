//! Prices, and what swaps would move.

use super::super::{pallet::*, types::*};
use super::records::*;
use sn3_emission::{
    fixed::U64F64,
    pool::{Side, Swap, SwapLimit, gross_fee},
};
use sn3_protocol::NetUid as Net;

/// Rao in one TAO.
const RAO: u64 = 1_000_000_000;

impl<T: Config> Pallet<T> {
    /// The price of a subnet's alpha, in rao of TAO.
    pub fn alpha_price(netuid: NetUid) -> u64 {
        Self::economy().subnet(Net(netuid)).map_or(0, |subnet| rao(subnet.price()))
    }

    /// The prices of all subnets.
    pub fn alpha_prices() -> Vec<SubnetPrice> {
        let network = Self::economy();
        network
            .subnets
            .iter()
            .map(|(net, subnet)| SubnetPrice { netuid: net.0, price: rao(subnet.price()) })
            .collect()
    }

    /// What buying alpha for `tao` would move; nothing where the pool refuses.
    pub fn sim_swap_tao_for_alpha(netuid: NetUid, tao: u64) -> SimSwapResult {
        let Some((swap, price)) = Self::simulate(netuid, Side::Buy, tao) else { return Default::default() };
        let ideal = U64F64::from_int(swap.paid_in).safe_div(price).to_u64();
        SimSwapResult {
            tao_amount: swap.paid_in,
            alpha_amount: swap.paid_out,
            tao_fee: swap.fee,
            alpha_slippage: ideal.saturating_sub(swap.paid_out),
            ..Default::default()
        }
    }

    /// What selling `alpha` would move; nothing where the pool refuses.
    pub fn sim_swap_alpha_for_tao(netuid: NetUid, alpha: u64) -> SimSwapResult {
        let Some((swap, price)) = Self::simulate(netuid, Side::Sell, alpha) else {
            return Default::default();
        };
        let ideal = U64F64::from_int(swap.paid_in).saturating_mul(price).to_u64();
        SimSwapResult {
            tao_amount: swap.paid_out,
            alpha_amount: swap.paid_in,
            alpha_fee: swap.fee,
            tao_slippage: ideal.saturating_sub(swap.paid_out),
            ..Default::default()
        }
    }

    fn simulate(netuid: NetUid, side: Side, amount: u64) -> Option<(Swap, U64F64)> {
        let network = Self::economy();
        let subnet = network.subnet(Net(netuid))?;
        let swap = subnet.quote(side, amount, SwapLimit::none(side), network.globals.fee_rate).ok()?;
        Some((swap, subnet.price()))
    }

    /// The fee for moving stake from one place to another; none inside one subnet.
    pub fn stake_fee(origin: Option<NetUid>, destination: Option<NetUid>, amount: u64) -> u64 {
        let network = Self::economy();
        let dynamic = |netuid: NetUid| network.subnet(Net(netuid)).is_some_and(|subnet| subnet.dynamic);
        let crosses =
            origin != destination && (origin.is_some_and(dynamic) || destination.is_some_and(dynamic));
        if crosses { gross_fee(amount, network.globals.fee_rate) } else { 0 }
    }
}

fn rao(price: U64F64) -> u64 {
    price.saturating_mul(U64F64::from_int(RAO)).to_u64()
}
