//! Extrinsics in three steps on two machines: exported unsigned, signed where the coldkey is, submitted.
//!
//! ```text
//!  online, no key                 offline, coldkey                online, no key
//!  export(client, call) ──json──► sign(unsigned, pair) ──json──► submit(client, signed) ──► Receipt
//! ```
//!
//! The machine with the key does not take the file's word: it builds the bytes to be signed from the stated call itself,
//! and refuses a file whose bytes differ.

use codec::{Compact, Decode as _, Encode as _};
use serde::{Deserialize, Serialize};
use sn3_protocol::{Alpha, BlockNumber, Coldkey, Digest, Hotkey, NetUid, Rao, Signature};
use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::ext::scale_value::{Composite, Value};
use subxt::transactions::DynamicPayload;
use subxt::utils::{AccountId32, H256, MultiSignature};

use crate::bindings::storage;
use crate::client::{At, Signed, SubtensorConfig, account, fetch, within};
use crate::{BlockRef, ChainClient, ColdkeyPair, ReadError, Receipt, SubmitError};

/// Blocks that an exported extrinsic stays valid for: some ten hours on the real chain, so that a person has time.
const EXPORT_ERA_BLOCKS: u64 = 4_096;
/// Blocks that an extrinsic stays valid for when the key is at hand.
const DIRECT_ERA_BLOCKS: u64 = 64;
/// Longer payloads are hashed before they are signed.
const PAYLOAD_BYTES_MAX: usize = 256;
/// The version of the files.
const FORMAT: u32 = 1;

/// What a coldkey may be asked to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TxCall {
    /// Register a hotkey for at most `price_max`.
    Register {
        /// Where.
        netuid: NetUid,
        /// Who.
        hotkey: Hotkey,
        /// The most it may cost, in rao.
        price_max: Rao,
    },
    /// Stake TAO on a hotkey, for at most `limit_price` per whole alpha where there is one.
    AddStake {
        /// Where.
        netuid: NetUid,
        /// On whom.
        hotkey: Hotkey,
        /// How much, in rao.
        amount: Rao,
        /// The most an alpha may cost, in rao; the whole amount or nothing.
        limit_price: Option<Rao>,
    },
    /// Take alpha off a hotkey and sell it, for at least `limit_price` per whole alpha where there is one.
    RemoveStake {
        /// Where.
        netuid: NetUid,
        /// Off whom.
        hotkey: Hotkey,
        /// How much, in alpha rao.
        amount: Alpha,
        /// The least an alpha must bring, in rao; the whole amount or nothing.
        limit_price: Option<Rao>,
    },
    /// Send TAO; the sender's account is kept alive.
    Transfer {
        /// To whom.
        to: Coldkey,
        /// How much, in rao.
        amount: Rao,
    },
    /// Create a subnet for the lock cost of the moment.
    RegisterNetwork {
        /// The owner's hotkey, which becomes uid 0.
        hotkey: Hotkey,
    },
    /// Start a subnet.
    StartCall {
        /// Which.
        netuid: NetUid,
    },
}

/// Why an exported extrinsic cannot be signed or sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxError {
    /// The file does not say what it would have signed.
    #[error("this file would have another thing signed than it says: {reason}; export it again")]
    Dishonest {
        /// What differs.
        reason: String,
    },
    /// The key is another one.
    #[error("the file is for {wanted}, and this is the coldkey {given}; unlock the right wallet")]
    OtherKey {
        /// Whom it is for.
        wanted: Coldkey,
        /// Who was to sign.
        given: Coldkey,
    },
    /// The signature does not fit.
    #[error("the signature does not belong to the call and the account of this file; sign it again")]
    BadSignature,
    /// The chain is another one, or was upgraded since.
    #[error("the file was made for {made}, and the endpoint is {found}; export it again on the right chain")]
    OtherChain {
        /// Where it was exported.
        made: String,
        /// Where it was to be sent.
        found: String,
    },
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It was sent and did not succeed, or could not be built.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

/// An extrinsic that waits for its signature. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsignedTx {
    /// Version of this file.
    pub format: u32,
    /// What it does.
    pub call: TxCall,
    /// The same as SCALE bytes, in hexadecimal digits.
    pub call_bytes: String,
    /// Who must sign.
    pub account: Coldkey,
    /// The account's next nonce; another extrinsic of the account makes this one useless.
    pub nonce: u32,
    /// The block from which it is valid.
    pub born: BlockRef,
    /// For how many blocks it is valid.
    pub era_blocks: u64,
    /// Hash of the chain's block 0.
    pub genesis: Digest,
    /// Version of the runtime.
    pub spec_version: u32,
    /// Version of the transaction format.
    pub transaction_version: u32,
    /// The bytes to be signed, in hexadecimal digits.
    pub payload: String,
}

/// A signed extrinsic on its way to a machine that is online.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTx {
    /// What was signed.
    pub unsigned: UnsignedTx,
    /// 64 bytes of sr25519, in hexadecimal digits.
    pub signature: String,
}

/// What an extrinsic would do to its payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxPreview {
    /// What it does.
    pub call: TxCall,
    /// As of this block.
    pub block: BlockRef,
    /// The fee, in rao.
    pub fee: Rao,
    /// What the call itself takes from the balance at most, in rao.
    pub spends: Rao,
    /// Free balance before, in rao.
    pub balance: Rao,
    /// Whether the balance suffices.
    pub affordable: bool,
}

impl TxCall {
    /// The call by name, with its arguments by name.
    fn payload(&self) -> DynamicPayload<Composite<()>> {
        let id = |key: &[u8; 32]| Value::from_bytes(key);
        let n = |number: u64| Value::u128(number.into());
        let field = |name: &str, value: Value| (name.to_owned(), value);
        let (pallet, name, fields) = match self {
            Self::Register { netuid, hotkey, price_max } => {
                let hotkey = field("hotkey", id(&hotkey.0));
                let limit = field("limit_price", n(price_max.0));
                (
                    "SubtensorModule",
                    "register_limit",
                    vec![field("netuid", n(netuid.0.into())), hotkey, limit],
                )
            }
            Self::AddStake { netuid, hotkey, amount, limit_price } => {
                let call = if limit_price.is_some() { "add_stake_limit" } else { "add_stake" };
                let amount = field("amount_staked", n(amount.0));
                ("SubtensorModule", call, stake(hotkey, *netuid, amount, *limit_price))
            }
            Self::RemoveStake { netuid, hotkey, amount, limit_price } => {
                let call = if limit_price.is_some() { "remove_stake_limit" } else { "remove_stake" };
                let amount = field("amount_unstaked", n(amount.0));
                ("SubtensorModule", call, stake(hotkey, *netuid, amount, *limit_price))
            }
            Self::Transfer { to, amount } => {
                let to = Value::unnamed_variant("Id", [id(&to.0)]);
                ("Balances", "transfer_keep_alive", vec![field("dest", to), field("value", n(amount.0))])
            }
            Self::RegisterNetwork { hotkey } => {
                ("SubtensorModule", "register_network", vec![field("hotkey", id(&hotkey.0))])
            }
            Self::StartCall { netuid } => {
                ("SubtensorModule", "start_call", vec![field("netuid", n(netuid.0.into()))])
            }
        };
        subxt::dynamic::tx(pallet, name, Composite::Named(fields))
    }

    /// What it takes from the balance at most, besides the fee.
    fn spends(&self) -> Rao {
        match self {
            Self::Register { price_max, .. } => *price_max,
            Self::AddStake { amount, .. } | Self::Transfer { amount, .. } => *amount,
            _ => Rao(0),
        }
    }

    /// The call's SCALE bytes by the metadata that this program was built with.
    ///
    /// The bytes of these calls have been the same in all releases of the chain (chain interface, section 8), which is
    /// what lets a machine without any connection check them.
    fn offline_bytes(&self) -> Result<Vec<u8>, TxError> {
        let incompatible = |reason: String| SubmitError::Incompatible { call: format!("{self:?}"), reason };
        let metadata = subxt::Metadata::decode_from(include_bytes!("../metadata/devnet.scale"));
        let metadata = metadata.map_err(|error| incompatible(error.to_string()))?;
        let payload = self.payload();
        let (pallet, name) = (payload.pallet_name().to_owned(), payload.call_name().to_owned());
        let types = metadata.types();
        let bytes = subxt::ext::frame_decode::extrinsics::encode_call_data(
            &pallet,
            &name,
            payload.call_data(),
            &metadata,
            types,
        );
        bytes.map_err(|error| incompatible(error.to_string()).into())
    }
}

fn stake(
    hotkey: &Hotkey,
    netuid: NetUid,
    amount: (String, Value),
    limit: Option<Rao>,
) -> Vec<(String, Value)> {
    let netuid = ("netuid".to_owned(), Value::u128(netuid.0.into()));
    let mut fields = vec![("hotkey".to_owned(), Value::from_bytes(hotkey.0)), netuid, amount];
    if let Some(limit) = limit {
        fields.push(("limit_price".to_owned(), Value::u128(limit.0.into())));
        fields.push(("allow_partial".to_owned(), Value::bool(false)));
    }
    fields
}

impl UnsignedTx {
    /// The bytes that are signed: call, era, nonce, tip, mode; versions, genesis, birth (chain interface, section 1.1).
    fn message(&self, call: &[u8]) -> Vec<u8> {
        let extra =
            (era(self.era_blocks, self.born.number.0), Compact(self.nonce), Compact(0u64), 0u8).encode();
        let versions = (self.spec_version, self.transaction_version);
        let additional = (versions, self.genesis.0, self.born.hash.0, 0u8).encode();
        let message = [call, &extra, &additional].concat();
        if message.len() > PAYLOAD_BYTES_MAX { Digest::of(&message).0.to_vec() } else { message }
    }

    /// Checks that the file would have signed what it says. Needs no connection.
    pub fn check(&self) -> Result<(), TxError> {
        self.honest().map(drop)
    }

    /// The first block at which it can no longer be executed.
    #[must_use]
    pub fn dies_at(&self) -> BlockNumber {
        self.born.number.saturating_add(self.era_blocks)
    }

    fn honest(&self) -> Result<Vec<u8>, TxError> {
        let dishonest = |reason: &str| TxError::Dishonest { reason: reason.to_owned() };
        if self.format != FORMAT {
            return Err(dishonest("its format is of another release"));
        }
        if !self.era_blocks.is_power_of_two() || !(4..=65_536).contains(&self.era_blocks) {
            return Err(dishonest("its era is none"));
        }
        let call = self.call.offline_bytes()?;
        if hex::encode(&call) != self.call_bytes {
            return Err(dishonest("the call's bytes are of another call"));
        }
        let message = self.message(&call);
        if hex::encode(&message) != self.payload {
            return Err(dishonest("the payload is of another extrinsic"));
        }
        Ok(message)
    }
}

impl SignedTx {
    /// Checks that the file says what was signed, and that its account has signed it. Needs no connection.
    ///
    /// Returns the signature's bytes.
    pub fn check(&self) -> Result<[u8; 64], TxError> {
        let message = self.unsigned.honest()?;
        let mut signature = [0; 64];
        hex::decode_to_slice(&self.signature, &mut signature).map_err(|_| TxError::BadSignature)?;
        let fits = Signature(signature).verifies(&Hotkey(self.unsigned.account.0), &message);
        if fits { Ok(signature) } else { Err(TxError::BadSignature) }
    }
}

/// The two bytes of a mortal era: the period's exponent below, the phase above.
fn era(period: u64, birth: u64) -> [u8; 2] {
    let quantize = (period >> 12).max(1);
    let low = period.trailing_zeros().saturating_sub(1).clamp(1, 15) as u16;
    let phase = ((birth % period) / quantize) as u16;
    (low | phase << 4).to_le_bytes()
}

/// Writes down an extrinsic for a coldkey that is elsewhere. Nothing is signed.
pub async fn export(client: &ChainClient, call: TxCall, account: Coldkey) -> Result<UnsignedTx, TxError> {
    unsigned(client, call, account, EXPORT_ERA_BLOCKS).await
}

/// Signs a call with a key that is at hand, sends it, and waits until it has succeeded in a finalized block.
pub async fn send(client: &ChainClient, call: TxCall, pair: &ColdkeyPair) -> Result<Receipt, TxError> {
    let signed = sign(unsigned(client, call, pair.public(), DIRECT_ERA_BLOCKS).await?, pair)?;
    submit(client, &signed).await
}

async fn unsigned(
    client: &ChainClient,
    call: TxCall,
    account: Coldkey,
    era_blocks: u64,
) -> Result<UnsignedTx, TxError> {
    let head = client.head().await?;
    let at = client.at(head).await?;
    let bytes = at.transactions().call_data(&call.payload());
    let incompatible = |reason: String| SubmitError::Incompatible { call: format!("{call:?}"), reason };
    let bytes = bytes.map_err(|error| incompatible(error.to_string()))?;
    let nonce = client.next_nonce(account.0).await?;
    let mut unsigned = UnsignedTx {
        format: FORMAT,
        call_bytes: hex::encode(&bytes),
        account,
        nonce: u32::try_from(nonce).map_err(|_| incompatible("the nonce is too large".into()))?,
        born: head,
        era_blocks,
        genesis: client.genesis_hash(),
        spec_version: at.spec_version(),
        transaction_version: at.transaction_version(),
        payload: String::new(),
        call,
    };
    unsigned.payload = hex::encode(unsigned.message(&bytes));
    unsigned.honest()?;
    Ok(unsigned)
}

/// Signs an exported extrinsic, after building its bytes anew from what it says.
pub fn sign(unsigned: UnsignedTx, pair: &ColdkeyPair) -> Result<SignedTx, TxError> {
    let given = pair.public();
    if unsigned.account != given {
        return Err(TxError::OtherKey { wanted: unsigned.account, given });
    }
    let message = unsigned.honest()?;
    Ok(SignedTx { signature: hex::encode(pair.0.sign(&message)), unsigned })
}

/// Sends a signed extrinsic and waits until it has succeeded in a finalized block. Sending it again does no harm.
pub async fn submit(client: &ChainClient, signed: &SignedTx) -> Result<Receipt, TxError> {
    let (unsigned, signature) = (&signed.unsigned, signed.check()?);
    let at = check_on_chain(client, unsigned).await?;
    let signed = assemble(&at, unsigned, &signature)?;
    Ok(client.resubmit(&signed).await?.receipt)
}

/// Checks that the endpoint is the chain that an extrinsic was made for, and that it was not upgraded since.
pub async fn fits_chain(client: &ChainClient, unsigned: &UnsignedTx) -> Result<(), TxError> {
    check_on_chain(client, unsigned).await.map(drop)
}

async fn check_on_chain(client: &ChainClient, unsigned: &UnsignedTx) -> Result<At, TxError> {
    let at = client.at(client.head().await?).await?;
    let name = |genesis: &Digest, spec: u32| format!("chain 0x{}… with runtime {spec}", genesis.short());
    let made = name(&unsigned.genesis, unsigned.spec_version);
    let found = name(&client.genesis_hash(), at.spec_version());
    if made != found || unsigned.genesis != client.genesis_hash() {
        return Err(TxError::OtherChain { made, found });
    }
    Ok(at)
}

/// The extrinsic's bytes.
fn assemble(at: &At, unsigned: &UnsignedTx, signature: &[u8; 64]) -> Result<Signed, TxError> {
    let payload = unsigned.call.payload();
    let call = format!("{}.{}", payload.pallet_name(), payload.call_name());
    let params = DefaultExtrinsicParamsBuilder::<SubtensorConfig>::new()
        .nonce(unsigned.nonce.into())
        .mortal_from_unchecked(unsigned.era_blocks, unsigned.born.number.0, H256(unsigned.born.hash.0))
        .build();
    let build = || {
        let mut signable = at.transactions().create_v4_signable_offline(&payload, params)?;
        signable.sign_with_account_and_signature(
            &AccountId32(unsigned.account.0),
            &MultiSignature::Sr25519(*signature),
        )
    };
    let built = build()
        .map_err(|error| SubmitError::Incompatible { call: call.clone(), reason: error.to_string() })?;
    Ok(Signed {
        hash: Digest(built.hash().0),
        bytes: built.into_encoded(),
        nonce: unsigned.nonce.into(),
        signed_at: unsigned.born,
        dies_at: unsigned.born.number.saturating_add(unsigned.era_blocks),
        call,
    })
}

/// What a call would cost. Nothing is signed, and nothing is sent.
pub async fn preview(client: &ChainClient, call: TxCall, payer: Coldkey) -> Result<TxPreview, TxError> {
    let unsigned = export(client, call, payer).await?;
    let at = client.at(unsigned.born).await?;
    // The fee depends on the length only, so any signature of the right length will do.
    let bytes = assemble(&at, &unsigned, &[0; 64])?.bytes;
    let fee = client.fee(&bytes, unsigned.born).await?;
    let info = fetch(&at, storage().system().account().unvalidated(), (account(payer.0),)).await?;
    let (balance, spends) = (Rao(info.data.free), unsigned.call.spends());
    let affordable = fee.0.checked_add(spends.0).is_some_and(|total| total <= balance.0);
    Ok(TxPreview { call: unsigned.call, block: unsigned.born, fee, spends, balance, affordable })
}

impl ChainClient {
    /// The fee of an extrinsic's bytes, in rao.
    async fn fee(&self, extrinsic: &[u8], block: BlockRef) -> Result<Rao, ReadError> {
        let what = "TransactionPaymentApi.query_info";
        let session = self.session().await?;
        let length = u32::try_from(extrinsic.len()).unwrap_or(u32::MAX);
        let arguments = [extrinsic, &length.encode()].concat();
        let call = session.rpc.state_call(
            "TransactionPaymentApi_query_info",
            Some(&arguments),
            Some(H256(block.hash.0)),
        );
        let reply = within(what, call).await?;
        // (weight: two compact numbers, class u8, fee u64)
        let decoded = <(Compact<u64>, Compact<u64>, u8, u64)>::decode(&mut reply.as_slice());
        let failed =
            |error: codec::Error| ReadError::Incompatible { what: what.into(), reason: error.to_string() };
        decoded.map(|(_, _, _, fee)| Rao(fee)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> ColdkeyPair {
        ColdkeyPair::from_uri("//Alice").unwrap()
    }

    fn unsigned(call: TxCall) -> UnsignedTx {
        let bytes = call.offline_bytes().unwrap();
        let mut unsigned = UnsignedTx {
            format: FORMAT,
            call,
            call_bytes: hex::encode(&bytes),
            account: alice().public(),
            nonce: 5,
            born: BlockRef { number: BlockNumber(100), hash: Digest([0xb1; 32]) },
            era_blocks: 64,
            genesis: Digest([0x2f; 32]),
            spec_version: 425,
            transaction_version: 1,
            payload: String::new(),
        };
        unsigned.payload = hex::encode(unsigned.message(&bytes));
        unsigned
    }

    fn register() -> UnsignedTx {
        unsigned(TxCall::Register { netuid: NetUid(3), hotkey: Hotkey([7; 32]), price_max: Rao(1_000) })
    }

    #[test]
    fn calls_have_exactly_the_specified_bytes() {
        // Chain interface, section 3.1: pallet 7, call 134, netuid u16, hotkey, limit u64.
        let expected = (7u8, 134u8, 3u16, [7u8; 32], 1_000u64).encode();
        assert_eq!(register().call_bytes, hex::encode(expected));
        let (netuid, hotkey) = (NetUid(3), Hotkey([7; 32]));
        let add = TxCall::AddStake { netuid, hotkey, amount: Rao(9), limit_price: Some(Rao(5)) };
        let expected = (7u8, 88u8, [7u8; 32], 3u16, 9u64, 5u64, false).encode();
        assert_eq!(add.offline_bytes().unwrap(), expected);
        let transfer = TxCall::Transfer { to: Coldkey([8; 32]), amount: Rao(9) };
        let expected = (5u8, 3u8, 0u8, [8u8; 32], Compact(9u64)).encode();
        assert_eq!(transfer.offline_bytes().unwrap(), expected);
    }

    #[test]
    fn a_signature_is_over_what_the_file_says() {
        let signed = sign(register(), &alice()).unwrap();
        let signature: [u8; 64] = hex::decode(&signed.signature).unwrap().try_into().unwrap();
        let message = hex::decode(&signed.unsigned.payload).unwrap();
        assert!(Signature(signature).verifies(&Hotkey(alice().public().0), &message));
        // Era of 64 blocks from block 100: period 2^6, phase 36 (as the extrinsic's own test has it).
        assert_eq!(era(64, 100), [5 | (36 & 0x0f) << 4, 36 >> 4]);
        let again: SignedTx = serde_json::from_str(&serde_json::to_string(&signed).unwrap()).unwrap();
        assert_eq!(again, signed);
    }

    #[test]
    fn a_file_that_lies_is_not_signed() {
        let other = TxCall::Transfer { to: Coldkey([8; 32]), amount: Rao(1 << 60) };
        let lies: [fn(&mut UnsignedTx, TxCall); 5] = [
            |tx, other| tx.call_bytes = unsigned(other).call_bytes,
            |tx, other| tx.payload = unsigned(other).payload,
            |tx, other| {
                (tx.call_bytes, tx.payload) = (unsigned(other.clone()).call_bytes, unsigned(other).payload)
            },
            |tx, _| tx.nonce += 1,
            |tx, _| tx.era_blocks = 63,
        ];
        for lie in lies {
            let mut tx = register();
            lie(&mut tx, other.clone());
            assert!(matches!(sign(tx, &alice()), Err(TxError::Dishonest { .. })));
        }
        let bob = ColdkeyPair::from_uri("//Bob").unwrap();
        assert!(matches!(sign(register(), &bob), Err(TxError::OtherKey { .. })));
    }
}
