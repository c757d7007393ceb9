//! Files that only their owner may read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Largest keyfile that is read; a real one has less than 1 KiB.
const KEYFILE_BYTES_MAX: u64 = 64 * 1024;

/// Makes a directory and its parents, each with mode 0700.
pub(super) fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a new file with mode 0600; an existing one is never overwritten.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a private keyfile; one that others may read is taken from them first.
pub(super) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if is_shared(path)? {
        tracing::warn!(path = %path.display(), "other users could read this keyfile; its mode is 0600 from now on");
        make_private(path)?;
    }
    read_as_is(path)
}

/// Reads a file, whoever else may.
pub(super) fn read_as_is(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(KEYFILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > KEYFILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too large for a keyfile"));
    }
    Ok(bytes)
}

/// Whether the mode lets others in.
#[cfg(unix)]
pub(super) fn is_shared(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata(path)?.mode() & 0o077 != 0)
}

/// Takes a file or directory from others.
#[cfg(unix)]
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn is_shared(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|_| false)
}

#[cfg(not(unix))]
pub(super) fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}
