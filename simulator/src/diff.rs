//! One scenario under two versions of the rules: who gains, who loses.

use serde::Serialize;
use sn3_emission::spec::{Difference, RuntimeSpec};
use sn3_protocol::Digest;

use crate::output::{Cell, Column, ColumnKind, Table};
use crate::run::{Control, Progress, RunEnd, Simulation, Summary};
use crate::scenario::{Scenario, ScenarioInvalid, SpecChoice};
use crate::world::BuildError;

/// One number under both versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `subnet N`, `group NAME` or `chain`.
    pub who: String,
    /// What is compared, with its unit.
    pub what: &'static str,
    /// Under the first version.
    pub a: i64,
    /// Under the second version.
    pub b: i64,
}

impl Change {
    /// `b − a`.
    #[must_use]
    pub fn gain(&self) -> i64 {
        self.b.saturating_sub(self.a)
    }

    /// The gain in percent of what it was; none if that was zero.
    ///
    /// ```
    /// use sn3_simulator::diff::Change;
    /// let change = Change { who: "group 1/honest".to_owned(), what: "earned alpha (rao)", a: 200, b: 150 };
    /// assert_eq!((change.gain(), change.percent()), (-50, Some(-25.0)));
    /// ```
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        (self.a != 0).then(|| (self.b as f64 - self.a as f64) / (self.a as f64).abs() * 100.0)
    }
}

/// Both runs compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiffResult {
    /// The scenario's name.
    pub scenario: String,
    /// Both versions as they were asked for.
    pub specs: [String; 2],
    /// Digests of both runs.
    pub digests: [Digest; 2],
    /// On which rules the versions differ, with how certain each is.
    pub rules: Vec<Difference>,
    /// Everything that was compared: subnets, then groups, then the chain.
    pub changes: Vec<Change>,
}

/// Runs a scenario under two versions and compares. Both run at the same time; the callback is asked from both and
/// told which one it is (0 or 1). `None` comes of a pause.
///
/// # Errors
/// An invalid scenario or an unknown version.
pub fn compare(
    scenario: &Scenario,
    specs: [SpecChoice; 2],
    progress: &(dyn Fn(usize, Progress) -> Control + Sync),
) -> Result<Option<DiffResult>, BuildError> {
    let [a, b] = [resolve(specs[0], "A")?, resolve(specs[1], "B")?];
    let one = |at: usize| -> Result<Option<(Summary, Digest)>, BuildError> {
        let scenario = Scenario { spec: specs[at], ..scenario.clone() };
        let mut simulation = Simulation::new(&scenario)?;
        let end = simulation.run(&mut |done| progress(at, done));
        Ok((end == RunEnd::Finished).then(|| (simulation.summary(), simulation.digest())))
    };
    let (first, second) = rayon::join(|| one(0), || one(1));
    let (Some((summary_a, digest_a)), Some((summary_b, digest_b))) = (first?, second?) else {
        return Ok(None);
    };
    Ok(Some(DiffResult {
        scenario: scenario.name.clone(),
        specs: specs.map(|spec| spec.to_string()),
        digests: [digest_a, digest_b],
        rules: RuntimeSpec::differences(&a, &b),
        changes: changes(&summary_a, &summary_b),
    }))
}

fn resolve(spec: SpecChoice, which: &str) -> Result<RuntimeSpec, BuildError> {
    let unknown = |what| ScenarioInvalid::UnknownSpec { path: format!("spec {which}"), what };
    crate::spec::resolve(spec).map_err(|what| unknown(what).into())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn changes(a: &Summary, b: &Summary) -> Vec<Change> {
    let mut found = Vec::new();
    for subnet in &a.subnets {
        let Some(other) = b.subnets.iter().find(|other| other.netuid == subnet.netuid) else { continue };
        let mut put = |what, a: u64, b: u64| {
            found.push(Change { who: format!("subnet {}", subnet.netuid), what, a: signed(a), b: signed(b) });
        };
        put("TAO emitted (rao)", subnet.tao_emitted_rao, other.tao_emitted_rao);
        put("alpha emitted (rao)", subnet.alpha_emitted_rao, other.alpha_emitted_rao);
        put("price (rao per alpha)", subnet.price_rao, other.price_rao);
        put("moving price (rao per alpha)", subnet.moving_price_rao, other.moving_price_rao);
    }
    for (group, other) in a.groups.iter().zip(&b.groups) {
        let mut put = |what, a, b| found.push(Change { who: format!("group {}", group.group), what, a, b });
        put("earned alpha (rao)", group.earned_alpha_rao, other.earned_alpha_rao);
        put("earned value (rao of TAO)", group.earned_value_rao, other.earned_value_rao);
        put("free TAO change (rao)", group.free_tao_change_rao, other.free_tao_change_rao);
    }
    let (a, b) = (signed(a.issuance_rao), signed(b.issuance_rao));
    found.push(Change { who: "chain".to_owned(), what: "issuance (rao)", a, b });
    found
}

impl DiffResult {
    /// What changed most in percent first; what did not change is left out.
    #[must_use]
    pub fn ranked(&self) -> Vec<&Change> {
        let mut changed: Vec<&Change> = self.changes.iter().filter(|change| change.gain() != 0).collect();
        let size = |change: &Change| change.percent().map_or(f64::INFINITY, f64::abs);
        changed.sort_by(|a, b| size(b).total_cmp(&size(a)));
        changed
    }

    /// One row per comparison.
    #[must_use]
    pub fn table(&self) -> Table<'_> {
        let text = |name| Column::new(name, ColumnKind::Text);
        let signed = |name| Column::new(name, ColumnKind::Signed);
        let percent = Column::new("percent", ColumnKind::Float);
        let columns = vec![text("who"), text("what"), signed("a"), signed("b"), signed("gain"), percent];
        Table::new("diff", columns, self.changes.len(), move |at, cells| {
            let change = &self.changes[at];
            cells.extend([Cell::Text(&change.who), Cell::Text(change.what)]);
            cells.extend([change.a, change.b, change.gain()].map(|value| Cell::Int(value.into())));
            cells.push(Cell::Float(change.percent().unwrap_or(f64::NAN)));
        })
    }
}
