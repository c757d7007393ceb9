//! Which rules of the chain apply.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The runtime version whose rules are held to the reference's vectors bit for bit.
pub const SPEC_VERSION_EXACT: u32 = 425;

/// A runtime's version (`spec = 425`), or the one in force at a block of the main network
/// (`spec = { block = 7500000 }`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecChoice {
    /// A `spec_version`.
    Version(u32),
    /// The version at a block.
    AtBlock(u64),
}

impl Default for SpecChoice {
    fn default() -> Self {
        Self::Version(SPEC_VERSION_EXACT)
    }
}

impl fmt::Display for SpecChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "{version}"),
            Self::AtBlock(block) => write!(f, "at block {block}"),
        }
    }
}

impl Serialize for SpecChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Version(version) => serializer.serialize_u32(*version),
            Self::AtBlock(block) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("block", block)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for SpecChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecVisitor)
    }
}

struct SpecVisitor;

impl<'de> Visitor<'de> for SpecVisitor {
    type Value = SpecChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a runtime version such as 425, or { block = 7500000 }")
    }

    fn visit_u64<E: de::Error>(self, version: u64) -> Result<SpecChoice, E> {
        let version = u32::try_from(version);
        version.map(SpecChoice::Version).map_err(|_| E::custom("no runtime version is that large"))
    }

    fn visit_i64<E: de::Error>(self, version: i64) -> Result<SpecChoice, E> {
        let version = u64::try_from(version).map_err(|_| E::custom("runtime versions are positive"))?;
        self.visit_u64(version)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SpecChoice, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct AtBlock {
            block: u64,
        }
        let at = AtBlock::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(SpecChoice::AtBlock(at.block))
    }
}
