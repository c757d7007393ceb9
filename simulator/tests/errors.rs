//! What is wrong in a scenario is said, each thing in its own way.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sn3_simulator::scenario::{Format, Scenario};

/// A good scenario; each case changes one line or adds some.
const GOOD: &str = r#"name = "x"
blocks = 10
spec = 425
[[subnets]]
netuid = 1
[[subnets.validators]]
name = "v"
stake = 10
[[subnets.miners]]
name = "m"
count = 2
[[stakers]]
name = "w"
"#;

fn error(change: (&str, &str)) -> String {
    assert!(GOOD.contains(change.0), "{}", change.0);
    let text = GOOD.replace(change.0, change.1);
    match Scenario::parse(&text, Format::Toml) {
        Ok(_) => format!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_unchanged_scenario_is_good() {
    Scenario::parse(GOOD, Format::Toml).unwrap();
}

#[test]
fn every_mistake_has_its_own_message() {
    let event = |what: &str| format!("[[events]]\nat = 1\ndo = {{ {what} }}\n[[stakers]]\nname = \"w\"");
    let staker = "[[stakers]]\nname = \"w\"";
    let behaviour = |b: &str| format!("stake = 10\nbehaviour = {b}");
    let cases: Vec<((&str, String), &str)> = vec![
        (("blocks = 10", "blocks = 0".into()), "blocks is zero; use at least 1"),
        (("blocks = 10", "blocks = 99999999999".into()), "blocks is 99999999999, at most 52560000"),
        (("blocks = 10", "blocks = -1".into()), "line 2: invalid value: integer `-1`"),
        (("blocks = 10", "blocks = nan".into()), "line 2: invalid type: floating point"),
        (("spec = 425", "spec = 424242".into()), "spec: runtime version 424242 is unknown"),
        (("spec = 425", "spec = { blok = 3 }".into()), "unknown key `blok`; did you mean `block`?"),
        (("spec = 425", "record_every_blocks = 0".into()), "record_every_blocks is zero"),
        (("spec = 425", "sead = 3".into()), "line 3: unknown key `sead`; did you mean `seed`?"),
        (("netuid = 1", "netuid = 0".into()), "subnets[0]: netuid 0 is used twice (or is root's, 0)"),
        (("netuid = 1", "netuid = 1\n[[subnets]]\nnetuid = 1".into()), "netuid 1 is used twice"),
        (("netuid = 1", "netuid = 65535\ncount = 2".into()), "netuids end there"),
        (
            ("netuid = 1", "netuid = 1\npool = { tao = 22000000, alpha = 1 }".into()),
            "are more than the supply",
        ),
        (
            ("stake = 10", "stake = 30000000".into()),
            "subnets[0].stake: 30100000 units are more than the supply",
        ),
        (("stake = 10", "stake = nan".into()), "line 8: NaN: floating point numbers"),
        (("stake = 10", "stake = -3".into()), "line 8: \"-3\" is no amount: it is negative"),
        (("stake = 10", "stake = 10\ntake = 1.5".into()), "1.5 is not between 0 and 1"),
        (("stake = 10", "stake = 10\ntake = nan".into()), "NaN is not between 0 and 1"),
        (("count = 2", "count = 0".into()), "subnets[0].miners[0].count is zero"),
        (("count = 2", "count = 500".into()), "neurons (owner included) need slots"),
        (("count = 2", "count = 300000".into()), "line 11: invalid value: integer `300000`"),
        (("name = \"m\"", "name = \"v\"".into()), "the name \"v\" is used twice"),
        (("name = \"m\"", "name = \"a/b\"".into()), "\"a/b\" is no name"),
        (("name = \"m\"", "name = \"7\"".into()), "\"7\" is no name"),
        (("stake = 10", behaviour("\"folow\"")), "unknown key `folow`; did you mean `follow`?"),
        (
            ("stake = 10", behaviour("{ follow = { sigm = 0.1 } }")),
            "unknown key `sigm`; did you mean `sigma`?",
        ),
        (
            ("stake = 10", behaviour("{ collude = { with = \"1/n\" } }")),
            "nobody is called \"1/n\"; did you mean",
        ),
        (("stake = 10", behaviour("{ lag = 1000 }")), "behaviour.lag is 1000, at most 64"),
        (
            ("stake = 10", behaviour("{ fixed = { weights = { 1 = 70000 } } }")),
            "invalid value: integer `70000`",
        ),
        (("stake = 10", behaviour("{ fixed = { weights = { 7 = 1, 07 = 2 } } }")), "uid 7 is given twice"),
        (
            (staker, event("stake = { who = \"w\", on = \"1/v/3\", netuid = 1, tao = 1 }")),
            "nobody is called \"1/v/3\"",
        ),
        ((staker, event("stake = { who = \"w\", on = \"v\", netuid = 9, tao = 1 }")), "there is no subnet 9"),
        ((staker, event("weights = { who = \"v\", weights = { 1 = -2 } }")), "invalid value: integer `-2`"),
        ((staker, event("price_shock = { netuid = 1, factor = nan }")), "do.price_shock.factor is NaN"),
        ((staker, event("upgrade = { spec = 1 }")), "do.upgrade.spec: runtime version 1 is unknown"),
        ((staker, event("explode = {}")), "unknown key `explode`"),
        (
            (staker, "[[root]]\non = \"zz\"\ntao = 1\n[[stakers]]\nname = \"w\"".into()),
            "root[0].on: nobody is called",
        ),
        ((staker, "[[stakers]]\nname = \"w\"\nbalance = 21000001".into()), "are more than the supply"),
        (("spec = 425", "issuance = 5".into()), "issuance is 5 TAO, but pools"),
        (("spec = 425", "spec 425".into()), "line 3: "),
    ];
    for ((from, to), expected) in cases {
        let message = error((from, &to));
        assert!(message.contains(expected), "{to:?}\n gives: {message}\n wanted: {expected}");
    }
}

#[test]
fn nothing_at_all_is_said_to_be_nothing() {
    let message = Scenario::parse("name = \"x\"\nblocks = 1", Format::Toml).unwrap_err().to_string();
    assert_eq!(message, "subnets: there is none; add [[subnets]], or start from a snapshot");
    let message = Scenario::parse("", Format::Toml).unwrap_err().to_string();
    assert!(message.contains("missing field `name`") && message.contains("add the key"), "{message}");
}
