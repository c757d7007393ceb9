//! The folder of a preparation: one process at a time, and only what it may go on with.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sn3_protocol::Digest;

use super::parts::{self, Input};
use super::{DESCRIPTION_BYTES_MAX, PrepareError, WORK, at, write};
use crate::files;

const LOCK: &str = "prepare.lock";
const BEGUN: &str = "begun.json";
/// How often a lock is taken whose file another process then turns out to have removed.
const LOCK_ATTEMPTS_MAX: usize = 100;
const LOCK_BYTES_MAX: u64 = 64;

/// The right to write to a folder. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// Held for its lock.
    _file: File,
}

impl Lock {
    /// Takes the right to write to `folder`, which is made if need be; one with other things in it is refused.
    pub(super) fn take(folder: &Path) -> Result<Self, PrepareError> {
        check_unused(folder)?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join(LOCK);
        for _ in 0..LOCK_ATTEMPTS_MAX {
            let opened = File::options().create(true).truncate(false).write(true).open(&path);
            let mut file = opened.map_err(at(&path))?;
            let failed = at(&path);
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(busy(folder)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Ok(()) => (),
            }
            let token = token();
            file.set_len(0).and_then(|()| file.write_all(token.as_bytes())).map_err(&failed)?;
            // The process that had the lock may have removed the file between its opening here and its locking.
            if fs::read(&path).is_ok_and(|found| found == token.as_bytes()) {
                return Ok(Self { path, _file: file });
            }
        }
        Err(busy(folder))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held: nobody else's file is removed. One that stays is taken over by the next process.
        drop(fs::remove_file(&self.path));
    }
}

/// This process's number, and what tells this lock from others of it.
fn token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{} {}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn busy(folder: &Path) -> PrepareError {
    let text = files::read_bounded(&folder.join(LOCK), LOCK_BYTES_MAX).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let number = text.split(' ').next().filter(|number| number.parse::<u32>().is_ok());
    PrepareError::Busy { path: folder.to_owned(), process: number.unwrap_or("?").to_owned() }
}

/// Whether no process is preparing `folder` now: asked before long work whose result [`super::prepare`] needs.
///
/// # Errors
/// [`PrepareError::Busy`] where one is.
pub fn check_free(folder: &Path) -> Result<(), PrepareError> {
    let Ok(file) = File::open(folder.join(LOCK)) else { return Ok(()) };
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) { Err(busy(folder)) } else { Ok(()) }
}

/// What an unfinished preparation is of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    recipe: Digest,
    source: Digest,
}

/// The folder of unfinished work, which must be of the same recipe. Where files are other ones than those of the last
/// attempt, parts of which nothing changed are kept, and shards are not.
pub(super) fn begin(
    folder: &Path,
    recipe: Digest,
    source: Digest,
    inputs: &[Input],
) -> Result<PathBuf, PrepareError> {
    let work = folder.join(WORK);
    let path = work.join(BEGUN);
    let mark = Mark { recipe, source };
    if path.exists() {
        let bytes = files::read_bounded(&path, DESCRIPTION_BYTES_MAX).map_err(at(&path))?;
        let found = serde_json::from_slice::<Mark>(&bytes).ok();
        let found = found.filter(|found| found.recipe == recipe).ok_or_else(|| occupied(folder))?;
        [folder, &work].into_iter().try_for_each(|folder| remove(folder, &files::is_temporary))?;
        if found == mark {
            return Ok(work);
        }
        if let (0, 1..) = parts::done(inputs, &work)? {
            return Err(occupied(folder));
        }
        remove(folder, &write::is_shard)?;
    } else {
        check_unused(folder)?;
    }
    let text = serde_json::to_vec(&mark).expect("plain values become JSON");
    files::write_atomic(&path, &text).map_err(at(&path))?;
    Ok(work)
}

fn occupied(folder: &Path) -> PrepareError {
    PrepareError::Occupied { path: folder.to_owned() }
}

/// Refuses a folder with something in it that is no preparation.
fn check_unused(folder: &Path) -> Result<(), PrepareError> {
    if !folder.exists() || folder.join(WORK).join(BEGUN).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path != folder.join(LOCK) && !(path == folder.join(WORK) && is_barely_begun(&path)) {
            return Err(occupied(folder));
        }
    }
    Ok(())
}

/// Whether a process was killed here before it had written its mark.
fn is_barely_begun(work: &Path) -> bool {
    let entries = fs::read_dir(work).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    entries.is_ok_and(|entries| entries.iter().all(|entry| files::is_temporary(&entry.path())))
}

/// Removes the files of which `which` is true.
fn remove(folder: &Path, which: &dyn Fn(&Path) -> bool) -> Result<(), PrepareError> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if which(&path) {
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_of_one_process_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        check_free(&folder).unwrap();
        let lock = Lock::take(&folder).unwrap();
        let said = Lock::take(&folder).unwrap_err().to_string();
        let own = format!("out\" is being prepared by process {}; wait for it", std::process::id());
        assert!(said.contains(&own), "{said}");
        assert!(matches!(check_free(&folder), Err(PrepareError::Busy { .. })));
        drop(lock);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "the lock's file goes with it");
        fs::write(folder.join(LOCK), "1 0 of a process that was killed").unwrap();
        check_free(&folder).unwrap();
        drop(Lock::take(&folder).unwrap());
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_none() {
        let dir = tempfile::tempdir().unwrap();
        // Another process opens the file, then this one removes it; the other's lock must not count.
        let first = Lock::take(dir.path()).unwrap();
        let other = File::options().write(true).open(&first.path).unwrap();
        drop(first);
        other.try_lock().unwrap();
        let second = Lock::take(dir.path()).unwrap();
        assert!(!fs::read(&second.path).unwrap().is_empty());
        assert!(matches!(Lock::take(dir.path()), Err(PrepareError::Busy { .. })));
    }

    #[test]
    fn a_folder_where_a_process_died_early_is_unused() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join(WORK);
        fs::create_dir(&work).unwrap();
        fs::write(work.join(".begun.json.7.0.tmp"), "{").unwrap();
        check_unused(dir.path()).unwrap();
        fs::write(work.join("notes.txt"), "mine").unwrap();
        assert!(matches!(check_unused(dir.path()), Err(PrepareError::Occupied { .. })));
    }
}
