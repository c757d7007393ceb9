//! Storage addresses that hotkeys commit on chain.

use std::collections::BTreeMap;

use codec::{Compact, Decode};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{Hotkey, NetUid};
use subxt::ext::scale_value::{Composite, Value};

use super::{ChainClient, read_error, within};
use crate::bindings::storage;
use crate::wallet::HotkeyPair;
use crate::{BlockRef, ReadError, Receipt, SubmitError};

/// Leading byte of a field of n raw bytes is n + 1, up to 129 (chain interface, section 5.1).
const RAW_TAG_MAX: u8 = 129;
/// Most commitments that are read of one subnet.
const COMMITMENTS_MAX: usize = 4_096;

impl ChainClient {
    /// The well-formed storage addresses that hotkeys have committed on a subnet.
    pub async fn store_addresses(
        &self,
        netuid: NetUid,
        block: BlockRef,
    ) -> Result<BTreeMap<Hotkey, StoreAddress>, ReadError> {
        let what = "Commitments.CommitmentOf";
        let at = self.at(block).await?;
        let address = storage().commitments().commitment_of().unvalidated();
        let mut entries = within(what, at.storage().iter(address, (netuid.0,))).await?;
        let mut found = BTreeMap::new();
        for _ in 0..COMMITMENTS_MAX {
            let next = async { entries.next().await.transpose() };
            let Some(entry) = within(what, next).await? else { break };
            let key = entry.key().map_err(|error| read_error(what, &error.into()))?;
            let (_, hotkey) = key.decode().map_err(|error| read_error(what, &error.into()))?;
            match registered_address(entry.value().bytes()) {
                Some(address) => drop(found.insert(Hotkey(hotkey.0), address)),
                None => tracing::debug!(hotkey = %Hotkey(hotkey.0), "its commitment is no storage address"),
            }
        }
        Ok(found)
    }

    /// Commits a hotkey's storage address. Free of charge; at most 24 times per epoch.
    pub async fn set_store_address(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        address: &StoreAddress,
    ) -> Result<Receipt, SubmitError> {
        let call = subxt::dynamic::tx("Commitments", "set_commitment", commitment(netuid, &address.encode()));
        self.submit(&hotkey.0, &call).await.map(|landed| landed.receipt)
    }
}

/// The arguments of `set_commitment`: one field of raw bytes, whose length is part of its variant's name.
pub(super) fn commitment(netuid: NetUid, bytes: &[u8]) -> Composite<()> {
    let field = Value::unnamed_variant(format!("Raw{}", bytes.len()), [Value::from_bytes(bytes)]);
    let info = Value::named_composite([("fields", Value::unnamed_composite([field]))]);
    Composite::named([("netuid", Value::u128(netuid.0.into())), ("info", info)])
}

/// Reads the first field of a `Registration`: deposit u64, block u32, number of fields, then the field.
fn registered_address(value: &[u8]) -> Option<StoreAddress> {
    let input = &mut &value[..];
    let (_deposit, _block) = <(u64, u32)>::decode(input).ok()?;
    if Compact::<u32>::decode(input).ok()?.0 == 0 {
        return None;
    }
    let (tag, rest) = input.split_first()?;
    if !(1..=RAW_TAG_MAX).contains(tag) {
        return None;
    }
    StoreAddress::decode(rest.get(..usize::from(tag - 1))?).ok()
}

#[cfg(test)]
mod tests {
    use codec::Encode as _;

    use super::*;

    fn registration(fields: &[&[u8]]) -> Vec<u8> {
        let mut bytes = (0u64, 7u32, Compact(fields.len() as u32)).encode();
        for field in fields {
            bytes.push(field.len() as u8 + 1);
            bytes.extend_from_slice(field);
        }
        bytes
    }

    #[test]
    fn an_address_is_read_from_its_registration() {
        let address = StoreAddress::new("https://store.example/sn3/miner-1").unwrap();
        assert_eq!(registered_address(&registration(&[&address.encode()])), Some(address));
    }

    #[test]
    fn whatever_else_a_peer_commits_is_no_address() {
        assert_eq!(registered_address(&[]), None);
        assert_eq!(registered_address(&registration(&[])), None);
        assert_eq!(registered_address(&registration(&[&[b'x'; 128]])), None);
        let mut cut = registration(&[b"\x01https://x"]);
        cut.truncate(cut.len() - 1);
        assert_eq!(registered_address(&cut), None);
        let mut timelocked = registration(&[b""]);
        *timelocked.last_mut().unwrap() = 134;
        assert_eq!(registered_address(&timelocked), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_of_a_peer_break_the_reader(bytes in proptest::collection::vec(0u8.., 0..300)) {
            if let Some(address) = registered_address(&bytes) {
                assert!(address.encode().len() <= StoreAddress::BYTES_MAX);
            }
        }
    }
}
