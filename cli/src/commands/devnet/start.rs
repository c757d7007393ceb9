//! Starts a development chain, prints what a user needs of it, and serves until Ctrl-C.

use std::path::Path;

use serde::Serialize;
use sn3_devnet::{Devnet, DevnetConfig, Manifest, Refusal, SCAFFOLD_BYTES_MAX, Scaffold, Sealing};

use crate::args::devnet::{FaultArgs, PaceArgs, SealingKind, StartArgs};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

const RAO_PER_TAO: u64 = 1_000_000_000;
/// The time between blocks where none is given: that of the real chain.
const BLOCK_TIME_MS: u64 = 12_000;

/// What a chain says of itself when it is ready.
#[derive(Serialize)]
struct Started {
    endpoint: String,
    genesis_hash: String,
    head: u64,
    sealing: Sealing,
    accounts: Vec<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaffold: Option<Manifest>,
}

#[derive(Serialize)]
struct Account {
    name: String,
    uri: String,
    address: String,
    balance_rao: u64,
}

/// Starts the chain, prints its accounts, and serves until Ctrl-C.
pub async fn run(args: &StartArgs, output: &Output) -> Result<(), CliError> {
    let refusals = refusals(&args.faults)?;
    let scaffold = args.scaffold.as_deref().map(read_scaffold).transpose()?;
    let devnet = Devnet::start(config(args, scaffold.as_ref())?).await.or_exit(Exit::Network)?;
    inject(&devnet, &args.faults, refusals)?;
    let started = describe(&devnet, sealing(&args.pace), scaffold.map(|scaffold| scaffold.manifest()));
    if let Some(path) = &args.manifest {
        write_manifest(path, &started)?;
    }
    announce(&started, output);
    crate::signals::wait_for_stop().await;
    output.story("stopping the chain");
    devnet.shutdown().await;
    Ok(())
}

fn config(args: &StartArgs, scaffold: Option<&Scaffold>) -> Result<DevnetConfig, CliError> {
    let default = DevnetConfig::default();
    if let Some(missing) = args.load.as_ref().filter(|dir| !dir.is_dir()) {
        let message = format!(
            "--load {}: there is no such folder; `sn3 devnet dump DIR` writes one",
            missing.display()
        );
        return Err(CliError::new(Exit::Data, message));
    }
    Ok(DevnetConfig {
        listen: args.listen,
        port: args.port,
        sealing: sealing(&args.pace),
        chain_block_time_ms: args.clock_step_ms,
        state_dir: args.state.clone(),
        load_dir: args.load.clone(),
        genesis: scaffold.map_or(default.genesis.clone(), Scaffold::genesis),
        ..default
    })
}

/// A block time alone means blocks at an interval.
pub(super) fn sealing(pace: &PaceArgs) -> Sealing {
    match pace.sealing.unwrap_or(SealingKind::Interval) {
        SealingKind::Interval => {
            Sealing::Interval { block_time_ms: pace.given_ms().unwrap_or(BLOCK_TIME_MS) }
        }
        SealingKind::Instant => Sealing::Instant,
        SealingKind::Manual => Sealing::Manual,
    }
}

/// Reads the description of a chain.
pub fn read_scaffold(path: &Path) -> Result<Scaffold, CliError> {
    let unreadable = |why: &dyn std::fmt::Display| {
        CliError::new(Exit::Data, format!("cannot read the description {}: {why}", path.display()))
    };
    let bytes = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
    if bytes > SCAFFOLD_BYTES_MAX as u64 {
        return Err(unreadable(&format!("it has {bytes} bytes, more than {SCAFFOLD_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
    Scaffold::parse(&text).map_err(|e| unreadable(&e))
}

/// `CODE` or `CODE:TEXT`.
fn refusals(faults: &FaultArgs) -> Result<Vec<Refusal>, CliError> {
    let refusal = |text: &String| {
        let (code, data) = match text.split_once(':') {
            Some((code, data)) => (code, Some(data.to_owned())),
            None => (text.as_str(), None),
        };
        let wrong =
            |_| CliError::new(Exit::Usage, format!("--reject {text:?}: {code:?} is no JSON-RPC code"));
        Ok(Refusal { code: code.trim().parse().map_err(wrong)?, data })
    };
    faults.reject.iter().map(refusal).collect()
}

fn inject(devnet: &Devnet, faults: &FaultArgs, refusals: Vec<Refusal>) -> Result<(), CliError> {
    if faults.stall_finality {
        devnet.stall_finality();
    }
    devnet.faults().delay_ms(faults.delay_ms.unwrap_or(0)).or_exit(Exit::Usage)?;
    refusals.into_iter().try_for_each(|refusal| devnet.faults().refuse_next(refusal)).or_exit(Exit::Usage)
}

fn describe(devnet: &Devnet, sealing: Sealing, scaffold: Option<Manifest>) -> Started {
    let account = |a: sn3_devnet::DevAccount| Account {
        name: a.name,
        uri: a.uri,
        address: a.ss58,
        balance_rao: a.balance.0,
    };
    Started {
        endpoint: devnet.ws_url().to_owned(),
        genesis_hash: format!("0x{}", hex::encode(devnet.genesis_hash().0)),
        head: devnet.head().number.0,
        sealing,
        accounts: devnet.accounts().into_iter().map(account).collect(),
        scaffold,
    }
}

/// Writes what there is to a file, as JSON for people too.
pub fn write_manifest(path: &Path, manifest: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(manifest).expect("the manifest has only text keys") + "\n";
    let failed = |e| CliError::new(Exit::Data, format!("cannot write the manifest {}: {e}", path.display()));
    std::fs::write(path, text).map_err(failed)
}

fn announce(started: &Started, output: &Output) {
    output.event("started", started);
    output.result(format_args!("chain     {}", started.endpoint));
    output.result(format_args!("genesis   {}", started.genesis_hash));
    output.result(format_args!("head      #{}", started.head));
    output.result(format_args!("blocks    {}", words(started.sealing)));
    output.result("accounts  (development keys, known to everybody)");
    for account in &started.accounts {
        let tao = account.balance_rao / RAO_PER_TAO;
        output.result(format_args!(
            "  {:<10} {:<12} {}  {tao} TAO",
            account.name, account.uri, account.address
        ));
    }
    started.scaffold.iter().for_each(|scaffold| announce_scaffold(scaffold, output));
}

fn announce_scaffold(scaffold: &Manifest, output: &Output) {
    for account in &scaffold.accounts {
        let tao = account.balance_rao / RAO_PER_TAO;
        output.result(format_args!("  {:<23} {}  {tao} TAO", account.key.uri, account.key.ss58));
    }
    for subnet in &scaffold.subnets {
        output.result(format_args!("subnet {:<3} owner {}", subnet.netuid, subnet.owner.uri));
        for neuron in &subnet.neurons {
            output.result(format_args!(
                "  uid {:<3} {:<15} {}  of {}, {} alpha",
                neuron.uid,
                neuron.hotkey.uri,
                neuron.hotkey.ss58,
                neuron.coldkey.uri,
                neuron.stake_rao / RAO_PER_TAO
            ));
        }
    }
}

/// When blocks are made, in words.
pub(super) fn words(sealing: Sealing) -> String {
    match sealing {
        Sealing::Manual => "only when told to: sn3 devnet advance".into(),
        Sealing::Instant => "as soon as a transaction arrives".into(),
        Sealing::Interval { block_time_ms } => format!("every {} s", block_time_ms as f64 / 1_000.0),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_code_and_perhaps_a_text() {
        let faults = |texts: &[&str]| FaultArgs {
            stall_finality: false,
            delay_ms: None,
            reject: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let read = refusals(&faults(&["1010:Custom error: 6", "1016"])).unwrap();
        assert_eq!(read[0], Refusal { code: 1010, data: Some("Custom error: 6".into()) });
        assert_eq!(read[1], Refusal { code: 1016, data: None });
        assert_eq!(refusals(&faults(&["often"])).unwrap_err().exit, Exit::Usage);
    }
}
