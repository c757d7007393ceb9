//! The timeline's boundaries, and that every rule has its sentence.

use super::*;

fn at(version: u32) -> RuntimeSpec {
    RuntimeSpec::at_version(version).unwrap()
}

#[test]
fn the_default_is_the_proven_version() {
    assert_eq!(RuntimeSpec::default(), at(VERSION_PROVEN));
    assert!(RuntimeSpec::default().weakest() <= Certainty::Source);
}

/// What the first page says of the marks.
#[test]
fn the_proven_versions_marks() {
    let notes = RuntimeSpec::default().notes();
    let read: Vec<&str> =
        notes.iter().filter(|n| n.certainty == Certainty::Source).map(|n| n.topic).collect();
    assert_eq!(
        read,
        [
            "refused chain buy",
            "timelocked weights",
            "null consensus",
            "collateral",
            "new pool",
            "subnet limit",
            "start call",
            "new subnet's emission",
        ]
    );
    let marked = |version, topic| {
        let notes = at(version).notes();
        notes.iter().find(|note| note.topic == topic).map(|note| note.certainty).unwrap()
    };
    assert_eq!(marked(440, "tao shares"), Certainty::Pull);
    assert_eq!(marked(446, "liquid alpha consensus"), Certainty::Pull);
    assert_eq!(marked(432, "chain buys"), Certainty::ThirdParty);
    assert_eq!(marked(257, "trade fee"), Certainty::ThirdParty);
    assert_eq!(marked(473, "new pool"), Certainty::Audit);
    for topic in ["injection overflow", "root dividends", "null consensus"] {
        assert_eq!(marked(475, topic), Certainty::Inferred, "{topic}");
    }
}

#[test]
fn versions_out_of_range_name_the_nearest() {
    assert_eq!(
        RuntimeSpec::at_version(476),
        Err(UnknownSpec::Version { version: 476, nearest: VERSION_LAST })
    );
    assert!(RuntimeSpec::at_block(1).unwrap_err().to_string().contains("4920351"));
}

/// Two versions have the same notes exactly when they have the same rules.
#[test]
fn every_changed_rule_has_another_sentence() {
    for version in VERSION_FIRST..VERSION_LAST {
        let (a, b) = (at(version), at(version + 1));
        let same = RuntimeSpec { version: b.version, ..a } == b;
        let differences = RuntimeSpec::differences(&a, &b);
        // The concentrated pool's own switches say nothing of other pools.
        let silent = a.pool.kind != PoolKind::Concentrated || b.pool.kind != PoolKind::Concentrated;
        assert!(same == differences.is_empty() || (silent && a.pool != b.pool), "{version}: {differences:?}");
    }
}

/// The rows of the timeline's table of first versions.
#[test]
fn the_timelines_boundaries() {
    let changes = |version: u32| -> Vec<&'static str> {
        RuntimeSpec::differences(&at(version - 1), &at(version)).iter().map(|d| d.topic).collect()
    };
    assert_eq!(changes(234), ["moving price"]);
    assert_eq!(changes(244), ["closed registration", "validator pool"]);
    assert_eq!(changes(297), ["commit mask"]);
    assert_eq!(changes(345), Vec::<&str>::new());
    assert_eq!(changes(421), ["tao shares", "injection", "miner burn"]);
    assert_eq!(changes(425), ["tao shares"]);
    assert_eq!(changes(441), ["tao shares", "dividend split", "root dividends"]);
    assert_eq!(changes(444), ["tao shares"]);
    assert_eq!(changes(446), ["liquid alpha consensus"]);
    assert_eq!(changes(475), ["owner incentive", "null consensus"]);
}

#[test]
fn a_spec_survives_its_encodings() {
    for version in VERSION_FIRST..=VERSION_LAST {
        let spec = at(version);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<RuntimeSpec>(&json).unwrap(), spec);
        assert_eq!(RuntimeSpec::decode(&mut spec.encode().as_slice()).unwrap(), spec);
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let rules = serde_json::json!({ "pool": { "kind": "superellipse" } });
    assert!(RuntimeSpec::default().with_rules(rules.as_object().unwrap()).is_err());
    let group = serde_json::json!({ "poool": {} });
    let error = RuntimeSpec::default().with_rules(group.as_object().unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("did you mean \"pool\"?"), "{error}");
}
