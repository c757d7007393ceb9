//! Our own words for what the chain says: its error names and the pool's codes.

/// JSON-RPC code of a node whose pool found an extrinsic invalid.
pub const POOL_INVALID: i32 = 1010;
/// JSON-RPC code of a pool that holds the same extrinsic already.
pub const POOL_ALREADY_IMPORTED: i32 = 1013;
/// JSON-RPC code of a pool that holds another extrinsic of this account with the same nonce.
pub const POOL_PRIORITY_TOO_LOW: i32 = 1014;

/// (error name, what it means and what to do), in alphabetical order.
const ERRORS: &[(&str, &str)] = &[
    ("AccountNotAllowedCommit", "the hotkey is not registered on this subnet; register it before committing"),
    (
        "AdminActionProhibitedDuringWeightsWindow",
        "settings are frozen shortly before an epoch; wait for the epoch, or on a local network set the freeze window to 0",
    ),
    (
        "AmountTooLow",
        "the amount is below the least that may be staked (0.002 TAO and the swap fee); stake more",
    ),
    (
        "BalanceWithdrawalError",
        "the coldkey's balance cannot be withdrawn; check for frozen or reserved funds",
    ),
    ("CallDisabled", "this call is switched off on the chain"),
    ("CanNotSetRootNetworkWeights", "subnet 0 takes no weights; name another subnet"),
    (
        "CannotAffordLockCost",
        "the coldkey cannot pay the price of a new subnet; fund it or wait until the price has fallen",
    ),
    ("CommitRevealDisabled", "the subnet takes plain weights only; use set_weights"),
    ("CommitRevealEnabled", "the subnet takes weights only by commit and reveal; commit them"),
    ("CommittingWeightsTooFast", "the subnet's weight rate limit has not passed; wait and commit again"),
    ("DuplicateUids", "a uid has two weights; give it one"),
    ("ExpiredWeightCommit", "the epoch for this reveal has passed; commit again"),
    ("FirstEmissionBlockNumberAlreadySet", "the subnet has been started already"),
    ("HotKeyAccountNotExists", "the chain does not know this hotkey; register it first"),
    (
        "HotKeyAlreadyRegisteredInSubNet",
        "the hotkey has a slot on this subnet already; nothing needs to be done",
    ),
    ("HotKeyNotRegisteredInNetwork", "the hotkey is not registered on this subnet; register it first"),
    ("HotKeyNotRegisteredInSubNet", "the hotkey is not registered on this subnet; register it first"),
    (
        "IncorrectCommitRevealVersion",
        "the chain expects another version of commit-reveal; upgrade this program",
    ),
    ("IncorrectWeightVersionKey", "the subnet demands a newer version key; upgrade this program"),
    ("InsufficientLiquidity", "the subnet's pool is too small for this amount; use a smaller one"),
    (
        "InvalidIpAddress",
        "the address cannot be served: loopback and broadcast addresses are refused; give the public one",
    ),
    ("InvalidIpType", "the IP version must be 4 or 6"),
    ("InvalidPort", "port 0 cannot be served; give the port that the axon listens on"),
    (
        "InvalidRevealCommitHashNotMatch",
        "what is revealed is not what was committed; the salt or the weights differ from the ledger",
    ),
    ("InvalidRevealRound", "the reveal round lies in the past; commit with a later one"),
    ("MaxWeightExceeded", "one weight is a larger share than the subnet allows; spread the weights"),
    (
        "NeedWaitingMoreBlocksToStarCall",
        "a new subnet may be started only after some blocks; wait and try again",
    ),
    (
        "NetworkTxRateLimitExceeded",
        "a subnet was created recently; wait for the network rate limit, or on a local network set it to 0",
    ),
    (
        "NeuronNoValidatorPermit",
        "the neuron may not set weights for others; stake more, permits are given at the next epoch",
    ),
    (
        "NoNeuronIdAvailable",
        "every slot of the subnet is taken by an immune neuron; try again when an immunity has ended",
    ),
    ("NoWeightsCommitFound", "the chain has no commit that matches this reveal; commit again"),
    ("NonAssociatedColdKey", "the hotkey belongs to another coldkey; use its owner, or another hotkey"),
    ("NotEnoughBalanceToStake", "the coldkey's free balance is too small; fund it"),
    ("NotEnoughStakeToSetWeights", "the hotkey's stake weight is below the chain's threshold; stake more"),
    ("NotEnoughStakeToWithdraw", "there is less stake than is to be removed; remove less"),
    (
        "RegistrationNotPermittedOnRootSubnet",
        "subnet 0 has no registration of this kind; name another subnet",
    ),
    (
        "RegistrationPriceLimitExceeded",
        "registration costs more than the limit that was given; raise --max-price or wait until the price has fallen",
    ),
    ("RequireSudo", "only the sudo key may do this; sign with it"),
    ("RevealTooEarly", "the epoch for this reveal has not come; wait for it"),
    ("ServingRateLimitExceeded", "the endpoint was announced recently; wait for the serving rate limit"),
    ("SettingWeightsTooFast", "the subnet's weight rate limit has not passed; wait and set them again"),
    (
        "SlippageTooHigh",
        "the price would move beyond the limit that was given; use a smaller amount or a wider limit",
    ),
    (
        "SpaceLimitExceeded",
        "the hotkey has committed its budget of bytes in this epoch; wait for the next one",
    ),
    ("SubNetRegistrationDisabled", "the subnet takes no registrations now; ask its owner"),
    ("SubnetLimitReached", "the chain has no room for another subnet; wait until one can be pruned"),
    ("SubnetNotExists", "there is no such subnet; check the netuid"),
    ("SubtokenDisabled", "the subnet has not been started, so it takes no stake; its owner must call start"),
    ("TooManyFieldsInCommitmentInfo", "a commitment has at most three fields"),
    ("TooManyRegistrationsThisBlock", "this block's registrations are used up; try again in the next one"),
    (
        "TooManyRegistrationsThisInterval",
        "this interval's registrations are used up; try again in the next one",
    ),
    ("TooManyUnrevealedCommits", "ten commits wait for their reveal already; reveal or let them expire"),
    ("TxRateLimitExceeded", "the same setting was changed recently; wait for its rate limit"),
    ("UidVecContainInvalidOne", "a weight is for a uid that does not exist; read the metagraph again"),
    ("UidsLengthExceedUidsInSubNet", "there are more weights than neurons; read the metagraph again"),
    ("WeightVecLengthIsLow", "there are fewer weights than the subnet demands; give weight to more neurons"),
    ("WeightVecNotEqualSize", "uids and weights differ in number; this is an error in the caller"),
];

/// (number in `Custom(n)`, what it means and what to do); chain interface, section 3.2.
const CUSTOM_CODES: &[(u8, &str)] = &[
    (0, "the coldkey is being swapped; only its swap calls are accepted"),
    (1, "the stake is too low for this; stake more"),
    (2, "the balance is too low; fund the account"),
    (3, "there is no such subnet; check the netuid"),
    (4, "the chain does not know this hotkey; register it first"),
    (5, "there is less stake than is to be removed"),
    (6, "a rate limit has not passed; wait and try again"),
    (7, "the subnet's pool is too small for this amount"),
    (8, "the price would move beyond the limit that was given"),
    (9, "transfers of this subnet's alpha are switched off"),
    (10, "the hotkey is not registered on this subnet; register it first"),
    (11, "the IP address cannot be served"),
    (12, "the endpoint was announced recently; wait for the serving rate limit"),
    (13, "port 0 cannot be served"),
    (14, "the largest amount that the limit allows is zero"),
    (15, "the reveal round lies in the past"),
    (16, "the chain has no commit that matches this reveal"),
    (17, "the reveal is not in its epoch"),
    (18, "uids and weights differ in number"),
    (19, "there is no such uid"),
    (20, "an EVM key was associated recently"),
    (21, "the coldkey's swap is disputed; nothing is accepted from it"),
    (22, "the proxied account is not valid"),
    (23, "the shielded extrinsic cannot be read"),
    (24, "the shielded extrinsic was encrypted to an old key"),
    (25, "the hotkey belongs to another coldkey"),
    (26, "the take is too low"),
    (27, "the take is too high"),
    (255, "the request is not valid"),
];

/// Explains an error of the chain by its name; `None` for one that this release does not know.
///
/// ```
/// assert!(sn3_chain::explain::error("SettingWeightsTooFast").unwrap().contains("rate limit"));
/// ```
#[must_use]
pub fn error(name: &str) -> Option<&'static str> {
    let found = ERRORS.binary_search_by_key(&name, |entry| entry.0).ok()?;
    Some(ERRORS[found].1)
}

/// Every error name that [`error`] knows, in alphabetical order.
pub fn known_errors() -> impl Iterator<Item = &'static str> {
    ERRORS.iter().map(|entry| entry.0)
}

/// Explains `InvalidTransaction::Custom(code)`.
#[must_use]
pub fn custom_code(code: u8) -> Option<&'static str> {
    CUSTOM_CODES.iter().find(|entry| entry.0 == code).map(|entry| entry.1)
}

/// Explains a refusal by the pool from the JSON-RPC code and the node's words.
#[must_use]
pub fn pool(code: i32, words: &str) -> String {
    let text = match code {
        POOL_ALREADY_IMPORTED => "the pool holds this extrinsic already; wait for its block",
        POOL_PRIORITY_TOO_LOW => {
            "another extrinsic of this account with the same nonce waits; try again after the next block"
        }
        1012 => "the node has banned this extrinsic for a while; wait some minutes",
        POOL_INVALID => return invalid(words).to_owned(),
        _ => "the node gave no reason that this program knows",
    };
    text.to_owned()
}

/// What the words of a 1010 mean.
fn invalid(words: &str) -> &'static str {
    if let Some(text) = custom_number(words).and_then(custom_code) {
        return text;
    }
    let known = [
        ("pay some fees", "the account cannot pay the fee; fund it"),
        ("outdated", "its nonce was used meanwhile; another program may use this key"),
        ("future", "its nonce is ahead of the account's; another program may use this key"),
        (
            "bad signature",
            "the signature or the signing account does not fit; on a sudo call, sign with the sudo key",
        ),
        ("ancient birth block", "its era has passed; try again"),
    ];
    let hit = known.iter().find(|(part, _)| words.contains(part));
    hit.map_or("the chain gave no further reason", |(_, text)| text)
}

/// The n of `Custom error: n`.
fn custom_number(words: &str) -> Option<u8> {
    let rest = words.split("Custom error: ").nth(1)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_name_is_found() {
        assert!(ERRORS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(known_errors().all(|name| error(name).is_some()));
        assert_eq!(error("NoSuchName"), None);
    }

    #[test]
    fn custom_codes_are_read_from_the_nodes_words() {
        assert_eq!(pool(1010, "Custom error: 6"), custom_code(6).unwrap());
        assert_eq!(pool(1010, "\"Custom error: 255\""), custom_code(255).unwrap());
        assert!(pool(1010, "Transaction is outdated").contains("nonce"));
        assert!(pool(1010, "Custom error: 999").contains("no further reason"));
    }
}
