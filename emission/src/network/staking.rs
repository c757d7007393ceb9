//! Staking, unstaking and moving stake (emission mathematics, section 3.6).

use codec::{Decode, Encode};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{Bank, Network, Subnet};
use crate::OpError;
use crate::pool::{INPUT_MULTIPLE_MAX, Side, Swap, SwapLimit};
use crate::spec::FeeReceiver;

const ROOT: NetUid = NetUid(0);

/// What a stake operation moved, in rao. Its fields are those of the chain's stake events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct StakeMoved {
    /// TAO paid (staking) or received (unstaking), without the fee.
    pub tao: u64,
    /// Alpha received (staking) or given up (unstaking).
    pub alpha: u64,
    /// Fee, in TAO when staking and in alpha when unstaking.
    pub fee: u64,
}

/// The price at which an operation stops, and whether it may then be done in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceLimit {
    /// Limit in rao of TAO per alpha.
    pub price_rao: u64,
    /// Whether a part may be done.
    pub allow_partial: bool,
}

/// Where stake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The hotkey staked on.
    pub hotkey: Hotkey,
    /// The coldkey whose stake it is.
    pub coldkey: Coldkey,
    /// The subnet.
    pub netuid: NetUid,
}

impl Network {
    /// Buys alpha and stakes it on a hotkey.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn add_stake(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        tao_rao: u64,
    ) -> Result<StakeMoved, OpError> {
        self.check_add(bank, coldkey, hotkey, netuid, tao_rao)?;
        self.stake(bank, coldkey, hotkey, netuid, tao_rao, SwapLimit::none(Side::Buy))
    }

    /// Buys alpha up to a price and stakes it.
    ///
    /// # Errors
    /// As [`Network::add_stake`]; `SlippageTooHigh` when the limit allows only a part and that is not allowed.
    pub fn add_stake_limit(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        tao_rao: u64,
        limit: PriceLimit,
    ) -> Result<StakeMoved, OpError> {
        let possible = self.amount_to_price(Side::Buy, netuid, limit.price_rao)?;
        let tao_rao = within_limit(tao_rao, possible, limit)?;
        self.check_add(bank, coldkey, hotkey, netuid, tao_rao)?;
        self.stake(bank, coldkey, hotkey, netuid, tao_rao, SwapLimit::rao(limit.price_rao))
    }

    fn free_stake_of(&self, hotkey: &Hotkey, coldkey: &Coldkey, netuid: NetUid) -> u64 {
        self.subnet(netuid).map_or(0, |subnet| subnet.free_stake_of(hotkey, coldkey))
    }

    /// The gross amount that moves the pool to a price, at most a thousand times its reserve.
    fn amount_to_price(&self, side: Side, netuid: NetUid, price_rao: u64) -> Result<u64, OpError> {
        let subnet = self.traded(netuid)?;
        if !subnet.dynamic {
            return Ok(u64::MAX);
        }
        let reserve = if side == Side::Buy { subnet.pool.tao } else { subnet.pool.alpha };
        let most = reserve.saturating_mul(INPUT_MULTIPLE_MAX);
        let swap = subnet.quote(side, most, SwapLimit::rao(price_rao), self.globals.fee_rate)?;
        Ok(swap.paid_in.saturating_add(swap.fee))
    }

    fn traded(&self, netuid: NetUid) -> Result<&Subnet, OpError> {
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        if subnet.subtoken_enabled { Ok(subnet) } else { Err(OpError::SubtokenDisabled) }
    }

    fn simulate(&self, subnet: &Subnet, side: Side, amount: u64) -> Result<Swap, OpError> {
        let fee_rate = if subnet.dynamic { self.globals.fee_rate } else { 0 };
        Ok(subnet.quote(side, amount, SwapLimit::none(side), fee_rate)?)
    }

    fn check_add(
        &self,
        bank: &impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        tao: u64,
    ) -> Result<(), OpError> {
        let subnet = self.traded(netuid)?;
        if subnet.dynamic && tao > subnet.pool.tao.saturating_mul(INPUT_MULTIPLE_MAX) {
            return Err(OpError::InsufficientLiquidity);
        }
        let least = self.globals.min_stake_rao;
        let fee = self.simulate(subnet, Side::Buy, least).map_or(0, |swap| swap.fee);
        let flat = self.flat_stake_fee();
        if tao < least.saturating_add(fee).saturating_add(flat) {
            return Err(OpError::AmountTooLow);
        }
        if bank.balance(coldkey) < tao {
            return Err(OpError::NotEnoughBalanceToStake);
        }
        if !self.hotkeys.contains_key(hotkey) {
            return Err(OpError::HotKeyAccountNotExists);
        }
        let swap =
            self.simulate(subnet, Side::Buy, tao - flat).map_err(|_| OpError::InsufficientLiquidity)?;
        if swap.paid_in < least {
            return Err(OpError::AmountTooLow);
        }
        let fits = subnet.stakes.get(hotkey).is_none_or(|pool| pool.can_represent(swap.paid_out));
        if fits { Ok(()) } else { Err(OpError::InsufficientLiquidity) }
    }

    fn stake(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        tao: u64,
        limit: SwapLimit,
    ) -> Result<StakeMoved, OpError> {
        let spendable = bank.balance(coldkey).saturating_sub(self.globals.existential_deposit_rao);
        let gross = tao.min(spendable);
        let flat = self.flat_stake_fee().min(gross);
        let swap = self.quote_buy(netuid, gross - flat, limit, self.globals.fee_rate)?;
        bank.debit(coldkey, gross);
        self.deposit(netuid, gross);
        self.buy_stake(coldkey, hotkey, netuid, gross - flat, &swap);
        self.lift_pool(netuid, flat);
        self.pay_author(bank, netuid, swap.fee_to_author);
        Ok(StakeMoved { tao: swap.paid_in, alpha: swap.paid_out, fee: swap.fee })
    }

    fn quote_buy(
        &self,
        netuid: NetUid,
        gross: u64,
        limit: SwapLimit,
        fee_rate: u16,
    ) -> Result<Swap, OpError> {
        let subnet = self.traded(netuid)?;
        let swap = subnet.quote(Side::Buy, gross, limit, if subnet.dynamic { fee_rate } else { 0 })?;
        if swap.paid_out == 0 { Err(OpError::AmountTooLow) } else { Ok(swap) }
    }

    /// TAO arrives in a subnet's account.
    pub(super) fn deposit(&mut self, netuid: NetUid, tao: u64) {
        if let Some(subnet) = self.subnets.get_mut(&netuid) {
            subnet.account_tao = subnet.account_tao.saturating_add(tao);
        }
    }

    /// Books a purchase with TAO that is in the subnet's account, and stakes the alpha.
    fn buy_stake(&mut self, coldkey: &Coldkey, hotkey: &Hotkey, netuid: NetUid, gross: u64, swap: &Swap) {
        if netuid == ROOT {
            let root = self.subnets.get_mut(&ROOT).expect("root always exists");
            root.account_tao = root.account_tao.saturating_sub(gross);
            self.grow_root(hotkey, coldkey, gross);
            return;
        }
        let measured = self.measures_pool();
        let subnet = self.subnets.get_mut(&netuid).expect("the purchase was quoted");
        let before = subnet.position_tao();
        subnet.bought(swap, gross);
        let change = subnet.position_tao().saturating_sub(before);
        let inflow = if measured { change.min(gross) } else { swap.paid_in };
        subnet.user_flow = subnet.user_flow.saturating_add_unsigned(inflow);
        self.total_stake = self.total_stake.saturating_add(gross);
        self.credit_stake(netuid, hotkey, coldkey, swap.paid_out);
    }

    /// A fee in TAO leaves the subnet's account: to the block's author, or out of existence.
    pub(super) fn pay_author(&mut self, bank: &mut impl Bank, netuid: NetUid, fee: u64) {
        if fee == 0 || self.spec.pool.fee_to == FeeReceiver::Pool {
            return;
        }
        if let Some(subnet) = self.subnets.get_mut(&netuid) {
            subnet.account_tao = subnet.account_tao.saturating_sub(fee);
        }
        match self.author {
            Some(author) => bank.credit(&author, fee),
            None => self.total_issuance = self.total_issuance.saturating_sub(fee),
        }
    }

    /// Sells staked alpha and pays the TAO out. The amount is capped at what is staked.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn remove_stake(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha_rao: u64,
    ) -> Result<StakeMoved, OpError> {
        let alpha_rao = alpha_rao.min(self.free_stake_of(hotkey, coldkey, netuid));
        self.check_remove(coldkey, hotkey, netuid, alpha_rao)?;
        self.unstake(bank, coldkey, hotkey, netuid, alpha_rao, SwapLimit::none(Side::Sell))
    }

    /// Sells staked alpha down to a price.
    ///
    /// # Errors
    /// As [`Network::remove_stake`]; `SlippageTooHigh` when the limit allows only a part and that is not allowed.
    pub fn remove_stake_limit(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha_rao: u64,
        limit: PriceLimit,
    ) -> Result<StakeMoved, OpError> {
        let alpha_rao = alpha_rao.min(self.free_stake_of(hotkey, coldkey, netuid));
        let possible = self.amount_to_price(Side::Sell, netuid, limit.price_rao)?;
        let alpha_rao = within_limit(alpha_rao, possible, limit)?;
        self.check_remove(coldkey, hotkey, netuid, alpha_rao)?;
        self.unstake(bank, coldkey, hotkey, netuid, alpha_rao, SwapLimit::rao(limit.price_rao))
    }

    fn check_remove(
        &self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha: u64,
    ) -> Result<(), OpError> {
        let subnet = self.traded(netuid)?;
        if !self.hotkeys.contains_key(hotkey) {
            return Err(OpError::HotKeyAccountNotExists);
        }
        if alpha == 0 {
            return Err(OpError::AmountTooLow);
        }
        let held = subnet.stake_of(hotkey, coldkey);
        if alpha > subnet.free_stake_of(hotkey, coldkey) {
            return Err(OpError::NotEnoughStakeToWithdraw);
        }
        let swap = self.simulate(subnet, Side::Sell, alpha);
        let tao = swap.map_or(0, |swap| swap.paid_out);
        if alpha < held && tao < self.globals.min_stake_rao { Err(OpError::AmountTooLow) } else { Ok(()) }
    }

    fn unstake(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha: u64,
        limit: SwapLimit,
    ) -> Result<StakeMoved, OpError> {
        let swap = self.sell_stake(coldkey, hotkey, netuid, alpha, limit, self.globals.fee_rate)?;
        let flat = self.flat_unstake_fee(netuid, hotkey, &swap);
        bank.credit(coldkey, swap.paid_out - flat);
        self.return_to_pool(netuid, flat);
        self.sell_fee(bank, netuid, swap.fee_to_author);
        Ok(StakeMoved { tao: swap.paid_out, alpha: swap.paid_in, fee: swap.fee })
    }

    /// Takes stake, sells it and books the sale; the TAO has left the subnet's account. What a limit leaves
    /// unsold is staked again.
    fn sell_stake(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha: u64,
        limit: SwapLimit,
        fee_rate: u16,
    ) -> Result<Swap, OpError> {
        if netuid == ROOT {
            self.flush_basket(hotkey);
        }
        let subnet = self.traded(netuid)?;
        let swap = subnet.quote(Side::Sell, alpha, limit, if subnet.dynamic { fee_rate } else { 0 })?;
        let measured = self.measures_pool();
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if !subnet.debit_stake(hotkey, coldkey, alpha) {
            return Err(OpError::NotEnoughStakeToWithdraw);
        }
        let before = subnet.position_tao();
        subnet.sold_or_shrunk(&swap);
        let change = before.saturating_sub(subnet.position_tao());
        let outflow = if measured { change.max(swap.paid_out) } else { swap.paid_out };
        subnet.user_flow = subnet.user_flow.saturating_sub_unsigned(outflow);
        self.total_stake = self.total_stake.saturating_sub(swap.paid_out);
        let unsold = alpha.saturating_sub(swap.paid_in).saturating_sub(swap.fee);
        self.credit_stake(netuid, hotkey, coldkey, unsold);
        if netuid == ROOT {
            self.shift_claimed(hotkey, coldkey, alpha, false);
        }
        Ok(swap)
    }

    /// Sells a fee that was taken in alpha; the TAO goes to the block's author. Without an author the
    /// alpha stays outside the pool, owned by nobody.
    fn sell_fee(&mut self, bank: &mut impl Bank, netuid: NetUid, alpha: u64) {
        let paid = alpha > 0 && self.spec.pool.fee_to == FeeReceiver::Author;
        let Some(author) = self.author.filter(|_| paid) else { return };
        let Some(subnet) = self.subnets.get_mut(&netuid) else { return };
        if let Ok(swap) = subnet.quote(Side::Sell, alpha, SwapLimit::none(Side::Sell), 0) {
            subnet.sold(&swap);
            subnet.user_flow = subnet.user_flow.saturating_sub_unsigned(swap.paid_out);
            self.total_stake = self.total_stake.saturating_sub(swap.paid_out);
            bank.credit(&author, swap.paid_out);
        }
    }

    /// Moves stake to another hotkey, coldkey or subnet. Between subnets it is sold and bought with one fee.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn move_stake(
        &mut self,
        bank: &mut impl Bank,
        from: &Position,
        to: &Position,
        alpha_rao: u64,
    ) -> Result<StakeMoved, OpError> {
        self.check_move(from, to, alpha_rao)?;
        if from.netuid == to.netuid {
            return self.move_within(from, to, alpha_rao);
        }
        let before = self.clone();
        let moved = self.move_between(bank, from, to, alpha_rao);
        if moved.is_err() {
            *self = before;
        }
        moved
    }

    fn check_move(&self, from: &Position, to: &Position, alpha: u64) -> Result<(), OpError> {
        let (origin, _) = (self.traded(from.netuid)?, self.traded(to.netuid)?);
        if from == to {
            return Err(OpError::SameNetuid);
        }
        if ![from.hotkey, to.hotkey].iter().all(|hotkey| self.hotkeys.contains_key(hotkey)) {
            return Err(OpError::HotKeyAccountNotExists);
        }
        if from.coldkey != to.coldkey && !origin.transfer_allowed {
            return Err(OpError::TransferDisallowed);
        }
        let held = origin.free_stake_of(&from.hotkey, &from.coldkey);
        if alpha > held || held == 0 {
            return Err(OpError::NotEnoughStakeToWithdraw);
        }
        let swap = self.simulate(origin, Side::Sell, alpha).map_err(|_| OpError::InsufficientLiquidity)?;
        if swap.paid_out < self.globals.min_stake_rao { Err(OpError::AmountTooLow) } else { Ok(()) }
    }

    fn move_within(&mut self, from: &Position, to: &Position, alpha: u64) -> Result<StakeMoved, OpError> {
        if from.netuid == ROOT {
            [from.hotkey, to.hotkey].iter().for_each(|hotkey| self.flush_basket(hotkey));
        }
        let subnet = self.subnets.get_mut(&from.netuid).ok_or(OpError::SubnetNotExists)?;
        if !subnet.debit_stake(&from.hotkey, &from.coldkey, alpha) {
            return Err(OpError::NotEnoughStakeToWithdraw);
        }
        self.credit_stake(to.netuid, &to.hotkey, &to.coldkey, alpha);
        if from.netuid == ROOT {
            self.shift_claimed(&from.hotkey, &from.coldkey, alpha, false);
            self.shift_claimed(&to.hotkey, &to.coldkey, alpha, true);
            self.remember_root_staker(&to.coldkey);
        }
        Ok(StakeMoved { tao: 0, alpha, fee: 0 })
    }

    fn move_between(
        &mut self,
        bank: &mut impl Bank,
        from: &Position,
        to: &Position,
        alpha: u64,
    ) -> Result<StakeMoved, OpError> {
        let fee_rate = self.globals.fee_rate;
        let (sell_rate, buy_rate) = if from.netuid == ROOT { (0, fee_rate) } else { (fee_rate, 0) };
        let limit = SwapLimit::none(Side::Sell);
        let sale = self.sell_stake(&from.coldkey, &from.hotkey, from.netuid, alpha, limit, sell_rate)?;
        let flat = self.flat_unstake_fee(from.netuid, &from.hotkey, &sale);
        self.return_to_pool(from.netuid, flat);
        let tao = sale.paid_out - flat;
        let purchase = self.quote_buy(to.netuid, tao, SwapLimit::none(Side::Buy), buy_rate)?;
        self.deposit(to.netuid, tao);
        self.buy_stake(&to.coldkey, &to.hotkey, to.netuid, tao, &purchase);
        self.sell_fee(bank, from.netuid, sale.fee_to_author);
        self.pay_author(bank, to.netuid, purchase.fee_to_author);
        Ok(StakeMoved { tao: sale.paid_out, alpha: purchase.paid_out, fee: sale.fee })
    }

    /// Removes staked alpha from the world: recycled alpha leaves the issuance, burned alpha stays in it.
    ///
    /// # Errors
    /// Root, an unknown subnet or hotkey, or more than there is.
    pub fn destroy_stake(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha_rao: u64,
        recycle: bool,
    ) -> Result<u64, OpError> {
        if netuid == ROOT {
            return Err(OpError::CannotBurnOrRecycleOnRootSubnet);
        }
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        let amount = alpha_rao.min(subnet.free_stake_of(hotkey, coldkey));
        if amount > subnet.alpha_out {
            return Err(OpError::NotEnoughAlphaOutToRecycle);
        }
        if amount == 0 || !subnet.debit_stake(hotkey, coldkey, amount) {
            return Err(OpError::NotEnoughStakeToWithdraw);
        }
        if recycle {
            subnet.alpha_out -= amount;
        }
        Ok(amount)
    }
}

impl Subnet {
    /// Books a sale; root has no pool and only shrinks.
    pub(super) fn sold_or_shrunk(&mut self, swap: &Swap) {
        if self.dynamic {
            self.sold(swap);
            return;
        }
        self.pool.tao = self.pool.tao.saturating_sub(swap.paid_out);
        self.account_tao = self.account_tao.saturating_sub(swap.paid_out);
        self.alpha_out = self.alpha_out.saturating_sub(swap.paid_in);
    }
}

fn within_limit(amount: u64, possible: u64, limit: PriceLimit) -> Result<u64, OpError> {
    if amount > possible && !limit.allow_partial {
        return Err(OpError::SlippageTooHigh);
    }
    Ok(amount.min(possible))
}
