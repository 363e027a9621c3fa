//! That the link does what its conditions say.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Network, bad_network,
    bad_network::{BadNetwork, Conditions, Counts, Link, Rate, Share},
};
use nix::sys::socket::{setsockopt, sockopt};

/// How long a frame that is not lost may take.
const PATIENCE: Duration = Duration::from_millis(500);
const MILLISECOND: Duration = Duration::from_millis(1);
/// What may wait in a socket, in bytes, all that Linux keeps with it included.
const WAITING: usize = 256 << 20;

fn frames(conditions: Conditions) -> Link {
    Link::Frames { conditions: [conditions; 2], seed: 1 }
}

/// Calls `test` with a network whose link is like this.
fn with<T: Send>(link: Link, test: impl FnOnce(&BadNetwork) -> T + Send) -> T {
    bad_network::between(Network::default(), link, test).unwrap_or_else(|e| panic!("{e:#}"))
}

/// A socket of the far namespace in which everything may wait.
fn receiver(bad: &BadNetwork) -> UdpSocket {
    let receiver = UdpSocket::bind((bad.linux(), 7)).expect("a socket");
    setsockopt(&receiver, sockopt::RcvBufForce, &WAITING).expect("it may");
    receiver.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    receiver
}

/// Sends so many datagrams of this length from near to far, and says how many came, and how much time was between the
/// first and the last.
fn datagrams(bad: &BadNetwork, count: usize, length: usize) -> (usize, Duration) {
    let (receiver, to) = (receiver(bad), (bad.linux(), 7));
    thread::scope(|scope| {
        let counting = scope.spawn(move || {
            let (mut bytes, mut came, mut times) = (vec![0; 65_536], 0, None);
            while let Ok(came_now) = receiver.recv(&mut bytes) {
                // The empty one only finds the neighbour, for which Linux keeps few of those that follow.
                if came_now > 0 {
                    came += 1;
                    let now = Instant::now();
                    let (first, _) = *times.get_or_insert((now, now));
                    times = Some((first, now));
                }
            }
            (came, times.map_or(Duration::ZERO, |(first, last)| last - first))
        });
        bad.near(|| {
            let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
            sender.send_to(&[], to).expect("it can be sent");
            thread::sleep(PATIENCE / 2);
            for _ in 0..count {
                sender.send_to(&vec![7; length], to).expect("it can be sent");
            }
        })
        .expect("the namespace is there");
        counting.join().expect("it counts")
    })
}

pub(crate) fn a_delay_is_a_delay() {
    let delay = Duration::from_millis(20);
    with(frames(Conditions { delay, ..Conditions::PERFECT }), |bad| {
        let (receiver, to) = (receiver(bad), (bad.linux(), 7));
        let times = thread::scope(|scope| {
            scope.spawn(move || {
                let mut byte = [0; 1];
                while let Ok((_, from)) = receiver.recv_from(&mut byte) {
                    receiver.send_to(&byte, from).expect("it can be answered");
                }
            });
            bad.near(|| {
                let client = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
                client.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
                let ask = |number| {
                    let start = Instant::now();
                    client.send_to(&[number], to).expect("it can be sent");
                    client.recv(&mut [0; 1]).expect("it is answered");
                    start.elapsed()
                };
                (0..20).map(ask).min()
            })
        });
        let least = times.expect("the namespace is there").expect("there are some");
        println!("{least:?} there and back over a delay of {delay:?}");
        assert!((2 * delay..2 * delay + MILLISECOND).contains(&least), "{least:?}");
    });
}

pub(crate) fn a_rate_is_kept() {
    // 10 Mbit/s, of frames of 1,250 bytes with their headers: 1,000 in a second.
    let rate = Rate::megabits(10, 1 << 20);
    with(frames(Conditions::line(Duration::ZERO, rate)), |bad| {
        let (came, time) = datagrams(bad, 500, 1250 - 42);
        assert_eq!(came, 500);
        let milliseconds = time.as_millis();
        assert!((490..600).contains(&milliseconds), "{milliseconds} ms instead of 499");
        // What the queue has no room for is lost.
        let short = Rate::megabits(10, 12_500);
        bad.set([Conditions::line(Duration::ZERO, short); 2], 1).expect("frames pass one by one");
        let (came, _) = datagrams(bad, 500, 1250 - 42);
        let [counts, _] = bad.counts();
        assert_eq!(came as u64 + counts.overflowed, 500, "{counts:?}");
        assert!(counts.overflowed > 300, "{counts:?}");
    });
}

pub(crate) fn chance_takes_its_share() {
    let conditions = Conditions {
        lost: Share::percent(5),
        corrupted: Share::percent(3),
        duplicated: Share::percent(2),
        rate: Some(Rate::megabits(400, 8 << 20)),
        ..Conditions::PERFECT
    };
    with(frames(conditions), |bad| {
        let (came, _) = datagrams(bad, 5000, 1000);
        let [counts, _] = bad.counts();
        let Counts { lost, corrupted, duplicated, .. } = counts;
        // Linux drops what is corrupted, by its checksum; and what is corrupted may come twice.
        let most = 5000 + duplicated - lost - corrupted;
        assert!((most - 20..=most).contains(&(came as u64)), "{came}, {counts:?}");
        assert!((200..300).contains(&lost), "{counts:?}");
        assert!((100..200).contains(&corrupted), "{counts:?}");
        assert!((60..140).contains(&duplicated), "{counts:?}");
    });
}

/// Prints how many frames pass in a second, and what that costs.
pub(crate) fn many_frames_pass() {
    with(frames(Conditions::PERFECT), |bad| {
        let ([before, _], run) = (bad.counts(), bad.run());
        let (_, time) = datagrams(bad, 200_000, 100);
        let [counts, _] = bad.counts();
        let passed = counts.delivered - before.delivered;
        let rate = passed as f64 / time.as_secs_f64();
        let each = (bad.run() - run).as_nanos() as f64 / passed as f64;
        println!("{rate:.0} frames/s of 142 bytes, {each:.0} ns of a processor for each");
        // Five times as many where nobody else has the processors.
        assert!(rate > 30_000.0, "{rate:.0} frames in a second");
        assert_eq!(counts.lost + counts.overflowed + counts.refused, 0);
    });
}

/// What TCP gives to the device at once is one frame.
pub(crate) fn whole_frames_pass() {
    with(Link::Whole, |bad| {
        let (came, _) = datagrams(bad, 100, 1000);
        assert_eq!(came, 100);
        let error = bad.set([Conditions::PERFECT; 2], 1).expect_err("they have no conditions");
        assert!(error.to_string().contains("no conditions"));
        let [before, _] = bad.counts();
        let listener = TcpListener::bind((bad.linux(), 7)).expect("a socket");
        let to = bad.linux();
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().expect("somebody connects");
                io::copy(&mut stream, &mut io::sink()).expect("it can be read");
            });
            bad.near(|| {
                let mut stream = TcpStream::connect((to, 7)).expect("somebody listens");
                stream.write_all(&vec![0; 50_000_000]).expect("it is read");
            })
            .expect("the namespace is there");
        });
        let [after, _] = bad.counts();
        let (frames, bytes) = (after.frames - before.frames, after.bytes - before.bytes);
        println!("{} bytes in a frame", bytes / frames);
        assert!(bytes > 50_000_000 && bytes / frames > 10_000, "{bytes} bytes, {frames} frames");
    });
}
