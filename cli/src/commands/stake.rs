//! `sn3 stake …`: into and out of a subnet's alpha, never beyond a price.

use serde::Serialize;
use sn3_chain::client::{RAO_PER_WHOLE, SwapPreview};
use sn3_chain::tx::TxCall;
use sn3_chain::{BlockRef, ChainClient};
use sn3_protocol::{Alpha, Hotkey, NetUid, Rao};

use super::chain::amount::{InAlpha, Tao};
use super::chain::spend::{Payer, spend};
use super::chain::{connect, head_with_subnet, hotkey_address};
use crate::args::chain::{StakeAddArgs, StakeCommand, StakeOnArgs, StakeRemoveArgs};
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Subnet 0, where stake is TAO and has no price.
const ROOT: NetUid = NetUid(0);

/// A stake or unstake before it is signed.
#[derive(Serialize)]
struct Plan {
    block: BlockRef,
    netuid: NetUid,
    hotkey: Hotkey,
    swap: SwapPreview,
    /// What a whole alpha costs on average in this trade, in rao.
    average_price: Rao,
    /// The most or least that a whole alpha may cost, in rao.
    limit_price: Option<Rao>,
}

/// Who, where, at which block.
struct On {
    payer: Payer,
    hotkey: Hotkey,
    netuid: NetUid,
    client: ChainClient,
    head: BlockRef,
}

/// Runs one of the commands.
pub async fn run(command: StakeCommand, output: &Output) -> Result<(), CliError> {
    match command {
        StakeCommand::Add(args) => add(&args, output).await,
        StakeCommand::Remove(args) => remove(&args, output).await,
    }
}

async fn add(args: &StakeAddArgs, output: &Output) -> Result<(), CliError> {
    not_zero(args.amount.0)?;
    let on = On::open(&args.on).await?;
    if on.client.owner(&on.hotkey, on.head).await?.is_none() {
        let message = format!("the chain does not know the hotkey {}; register it first", on.hotkey);
        return Err(CliError::new(Exit::Chain, message));
    }
    let swap = on.client.preview_stake(on.netuid, args.amount, on.head).await?;
    let limit_price = limit(on.netuid, args.max_price, swap.price, 1.0 + args.on.slippage / 100.0);
    let plan = on.plan(swap, limit_price);
    output.event("stake", &plan);
    output.result(format_args!("gets      {} for {}", InAlpha(swap.alpha), Tao(args.amount)));
    output.result(plan.price_line(&Tao(Rao(swap.pool_fee)).to_string()));
    plan.check_liquidity()?;
    plan.check_limit(|average, limit| average > limit)?;
    let (netuid, hotkey, amount) = (on.netuid, on.hotkey, args.amount);
    let call = TxCall::AddStake { netuid, hotkey, amount, limit_price };
    spend(&on.client, &on.payer, call, &args.on.spend, output).await.map(drop)
}

async fn remove(args: &StakeRemoveArgs, output: &Output) -> Result<(), CliError> {
    if let Some(amount) = args.amount {
        not_zero(amount.0)?;
    }
    let on = On::open(&args.on).await?;
    let staked = on.staked().await?;
    let amount = args.amount.unwrap_or(staked);
    if staked.0 == 0 || amount > staked {
        let message = format!(
            "{} has {} on {} of subnet {}, less than the {} to be taken off",
            on.payer.coldkey,
            InAlpha(staked),
            on.hotkey,
            on.netuid,
            InAlpha(amount)
        );
        return Err(CliError::new(Exit::Chain, format!("{message}; choose less, or another hotkey")));
    }
    let swap = on.client.preview_unstake(on.netuid, amount, on.head).await?;
    let limit_price = limit(on.netuid, args.min_price, swap.price, 1.0 - args.on.slippage / 100.0);
    let plan = on.plan(swap, limit_price);
    output.event("unstake", &plan);
    output.result(format_args!("gets      {} for {} of {}", Tao(swap.tao), InAlpha(amount), InAlpha(staked)));
    output.result(plan.price_line(&InAlpha(Alpha(swap.pool_fee)).to_string()));
    plan.check_liquidity()?;
    plan.check_limit(|average, limit| average < limit)?;
    let call = TxCall::RemoveStake { netuid: on.netuid, hotkey: on.hotkey, amount, limit_price };
    spend(&on.client, &on.payer, call, &args.on.spend, output).await.map(drop)
}

impl On {
    async fn open(args: &StakeOnArgs) -> Result<Self, CliError> {
        let payer = Payer::open(&args.spend)?;
        let hotkey = hotkey_address(&args.spend.keys, args.hotkey_address)?;
        let (client, netuid) = (connect(&args.spend.chain).await?, NetUid(args.netuid));
        let head = head_with_subnet(&client, netuid).await?;
        Ok(Self { payer, hotkey, netuid, client, head })
    }

    /// What the coldkey has on this hotkey of this subnet.
    async fn staked(&self) -> Result<Alpha, CliError> {
        let all = self.client.stakes(&self.payer.coldkey, self.head).await?;
        let own = all.iter().find(|stake| stake.netuid == self.netuid && stake.hotkey == self.hotkey);
        Ok(own.map_or(Alpha(0), |stake| stake.alpha))
    }

    fn plan(&self, swap: SwapPreview, limit_price: Option<Rao>) -> Plan {
        let average_price = average(swap);
        Plan { block: self.head, netuid: self.netuid, hotkey: self.hotkey, swap, average_price, limit_price }
    }
}

impl Plan {
    fn price_line(&self, pool_fee: &str) -> String {
        if self.netuid == ROOT {
            return "price     one to one, as always on subnet 0".into();
        }
        let moved = 100.0 * (self.average_price.0 as f64 / self.swap.price.0.max(1) as f64 - 1.0);
        let limit = self.limit_price.map_or(Rao(0), |limit| limit);
        format!(
            "price     {} per alpha now, {} on average ({moved:+.2} %, pool fee {pool_fee}), limit {}",
            Tao(self.swap.price),
            Tao(self.average_price),
            Tao(limit)
        )
    }

    /// A trade whose average price is beyond the limit ends further beyond it, so the chain would refuse it for a fee.
    fn check_limit(&self, beyond: impl Fn(Rao, Rao) -> bool) -> Result<(), CliError> {
        match self.limit_price.filter(|limit| beyond(self.average_price, *limit)) {
            None => Ok(()),
            Some(limit) => Err(CliError::new(
                Exit::Limit,
                format!(
                    "at {} per alpha on average this goes beyond the limit of {}, so nothing is sent; choose less, or a wider --slippage",
                    Tao(self.average_price),
                    Tao(limit)
                ),
            )),
        }
    }

    /// The simulation gives nothing where the pool would refuse.
    fn check_liquidity(&self) -> Result<(), CliError> {
        if self.swap.alpha.0 > 0 && self.swap.tao.0 > 0 {
            return Ok(());
        }
        let message = format!(
            "the pool of subnet {} gives nothing for this: the subnet is not started, or the amount is too small or too large for it",
            self.netuid
        );
        Err(CliError::new(Exit::Chain, format!("{message}; look at `sn3 subnet {}`", self.netuid)))
    }
}

/// The price limit that goes with the call; none on subnet 0, where there is no price.
fn limit(netuid: NetUid, given: Option<Rao>, price: Rao, factor: f64) -> Option<Rao> {
    let by_slippage = || Rao((price.0 as f64 * factor.max(0.0)).round() as u64);
    (netuid != ROOT).then(|| given.unwrap_or_else(by_slippage))
}

/// TAO per whole alpha over the whole trade, in rao: 1 TAO for 4 alpha is 0.25 TAO.
fn average(swap: SwapPreview) -> Rao {
    let price = u128::from(swap.tao.0) * u128::from(RAO_PER_WHOLE) / u128::from(swap.alpha.0.max(1));
    Rao(u64::try_from(price).unwrap_or(u64::MAX))
}

fn not_zero(amount: u64) -> Result<(), CliError> {
    if amount > 0 { Ok(()) } else { Err(CliError::new(Exit::Usage, "the amount is 0; give one above it")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_the_price_and_the_slippage() {
        let price = Rao(250_000_000);
        assert_eq!(limit(NetUid(3), None, price, 1.01), Some(Rao(252_500_000)));
        assert_eq!(limit(NetUid(3), None, price, 0.98), Some(Rao(245_000_000)));
        assert_eq!(limit(NetUid(3), Some(Rao(7)), price, 1.01), Some(Rao(7)));
        assert_eq!(limit(ROOT, Some(Rao(7)), price, 1.01), None);
    }

    #[test]
    fn the_average_is_what_is_paid_per_alpha() {
        let swap = SwapPreview {
            price: Rao(0),
            tao: Rao(RAO_PER_WHOLE),
            alpha: Alpha(4 * RAO_PER_WHOLE),
            pool_fee: 0,
        };
        assert_eq!(average(swap), Rao(250_000_000));
    }
}
