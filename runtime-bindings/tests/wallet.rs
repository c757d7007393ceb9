//! Wallets against files that the official package wrote, and the other way round within one program.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sn3_chain::wallet::{self, ColdkeyPair, HotkeyPair, KeySource, KeyfileFormat, Wallet, WalletError};

const COLDKEY_PHRASE: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const HOTKEY_PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/wallet")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("the file was written").permissions().mode() & 0o777
}

#[test]
fn the_official_wallets_hotkey_opens() {
    let wallet = Wallet::open(&vectors(), "official").unwrap();
    assert_eq!(wallet.hotkeys().unwrap(), ["h0"]);
    let pair = wallet.hotkey("h0", None).unwrap();
    assert_eq!(pair.public().to_string(), "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV");
    assert_eq!(wallet.hotkey_public("h0").unwrap(), pair.public());
}

#[test]
fn our_hotkey_file_says_what_the_official_one_says() {
    let dir = tempfile::tempdir().unwrap();
    let wallet =
        Wallet::create(dir.path(), "ours", &KeySource::phrase(COLDKEY_PHRASE).unwrap(), None).unwrap();
    wallet.create_hotkey("h0", &KeySource::phrase(HOTKEY_PHRASE).unwrap()).unwrap();
    for file in ["hotkeys/h0", "hotkeys/h0pub.txt", "coldkeypub.txt"] {
        let json = |root: &Path| -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(root.join(file)).unwrap()).unwrap()
        };
        assert_eq!(json(wallet.dir()), json(&vectors().join("official")), "{file}");
    }
}

#[test]
fn the_official_sealed_coldkey_opens_with_its_password_only() {
    let wallet = Wallet::open(&vectors(), "official").unwrap();
    assert!(wallet.coldkey_is_sealed().unwrap());
    assert!(matches!(wallet.coldkey(None), Err(WalletError::PasswordNeeded { .. })));
    assert!(matches!(wallet.coldkey(Some("wrong horse")), Err(WalletError::WrongPassword { .. })));
    let pair = wallet.coldkey(Some("correct horse")).unwrap();
    assert_eq!(pair.public(), ColdkeyPair::new(&KeySource::phrase(COLDKEY_PHRASE).unwrap()).public());
    assert_eq!(pair.public(), wallet.coldkey_public().unwrap());
}

#[test]
fn a_sealed_coldkey_of_ours_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource::generate().unwrap();
    let wallet = Wallet::create(dir.path(), "w", &source, Some("pässword")).unwrap();
    let bytes = std::fs::read(wallet.dir().join("coldkey")).unwrap();
    assert!(bytes.starts_with(b"$NACL"));
    assert_eq!(wallet.coldkey(Some("pässword")).unwrap().public(), ColdkeyPair::new(&source).public());
}

#[test]
fn files_are_private_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("new").join("root");
    let source = KeySource::generate().unwrap();
    let wallet = Wallet::create(&root, "w", &source, None).unwrap();
    wallet.create_hotkey("h", &source).unwrap();
    for file in ["coldkey", "coldkeypub.txt", "hotkeys/h", "hotkeys/hpub.txt"] {
        assert_eq!(mode(&wallet.dir().join(file)), 0o600, "{file}");
    }
    for folder in [&root, wallet.dir(), &wallet.dir().join("hotkeys")] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    let other = KeySource::generate().unwrap();
    assert!(matches!(Wallet::create(&root, "w", &other, None), Err(WalletError::Exists { .. })));
    assert!(matches!(wallet.create_hotkey("h", &other), Err(WalletError::Exists { .. })));
    assert_eq!(wallet.hotkey("h", None).unwrap().public(), HotkeyPair::new(&source).public());
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["", "..", "../w", "a/b", ".hidden", "a b"] {
        let refused = Wallet::create(dir.path(), name, &KeySource::seed([1; 32]), None);
        assert!(matches!(refused, Err(WalletError::BadName { .. })), "{name:?}");
    }
}

#[test]
fn damaged_and_missing_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Wallet::open(dir.path(), "nobody"), Err(WalletError::Missing { .. })));
    let wallet = Wallet::create(dir.path(), "w", &KeySource::seed([1; 32]), None).unwrap();
    std::fs::write(wallet.dir().join("coldkey"), b"$NACLshort").unwrap();
    assert!(matches!(wallet.coldkey(Some("x")), Err(WalletError::Malformed { .. })));
    std::fs::write(wallet.dir().join("coldkey"), vec![b'x'; 100_000]).unwrap();
    assert!(matches!(wallet.coldkey(None), Err(WalletError::Io { .. })));
}

#[test]
fn keyfiles_of_old_wallets_open() {
    // A copy, because reading a private file takes it from other users.
    let dir = tempfile::tempdir().unwrap();
    let hotkeys = dir.path().join("legacy/hotkeys");
    std::fs::create_dir_all(&hotkeys).unwrap();
    for name in ["ansible", "fernet"] {
        std::fs::copy(vectors().join("legacy/hotkeys").join(name), hotkeys.join(name)).unwrap();
    }
    let wallet = Wallet::open(dir.path(), "legacy").unwrap();
    let known = Wallet::open(&vectors(), "official").unwrap().hotkey("h0", None).unwrap();
    for name in ["ansible", "fernet"] {
        assert!(matches!(wallet.hotkey(name, None), Err(WalletError::PasswordNeeded { .. })), "{name}");
        assert!(
            matches!(wallet.hotkey(name, Some("wrong")), Err(WalletError::WrongPassword { .. })),
            "{name}"
        );
        assert_eq!(wallet.hotkey(name, Some("legacy horse")).unwrap().public(), known.public(), "{name}");
    }
}

#[test]
fn wallets_are_listed_with_what_is_unsafe_about_them() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource::phrase(COLDKEY_PHRASE).unwrap();
    let first = Wallet::create(dir.path(), "b", &source, None).unwrap();
    first.create_hotkey("h", &source).unwrap();
    let address = first.coldkey_public().unwrap();
    let report = wallet::regen_public(dir.path(), "a", address).unwrap();
    assert_eq!((report.coldkey, report.coldkey_format), (Some(address), None));
    assert!(matches!(wallet::regen_public(dir.path(), "a", address), Err(WalletError::Exists { .. })));

    let key = first.dir().join("coldkey");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let listed = wallet::list(dir.path()).unwrap();
    assert_eq!(listed.iter().map(|wallet| wallet.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(listed[1].coldkey_format, Some(KeyfileFormat::Plain));
    assert_eq!(listed[1].hotkeys[0].address, Some(first.hotkey("h", None).unwrap().public()));
    assert_eq!(listed[1].exposed, std::slice::from_ref(&key));
    assert_eq!(first.tighten().unwrap(), std::slice::from_ref(&key));
    assert_eq!(mode(&key), 0o600);

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    first.coldkey(None).unwrap();
    assert_eq!(mode(&key), 0o600, "reading a secret takes it from others");
}

#[test]
fn messages_are_signed_and_verified() {
    let pair = HotkeyPair::from_uri("//Alice").unwrap();
    let report = wallet::sign_with_hotkey(&pair, b"message");
    let signature: [u8; 64] = hex::decode(&report.signature).unwrap().try_into().unwrap();
    assert!(wallet::verify(&pair.public(), b"message", &signature));
    assert!(!wallet::verify(&pair.public(), b"massage", &signature));
    let wrapped = wallet::sign_with_hotkey(&pair, b"<Bytes>message</Bytes>");
    let signature: [u8; 64] = hex::decode(&wrapped.signature).unwrap().try_into().unwrap();
    assert!(wallet::verify(&pair.public(), b"message", &signature));
}
