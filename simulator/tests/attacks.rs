//! What each shipped attack is meant to show, it shows.
#![allow(clippy::unwrap_used, reason = "an attack that does not run is a failed test")]

use sn3_simulator::attacks::{ATTACKS, AttackOutcome, AttacksOptions, AttacksStudy, run_attacks};
use sn3_simulator::run::{Control, Simulation};
use sn3_simulator::scenario::{Format, Scenario};

fn library() -> AttacksStudy {
    run_attacks(&AttacksOptions::default(), &|_, _| {}).unwrap()
}

fn of<'a>(study: &'a AttacksStudy, name: &str) -> &'a AttackOutcome {
    study.outcomes.iter().find(|outcome| outcome.attack.name == name).unwrap()
}

#[test]
fn the_library_shows_what_it_says() {
    let study = library();
    for name in ["weight-copying", "cabal-majority", "sybil-registration", "stake-then-dump", "sandwich"] {
        assert!(of(&study, name).pays(), "{name}: {:?}", of(&study, name).gain_rao);
    }
    for name in ["owner-capture", "silent-majority"] {
        assert!(of(&study, name).pays() && of(&study, name).honest_loss_rao > 0, "{name}");
    }
    for name in ["cabal-self-dealing", "bond-hoarding", "late-weights", "idle-validators", "sandwich-limit"] {
        assert!(of(&study, name).loses(), "{name}: {:?}", of(&study, name).gain_rao);
    }
    assert!(of(&study, "weight-copying-commit-reveal").loses());
    let masked = of(&study, "self-weight");
    assert!(!masked.pays() && !masked.loses(), "{}", masked.gain_rao);
}

#[test]
fn a_clipped_cabal_and_the_idle_lose_all_their_dividends() {
    let study = library();
    for name in ["cabal-self-dealing", "idle-validators"] {
        let share = of(&study, name).gain_share().unwrap();
        assert!((share + 1.0).abs() < 1e-6, "{name}: {share}");
    }
    assert!(of(&study, "sybil-registration").cost_rao > 0);
}

/// The order behind a limit goes through unless somebody trades before it.
#[test]
fn a_limit_refuses_the_sandwiched_order_only() {
    let attack = ATTACKS.iter().find(|attack| attack.name == "sandwich-limit").unwrap();
    let refusals = |text: &str| {
        let mut simulation = Simulation::new(&Scenario::parse(text, Format::Toml).unwrap()).unwrap();
        simulation.run(&mut |_| Control::Continue);
        simulation.summary().refusals
    };
    let purchases = |refusals: &[(String, String, u64)]| {
        refusals
            .iter()
            .filter(|refused| refused.0 == "add_stake")
            .map(|refused| refused.1.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(purchases(&refusals(attack.scenario)), ["PriceLimitExceeded"]);
    assert_eq!(purchases(&refusals(attack.honest)), [""; 0]);
}

/// Blocks that outlast an epoch do not depend on the seed of the noise for who gains.
#[test]
fn another_seed_changes_numbers_but_not_verdicts() {
    let names = ["cabal-self-dealing", "late-weights"].map(str::to_owned).to_vec();
    let run = |seed| {
        run_attacks(&AttacksOptions { names: names.clone(), seed: Some(seed), blocks: None }, &|_, _| {})
    };
    let (a, b) = (run(1).unwrap(), run(2).unwrap());
    for (a, b) in a.outcomes.iter().zip(&b.outcomes) {
        assert_ne!(a.digest, b.digest);
        assert!(a.loses() && b.loses());
    }
}
