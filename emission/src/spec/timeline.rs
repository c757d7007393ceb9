//! Which rule holds from which version on (runtime timeline, sections 1 to 6 and 11).
//!
//! Every rule is a list of `(first version, rule)`; the last entry that is not later holds.

use super::rules::*;
use super::{RuntimeSpec, VERSION_FIRST};
use crate::fixed::{I64F64, U64F64};
use crate::network::Globals;

/// The flow average's rate: a half-life of 216,000 blocks.
const FLOW_SMOOTHING: u64 = 29_597_889_189_277;
/// 0.61 as a double, with 64 fraction bits.
const GATE_QUANTILE: U64F64 = U64F64::from_bits(11_252_513_884_962_826_240);
/// Three.
const GATE_EXPONENT: U64F64 = U64F64::from_bits(3 << 64);
/// The rank of the bar that was shipped; its announcement says 64.
const GATE_RANK: u16 = 32;
/// This version dropped the miners' burn from the shares and never ran on the main network.
const WITHOUT_BURN: u32 = 444;

/// The last entry of a list that is not later than `version`.
fn since<T: Copy>(version: u32, list: &[(u32, T)]) -> T {
    let at = list.partition_point(|(first, _)| *first <= version);
    list[at.saturating_sub(1)].1
}

/// All rules of a version in the known range.
pub(super) fn rules_of(version: u32) -> RuntimeSpec {
    RuntimeSpec {
        version,
        shares: shares(version),
        price: moving_price(version),
        injection: injection(version),
        pool: pool(version),
        payout: payout(version),
        epoch: epoch(version),
        schedule: schedule(version),
        registration: registration(version),
        networks: networks(version),
    }
}

fn shares(v: u32) -> ShareRules {
    use ClosedRegistration as Closed;
    ShareRules {
        emit_set: since(
            v,
            &[
                (VERSION_FIRST, EmitSet::All),
                (257, EmitSet::Started),
                (361, EmitSet::OpenByAnyMeans),
                (397, EmitSet::OpenByBurn),
            ],
        ),
        closed: since(
            v,
            &[
                (VERSION_FIRST, Closed::LosesTaoIfWorkIsOpen),
                (244, Closed::LosesTao),
                (302, Closed::LosesAll),
                (361, Closed::LeavesSet),
            ],
        ),
        split: split(v),
        switch: v >= 411,
    }
}

fn split(v: u32) -> ShareSplit {
    let price = PriceRule { root_proportion: v < 425, burned: v != WITHOUT_BURN };
    let gate = |bar| ShareSplit::Gate(GateRule { price, bar, exponent: GATE_EXPONENT });
    since(
        v,
        &[
            (VERSION_FIRST, ShareSplit::Price32),
            (334, ShareSplit::Flow(flow(v))),
            (421, ShareSplit::Price(price)),
            (440, gate(GateBar::Quantile(GATE_QUANTILE))),
            (441, gate(GateBar::Rank(GATE_RANK))),
        ],
    )
}

fn flow(v: u32) -> FlowRule {
    FlowRule {
        init: since(v, &[(334, FlowInit::Price), (338, FlowInit::PriceRao), (348, FlowInit::Zero)]),
        measure: since(
            v,
            &[
                (334, FlowMeasure::SwapAmounts),
                (347, FlowMeasure::PoolChange),
                (352, FlowMeasure::SwapAmounts),
            ],
        ),
        net: v >= 411,
        registrations: v >= 411,
        smoothing: FLOW_SMOOTHING,
        cutoff: I64F64::ZERO,
        exponent: U64F64::ONE,
    }
}

fn moving_price(v: u32) -> MovingPriceRules {
    MovingPriceRules {
        capped: v >= 234,
        age: since(
            v,
            &[
                (VERSION_FIRST, PriceAge::None),
                (246, PriceAge::RegistrationFixed),
                (252, PriceAge::Registration),
                (258, PriceAge::Start),
            ],
        ),
        bits: since(v, &[(VERSION_FIRST, FractionBits::Bits32), (423, FractionBits::Bits64)]),
    }
}

fn injection(v: u32) -> InjectionRules {
    use InjectedAmounts as Amounts;
    InjectionRules {
        amounts: since(
            v,
            &[
                (VERSION_FIRST, Amounts::AllTao),
                (298, Amounts::Subsidy),
                (323, Amounts::SubsidyOfBlock),
                (342, Amounts::CapAlpha),
                (362, Amounts::CapAlphaAndBlock),
                (421, Amounts::CapRootProportion),
            ],
        ),
        buy: since(
            v,
            &[
                (VERSION_FIRST, ChainBuy::Never),
                (298, ChainBuy::BeforeInjection),
                (334, ChainBuy::AfterAdjustment),
                (432, ChainBuy::BeforeAdjustment),
            ],
        ),
        bought: since(v, &[(VERSION_FIRST, BoughtAlpha::Recycled), (413, BoughtAlpha::Kept)]),
        refused: since(
            v,
            &[
                (VERSION_FIRST, RefusedBuy::NotIssued),
                (411, RefusedBuy::StaysInAccount),
                (432, RefusedBuy::NotIssued),
            ],
        ),
        minting: since(
            v,
            &[
                (VERSION_FIRST, Minting::Number),
                (298, Minting::WithoutSubsidy),
                (342, Minting::Number),
                (411, Minting::Credit),
            ],
        ),
        overflow: since(
            v,
            &[(VERSION_FIRST, InjectionOverflow::Dropped), (432, InjectionOverflow::Reservoir)],
        ),
    }
}

fn pool(v: u32) -> PoolRules {
    PoolRules {
        kind: since(
            v,
            &[
                (VERSION_FIRST, PoolKind::ConstantProduct),
                (283, PoolKind::Concentrated),
                (423, PoolKind::Weighted),
            ],
        ),
        fee: since(
            v,
            &[
                (VERSION_FIRST, TradeFee::Flat),
                (257, TradeFee::FlatOrPart),
                (261, TradeFee::FlatOrYield),
                (283, TradeFee::Rate),
            ],
        ),
        fee_to: since(v, &[(VERSION_FIRST, FeeReceiver::Pool), (391, FeeReceiver::Author)]),
        liquidity: since(
            v,
            &[
                (VERSION_FIRST, LiquidityRaise::None),
                (292, LiquidityRaise::Injected),
                (301, LiquidityRaise::WithFees),
                (334, LiquidityRaise::Proportional),
            ],
        ),
        reserves: since(v, &[(VERSION_FIRST, ReserveCheck::Both), (334, ReserveCheck::Output)]),
        strict_limit: v >= 292,
        dust_refused: v >= 397,
        protocol_pays: (283..292).contains(&v),
    }
}

fn payout(v: u32) -> PayoutRules {
    PayoutRules {
        root_part: since(
            v,
            &[
                (VERSION_FIRST, RootPart::Sold),
                (298, RootPart::SoldUnlessSubsidised),
                (334, RootPart::KeptUnlessSubsidised),
                (342, RootPart::KeptOrRecycled),
            ],
        ),
        validator_pool: since(
            v,
            &[
                (VERSION_FIRST, ValidatorPool::EpochAmounts),
                (244, ValidatorPool::EpochAmountsLessRoot),
                (258, ValidatorPool::HalvedRemainder),
                (342, ValidatorPool::Accumulated),
            ],
        ),
        dividend_split: since(
            v,
            &[(VERSION_FIRST, DividendSplit::RootRounded), (441, DividendSplit::AlphaRounded)],
        ),
        owner_incentive: since(
            v,
            &[
                (VERSION_FIRST, OwnerIncentive::Paid),
                (252, OwnerIncentive::OwnerHotkey),
                (306, OwnerIncentive::ImmuneHotkeys),
                (320, OwnerIncentive::AllHotkeys),
                (475, OwnerIncentive::AllRegistered),
            ],
        ),
        burned_recorded: v >= 421,
        child_take: since(v, &[(VERSION_FIRST, ChildTake::Once), (252, ChildTake::PerParent)]),
        root_dividends: since(
            v,
            &[
                (VERSION_FIRST, RootDividends::Tao),
                (334, RootDividends::Claims),
                (441, RootDividends::Baskets),
            ],
        ),
        root_reserve_counts: v >= 283,
    }
}

fn epoch(v: u32) -> EpochRules {
    EpochRules {
        yuma: since(v, &[(VERSION_FIRST, Yuma::QuantileLiquid), (273, Yuma::Yuma3)]),
        threshold: since(
            v,
            &[
                (VERSION_FIRST, StakeThreshold::None),
                (273, StakeThreshold::All),
                (397, StakeThreshold::OwnerExempt),
            ],
        ),
        permits: since(v, &[(VERSION_FIRST, Permits::TopK), (273, Permits::TopKNonzero)]),
        owner_permit: v >= 397,
        owner_self_weight: v >= 252,
        bonds_mask: since(
            v,
            &[(VERSION_FIRST, BondsMask::LastUpdate), (252, BondsMask::Tempo), (423, BondsMask::LastEpoch)],
        ),
        commit_mask: since(v, &[(VERSION_FIRST, CommitMask::None), (297, CommitMask::Unexpired)]),
        activity: since(v, &[(VERSION_FIRST, Activity::Flat), (423, Activity::TempoMultiple)]),
        liquid_consensus: since(
            v,
            &[(VERSION_FIRST, LiquidConsensus::Current), (446, LiquidConsensus::Chosen)],
        ),
    }
}

fn schedule(v: u32) -> ScheduleRules {
    ScheduleRules {
        period: since(
            v,
            &[
                (VERSION_FIRST, EpochPeriod::Modulo),
                (334, EpochPeriod::ModuloChecked),
                (423, EpochPeriod::Stateful),
            ],
        ),
        reveal: since(v, &[(VERSION_FIRST, Reveal::AtEpoch), (301, Reveal::EveryBlock)]),
        null_consensus: v >= 475,
    }
}

fn registration(v: u32) -> RegistrationRules {
    RegistrationRules {
        price: since(v, &[(VERSION_FIRST, NeuronPrice::Interval), (397, NeuronPrice::HalfLife)]),
        collateral: v >= 435,
    }
}

fn networks(v: u32) -> NetworkRules {
    NetworkRules {
        pool: since(
            v,
            &[(VERSION_FIRST, NewPool::LeastLock), (411, NewPool::WholeLock), (473, NewPool::ExactlyPaid)],
        ),
        limit: since(
            v,
            &[
                (VERSION_FIRST, NetworkLimit::LeastEmission),
                (252, NetworkLimit::None),
                (320, NetworkLimit::LowestPrice),
            ],
        ),
        start_call: v >= 257,
        starts_off: v >= 422,
    }
}

impl RuntimeSpec {
    /// The parameters of a chain of this version before anybody sets one (runtime timeline, sections 3 and 6.6).
    /// The live chain's differ in some; see section 0.
    ///
    /// ```
    /// use sn3_emission::{network::Globals, spec::RuntimeSpec};
    /// assert_eq!(RuntimeSpec::default().default_globals(), Globals::default());
    /// assert_eq!(RuntimeSpec::at_version(290)?.default_globals().fee_rate, 196);
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    #[must_use]
    pub fn default_globals(&self) -> Globals {
        let v = self.version;
        Globals {
            fee_rate: since(v, &[(VERSION_FIRST, 196), (297, 33)]),
            min_stake_rao: since(v, &[(VERSION_FIRST, 500_000), (297, 2_000_000)]),
            subnet_limit: since(v, &[(VERSION_FIRST, 12), (252, u16::MAX - 1), (320, 128)]),
            network_immunity_blocks: since(v, &[(VERSION_FIRST, 7 * 7_200), (320, 1_296_000)]),
            ..Globals::default()
        }
    }

    /// What a new subnet's bonds penalty is, in 65535ths (runtime timeline, section 4.2).
    #[must_use]
    pub fn default_bonds_penalty(&self) -> u16 {
        since(self.version, &[(VERSION_FIRST, 0), (257, u16::MAX)])
    }
    /// What registering a neuron costs on a new subnet, in rao (runtime timeline, section 6.1).
    #[must_use]
    pub fn default_burn_rao(&self) -> u64 {
        since(self.version, &[(VERSION_FIRST, 1_000_000_000), (283, 100_000_000), (397, 1_000_000_000)])
    }
}
