//! What the facts mean. Pure, so that every fault can be tried without causing it.

use std::fmt::Display;

use super::{DoctorReport, EndpointFacts, Facts, Line, Status, SubnetFacts, WalletFacts};
use crate::wallet::KeyfileFormat;

/// Beyond this the clock may be wrong: finality alone takes less.
const CLOCK_SKEW_WARN_MS: u64 = 60_000;
/// Beyond this signatures with times and windows go wrong.
const CLOCK_SKEW_FAIL_MS: u64 = 300_000;
/// A head older than this many blocks says that the endpoint has stalled.
const HEAD_AGE_BLOCKS_MAX: u64 = 10;
/// A request that takes longer makes a node miss deadlines.
const LATENCY_WARN_MS: u64 = 1_000;
/// The oldest runtime with the stateful epoch schedule that is known to work.
const SPEC_VERSION_MIN: u32 = 365;
/// The newest runtime that was tried; the compatibility line says what a newer one changes.
const SPEC_VERSION_TRIED: u32 = 425;
/// So few neurons before ours in the order of pruning are a warning.
const PRUNE_RANK_WARN: usize = 5;
/// So few blocks of immunity are a warning.
const IMMUNITY_WARN_BLOCKS: u64 = 300;
/// Weights that have used up more of their activity cutoff than this, in hundredths, are a warning.
const UPDATE_AGE_WARN_PERCENT: u64 = 80;
const RAO_PER_WHOLE: f64 = 1e9;
const BYTES_PER_GB: f64 = 1e9;

/// Judges the facts, each on its own line.
#[must_use]
pub fn judge(facts: &Facts) -> DoctorReport {
    let mut lines = endpoint(facts.endpoint.as_ref());
    lines.extend(wallet(facts.wallet.as_ref()));
    lines.extend(subnet(facts.subnet.as_ref()));
    lines.push(disk(facts.disk.as_ref()));
    lines.extend(facts.probes.iter().cloned());
    DoctorReport { lines }
}

fn line(check: &str, status: Status, value: impl Display, remedy: &str) -> Line {
    let remedy = if status == Status::Pass { "" } else { remedy };
    Line { check: check.into(), status, value: value.to_string(), remedy: remedy.into() }
}

fn skipped(checks: &[&str], why: &str) -> Vec<Line> {
    checks.iter().map(|check| line(check, Status::Skip, why, "")).collect()
}

/// `Fail` or `Warn` when the condition holds.
fn unless(bad: bool, worst: Status) -> Status {
    if bad { worst } else { Status::Pass }
}

fn endpoint(facts: Option<&Result<EndpointFacts, String>>) -> Vec<Line> {
    let rest = ["latency", "runtime", "compatibility", "head_age", "clock"];
    let found = match facts {
        Some(Ok(found)) => found,
        Some(Err(reason)) => {
            let remedy = "check the URL and that the node runs; try another endpoint";
            let mut lines = vec![line("endpoint", Status::Fail, reason, remedy)];
            lines.extend(skipped(&rest, "the endpoint does not answer"));
            return lines;
        }
        None => {
            return skipped(
                &["endpoint", "latency", "runtime", "compatibility", "head_age", "clock"],
                "no endpoint was named",
            );
        }
    };
    let age_ms = found.clock_ahead_ms.unsigned_abs();
    let old = found.clock_ahead_ms > 0 && age_ms > HEAD_AGE_BLOCKS_MAX * found.block_ms;
    let skew = match age_ms {
        CLOCK_SKEW_FAIL_MS.. => Status::Fail,
        CLOCK_SKEW_WARN_MS.. => Status::Warn,
        _ => Status::Pass,
    };
    let incompatible = found.incompatible.join(", ");
    vec![
        line("endpoint", Status::Pass, &found.url, ""),
        line(
            "latency",
            unless(found.latency_ms > LATENCY_WARN_MS, Status::Warn),
            format!("{} ms", found.latency_ms),
            "choose an endpoint that is nearer",
        ),
        line(
            "runtime",
            unless(!(SPEC_VERSION_MIN..=SPEC_VERSION_TRIED).contains(&found.spec_version), Status::Warn),
            format!("spec {}, tried with {SPEC_VERSION_MIN} to {SPEC_VERSION_TRIED}", found.spec_version),
            "look at the compatibility line, and for a release of sn3 that was tried with this runtime",
        ),
        line(
            "compatibility",
            unless(!found.incompatible.is_empty(), Status::Fail),
            if incompatible.is_empty() { "everything that is used is there" } else { &incompatible },
            "use a release of sn3 that matches the chain",
        ),
        line(
            "head_age",
            unless(old, Status::Warn),
            format!("{:.1} s", age_ms as f64 / 1e3),
            "no new blocks come from this endpoint; try another one",
        ),
        line(
            "clock",
            skew,
            format!("{:+.1} s against the chain", found.clock_ahead_ms as f64 / 1e3),
            "set this machine's clock (chrony or systemd-timesyncd), or find out why the endpoint has stalled",
        ),
    ]
}

fn wallet(facts: Option<&Result<WalletFacts, String>>) -> Vec<Line> {
    let found = match facts {
        Some(Ok(found)) => found,
        Some(Err(reason)) => {
            let mut lines =
                vec![line("wallet", Status::Fail, reason, "create it, or name the right directory")];
            lines.extend(skipped(&["hotkey", "coldkey", "permissions"], "there is no wallet"));
            return lines;
        }
        None => return skipped(&["wallet", "hotkey", "coldkey", "permissions"], "no wallet was named"),
    };
    let (cold, value) = match found.coldkey {
        None => (Status::Pass, "only its address is here"),
        Some(KeyfileFormat::Plain) => (Status::Fail, "here, and not encrypted"),
        Some(_) => (Status::Warn, "here, encrypted"),
    };
    let exposed: Vec<String> = found.exposed.iter().map(|path| path.display().to_string()).collect();
    vec![
        line("wallet", Status::Pass, found.path.display(), ""),
        line(
            "hotkey",
            unless(found.hotkey_error.is_some(), Status::Fail),
            found.hotkey_error.as_deref().unwrap_or("opens"),
            "restore it from its phrase, or name the right one",
        ),
        line(
            "coldkey",
            cold,
            value,
            "a machine that mines or validates needs no coldkey; keep it elsewhere and sign exported files there",
        ),
        line(
            "permissions",
            unless(!exposed.is_empty(), Status::Fail),
            if exposed.is_empty() { "private".to_owned() } else { exposed.join(", ") },
            "run chmod 600 on these files and chmod 700 on these directories",
        ),
    ]
}

const SUBNET_CHECKS: [&str; 7] =
    ["registration", "immunity", "permit", "stake", "epoch", "weights_age", "mechanism"];

fn subnet(facts: Option<&Result<SubnetFacts, String>>) -> Vec<Line> {
    let found = match facts {
        Some(Ok(found)) => found,
        Some(Err(reason)) => {
            let mut lines =
                vec![line("registration", Status::Fail, reason, "check the netuid and the endpoint")];
            lines.extend(skipped(&SUBNET_CHECKS[1..], "the subnet could not be read"));
            return lines;
        }
        None => return skipped(&SUBNET_CHECKS, "no hotkey, or no endpoint"),
    };
    let Some(uid) = found.uid else {
        let value = format!("not registered; {} of {} slots are taken", found.slots.0, found.slots.1);
        let mut lines = vec![line("registration", Status::Fail, value, "register the hotkey")];
        lines.extend(skipped(&SUBNET_CHECKS[1..4], "not registered"));
        lines.extend(skipped(&SUBNET_CHECKS[5..6], "not registered"));
        lines.extend([epoch(found), mechanism(found)]);
        return lines;
    };
    vec![
        line("registration", Status::Pass, format!("uid {uid}"), ""),
        immunity(found),
        permit(found),
        stake(found),
        epoch(found),
        weights_age(found),
        mechanism(found),
    ]
}

fn immunity(found: &SubnetFacts) -> Line {
    let full = found.slots.0 >= found.slots.1;
    let rank = found.prune_rank;
    let near = full && rank.is_some_and(|rank| rank < PRUNE_RANK_WARN);
    let next = full && rank == Some(0);
    let ending = found.immune_blocks > 0 && found.immune_blocks < IMMUNITY_WARN_BLOCKS;
    let status = if next { Status::Fail } else { unless(near || ending, Status::Warn) };
    let place = match rank {
        None => "it is never pruned".to_owned(),
        Some(rank) => format!("number {} in the order of pruning", rank + 1),
    };
    let free = found.slots.1.saturating_sub(found.slots.0);
    let value = format!("immune for {} more blocks, {place}, {free} slots free", found.immune_blocks);
    line(
        "immunity",
        status,
        value,
        "raise its score: the lowest emission goes first when a newcomer needs the slot",
    )
}

fn permit(found: &SubnetFacts) -> Line {
    let gap = found.permit_stake.saturating_sub(found.stake);
    let value = match found.permit {
        true => "may set weights".to_owned(),
        false if found.permit_stake == 0 => {
            "may not set weights; nobody has a permit before the next epoch".to_owned()
        }
        false => format!("may not set weights; the least stake weight with a permit is {} away", weight(gap)),
    };
    line("permit", unless(!found.permit, Status::Warn), value, "miners need none; validators stake more")
}

fn stake(found: &SubnetFacts) -> Line {
    let short = found.stake < found.stake_threshold;
    let value = format!("stake weight {} of {} demanded", weight(found.stake), weight(found.stake_threshold));
    line("stake", unless(short, Status::Warn), value, "stake more before setting weights")
}

fn epoch(found: &SubnetFacts) -> Line {
    let value = match found.blocks_to_epoch {
        Some(blocks) => format!("in {blocks} blocks"),
        None => "never: the tempo is 0".to_owned(),
    };
    line(
        "epoch",
        unless(found.blocks_to_epoch.is_none(), Status::Fail),
        value,
        "this subnet pays nobody; choose another",
    )
}

fn weights_age(found: &SubnetFacts) -> Line {
    if !found.permit {
        return line("weights_age", Status::Skip, "it may set no weights", "");
    }
    let Some(blocks) = found.since_update else {
        let remedy = "set weights: a validator without any earns nothing";
        return line("weights_age", Status::Warn, "it has a permit and never set weights", remedy);
    };
    let cutoff = found.activity_cutoff;
    let value = format!("{blocks} blocks ago of {cutoff} after which they stop counting");
    let old = blocks.saturating_mul(100) > cutoff.saturating_mul(UPDATE_AGE_WARN_PERCENT);
    line("weights_age", unless(old, Status::Warn), value, "set weights, or look why the validator does not")
}

fn mechanism(found: &SubnetFacts) -> Line {
    let runs = found.runs;
    let value = format!(
        "{} of {} neurons have committed a storage address that sn3 can use; {} mechanism(s), weights {:?}, version key {}",
        runs.ours, runs.neurons, runs.mechanisms, found.method, found.version_key
    );
    let other = runs.neurons > 1 && runs.ours == 0;
    line(
        "mechanism",
        unless(other, Status::Warn),
        value,
        "this netuid appears to run another program; ask its owner",
    )
}

fn disk(facts: Option<&Result<(u64, u64), String>>) -> Line {
    let remedy = "free some space, or name another directory";
    match facts {
        None => line("disk", Status::Skip, "no directory was named", ""),
        Some(Err(reason)) => line("disk", Status::Fail, reason, remedy),
        Some(Ok((free, demanded))) => {
            let gb = |bytes: u64| bytes as f64 / BYTES_PER_GB;
            let value = format!("{:.1} GB free, {:.1} GB demanded", gb(*free), gb(*demanded));
            line("disk", unless(free < demanded, Status::Fail), value, remedy)
        }
    }
}

/// Stake weight is alpha and weighted root TAO together.
fn weight(rao: u64) -> String {
    format!("{:.3}", rao as f64 / RAO_PER_WHOLE)
}

#[cfg(test)]
mod tests {
    use sn3_protocol::Uid;

    use super::*;
    use crate::doctor::Runs;
    use crate::weights::Method;

    fn healthy() -> Facts {
        let endpoint = EndpointFacts {
            url: "ws://127.0.0.1:9944".into(),
            latency_ms: 3,
            spec_version: 425,
            incompatible: Vec::new(),
            clock_ahead_ms: 13_000,
            block_ms: 12_000,
        };
        let subnet = SubnetFacts {
            uid: Some(Uid(4)),
            immune_blocks: 0,
            prune_rank: Some(40),
            slots: (256, 256),
            permit: true,
            stake: 2_000,
            permit_stake: 1_000,
            stake_threshold: 1_000,
            blocks_to_epoch: Some(17),
            since_update: Some(100),
            activity_cutoff: 5_000,
            method: Method::Timelocked,
            version_key: 1,
            runs: Runs { ours: 200, neurons: 256, mechanisms: 1 },
        };
        let wallet =
            WalletFacts { path: "/w".into(), hotkey_error: None, coldkey: None, exposed: Vec::new() };
        Facts {
            endpoint: Some(Ok(endpoint)),
            subnet: Some(Ok(subnet)),
            wallet: Some(Ok(wallet)),
            disk: Some(Ok((1 << 40, 1 << 30))),
            probes: vec![line("bucket_write", Status::Pass, "ok", "")],
        }
    }

    fn endpoint_of(facts: &mut Facts) -> &mut EndpointFacts {
        facts.endpoint.as_mut().unwrap().as_mut().unwrap()
    }

    fn subnet_of(facts: &mut Facts) -> &mut SubnetFacts {
        facts.subnet.as_mut().unwrap().as_mut().unwrap()
    }

    fn wallet_of(facts: &mut Facts) -> &mut WalletFacts {
        facts.wallet.as_mut().unwrap().as_mut().unwrap()
    }

    #[test]
    fn a_healthy_neuron_has_no_other_line_than_passes() {
        let report = judge(&healthy());
        assert!(report.lines.iter().all(|line| line.status == Status::Pass), "{report:#?}");
        assert_eq!(report.exit_code(), 0);
        assert_eq!(report.lines.len(), 19);
    }

    #[test]
    fn each_of_twenty_four_faults_is_on_its_own_line() {
        type Fault = (&'static str, Status, fn(&mut Facts));
        let faults: [Fault; 24] = [
            ("endpoint", Status::Fail, |f| f.endpoint = Some(Err("refused".into()))),
            ("latency", Status::Warn, |f| endpoint_of(f).latency_ms = 5_000),
            ("runtime", Status::Warn, |f| endpoint_of(f).spec_version = 200),
            ("compatibility", Status::Fail, |f| endpoint_of(f).incompatible = vec!["A.b".into()]),
            ("head_age", Status::Warn, |f| endpoint_of(f).clock_ahead_ms = 130_000),
            ("clock", Status::Fail, |f| endpoint_of(f).clock_ahead_ms = -400_000),
            ("clock", Status::Warn, |f| endpoint_of(f).clock_ahead_ms = -70_000),
            ("wallet", Status::Fail, |f| f.wallet = Some(Err("missing".into()))),
            ("hotkey", Status::Fail, |f| wallet_of(f).hotkey_error = Some("damaged".into())),
            ("coldkey", Status::Warn, |f| wallet_of(f).coldkey = Some(KeyfileFormat::Nacl)),
            ("coldkey", Status::Fail, |f| wallet_of(f).coldkey = Some(KeyfileFormat::Plain)),
            ("permissions", Status::Fail, |f| wallet_of(f).exposed = vec!["/w/coldkey".into()]),
            ("registration", Status::Fail, |f| subnet_of(f).uid = None),
            ("registration", Status::Fail, |f| f.subnet = Some(Err("no such subnet".into()))),
            ("immunity", Status::Fail, |f| subnet_of(f).prune_rank = Some(0)),
            ("immunity", Status::Warn, |f| subnet_of(f).prune_rank = Some(4)),
            ("immunity", Status::Warn, |f| subnet_of(f).immune_blocks = 10),
            ("permit", Status::Warn, |f| subnet_of(f).permit = false),
            ("stake", Status::Warn, |f| subnet_of(f).stake = 999),
            ("epoch", Status::Fail, |f| subnet_of(f).blocks_to_epoch = None),
            ("weights_age", Status::Warn, |f| subnet_of(f).since_update = Some(4_500)),
            ("mechanism", Status::Warn, |f| subnet_of(f).runs.ours = 0),
            ("disk", Status::Fail, |f| f.disk = Some(Ok((1, 1 << 30)))),
            ("bucket_write", Status::Fail, |f| {
                f.probes[0] = line("bucket_write", Status::Fail, "403", "grant it")
            }),
        ];
        for (check, status, inject) in faults {
            let mut facts = healthy();
            inject(&mut facts);
            let report = judge(&facts);
            let found = report.line(check).unwrap();
            assert_eq!(found.status, status, "{found:?}");
            assert!(!found.remedy.is_empty() && !found.value.is_empty(), "{found:?}");
            let fails = report.lines.iter().any(|line| line.status == Status::Fail);
            assert_eq!(report.exit_code(), u8::from(fails), "{check}");
        }
    }

    #[test]
    fn what_was_not_asked_for_is_named_as_skipped() {
        let report = judge(&Facts::default());
        assert!(report.lines.iter().all(|line| line.status == Status::Skip), "{report:#?}");
        assert_eq!(report.exit_code(), 0);
    }
}
