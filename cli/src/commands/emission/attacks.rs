//! `sn3 emission attacks`: every shipped attack against its honest twin, in one table.

use sn3_simulator::attacks::{
    ATTACKS, AttackOutcome, AttacksOptions, attacks_csv, attacks_json, run_attacks,
};
use sn3_simulator::page::attacks_page;

use super::results::units;
use super::study::{Folder, counting, heavy};
use crate::args::emission::EmissionAttacksArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Lists the attacks, or runs them and writes the report and its data.
pub async fn run(args: EmissionAttacksArgs, output: &Output) -> Result<(), CliError> {
    if args.list {
        list(output);
        return Ok(());
    }
    let mut folder = Folder::create(&args.study.out)?;
    let options = AttacksOptions { names: args.names, seed: args.seed, blocks: args.blocks };
    let progress = counting(output.bar("attacks", ATTACKS.len() as u64));
    let study = heavy(&args.study, move || run_attacks(&options, &progress)).await?.or_exit(Exit::Usage)?;
    folder.report(&attacks_page(&study))?;
    folder.write("attacks.csv", attacks_csv(&study).or_exit(Exit::Data)?.as_bytes())?;
    folder.write("attacks.json", attacks_json(&study).to_string().as_bytes())?;
    output.result(format_args!(
        "{:<30} {:>20} {:>20} {:>20}  verdict",
        "attack", "capital TAO", "gain TAO", "others' loss TAO"
    ));
    study.outcomes.iter().for_each(|outcome| output.result(line(outcome)));
    output.event("attacks", &study.outcomes);
    folder.tell(output);
    Ok(())
}

fn list(output: &Output) {
    for attack in &ATTACKS {
        output.result(format_args!(
            "{}: {}\n  {}\n  Defence: {}",
            attack.name, attack.title, attack.explanation, attack.defence
        ));
    }
    output.event("attacks", &ATTACKS.as_slice());
}

fn line(outcome: &AttackOutcome) -> String {
    let verdict = match (outcome.pays(), outcome.loses()) {
        (true, _) => "pays",
        (_, true) => "loses",
        _ => "no matter",
    };
    let capital = i64::try_from(outcome.capital_rao).unwrap_or(i64::MAX);
    format!(
        "{:<30} {:>20} {:>20} {:>20}  {verdict}",
        outcome.attack.name,
        units(capital),
        units(outcome.gain_rao),
        units(outcome.honest_loss_rao)
    )
}
