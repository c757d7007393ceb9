//! One look at everything that keeps a neuron from working: each line passes, warns or fails, with its value and remedy.
//!
//! ```text
//!  gather(request): chain, files, clock, closures for bucket, GPU, disk ──► Facts (plain data)
//!  judge(Facts): pure ──► DoctorReport: one line per check, exit code
//! ```
//!
//! What the caller knows better is handed in as a closure: this crate has no object store and no GPU.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sn3_protocol::{Hotkey, NetUid, Uid};

use crate::registration::prune_order;
use crate::wallet::{KeyfileFormat, Wallet};
use crate::weights::Method;
use crate::{ChainClient, ReadError};

mod judge;

pub use judge::judge;

/// How long the whole look may take.
const DEADLINE_MS: u64 = 10_000;
/// 5,000 blocks at a tempo of 360.
const CUTOFF_FACTOR_MILLI_DEFAULT: u64 = 13_889;
/// How many bucket checks can be handed in.
const BUCKET_LINES_MAX: usize = 16;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Not looked at, with the reason in the value.
    Skip,
    /// Works now, and may not tomorrow.
    Warn,
    /// Does not work.
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What was checked: a stable name, e.g. `clock`.
    pub check: String,
    /// How it ended.
    pub status: Status,
    /// What was measured.
    pub value: String,
    /// What to do; empty when nothing is.
    pub remedy: String,
}

/// All checks, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// The checks.
    pub lines: Vec<Line>,
}

impl DoctorReport {
    /// The worst line.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lines.iter().map(|line| line.status).max().unwrap_or(Status::Pass)
    }

    /// 0 when nothing failed, 1 otherwise; warnings do not fail.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(self.status() == Status::Fail)
    }

    /// The line of a check.
    #[must_use]
    pub fn line(&self, check: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.check == check)
    }
}

/// What the caller checks by its own means: bucket permissions, GPUs.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The lines of this probe. At most sixteen are kept.
    async fn lines(&self) -> Vec<Line>;
}

/// How to learn the free bytes of the file system that holds a path.
pub type FreeBytes<'a> = &'a (dyn Fn(&Path) -> std::io::Result<u64> + Send + Sync);

/// What to look at. Whatever is left out is skipped, and the report says so.
pub struct Request<'a> {
    /// Endpoint, e.g. `ws://127.0.0.1:9944`.
    pub endpoint: Option<String>,
    /// The subnet.
    pub netuid: NetUid,
    /// Directory of wallets, name of the wallet, name of the hotkey.
    pub wallet: Option<(PathBuf, String, String)>,
    /// A directory whose file system must have room, and how many bytes.
    pub disk: Option<(PathBuf, u64)>,
    /// How to learn the free bytes of a file system.
    pub free_bytes: Option<FreeBytes<'a>>,
    /// Further checks of the caller.
    pub probes: Vec<&'a dyn Probe>,
}

/// The endpoint as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Which.
    pub url: String,
    /// How long a small request took, in milliseconds.
    pub latency_ms: u64,
    /// Version of the runtime.
    pub spec_version: u32,
    /// Items of the chain that this program uses and that differ without an explanation.
    pub incompatible: Vec<String>,
    /// This machine's Unix time minus the head's, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Milliseconds between two blocks.
    pub block_ms: u64,
}

/// The hotkey's place on the subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetFacts {
    /// The slot, if there is one.
    pub uid: Option<Uid>,
    /// Blocks of immunity that are left.
    pub immune_blocks: u64,
    /// How many would be pruned before this one, if it can be pruned.
    pub prune_rank: Option<usize>,
    /// Slots taken and slots in all.
    pub slots: (u16, u16),
    /// Whether it may set weights for others.
    pub permit: bool,
    /// Its stake weight in rao.
    pub stake: u64,
    /// The least stake weight of those with a permit, in rao; 0 when permits are left.
    pub permit_stake: u64,
    /// The chain's own threshold, in rao.
    pub stake_threshold: u64,
    /// Blocks to the next epoch; none when there is none.
    pub blocks_to_epoch: Option<u64>,
    /// Blocks since it last set weights; none when it never did.
    pub since_update: Option<u64>,
    /// Blocks after which weights stop counting: the subnet's factor in thousandths of its tempo.
    pub activity_cutoff: u64,
    /// How the subnet takes weights.
    pub method: Method,
    /// The version key that the subnet demands.
    pub version_key: u64,
    /// What the subnet appears to run.
    pub runs: Runs,
}

/// What a subnet appears to run, judged by what its neurons have committed on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Neurons with a storage address that this program can use.
    pub ours: usize,
    /// Registered neurons.
    pub neurons: usize,
    /// Mechanisms of the subnet.
    pub mechanisms: u8,
}

/// The wallet's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletFacts {
    /// Its directory.
    pub path: PathBuf,
    /// Why the hotkey cannot be used; none when it can.
    pub hotkey_error: Option<String>,
    /// How the coldkey's secret lies here; none when it does not.
    pub coldkey: Option<KeyfileFormat>,
    /// What others could read.
    pub exposed: Vec<PathBuf>,
}

/// Everything that is judged.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// The endpoint, or why there is none.
    pub endpoint: Option<Result<EndpointFacts, String>>,
    /// The subnet, or why it could not be read.
    pub subnet: Option<Result<SubnetFacts, String>>,
    /// The wallet, or why it could not be read.
    pub wallet: Option<Result<WalletFacts, String>>,
    /// Free and demanded bytes, or why they are not known.
    pub disk: Option<Result<(u64, u64), String>>,
    /// Lines of the caller's own probes.
    pub probes: Vec<Line>,
}

/// Looks at everything that is asked for and judges it. Never fails: what cannot be read is a line.
pub async fn run(request: &Request<'_>) -> DoctorReport {
    judge(&gather(request).await)
}

/// Looks, and judges nothing.
pub async fn gather(request: &Request<'_>) -> Facts {
    let (wallet, hotkey) = wallet(request);
    let mut facts = Facts { wallet, disk: disk(request), ..Facts::default() };
    if let Some(url) = &request.endpoint {
        (facts.endpoint, facts.subnet) = chain(url, request.netuid, hotkey).await;
    }
    for probe in &request.probes {
        let found = tokio::time::timeout(Duration::from_millis(DEADLINE_MS), probe.lines()).await;
        let timed_out = || {
            let value = format!("no answer within {DEADLINE_MS} ms");
            let remedy = "check the network and the service".into();
            vec![Line { check: "probe".into(), status: Status::Fail, value, remedy }]
        };
        facts.probes.extend(found.unwrap_or_else(|_| timed_out()).into_iter().take(BUCKET_LINES_MAX));
    }
    facts
}

fn disk(request: &Request<'_>) -> Option<Result<(u64, u64), String>> {
    let (path, demanded) = request.disk.as_ref()?;
    let free = request.free_bytes?(path);
    Some(free.map(|free| (free, *demanded)).map_err(|error| format!("{}: {error}", path.display())))
}

fn wallet(request: &Request<'_>) -> (Option<Result<WalletFacts, String>>, Option<Hotkey>) {
    let Some((root, name, hotkey)) = &request.wallet else { return (None, None) };
    let wallet = match Wallet::open(root, name) {
        Ok(wallet) => wallet,
        Err(error) => return (Some(Err(error.to_string())), None),
    };
    // What is exposed is looked at before the hotkey is opened, which would close it.
    let exposed = wallet.exposed();
    let opened = wallet.hotkey(hotkey, None);
    let address = wallet.hotkey_public(hotkey).ok();
    let facts = || {
        Ok::<_, crate::WalletError>(WalletFacts {
            path: wallet.dir().to_owned(),
            hotkey_error: opened.as_ref().err().map(ToString::to_string),
            coldkey: wallet.coldkey_format()?,
            exposed: exposed?,
        })
    };
    (Some(facts().map_err(|error| error.to_string())), address)
}

type ChainFacts = (Option<Result<EndpointFacts, String>>, Option<Result<SubnetFacts, String>>);

/// The endpoint first, then the subnet: each has the deadline for itself, so that a slow endpoint is still judged.
async fn chain(url: &str, netuid: NetUid, hotkey: Option<Hotkey>) -> ChainFacts {
    let look = async {
        let client = ChainClient::connect(url).await.map_err(|error| error.to_string())?;
        let facts = endpoint(&client).await.map_err(|error| error.to_string())?;
        Ok((client, facts))
    };
    let (client, facts) = match in_time(url, look).await {
        Ok(found) => found,
        Err(reason) => return (Some(Err(reason)), None),
    };
    let look = async |hotkey: Hotkey| {
        in_time(url, async { subnet(&client, netuid, &hotkey).await.map_err(|error| error.to_string()) })
            .await
    };
    let subnet = match hotkey {
        Some(hotkey) => Some(look(hotkey).await),
        None => None,
    };
    (Some(Ok(facts)), subnet)
}

async fn in_time<T>(url: &str, look: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let end = tokio::time::timeout(Duration::from_millis(DEADLINE_MS), look).await;
    end.unwrap_or_else(|_| Err(format!("{url} did not answer within {DEADLINE_MS} ms")))
}

async fn endpoint(client: &ChainClient) -> Result<EndpointFacts, ReadError> {
    let start = Instant::now();
    let head = client.head().await?;
    let latency_ms = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    let report = client.compatibility_at(head).await?;
    let (time_ms, block_ms) = client.chain_time(head).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let clock_ahead_ms =
        i64::try_from(now.as_millis()).unwrap_or(i64::MAX) - i64::try_from(time_ms).unwrap_or(i64::MAX);
    Ok(EndpointFacts {
        url: client.url().to_owned(),
        latency_ms,
        spec_version: report.spec_version.unwrap_or(0),
        incompatible: report.unexplained().map(|line| line.name.clone()).collect(),
        clock_ahead_ms,
        block_ms,
    })
}

/// How many thousandths of a tempo weights count for; the chain's default where it has no such setting yet.
async fn cutoff_factor_milli(
    client: &ChainClient,
    netuid: NetUid,
    block: crate::BlockRef,
) -> Result<u64, ReadError> {
    match client.subnet_params(netuid, block).await {
        Ok(params) => Ok(params.activity_cutoff_factor_milli.into()),
        Err(ReadError::Incompatible { .. }) => Ok(CUTOFF_FACTOR_MILLI_DEFAULT),
        Err(error) => Err(error),
    }
}

async fn subnet(client: &ChainClient, netuid: NetUid, hotkey: &Hotkey) -> Result<SubnetFacts, ReadError> {
    let head = client.head().await?;
    let (cutoff_factor, metagraph, seen, (rules, owner, owner_hotkey), addresses, preview) = futures::try_join!(
        cutoff_factor_milli(client, netuid, head),
        client.metagraph(netuid, head),
        client.observe_weights(hotkey, netuid, 0, head),
        client.prune_rules(netuid, head),
        client.store_addresses(netuid, head),
        client.preview_registration(netuid, hotkey, None, None),
    )?;
    let own = metagraph.by_hotkey(hotkey);
    let order = prune_order(&metagraph, rules, &owner, &owner_hotkey);
    let immune = |registered: u64| (registered + rules.immunity_blocks).saturating_sub(head.number.0);
    let permitted = metagraph.neurons.iter().filter(|neuron| neuron.validator_permit);
    let ours = metagraph.neurons.iter().filter(|neuron| addresses.contains_key(&neuron.hotkey)).count();
    Ok(SubnetFacts {
        uid: seen.uid,
        immune_blocks: own.map_or(0, |neuron| immune(neuron.registered_at.0)),
        prune_rank: own.and_then(|neuron| order.iter().position(|uid| *uid == neuron.uid)),
        slots: (preview.taken, preview.slots),
        permit: seen.permit || seen.is_owner,
        stake: own.map_or(0, |neuron| neuron.stake.0),
        permit_stake: permitted.map(|neuron| neuron.stake.0).min().unwrap_or(0),
        stake_threshold: seen.stake_threshold,
        blocks_to_epoch: seen.blocks_to_epoch(),
        since_update: (seen.last_update.0 > 0).then(|| head.number.0.saturating_sub(seen.last_update.0)),
        activity_cutoff: cutoff_factor * u64::from(seen.epochs.tempo) / 1_000,
        method: seen.method(),
        version_key: seen.version_key,
        runs: Runs { ours, neurons: metagraph.neurons.len(), mechanisms: seen.mechanisms },
    })
}
