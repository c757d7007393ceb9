//! Free room of a file system.

use std::io;
use std::path::Path;

/// Bytes that an ordinary user may still write where `path` lies; a folder that is not there yet counts as its
/// nearest parent.
#[cfg(unix)]
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let absolute = std::path::absolute(path)?;
    let existing = absolute.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    let found = rustix::fs::statvfs(existing)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Not known on this system.
#[cfg(not(unix))]
pub fn free_bytes(_path: &Path) -> io::Result<u64> {
    Err(io::Error::other("free room is not known on this system"))
}
