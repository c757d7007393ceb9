//! The JSON inside keyfiles, as the ecosystem writes it.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::pair::KeySource;

/// `cryptoType` of sr25519, the only kind that signs on this chain's wallets.
const SR25519: u8 = 1;

/// One keyfile. Private files carry the three secrets, public ones none of them.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
struct Keyfile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_phrase: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_seed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ss58_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crypto_type: Option<u8>,
}

/// The text of a private keyfile.
pub(super) fn private(source: &KeySource, address: &str) -> Zeroizing<String> {
    let keypair = source.expand();
    let mut file = public_part(keypair.public.to_bytes(), address);
    file.private_key = Some(hexed(keypair.secret.to_bytes().as_ref()));
    file.secret_phrase = source.words().map(str::to_owned);
    file.secret_seed = Some(hexed(source.seed_bytes()));
    Zeroizing::new(serde_json::to_string(&file).expect("strings and numbers serialise"))
}

/// The text of a public keyfile.
pub(super) fn public(key: [u8; 32], address: &str) -> String {
    serde_json::to_string(&public_part(key, address)).expect("strings and numbers serialise")
}

/// Reads a private keyfile and checks that its secret belongs to its public key.
pub(super) fn read_private(text: &[u8]) -> Result<KeySource, String> {
    let file = parse(text)?;
    let source = source(&file)?;
    let stated = file.public_key.as_deref().or(file.account_id.as_deref());
    let derived = source.expand().public.to_bytes();
    match stated.map(unhex).transpose()? {
        Some(stated) if *stated != derived => Err("its secret belongs to another public key".into()),
        _ => Ok(source),
    }
}

/// Reads the public key of a public keyfile.
pub(super) fn read_public(text: &[u8]) -> Result<[u8; 32], String> {
    let file = parse(text)?;
    if let Some(key) = file.public_key.as_deref().or(file.account_id.as_deref()) {
        return unhex(key).map(|key| *key);
    }
    let address = file.ss58_address.as_deref().ok_or("it names no public key")?;
    address.parse::<sn3_protocol::Coldkey>().map(|key| key.0).map_err(|error| error.to_string())
}

fn parse(text: &[u8]) -> Result<Keyfile, String> {
    // The parser's own message may quote the text, which may be a secret.
    let file: Keyfile = serde_json::from_slice(text).map_err(|error| {
        format!("it is not a keyfile's JSON (line {}, column {})", error.line(), error.column())
    })?;
    match file.crypto_type {
        None | Some(SR25519) => Ok(file),
        Some(other) => Err(format!("its key is of type {other}, and only sr25519 (type 1) is supported")),
    }
}

fn source(file: &Keyfile) -> Result<KeySource, String> {
    let seed = file.secret_seed.as_deref().map(unhex).transpose()?;
    match (&file.secret_phrase, seed) {
        (Some(phrase), seed) => {
            let from_phrase = KeySource::phrase(phrase).map_err(|error| error.to_string())?;
            match seed {
                Some(seed) if &*seed != from_phrase.seed_bytes() => Ok(KeySource::seed(*seed)),
                _ => Ok(from_phrase),
            }
        }
        (None, Some(seed)) => Ok(KeySource::seed(*seed)),
        (None, None) => Err("it holds no secret seed or phrase; a public file cannot sign".into()),
    }
}

fn public_part(key: [u8; 32], address: &str) -> Keyfile {
    Keyfile {
        account_id: Some(hexed(&key)),
        public_key: Some(hexed(&key)),
        private_key: None,
        secret_phrase: None,
        secret_seed: None,
        ss58_address: Some(address.to_owned()),
        crypto_type: Some(SR25519),
    }
}

fn hexed(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn unhex(text: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    let mut bytes = Zeroizing::new([0; 32]);
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| "a key in it is not 32 bytes of hexadecimal")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_another_key_is_noticed() {
        let (one, two) = (KeySource::seed([1; 32]), KeySource::seed([2; 32]));
        let text = private(&one, "address").replace(
            &hex::encode(one.expand().public.to_bytes()),
            &hex::encode(two.expand().public.to_bytes()),
        );
        assert!(read_private(text.as_bytes()).unwrap_err().contains("another public key"));
    }

    #[test]
    fn old_files_with_nulls_are_read() {
        let source = KeySource::seed([3; 32]);
        let text = format!(
            r#"{{"secretPhrase":null,"secretSeed":"{}","publicKey":null,"ss58Address":null}}"#,
            hexed(&[3; 32])
        );
        assert_eq!(read_private(text.as_bytes()).unwrap(), source);
    }

    #[test]
    fn what_is_no_keyfile_says_so_without_quoting_it() {
        for text in ["", "{", "secretword", r#"{"cryptoType":0}"#, r#"{"secretSeed":"0x12"}"#, "{}"] {
            let error = read_private(text.as_bytes()).err().unwrap();
            assert!(!error.contains("secretword"), "{error}");
        }
    }
}
