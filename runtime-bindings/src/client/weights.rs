//! Weights: what the chain will refuse is found before anything is sent.

use codec::Encode as _;
use sn3_protocol::{Digest, Hotkey, NetUid, Uid};
use subxt::ext::scale_value::{Composite, Value};

use super::outcome::Landed;
use super::{ChainClient, Signed};
use crate::wallet::HotkeyPair;
use crate::weights::{Method, Observation};
use crate::{BlockRef, ReadError, SubmitError, WeightsError};

mod observe;
mod trace;

/// Storage index of a mechanism is netuid + 4096 × mechanism (chain interface, section 3.5).
const MECHANISM_STRIDE: u16 = 4_096;

/// How the subnet takes weights now.
pub type WeightsPlan = Method;

/// One of the calls that weights are sent by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WeightsCall {
    Plain { weights: Vec<(Uid, u16)>, version_key: u64 },
    Salted { hash: Digest },
    Reveal { weights: Vec<(Uid, u16)>, salt: Vec<u16>, version_key: u64 },
    Timelocked { bytes: Vec<u8>, round: u64, version: u16 },
}

/// The key of a mechanism's weights, last updates and commits.
pub(crate) fn storage_index(netuid: NetUid, mechanism: u8) -> u16 {
    netuid.0.wrapping_add(MECHANISM_STRIDE.wrapping_mul(mechanism.into()))
}

impl ChainClient {
    /// Checks what the chain would check, at one block, and says how to send the weights.
    pub async fn plan_weights(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        weights: &[(Uid, u16)],
        version_key: u64,
        block: BlockRef,
    ) -> Result<WeightsPlan, WeightsError> {
        let seen = self.observe_weights(hotkey, netuid, 0, block).await?;
        seen.preflight(hotkey, netuid, 0, weights, version_key)?;
        Ok(seen.method())
    }

    /// Sends weights, their hash or their ciphertext; `note` sees the bytes before they leave.
    pub(crate) async fn send_weights(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        call: &WeightsCall,
        note: impl FnOnce(&Signed) -> Result<(), WeightsError>,
    ) -> Result<Landed, WeightsError> {
        self.submit_noting(&hotkey.0, &payload(netuid, 0, call), note).await
    }

    /// Signs one of the calls, and sends nothing.
    pub(crate) async fn sign_weights(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        mechanism: u8,
        call: &WeightsCall,
    ) -> Result<Signed, SubmitError> {
        self.sign_now(&hotkey.0, &payload(netuid, mechanism, call)).await
    }

    /// Everything that decides what becomes of a hotkey's weights, at one block. Some twenty reads that travel
    /// together.
    pub async fn observe_weights(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        block: BlockRef,
    ) -> Result<Observation, ReadError> {
        observe::observe(self, hotkey, netuid, mechanism, block).await
    }
}

/// A call by name: arguments are encoded by the connected chain's own metadata, and mechanism 0 goes by the plain
/// names, which every version of the chain has.
fn payload(
    netuid: NetUid,
    mechanism: u8,
    call: &WeightsCall,
) -> subxt::transactions::DynamicPayload<Composite<()>> {
    let number = |name: &str, value: u128| (name.to_owned(), Value::u128(value));
    let list =
        |values: &[u16]| Value::unnamed_composite(values.iter().map(|value| Value::u128((*value).into())));
    let (plain, indexed, own): (&str, &str, Vec<(String, Value)>) = match call {
        WeightsCall::Plain { weights, version_key } => {
            let (uids, values) = columns(weights);
            let lists = [("dests".to_owned(), list(&uids)), ("weights".to_owned(), list(&values))];
            let key = number("version_key", (*version_key).into());
            ("set_weights", "set_mechanism_weights", lists.into_iter().chain([key]).collect())
        }
        WeightsCall::Salted { hash } => {
            let hash = ("commit_hash".to_owned(), Value::from_bytes(hash.0));
            ("commit_weights", "commit_mechanism_weights", vec![hash])
        }
        WeightsCall::Reveal { weights, salt, version_key } => {
            let (uids, values) = columns(weights);
            let lists = [("uids", list(&uids)), ("values", list(&values)), ("salt", list(salt))];
            let lists = lists.into_iter().map(|(name, value)| (name.to_owned(), value));
            let key = number("version_key", (*version_key).into());
            ("reveal_weights", "reveal_mechanism_weights", lists.chain([key]).collect())
        }
        WeightsCall::Timelocked { bytes, round, version } => {
            let commit = ("commit".to_owned(), Value::from_bytes(bytes));
            let numbers =
                [number("reveal_round", (*round).into()), number("commit_reveal_version", (*version).into())];
            let own = [commit].into_iter().chain(numbers).collect();
            ("commit_timelocked_weights", "commit_timelocked_mechanism_weights", own)
        }
    };
    let mut fields = vec![number("netuid", netuid.0.into())];
    let name = if mechanism == 0 { plain } else { indexed };
    if mechanism != 0 {
        fields.push(number("mecid", mechanism.into()));
    }
    fields.extend(own);
    subxt::dynamic::tx("SubtensorModule", name, Composite::Named(fields))
}

/// BLAKE2b-256 of what a commit binds (chain interface, section 3.5).
pub(crate) fn commit_hash(
    hotkey: &Hotkey,
    netuid: NetUid,
    mechanism: u8,
    weights: &[(Uid, u16)],
    salt: &[u16],
    version_key: u64,
) -> Digest {
    let (uids, values) = columns(weights);
    Digest::of(&(hotkey.0, storage_index(netuid, mechanism), uids, values, salt, version_key).encode())
}

fn columns(weights: &[(Uid, u16)]) -> (Vec<u16>, Vec<u16>) {
    weights.iter().map(|(uid, weight)| (uid.0, *weight)).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETUID: NetUid = NetUid(3);
    const HOTKEY: Hotkey = Hotkey([1; 32]);

    #[test]
    fn a_commit_binds_salt_key_and_mechanism() {
        let weights = [(Uid(1), 65535)];
        let hash =
            |salt: &[u16], hotkey, mechanism| commit_hash(&hotkey, NETUID, mechanism, &weights, salt, 0);
        assert_ne!(hash(&[1], HOTKEY, 0), hash(&[2], HOTKEY, 0));
        assert_ne!(hash(&[1], HOTKEY, 0), hash(&[1], Hotkey([2; 32]), 0));
        assert_ne!(hash(&[1], HOTKEY, 0), hash(&[1], HOTKEY, 1));
    }

    #[test]
    fn mechanisms_have_their_own_index() {
        assert_eq!(storage_index(NetUid(3), 0), 3);
        assert_eq!(storage_index(NetUid(3), 2), 3 + 2 * 4_096);
    }
}
