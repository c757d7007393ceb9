//! Text as it is distributed: packed with gzip or Zstandard, and unpacked while it is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstandardDecoder;

/// What any packed file may unpack to, in bytes; more must be earned by its length.
const UNPACKED_BYTES_ALWAYS: u64 = 16 << 20;
/// Most unpacked bytes for each packed one. Text is packed 3 to 20 times; deflate cannot exceed 1,032.
const UNPACKED_RATIO_MAX: u64 = 1_000;
/// Largest window of a Zstandard frame, as a power of two in bytes: what `zstd --long=31` makes.
const WINDOW_LOG2_BYTES_MAX: u32 = 31;
const BUFFER_BYTES: usize = 1 << 20;

/// How a file is packed, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstandard,
}

const ENDINGS: [(&str, Packing); 3] =
    [(".gz", Packing::Gzip), (".zst", Packing::Zstandard), (".zstd", Packing::Zstandard)];

/// A file's text from its beginning, whatever it was packed with.
pub(super) type Text = Box<dyn BufRead + Send>;

impl Packing {
    /// The packing of a file; none where its name has no such end.
    pub(super) fn of(path: &Path) -> Option<Self> {
        split(path.file_name()?.to_str()?).1
    }

    /// What is wrong with a file that this error came from.
    pub(super) fn explain(self, error: &io::Error) -> String {
        let name = match self {
            Self::Gzip => "gzip",
            Self::Zstandard => "Zstandard",
        };
        if error.kind() == io::ErrorKind::FileTooLarge {
            return format!("its {name} stream {error}; if that is right, unpack it and name the result");
        }
        format!(
            "its {name} stream is damaged or cut off ({error}); get the file again and repeat the command, \
             which goes on with what is done"
        )
    }
}

fn split(name: &str) -> (&str, Option<Packing>) {
    let end = |(ending, packing)| Some((name.strip_suffix(ending).filter(|stem| !stem.is_empty())?, packing));
    ENDINGS.into_iter().find_map(end).map_or((name, None), |(stem, packing)| (stem, Some(packing)))
}

/// The name without the end that tells the packing: what the file holds follows from it.
pub(super) fn unpacked_name(name: &str) -> &str {
    split(name).0
}

/// The extension of the file that was packed: `jsonl` of `a.jsonl.zst` and of `a.jsonl`.
pub(super) fn extension(path: &Path) -> Option<&str> {
    Path::new(unpacked_name(path.file_name()?.to_str()?)).extension()?.to_str()
}

/// Opens a file and unpacks it while it is read: all members of a gzip file, all frames of a Zstandard file.
///
/// Reading fails with `FileTooLarge` where it unpacks to more than [`UNPACKED_RATIO_MAX`] times its length.
pub(super) fn open(path: &Path) -> io::Result<Text> {
    let file = File::open(path)?;
    let packed_bytes = file.metadata()?.len();
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    let bounded = |reader: Box<dyn Read + Send>| -> Text {
        let left = UNPACKED_BYTES_ALWAYS.saturating_add(packed_bytes.saturating_mul(UNPACKED_RATIO_MAX));
        Box::new(BufReader::with_capacity(BUFFER_BYTES, Bounded { reader, left, packed_bytes }))
    };
    Ok(match Packing::of(path) {
        None => Box::new(file),
        Some(Packing::Gzip) => bounded(Box::new(MultiGzDecoder::new(file))),
        Some(Packing::Zstandard) => {
            let mut decoder = ZstandardDecoder::with_buffer(file)?;
            decoder.window_log_max(WINDOW_LOG2_BYTES_MAX)?;
            bounded(Box::new(decoder))
        }
    })
}

/// A reader that fails after `left` bytes.
struct Bounded {
    reader: Box<dyn Read + Send>,
    left: u64,
    packed_bytes: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let Some(left) = self.left.checked_sub(read as u64) else {
            let reason = format!(
                "of {} bytes unpacks to more than {UNPACKED_RATIO_MAX} times as many",
                self.packed_bytes
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        };
        self.left = left;
        Ok(read)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    pub(in crate::data) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub(in crate::data) fn zstandard(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn read(path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn names_tell_packing_and_content() {
        let of = |name: &str| {
            let path = PathBuf::from("folder").join(name);
            (Packing::of(&path), extension(&path).map(str::to_owned))
        };
        assert_eq!(of("a.jsonl"), (None, Some("jsonl".to_owned())));
        assert_eq!(of("a.jsonl.gz"), (Some(Packing::Gzip), Some("jsonl".to_owned())));
        assert_eq!(of("a.txt.zst"), (Some(Packing::Zstandard), Some("txt".to_owned())));
        assert_eq!(of("a.txt.zstd"), (Some(Packing::Zstandard), Some("txt".to_owned())));
        assert_eq!(of("words.gz"), (Some(Packing::Gzip), None));
        assert_eq!(of(".gz"), (None, None));
        assert_eq!(unpacked_name("b/a.jsonl.gz"), "b/a.jsonl");
    }

    #[test]
    fn every_member_and_every_frame_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (gz, zst) = (dir.path().join("a.txt.gz"), dir.path().join("a.txt.zst"));
        let parts = [&b"one "[..], b"", b"two ", &[b'x'; 100_000]];
        std::fs::write(&gz, parts.map(gzip).concat()).unwrap();
        // The second is a skippable frame, as parallel compressors write them.
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let frames = [zstandard(parts[0]), skippable.to_vec(), zstandard(parts[2]), zstandard(parts[3])];
        std::fs::write(&zst, frames.concat()).unwrap();
        assert_eq!(read(&gz).unwrap(), parts.concat());
        assert_eq!(read(&zst).unwrap(), parts.concat());
    }

    #[test]
    fn a_stream_cut_anywhere_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let text = "some words that are packed ".repeat(9).into_bytes();
        for (name, bytes) in [("a.gz", gzip(&text)), ("a.zst", zstandard(&text))] {
            let path = dir.path().join(name);
            for length in 1..bytes.len() {
                std::fs::write(&path, &bytes[..length]).unwrap();
                let error = read(&path).unwrap_err();
                assert!(error.raw_os_error().is_none(), "{name} cut to {length}: {error}");
            }
            std::fs::write(&path, b"plain words").unwrap();
            let said = Packing::of(&path).unwrap().explain(&read(&path).unwrap_err());
            assert!(said.contains("stream is damaged or cut off ("), "{said}");
        }
    }

    #[test]
    fn a_frame_with_a_window_of_2_gib_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zst");
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(WINDOW_LOG2_BYTES_MAX).unwrap();
        encoder.write_all(b"far back").unwrap();
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), b"far back");
    }

    #[test]
    fn a_bomb_is_refused_before_it_has_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let zeros = vec![0; 64 << 20];
        let taken = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            io::copy(&mut open(&path).unwrap(), &mut io::sink())
        };
        let error = taken("a.zst", &zstandard(&zeros)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let said = Packing::Zstandard.explain(&error);
        assert!(said.ends_with("unpack it and name the result"), "{said}");
        // No text is packed so well, but deflate's own limit keeps it below the bound.
        assert_eq!(taken("a.gz", &gzip(&zeros)).unwrap(), 64 << 20);
    }
}
