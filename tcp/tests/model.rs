//! Two hosts, a bad path, and applications that do anything: what arrives is what was sent, nothing stalls, and all
//! memory comes back.

mod common;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tcp::{Broken, Stream, StreamError};
use testkit::{PathEnd, Quality, Random};

use common::{Pair, server};

const SECOND: Duration = Duration::from_secs(1);

/// How many pages a host keeps for the next connection: four of connections, four of buffers, one of the packet.
const KEPT_PAGES: usize = 9;

/// The byte at a place of a stream: `side` tells the directions apart.
fn byte(side: u8, at: usize) -> u8 {
    (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8).wrapping_add(side.wrapping_mul(101))
}

/// What one side of a connection does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    side: u8,
    seed: u64,
    /// How many bytes it sends, and how many it expects.
    sends: usize,
    expects: usize,
    /// The most bytes that it sends or takes at once.
    chunk: usize,
    /// Whether it sleeps now and then.
    is_slow: bool,
    nodelay: bool,
}

/// Sends and receives at the same time, in turns that chance decides.
async fn play(stream: &Stream, plan: Plan) -> Result<(), StreamError> {
    let mut random = Random::new(plan.seed);
    stream.set_nodelay(plan.nodelay);
    let (mut sent, mut received) = (0, 0);
    let mut is_shut = false;
    let mut has_ended = false;
    while !(is_shut && has_ended) {
        if plan.is_slow && random.once_in(8) {
            stream.sleep(Duration::from_millis(random.below(400) as u64)).await;
        }
        // So that nobody waits for the other for ever, sending waits a little only.
        if !is_shut && random.once_in(2) {
            let length = (1 + random.below(plan.chunk)).min(plan.sends - sent);
            let bytes: Vec<u8> = (sent..sent + length).map(|at| byte(plan.side, at)).collect();
            stream.set_deadline(Some(
                stream.now() + Duration::from_millis(1 + random.below(50) as u64),
            ));
            match stream.send_some(&bytes).await {
                Ok(taken) => sent += taken,
                Err(StreamError::TimedOut) => {}
                Err(error) => return Err(error),
            }
            if sent == plan.sends {
                stream.shutdown();
                is_shut = true;
            }
        } else if !has_ended {
            let most = 1 + random.below(plan.chunk);
            stream.set_deadline(Some(
                stream.now() + Duration::from_millis(1 + random.below(50) as u64),
            ));
            let taken = stream.receive(|bytes| {
                let bytes = &bytes[..bytes.len().min(most)];
                for (at, got) in bytes.iter().enumerate() {
                    assert_eq!(*got, byte(1 - plan.side, received + at), "byte {}", received + at);
                }
                (bytes.len(), Some(bytes.len()))
            });
            match taken.await {
                Ok(Some(count)) => received += count,
                Ok(None) => has_ended = true,
                Err(StreamError::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }
    assert_eq!(received, plan.expects, "side {}", plan.side);
    Ok(())
}

fn quality(random: &mut Random) -> Quality {
    let mut share = |most: f64| {
        if random.once_in(2) { 0.0 } else { most * random.below(1000) as f64 / 1000.0 }
    };
    let (loss, duplication, reordering, corruption) =
        (share(0.1), share(0.1), share(0.2), share(0.05));
    Quality {
        delay: Duration::from_micros(random.below(30_000) as u64),
        rate: if random.once_in(3) { 100_000 + random.below(5_000_000) as u64 } else { 0 },
        queue: 3_000 + random.below(100_000) as u64,
        loss,
        duplication,
        reordering,
        hold_up: Duration::from_micros(random.below(60_000) as u64),
        corruption,
    }
}

/// One connection with everything left to chance; returns how many packets it took.
fn run(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let quality = quality(&mut random);
    let mut ends = PathEnd::pair(quality, seed);
    for end in &mut ends {
        end.mtu = [576, 1_500, 1_500, 9_000][random.below(4)];
        end.offloads.checksum = random.once_in(2);
        end.offloads.tcp_segmentation = end.offloads.checksum && random.once_in(2);
    }
    let least = ends[0].mtu.min(ends[1].mtu);
    for end in &mut ends {
        end.mtu = least;
    }
    // In little memory now and then, so that buffers are small.
    let pages = if random.once_in(3) { 128 } else { 2_048 };
    let mut pair = Pair::with_ends(ends, pages);
    let free = pair.free_pages();
    let lengths = [0, 1].map(|_| [0, 1, 1_000, 30_000, 200_000][random.below(5)]);
    let plans = [0, 1].map(|side: usize| Plan {
        side: side as u8,
        seed: seed.wrapping_mul(3).wrapping_add(side as u64),
        sends: lengths[side],
        expects: lengths[1 - side],
        chunk: [1, 100, 5_000, 60_000][random.below(4)]
            .min(1 + lengths[side].max(lengths[1 - side]) / 10),
        is_slow: random.once_in(3),
        nodelay: random.once_in(2),
    });
    let served = Rc::new(Cell::new(false));
    let result = Rc::new(RefCell::new(None));
    // A service is in a region, where nothing with a destructor goes.
    let (is_served, end): (&'static Cell<bool>, &'static RefCell<_>) =
        (Box::leak(Box::new(Cell::new(false))), Box::leak(Box::new(RefCell::new(None))));
    pair.server
        .tower
        .bind(80, async move |stream, _| {
            *end.borrow_mut() = Some(play(stream, plans[1]).await);
            is_served.set(true);
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    let (done, place) = (served.clone(), result.clone());
    pair.tasks[0]
        .spawn("client", async move |_| {
            let stream = connections.connect(server()).await?;
            *place.borrow_mut() = Some(play(&stream, plans[0]).await);
            done.set(true);
            Ok(())
        })
        .unwrap();
    pair.run(4 * 3600 * SECOND, || served.get() && is_served.get());
    let both = (result.borrow_mut().take(), end.borrow_mut().take());
    // One whose last acknowledgment was lost may hear of the end by a reset of a host that has forgotten it.
    let fine = |result: &Option<Result<(), StreamError>>| {
        matches!(result, Some(Ok(()) | Err(StreamError::Broken(Broken::TimedOut))))
    };
    assert!(fine(&both.0) && fine(&both.1), "seed {seed}: {both:?} {quality:?} {plans:?}");
    if both != (Some(Ok(())), Some(Ok(()))) {
        eprintln!("seed {seed}: gave up: {both:?}");
    }
    // The last acknowledgments, TIME-WAIT and what it takes to give up.
    pair.run(3600 * SECOND, || false);
    for (left, free) in pair.free_pages().into_iter().zip(free) {
        assert!(left + KEPT_PAGES >= free, "seed {seed}: of {free} pages {left} are free");
    }
    let [client, server] = [pair.client.tower.network(), pair.server.tower.network()];
    client.sent()[0] + server.sent()[0]
}

#[test]
fn whatever_happens_what_arrives_is_what_was_sent() {
    let runs = std::env::var("RUNS").map_or(200, |runs| runs.parse().unwrap());
    let first = std::env::var("SEED").map_or(0, |seed| seed.parse().unwrap());
    let packets: u64 = (first..first + runs).map(run).sum();
    println!("{packets} packets");
    assert!(packets > 10 * runs);
}
