//! What ends a miner.

use sn3_chain::{ClockError, ReadError, SubmitError};
use sn3_protocol::assignment::AssignmentError;
use sn3_protocol::sparse::CompressError;
use sn3_protocol::{Digest, Hotkey, NetUid, Window};
use sn3_trainer::train::{StateError, StepError};

use crate::disk::DiskError;
use crate::node::Checkpoint;

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The chain or the way to it.
    Chain,
    /// The leader of the run.
    Leader,
    /// Whoever runs this node.
    Operator,
    /// The authors of this program.
    Bug,
}

/// Why a miner stopped. What peers and stores do wrong is an event, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MinerError {
    /// The hotkey has no slot.
    #[error("{hotkey} is not registered on subnet {netuid}; register it, then start again")]
    NotRegistered {
        /// Who.
        hotkey: Hotkey,
        /// Where.
        netuid: NetUid,
    },
    /// The run is on another subnet.
    #[error("the run pays on subnet {run}, this node is connected to subnet {connected}; use --netuid {run}")]
    WrongSubnet {
        /// The run's.
        run: NetUid,
        /// The connection's.
        connected: NetUid,
    },
    /// Data, tokenizer, model or initial state are not the run's.
    #[error("{what} has digest {} and the run needs {}; {remedy}", .found.short(), .expected.short())]
    WrongInput {
        /// Which.
        what: &'static str,
        /// This node's.
        found: Digest,
        /// The run's.
        expected: Digest,
        /// What to do.
        remedy: &'static str,
    },
    /// The run's configuration gives no layout.
    #[error("the run's model cannot be built: {0}; the run's author must publish another configuration")]
    Model(String),
    /// The samples do not suffice.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// State on disk cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The clock stopped.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The chain cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The storage address could not be committed.
    #[error("the storage address could not be committed: {0}")]
    Commit(#[from] SubmitError),
    /// The inner loop failed.
    #[error("window {window}, inner step {step}: {source}")]
    Step {
        /// The window.
        window: Window,
        /// The step in it, from 1.
        step: u32,
        /// Why.
        source: StepError,
    },
    /// The trainer does not take a state.
    #[error("the trainer refuses a state: {0}")]
    State(#[from] StateError),
    /// The pseudo-gradient cannot be compressed.
    #[error("window {window}: {source}")]
    Compress {
        /// The window.
        window: Window,
        /// Why.
        source: CompressError,
    },
    /// No record for a very long time.
    #[error(
        "no round record of the last {windows} windows up to {window}; ask the run's leader whether it still runs, then start again"
    )]
    NoRecords {
        /// The last window that was waited for.
        window: Window,
        /// How many were waited for.
        windows: u32,
    },
    /// The state of a record cannot be reached, even from the beginning.
    #[error(
        "window {window}: {detail}, also after a replay of all records; compare the release with the leader's and start again with --resync"
    )]
    Unreachable {
        /// Its window.
        window: Window,
        /// What differs.
        detail: String,
    },
    /// Somebody asked the node to stop.
    #[error("stopped {0}; start again to continue in the same window")]
    Stopped(Checkpoint),
    /// A thread of the node panicked.
    #[error("{0} panicked; this is a bug, please report it, then start again: nothing is lost")]
    Panicked(&'static str),
}

impl MinerError {
    /// Whether starting again may help without anyone's action.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Clock(_) | Self::Stopped(_) | Self::Panicked(_) => true,
            Self::Read(error) => error.is_transient(),
            Self::Commit(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Who has to do something.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Clock(_) | Self::Read(_) | Self::Commit(_) => Fault::Chain,
            Self::NoRecords { .. } | Self::Model(_) => Fault::Leader,
            Self::Panicked(_) | Self::Compress { .. } | Self::State(_) => Fault::Bug,
            _ => Fault::Operator,
        }
    }
}
