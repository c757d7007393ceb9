//! A bounded download that continues where it broke.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStoreExt};

use super::Store;
use crate::error::StoreError;
use crate::key::Key;

/// How often a download is begun or continued.
const ATTEMPTS_MAX: u32 = 4;

/// Pause before the second attempt, in milliseconds; doubled for each further one.
const PAUSE_MS: u64 = 200;

/// Memory that is taken before the first byte has come, in bytes.
const RESERVE_BYTES_MAX: u64 = 1 << 20;

pub(super) async fn get_bounded(store: &Store, key: &Key, bytes_max: u64) -> Result<Bytes, StoreError> {
    let path = store.path(key);
    let meta = store.within("ask for", key.as_str(), 0, store.backend.head(&path)).await?;
    if meta.size > bytes_max {
        let (key, store) = (key.to_string(), store.name.to_string());
        return Err(StoreError::TooLarge { key, store, size: meta.size, max: bytes_max });
    }
    let mut buffer = Vec::with_capacity(meta.size.min(RESERVE_BYTES_MAX) as usize);
    for attempt in 0..ATTEMPTS_MAX {
        match fill(store, key, &meta, &mut buffer).await {
            Ok(()) if buffer.len() as u64 == meta.size => return Ok(buffer.into()),
            Err(error) if !error.retry() || attempt + 1 == ATTEMPTS_MAX => return Err(error),
            result => tracing::debug!(%key, attempt, have = buffer.len(), ?result, "download continues"),
        }
        tokio::time::sleep(Duration::from_millis(PAUSE_MS << attempt)).await;
    }
    let (key, store) = (key.to_string(), store.name.to_string());
    Err(StoreError::Truncated { key, store, size: meta.size, found: buffer.len() as u64 })
}

/// Appends what is missing of the object. What comes beyond the announced size is an error, never memory.
async fn fill(store: &Store, key: &Key, meta: &ObjectMeta, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
    let missing = meta.size - buffer.len() as u64;
    if missing == 0 {
        return Ok(());
    }
    let options = continue_at(meta, buffer.len() as u64);
    let read = async {
        let mut chunks = store.backend.get_opts(&meta.location, options).await?.into_stream();
        while let Some(chunk) = chunks.try_next().await? {
            if (buffer.len() + chunk.len()) as u64 > meta.size {
                return Ok(false);
            }
            buffer.extend_from_slice(&chunk);
        }
        Ok(true)
    };
    match store.within("read", key.as_str(), missing, read).await? {
        true => Ok(()),
        false => Err(StoreError::Changed { key: key.to_string(), store: store.name.to_string() }),
    }
}

/// The whole object, or its rest if it is still the same.
fn continue_at(meta: &ObjectMeta, offset: u64) -> GetOptions {
    let mut options = GetOptions::default();
    if offset > 0 {
        options.range = Some(GetRange::Offset(offset));
        options.if_match = meta.e_tag.clone();
    }
    options
}
