//! `sn3 scaffold`: prepares a development chain for separate processes, or wallets for one that was described.

mod plan;

use sn3_chain::ChainClient;
use sn3_protocol::NetUid;

use crate::args::devnet::ScaffoldArgs;
use crate::commands::wallet;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;
use crate::scaffold::{Cast, scaffold};

/// Creates, funds, registers and stakes; prints who has which slot.
pub async fn run(args: &ScaffoldArgs, output: &Output) -> Result<(), CliError> {
    if let Some(path) = &args.plan {
        return plan::run(args, path, output).await;
    }
    let wallets = wallet::root(args.wallet_path.as_ref())?;
    let client = ChainClient::connect(&args.endpoint).await.or_exit(Exit::Network)?;
    let miners: Vec<String> = (1..=args.miners).map(|number| format!("miner-{number}")).collect();
    let netuid = NetUid(args.netuid);
    let cast = Cast { netuid, wallets: &wallets, validator: "validator", miners: &miners, seed: args.seed };
    for neuron in scaffold(&client, &cast, output).await? {
        output.result(format_args!("uid {:>3}  {}  {}", neuron.uid.0, neuron.hotkey.public(), neuron.name));
    }
    output.result(format_args!("wallets   {}", wallets.display()));
    Ok(())
}
