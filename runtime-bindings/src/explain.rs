//! Our own words for what the chain says: its error names and the pool's codes.

mod errors;

use errors::ERRORS;

/// JSON-RPC code of a node whose pool found an extrinsic invalid.
pub const POOL_INVALID: i32 = 1010;
/// JSON-RPC code of a pool that holds the same extrinsic already.
pub const POOL_ALREADY_IMPORTED: i32 = 1013;
/// JSON-RPC code of a pool that holds another extrinsic of this account with the same nonce.
pub const POOL_PRIORITY_TOO_LOW: i32 = 1014;

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
