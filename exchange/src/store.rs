//! An object store with bounds: sizes before downloads, deadlines, and a limit for every list.

mod open;
mod read;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use sn3_protocol::address::StoreAddress;

use crate::error::StoreError;
use crate::key::Key;
use crate::location::Location;

pub use open::OpenError;

/// What an operation may take before its bytes are counted, in milliseconds.
const DEADLINE_BASE_MS: u64 = 60_000;

/// Slowest transfer that is waited for, in bytes per millisecond (256 kB/s).
const RATE_MIN_BYTES_PER_MS: u64 = 256;

/// Larger objects are uploaded in parts of this size, in bytes.
const PART_BYTES: usize = 16 << 20;

/// Parts that are under way at the same time.
const PARTS_AT_ONCE: usize = 4;

/// A folder, an S3-compatible bucket or a store in memory; cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn ObjectStore>,
    prefix: Path,
    location: Arc<Location>,
    name: Arc<str>,
}

/// One object of a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What a list found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Ascending by key.
    pub objects: Vec<Listed>,
    /// Whether there is more than was asked for.
    pub truncated: bool,
}

impl Store {
    /// Opens one's own store: a folder (created when it does not exist), `file:///folder`,
    /// `s3://bucket/prefix?endpoint=URL&region=NAME`, `https://host/bucket/prefix` or `memory:NAME`.
    ///
    /// Credentials of a bucket come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`); without them requests are not signed. Nothing is sent yet.
    ///
    /// # Errors
    /// If the text is no store or the folder cannot be made.
    pub fn open(url_or_path: &str) -> Result<Self, OpenError> {
        open::own(Location::parse(url_or_path)?)
    }

    /// Opens the store of a peer, whose address the peer wrote on chain.
    ///
    /// It gets less trust: a folder is not created, one's credentials are used only for the service that one's
    /// own store (`self`) is at, and addresses of this machine or of a private network are refused unless one's
    /// own store is local as well. So a peer cannot make a public node talk to its neighbours. A relative folder
    /// is meant from one's own folder.
    ///
    /// # Errors
    /// If the address is no store or may not be used.
    pub fn peer(&self, address: &StoreAddress) -> Result<Self, OpenError> {
        open::peer(Location::parse(address.url())?, &self.location)
    }

    /// Where this store lies.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Writes an object, whole or not at all; an existing one is replaced.
    ///
    /// # Errors
    /// If the store fails, refuses or is too slow.
    pub async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        let (path, size) = (self.path(key), bytes.len() as u64);
        let write = async {
            if bytes.len() <= PART_BYTES {
                return self.backend.put(&path, PutPayload::from(bytes)).await.map(drop);
            }
            self.put_parts(&path, bytes).await
        };
        self.within("write", key.as_str(), size, write).await
    }

    /// Reads an object of at most `bytes_max` bytes. Its size is asked for first; one that is larger is refused
    /// before the download. A download that breaks is continued.
    ///
    /// # Errors
    /// If there is none, it is too large, or the store fails, refuses or is too slow.
    pub async fn get_bounded(&self, key: &Key, bytes_max: u64) -> Result<Bytes, StoreError> {
        read::get_bounded(self, key, bytes_max).await
    }

    /// The size of an object in bytes.
    ///
    /// # Errors
    /// If there is none, or the store fails, refuses or is too slow.
    pub async fn size(&self, key: &Key) -> Result<u64, StoreError> {
        let path = self.path(key);
        let head = self.backend.head(&path);
        Ok(self.within("ask for", key.as_str(), 0, head).await?.size)
    }

    /// The first `count_max` objects below `prefix`, as the store sends them, sorted by key.
    ///
    /// # Errors
    /// If the store fails, refuses or is too slow.
    pub async fn list(&self, prefix: &str, count_max: usize) -> Result<Listing, StoreError> {
        let path = self.prefixed(&Path::from(prefix));
        let list = async {
            let mut listing = Listing::default();
            let mut objects = self.backend.list(Some(&path));
            while let Some(object) = objects.try_next().await? {
                if listing.objects.len() == count_max {
                    listing.truncated = true;
                    break;
                }
                listing.objects.push(Listed { key: self.unprefixed(&object.location), bytes: object.size });
            }
            listing.objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            Ok(listing)
        };
        self.within("list", prefix, 0, list).await
    }

    /// Removes an object; one that is not there is as good as removed.
    ///
    /// # Errors
    /// If the store fails, refuses or is too slow.
    pub async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let path = self.path(key);
        let delete = self.backend.delete(&path);
        match self.within("delete", key.as_str(), 0, delete).await {
            Err(StoreError::Missing { .. }) => Ok(()),
            other => other,
        }
    }

    async fn put_parts(&self, path: &Path, bytes: Bytes) -> object_store::Result<()> {
        let mut upload =
            WriteMultipart::new_with_chunk_size(self.backend.put_multipart(path).await?, PART_BYTES);
        for start in (0..bytes.len()).step_by(PART_BYTES) {
            upload.wait_for_capacity(PARTS_AT_ONCE).await?;
            upload.put(bytes.slice(start..bytes.len().min(start + PART_BYTES)));
        }
        upload.finish().await.map(drop)
    }

    fn path(&self, key: &Key) -> Path {
        self.prefixed(&key.path())
    }

    fn prefixed(&self, path: &Path) -> Path {
        Path::from_iter(self.prefix.parts().chain(path.parts()))
    }

    fn unprefixed(&self, path: &Path) -> String {
        let parts = path.prefix_match(&self.prefix).map(Path::from_iter);
        parts.unwrap_or_else(|| path.clone()).to_string()
    }

    /// Runs an operation that moves about `size` bytes under its deadline, and names its error.
    async fn within<T>(
        &self,
        operation: &'static str,
        key: &str,
        size: u64,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        let waited_ms = DEADLINE_BASE_MS + size / RATE_MIN_BYTES_PER_MS;
        match tokio::time::timeout(Duration::from_millis(waited_ms), work).await {
            Ok(result) => result.map_err(|error| self.explain(operation, key, error)),
            Err(_) => {
                let (key, store) = (key.to_owned(), self.name.to_string());
                Err(StoreError::Deadline { operation, key, store, waited_ms })
            }
        }
    }

    fn explain(&self, operation: &'static str, key: &str, error: object_store::Error) -> StoreError {
        use object_store::Error;
        let (key, store) = (key.to_owned(), self.name.to_string());
        match error {
            Error::NotFound { .. } => StoreError::Missing { key, store },
            Error::Precondition { .. } => StoreError::Changed { key, store },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                StoreError::Denied { operation, key, store, reason: one_line(&error) }
            }
            other => StoreError::Unavailable { operation, key, store, reason: one_line(&other) },
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

/// Longest reason that an error repeats, in characters.
const REASON_CHARS_MAX: usize = 300;

/// A foreign error's text without the line breaks of an XML answer.
fn one_line(error: &object_store::Error) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(REASON_CHARS_MAX).collect()
}
