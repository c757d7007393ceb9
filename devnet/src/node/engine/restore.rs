//! Starting: from genesis, or from what the last run kept.

use std::sync::{Arc, Mutex, atomic::AtomicBool};

use tokio::sync::watch;

use super::{
    Engine, Writing,
    dump::load,
    snapshots::{SNAPSHOT_BLOCKS_MAX, Snapshots},
};
use crate::node::{
    answers::Answers,
    block::StoredBlock,
    chain::Chain,
    config::DevnetConfig,
    faults::Faults,
    genesis::{GenesisError, genesis},
    log::{BlockLog, LogError, Record},
    pool::Pool,
    state::Execution,
};

/// Why there is no chain to work on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The first state was refused.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The kept chain cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Engine {
    /// Builds genesis, and replays the kept chain on it when the configuration names a folder.
    pub fn open(config: &DevnetConfig) -> Result<Arc<Self>, OpenError> {
        let (block, state) = genesis(&config.genesis, config.genesis_timestamp_ms)?;
        let genesis_hash = block.hash;
        let chain = Arc::new(Chain::new(block, state));
        if let Some(dir) = &config.load_dir {
            load(&chain, genesis_hash, dir)?;
        }
        let open = |dir| BlockLog::open(dir, genesis_hash, |record| replay(&chain, record));
        let log = config.state_dir.as_deref().map(open).transpose()?;
        Ok(Arc::new(Self {
            chain,
            pool: Pool::default(),
            answers: Answers::default(),
            faults: Faults::default(),
            sealing: watch::Sender::new(config.sealing),
            writing: Mutex::new(Writing { snapshots: Snapshots::default(), log }),
            chain_block_time_ms: config.chain_block_time_ms,
            stopping: AtomicBool::new(false),
        }))
    }
}

/// `false` for a record that does not fit the chain before it.
pub(super) fn replay(chain: &Chain, record: Record) -> bool {
    match record {
        Record::Revert(height) => chain.revert(height),
        Record::Block(block) => execute(chain, block),
    }
}

/// Executes the block; the runtime compares every root with the header.
fn execute(chain: &Chain, block: StoredBlock) -> bool {
    let Ok((state, parent)) = chain.state(None) else { return false };
    if block.header.parent_hash != parent.hash {
        return false;
    }
    let mut execution = Execution::on(&state);
    if execution.call("Core_execute_block", &block.encoded()).is_err() {
        return false;
    }
    let finished = execution.finish();
    drop(state);
    match finished {
        Ok(after) if after.root == block.header.state_root => {
            // A later record may go back as far as any snapshot could.
            let oldest = block.number().saturating_sub(SNAPSHOT_BLOCKS_MAX);
            chain.commit(block, after, Some(oldest));
            true
        }
        _ => false,
    }
}
