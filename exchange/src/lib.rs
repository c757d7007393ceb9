//! Moves bytes between peers through object storage: bounded, verified, resumable.
//!
//! ```text
//!  miner                       storage                        reader (validator, miner, auditor)
//!  payload ──► publish_submission ──► v1/run/window/hotkey/payload ──┐
//!  manifest ─────(afterwards)───────► …/manifest ────────────────────┴──► fetch_submission
//!                                                                        size before download,
//!  leader                                                                signature, run, window,
//!  mirrors ──► publish_record ──────► …/mirror/<digest> ─┐               layout, base state, hash
//!  record ───────(afterwards)───────► …/record ──────────┴──► fetch_record, fetch_aggregated
//! ```
//!
//! What it promises:
//! - Nothing is read beyond a bound that the reader chose, and the size is asked for before the first byte.
//! - Nothing is returned that was not checked against a signature or a digest; every refusal names its reason
//!   and whose fault it is ([`FetchError`]).
//! - A download that breaks continues where it broke, as long as the object is still the same.
//! - An object that announces another one appears after it: a manifest after its payload, a record after the
//!   mirrors of everything that it aggregates. So an author who withdraws or swaps a payload after the deadline
//!   stops nobody.
//! - A peer's address is opened with less trust than one's own ([`Store::peer`]).
//!
//! ```
//! # fn block_on<F: std::future::Future>(f: F) -> F::Output {
//! #     tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(f)
//! # }
//! # block_on(async {
//! use sn3_exchange::{Key, Store};
//! use sn3_protocol::RunId;
//!
//! let store = Store::open("memory:first-page")?;
//! let key = Key::tokenizer(&RunId::new("demo").unwrap());
//! store.put(&key, "{}".into()).await?;
//! assert_eq!(store.get_bounded(&key, 1024).await?, "{}");
//! assert!(store.get_bounded(&key, 1).await.is_err()); // refused before it is downloaded
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! What it does not do: it keeps no secrets on chain, deletes nothing by itself, decides nothing about time
//! (whether a submission is late is seen by who reads it, on the block clock), and does not resolve names to
//! tell whether a peer's host is local.

mod error;
mod genesis;
mod key;
mod location;
mod record;
mod scorecards;
mod signed;
mod store;
mod submission;

pub use error::{Fault, FetchError, PublishError, StoreError};
pub use genesis::{SignedGenesis, fetch_genesis, fetch_tokenizer, publish_genesis, publish_tokenizer};
pub use key::Key;
pub use location::{Location, LocationError};
pub use record::{fetch_aggregated, fetch_record, publish_record};
pub use scorecards::{fetch_scorecards, publish_scorecards};
pub use store::{Listed, Listing, OpenError, Store};
pub use submission::{
    Expected, Submission, fetch_manifest, fetch_payload, fetch_submission, publish_submission,
};
