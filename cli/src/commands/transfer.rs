//! `sn3 transfer`: TAO to another coldkey.

use sn3_chain::tx::TxCall;

use super::chain::connect;
use super::chain::spend::{Payer, spend};
use crate::args::chain::TransferArgs;
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Shows what it costs, and sends.
pub async fn run(args: &TransferArgs, output: &Output) -> Result<(), CliError> {
    let payer = Payer::open(&args.spend)?;
    if args.amount.0 == 0 {
        return Err(CliError::new(Exit::Usage, "the amount is 0; give one above it"));
    }
    if args.to == payer.coldkey {
        return Err(CliError::new(Exit::Usage, format!("{} would pay itself; name another", args.to)));
    }
    let client = connect(&args.spend.chain).await?;
    let call = TxCall::Transfer { to: args.to, amount: args.amount };
    spend(&client, &payer, call, &args.spend, output).await.map(drop)
}
