//! `sn3 weights …`: weights that land, from a durable ledger. One file a command.

mod follow;
mod history;
mod input;
mod set;
mod status;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sn3_chain::weights::StepReport;
use sn3_chain::{HotkeyPair, Ledger};
use sn3_protocol::{NetUid, Signer};

use crate::args::chain::{LedgerArgs, WeightsCommand, WeightsOfArgs};
use crate::commands::chain::{open_wallet, secret};
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Runs one of the commands.
pub async fn run(command: WeightsCommand, output: &Output) -> Result<(), CliError> {
    match command {
        WeightsCommand::Set(args) => set::run(&args, output).await,
        WeightsCommand::Follow(args) => follow::run(&args, output).await,
        WeightsCommand::Status(args) => status::run(&args, output).await,
        WeightsCommand::History(args) => history::run(&args, output),
    }
}

/// Where the ledger lies: named, or in the user's state folder.
fn ledger_path(args: &LedgerArgs) -> Result<PathBuf, CliError> {
    let user = || {
        let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")));
        base.map(|dir| dir.join("sn3").join("weights.sqlite"))
    };
    let missing =
        || CliError::new(Exit::Usage, "there is no home directory for the ledger; give --ledger FILE");
    args.ledger.clone().or_else(user).ok_or_else(missing)
}

/// A ledger that no other process sets the same hotkey's weights from at the same time.
struct Held {
    ledger: Arc<Ledger>,
    path: PathBuf,
    /// Released when the process ends, however it ends.
    _lock: File,
}

/// Opens the ledger and takes the hotkey's lock beside it.
fn hold(args: &WeightsOfArgs, hotkey: &HotkeyPair) -> Result<Held, CliError> {
    let path = ledger_path(&args.ledger)?;
    let fail = |path: &Path, error: &dyn std::fmt::Display| {
        CliError::new(Exit::State, format!("cannot use the ledger {}: {error}", path.display()))
    };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|error| fail(dir, &error))?;
    }
    let name = format!("{}-{}-{}.lock", hotkey.hotkey(), args.netuid, args.mechanism);
    let lock_path = PathBuf::from(format!("{}.{name}", path.display()));
    let lock = File::create(&lock_path).map_err(|error| fail(&lock_path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let reason = "another sn3 sets weights of this hotkey now; let it end, or stop it";
            return Err(fail(&path, &reason));
        }
        Err(TryLockError::Error(error)) => return Err(fail(&lock_path, &error)),
    }
    Ok(Held { ledger: Arc::new(Ledger::open(&path)?), path, _lock: lock })
}

/// Opens the hotkey, and nothing else.
fn hotkey(args: &WeightsOfArgs) -> Result<HotkeyPair, CliError> {
    secret::unlock_hotkey(&open_wallet(&args.keys)?, &args.keys.hotkey, &Default::default())
}

fn netuid(args: &WeightsOfArgs) -> NetUid {
    NetUid(args.netuid)
}

/// A step in words, with the block that proves it.
fn step_line(step: &StepReport) -> String {
    let block = step.block.map_or_else(|| "no block".to_owned(), |block| block.to_string());
    let epoch = step.epoch.map(|epoch| epoch.to_string()).unwrap_or_default();
    let extrinsic = step.extrinsic.map(|hash| format!(", extrinsic 0x{hash}")).unwrap_or_default();
    let note = step.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    match step.step.as_str() {
        "signed" | "reveal_signed" => format!("{:<10} at block {block}{extrinsic}{note}", step.step),
        "counted" => format!("counted in epoch {epoch}, block {block}"),
        "superseded" => format!("superseded by later weights in epoch {epoch}, block {block}"),
        "landed" | "committed" | "revealed" => {
            format!("{:<10} in block {block}, epoch {epoch}{extrinsic}", step.step)
        }
        other => format!("{other:<10}{note}"),
    }
}
