//! What a development chain is started with.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::runtime::genesis::GenesisConfig;

/// 2026-01-01T00:00:00Z: a chain without real time starts here, so that its blocks are reproducible.
pub const GENESIS_TIMESTAMP_MS: u64 = 1_767_225_600_000;
/// How far the chain's clock moves per block where real time plays no role.
pub const CHAIN_BLOCK_TIME_MS: u64 = 12_000;

/// When blocks are made. Advancing by hand works in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Sealing {
    /// Only when asked for.
    Manual,
    /// As soon as there are transactions, one block for those that arrive together.
    #[default]
    Instant,
    /// At a steady pace, on real time.
    Interval {
        /// The time between two blocks.
        block_time_ms: u64,
    },
}

/// How to start a [`Devnet`](crate::Devnet).
#[derive(Clone, Debug)]
pub struct DevnetConfig {
    /// The address to listen on. Anyone who reaches it controls the chain, so the default is this machine only.
    pub listen: IpAddr,
    /// The TCP port for WebSocket and HTTP; 0 takes any free one.
    pub port: u16,
    /// When blocks are made.
    pub sealing: Sealing,
    /// The chain's clock at genesis, in milliseconds since 1970.
    pub genesis_timestamp_ms: u64,
    /// How far the chain's clock moves per block when it is sealed manually or instantly.
    pub chain_block_time_ms: u64,
    /// Where to keep the chain over restarts; in memory only when absent. Blocks are appended to a file
    /// before they are announced, so a killed process loses none, and executed again at the next start.
    pub state_dir: Option<PathBuf>,
    /// A folder written by [`Devnet::dump`](crate::Devnet::dump), whose blocks the chain starts with. It needs the
    /// same genesis and is not changed.
    pub load_dir: Option<PathBuf>,
    /// The first state.
    pub genesis: GenesisConfig,
}

impl Default for DevnetConfig {
    fn default() -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            sealing: Sealing::default(),
            genesis_timestamp_ms: GENESIS_TIMESTAMP_MS,
            chain_block_time_ms: CHAIN_BLOCK_TIME_MS,
            state_dir: None,
            load_dir: None,
            genesis: GenesisConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_has_a_plain_json_form() {
        let json = |sealing| serde_json::to_string(&sealing).unwrap();
        assert_eq!(json(Sealing::Manual), r#""manual""#);
        assert_eq!(json(Sealing::Instant), r#""instant""#);
        assert_eq!(json(Sealing::Interval { block_time_ms: 250 }), r#"{"interval":{"blockTimeMs":250}}"#);
    }
}
