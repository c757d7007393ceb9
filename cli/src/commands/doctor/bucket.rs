//! Whether a store can be written, read, listed and cleaned by this node.

use std::time::Instant;

use async_trait::async_trait;
use rand::RngCore;
use sn3_chain::doctor::{Line, Probe, Status};
use sn3_exchange::{Key, Store, StoreError};
use sn3_protocol::RunId;

/// What is written and read back.
const CONTENT: &[u8] = b"sn3 doctor: this object can be deleted\n";
/// Objects that a list may return.
const LIST_MAX: usize = 16;

/// A store that is tried with one small object under a name of its own.
pub struct Bucket {
    url: String,
    run: String,
}

impl Bucket {
    /// The store at `url`; nothing is opened yet.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), run: format!("doctor-{:016x}", rand::rng().next_u64()) }
    }

    async fn try_all(&self, store: &Store, run: &RunId) -> Vec<Line> {
        let key = Key::genesis(run);
        let write = timed(store.put(&key, CONTENT.to_vec().into())).await;
        let written = write.is_ok();
        let mut lines =
            vec![line("bucket_write", write, "give the token the right to write objects (PutObject)")];
        if !written {
            lines.extend(skipped(
                &["bucket_read", "bucket_list", "bucket_delete"],
                "nothing could be written",
            ));
            return lines;
        }
        let read = timed(self.read(store, &key)).await;
        lines.push(line("bucket_read", read, "give the token, and peers, the right to read (GetObject)"));
        let list = timed(self.list(store, &key)).await;
        lines.push(line("bucket_list", list, "give the token the right to list the bucket (ListBucket)"));
        let delete = timed(self.delete(store, &key)).await;
        let remedy = "give the token the right to delete (DeleteObject), or old windows fill the bucket";
        lines.push(line("bucket_delete", delete, remedy));
        lines
    }

    async fn read(&self, store: &Store, key: &Key) -> Result<(), String> {
        let found = store.get_bounded(key, CONTENT.len() as u64).await.map_err(|error| error.to_string())?;
        if found == CONTENT { Ok(()) } else { Err("other bytes came back than were written".into()) }
    }

    async fn list(&self, store: &Store, key: &Key) -> Result<(), String> {
        let folder = key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        let found = store.list(folder, LIST_MAX).await.map_err(|error| error.to_string())?;
        let there = found.objects.iter().any(|object| object.key == key.as_str());
        if there { Ok(()) } else { Err("the object that was just written is not listed".into()) }
    }

    async fn delete(&self, store: &Store, key: &Key) -> Result<(), String> {
        store.delete(key).await.map_err(|error| error.to_string())?;
        match store.size(key).await {
            Err(StoreError::Missing { .. }) => Ok(()),
            Ok(_) => Err("the object is still there after it was deleted".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl Probe for Bucket {
    async fn lines(&self) -> Vec<Line> {
        let opened = Store::open(&self.url).map_err(|error| error.to_string());
        let run = RunId::new(&*self.run).map_err(|error| error.to_string());
        let remedy =
            "give a folder, or s3://bucket/prefix?endpoint=URL with credentials in the AWS variables";
        match opened.and_then(|store| Ok((store, run?))) {
            Ok((store, run)) => self.try_all(&store, &run).await,
            Err(reason) => {
                let mut lines = vec![line("bucket_write", Err(reason), remedy)];
                lines
                    .extend(skipped(&["bucket_read", "bucket_list", "bucket_delete"], "it cannot be opened"));
                lines
            }
        }
    }
}

/// How long it took, in milliseconds, or why it failed.
async fn timed<E: ToString>(work: impl Future<Output = Result<(), E>>) -> Result<u128, String> {
    let start = Instant::now();
    work.await.map(|()| start.elapsed().as_millis()).map_err(|error| error.to_string())
}

fn line(check: &str, result: Result<u128, String>, remedy: &str) -> Line {
    let (status, value, remedy) = match result {
        Ok(ms) => (Status::Pass, format!("works, in {ms} ms"), ""),
        Err(reason) => (Status::Fail, reason, remedy),
    };
    Line { check: check.into(), status, value, remedy: remedy.into() }
}

fn skipped(checks: &[&str], why: &str) -> Vec<Line> {
    let skip = |check: &&str| Line {
        check: (*check).into(),
        status: Status::Skip,
        value: why.into(),
        remedy: String::new(),
    };
    checks.iter().map(skip).collect()
}
