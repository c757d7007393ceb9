//! `sn3 subnet`: a subnet's settings and economy, or the list of all.

use serde::Serialize;
use sn3_chain::client::SubnetSummary;
use sn3_chain::economy::{ConsensusParams, SubnetPool};
use sn3_chain::{BlockRef, ChainClient};
use sn3_protocol::{NetUid, Rao};

use super::chain::amount::{Tao, decimal, rounded};
use super::chain::table::{Align, Table};
use super::chain::{connect, when};
use crate::args::chain::SubnetArgs;
use crate::exit::CliError;
use crate::output::Output;

const SHARE_MAX: f64 = 65_535.0;

#[derive(Serialize)]
struct Shown {
    block: BlockRef,
    price: Rao,
    registration_price: Rao,
    pool: SubnetPool,
    params: ConsensusParams,
}

/// Shows one subnet, or lists all.
pub async fn run(args: &SubnetArgs, output: &Output) -> Result<(), CliError> {
    let client = connect(&args.chain).await?;
    let block = client.head().await?;
    match args.netuid {
        Some(netuid) => one(&client, NetUid(netuid), block, output).await,
        None => all(&client, block, output).await,
    }
}

async fn all(client: &ChainClient, block: BlockRef, output: &Output) -> Result<(), CliError> {
    let subnets = client.subnets(block).await?;
    output.event("subnets", &subnets);
    output.result(list(&subnets).text());
    output.story(format_args!("{} subnets at block {block}", subnets.len()));
    Ok(())
}

fn list(subnets: &[SubnetSummary]) -> Table {
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        right("netuid"),
        left("name"),
        right("tempo"),
        right("pool TAO"),
        right("pool alpha"),
        right("alpha outside"),
        left("owner"),
    ]);
    for subnet in subnets {
        table.row([
            subnet.netuid.to_string(),
            subnet.name.clone(),
            subnet.tempo.to_string(),
            rounded(subnet.tao_in),
            rounded(subnet.alpha_in),
            rounded(subnet.alpha_out),
            subnet.owner.to_string(),
        ]);
    }
    table
}

async fn one(client: &ChainClient, netuid: NetUid, block: BlockRef, output: &Output) -> Result<(), CliError> {
    // The pool comes first, since it says whether the subnet exists.
    let pool = client.subnet_pool(netuid, block).await?;
    let params = client.subnet_params(netuid, block).await?;
    let registration_price = client.registration_price(netuid, block).await?;
    let price = client.alpha_price(netuid, block).await?;
    let (_, block_ms) = client.chain_time(block).await?;
    let shown = Shown { block, price, registration_price, pool, params };
    output.event("subnet", &shown);
    for (name, value) in rows(&shown, block_ms) {
        output.result(format_args!("{name:<26}{value}"));
    }
    output.story(format_args!("subnet {netuid} at block {block}"));
    Ok(())
}

fn rows(shown: &Shown, block_ms: u64) -> Vec<(&'static str, String)> {
    let mut rows = economy(shown, block_ms);
    rows.extend(settings(&shown.params, block_ms));
    rows
}

fn economy(shown: &Shown, block_ms: u64) -> Vec<(&'static str, String)> {
    let pool = &shown.pool;
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let pending =
        [pool.pending_server, pool.pending_validator, pool.pending_root_alpha, pool.pending_owner_cut];
    let pending = pending.iter().fold(0u64, |sum, part| sum.saturating_add(*part));
    let next = pool.last_epoch_block.saturating_add(pool.tempo.into()).saturating_sub(shown.block.number.0);
    vec![
        ("price", format!("{} per alpha", Tao(shown.price))),
        ("pool", format!("{} TAO, {} alpha", decimal(pool.tao), decimal(pool.alpha_in))),
        ("alpha outside the pool", decimal(pool.alpha_out)),
        ("waits for the epoch", format!("{} alpha", decimal(pending))),
        ("started", pool.first_emission_block.map_or("no".into(), |block| format!("at block #{block}"))),
        ("alpha can be traded", yes(pool.subtoken_enabled)),
        ("TAO emission", yes(pool.emission_enabled)),
        ("registration", registration(shown)),
        (
            "epoch",
            format!(
                "{} of them so far, every {} blocks, the next in about {next} ({})",
                pool.epoch_index,
                pool.tempo,
                when::duration(next, block_ms)
            ),
        ),
    ]
}

fn registration(shown: &Shown) -> String {
    match shown.pool.registration_allowed {
        true => format!("open, {} now", Tao(shown.registration_price)),
        false => "closed".into(),
    }
}

fn settings(params: &ConsensusParams, block_ms: u64) -> Vec<(&'static str, String)> {
    let share = |value: u16| format!("{:.4}", f64::from(value) / SHARE_MAX);
    let on = |flag: bool| if flag { "on" } else { "off" }.to_owned();
    let immunity = u64::from(params.immunity_period_blocks);
    let commit_reveal = match params.commit_reveal_enabled {
        true => format!("on, revealed after {} epochs", params.reveal_period_epochs),
        false => "off".into(),
    };
    vec![
        ("slots", params.max_allowed_uids.to_string()),
        ("validator permits", params.max_allowed_validators.to_string()),
        ("immunity", format!("{immunity} blocks ({})", when::duration(immunity, block_ms))),
        ("weights per validator", format!("at least {}", params.min_allowed_weights)),
        ("weights rate limit", format!("once per {} blocks", params.weights_rate_limit_blocks)),
        ("weights version key", params.weights_version.to_string()),
        ("commit-reveal", commit_reveal),
        ("activity cutoff", format!("{} thousandths of the tempo", params.activity_cutoff_factor_milli)),
        ("consensus", if params.yuma3_on { "Yuma3" } else { "Yuma2" }.into()),
        ("kappa", share(params.kappa)),
        ("bonds moving average", format!("{} millionths", params.bonds_moving_average)),
        ("bonds penalty", share(params.bonds_penalty)),
        ("liquid alpha", on(params.liquid_alpha_on)),
        (
            "liquid alpha bounds",
            format!("{} to {}", share(params.alpha_values.0), share(params.alpha_values.1)),
        ),
    ]
}
