//! Tells a running development chain what to do.

use serde_json::json;
use sn3_devnet::{Condition, Head, Refusal, Remote, RemoteError, Sealing, Status};
use sn3_protocol::{BlockNumber, NetUid};

use crate::args::devnet::{
    AdvanceArgs, AdvanceTarget, DevnetCommand, DumpArgs, Fault, FaultCommandArgs, RevertArgs, SealingArgs,
    SealingKind,
};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// A chain that is not there is a matter of the network; one that says no, of the chain.
fn classed<T>(result: Result<T, RemoteError>) -> Result<T, CliError> {
    let exit = match &result {
        Err(RemoteError::Refused { .. } | RemoteError::NoDevnet { .. }) => Exit::Chain,
        _ => Exit::Network,
    };
    result.or_exit(exit)
}

async fn connect(endpoint: &str) -> Result<Remote, CliError> {
    classed(Remote::connect(endpoint).await)
}

/// Does what the command says and prints what came of it.
pub async fn run(command: &DevnetCommand, output: &Output) -> Result<(), CliError> {
    match command {
        DevnetCommand::Status(args) => status(&args.endpoint, output).await,
        DevnetCommand::Advance(args) => advance(args, output).await,
        DevnetCommand::Snapshot(args) => snapshot(&args.endpoint, output).await,
        DevnetCommand::Revert(args) => revert(args, output).await,
        DevnetCommand::Sealing(args) => sealing(args, output).await,
        DevnetCommand::Dump(args) => dump(args, output).await,
        DevnetCommand::Fault(args) => fault(args, output).await,
    }
}

async fn status(endpoint: &str, output: &Output) -> Result<(), CliError> {
    let status = classed(connect(endpoint).await?.status().await)?;
    output.event("status", &status);
    let Status { head, finalized, timestamp_ms, sealing, waiting_transactions, .. } = status;
    output.result(format_args!("head       #{} {:?}", head.number, head.hash));
    output.result(format_args!("finalized  #{} {:?}", finalized.number, finalized.hash));
    output.result(format_args!("clock      {timestamp_ms} ms"));
    output.result(format_args!("blocks     {}", super::start::words(sealing)));
    output.result(format_args!("waiting    {waiting_transactions} transactions"));
    if status.delay_ms > 0 || status.waiting_refusals > 0 {
        output.result(format_args!(
            "faults     answers come {} ms late, {} transactions will be refused",
            status.delay_ms, status.waiting_refusals
        ));
    }
    Ok(())
}

async fn advance(args: &AdvanceArgs, output: &Output) -> Result<(), CliError> {
    let condition = condition(&args.target)?;
    let remote = connect(&args.endpoint.endpoint).await?;
    let target = &args.target;
    let head = match (target.blocks, target.to_block, target.epoch, condition) {
        (Some(blocks), ..) => remote.advance_blocks(blocks).await,
        (_, Some(height), ..) => remote.advance_to_block(BlockNumber(height)).await,
        (_, _, Some(netuid), _) => remote.advance_to_epoch(NetUid(netuid)).await,
        (_, _, _, Some(condition)) => remote.advance_until(&condition, args.at_most).await,
        (None, None, None, None) => {
            return Err(CliError::new(
                Exit::Usage,
                "say how far: --blocks, --to-block, --epoch or --until-…",
            ));
        }
    };
    show_head("advanced", classed(head)?, output);
    Ok(())
}

fn condition(target: &AdvanceTarget) -> Result<Option<Condition>, CliError> {
    if let Some(text) = &target.until_storage {
        return storage_condition(text).map(Some);
    }
    let clock = target.until_time.map(|ms| Condition::Timestamp { ms });
    Ok(clock.or(target.until_pool_empty.then_some(Condition::PoolEmpty)))
}

/// `0xKEY`, `0xKEY=0xVALUE` or `0xKEY=`.
fn storage_condition(text: &str) -> Result<Condition, CliError> {
    let bytes = |part: &str| {
        let wrong = |e: hex::FromHexError| {
            CliError::new(Exit::Usage, format!("--until-storage: {part:?} is no hexadecimal number: {e}"))
        };
        hex::decode(part.trim_start_matches("0x")).map_err(wrong)
    };
    Ok(match text.split_once('=') {
        None => Condition::StorageChanges { key: bytes(text)?.into() },
        Some((key, "")) => Condition::StorageIs { key: bytes(key)?.into(), value: None },
        Some((key, value)) => {
            Condition::StorageIs { key: bytes(key)?.into(), value: Some(bytes(value)?.into()) }
        }
    })
}

fn show_head(event: &str, head: Head, output: &Output) {
    let hash = format!("0x{}", hex::encode(head.hash.0));
    output.event(event, &json!({ "number": head.number.0, "hash": hash }));
    output.result(format_args!("head  #{} {hash}", head.number.0));
}

async fn snapshot(endpoint: &str, output: &Output) -> Result<(), CliError> {
    let number = classed(connect(endpoint).await?.snapshot().await)?;
    output.event("snapshot", &json!({ "snapshot": number }));
    output.result(number);
    Ok(())
}

async fn revert(args: &RevertArgs, output: &Output) -> Result<(), CliError> {
    let head = classed(connect(&args.endpoint.endpoint).await?.revert(args.snapshot).await)?;
    show_head("reverted", head, output);
    Ok(())
}

async fn sealing(args: &SealingArgs, output: &Output) -> Result<(), CliError> {
    let block_time_ms = u64::try_from(args.block_time.as_millis()).unwrap_or(u64::MAX);
    let wanted = match args.kind {
        SealingKind::Interval => Sealing::Interval { block_time_ms },
        SealingKind::Instant => Sealing::Instant,
        SealingKind::Manual => Sealing::Manual,
    };
    let now = classed(connect(&args.endpoint.endpoint).await?.set_sealing(wanted).await)?;
    output.event("sealing", &now);
    output.result(format_args!("blocks  {}", super::start::words(now)));
    Ok(())
}

async fn dump(args: &DumpArgs, output: &Output) -> Result<(), CliError> {
    // The chain's working folder is another one.
    let dir = std::path::absolute(&args.dir).or_exit(Exit::Data)?;
    let blocks = classed(connect(&args.endpoint.endpoint).await?.dump(&dir).await)?;
    output.event("dumped", &json!({ "blocks": blocks, "dir": dir }));
    output.result(format_args!("{blocks} blocks in {}", dir.display()));
    Ok(())
}

async fn fault(args: &FaultCommandArgs, output: &Output) -> Result<(), CliError> {
    let remote = connect(&args.endpoint.endpoint).await?;
    let line = match &args.fault {
        Fault::StallFinality => {
            format!("nothing above #{} is final", classed(remote.stall_finality().await)?)
        }
        Fault::ResumeFinality => done(remote.resume_finality().await, "all blocks are final")?,
        Fault::DropSubscriptions => done(remote.drop_subscriptions().await, "all subscriptions have ended")?,
        Fault::Delay { ms } => done(remote.delay_responses(*ms).await, format!("answers come {ms} ms late"))?,
        Fault::Reject { code, data } => {
            let refusal = Refusal { code: *code, data: data.clone() };
            done(remote.reject_next(&refusal).await, format!("the next transaction is refused with {code}"))?
        }
        Fault::LoseEndpoint { ms } => {
            done(remote.lose_endpoint(*ms).await, format!("nobody can connect for {ms} ms"))?
        }
        Fault::Reorg { depth } => moved(remote.reorg(*depth).await)?,
        Fault::Upgrade { spec_version } => moved(remote.upgrade_runtime(*spec_version).await)?,
    };
    output.event("fault", &json!({ "effect": line }));
    output.result(line);
    Ok(())
}

fn done(result: Result<(), RemoteError>, line: impl Into<String>) -> Result<String, CliError> {
    classed(result).map(|()| line.into())
}

fn moved(result: Result<Head, RemoteError>) -> Result<String, CliError> {
    let head = classed(result)?;
    Ok(format!("head  #{} 0x{}", head.number.0, hex::encode(head.hash.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_conditions_have_three_forms() {
        let key = || vec![0xab, 1].into();
        assert_eq!(storage_condition("0xab01").unwrap(), Condition::StorageChanges { key: key() });
        assert_eq!(storage_condition("0xab01=").unwrap(), Condition::StorageIs { key: key(), value: None });
        let is = storage_condition("0xab01=0x02").unwrap();
        assert_eq!(is, Condition::StorageIs { key: key(), value: Some(vec![2].into()) });
        assert_eq!(storage_condition("0xzz").unwrap_err().exit, Exit::Usage);
    }
}
