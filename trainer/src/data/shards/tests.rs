use super::*;

const OPTIONS: ShardOptions = ShardOptions { seq_len: 4, vocab: 100, bin: None };

fn npy(kind: TokenType, tokens: &[u32]) -> Vec<u8> {
    let mut bytes = npy::header(kind, tokens.len() as u64);
    for token in tokens {
        match kind {
            TokenType::U16 => bytes.extend((*token as u16).to_le_bytes()),
            TokenType::U32 => bytes.extend(token.to_le_bytes()),
        }
    }
    bytes
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn refused(path: &Path, options: ShardOptions) -> String {
    let opened = Shards::open(&[path.to_owned()], options).and_then(|shards| shards.verify(&|_| ()));
    opened.unwrap_err().to_string()
}

#[test]
fn shards_of_both_types_are_one_list_of_samples() {
    let dir = tempfile::tempdir().unwrap();
    let first = file(dir.path(), "a.npy", &npy(TokenType::U16, &[1, 2, 3, 4, 5, 6, 7, 8]));
    let second = file(dir.path(), "b.npy", &npy(TokenType::U32, &[9, 10, 11, 12]));
    let shards = Shards::open(&[first, second], OPTIONS).unwrap();
    assert_eq!((shards.count(), shards.seq_len(), shards.vocab()), (3, 4, 100));
    assert_eq!(shards.sample(1).unwrap(), [5, 6, 7, 8]);
    assert_eq!(shards.sample(2).unwrap(), [9, 10, 11, 12]);
    assert_eq!(shards.id(2).unwrap(), sample_id(&[9, 10, 11, 12]));
    shards.verify(&|_| ()).unwrap();
}

/// Written by `numpy.save(file, numpy.arange(4, dtype=numpy.uint16))`, numpy 2.
#[test]
fn a_file_of_numpys_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<u2', 'fortran_order': False, 'shape': (4,), }".to_vec();
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    assert_eq!(npy::header(TokenType::U16, 4), bytes[..]);
    bytes.extend([0, 0, 1, 0, 2, 0, 3, 0]);
    let path = file(dir.path(), "numpy.npy", &bytes);
    assert_eq!(Shards::open(&[path], OPTIONS).unwrap().sample(0).unwrap(), [0, 1, 2, 3]);
}

#[test]
fn stored_ids_are_used_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "train_000000.npy", &npy(TokenType::U32, &[1, 2, 3, 4, 5, 6, 7, 8]));
    let ids = [sample_id(&[1, 2, 3, 4]), 7].map(u64::to_le_bytes).concat();
    file(dir.path(), "sample_ids_000000.bin", &ids);
    let shards = Shards::open(&[path], OPTIONS).unwrap();
    assert_eq!(shards.id(1).unwrap(), 7);
    let error = shards.verify(&|_| ()).unwrap_err();
    assert!(matches!(error, ShardError::Id { sample: 1, found: 7, .. }), "{error}");
    file(dir.path(), "sample_ids_000000.bin", &ids[..8]);
    let path = dir.path().join("train_000000.npy");
    let shards = Shards::open(&[path], OPTIONS).unwrap();
    assert_eq!(shards.id(1).unwrap(), sample_id(&[5, 6, 7, 8]), "fewer ids than samples");
}

#[test]
fn bad_shards_are_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let raw = file(dir, "raw.bin", &[1, 0, 2, 0, 3, 0, 4, 0]);
    assert!(refused(&raw, OPTIONS).contains("name u16 or u32"));
    let as_u16 = ShardOptions { bin: Some(TokenType::U16), ..OPTIONS };
    assert_eq!(Shards::open(std::slice::from_ref(&raw), as_u16).unwrap().sample(0).unwrap(), [1, 2, 3, 4]);
    let as_u32 = ShardOptions { bin: Some(TokenType::U32), ..OPTIONS };
    assert!(refused(&raw, as_u32).contains("no whole number of samples of 16"));
    let wide = ShardOptions { seq_len: 2, ..as_u32 };
    let error = refused(&raw, wide);
    assert!(error.contains("token 131073, outside the vocabulary of 100"), "{error}");
    let mut floats = npy(TokenType::U32, &[1; 4]);
    let at = floats.windows(3).position(|window| window == b"<u4").unwrap();
    floats[at + 1] = b'f';
    assert!(refused(&file(dir, "f.npy", &floats), OPTIONS).contains("its type is \"<f4\""));
    let cut = npy(TokenType::U32, &[1; 8]);
    let error = refused(&file(dir, "cut.npy", &cut[..cut.len() - 16]), OPTIONS);
    assert!(error.contains("promises 8 values of 4 bytes, 16 bytes follow"), "{error}");
    assert!(refused(&file(dir, "x.npy", b"PK"), OPTIONS).contains("does not begin as a .npy file"));
    assert!(refused(&dir.join("none.npy"), OPTIONS).contains("cannot be read"));
    assert!(matches!(Shards::open(&[], OPTIONS), Err(ShardError::Count(0))));
}

/// Any beginning of a header, and any changed byte of it, is an error or a shard; never a panic.
#[test]
fn damaged_headers_are_refused() {
    let whole = npy(TokenType::U16, &[1, 2, 3, 4]);
    for length in 0..whole.len() {
        assert!(npy::Header::read(&whole[..length]).is_err(), "{length}");
    }
    for index in 0..whole.len() - 8 {
        for change in [1, 4, 16, 128] {
            let mut bytes = whole.clone();
            bytes[index] ^= change;
            let _ = npy::Header::read(&bytes);
        }
    }
}

#[test]
fn other_tokens_are_another_identity() {
    let dir = tempfile::tempdir().unwrap();
    let identity = |name: &str, tokens: &[u32]| {
        let path = file(dir.path(), name, &npy(TokenType::U16, tokens));
        Shards::open(&[path], OPTIONS).unwrap().identity()
    };
    assert_eq!(identity("a.npy", &[1, 2, 3, 4]), identity("b.npy", &[1, 2, 3, 4]));
    assert_ne!(identity("a.npy", &[1, 2, 3, 4]), identity("c.npy", &[1, 2, 3, 5]));
}
