//! The one way in which commands move money: show, then ask, then sign, then wait for the block.
//!
//! ```text
//!  TxCall ──► preview (fee, balance before and after) ──► --dry-run: the end
//!                       │                            └──► --export FILE: unsigned, for another machine
//!                       ▼
//!              ask, or --yes ──► unlock the coldkey ──► sign, send ──► seen in a finalized block
//! ```

use std::io::{IsTerminal, Write};
use std::path::Path;

use serde::Serialize;
use sn3_chain::tx::{self, TxCall, TxPreview};
use sn3_chain::{ChainClient, Receipt, Wallet};
use sn3_protocol::{Coldkey, Rao};

use super::amount::{InAlpha, Tao};
use super::{open_wallet, secret};
use crate::args::chain::SpendArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Who pays, and where from.
pub struct Payer {
    /// The wallet; its coldkey may be elsewhere.
    pub wallet: Wallet,
    /// The coldkey's address.
    pub coldkey: Coldkey,
}

/// How a spending command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Seen in a finalized block.
    Done(Receipt),
    /// Nothing was sent, as was asked for.
    Nothing,
}

#[derive(Serialize)]
struct Exported<'a> {
    file: &'a Path,
    account: Coldkey,
    dies_at: u64,
}

impl Payer {
    /// Opens the wallet and reads the coldkey's address; no secret is touched.
    pub fn open(args: &SpendArgs) -> Result<Self, CliError> {
        let wallet = open_wallet(&args.keys)?;
        let coldkey = wallet.coldkey_public().or_exit(Exit::Wallet)?;
        Ok(Self { wallet, coldkey })
    }
}

/// Shows what a call would cost, and does it unless told otherwise.
pub async fn spend(
    client: &ChainClient,
    payer: &Payer,
    call: TxCall,
    args: &SpendArgs,
    output: &Output,
) -> Result<Spent, CliError> {
    let preview = tx::preview(client, call.clone(), payer.coldkey).await?;
    show(&preview, payer, output);
    if let Some(path) = &args.export {
        return export(client, payer, call, path, output).await;
    }
    if !preview.affordable {
        return Err(too_poor(&preview));
    }
    if args.dry_run {
        output.result("dry run: nothing was signed, nothing was sent");
        return Ok(Spent::Nothing);
    }
    confirm(args.yes, "Sign and send this?")?;
    let pair = secret::unlock_coldkey(&payer.wallet, &args.password)?;
    let receipt = tx::send(client, call, &pair).await?;
    output.event("receipt", &receipt);
    output.result(format_args!("done      in block {}, extrinsic 0x{}", receipt.block, receipt.extrinsic));
    Ok(Spent::Done(receipt))
}

fn show(preview: &TxPreview, payer: &Payer, output: &Output) {
    output.event("preview", preview);
    let after = preview.balance.0.saturating_sub(preview.fee.0).saturating_sub(preview.spends.0);
    output.result(format_args!("call      {}", describe(&preview.call)));
    output.result(format_args!("signs     {} (coldkey)", payer.coldkey));
    output.result(format_args!("fee       {}", Tao(preview.fee)));
    let least = if matches!(preview.call, TxCall::Register { .. }) { "at least " } else { "" };
    output.result(format_args!("balance   {} → {least}{}", Tao(preview.balance), Tao(Rao(after))));
}

/// A call in words.
#[must_use]
pub fn describe(call: &TxCall) -> String {
    match call {
        TxCall::Register { netuid, hotkey, price_max } => {
            format!("register {hotkey} on subnet {netuid} for at most {}", Tao(*price_max))
        }
        TxCall::AddStake { netuid, hotkey, amount, limit_price } => {
            let limit = limit_price.map(|price| format!(", paying at most {} per alpha", Tao(price)));
            format!(
                "stake {} on {hotkey} of subnet {netuid}{}",
                Tao(*amount),
                limit.unwrap_or_else(|| ", at whatever price".into())
            )
        }
        TxCall::RemoveStake { netuid, hotkey, amount, limit_price } => {
            let limit = limit_price.map(|price| format!(", for at least {} per alpha", Tao(price)));
            format!(
                "take {} off {hotkey} of subnet {netuid}{}",
                InAlpha(*amount),
                limit.unwrap_or_else(|| ", at whatever price".into())
            )
        }
        TxCall::Transfer { to, amount } => format!("send {} to {to}", Tao(*amount)),
        TxCall::RegisterNetwork { hotkey } => format!("create a subnet owned by {hotkey}"),
        TxCall::StartCall { netuid } => format!("start subnet {netuid}"),
        other => format!("{other:?}"),
    }
}

fn too_poor(preview: &TxPreview) -> CliError {
    let message = format!(
        "the coldkey has {}, and this takes {} and a fee of {}; fund it, or choose less",
        Tao(preview.balance),
        Tao(preview.spends),
        Tao(preview.fee)
    );
    CliError::new(Exit::Chain, message)
}

async fn export(
    client: &ChainClient,
    payer: &Payer,
    call: TxCall,
    path: &Path,
    output: &Output,
) -> Result<Spent, CliError> {
    let unsigned = tx::export(client, call, payer.coldkey).await?;
    write_new(path, &unsigned)?;
    let dies_at = unsigned.dies_at().0;
    output.event("exported", &Exported { file: path, account: payer.coldkey, dies_at });
    output.result(format_args!(
        "exported  {} (valid until block #{dies_at})\nnext      where the coldkey is: sn3 tx sign {0} --out signed.json; then here: sn3 tx submit signed.json",
        path.display()
    ));
    Ok(Spent::Nothing)
}

/// Writes JSON to a file that must not exist.
pub fn write_new<T: Serialize>(path: &Path, value: &T) -> Result<(), CliError> {
    let fail = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "; choose another name",
            _ => "",
        };
        CliError::new(Exit::Data, format!("cannot write {}: {error}{hint}", path.display()))
    };
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| CliError::new(Exit::Failure, format!("cannot write {}: {error}", path.display())))?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(fail)?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(fail)
}

/// Asks before something is signed.
pub fn confirm(yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let message = "no terminal to ask on; give --yes to go on without asking, or --dry-run to look only";
        return Err(CliError::new(Exit::Usage, message));
    }
    crate::output::print_question(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(CliError::new(Exit::Interrupted, "not confirmed; nothing was signed, nothing was sent")),
    }
}
