//! `sn3 doctor`: everything that keeps a neuron from working, each on its own line.

mod bucket;
mod disk;

use sn3_chain::doctor::{self, DoctorReport, Line, Request, Status};
use sn3_chain::pool;
use sn3_protocol::NetUid;

use super::doctor_gpu::GpuProbe;
use super::wallet;
use crate::args::chain::DoctorArgs;
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Bytes of a GB.
const GB: u64 = 1_000_000_000;

/// Looks, judges and prints; fails when a check does.
pub async fn run(args: &DoctorArgs, output: &Output) -> Result<(), CliError> {
    let bucket = args.store.as_deref().map(bucket::Bucket::new);
    let request = Request {
        endpoint: args.chain.endpoints.first().filter(|_| !args.offline).cloned(),
        netuid: NetUid(args.netuid),
        wallet: Some((
            wallet::root(args.keys.wallet_path.as_ref())?,
            args.keys.wallet.clone(),
            args.keys.hotkey.clone(),
        )),
        disk: Some((args.disk.clone(), args.disk_gb.saturating_mul(GB))),
        free_bytes: Some(&disk::free_bytes),
        probes: bucket.iter().map(|bucket| bucket as &dyn doctor::Probe).chain([&GpuProbe as _]).collect(),
    };
    let mut report = doctor::run(&request).await;
    report.lines.extend(other_endpoints(args).await);
    output.event("doctor", &report);
    print(&report, output);
    verdict(&report)
}

/// The endpoints that serve when the first one fails.
async fn other_endpoints(args: &DoctorArgs) -> Vec<Line> {
    if args.offline || args.chain.endpoints.len() < 2 {
        return Vec::new();
    }
    let health = pool::health(&args.chain.endpoints).await;
    let line = |health: pool::EndpointHealth| Line {
        check: "endpoints".into(),
        status: if health.unfit.is_some() { Status::Warn } else { Status::Pass },
        value: match (&health.unfit, &health.answer) {
            (Some(reason), _) => format!("{}: {reason}", health.url),
            (None, Some(answer)) => {
                format!("{}: {} blocks behind, {} ms", health.url, answer.lag_blocks, answer.latency_ms)
            }
            (None, None) => health.url.clone(),
        },
        remedy: health.unfit.map_or_else(String::new, |_| "replace it in --endpoint".into()),
    };
    health.into_iter().map(line).collect()
}

fn print(report: &DoctorReport, output: &Output) {
    for line in &report.lines {
        output.result(format_args!("{:<5} {:<14} {}", word(line.status), line.check, line.value));
        if !line.remedy.is_empty() && line.status >= Status::Warn {
            output.result(format_args!("{:20} ↳ {}", "", line.remedy));
        }
    }
    let count = |status| report.lines.iter().filter(|line| line.status == status).count();
    output.result(format_args!(
        "\n{} passed, {} warnings, {} failed, {} skipped",
        count(Status::Pass),
        count(Status::Warn),
        count(Status::Fail),
        count(Status::Skip)
    ));
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Skip => "skip",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
    }
}

fn verdict(report: &DoctorReport) -> Result<(), CliError> {
    let failed = report.lines.iter().filter(|line| line.status == Status::Fail);
    let mut names: Vec<&str> = failed.map(|line| line.check.as_str()).collect();
    names.dedup();
    match names.is_empty() {
        true => Ok(()),
        false => Err(CliError::new(Exit::Failure, format!("failed: {}", names.join(", ")))),
    }
}
