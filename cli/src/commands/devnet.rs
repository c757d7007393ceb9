//! `sn3 devnet`: a development chain until Ctrl-C.

use serde::Serialize;
use sn3_devnet::{Devnet, DevnetConfig, Sealing};

use crate::args::{DevnetArgs, SealingKind};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

const RAO_PER_TAO: u64 = 1_000_000_000;

#[derive(Serialize)]
struct Started {
    endpoint: String,
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Account {
    name: String,
    uri: String,
    address: String,
    balance_rao: u64,
}

/// Starts the chain, prints its accounts, and serves until Ctrl-C.
pub async fn run(args: &DevnetArgs, output: &Output) -> Result<(), CliError> {
    let devnet = Devnet::start(config(args)).await.or_exit(Exit::Network)?;
    announce(&devnet, output);
    crate::signals::wait_for_stop().await;
    output.story("stopping the chain");
    devnet.shutdown().await;
    Ok(())
}

fn config(args: &DevnetArgs) -> DevnetConfig {
    let sealing = match args.sealing {
        SealingKind::Interval => Sealing::Interval { block_time_ms: args.block_time_ms },
        SealingKind::Instant => Sealing::Instant,
        SealingKind::Manual => Sealing::Manual,
    };
    DevnetConfig { listen: args.listen, port: args.port, sealing, ..DevnetConfig::default() }
}

fn announce(devnet: &Devnet, output: &Output) {
    let account = |a: sn3_devnet::DevAccount| Account {
        name: a.name,
        uri: a.uri,
        address: a.ss58,
        balance_rao: a.balance.0,
    };
    let started = Started {
        endpoint: devnet.ws_url().to_owned(),
        accounts: devnet.accounts().into_iter().map(account).collect(),
    };
    output.event("started", &started);
    output.result(format_args!("chain     {}", started.endpoint));
    output.result("accounts  (development keys, known to everybody)");
    for account in &started.accounts {
        let tao = account.balance_rao / RAO_PER_TAO;
        output.result(format_args!(
            "  {:<10} {:<12} {}  {tao} TAO",
            account.name, account.uri, account.address
        ));
    }
}
