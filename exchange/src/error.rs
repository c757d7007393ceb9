//! What can go wrong, and whose fault it is.

use sn3_protocol::{Digest, Hotkey, RunId, Uid, Window};

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The author of the object.
    Peer,
    /// Whoever runs this node.
    Operator,
    /// Nobody: the way there is broken at the moment.
    Network,
}

/// Why an operation on a store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such object.
    #[error("{key} does not exist in {store}; its author has not uploaded it, or has removed it")]
    Missing {
        /// The object.
        key: String,
        /// The store.
        store: String,
    },
    /// The object is larger than the reader allows; nothing of it was downloaded.
    #[error("{key} in {store} has {size} bytes, {max} are allowed; it is not downloaded")]
    TooLarge {
        /// The object.
        key: String,
        /// The store.
        store: String,
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        max: u64,
    },
    /// The download ended early, and again when it was continued.
    #[error("{key} in {store} announced {size} bytes and gave {found}; fetch it again")]
    Truncated {
        /// The object.
        key: String,
        /// The store.
        store: String,
        /// Announced size in bytes.
        size: u64,
        /// Bytes that came.
        found: u64,
    },
    /// The object was replaced while it was read.
    #[error("{key} in {store} was replaced while it was read; fetch it again")]
    Changed {
        /// The object.
        key: String,
        /// The store.
        store: String,
    },
    /// The store refuses.
    #[error(
        "{store} does not allow to {operation} {key}: {reason}; check the credentials and the bucket's policy"
    )]
    Denied {
        /// What was tried.
        operation: &'static str,
        /// The object.
        key: String,
        /// The store.
        store: String,
        /// The store's words.
        reason: String,
    },
    /// It took too long.
    #[error(
        "{store} did not {operation} {key} within {waited_ms} ms; check the network and the store, then try again"
    )]
    Deadline {
        /// What was tried.
        operation: &'static str,
        /// The object.
        key: String,
        /// The store.
        store: String,
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// The store cannot be reached or fails.
    #[error(
        "{store} failed to {operation} {key}: {reason}; check that the store is up and the disk has room, then try again"
    )]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// The object.
        key: String,
        /// The store.
        store: String,
        /// What it ended with.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same operation may succeed when repeated.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(
            self,
            Self::Truncated { .. } | Self::Changed { .. } | Self::Deadline { .. } | Self::Unavailable { .. }
        )
    }

    /// Who has to do something.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Missing { .. } | Self::TooLarge { .. } | Self::Truncated { .. } | Self::Changed { .. } => {
                Fault::Peer
            }
            Self::Denied { .. } => Fault::Operator,
            Self::Deadline { .. } | Self::Unavailable { .. } => Fault::Network,
        }
    }
}

/// Why an object of a peer was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There is none.
    #[error("{key} does not exist; its author has not uploaded it, or has removed it")]
    Missing {
        /// The object.
        key: String,
    },
    /// It is larger than it may be; it was not downloaded.
    #[error("{key} has {size} bytes, {max} are allowed; it is not downloaded")]
    TooLarge {
        /// The object.
        key: String,
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        max: u64,
    },
    /// It has fewer bytes than its manifest says.
    #[error("{key} has {found} bytes, its manifest says {expected}; its author must upload it again")]
    Truncated {
        /// The object.
        key: String,
        /// Bytes that the manifest names.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The signature is not the author's.
    #[error("{key} is not signed by {hotkey}; it is ignored")]
    BadSignature {
        /// The object.
        key: String,
        /// Who should have signed.
        hotkey: Hotkey,
    },
    /// It speaks another protocol version.
    #[error("protocol version {found}, this release speaks {expected}; upgrade the older side")]
    WrongVersion {
        /// Its version.
        found: u16,
        /// Ours.
        expected: u16,
    },
    /// It belongs to another run.
    #[error("belongs to run {found}, not {expected}; it is ignored")]
    WrongRun {
        /// Its run.
        found: RunId,
        /// Ours.
        expected: RunId,
    },
    /// It belongs to another window: a replay, or a late upload under a new name.
    #[error("is signed for window {found}, not {expected}: a replay; it is ignored")]
    WrongWindow {
        /// Its window.
        found: Window,
        /// The one that was asked for.
        expected: Window,
    },
    /// It was made by another hotkey.
    #[error("is signed by {found}, not {expected}; it is ignored")]
    WrongHotkey {
        /// Who signed.
        found: Hotkey,
        /// Who should have.
        expected: Hotkey,
    },
    /// It was made for another slot.
    #[error("is signed for uid {found}, not {expected}; it is ignored")]
    WrongUid {
        /// Its slot.
        found: Uid,
        /// The author's slot.
        expected: Uid,
    },
    /// It was made for another model.
    #[error("was made for layout {}, not {}; its author runs another model", .found.short(), .expected.short())]
    WrongLayout {
        /// Its layout.
        found: Digest,
        /// Ours.
        expected: Digest,
    },
    /// It started from another state.
    #[error("starts from state {}, not {}; its author must resync", .found.short(), .expected.short())]
    WrongBaseState {
        /// Its state.
        found: Digest,
        /// Ours.
        expected: Digest,
    },
    /// The bytes are not those that were signed.
    #[error("{key} has digest {}, but {} was signed; its author swapped the bytes", .found.short(), .expected.short())]
    HashMismatch {
        /// The object.
        key: String,
        /// The signed digest.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The bytes cannot be read as what they should be.
    #[error("{key} cannot be read: {reason}; its author must upload it again with a current release")]
    Malformed {
        /// The object.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The store failed; nothing is known about the object.
    #[error(transparent)]
    Storage(StoreError),
}

impl FetchError {
    /// Whether the same request may succeed when repeated at once. A missing object is not worth a second
    /// request before the next block.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Storage(error) if error.retry())
    }

    /// Who has to do something.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Storage(StoreError::Denied { .. }) => Fault::Peer,
            Self::Storage(error) => error.fault(),
            _ => Fault::Peer,
        }
    }

    /// Whether there simply is no such object.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { key, .. } => Self::Missing { key },
            StoreError::TooLarge { key, size, max, .. } => Self::TooLarge { key, size, max },
            other => Self::Storage(other),
        }
    }
}

/// Why something was not published. Unless it is a storage error, nothing was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The bytes are not those that the signed description names.
    #[error("the payload has digest {} and the signed description names {}; nothing was uploaded, this is a bug", .found.short(), .expected.short())]
    NotDescribed {
        /// The digest that is signed.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The signature does not fit.
    #[error("the signature is not that of {0}; nothing was uploaded, check which key signs")]
    NotSigned(Hotkey),
    /// A record without the payloads that it aggregates.
    #[error(
        "the record aggregates {entries} payloads and {payloads} were given; nothing was uploaded, this is a bug"
    )]
    PayloadsMissing {
        /// Entries of the record.
        entries: usize,
        /// Payloads that were given.
        payloads: usize,
    },
    /// Too long for any reader.
    #[error("{what} has {size} bytes and readers accept {max}; nothing was uploaded")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        max: u64,
    },
    /// Written as JSON and read again it is something else, so readers would compute another digest.
    #[error(
        "{what} does not survive JSON: {reason}; nothing was uploaded, use finite numbers with fewer digits"
    )]
    NotStable {
        /// What it is.
        what: &'static str,
        /// How it differs.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishError {
    /// Whether the same call may succeed when repeated.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Store(error) if error.retry())
    }

    /// Who has to do something.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Operator,
        }
    }
}
