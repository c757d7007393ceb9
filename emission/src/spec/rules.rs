//! One enum per rule that changed over the releases, in groups by the part of the block that reads them.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::fixed::{I64F64, U64F64};

/// Declares rules without parameters.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident { $($(#[$rule_doc:meta])* $rule:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name { $($(#[$rule_doc])* $rule,)* }
    )*};
}

/// Declares a group of rules.
macro_rules! group {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    )*};
}

group! {
    /// How a block's TAO is split over subnets (runtime timeline, section 1).
    ShareRules {
        /// Which subnets take part.
        emit_set: EmitSet,
        /// What a subnet of the set loses while it accepts no registrations.
        closed: ClosedRegistration,
        /// How the TAO is split.
        split: ShareSplit,
        /// Whether subnets can be switched off, and leave their part to the others.
        switch: bool,
    }

    /// How the moving price moves (runtime timeline, section 1.4).
    MovingPriceRules {
        /// Whether the spot price counts as at most one.
        capped: bool,
        /// How a young subnet's average is slowed.
        age: PriceAge,
        /// Fraction bits of the arithmetic.
        bits: FractionBits,
    }

    /// How TAO and alpha enter the pools (runtime timeline, section 2).
    InjectionRules {
        /// How much alpha and TAO are injected.
        amounts: InjectedAmounts,
        /// When the chain buys alpha with the rest of the TAO.
        buy: ChainBuy,
        /// What becomes of that alpha.
        bought: BoughtAlpha,
        /// What becomes of the TAO of a refused purchase.
        refused: RefusedBuy,
        /// How issuance follows.
        minting: Minting,
        /// What becomes of an injection that the pool cannot take.
        overflow: InjectionOverflow,
    }

    /// The pools and their fees (runtime timeline, section 3).
    PoolRules {
        /// The curve.
        kind: PoolKind,
        /// The fee of a trade.
        fee: TradeFee,
        /// Who gets it.
        fee_to: FeeReceiver,
        /// How an injection raises the liquidity of a concentrated pool.
        liquidity: LiquidityRaise,
        /// Which reserves of a concentrated pool must reach the minimum for a swap.
        reserves: ReserveCheck,
        /// Whether a price limit must be beyond the price.
        strict_limit: bool,
        /// Whether a swap that pays nothing out is refused.
        dust_refused: bool,
        /// Whether the protocol's own sales pay the fee.
        protocol_pays: bool,
    }

    /// From an epoch's amounts to stake (runtime timeline, sections 2 and 9).
    PayoutRules {
        /// What becomes of root's part of the alpha.
        root_part: RootPart,
        /// What the validators share.
        validator_pool: ValidatorPool,
        /// How a hotkey's dividend is split between alpha and root stake.
        dividend_split: DividendSplit,
        /// Whose mining income is withheld.
        owner_incentive: OwnerIncentive,
        /// Whether the withheld part is recorded as `MinerBurned`.
        burned_recorded: bool,
        /// How a child keeps its take.
        child_take: ChildTake,
        /// How root stakers come to their dividends.
        root_dividends: RootDividends,
        /// Whether TAO staked from root dividends counts in root's reserve, which the root proportion reads.
        root_reserve_counts: bool,
    }

    /// What the stateless epoch depends on (runtime timeline, section 4.2).
    EpochRules {
        /// Which Yuma.
        yuma: Yuma,
        /// Who is under the stake threshold.
        threshold: StakeThreshold,
        /// How permits are given.
        permits: Permits,
        /// Whether the owner always has a permit.
        owner_permit: bool,
        /// Whether the owner's self-weight is kept.
        owner_self_weight: bool,
        /// Which old bonds do not count.
        bonds_mask: BondsMask,
        /// Which weights commits mask.
        commit_mask: CommitMask,
        /// After how long a validator is inactive.
        activity: Activity,
        /// Which consensus liquid alpha reads.
        liquid_consensus: LiquidConsensus,
    }

    /// When epochs and reveals happen (runtime timeline, sections 4.1, 5 and 8).
    ScheduleRules {
        /// The period of epochs.
        period: EpochPeriod,
        /// When timelocked weights are opened.
        reveal: Reveal,
        /// Whether a subnet may choose Null consensus.
        null_consensus: bool,
    }

    /// What registering a neuron costs (runtime timeline, section 6).
    RegistrationRules {
        /// How the price moves.
        price: NeuronPrice,
        /// Whether a part of the price can be locked as collateral.
        collateral: bool,
    }

    /// Creating and pruning subnets (runtime timeline, section 6.6).
    NetworkRules {
        /// What a new pool holds.
        pool: NewPool,
        /// What happens when there are too many.
        limit: NetworkLimit,
        /// Whether emission waits for the owner's start call.
        start_call: bool,
        /// Whether a new subnet's emission is switched off.
        starts_off: bool,
    }
}

rules! {
    /// Which subnets are emitted to (runtime timeline, section 1.1). Root never is.
    EmitSet {
        /// Every subnet.
        All,
        /// Subnets with a start call.
        Started,
        /// Started, tradable, and open for registration by burn or by work.
        OpenByAnyMeans,
        /// Started, tradable, and open for registration by burn.
        OpenByBurn,
    }

    /// What a subnet with closed registration loses (runtime timeline, section 1.1).
    ClosedRegistration {
        /// Its TAO when burn registration is closed and registration by work is open, which was a mistake.
        LosesTaoIfWorkIsOpen,
        /// Its TAO when both are closed.
        LosesTao,
        /// TAO and alpha when both are closed.
        LosesAll,
        /// Nothing here: it is not in the set.
        LeavesSet,
    }

    /// How a young subnet's moving price is slowed (runtime timeline, section 1.4).
    PriceAge {
        /// Not at all.
        None,
        /// By `b / (b + 100,800)` with `b` blocks since registration.
        RegistrationFixed,
        /// By `b / (b + h)` with `b` blocks since registration and the chain's `h`.
        Registration,
        /// By `b / (b + h)` with `b` blocks since the start call.
        Start,
    }

    /// Fraction bits of an arithmetic.
    FractionBits {
        /// 32 bits.
        Bits32,
        /// 64 bits, stored with 32.
        Bits64,
    }

    /// How much is injected (runtime timeline, section 2). `A` is the subnet's alpha emission, `E` the block's
    /// TAO, `t` the subnet's part of it, `p` the spot price.
    InjectedAmounts {
        /// All TAO, and alpha `min(t/p, A)`: injection raises the price.
        AllTao,
        /// Below `p = t/E`: alpha `A` and TAO `p·E`, the rest buys; otherwise `t` and `t/p`.
        Subsidy,
        /// As [`InjectedAmounts::Subsidy`] with alpha `E`.
        SubsidyOfBlock,
        /// Alpha `t/p` up to `A`; the rest of the TAO buys.
        CapAlpha,
        /// Alpha `t/p` up to `min(A, E)`.
        CapAlphaAndBlock,
        /// Alpha `t/p` up to the root proportion of `A`.
        CapRootProportion,
    }

    /// When the chain buys alpha with TAO that is not injected (runtime timeline, section 2).
    ChainBuy {
        /// Never.
        Never,
        /// Before the injection.
        BeforeInjection,
        /// After the pool was adjusted to the injection, before the reserves grow.
        AfterAdjustment,
        /// Before the pool is adjusted.
        BeforeAdjustment,
    }

    /// What becomes of alpha that the chain bought (runtime timeline, section 2).
    BoughtAlpha {
        /// It leaves the issuance.
        Recycled,
        /// It stays, owned by the protocol.
        Kept,
    }

    /// What becomes of the TAO of a refused purchase (runtime timeline, section 2).
    RefusedBuy {
        /// It is not issued.
        NotIssued,
        /// It stays in the subnet's account, unaccounted.
        StaysInAccount,
    }

    /// How the issuance follows the injection (runtime timeline, section 2).
    Minting {
        /// It grows by what was injected, but not by what the subsidy spent on alpha.
        WithoutSubsidy,
        /// It grows by what was injected and spent.
        Number,
        /// The block's emission is minted first; what is not spent is recycled.
        Credit,
    }

    /// What becomes of an injection that would push a pool weight out of its range (runtime timeline, section 2).
    InjectionOverflow {
        /// Both sides are dropped.
        Dropped,
        /// The side in excess waits in a reservoir for the next injection.
        Reservoir,
    }

    /// The pools' curve (runtime timeline, section 3).
    PoolKind {
        /// `x·y = k`.
        ConstantProduct,
        /// Concentrated liquidity with one position over the full range.
        Concentrated,
        /// Weighted reserves.
        Weighted,
    }

    /// The fee of a trade (runtime timeline, section 3).
    TradeFee {
        /// 50,000 rao.
        Flat,
        /// 50,000 rao to stake; 0.00005 rao per rao of alpha to unstake.
        FlatOrPart,
        /// As [`TradeFee::FlatOrPart`] of the TAO, at least 50,000 rao, and at least the last epoch's yield.
        FlatOrYield,
        /// The chain's fee rate.
        Rate,
    }

    /// Who gets a trade's fee (runtime timeline, section 3).
    FeeReceiver {
        /// The pool.
        Pool,
        /// The author of the block.
        Author,
    }

    /// How an injection raises a concentrated pool's liquidity (runtime timeline, section 3.2).
    LiquidityRaise {
        /// Not at all.
        None,
        /// By all that is injected.
        Injected,
        /// By all that is injected and by collected fees.
        WithFees,
        /// By the part in proportion to the price; the rest waits.
        Proportional,
    }

    /// Which reserves must reach the minimum for a swap (runtime timeline, section 3.2).
    ReserveCheck {
        /// Both.
        Both,
        /// The one that is paid out of.
        Output,
    }

    /// What becomes of root's part of the alpha (runtime timeline, section 2).
    RootPart {
        /// Sold in every block; the TAO waits for the epoch.
        Sold,
        /// Sold in blocks in which the subnet is not subsidised.
        SoldUnlessSubsidised,
        /// Kept as alpha in blocks in which the subnet is not subsidised.
        KeptUnlessSubsidised,
        /// Kept as alpha when the moving prices sum to more than one, otherwise recycled.
        KeptOrRecycled,
    }

    /// What validators share at an epoch (runtime timeline, section 2).
    ValidatorPool {
        /// The epoch's own amounts, root's part included.
        EpochAmounts,
        /// The epoch's own amounts without root's part.
        EpochAmountsLessRoot,
        /// Half of everything without root's part.
        HalvedRemainder,
        /// What was accumulated for them.
        Accumulated,
    }

    /// How a dividend is split between alpha and root stake (runtime timeline, section 2).
    DividendSplit {
        /// Root's part is rounded, alpha gets the rest.
        RootRounded,
        /// Alpha's part is rounded; root's rest needs a seat on root.
        AlphaRounded,
    }

    /// Whose mining income is withheld (runtime timeline, section 2).
    OwnerIncentive {
        /// Nobody's.
        Paid,
        /// The owner hotkey's.
        OwnerHotkey,
        /// That of the owner's immune hotkeys.
        ImmuneHotkeys,
        /// That of all of the owner's registered hotkeys, and of the owner hotkey.
        AllHotkeys,
        /// As [`OwnerIncentive::AllHotkeys`], and the owner hotkey must be registered too.
        AllRegistered,
    }

    /// How a child keeps its take (runtime timeline, section 2).
    ChildTake {
        /// Once from the whole dividend.
        Once,
        /// From each foreign parent's part.
        PerParent,
    }

    /// How root stakers come to their dividends (runtime timeline, section 9).
    RootDividends {
        /// As TAO, staked on root at the epoch.
        Tao,
        /// As alpha that they claim.
        Claims,
        /// As shares of their validator's basket.
        Baskets,
    }

    /// Which Yuma runs (runtime timeline, section 4.2).
    Yuma {
        /// Yuma2 with liquid alpha by quantiles of the consensus.
        QuantileLiquid,
        /// Yuma2 without liquid alpha, or Yuma3 with liquid alpha per pair, as the subnet chooses.
        Yuma3,
    }

    /// Whose stake counts as nothing below the threshold (runtime timeline, section 4.2).
    StakeThreshold {
        /// Nobody's.
        None,
        /// Everybody's.
        All,
        /// Everybody's except the owner's.
        OwnerExempt,
    }

    /// How validator permits are given (runtime timeline, section 4.2).
    Permits {
        /// To the largest stakes, also if they are zero.
        TopK,
        /// To the largest nonzero stakes.
        TopKNonzero,
    }

    /// Which old bonds do not count: those towards neurons registered since (runtime timeline, section 4.2).
    BondsMask {
        /// the validator's last weights.
        LastUpdate,
        /// a tempo ago.
        Tempo,
        /// the previous epoch.
        LastEpoch,
    }

    /// Which commits mask weights towards neurons registered after them (runtime timeline, section 4.2).
    CommitMask {
        /// None.
        None,
        /// Those that have not expired.
        Unexpired,
    }

    /// When a validator counts as inactive (runtime timeline, section 4.2).
    Activity {
        /// After 5,000 blocks.
        Flat,
        /// After a multiple of the tempo.
        TempoMultiple,
    }

    /// The consensus that liquid alpha reads (runtime timeline, section 4.2).
    LiquidConsensus {
        /// This epoch's.
        Current,
        /// What the subnet chose; by default the previous epoch's under a full bonds penalty.
        Chosen,
    }

    /// The period of epochs (runtime timeline, section 4.1).
    EpochPeriod {
        /// `tempo + 1`, by the block number.
        Modulo,
        /// As [`EpochPeriod::Modulo`]; a subnet with a hotkey twice waits.
        ModuloChecked,
        /// `tempo`, from the last epoch, with a cap per block.
        Stateful,
    }

    /// When timelocked weights are opened (runtime timeline, section 5).
    Reveal {
        /// In the block of the epoch; what cannot be opened is lost.
        AtEpoch,
        /// In every block of the reveal epoch.
        EveryBlock,
    }

    /// How the price of a neuron moves (runtime timeline, section 6).
    NeuronPrice {
        /// Adjusted to the registrations of an interval.
        Interval,
        /// Decays with a half-life and jumps with each registration.
        HalfLife,
    }

    /// What a new subnet's pool holds (runtime timeline, section 6.6).
    NewPool {
        /// The least lock on both sides; the rest of the lock is burned or recycled.
        LeastLock,
        /// The whole lock, at least the least one, at the median price.
        WholeLock,
        /// Exactly what was paid, at the median price.
        ExactlyPaid,
    }

    /// What happens when there are too many subnets (runtime timeline, section 6.6).
    NetworkLimit {
        /// The one with the least emission goes.
        LeastEmission,
        /// There is no limit.
        None,
        /// The one with the lowest moving price goes.
        LowestPrice,
    }
}

/// How the block's TAO is split over the emit set (runtime timeline, section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShareSplit {
    /// By moving price, multiplied before it is divided, with 32 fraction bits (A).
    Price32,
    /// By the inflow of TAO (B).
    Flow(FlowRule),
    /// By moving price and what the subnet does not withhold from its miners (C and D).
    Price(PriceRule),
    /// As [`ShareSplit::Price`] behind a Hill gate (E and F).
    Gate(GateRule),
}

group! {
    /// Shares by moving price (runtime timeline, section 1.2, C and D).
    PriceRule {
        /// Whether shares are multiplied by the root proportion.
        root_proportion: bool,
        /// Whether shares are multiplied by the part of the miners' emission that is paid.
        burned: bool,
    }

    /// Shares by the moving average of TAO flows (runtime timeline, section 1.2, B).
    FlowRule {
        /// Where a new average starts.
        init: FlowInit,
        /// What a trade adds to the flow.
        measure: FlowMeasure,
        /// Whether the protocol's own flow is subtracted.
        net: bool,
        /// Whether registrations count as inflow.
        registrations: bool,
        /// The average's rate in parts of `i64::MAX`.
        smoothing: u64,
        /// Flows at or below this count nothing.
        cutoff: I64F64,
        /// The power of the flows.
        exponent: U64F64,
    }

    /// A Hill gate over the shares (runtime timeline, section 1.2, E and F).
    GateRule {
        /// The shares before the gate.
        price: PriceRule,
        /// How the bar is set.
        bar: GateBar,
        /// The gate's steepness.
        exponent: U64F64,
    }
}

rules! {
    /// Where a new flow average starts (runtime timeline, section 1.2).
    FlowInit {
        /// At the smaller of moving and spot price, which is near zero.
        Price,
        /// At that price in rao.
        PriceRao,
        /// At zero.
        Zero,
    }

    /// What a trade adds to the flow (runtime timeline, section 1.2).
    FlowMeasure {
        /// What the swap paid in or out.
        SwapAmounts,
        /// The change of the pool's TAO.
        PoolChange,
    }
}

/// How the gate's bar is set (runtime timeline, section 1.2, E and F). It is set every 360 blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateBar {
    /// At the share with which the largest shares sum to this quantile.
    Quantile(U64F64),
    /// At the share of this rank among the positive ones, or the smallest of them; zero counts as one.
    Rank(u16),
}
