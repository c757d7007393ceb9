//! `sn3 register`: what it would cost and change, then the registration itself, never above a ceiling.

use sn3_chain::ChainClient;
use sn3_chain::registration::RegistrationPreview;
use sn3_chain::tx::TxCall;
use sn3_protocol::{Hotkey, NetUid, Rao};

use super::chain::amount::{InAlpha, Tao};
use super::chain::spend::{Payer, Spent, spend};
use super::chain::{connect, hotkey_address, when};
use crate::args::chain::RegisterArgs;
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Shows price, slots, who would be pruned and until when the newcomer is safe; then registers.
pub async fn run(args: &RegisterArgs, output: &Output) -> Result<(), CliError> {
    let payer = Payer::open(&args.spend)?;
    let hotkey = hotkey_address(&args.spend.keys, args.hotkey_address)?;
    let (client, netuid) = (connect(&args.spend.chain).await?, NetUid(args.netuid));
    let preview = client.preview_registration(netuid, &hotkey, Some(&payer.coldkey), args.max_price).await?;
    let (_, block_ms) = client.chain_time(preview.block).await?;
    output.event("registration", &preview);
    output.result(lines(&preview, &hotkey, block_ms, args.max_price));
    if preview.uid.is_some() {
        return Ok(());
    }
    refuse(&preview, args.max_price)?;
    let price_max = args.max_price.unwrap_or(preview.price);
    let call = TxCall::Register { netuid, hotkey, price_max };
    match spend(&client, &payer, call, &args.spend, output).await? {
        Spent::Done(_) => say_uid(&client, netuid, &hotkey, output).await,
        Spent::Nothing => Ok(()),
    }
}

fn lines(preview: &RegistrationPreview, hotkey: &Hotkey, block_ms: u64, limit: Option<Rao>) -> String {
    let RegistrationPreview { netuid, block, price, price_bounds, taken, slots, .. } = preview;
    let limit = limit.map_or_else(
        || "no --max-price, so no more than this is paid".to_owned(),
        |limit| format!("limit {}", Tao(limit)),
    );
    let mut lines = vec![
        format!("subnet    {netuid}, at block {block}"),
        format!("hotkey    {hotkey}"),
        format!(
            "price     {} now, always between {} and {}; {limit}",
            Tao(*price),
            Tao(price_bounds.0),
            Tao(price_bounds.1)
        ),
        format!("slots     {taken} of {slots} taken; {}", pruned(preview)),
    ];
    lines.push(match preview.uid {
        Some(uid) => format!("uid       {uid} already; nothing needs to be done"),
        None => immunity(preview, block_ms),
    });
    lines.join("\n")
}

fn pruned(preview: &RegistrationPreview) -> String {
    match (&preview.pruned, preview.taken < preview.slots) {
        (_, true) => "nobody would be pruned".into(),
        (None, false) => "nobody can be pruned".into(),
        (Some(gone), false) => format!(
            "uid {} ({}) would be pruned: its last epoch paid {}, it is immune until block #{}",
            gone.uid,
            gone.hotkey,
            InAlpha(gone.emission),
            gone.immune_until
        ),
    }
}

fn immunity(preview: &RegistrationPreview, block_ms: u64) -> String {
    let blocks = preview.immune_until.0.saturating_sub(preview.block.number.0);
    format!(
        "immunity  until block #{}, {} from now ({})",
        preview.immune_until,
        when::duration(blocks, block_ms),
        when::date_after(blocks, block_ms)
    )
}

/// Everything for which the chain would refuse it, before anything is signed.
fn refuse(preview: &RegistrationPreview, limit: Option<Rao>) -> Result<(), CliError> {
    if preview.obstacles.is_empty() {
        return Ok(());
    }
    let too_dear = limit.is_some_and(|limit| preview.price > limit) && preview.obstacles.len() == 1;
    let exit = if too_dear { Exit::Limit } else { Exit::Chain };
    Err(CliError::new(exit, format!("it would fail, so nothing is sent: {}", preview.obstacles.join("; "))))
}

async fn say_uid(
    client: &ChainClient,
    netuid: NetUid,
    hotkey: &Hotkey,
    output: &Output,
) -> Result<(), CliError> {
    let head = client.head().await?;
    let Some(uid) = client.uid(netuid, hotkey, head).await? else {
        let message = format!("{hotkey} was registered and pruned again before block {head}; register again");
        return Err(CliError::new(Exit::Chain, message));
    };
    output.event("registered", &serde_json::json!({ "netuid": netuid, "uid": uid, "hotkey": hotkey }));
    output.result(format_args!("uid       {uid}"));
    Ok(())
}
