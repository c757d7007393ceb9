//! `sn3 tx …`: extrinsics whose coldkey is on another machine.
//!
//! ```text
//!  online: sn3 register --export a.json ──► offline: sn3 tx sign a.json --out b.json ──► online: sn3 tx submit b.json
//! ```

use std::path::Path;

use serde::Serialize;
use sn3_chain::tx::{self, SignedTx, UnsignedTx};

use super::chain::file::read_text;
use super::chain::spend::{confirm, describe, write_new};
use super::chain::{connect, open_wallet, secret};
use crate::args::chain::{TxCommand, TxFileArgs, TxSignArgs, TxSubmitArgs};
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Largest file that is read; a real one has some 2 KiB.
const FILE_BYTES_MAX: u64 = 64 * 1024;

#[derive(Serialize)]
struct Shown<'a> {
    signed: bool,
    transaction: &'a UnsignedTx,
}

/// Runs one of the commands.
pub async fn run(command: TxCommand, output: &Output) -> Result<(), CliError> {
    match command {
        TxCommand::Show(args) => show(&args, output),
        TxCommand::Sign(args) => sign(args, output),
        TxCommand::Submit(args) => submit(&args, output).await,
    }
}

fn show(args: &TxFileArgs, output: &Output) -> Result<(), CliError> {
    let text = read_text(&args.file, FILE_BYTES_MAX)?;
    if let Ok(signed) = serde_json::from_str::<SignedTx>(&text) {
        signed.check()?;
        print(&signed.unsigned, true, output);
        return Ok(());
    }
    let unsigned = unsigned(&text, &args.file)?;
    print(&unsigned, false, output);
    Ok(())
}

/// Signs after showing what is signed. The bytes are built anew from the stated call; a file that lies is refused.
fn sign(args: TxSignArgs, output: &Output) -> Result<(), CliError> {
    let unsigned = unsigned(&read_text(&args.file, FILE_BYTES_MAX)?, &args.file)?;
    print(&unsigned, false, output);
    if args.out.exists() {
        let message = format!("{} exists already; choose another name", args.out.display());
        return Err(CliError::new(Exit::Data, message));
    }
    let wallet = open_wallet(&args.keys)?;
    confirm(args.yes, "Sign this?")?;
    let signed = tx::sign(unsigned, &secret::unlock_coldkey(&wallet, &args.password)?)?;
    write_new(&args.out, &signed)?;
    output.event("signed", &serde_json::json!({ "file": args.out }));
    let out = args.out.display();
    output
        .result(format_args!("signed    {out}\nnext      on a machine that is online: sn3 tx submit {out}"));
    Ok(())
}

async fn submit(args: &TxSubmitArgs, output: &Output) -> Result<(), CliError> {
    let text = read_text(&args.file, FILE_BYTES_MAX)?;
    let signed: SignedTx =
        serde_json::from_str(&text).map_err(|error| match unsigned(&text, &args.file) {
            Ok(_) => CliError::new(
                Exit::Data,
                format!("{} is not signed yet; sign it with `sn3 tx sign`", args.file.display()),
            ),
            Err(_) => malformed(&args.file, &error),
        })?;
    signed.check()?;
    print(&signed.unsigned, true, output);
    let client = connect(&args.chain).await?;
    if args.dry_run {
        tx::fits_chain(&client, &signed.unsigned).await?;
        output.result("dry run: it fits this chain; nothing was sent");
        return Ok(());
    }
    let receipt = tx::submit(&client, &signed).await?;
    output.event("receipt", &receipt);
    output.result(format_args!("done      in block {}, extrinsic 0x{}", receipt.block, receipt.extrinsic));
    Ok(())
}

fn print(unsigned: &UnsignedTx, signed: bool, output: &Output) {
    output.event("transaction", &Shown { signed, transaction: unsigned });
    output.result(format_args!("call      {}", describe(&unsigned.call)));
    output.result(format_args!("account   {} (coldkey), nonce {}", unsigned.account, unsigned.nonce));
    output.result(format_args!(
        "chain     genesis 0x{}…, runtime {}",
        unsigned.genesis.short(),
        unsigned.spec_version
    ));
    output.result(format_args!("valid     from block {} until #{}", unsigned.born, unsigned.dies_at()));
    let state = if signed { "yes, by this account" } else { "not yet" };
    output.result(format_args!("signed    {state}; the bytes say what the file says"));
}

fn unsigned(text: &str, path: &Path) -> Result<UnsignedTx, CliError> {
    let unsigned: UnsignedTx = serde_json::from_str(text).map_err(|error| malformed(path, &error))?;
    unsigned.check()?;
    Ok(unsigned)
}

fn malformed(path: &Path, error: &serde_json::Error) -> CliError {
    let message = format!("{} is no extrinsic that sn3 exported: {error}; export it again", path.display());
    CliError::new(Exit::Data, message)
}
