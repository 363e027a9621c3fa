//! The good client over IPv6, alone and while an attack goes on.

use std::{
    net::{Ipv6Addr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::soak::{self, wire::Wire};
use testkit::Random;

use super::bed::HOST;

/// How long it waits before it asks again.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it asks.
const TRIES: usize = 3;
/// What it asks: nothing, a little, a full frame, fragments, many fragments.
const SIZES: [usize; 6] = [0, 5, 1452, 1453, 8192, 60_000];
/// How long it asks all of that, again and again, during an attack.
const DURING: Duration = Duration::from_millis(1500);
/// How many frames of an attack come in a second while it asks, and how many at once.
const RATE: usize = 5000;
const BURST: usize = 20;

/// How the client was served.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) requests: usize,
    /// How many of them it had to ask again.
    pub(crate) again: usize,
    pub(crate) slowest: Duration,
}

/// Asks for all sizes, and checks the replies. It asks again, twice at most, if it hears nothing.
pub(crate) fn served(service: Ipv6Addr, seed: u64) -> Result<Served, String> {
    let (mut random, mut served) = (Random::new(seed), Served::default());
    for size in SIZES {
        let request = random.bytes(size);
        let asked = Instant::now();
        let tries = (1..=TRIES).find(|_| ask(service, &request).is_some());
        let tries = tries.ok_or_else(|| format!("no reply to {size} bytes"))?;
        served.requests += 1;
        served.again += tries - 1;
        served.slowest = served.slowest.max(asked.elapsed());
    }
    Ok(served)
}

/// Whether there is a reply, which is right. Each try has a socket of its own: a late reply cannot be taken for another.
fn ask(service: Ipv6Addr, request: &[u8]) -> Option<()> {
    let socket = UdpSocket::bind((HOST, 0)).expect("a socket can be opened");
    socket.set_read_timeout(Some(REPLY_TIMEOUT)).expect("it can be set");
    socket.connect((service, 8080)).expect("there is a route");
    socket.send(request).ok()?;
    let mut reply = vec![0; 1 << 16];
    let length = socket.recv(&mut reply).ok()?;
    assert_eq!(&reply[..length], request, "a wrong reply to {} bytes", request.len());
    Some(())
}

/// Asks again and again while the frames of an attack come in turn.
pub(crate) fn served_during(service: Ipv6Addr, frames: &[Vec<u8>], what: &str) -> Served {
    let over = AtomicBool::new(false);
    let (served, sent, time) = thread::scope(|scope| {
        let attack = scope.spawn(|| attack(frames, &over));
        let (mut all, start) = (Served::default(), Instant::now());
        let mut failed = None;
        while failed.is_none() && start.elapsed() < DURING {
            match served(service, 3) {
                Ok(served) => {
                    all.requests += served.requests;
                    all.again += served.again;
                    all.slowest = all.slowest.max(served.slowest);
                }
                Err(error) => failed = Some(error),
            }
        }
        let time = start.elapsed();
        over.store(true, Ordering::Relaxed);
        let sent = attack.join().expect("the attack does not panic");
        assert!(sent >= BURST, "{what}: nothing was sent");
        assert_eq!(failed, None, "{what}: the good client is not served");
        (all, sent, time)
    });
    println!(
        "{what}: {} requests were served, {} of them asked again, the slowest after {} ms, while {:.0} frames came in a second",
        served.requests,
        served.again,
        served.slowest.as_millis(),
        sent as f64 / time.as_secs_f64()
    );
    served
}

/// Sends until it is over; says how many frames there was room for.
fn attack(frames: &[Vec<u8>], over: &AtomicBool) -> usize {
    let wire = Wire::open(&soak::place().interface).expect("the interface is there");
    let (mut sent, start) = (0, Instant::now());
    let mut frames = frames.iter().cycle();
    while !over.load(Ordering::Relaxed) {
        let due = Duration::from_secs_f64(sent as f64 / RATE as f64);
        thread::sleep(due.saturating_sub(start.elapsed()));
        for frame in frames.by_ref().take(BURST) {
            sent += usize::from(wire.try_send(frame).expect("the interface stays"));
        }
    }
    sent
}
