mod packed;

use std::sync::Mutex;

use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;
use crate::data::{Corpus, Samples, sample_id};

fn texts(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|i| format!("document {i} says {}", "word ".repeat(i as usize % 7 + 3))).collect()
}

fn tokenizer() -> Tokenizer {
    Tokenizer::train(&Corpus::from_texts(texts(0..50)).unwrap(), 300).unwrap()
}

fn parquet(path: &Path, texts: &[String], packed: parquet::basic::Compression) {
    let schema = "message rows { required int32 id; optional binary text (UTF8); }";
    let schema = std::sync::Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(packed);
    let file = fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, properties.build().into()).unwrap();
    for group in texts.chunks(10) {
        let mut rows = writer.next_row_group().unwrap();
        let ids: Vec<i32> = (0..group.len() as i32).collect();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let values: Vec<ByteArray> = group.iter().map(|text| text.as_str().into()).collect();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&vec![1; group.len()]), None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.close().unwrap();
}

fn lines(texts: &[String]) -> String {
    let line = |text: &String| serde_json::json!({ "text": text, "id": 1 }).to_string() + "\n";
    texts.iter().map(line).collect()
}

/// A `.jsonl`, a `.parquet` and a text file with the documents 0 to 61.
fn inputs(dir: &Path) -> PathBuf {
    let folder = dir.join("inputs");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.jsonl"), lines(&texts(0..30)) + "\n").unwrap();
    parquet(&folder.join("b.parquet"), &texts(30..60), parquet::basic::Compression::SNAPPY);
    fs::write(folder.join("c.txt"), texts(60..62).join("\n")).unwrap();
    folder
}

fn options(inputs: PathBuf) -> PrepareOptions {
    PrepareOptions {
        sources: text_sources(vec![inputs], ["jsonl", "parquet", "txt", "md"].map(str::to_owned).to_vec()),
        field: "text".to_owned(),
        seq_len: 16,
        seed: 5,
        heldout_fraction: 0.1,
        shard_samples: 20,
    }
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
    };
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    all.sort();
    all
}

#[test]
fn every_token_of_every_format_is_in_the_shards_once() {
    let dir = tempfile::tempdir().unwrap();
    let (tokenizer, options, folder) = (tokenizer(), options(inputs(dir.path())), dir.path().join("out"));
    let seen = Mutex::new(Vec::new());
    let note = |progress| seen.lock().unwrap().push(progress);
    let prepared = prepare(&tokenizer, &options, &folder, &note).unwrap();
    assert_eq!((prepared.documents, prepared.token_type), (61, TokenType::U16));
    let shards = prepared.training(&folder).unwrap();
    shards.verify(&|_| ()).unwrap();
    let heldout = prepared.held_out(&folder).unwrap().unwrap();
    assert_eq!((shards.count(), heldout.count()), (prepared.train_samples, prepared.heldout_samples));
    let mut all = texts(0..60);
    all.push(texts(60..62).join("\n"));
    let total: usize = all.iter().map(|text| tokenizer.encode(text).unwrap().len() + 1).sum();
    let in_samples = 16 * (shards.count() + heldout.count()) as usize;
    assert!(in_samples <= total && in_samples + 32 > total, "{in_samples} of {total}");
    assert_eq!(shards.id(3).unwrap(), sample_id(&shards.sample(3).unwrap()));
    let mut samples: Vec<Vec<u32>> = (0..shards.count()).map(|index| shards.sample(index).unwrap()).collect();
    samples.sort();
    samples.dedup();
    assert!(samples.len() as u64 > shards.count() * 9 / 10, "samples are there once");
    assert_eq!(prepared.tokenizer(&folder).unwrap().digest(), tokenizer.digest());
    let of = shards.count().div_ceil(20);
    assert!(seen.lock().unwrap().contains(&PrepareProgress::Written { shards: of, of }));
    assert!(!folder.join(WORK).exists());
    assert_eq!(prepare(&tokenizer, &options, &folder, &|_| ()).unwrap(), prepared, "nothing is left to do");
}

/// Begins a preparation that fails at the first progress of this kind.
fn interrupt(tokenizer: &Tokenizer, options: &PrepareOptions, folder: &Path, stop: PrepareProgress) {
    let interrupt = |progress: PrepareProgress| {
        let same = std::mem::discriminant(&progress) == std::mem::discriminant(&stop);
        assert!(!same, "the power fails");
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let attempt = || prepare(tokenizer, options, folder, &interrupt);
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.install(attempt)));
    assert!(failed.is_err());
    assert!(!folder.join(DESCRIPTION).exists());
}

const WHILE_TOKENISING: PrepareProgress = PrepareProgress::Tokenised { bytes: 0, of: 0 };
const WHILE_WRITING: PrepareProgress = PrepareProgress::Written { shards: 0, of: 0 };

#[test]
fn an_interrupted_preparation_goes_on_to_the_same_bytes_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer();
    for inputs in [inputs(dir.path()), packed::inputs(dir.path())] {
        let options = options(inputs.clone());
        let (whole, broken) = (inputs.with_extension("whole"), inputs.with_extension("broken"));
        prepare(&tokenizer, &options, &whole, &|_| ()).unwrap();
        interrupt(&tokenizer, &options, &broken, WHILE_TOKENISING);
        interrupt(&tokenizer, &options, &broken, WHILE_WRITING);
        prepare(&tokenizer, &options, &broken, &|_| ()).unwrap();
        assert_eq!(contents(&broken), contents(&whole));
    }
}

#[test]
fn bad_inputs_are_named_with_place_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer();
    let refused = |name: &str, bytes: &[u8], field: &str| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let options = PrepareOptions { field: field.to_owned(), ..options(path) };
        let folder = dir.path().join(format!("out-{name}-{field}"));
        prepare(&tokenizer, &options, &folder, &|_| ()).unwrap_err().to_string()
    };
    let error = refused("a.jsonl", b"{\"text\":\"x\"}\n{\"body\":1}\n", "text");
    assert!(error.contains("a.jsonl\" line 2: no field \"text\"; name the one"), "{error}");
    assert!(refused("b.jsonl", b"{\"text\":7}", "text").contains("is no text"));
    assert!(refused("c.txt", b"good\xff", "text").contains("first bad byte at 4"));
    assert!(refused("d.parquet", b"PAR0", "text").contains("d.parquet\" file: damaged or cut off"));
    assert!(refused("e.txt", b"short", "text").contains("less than one sample of 16"));
    let left = |name: &str| dir.path().join(format!("out-{name}-text")).exists();
    assert!(!["a.jsonl", "c.txt", "e.txt"].into_iter().any(left), "a refused input leaves a folder");
    let path = dir.path().join("f.parquet");
    parquet(&path, &texts(0..3), parquet::basic::Compression::UNCOMPRESSED);
    let error = refused("f.parquet", &fs::read(&path).unwrap(), "body");
    assert!(error.contains("no column \"body\"; it has [\"id\", \"text\"]"), "{error}");
}

#[test]
fn a_folder_with_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (tokenizer, options, folder) = (tokenizer(), options(inputs(dir.path())), dir.path().join("out"));
    prepare(&tokenizer, &options, &folder, &|_| ()).unwrap();
    let other = PrepareOptions { seed: 6, ..options.clone() };
    let error = prepare(&tokenizer, &other, &folder, &|_| ()).unwrap_err();
    assert!(matches!(error, PrepareError::Occupied { .. }), "{error}");
    let foreign = dir.path().join("inputs");
    assert!(matches!(prepare(&tokenizer, &options, &foreign, &|_| ()), Err(PrepareError::Occupied { .. })));
    let none = PrepareOptions { seq_len: 1, ..options };
    assert!(prepare(&tokenizer, &none, &folder, &|_| ()).unwrap_err().to_string().contains("seq_len is 1"));
}

#[test]
fn many_small_files_are_one_part_and_what_is_no_text_in_a_folder_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs");
    fs::create_dir_all(&inputs).unwrap();
    for (number, text) in texts(0..40).iter().enumerate() {
        fs::write(inputs.join(format!("{number:02}.txt")), text).unwrap();
    }
    fs::write(inputs.join("picture.txt"), b"\xff\xd8\xff").unwrap();
    let (options, folder) = (options(inputs), dir.path().join("out"));
    let steps = Mutex::new(Vec::new());
    let note = |progress| steps.lock().unwrap().push(progress);
    assert_eq!(prepare(&tokenizer(), &options, &folder, &note).unwrap().documents, 40);
    let tokenised = |progress: &&PrepareProgress| matches!(progress, PrepareProgress::Tokenised { .. });
    assert_eq!(steps.lock().unwrap().iter().filter(tokenised).count(), 2, "one batch, one part");
}

#[test]
fn a_tokenizer_is_trained_on_all_files_alike() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(inputs(dir.path()));
    let files = parts::files(&options.sources).unwrap();
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let texts = parts::sample(&files, &options, total / 4).unwrap();
    let taken: usize = texts.iter().map(String::len).sum();
    assert!(taken as u64 <= total / 4 && taken as u64 > total / 10, "{taken} of {total}");
    assert!(texts.iter().any(|text| text.starts_with("document 0 ")));
    assert!(texts.iter().any(|text| text.starts_with("document 60 ")));
    let tokenizer = train_tokenizer(&options, 300).unwrap();
    assert_eq!(tokenizer.digest(), train_tokenizer(&options, 300).unwrap().digest());
}
