//! What this program uses of a chain, compared with what the connected chain offers.
//!
//! ```text
//!  used.txt (each call, storage item, runtime API, constant, extension, with its encoding)
//!      │
//!      ├──► report(metadata) ──► one line each: equal, missing, different; and what then does not work
//!      ▼
//!  a chain that differs is refused only for what differs, by name
//! ```
//!
//! Indices are no part of the comparison: calls, events, errors and storage are found by name in the metadata of the
//! connected chain, since their numbers shift between releases.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use subxt::Metadata;

use crate::{BlockRef, ChainClient, ReadError};

mod shape;

/// One line per item: kind, name, encoding, what it is for, and what its absence means.
const USED: &str = include_str!("compat/used.txt");
/// Parts encodings of one item that are read alike, because its fields are found by name.
const EITHER: &str = "||";
/// Largest metadata that is read; the main network's has 300 KiB.
const METADATA_BYTES_MAX: usize = 16 << 20;

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompatError {
    /// The bytes are no metadata.
    #[error("these {bytes} bytes are no runtime metadata: {reason}; fetch them with state_getMetadata")]
    Malformed {
        /// How many there were.
        bytes: usize,
        /// What is wrong with them.
        reason: String,
    },
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A call and its arguments.
    Call,
    /// A storage item: its keys with their hashers, and its value.
    Storage,
    /// A runtime API method: its arguments and its result.
    Api,
    /// A constant.
    Constant,
    /// A transaction extension.
    Extension,
    /// An event and its fields.
    Event,
}

/// How an item compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Encoded as this program does.
    Equal,
    /// Not there.
    Missing,
    /// There, and encoded differently.
    Different,
}

/// One item that this program uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompatLine {
    /// What it is.
    pub kind: Kind,
    /// `Pallet.name`, or the extension's identifier.
    pub name: String,
    /// How it compares.
    pub verdict: Verdict,
    /// How this program encodes it.
    pub expected: String,
    /// How the chain encodes it; none where it is missing.
    pub found: Option<String>,
    /// What it is used for.
    pub used_for: String,
    /// What its absence means, for items that some releases of the chain lack.
    pub explanation: Option<String>,
}

/// The comparison of a whole chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompatReport {
    /// Version of the runtime, where it is known.
    pub spec_version: Option<u32>,
    /// Every item that is used, in the order of kinds and names.
    pub lines: Vec<CompatLine>,
}

impl CompatReport {
    /// Items that are not equal.
    pub fn differences(&self) -> impl Iterator<Item = &CompatLine> {
        self.lines.iter().filter(|line| line.verdict != Verdict::Equal)
    }

    /// Differences that no release of the chain explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &CompatLine> {
        self.differences().filter(|line| line.verdict == Verdict::Different || line.explanation.is_none())
    }

    /// The item of a name, e.g. `SubtensorModule.set_weights`.
    #[must_use]
    pub fn line(&self, kind: Kind, name: &str) -> Option<&CompatLine> {
        self.lines.iter().find(|line| line.kind == kind && line.name == name)
    }
}

impl ChainClient {
    /// Compares the connected chain with what this program uses. One request, when the client is fresh.
    pub async fn compatibility(&self) -> Result<CompatReport, ReadError> {
        self.compatibility_at(self.head().await?).await
    }

    /// The same as of a block.
    pub async fn compatibility_at(&self, block: BlockRef) -> Result<CompatReport, ReadError> {
        let at = self.at(block).await?;
        let mut report = report(at.metadata_ref());
        report.spec_version = Some(at.spec_version());
        Ok(report)
    }
}

/// Compares metadata as a node hands it out, with or without the length in front.
pub fn report_of_bytes(bytes: &[u8]) -> Result<CompatReport, CompatError> {
    decode(bytes).map(|metadata| report(&metadata))
}

/// The names of all errors that a pallet can end a call with; empty for a pallet that the chain does not have.
pub fn error_names(bytes: &[u8], pallet: &str) -> Result<BTreeSet<String>, CompatError> {
    let metadata = decode(bytes)?;
    let variants =
        metadata.pallet_by_name(pallet).and_then(|pallet| pallet.error_variants().map(<[_]>::to_vec));
    Ok(variants.unwrap_or_default().into_iter().map(|variant| variant.name).collect())
}

fn decode(bytes: &[u8]) -> Result<Metadata, CompatError> {
    let malformed = |reason: String| CompatError::Malformed { bytes: bytes.len(), reason };
    if bytes.len() > METADATA_BYTES_MAX {
        return Err(malformed(format!("at most {METADATA_BYTES_MAX} bytes are read")));
    }
    // A node's reply to a runtime call is an optional byte vector: one byte and a compact length come first.
    let start = bytes.windows(4).take(8).position(|four| four == b"meta").unwrap_or(0);
    Metadata::decode_from(&bytes[start..]).map_err(|error| malformed(error.to_string()))
}

/// Compares a chain's metadata with what this program uses.
#[must_use]
pub fn report(metadata: &Metadata) -> CompatReport {
    let mut lines: Vec<CompatLine> = used().map(|used| compare(metadata, used)).collect();
    lines.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    CompatReport { spec_version: None, lines }
}

/// The items of the list: each line is `kind name encoding | what for | what its absence means`.
fn used() -> impl Iterator<Item = CompatLine> {
    USED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let mut parts = line.split(" | ");
        let mut head = parts.next().unwrap_or_default().splitn(3, ' ');
        let mut word = || head.next().unwrap_or_default().to_owned();
        let (kind, name, expected) = (kind(&word()), word(), word());
        let used_for = parts.next().unwrap_or_default().to_owned();
        let explanation = parts.next().map(str::to_owned);
        CompatLine { kind, name, verdict: Verdict::Missing, expected, found: None, used_for, explanation }
    })
}

fn kind(word: &str) -> Kind {
    match word {
        "call" => Kind::Call,
        "storage" => Kind::Storage,
        "api" => Kind::Api,
        "constant" => Kind::Constant,
        "event" => Kind::Event,
        _ => Kind::Extension,
    }
}

fn compare(metadata: &Metadata, mut line: CompatLine) -> CompatLine {
    line.found = find(metadata, line.kind, &line.name);
    line.verdict = match &line.found {
        None => Verdict::Missing,
        Some(found) if line.expected.split(EITHER).any(|known| known == found) => Verdict::Equal,
        Some(_) => Verdict::Different,
    };
    line
}

/// How a chain encodes an item; `None` where it has none of that name.
fn find(metadata: &Metadata, kind: Kind, name: &str) -> Option<String> {
    if kind == Kind::Extension {
        return extension(metadata, name);
    }
    let (room, item) = name.split_once('.')?;
    if kind == Kind::Api {
        return api(metadata, room, item);
    }
    let pallet = metadata.pallet_by_name(room)?;
    match kind {
        Kind::Call => Some(shape::of_fields(metadata, &pallet.call_variant_by_name(item)?.fields)),
        Kind::Constant => Some(shape::of(metadata, pallet.constant_by_name(item)?.ty())),
        Kind::Event => {
            let event = pallet.event_variants()?.iter().find(|variant| variant.name == item)?;
            Some(shape::of_fields(metadata, &event.fields))
        }
        _ => {
            let entry = pallet.storage()?.entry_by_name(item)?;
            let keys =
                entry.keys().map(|key| format!("{:?}:{}", key.hasher, shape::of(metadata, key.key_id)));
            let keys = keys.collect::<Vec<_>>().join(",");
            let value = shape::of(metadata, entry.value_ty());
            let optional = if entry.default_value().is_none() { "?" } else { "" };
            Some(format!("({keys})->{value}{optional}"))
        }
    }
}

fn api(metadata: &Metadata, room: &str, item: &str) -> Option<String> {
    let method = metadata.runtime_api_trait_by_name(room)?.method_by_name(item)?;
    let inputs: Vec<String> = method.inputs().map(|input| shape::of(metadata, input.id)).collect();
    Some(format!("({})->{}", inputs.join(","), shape::of(metadata, method.output_ty())))
}

fn extension(metadata: &Metadata, name: &str) -> Option<String> {
    let mut all = metadata.extrinsic().transaction_extensions_to_use_for_encoding();
    let found = all.find(|extension| extension.identifier() == name)?;
    let (extra, additional) = (found.extra_ty(), found.additional_ty());
    Some(format!("{}+{}", shape::of(metadata, extra), shape::of(metadata, additional)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn development() -> Metadata {
        decode(include_bytes!("../metadata/devnet.scale")).unwrap()
    }

    #[test]
    fn the_list_names_each_item_once_and_says_what_it_is_for() {
        let mut names: Vec<_> = used().map(|line| (line.kind, line.name)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 80, "{count}");
        for line in used() {
            assert!(!line.expected.is_empty() && !line.used_for.is_empty(), "{line:?}");
        }
    }

    #[test]
    fn what_the_development_chain_has_is_equal() {
        let report = report(&development());
        let unequal: Vec<_> = report.lines.iter().filter(|line| line.verdict == Verdict::Different).collect();
        assert!(unequal.is_empty(), "{unequal:#?}");
        let set_weights = report.line(Kind::Call, "SubtensorModule.set_weights").unwrap();
        assert_eq!(set_weights.verdict, Verdict::Equal);
    }

    #[test]
    fn a_chain_that_lacks_an_item_is_told_apart_from_one_that_differs() {
        let line = |name: &str, expected: &str| CompatLine {
            kind: Kind::Call,
            name: name.into(),
            verdict: Verdict::Equal,
            expected: expected.into(),
            found: None,
            used_for: "a test".into(),
            explanation: None,
        };
        let missing = compare(&development(), line("SubtensorModule.no_such_call", "()"));
        assert_eq!((missing.verdict, missing.found), (Verdict::Missing, None));
        let different = compare(&development(), line("SubtensorModule.set_weights", "{netuid:u8}"));
        assert_eq!(different.verdict, Verdict::Different);
        assert!(different.found.unwrap().contains("netuid:u16"));
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for bytes in [&b""[..], b"meta", b"meta\x10garbage", &[0; 100]] {
            assert!(matches!(report_of_bytes(bytes), Err(CompatError::Malformed { .. })));
        }
    }
}
