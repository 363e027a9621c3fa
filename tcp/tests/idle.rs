//! Connections that wait: what they hold, and that everything comes back.

mod common;

use std::{cell::RefCell, rc::Rc, time::Duration};

use rt_regions::PAGE_SIZE;
use tcp::Stream;
use testkit::{PathEnd, Quality};

use common::{Pair, server};

const SECOND: Duration = Duration::from_secs(1);

/// How many connections wait.
const CONNECTIONS: usize = 10_000;

/// The pages of a pool of 64 MiB.
const PAGES: usize = 16_352;

/// What a connection may hold that waits, in bytes: its entry, its task, and the slot of that. 1,508 were measured.
const MOST: usize = 1_600;

/// Sends a line and reads it back.
async fn exchange(stream: &Stream) {
    stream.send(b"a line of text\n").await.unwrap();
    let mut reply = [0; 15];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"a line of text\n");
}

/// Opens so many connections, each of which has one exchange. They are open until what this returns is cleared.
fn open(pair: &mut Pair, count: usize) -> Rc<RefCell<Vec<Stream>>> {
    let streams = Rc::new(RefCell::new(Vec::new()));
    let (connections, place) = (pair.connections(), streams.clone());
    let opened = pair.client(3600 * SECOND, async move {
        for _ in 0..count {
            let stream = connections.connect(server()).await.unwrap();
            exchange(&stream).await;
            place.borrow_mut().push(stream);
        }
    });
    assert_eq!((opened, streams.borrow().len()), (Some(()), count));
    pair.run(SECOND, || false);
    streams
}

/// Closes them, and waits until nobody remembers them.
fn close(pair: &mut Pair, streams: &RefCell<Vec<Stream>>) {
    streams.borrow_mut().clear();
    pair.run(70 * SECOND, || false);
    let mut left = 0;
    pair.server.tower.connections().for_each(&mut |_| left += 1);
    assert_eq!((left, pair.tasks[1].len()), (0, 0));
}

#[test]
fn ten_thousand_that_wait_hold_little() {
    let mut pair = Pair::with_ends(PathEnd::pair(Quality::PERFECT, 1), PAGES);
    pair.server.tower.bind_exchange(80, tcp::lines, |request, _| Ok(request)).unwrap();
    // What is kept of the first ones is there for the next.
    let first = open(&mut pair, 10);
    close(&mut pair, &first);
    let free = |pair: &Pair| pair.free_pages()[1];
    let before = free(&pair);

    let streams = open(&mut pair, CONNECTIONS);
    let waiting = free(&pair);
    let each = (before - waiting) * PAGE_SIZE / CONNECTIONS;
    println!("{each} bytes of pages for a connection that waits");
    assert!((MOST / 2..=MOST).contains(&each), "{each} bytes");
    let stats = pair.server.tower.stats();
    assert_eq!((stats.accepted, stats.no_room), (10 + CONNECTIONS as u64, 0));

    // One of them, and another one, are answered as before, and hold nothing more.
    let (connections, one) = (pair.connections(), streams.borrow_mut().swap_remove(5_000));
    let answered = pair.client(SECOND, async move {
        for _ in 0..100 {
            exchange(&one).await;
        }
        exchange(&connections.connect(server()).await.unwrap()).await;
        one
    });
    pair.run(SECOND, || false);
    assert!(free(&pair).abs_diff(waiting) <= 2, "{} and {waiting} pages", free(&pair));
    streams.borrow_mut().extend(answered);
    assert_eq!(streams.borrow().len(), CONNECTIONS);

    // All but the slots of the tasks comes back, and those are there for the next ones.
    close(&mut pair, &streams);
    let after = free(&pair);
    let slots = (before - after) * PAGE_SIZE / CONNECTIONS;
    assert!(slots <= 112, "{slots} bytes for a connection that is no more");
    let streams = open(&mut pair, CONNECTIONS);
    assert!(free(&pair).abs_diff(waiting) <= 2, "{} and {waiting} pages", free(&pair));
    close(&mut pair, &streams);
    assert_eq!(free(&pair), after);
}
