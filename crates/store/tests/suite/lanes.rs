//! Invariant 43: what fills the past of one mailbox goes behind the new mail of another. Orders are asserted, never times: the
//! log of events is written by the transactions themselves.

use crate::common::Fixture;
use crate::ingest::{Box, alone, batch, message, set_up_for};
use model::event::Origin;
use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use store::Store;
use store::events::Filter;
use store::ingest::{self, Batch, ThreadRefs, Threaded};

/// Whose mail was told of, in the order of the transactions.
async fn order(store: &Store, a: &Box) -> String {
    let (events, _) = store::events::list(store, Filter::default(), 10_000)
        .await
        .expect("the events");
    let received = events.iter().filter(|e| e.kind == "message.received");
    received
        .map(
            |event| match event.mailbox_id.as_deref() == Some(&a.mailbox_id) {
                true => 'p',
                false => 'N',
            },
        )
        .collect()
}

async fn past(store: &Store, a: &Box, first: i64, count: i64) -> Batch {
    let mut messages = Vec::new();
    for uid in first..first + count {
        messages.push(message(store, uid, &format!("past {uid}")).await);
    }
    Batch {
        origin: Origin::Backfill,
        ..batch(&a.inbox, messages)
    }
}

#[tokio::test]
async fn i43_new_mail_goes_before_the_past_that_waits_longer() {
    let fixture = Fixture::sqlite().await;
    let store = &fixture.store;
    let (a, b) = (
        set_up_for(&fixture, "ann@example.test").await,
        set_up_for(&fixture, "bob@example.test").await,
    );
    let (first, second) = (past(store, &a, 1, 3).await, past(store, &a, 4, 3).await);
    let new = batch(&b.inbox, vec![message(store, 1, "new").await]);
    // The writer is busy until all of them stand in line.
    let (go, wait) = channel();
    let wait = Arc::new(Mutex::new(wait));
    let blocked = store.db.write(move |_| {
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    // They are sent in this order: each is polled once before the last one lets the writer go.
    let (blocked, first, second, new, ()) = tokio::join!(
        blocked,
        ingest::ingest(store, &a.lease, first, alone),
        ingest::ingest(store, &a.lease, second, alone),
        ingest::ingest(store, &b.lease, new, alone),
        async { go.send(()).unwrap() },
    );
    blocked.unwrap();
    let stored = [first, second, new].map(|done| done.unwrap().stored);
    assert_eq!(stored, [3, 3, 1]);
    assert_eq!(order(store, &a).await, "Npppppp");
}

/// Tells when the first piece is stored, and waits there.
static FIRST_PIECE: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

fn alone_after_a_while(
    known: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    if let Some((reached, go)) = FIRST_PIECE.lock().unwrap().take() {
        reached.send(()).unwrap();
        go.recv().unwrap();
    }
    alone(known, batch, fresh)
}

#[tokio::test(flavor = "multi_thread")]
async fn i43_new_mail_waits_for_a_piece_of_the_past_and_not_for_a_batch() {
    let fixture = Fixture::sqlite().await;
    let store = &fixture.store;
    let (a, b) = (
        set_up_for(&fixture, "ann@example.test").await,
        set_up_for(&fixture, "bob@example.test").await,
    );
    let filling = past(store, &a, 1, 200).await;
    let new = batch(&b.inbox, vec![message(store, 1, "new").await]);
    let (reached, in_first_piece) = channel();
    let (go, wait) = channel();
    *FIRST_PIECE.lock().unwrap() = Some((reached, wait));
    let (filled, new) = tokio::join!(
        ingest::ingest(store, &a.lease, filling, alone_after_a_while),
        async {
            tokio::task::block_in_place(|| in_first_piece.recv().unwrap());
            let new = ingest::ingest(store, &b.lease, new, alone);
            let mut new = std::pin::pin!(new);
            let sent = poll_fn(|context| Poll::Ready(new.as_mut().poll(context))).await;
            assert!(sent.is_pending(), "the writer is busy");
            go.send(()).unwrap();
            new.await
        }
    );
    let (filled, new) = (filled.unwrap(), new.unwrap());
    assert_eq!((filled.stored, new.stored), (200, 1));
    let order = order(store, &a).await;
    let at = order.find('N').unwrap();
    assert_eq!((at, order.len()), (50, 201), "{order}");
}
