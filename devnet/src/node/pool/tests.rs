use super::*;

fn bytes(name: u8) -> ExtrinsicBytes {
    ExtrinsicBytes::from(vec![name; 10])
}

fn hash(name: u8) -> H256 {
    extrinsic_hash(&bytes(name))
}

fn tag(account: u8, nonce: u32) -> TransactionTag {
    (AccountId::from([account; 32]), nonce).encode()
}

fn valid(account: u8, nonce: u32, state_nonce: u32, priority: u64) -> ValidTransaction {
    ValidTransaction {
        priority,
        provides: vec![tag(account, nonce)],
        requires: if nonce > state_nonce { vec![tag(account, nonce - 1)] } else { Vec::new() },
        longevity: 64,
        propagate: true,
    }
}

fn order(pool: &Pool) -> Vec<H256> {
    let mut selection = pool.selection();
    let mut order = Vec::new();
    while let Some(next) = selection.next() {
        selection.included(&next);
        order.push(next.hash);
    }
    order
}

#[test]
fn priority_comes_first_then_nonces_then_hashes() {
    let pool = Pool::default();
    pool.insert(bytes(1), valid(1, 1, 0, 9), 0).unwrap();
    pool.insert(bytes(2), valid(1, 0, 0, 1), 0).unwrap();
    pool.insert(bytes(3), valid(2, 0, 0, 5), 0).unwrap();
    pool.insert(bytes(4), valid(3, 0, 0, 1), 0).unwrap();
    let mut equal = [hash(2), hash(4)];
    equal.sort();
    let expected = match equal[0] == hash(2) {
        true => vec![hash(3), hash(2), hash(1), hash(4)],
        false => vec![hash(3), hash(4), hash(2), hash(1)],
    };
    assert_eq!(order(&pool), expected);
}

#[test]
fn the_order_does_not_depend_on_arrival() {
    let arrivals = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0)];
    let (forward, backward) = (Pool::default(), Pool::default());
    for (i, (account, nonce)) in arrivals.iter().enumerate() {
        forward.insert(bytes(i as u8), valid(*account, *nonce, 0, 1), 0).unwrap();
    }
    for (i, (account, nonce)) in arrivals.iter().enumerate().rev() {
        backward.insert(bytes(i as u8), valid(*account, *nonce, 0, 1), 0).unwrap();
    }
    assert_eq!(order(&forward), order(&backward));
    assert_eq!(order(&forward).len(), arrivals.len());
}

#[test]
fn a_gap_in_the_nonces_waits_until_it_is_filled() {
    let pool = Pool::default();
    let mut late = pool.insert_watched(bytes(2), valid(1, 1, 0, 1), 0).unwrap();
    assert_eq!(late.try_recv(), Ok(TxStatus::Future));
    assert!(order(&pool).is_empty());
    assert_eq!(pool.next_nonce(&AccountId::from([1; 32]), 0), 0);
    pool.insert(bytes(1), valid(1, 0, 0, 1), 0).unwrap();
    assert_eq!(late.try_recv(), Ok(TxStatus::Ready));
    assert_eq!(order(&pool), [hash(1), hash(2)]);
    assert_eq!(pool.next_nonce(&AccountId::from([1; 32]), 0), 2);
}

#[test]
fn inclusion_reports_and_unlocks() {
    let pool = Pool::default();
    let mut first = pool.insert_watched(bytes(1), valid(1, 0, 0, 1), 0).unwrap();
    pool.insert(bytes(2), valid(1, 1, 0, 1), 0).unwrap();
    let block = H256::repeat_byte(7);
    pool.settle(1, block, &[(hash(1), 3)], &[]);
    let seen: Vec<_> = std::iter::from_fn(|| first.try_recv().ok()).collect();
    assert_eq!(seen, [TxStatus::Ready, TxStatus::InBlock(block, 3), TxStatus::Finalized(block, 3)]);
    assert_eq!(order(&pool), [hash(2)]);
}

#[test]
fn the_same_nonce_needs_more_priority() {
    let pool = Pool::default();
    let mut first = pool.insert_watched(bytes(1), valid(1, 0, 0, 5), 0).unwrap();
    let refused = pool.insert(bytes(2), valid(1, 0, 0, 5), 0);
    assert_eq!(refused, Err(PoolError::PriorityTooLow { old: 5, new: 5 }));
    pool.insert(bytes(3), valid(1, 0, 0, 6), 0).unwrap();
    assert_eq!(first.try_recv(), Ok(TxStatus::Ready));
    assert_eq!(first.try_recv(), Ok(TxStatus::Usurped(hash(3))));
    assert_eq!(order(&pool), [hash(3)]);
}

#[test]
fn a_second_submission_is_refused() {
    let pool = Pool::default();
    pool.insert(bytes(1), valid(1, 0, 0, 1), 0).unwrap();
    assert_eq!(pool.insert(bytes(1), valid(1, 0, 0, 1), 0), Err(PoolError::AlreadyImported(hash(1))));
}

#[test]
fn old_transactions_expire() {
    let pool = Pool::default();
    let mut watched = pool.insert_watched(bytes(1), valid(1, 0, 0, 1), 10).unwrap();
    pool.settle(73, H256::zero(), &[], &[]);
    assert_eq!(pool.counts(), (1, 1));
    pool.settle(74, H256::zero(), &[], &[]);
    assert_eq!(pool.counts(), (0, 0));
    assert_eq!(watched.try_recv(), Ok(TxStatus::Ready));
    assert!(matches!(watched.try_recv(), Ok(TxStatus::Invalid(_))));
}

#[test]
fn the_pool_is_bounded() {
    let pool = Pool::default();
    let large = |name: u32| ExtrinsicBytes::from([name.to_le_bytes().as_slice(), &[0; 1 << 20]].concat());
    let fits = (POOL_BYTES_MAX / (1 << 20)) as u32 - 1;
    for nonce in 0..fits {
        pool.insert(large(nonce), valid(1, nonce, 0, 1), 0).unwrap();
    }
    let last = pool.insert(large(fits), valid(1, fits, 0, 1), 0);
    assert_eq!(last, Err(PoolError::Full));
}
