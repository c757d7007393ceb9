//! Several endpoints for one chain: how they do, and which one to use first.
//!
//! A client that knows several ([`ChainClient::connect_any`]) goes to the next one when its connection breaks, when it is
//! told to, or when the clock sees no block for one and a half block times while another may have some.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sn3_protocol::{BlockNumber, Digest};

use crate::{ChainClient, ConnectError};

/// How long one endpoint may take to show its health.
const PROBE_DEADLINE_MS: u64 = 5_000;
/// Endpoints that are looked at.
pub const ENDPOINTS_MAX: usize = 16;
/// A finalized head that is further behind the best one makes an endpoint unfit.
const LAG_BLOCKS_MAX: u64 = 5;

/// How an endpoint does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointHealth {
    /// Which.
    pub url: String,
    /// What it says; none when it does not answer.
    pub answer: Option<EndpointAnswer>,
    /// Why it is unfit, in plain words; none when it is fit.
    pub unfit: Option<String>,
}

/// What an endpoint says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointAnswer {
    /// Hash of block 0.
    pub genesis: Digest,
    /// Version of the runtime.
    pub spec_version: u32,
    /// The finalized head.
    pub finalized: BlockNumber,
    /// Blocks behind the best of all endpoints that were asked.
    pub lag_blocks: u64,
    /// How long a small request took, in milliseconds.
    pub latency_ms: u64,
}

/// Asks all endpoints at the same time. The best comes first: fit ones, then by lag, then by latency.
pub async fn health(urls: &[String]) -> Vec<EndpointHealth> {
    let probes = urls.iter().take(ENDPOINTS_MAX).map(|url| probe(url));
    judged(futures::future::join_all(probes).await)
}

async fn probe(url: &str) -> EndpointHealth {
    let deadline = Duration::from_millis(PROBE_DEADLINE_MS);
    let (answer, unfit) = match tokio::time::timeout(deadline, ask(url)).await {
        Ok(Ok(answer)) => (Some(answer), None),
        Ok(Err(reason)) => (None, Some(reason)),
        Err(_) => (None, Some(format!("no answer within {PROBE_DEADLINE_MS} ms"))),
    };
    EndpointHealth { url: url.to_owned(), answer, unfit }
}

async fn ask(url: &str) -> Result<EndpointAnswer, String> {
    let client = ChainClient::connect(url).await.map_err(|error| error.to_string())?;
    let start = Instant::now();
    let head = client.head().await.map_err(|error| error.to_string())?;
    let latency_ms = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    let at = client.at(head).await.map_err(|error| error.to_string())?;
    Ok(EndpointAnswer {
        genesis: client.genesis_hash(),
        spec_version: at.spec_version(),
        finalized: head.number,
        lag_blocks: 0,
        latency_ms,
    })
}

/// Compares the endpoints with each other: the chain is that of the first one that answers.
fn judged(mut all: Vec<EndpointHealth>) -> Vec<EndpointHealth> {
    let answers = || all.iter().filter_map(|health| health.answer.as_ref());
    let Some(first) = answers().next() else { return all };
    let genesis = first.genesis;
    let same = |answer: &&EndpointAnswer| answer.genesis == genesis;
    let best = answers().filter(same).map(|answer| answer.finalized.0).max().unwrap_or(0);
    let newest = answers().filter(same).map(|answer| answer.spec_version).max().unwrap_or(0);
    for health in &mut all {
        let Some(answer) = &mut health.answer else { continue };
        answer.lag_blocks = best.saturating_sub(answer.finalized.0);
        health.unfit = if answer.genesis != genesis {
            Some("it serves another chain than the first endpoint that answered".into())
        } else if answer.lag_blocks > LAG_BLOCKS_MAX {
            Some(format!("its head is {} blocks behind", answer.lag_blocks))
        } else if answer.spec_version < newest {
            Some(format!("its runtime is {}, others have {newest}", answer.spec_version))
        } else {
            None
        };
    }
    all.sort_by_key(|health| {
        let answer = health.answer.as_ref();
        let order = answer.map_or((u64::MAX, u64::MAX), |answer| (answer.lag_blocks, answer.latency_ms));
        (health.unfit.is_some(), order)
    });
    all
}

impl ChainClient {
    /// Connects to the fittest of several endpoints of one chain, and keeps the others for when it fails.
    pub async fn connect_any(urls: &[String]) -> Result<Self, ConnectError> {
        if let [only] = urls {
            return Self::connect(only).await;
        }
        let ranked = health(urls).await;
        let usable: Vec<String> =
            ranked.iter().filter(|health| health.unfit.is_none()).map(|health| health.url.clone()).collect();
        for health in ranked.iter().filter(|health| health.unfit.is_some()) {
            tracing::warn!(url = health.url, reason = health.unfit, "this endpoint is left out");
        }
        if usable.is_empty() {
            let reasons: Vec<String> = ranked
                .into_iter()
                .map(|health| format!("{}: {}", health.url, health.unfit.unwrap_or_default()))
                .collect();
            let reason = if reasons.is_empty() { "none was named".to_owned() } else { reasons.join("; ") };
            return Err(ConnectError::Unreachable { url: urls.join(", "), reason });
        }
        Self::connect_in_order(usable).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(genesis: u8, finalized: u64, spec_version: u32, latency_ms: u64) -> EndpointAnswer {
        let (genesis, finalized) = (Digest([genesis; 32]), BlockNumber(finalized));
        EndpointAnswer { genesis, spec_version, finalized, lag_blocks: 0, latency_ms }
    }

    fn ranked(answers: &[(&str, Option<EndpointAnswer>)]) -> Vec<(String, bool)> {
        let health = |(url, answer): &(&str, Option<EndpointAnswer>)| EndpointHealth {
            url: (*url).into(),
            answer: answer.clone(),
            unfit: answer.is_none().then(|| "refused".into()),
        };
        let all = judged(answers.iter().map(health).collect());
        all.into_iter().map(|health| (health.url, health.unfit.is_none())).collect()
    }

    #[test]
    fn the_fittest_comes_first() {
        let found = ranked(&[
            ("slow", Some(answer(1, 100, 5, 90))),
            ("dead", None),
            ("behind", Some(answer(1, 90, 5, 1))),
            ("other chain", Some(answer(2, 200, 5, 1))),
            ("old", Some(answer(1, 100, 4, 1))),
            ("fast", Some(answer(1, 100, 5, 3))),
            ("one behind", Some(answer(1, 99, 5, 1))),
        ]);
        let fit: Vec<&str> = found.iter().filter(|(_, fit)| *fit).map(|(url, _)| url.as_str()).collect();
        assert_eq!(fit, ["fast", "slow", "one behind"]);
        assert_eq!(found.len(), 7);
        assert!(found[..3].iter().all(|(_, fit)| *fit));
    }

    #[test]
    fn nobody_is_the_best_of_none() {
        assert!(ranked(&[]).is_empty());
        assert_eq!(ranked(&[("dead", None)]), [("dead".to_owned(), false)]);
    }
}
