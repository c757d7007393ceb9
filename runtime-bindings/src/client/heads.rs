//! A subscription to finalized heads.

use codec::Encode as _;
use sn3_protocol::Digest;
use subxt::config::Header as _;
use subxt::rpcs::client::RpcSubscription;

use super::config::SubtensorConfig;
use super::{ChainClient, within};
use crate::{BlockRef, ReadError};

type Header = <SubtensorConfig as subxt::Config>::Header;

/// Finalized heads as they come. Several blocks may become final at once; only the newest is then delivered.
pub(crate) struct FinalizedHeads {
    subscription: RpcSubscription<Header>,
}

impl ChainClient {
    pub(crate) async fn finalized_heads(&self) -> Result<FinalizedHeads, ReadError> {
        let session = self.session().await?;
        let request = session.rpc.chain_subscribe_finalized_heads();
        Ok(FinalizedHeads { subscription: within("the subscription to finalized heads", request).await? })
    }
}

impl FinalizedHeads {
    /// The next head; waits as long as it takes, so the caller sets the deadline.
    pub(crate) async fn next(&mut self) -> Result<BlockRef, ReadError> {
        let ended = |reason: String| ReadError::Endpoint { what: "finalized heads".into(), reason };
        match self.subscription.next().await {
            Some(Ok(header)) => {
                Ok(BlockRef { number: header.number().into(), hash: Digest::of(&header.encode()) })
            }
            Some(Err(error)) => Err(ended(error.to_string())),
            None => Err(ended("the node ended the subscription".into())),
        }
    }
}
