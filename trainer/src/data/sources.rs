//! Which files the text comes from, in an order that every machine with the same files reproduces.

use std::fs;
use std::path::{Path, PathBuf};

use sn3_protocol::Digest;

use super::packed::{self, Packing};

/// Most bytes of text that sources may hold unless asked otherwise; all of it is in memory while tokenised.
pub const SOURCE_BYTES_MAX: u64 = 4 << 30;
/// Most files that are looked at.
pub const SOURCE_FILES_MAX: usize = 1_000_000;
/// Bytes of Rust sources that [`default_sources`] takes.
pub const DEFAULT_SOURCE_BYTES_MAX: u64 = 12 << 20;
/// Larger files among the default sources are generated tables more often than text.
const DEFAULT_FILE_BYTES_MAX: u64 = 96 << 10;
/// What packed files hold that are taken inside folders where every file is; others are archives and data.
const PACKED_EXTENSIONS: [&str; 4] = ["jsonl", "json", "txt", "md"];
/// Deepest folder that is entered; also what ends a loop of links.
const DEPTH_MAX: usize = 32;

/// Files and folders with text, and how much of it to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Files are taken as they are; folders are searched for files with one of `extensions`.
    pub paths: Vec<PathBuf>,
    /// Extensions without the dot that count as text inside folders, packed with gzip or Zstandard or not
    /// (`jsonl` takes `a.jsonl` and `a.jsonl.zst`); empty takes every file.
    pub extensions: Vec<String>,
    /// Total bytes, as they are on disk and when they are unpacked; what is done with more depends on `sampled`.
    pub bytes_max: u64,
    /// Larger files inside folders are passed over.
    pub file_bytes_max: u64,
    /// Whether too many bytes are cut to a pseudo-random choice of files (else they are an error).
    pub sampled: bool,
}

/// Why sources cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file or folder cannot be read.
    #[error("training text {path:?} cannot be read: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing to train on.
    #[error(
        "no text found in {paths:?}; name a text file, a .jsonl or .parquet file with a \"text\" field, or a folder of them"
    )]
    Empty {
        /// What was searched.
        paths: Vec<PathBuf>,
    },
    /// More than the bound.
    #[error("{paths:?} hold {found} {unit}, more than the {max} allowed; name fewer files")]
    TooLarge {
        /// What was searched.
        paths: Vec<PathBuf>,
        /// How much there is.
        found: u64,
        /// `bytes` or `files`.
        unit: &'static str,
        /// The bound.
        max: u64,
    },
    /// No registry of Rust sources on this machine.
    #[error(
        "no Rust sources at {path:?} to train on; build any Rust project once, or name a text with --data"
    )]
    NoRegistry {
        /// Where they were looked for.
        path: PathBuf,
    },
}

/// A file and the name by which it is ordered: its path below the source, `/`-separated; with several sources
/// the source's own name comes first.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    bytes: u64,
}

impl Sources {
    /// Every file below `paths`, up to [`SOURCE_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let bytes = SOURCE_BYTES_MAX;
        Self { paths, extensions: vec![], bytes_max: bytes, file_bytes_max: bytes, sampled: false }
    }

    /// The files, sorted by name, within the bounds.
    pub(super) fn files(&self) -> Result<Vec<SourceFile>, SourceError> {
        let mut files = Vec::new();
        for path in &self.paths {
            self.walk(self.root_of(path), path, 0, &mut files)?;
        }
        if files.is_empty() {
            return Err(SourceError::Empty { paths: self.paths.clone() });
        }
        let mut files = self.bounded(files)?;
        // The same order whether and however the files are packed.
        let key = |file: &SourceFile| (packed::unpacked_name(&file.name).to_owned(), file.name.clone());
        files.sort_by_cached_key(|file| (key(file), file.path.clone()));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(files)
    }

    /// What names are relative to: the folder itself, or what holds it where several sources must be told apart.
    fn root_of<'a>(&self, path: &'a Path) -> &'a Path {
        if path.is_dir() && self.paths.len() == 1 { path } else { path.parent().unwrap_or(path) }
    }

    fn walk(
        &self,
        root: &Path,
        path: &Path,
        depth: usize,
        files: &mut Vec<SourceFile>,
    ) -> Result<(), SourceError> {
        let at = |source| SourceError::Read { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(at)?;
        if !metadata.is_dir() {
            let named = depth == 0 || self.is_text(path) && metadata.len() <= self.file_bytes_max;
            if named && metadata.is_file() && metadata.len() > 0 {
                let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
                files.push(SourceFile { path: path.to_owned(), name, bytes: metadata.len() });
            }
            return self.check_count(files.len());
        }
        if depth == DEPTH_MAX {
            return Ok(());
        }
        for entry in fs::read_dir(path).map_err(at)? {
            let entry = entry.map_err(at)?;
            // A link to a file is one, as in the folders that Hugging Face's tools make. One to a folder may lead
            // back here, or out of what was named, and is passed over like one to nothing.
            let (link, path) = (entry.file_type().map_err(at)?.is_symlink(), entry.path());
            if !link || path.is_file() {
                self.walk(root, &path, depth + 1, files)?;
            }
        }
        Ok(())
    }

    fn check_count(&self, count: usize) -> Result<(), SourceError> {
        if count <= SOURCE_FILES_MAX {
            return Ok(());
        }
        Err(self.too_large(count as u64, "files", SOURCE_FILES_MAX as u64))
    }

    fn too_large(&self, found: u64, unit: &'static str, max: u64) -> SourceError {
        SourceError::TooLarge { paths: self.paths.clone(), found, unit, max }
    }

    fn is_text(&self, path: &Path) -> bool {
        let own = path.extension().unwrap_or_default().to_string_lossy();
        let inner = packed::extension(path).unwrap_or_default();
        if self.extensions.is_empty() {
            return Packing::of(path).is_none() || PACKED_EXTENSIONS.contains(&inner);
        }
        self.extensions.iter().any(|extension| *extension == own || extension == inner)
    }

    fn bounded(&self, mut files: Vec<SourceFile>) -> Result<Vec<SourceFile>, SourceError> {
        let total: u64 = files.iter().map(|f| f.bytes).sum();
        if total <= self.bytes_max {
            return Ok(files);
        }
        if !self.sampled {
            return Err(self.too_large(total, "bytes", self.bytes_max));
        }
        // By the digest of the name: spread over all folders, and the same choice wherever the files are.
        files.sort_by_cached_key(|f| (Digest::of(f.name.as_bytes()), f.path.clone()));
        let mut left = self.bytes_max;
        files.retain(|f| {
            let fits = f.bytes <= left;
            left -= if fits { f.bytes } else { 0 };
            fits
        });
        Ok(files)
    }
}

/// Real text that is on every machine that builds Rust: the sources of the packages it has downloaded,
/// one version of each, cut to [`DEFAULT_SOURCE_BYTES_MAX`].
///
/// Machines have different packages, so nodes of one run exchange the resulting dataset's digest, not this list.
///
/// # Errors
/// If neither `$CARGO_HOME` nor `~/.cargo` has `registry/src` with packages in it.
pub fn default_sources() -> Result<Sources, SourceError> {
    let registry = cargo_home().join("registry/src");
    let packages = newest_of_each(packages(&registry));
    if packages.is_empty() {
        return Err(SourceError::NoRegistry { path: registry });
    }
    Ok(Sources {
        paths: packages,
        extensions: vec!["rs".to_owned()],
        bytes_max: DEFAULT_SOURCE_BYTES_MAX,
        file_bytes_max: DEFAULT_FILE_BYTES_MAX,
        sampled: true,
    })
}

fn cargo_home() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// The package folders of all registries, sorted; unreadable folders have none.
fn packages(registry: &Path) -> Vec<PathBuf> {
    let children = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> = children(registry).flat_map(|index| children(&index)).collect();
    found.retain(|path| path.is_dir());
    found.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then(a.cmp(b)));
    found
}

/// Of folders `name-version` sorted by name, the last of each name: older versions repeat most of its text,
/// and repeated text would make a held-out loss look better than it is.
fn newest_of_each(packages: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut newest: std::collections::BTreeMap<String, PathBuf> = std::collections::BTreeMap::new();
    for path in packages {
        let folder = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        newest.insert(package_name(&folder).to_owned(), path);
    }
    newest.into_values().collect()
}

/// `serde_json` of `serde_json-1.0.0`: up to the first dash before a digit.
fn package_name(folder: &str) -> &str {
    let dashes = folder.match_indices('-').map(|(at, _)| at);
    let version = dashes.filter(|at| folder[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    version.min().map_or(folder, |at| &folder[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, usize)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x".repeat(*bytes)).unwrap();
        }
        dir
    }

    fn names(sources: &Sources) -> Vec<String> {
        sources.files().unwrap().into_iter().map(|f| f.name).collect()
    }

    #[test]
    fn folders_are_searched_in_sorted_order_by_extension() {
        let dir = folder(&[("b/z.rs", 5), ("a.rs", 5), ("b/a.txt", 5), ("empty.rs", 0)]);
        let mut sources = Sources::new(vec![dir.path().to_owned()]);
        assert_eq!(names(&sources), ["a.rs", "b/a.txt", "b/z.rs"]);
        sources.extensions = vec!["rs".to_owned()];
        assert_eq!(names(&sources), ["a.rs", "b/z.rs"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_files_are_files_and_others_are_passed_over() {
        use std::os::unix::fs::symlink;
        let dir = folder(&[("blobs/1f0c", 5), ("snapshot/a.txt", 5)]);
        let at = |name: &str| dir.path().join("snapshot").join(name);
        symlink("../blobs/1f0c", at("b.txt")).unwrap();
        symlink("../blobs/gone", at("c.txt")).unwrap();
        symlink("..", at("loop")).unwrap();
        assert_eq!(names(&Sources::new(vec![at("")])), ["a.txt", "b.txt"]);
    }

    #[test]
    fn packed_files_are_found_by_what_they_hold_in_the_order_of_unpacked_ones() {
        let names_of = |files: [&str; 4]| {
            let dir = folder(&files.map(|name| (name, 5)));
            let extensions = vec!["jsonl".to_owned(), "txt".to_owned()];
            names(&Sources { extensions, ..Sources::new(vec![dir.path().to_owned()]) })
        };
        let plain = names_of(["a.jsonl", "a.jsonl.b.jsonl", "b.txt", "c.tar"]);
        let packed = names_of(["a.jsonl.zst", "a.jsonl.b.jsonl.gz", "b.txt.gz", "c.tar.gz"]);
        assert_eq!(plain, ["a.jsonl", "a.jsonl.b.jsonl", "b.txt"]);
        assert_eq!(packed, ["a.jsonl.zst", "a.jsonl.b.jsonl.gz", "b.txt.gz"]);
        let dir = folder(&[("a.json.gz", 5), ("c.tar.gz", 5), ("picture.gz", 5)]);
        assert_eq!(names(&Sources::new(vec![dir.path().to_owned()])), ["a.json.gz"]);
    }

    #[test]
    fn several_sources_are_told_apart_by_their_names() {
        let dir = folder(&[("b/lib.rs", 5), ("a/lib.rs", 5), ("c.rs", 5)]);
        let paths = ["c.rs", "b", "a"].map(|name| dir.path().join(name)).to_vec();
        assert_eq!(names(&Sources::new(paths)), ["a/lib.rs", "b/lib.rs", "c.rs"]);
    }

    #[test]
    fn a_sampled_source_keeps_the_bound_and_others_refuse() {
        let files: Vec<(String, usize)> = (0..40).map(|i| (format!("{i:02}.rs"), 10)).collect();
        let files: Vec<(&str, usize)> = files.iter().map(|(n, b)| (n.as_str(), *b)).collect();
        let dir = folder(&files);
        let mut sources = Sources { bytes_max: 105, ..Sources::new(vec![dir.path().to_owned()]) };
        let error = sources.files().unwrap_err().to_string();
        assert!(error.ends_with("hold 400 bytes, more than the 105 allowed; name fewer files"), "{error}");
        sources.sampled = true;
        let chosen = names(&sources);
        assert_eq!(chosen.len(), 10);
        assert!(chosen.is_sorted() && chosen[9] != "09.rs", "a spread choice: {chosen:?}");
        assert_eq!(chosen, names(&sources));
    }

    #[test]
    fn missing_and_empty_sources_name_the_path() {
        let missing = Sources::new(vec!["/nowhere/text".into()]).files().unwrap_err().to_string();
        assert!(missing.contains("/nowhere/text"), "{missing}");
        let dir = folder(&[("empty.txt", 0)]);
        let empty = Sources::new(vec![dir.path().to_owned()]).files().unwrap_err();
        assert!(matches!(empty, SourceError::Empty { .. }), "{empty}");
    }

    #[test]
    fn one_version_of_each_package_is_taken() {
        assert_eq!(package_name("serde_json-1.0.0"), "serde_json");
        assert_eq!(package_name("md-5-0.10.6"), "md");
        assert_eq!(package_name("plain"), "plain");
        let paths = ["a-0.1.0", "a-0.2.0", "b-c-1.0.0"].map(PathBuf::from).to_vec();
        assert_eq!(newest_of_each(paths), ["a-0.2.0", "b-c-1.0.0"].map(PathBuf::from));
    }
}
