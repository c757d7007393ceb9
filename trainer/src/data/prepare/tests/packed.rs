//! Files that are packed: the same samples, and nothing lost where one is damaged.

use parquet::basic::Compression;

use super::*;
use crate::data::documents::{Documents, Reading};
use crate::data::packed::tests::{gzip, zstandard};

/// What [`super::inputs`] has, packed.
pub(super) fn inputs(dir: &Path) -> PathBuf {
    let folder = dir.join("packed");
    fs::create_dir_all(&folder).unwrap();
    let all = lines(&texts(0..30)) + "\n";
    let (head, tail) = all.split_at(777);
    fs::write(folder.join("a.jsonl.zst"), [zstandard(head.as_bytes()), zstandard(tail.as_bytes())].concat())
        .unwrap();
    parquet(&folder.join("b.parquet"), &texts(30..60), zstd());
    fs::write(folder.join("c.txt.gz"), gzip(texts(60..62).join("\n").as_bytes())).unwrap();
    folder
}

fn zstd() -> Compression {
    Compression::ZSTD(parquet::basic::ZstdLevel::try_new(3).unwrap())
}

fn codecs() -> Vec<Compression> {
    let (gzip, brotli) = (Compression::GZIP(Default::default()), Compression::BROTLI(Default::default()));
    let (none, snappy) = (Compression::UNCOMPRESSED, Compression::SNAPPY);
    vec![none, snappy, gzip, zstd(), brotli, Compression::LZ4, Compression::LZ4_RAW]
}

/// Everything that samples are made of, without what names the inputs.
fn samples(tokenizer: &Tokenizer, options: &PrepareOptions, folder: &Path) -> Vec<(String, Vec<u8>)> {
    prepare(tokenizer, options, folder, &|_| ()).unwrap();
    contents(folder).into_iter().filter(|(name, _)| name != DESCRIPTION).collect()
}

#[test]
fn samples_do_not_depend_on_how_files_are_packed() {
    let dir = tempfile::tempdir().unwrap();
    let (all, tokenizer) = (lines(&texts(0..60)), tokenizer());
    let mut number = 0;
    let mut check = |name: &str, write: &dyn Fn(&Path)| {
        number += 1;
        let folder = dir.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        write(&folder.join(name));
        let mut options = options(folder.clone());
        options.sources.extensions.push("json".to_owned());
        let trained = train_tokenizer(&options, 280).unwrap().digest();
        (trained, samples(&tokenizer, &options, &folder.with_extension("out")))
    };
    let expected = check("a.jsonl", &|path| fs::write(path, &all).unwrap());
    assert!(expected.1.len() > 4);
    for (end, bytes) in [
        ("gz", gzip(all.as_bytes())),
        ("zst", zstandard(all.as_bytes())),
        ("zstd", zstandard(all.as_bytes())),
    ] {
        for name in ["a.jsonl", "a.json"] {
            let name = format!("{name}.{end}");
            assert_eq!(check(&name, &|path| fs::write(path, &bytes).unwrap()), expected, "{name}");
        }
    }
    for codec in codecs() {
        let found = check("a.parquet", &|path| parquet(path, &texts(0..60), codec));
        assert_eq!(found, expected, "{codec}");
    }
    let mixed = [super::inputs(dir.path()), inputs(dir.path())].map(|inputs| {
        let options = options(inputs.clone());
        let trained = train_tokenizer(&options, 280).unwrap().digest();
        (trained, samples(&tokenizer, &options, &inputs.with_extension("out")))
    });
    assert_eq!(mixed[0], mixed[1]);
}

#[test]
fn a_json_file_is_lines_where_its_first_line_has_the_field() {
    let dir = tempfile::tempdir().unwrap();
    let documents = |bytes: &str| {
        let path = dir.path().join("a.json");
        fs::write(&path, bytes).unwrap();
        read(&path).unwrap()
    };
    assert_eq!(documents("{\"text\":\"one\"}\n{\"text\":\"two\"}"), ["one", "two"]);
    let pretty = "{\n  \"text\": \"one\"\n}\n";
    assert_eq!(documents(pretty), [pretty]);
    let other = "{\"body\":\"one\"}\n";
    assert_eq!(documents(other), [other]);
}

fn read(path: &Path) -> Result<Vec<String>, DocumentError> {
    let reading = Reading { field: "text", named: true, document_bytes_max: 1 << 20 };
    let mut documents = Documents::open(path, reading)?;
    let mut all = Vec::new();
    while let Some(mut batch) = documents.batch(1_000)? {
        all.append(&mut batch);
    }
    Ok(all)
}

#[test]
fn damaged_parquet_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    for (number, codec) in codecs().into_iter().enumerate() {
        parquet(&path, &texts(0..20), codec);
        let whole = fs::read(&path).unwrap();
        assert_eq!(read(&path).unwrap(), texts(0..20), "{codec}");
        for length in (1..whole.len()).step_by(9) {
            fs::write(&path, &whole[..length]).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("a.parquet\" "), "{codec} cut to {length}: {error}");
        }
        for index in (number % 3..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[index] ^= if index % 2 == 0 { 0x01 } else { 0x80 };
            fs::write(&path, &bytes).unwrap();
            drop(read(&path));
        }
    }
}

#[test]
fn a_damaged_file_costs_nothing_but_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (tokenizer, folder) = (tokenizer(), dir.path().join("out"));
    let inputs = dir.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    // Large enough to be a part of its own; it holds no text.
    fs::write(inputs.join("a.txt"), " ".repeat(33 << 20)).unwrap();
    let packed = zstandard(lines(&texts(0..60)).as_bytes());
    let path = inputs.join("b.jsonl.zst");
    fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    let options = options(inputs.clone());
    let error = prepare(&tokenizer, &options, &folder, &|_| ()).unwrap_err().to_string();
    assert!(error.contains("b.jsonl.zst\" line "), "{error}");
    assert!(error.contains("its Zstandard stream is damaged or cut off ("), "{error}");
    let done = || {
        let names = contents_of_names(&folder.join(WORK));
        names.into_iter().filter(|name| name.ends_with(".done")).collect::<Vec<_>>()
    };
    assert_eq!(done().len(), 1, "what was done before it is kept");
    let other = PrepareOptions { seed: 6, ..options.clone() };
    let refused = prepare(&tokenizer, &other, &folder, &|_| ()).unwrap_err();
    assert!(matches!(refused, PrepareError::Occupied { .. }), "{refused}");
    let foreign = self::inputs(dir.path());
    let foreign = PrepareOptions {
        sources: Sources { paths: vec![foreign], ..options.sources.clone() },
        ..options.clone()
    };
    let refused = prepare(&tokenizer, &foreign, &folder, &|_| ()).unwrap_err();
    assert!(matches!(refused, PrepareError::Occupied { .. }), "{refused}");
    fs::write(&path, &packed).unwrap();
    interrupt(&tokenizer, &options, &folder, WHILE_WRITING);
    assert_eq!(done().len(), 2);
    // More text after shards were written: they are of the old text and are written anew.
    fs::write(inputs.join("c.txt.gz"), gzip(texts(60..90).join("\n").as_bytes())).unwrap();
    prepare(&tokenizer, &options, &folder, &|_| ()).unwrap();
    let fresh = dir.path().join("fresh");
    prepare(&tokenizer, &options, &fresh, &|_| ()).unwrap();
    assert_eq!(contents(&folder), contents(&fresh));
}

fn contents_of_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn archives_and_bombs_are_refused_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        prepare(&tokenizer(), &options(path), &dir.path().join("out"), &|_| ()).unwrap_err().to_string()
    };
    assert!(refused("a.tar.gz", &gzip(b"x")).ends_with("an archive; unpack it and name its folder"));
    assert!(refused("a.parquet.zst", &zstandard(b"x")).ends_with("packed as a whole; unpack it"));
    let bomb = zstandard(&vec![b' '; 64 << 20]);
    let error = refused("a.jsonl.zst", &bomb);
    assert!(error.contains("a.jsonl.zst\" line 1: its Zstandard stream of "), "{error}");
    assert!(error.ends_with("unpack it and name the result"), "{error}");
    assert!(!dir.path().join("out").exists());
}
