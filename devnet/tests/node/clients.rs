//! A foreign client in the same process: subxt, over both of its ways to read a chain.

use sn3_devnet::{Sealing, runtime::accounts::dev_pair};
use sp_core::Pair;
use subxt::{
    OnlineClient, SubstrateConfig,
    dynamic::Value,
    transactions::Signer,
    utils::{AccountId32, MultiSignature},
};

use super::support::{Rpc, account, start};

struct Dev(&'static str);

impl Signer<SubstrateConfig> for Dev {
    fn account_id(&self) -> AccountId32 {
        AccountId32(account(self.0))
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(dev_pair(self.0).sign(payload).0)
    }
}

/// A transfer from signing to decoded events, and the balance it leaves.
#[tokio::test]
async fn subxt_reads_signs_and_follows() {
    let devnet = start(Sealing::Instant).await;
    let api = OnlineClient::<SubstrateConfig>::from_insecure_url(devnet.ws_url()).await.unwrap();
    let at = api.at_current_block().await.unwrap();
    let to = Value::unnamed_variant("Id", [Value::from_bytes(account("Bob"))]);
    let call = subxt::dynamic::transaction("Balances", "transfer_allow_death", vec![to, Value::u128(12_345)]);
    let rpc = Rpc::to(&devnet).await;
    let before = rpc.free_balance("Bob").await;
    let events = at
        .transactions()
        .sign_and_submit_then_watch_default(&call, &Dev("Alice"))
        .await
        .unwrap()
        .wait_for_finalized_success()
        .await
        .unwrap();
    let names: Vec<String> = events
        .iter()
        .map(|event| {
            let event = event.unwrap();
            format!("{}.{}", event.pallet_name(), event.event_name())
        })
        .collect();
    assert!(names.contains(&"Balances.Transfer".to_owned()), "{names:?}");
    assert!(names.contains(&"System.ExtrinsicSuccess".to_owned()), "{names:?}");
    assert_eq!(rpc.free_balance("Bob").await, before + 12_345);
    let accounts = subxt::dynamic::storage::<([u8; 32],), Value>("System", "Account");
    let at = api.at_current_block().await.unwrap();
    let mut all = at.storage().iter(accounts, ()).await.unwrap();
    let mut count = 0;
    while let Some(account) = futures::StreamExt::next(&mut all).await {
        account.unwrap().value().decode().unwrap();
        count += 1;
    }
    assert!(count >= 9, "{count}");
}
