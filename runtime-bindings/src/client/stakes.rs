//! Who has staked what, what alpha costs, and what a stake would bring.

use serde::{Deserialize, Serialize};
use sn3_protocol::{Alpha, Coldkey, Hotkey, NetUid, Rao};
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::{ChainClient, account, within};
use crate::{BlockRef, ReadError};

/// Smallest parts of one whole TAO or alpha.
pub const RAO_PER_WHOLE: u64 = 1_000_000_000;
/// Subnet 0, whose stake is TAO itself.
const ROOT: NetUid = NetUid(0);
/// Stakes of one coldkey that are read.
const POSITIONS_MAX: usize = 100_000;

/// Stake of one coldkey on one hotkey of one subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakePosition {
    /// The subnet.
    pub netuid: NetUid,
    /// On whom.
    pub hotkey: Hotkey,
    /// How much, in alpha rao; on subnet 0 in rao.
    pub alpha: Alpha,
    /// What a whole alpha costs at this moment, in rao.
    pub price: Rao,
    /// The stake at that price, in rao. Selling all of it brings less, since the price falls meanwhile.
    pub value: Rao,
}

/// What a stake or an unstake would bring at one block (chain interface, section 6, `sim_swap`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapPreview {
    /// What a whole alpha costs before, in rao.
    pub price: Rao,
    /// TAO that goes in or comes out, in rao.
    pub tao: Rao,
    /// Alpha that comes out or goes in, in alpha rao.
    pub alpha: Alpha,
    /// The pool's own fee: in rao when staking, in alpha rao when unstaking.
    pub pool_fee: u64,
}

/// One subnet of the list of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetSummary {
    /// The subnet.
    pub netuid: NetUid,
    /// Its name as its owner gave it; unprintable characters are left out.
    pub name: String,
    /// Blocks between epochs.
    pub tempo: u16,
    /// TAO in its pool, in rao.
    pub tao_in: u64,
    /// Alpha in its pool, in alpha rao.
    pub alpha_in: u64,
    /// Alpha outside its pool, in alpha rao.
    pub alpha_out: u64,
    /// Who owns it.
    pub owner: Coldkey,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct StakeReply {
    hotkey: AccountId32,
    netuid: u16,
    stake: u64,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct SwapReply {
    tao_amount: u64,
    alpha_amount: u64,
    tao_fee: u64,
    alpha_fee: u64,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct SubnetReply {
    netuid: u16,
    owner_coldkey: AccountId32,
    subnet_name: Vec<u8>,
    tempo: u16,
    alpha_in: u64,
    alpha_out: u64,
    tao_in: u64,
}

/// Longest name of a subnet that is shown, in characters.
const NAME_CHARS_MAX: usize = 40;

impl StakePosition {
    fn new(reply: &StakeReply, price: Rao) -> Self {
        Self {
            netuid: NetUid(reply.netuid),
            hotkey: Hotkey(reply.hotkey.0),
            alpha: Alpha(reply.stake),
            price,
            value: worth(Alpha(reply.stake), price),
        }
    }
}

impl From<SubnetReply> for SubnetSummary {
    fn from(reply: SubnetReply) -> Self {
        let name = String::from_utf8_lossy(&reply.subnet_name);
        Self {
            netuid: NetUid(reply.netuid),
            name: name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect(),
            tempo: reply.tempo,
            tao_in: reply.tao_in,
            alpha_in: reply.alpha_in,
            alpha_out: reply.alpha_out,
            owner: Coldkey(reply.owner_coldkey.0),
        }
    }
}

/// Alpha at a price, rounded down: 2 alpha at 0.25 TAO are half a TAO.
fn worth(alpha: Alpha, price: Rao) -> Rao {
    let value = u128::from(alpha.0) * u128::from(price.0) / u128::from(RAO_PER_WHOLE);
    Rao(u64::try_from(value).unwrap_or(u64::MAX))
}

impl ChainClient {
    /// Everything that a coldkey has staked, by subnet and hotkey. Two round trips.
    ///
    /// # Errors
    /// The endpoint fails, or the chain lacks the runtime API.
    pub async fn stakes(&self, of: &Coldkey, block: BlockRef) -> Result<Vec<StakePosition>, ReadError> {
        let found: Vec<StakeReply> =
            self.call(block, "StakeInfoRuntimeApi", "get_stake_info_for_coldkey", (account(of.0),)).await?;
        let mut netuids: Vec<NetUid> = found.iter().map(|reply| NetUid(reply.netuid)).collect();
        netuids.sort_unstable();
        netuids.dedup();
        let prices = netuids.iter().map(|netuid| self.alpha_price(*netuid, block));
        let prices = futures::future::try_join_all(prices).await?;
        let price = |reply: &StakeReply| {
            netuids.binary_search(&NetUid(reply.netuid)).map_or(Rao(0), |index| prices[index])
        };
        let staked = found.iter().take(POSITIONS_MAX).filter(|reply| reply.stake > 0);
        let mut all: Vec<_> = staked.map(|reply| StakePosition::new(reply, price(reply))).collect();
        all.sort_by_key(|position| (position.netuid, position.hotkey));
        Ok(all)
    }

    /// What a whole alpha of a subnet costs, in rao. On subnet 0 it is always one TAO.
    ///
    /// # Errors
    /// The endpoint fails, or the chain lacks the runtime API.
    pub async fn alpha_price(&self, netuid: NetUid, block: BlockRef) -> Result<Rao, ReadError> {
        if netuid == ROOT {
            return Ok(Rao(RAO_PER_WHOLE));
        }
        self.call(block, "SwapRuntimeApi", "current_alpha_price", (netuid.0,)).await.map(Rao)
    }

    /// What staking so much would bring, in one round trip. Nothing is changed.
    ///
    /// # Errors
    /// The endpoint fails, or the chain lacks the runtime API.
    pub async fn preview_stake(
        &self,
        netuid: NetUid,
        amount: Rao,
        block: BlockRef,
    ) -> Result<SwapPreview, ReadError> {
        if netuid == ROOT {
            return Ok(one_to_one(amount.0));
        }
        let swap = self.call(block, "SwapRuntimeApi", "sim_swap_tao_for_alpha", (netuid.0, amount.0));
        let (price, reply) = futures::try_join!(self.alpha_price(netuid, block), swap)?;
        let SwapReply { alpha_amount, tao_fee, .. } = reply;
        Ok(SwapPreview { price, tao: amount, alpha: Alpha(alpha_amount), pool_fee: tao_fee })
    }

    /// What unstaking so much would bring, in one round trip. Nothing is changed.
    ///
    /// # Errors
    /// The endpoint fails, or the chain lacks the runtime API.
    pub async fn preview_unstake(
        &self,
        netuid: NetUid,
        amount: Alpha,
        block: BlockRef,
    ) -> Result<SwapPreview, ReadError> {
        if netuid == ROOT {
            return Ok(one_to_one(amount.0));
        }
        let swap = self.call(block, "SwapRuntimeApi", "sim_swap_alpha_for_tao", (netuid.0, amount.0));
        let (price, reply) = futures::try_join!(self.alpha_price(netuid, block), swap)?;
        let SwapReply { tao_amount, alpha_fee, .. } = reply;
        Ok(SwapPreview { price, tao: Rao(tao_amount), alpha: amount, pool_fee: alpha_fee })
    }

    /// All subnets in one round trip, ascending.
    ///
    /// # Errors
    /// The endpoint fails, or the chain lacks the runtime API.
    pub async fn subnets(&self, block: BlockRef) -> Result<Vec<SubnetSummary>, ReadError> {
        let found: Vec<Option<SubnetReply>> =
            self.call(block, "SubnetInfoRuntimeApi", "get_all_dynamic_info", ()).await?;
        let mut all: Vec<SubnetSummary> = found.into_iter().flatten().map(SubnetSummary::from).collect();
        all.sort_by_key(|subnet| subnet.netuid);
        Ok(all)
    }

    /// Calls the runtime; the reply's fields are found by name.
    async fn call<A, R>(
        &self,
        block: BlockRef,
        api: &'static str,
        method: &'static str,
        arguments: A,
    ) -> Result<R, ReadError>
    where
        A: subxt::ext::frame_decode::storage::IntoEncodableValues,
        R: DecodeAsType,
    {
        let at = self.at(block).await?;
        let call = subxt::runtime_apis::dynamic::<A, R>(api, method, arguments);
        within(&format!("{api}.{method}"), at.runtime_apis().call(call)).await
    }
}

fn one_to_one(amount: u64) -> SwapPreview {
    SwapPreview { price: Rao(RAO_PER_WHOLE), tao: Rao(amount), alpha: Alpha(amount), pool_fee: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stake_is_worth_its_price() {
        // 2 alpha at 0.25 TAO each are 0.5 TAO; three smallest parts of it are nothing.
        assert_eq!(worth(Alpha(2_000_000_000), Rao(250_000_000)), Rao(500_000_000));
        assert_eq!(worth(Alpha(3), Rao(250_000_000)), Rao(0));
        assert_eq!(worth(Alpha(u64::MAX), Rao(u64::MAX)), Rao(u64::MAX));
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let reply = SubnetReply {
            netuid: 3,
            owner_coldkey: AccountId32([1; 32]),
            subnet_name: b"te\x1b[2Jst\n".to_vec(),
            tempo: 360,
            alpha_in: 1,
            alpha_out: 2,
            tao_in: 3,
        };
        assert_eq!(SubnetSummary::from(reply).name, "te[2Jst");
    }
}
