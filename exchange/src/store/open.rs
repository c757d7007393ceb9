//! From a location to a backend, with one's own trust or a peer's.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::{Arc, LazyLock, Mutex, Once, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::Store;
use crate::location::{Location, LocationError};

/// How often a request that a server failed is repeated.
const RETRIES_MAX: usize = 4;

/// How long it is repeated, in milliseconds.
const RETRY_MS_MAX: u64 = 30_000;

/// How long a connection may take, in milliseconds.
const CONNECT_MS_MAX: u64 = 10_000;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The text is none.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The folder cannot be used.
    #[error(
        "the folder {path} cannot be used as a store: {source}; check that it exists and who may write there"
    )]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bucket's description does not work.
    #[error("the bucket {bucket} cannot be used: {reason}; check endpoint, region and AWS_* variables")]
    Bucket {
        /// The bucket.
        bucket: String,
        /// What is wrong.
        reason: String,
    },
    /// A peer's address points into one's own machine or network.
    #[error(
        "the peer's store {0} is on this machine or in its private network, and this node is not; it is ignored"
    )]
    LocalPeer(String),
}

pub(super) fn own(location: Location) -> Result<Store, OpenError> {
    match &location {
        Location::Folder(path) => {
            create(path)?;
            folder(location.clone())
        }
        Location::Memory(_) => Ok(memory(location)),
        Location::S3 { .. } => bucket(location, has_credentials()),
    }
}

pub(super) fn peer(location: Location, own: &Location) -> Result<Store, OpenError> {
    let location = beside(location, own);
    if location.is_local() && !own.is_local() {
        return Err(OpenError::LocalPeer(name(&location)));
    }
    match &location {
        Location::Folder(_) => folder(location),
        Location::Memory(_) => Ok(memory(location)),
        Location::S3 { .. } => {
            let same = service(&location) == service(own);
            bucket(location, same && has_credentials())
        }
    }
}

/// A relative folder is meant from one's own folder, so that the stores of one machine can name each other
/// (`../alice`) wherever they lie.
fn beside(location: Location, own: &Location) -> Location {
    match (location, own) {
        (Location::Folder(path), Location::Folder(base)) => Location::Folder(base.join(path)),
        (location, _) => location,
    }
}

fn create(path: &FilePath) -> Result<(), OpenError> {
    std::fs::create_dir_all(path).map_err(|source| folder_error(path, source))
}

fn folder_error(path: &FilePath, source: std::io::Error) -> OpenError {
    OpenError::Folder { path: path.display().to_string(), source }
}

fn folder(location: Location) -> Result<Store, OpenError> {
    let Location::Folder(path) = &location else { unreachable!("called for folders") };
    if !path.is_dir() {
        return Err(folder_error(path, std::io::ErrorKind::NotFound.into()));
    }
    let backend = LocalFileSystem::new_with_prefix(path)
        .map_err(|error| folder_error(path, std::io::Error::other(error)))?;
    // Durable before a manifest or record can announce it.
    Ok(store(Arc::new(backend.with_fsync(true)), Path::default(), location))
}

/// Stores of this process by name. They live as long as the process: a name can be opened again at any time.
static MEMORY: LazyLock<Mutex<BTreeMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);

fn memory(location: Location) -> Store {
    let Location::Memory(name) = &location else { unreachable!("called for memory") };
    let mut stores = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let backend = stores.entry(name.clone()).or_default().clone();
    drop(stores);
    store(backend, Path::default(), location)
}

fn bucket(location: Location, signed: bool) -> Result<Store, OpenError> {
    let Location::S3 { bucket, prefix, endpoint, region } = &location else {
        unreachable!("called for buckets")
    };
    install_tls();
    let backend = build(bucket, endpoint.as_deref(), region, signed)
        .map_err(|error| OpenError::Bucket { bucket: bucket.clone(), reason: super::one_line(&error) })?;
    let prefix = Path::from(prefix.as_str());
    Ok(store(Arc::new(backend), prefix, location))
}

fn build(bucket: &str, endpoint: Option<&str>, region: &str, signed: bool) -> object_store::Result<AmazonS3> {
    let plain = endpoint.is_some_and(|url| url.starts_with("http://"));
    let client = ClientOptions::new()
        .with_connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
        // The deadline of an operation follows from its size; see `Store::within`.
        .with_timeout_disabled()
        .with_allow_http(plain);
    let base =
        if signed { AmazonS3Builder::from_env() } else { AmazonS3Builder::new().with_skip_signature(true) };
    let mut builder =
        base.with_bucket_name(bucket).with_region(region).with_client_options(client).with_retry(retries());
    if let Some(url) = endpoint {
        builder = builder.with_endpoint(url).with_virtual_hosted_style_request(false);
    }
    builder.build()
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: Duration::from_millis(RETRY_MS_MAX) }
}

fn has_credentials() -> bool {
    std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.is_empty())
}

/// The TLS implementation of this process, chosen once; whoever chose another one before us is right.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("another TLS provider was installed before");
        }
    });
}

/// What credentials belong to: the endpoint, or the cloud's own service of a region.
fn service(location: &Location) -> Option<(Option<&str>, &str)> {
    match location {
        Location::S3 { endpoint: Some(url), .. } => Some((Some(url), "")),
        Location::S3 { endpoint: None, region, .. } => Some((None, region)),
        _ => None,
    }
}

fn store(backend: Arc<dyn ObjectStore>, prefix: Path, location: Location) -> Store {
    let name = name(&location).into();
    Store { backend, prefix, location: Arc::new(location), name }
}

fn name(location: &Location) -> String {
    match location {
        Location::Folder(path) => path.display().to_string(),
        Location::Memory(name) => format!("memory:{name}"),
        Location::S3 { bucket, prefix, endpoint, .. } => {
            let at = endpoint.as_deref().map(|url| format!(" at {url}")).unwrap_or_default();
            format!("s3://{bucket}/{prefix}{at}")
        }
    }
}
