use sn3_protocol::Window;

use super::*;
use crate::state::{Rules, UploadRule};

const PARAMETERS: usize = 5000;

fn state() -> MinerState {
    let rules = Rules {
        start: Window(2),
        end: None,
        blocks_per_window: 10,
        put_blocks: 3,
        record_blocks: 5,
        upload: UploadRule::AtEnd,
    };
    MinerState::new(&rules, Digest([1; 32]), Digest([2; 32]))
}

fn numbers(seed: f32) -> Vec<f32> {
    (0..PARAMETERS).map(|i| i as f32 * seed).collect()
}

fn worker() -> Worker {
    let optimizer = OptimizerState { step: 7, first: numbers(0.5), second: numbers(0.25) };
    Worker { optimizer, error: numbers(-1.5) }
}

fn load(dir: &Path) -> Result<Option<Saved>, DiskError> {
    Disk::open(dir)?.load(Digest([1; 32]), PARAMETERS, 100)
}

fn saved_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path()).unwrap();
    disk.keep_theta(&numbers(1.0)).unwrap();
    disk.keep_work(worker(), b"payload").unwrap();
    disk.save(&state()).unwrap();
    dir
}

#[test]
fn what_was_saved_is_loaded_to_the_bit() {
    let dir = saved_folder();
    let saved = load(dir.path()).unwrap().unwrap();
    assert_eq!(saved.state, state());
    assert_eq!(saved.theta, Some(numbers(1.0)));
    assert_eq!(saved.worker, Some(worker()));
    assert_eq!(saved.payload.as_deref(), Some(&b"payload"[..]));
}

#[test]
fn a_fresh_optimizer_is_one_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker { optimizer: OptimizerState::default(), error: numbers(1.0) };
    let mut disk = Disk::open(dir.path()).unwrap();
    disk.keep_work(worker.clone(), b"").unwrap();
    disk.save(&state()).unwrap();
    drop(disk);
    assert_eq!(load(dir.path()).unwrap().unwrap().worker, Some(worker));
}

#[test]
fn a_fresh_folder_has_nothing_and_a_wiped_one_neither() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load(dir.path()).unwrap().is_none());
    let dir = saved_folder();
    Disk::open(dir.path()).unwrap().wipe().unwrap();
    assert!(load(dir.path()).unwrap().is_none());
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, [LOCK_FILE]);
}

#[test]
fn what_is_kept_counts_only_when_it_is_saved() {
    let dir = saved_folder();
    let mut disk = Disk::open(dir.path()).unwrap();
    disk.load(Digest([1; 32]), PARAMETERS, 100).unwrap();
    disk.keep_theta(&numbers(9.0)).unwrap();
    drop(disk);
    assert_eq!(load(dir.path()).unwrap().unwrap().theta, Some(numbers(1.0)));
}

#[test]
fn only_the_newest_files_stay() {
    let dir = saved_folder();
    let mut disk = Disk::open(dir.path()).unwrap();
    disk.load(Digest([1; 32]), PARAMETERS, 100).unwrap();
    disk.keep_theta(&numbers(9.0)).unwrap();
    disk.save(&state()).unwrap();
    let count = |kind: &str| {
        let names = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(kind)).count()
    };
    assert_eq!([count("theta-"), count("worker-"), count("payload-")], [1, 1, 1]);
}

#[test]
fn every_damage_is_seen_and_named_with_its_remedy() {
    for kind in ["miner.state", "theta-", "worker-", "payload-"] {
        let dir = saved_folder();
        let path = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(kind))
            .unwrap();
        let sound = fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in
            [&flipped[..], &sound[..sound.len() - 1], &[][..], &[&sound[..], &[0; 70_000]].concat()]
        {
            fs::write(&path, damaged).unwrap();
            let error = load(dir.path()).unwrap_err();
            assert!(matches!(error, DiskError::Corrupt { .. }), "{kind}: {error}");
            let text = error.to_string();
            assert!(text.contains("--resync") && !text.contains('\n'), "{text}");
        }
        if kind != "miner.state" {
            fs::remove_file(&path).unwrap();
            assert!(matches!(load(dir.path()), Err(DiskError::Corrupt { .. })), "{kind}");
        }
    }
}

#[test]
fn another_run_or_model_is_refused() {
    let dir = saved_folder();
    let other =
        |genesis, parameters| Disk::open(dir.path()).unwrap().load(genesis, parameters, 100).unwrap_err();
    assert!(matches!(other(Digest([9; 32]), PARAMETERS), DiskError::OtherRun { .. }));
    assert!(matches!(other(Digest([1; 32]), PARAMETERS + 1), DiskError::Corrupt { .. }));
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Disk::open(dir.path()).unwrap();
    assert!(matches!(Disk::open(dir.path()), Err(DiskError::Busy { .. })));
}
