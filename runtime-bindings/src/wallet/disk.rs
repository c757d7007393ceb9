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

/// Reads a keyfile, and warns when others may read it too.
pub(super) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    warn_if_shared(path, &file)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(KEYFILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > KEYFILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too large for a keyfile"));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn warn_if_shared(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format_args!("{mode:o}"), "other users may read this keyfile; run chmod 600 on it");
    }
    Ok(())
}

#[cfg(not(unix))]
fn warn_if_shared(_path: &Path, _file: &File) -> io::Result<()> {
    Ok(())
}
