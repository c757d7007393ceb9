//! `sn3 wallet sign` and `sn3 wallet verify`.

use std::io::Read;
use std::path::Path;

use serde::Serialize;
use sn3_chain::wallet;
use sn3_protocol::Hotkey;

use crate::args::chain::{KeyKind, MessageArgs, WalletSignArgs, WalletVerifyArgs};
use crate::commands::chain::{open_wallet, secret};
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Largest message that is signed or checked.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

#[derive(Serialize)]
struct Verified {
    address: Hotkey,
    valid: bool,
}

/// Signs a message with one of a wallet's keys.
pub fn sign(args: &WalletSignArgs, output: &Output) -> Result<(), CliError> {
    let mut message = read(&args.what)?;
    let opened = open_wallet(&args.keys)?;
    if args.wrap {
        message = [b"<Bytes>", message.as_slice(), b"</Bytes>"].concat();
    } else if args.key == KeyKind::Coldkey && !is_text(&message) {
        let reason =
            "the message is no plain text, so a coldkey's signature over it could be a transaction's";
        return Err(CliError::new(Exit::Data, format!("{reason}; give --wrap to sign it as a message only")));
    }
    let signed = match args.key {
        KeyKind::Coldkey => {
            wallet::sign_with_coldkey(&secret::unlock_coldkey(&opened, &args.password)?, &message)
        }
        KeyKind::Hotkey => {
            let pair = secret::unlock_hotkey(&opened, &args.keys.hotkey, &args.password)?;
            wallet::sign_with_hotkey(&pair, &message)
        }
    };
    output.event("signature", &signed);
    output.result(format_args!("address    {}\nsignature  0x{}", signed.address, signed.signature));
    Ok(())
}

/// Whether every byte is printable UTF-8 text; the bytes of a transaction never are.
fn is_text(message: &[u8]) -> bool {
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    std::str::from_utf8(message).is_ok_and(|text| text.chars().all(printable))
}

/// Checks a signature; a wrong one is exit code 1.
pub fn verify(args: &WalletVerifyArgs, output: &Output) -> Result<(), CliError> {
    let mut signature = [0; 64];
    let digits = args.signature.trim_start_matches("0x");
    hex::decode_to_slice(digits, &mut signature).map_err(|_| {
        let message = format!("the signature has {} characters; give 128 hexadecimal digits", digits.len());
        CliError::new(Exit::Usage, message)
    })?;
    let valid = wallet::verify(&args.address, &read(&args.what)?, &signature);
    output.event("verified", &Verified { address: args.address, valid });
    if valid {
        output.result(format_args!("valid: {} signed this", args.address));
        return Ok(());
    }
    let message = format!("{} did not sign this; compare message and address byte for byte", args.address);
    Err(CliError::new(Exit::Failure, message))
}

fn read(what: &MessageArgs) -> Result<Vec<u8>, CliError> {
    match (&what.message, &what.file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(path)) => read_file(path),
        (None, None) => Err(CliError::new(Exit::Usage, "give --message TEXT or --file FILE")),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, CliError> {
    let fail =
        |reason: String| CliError::new(Exit::Data, format!("cannot read {}: {reason}", path.display()));
    let mut bytes = Vec::new();
    let end = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(MESSAGE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MESSAGE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    end.map_err(|error| fail(error.to_string()))?;
    match bytes.len() as u64 > MESSAGE_BYTES_MAX {
        true => Err(fail(format!("it has more than {MESSAGE_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_no_text() {
        assert!(is_text("I own this key, Käthe.\n".as_bytes()));
        // A transfer's payload starts with pallet 5, call 3.
        assert!(!is_text(&[5, 3, 0, 0x8e]));
        assert!(!is_text(b"\x07\x86\x03"));
    }
}
