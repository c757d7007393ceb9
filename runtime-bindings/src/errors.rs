//! What can go wrong, one enum per operation.

use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};

/// Why an endpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is no websocket URL.
    #[error("{url:?} is no endpoint: {reason}; give a URL such as ws://127.0.0.1:9944 or wss://host:443")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there, or not as a chain does.
    #[error(
        "cannot reach a chain at {url}: {reason}; check the URL and that the node runs (a local one starts with `sn3 devnet`)"
    )]
    Unreachable {
        /// The endpoint.
        url: String,
        /// What the attempt ended with.
        reason: String,
    },
}

/// Why something could not be read from the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The endpoint is gone and could not be reached again.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The request failed on its way or in the node.
    #[error("cannot read {what}: {reason}; if this stays, try another endpoint")]
    Endpoint {
        /// What was to be read.
        what: String,
        /// What the request ended with.
        reason: String,
    },
    /// No answer came in time.
    #[error("no answer within {waited_ms} ms when reading {what}; if this stays, try another endpoint")]
    Deadline {
        /// What was to be read.
        what: String,
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// The finalized chain has no block of this number.
    #[error("there is no finalized block #{number} yet; wait for it with the clock")]
    NoSuchBlock {
        /// The number asked for.
        number: BlockNumber,
    },
    /// The subnet does not exist at this block.
    #[error("subnet {netuid} does not exist at block #{block}; `sn3` lists what the chain has, or create it")]
    NoSuchSubnet {
        /// The subnet.
        netuid: NetUid,
        /// Where it was looked for.
        block: BlockNumber,
    },
    /// The connected chain lacks what is asked for, or has it in another shape.
    #[error(
        "the connected chain does not offer {what} as this program knows it: {reason}; use a release of sn3 that matches the chain"
    )]
    Incompatible {
        /// The storage item, call or runtime API.
        what: String,
        /// What differs.
        reason: String,
    },
}

impl ReadError {
    /// Whether the same request may succeed when repeated.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Endpoint { .. } | Self::Deadline { .. })
    }
}

/// Why an extrinsic did not end as a success in a finalized block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// It was executed and a pallet refused it.
    #[error("{pallet}.{name}: {remedy}")]
    Module {
        /// The pallet's name.
        pallet: String,
        /// The error's name in the chain's metadata.
        name: String,
        /// What it means and what to do.
        remedy: String,
    },
    /// It was executed and refused by the runtime outside of any pallet.
    #[error("the runtime refused {call}: {reason}")]
    Dispatch {
        /// `Pallet.call`.
        call: String,
        /// The dispatch error.
        reason: String,
    },
    /// The node's pool refused it; it is on no block.
    #[error("the pool refused {call} (code {code}, {reason}): {remedy}")]
    Pool {
        /// `Pallet.call`.
        call: String,
        /// JSON-RPC error code.
        code: i32,
        /// The node's words.
        reason: String,
        /// What it means and what to do.
        remedy: String,
    },
    /// The call cannot be built for the connected chain.
    #[error(
        "{call} cannot be built for the connected chain: {reason}; use a release of sn3 that matches the chain"
    )]
    Incompatible {
        /// `Pallet.call`.
        call: String,
        /// What differs.
        reason: String,
    },
    /// It was sent, and then the trail was lost. It may or may not be executed until its era ends.
    #[error(
        "{call} was sent as 0x{extrinsic} and its outcome is unknown: {reason}; it can still be executed until block #{dies_at}"
    )]
    OutcomeUnknown {
        /// `Pallet.call`.
        call: String,
        /// Hash of the extrinsic.
        extrinsic: Digest,
        /// Where the trail ends.
        reason: String,
        /// The first block at which it can no longer be executed.
        dies_at: BlockNumber,
    },
    /// What is needed to build or check it could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl SubmitError {
    /// Whether the same call may succeed when sent again. Never true while its outcome is unknown.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Read(error) => error.is_transient(),
            Self::Pool { code, .. } => *code == crate::explain::POOL_PRIORITY_TOO_LOW,
            _ => false,
        }
    }

    /// The name of the pallet error, if it is one.
    #[must_use]
    pub fn module_error(&self) -> Option<&str> {
        match self {
            Self::Module { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// Why weights were not set. Everything but the last three is found before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The hotkey has no slot.
    #[error("{hotkey} is not registered on subnet {netuid}; register it first")]
    NotRegistered {
        /// Who.
        hotkey: Hotkey,
        /// Where.
        netuid: NetUid,
    },
    /// Weights for others need a permit.
    #[error(
        "uid {uid} on subnet {netuid} has no validator permit; stake more, permits are given at the next epoch to the largest stakes"
    )]
    NoPermit {
        /// Whose.
        uid: Uid,
        /// Where.
        netuid: NetUid,
    },
    /// The rate limit has not passed.
    #[error(
        "weights were last set at block #{last_update} and the subnet allows it once per {rate_limit} blocks; try again at block #{allowed_at}"
    )]
    TooSoon {
        /// When they were last set.
        last_update: BlockNumber,
        /// The limit in blocks.
        rate_limit: u64,
        /// The first block at which they may be set.
        allowed_at: BlockNumber,
    },
    /// There are fewer weights than the subnet demands.
    #[error("{given} nonzero weights, but subnet {netuid} demands {demanded}; give weight to more neurons")]
    TooFew {
        /// How many were given.
        given: usize,
        /// How many are demanded.
        demanded: usize,
        /// Where.
        netuid: NetUid,
    },
    /// The neuron's stake weight is below the chain's threshold.
    #[error(
        "stake weight {stake} rao is below the threshold of {threshold} rao for setting weights; stake more"
    )]
    StakeTooLow {
        /// What it has.
        stake: u64,
        /// What is needed.
        threshold: u64,
    },
    /// A weight is for a slot that does not exist.
    #[error("there is no uid {uid} on subnet {netuid}, which has {count} neurons; read the metagraph again")]
    UnknownUid {
        /// The slot.
        uid: Uid,
        /// Where.
        netuid: NetUid,
        /// How many slots are taken.
        count: usize,
    },
    /// Two weights for one slot.
    #[error("uid {uid} has two weights; give it one")]
    Duplicate {
        /// The slot.
        uid: Uid,
    },
    /// The subnet demands a newer version key.
    #[error("version key {given} is below {demanded}, which subnet {netuid} demands; upgrade this program")]
    VersionKey {
        /// What was given.
        given: u64,
        /// What is demanded.
        demanded: u64,
        /// Where.
        netuid: NetUid,
    },
    /// The subnet has fewer mechanisms.
    #[error(
        "subnet {netuid} has {count} mechanisms, numbered from 0, and no {mechanism}; name one that it has"
    )]
    NoSuchMechanism {
        /// What was named.
        mechanism: u8,
        /// Where.
        netuid: NetUid,
        /// How many there are.
        count: u8,
    },
    /// The subnet runs no epochs.
    #[error("subnet {netuid} runs no epochs (its tempo is 0), so no weights are ever counted there")]
    NoEpochs {
        /// Where.
        netuid: NetUid,
    },
    /// A timelocked commit cannot be made.
    #[error("the weights cannot be sealed: {reason}; or commit them under a salt")]
    Timelock {
        /// Why.
        reason: String,
    },
    /// The chain refused them, and will again until someone does something.
    #[error("the chain refused the weights: {reason}")]
    Refused {
        /// Its reason and what to do.
        reason: String,
    },
    /// The local record of what was sent cannot be kept.
    #[error(transparent)]
    Ledger(#[from] crate::LedgerError),
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It was sent and did not succeed.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl WeightsError {
    /// Whether time or stake alone can make the chain take the same weights.
    #[must_use]
    pub fn mends_itself(&self) -> bool {
        matches!(self, Self::TooSoon { .. } | Self::NoPermit { .. } | Self::StakeTooLow { .. })
    }

    /// Whether the same weights may be accepted later without anyone's action.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TooSoon { .. } => true,
            Self::Read(error) => error.is_transient(),
            Self::Submit(error) => {
                error.is_transient() || matches!(error.module_error(), Some("SettingWeightsTooFast"))
            }
            _ => false,
        }
    }
}
