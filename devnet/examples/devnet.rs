//! Starts a development chain and keeps it running until interrupted.
//!
//! Arguments: the port (0 for any free one) and the sealing: `manual`, `instant`, or a block time in
//! milliseconds. The address goes to standard output, everything else to standard error.

// An example may talk to its user directly.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{error::Error, time::Instant};

use sn3_devnet::{Devnet, DevnetConfig, Sealing};

fn sealing(text: &str) -> Result<Sealing, Box<dyn Error>> {
    Ok(match text {
        "manual" => Sealing::Manual,
        "instant" => Sealing::Instant,
        millis => Sealing::Interval { block_time_ms: millis.parse()? },
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().unwrap_or_else(|| "9944".into()).parse()?;
    let sealing = sealing(&args.next().unwrap_or_else(|| "instant".into()))?;
    let begin = Instant::now();
    let devnet = Devnet::start(DevnetConfig { port, sealing, ..DevnetConfig::default() }).await?;
    eprintln!("started in {:.1} ms, sealing: {sealing:?}", begin.elapsed().as_secs_f64() * 1e3);
    for account in devnet.accounts() {
        eprintln!("  {:10} {} {} rao", account.uri, account.ss58, account.balance);
    }
    println!("{}", devnet.ws_url());
    tokio::signal::ctrl_c().await?;
    devnet.shutdown().await;
    Ok(())
}
