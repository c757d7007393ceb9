//! Writing the whole chain to a folder, and starting from one.

use std::{path::Path, sync::Arc};

use super::{Engine, restore::replay};
use crate::node::{
    chain::Chain,
    log::{BlockLog, LogError},
};
use sp_core::H256;

impl Engine {
    /// Writes all blocks of the chain into a folder that [`load`] reads. The folder must hold no chain yet,
    /// or an older part of this one. Answers how many blocks it holds.
    pub fn dump(&self, dir: &Path) -> Result<u64, LogError> {
        let head = self.chain.head().number();
        let mut there = 0;
        let mut log = BlockLog::open(dir, self.genesis_hash(), |record| {
            let fits = self.is_next(there, &record);
            there += u64::from(fits);
            fits
        })?;
        for number in there + 1..=head {
            let block = self.chain.hash_at(number).and_then(|hash| self.chain.block(&hash));
            let block = block.ok_or(LogError::Forgotten { number })?;
            log.append(&block)?;
        }
        Ok(head)
    }

    fn is_next(&self, there: u64, record: &crate::node::log::Record) -> bool {
        match record {
            crate::node::log::Record::Block(block) => self.chain.hash_at(there + 1) == Some(block.hash),
            crate::node::log::Record::Revert(_) => false,
        }
    }
}

/// Executes the blocks in a dumped folder on top of genesis; the folder is not changed by what follows.
pub fn load(chain: &Arc<Chain>, genesis: H256, dir: &Path) -> Result<(), LogError> {
    BlockLog::open(dir, genesis, |record| replay(chain, record)).map(drop)
}
