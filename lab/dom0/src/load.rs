//! Load: requests that can be told apart, so many outstanding, and every reply compared.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::UdpSocket,
    time::{Duration, Instant},
};

use ::tests::Content;
use dom0::protocol::{Answer, Load, Loaded};

use crate::{agent::failed, requests::receive};

pub(crate) fn run(load: &Load) -> (Answer, Vec<u8>) {
    if load.length < Load::SHORTEST || load.window == 0 {
        return failed(format!("{load:?} is no load: too short, or none outstanding"));
    }
    match exchange(load) {
        Ok(loaded) => (Answer::Loaded(loaded), Vec::new()),
        Err(error) => failed(format!("the load on {}: {error}", load.to)),
    }
}

fn exchange(load: &Load) -> io::Result<Loaded> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.connect(load.to)?;
    let content = Content::new(load.length.into());
    let (mut request, mut buffer) = (vec![0; content.size()], vec![0; 1 << 16]);
    // The outstanding requests, the oldest first.
    let mut waiting = VecDeque::<(u64, Instant)>::with_capacity(load.window.into());
    let (mut times, mut loaded, mut next) = (Vec::new(), Loaded::default(), 0);
    let (start, mut last) = (Instant::now(), Instant::now());
    loop {
        while waiting.len() < usize::from(load.window) && start.elapsed() < load.time {
            content.write(next, &mut request);
            waiting.push_back((next, Instant::now()));
            next += 1;
            send(&socket, &request)?;
        }
        let Some((_, oldest)) = waiting.front() else { break };
        match receive(&socket, *oldest + load.limit, &mut buffer) {
            Ok(Some(length)) => match content.number(&buffer[..length]) {
                Some(number) => {
                    // Others were given up, and are late.
                    if let Some(at) = waiting.iter().position(|(of, _)| *of == number)
                        && let Some((_, asked)) = waiting.remove(at)
                    {
                        last = Instant::now();
                        times.push(last - asked);
                    }
                }
                None => loaded.wrong += 1,
            },
            Ok(None) => {
                waiting.pop_front();
                loaded.lost += 1;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    times.sort_unstable();
    // The smallest time that so many of a hundred are not above.
    let at = |percent: usize| -> Duration {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    };
    (loaded.p50, loaded.p99) = (at(50), at(99));
    loaded.replies = u32::try_from(times.len()).unwrap_or(u32::MAX);
    loaded.elapsed = last - start;
    Ok(loaded)
}

fn send(socket: &UdpSocket, request: &[u8]) -> io::Result<()> {
    match socket.send(request) {
        Ok(_) => Ok(()),
        // A request that finds no room is one that was lost.
        Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, SocketAddr},
        thread,
    };

    use super::*;

    /// What comes of a load on a server of this machine that answers with what `reply` makes of the request.
    fn load(window: u16, reply: impl Fn(&mut Vec<u8>) -> bool + Send + 'static) -> Loaded {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(to) = server.local_addr().unwrap() else { panic!("no IPv4") };
        server.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let server = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = server.recv_from(&mut buffer) {
                let mut bytes = buffer[..length].to_vec();
                if reply(&mut bytes) {
                    server.send_to(&bytes, from).unwrap();
                }
            }
        });
        let load = Load {
            to,
            length: 2000,
            window,
            time: Duration::from_millis(100),
            limit: Duration::from_secs(1),
        };
        let (Answer::Loaded(loaded), _) = run(&load) else { panic!("no load") };
        server.join().unwrap();
        loaded
    }

    fn number(bytes: &[u8]) -> u64 {
        u64::from_le_bytes(*bytes.first_chunk().unwrap())
    }

    #[test]
    fn right_replies_are_counted_and_timed() {
        for window in [1, 16] {
            let loaded = load(window, |_| true);
            assert_eq!((loaded.wrong, loaded.lost), (0, 0), "{loaded:?}");
            assert!(loaded.replies > 10 && loaded.elapsed >= loaded.p99, "{loaded:?}");
            assert!(loaded.p99 >= loaded.p50 && !loaded.p50.is_zero(), "{loaded:?}");
        }
    }

    #[test]
    fn wrong_and_lost_replies_are_told_apart() {
        let loaded = load(4, |bytes| number(bytes) != 2);
        assert_eq!((loaded.wrong, loaded.lost), (0, 1), "{loaded:?}");
        let loaded = load(4, |bytes| {
            if number(bytes) == 3 {
                bytes[1999] ^= 1;
            }
            true
        });
        assert_eq!((loaded.wrong, loaded.lost), (1, 1), "{loaded:?}");
        // The content of another request.
        let loaded = load(4, |bytes| {
            if number(bytes) == 3 {
                bytes[0] = 4;
            }
            true
        });
        assert_eq!((loaded.wrong, loaded.lost), (1, 1), "{loaded:?}");
    }

    #[test]
    fn what_is_no_load_is_refused() {
        let good = Load {
            to: "127.0.0.1:9".parse().unwrap(),
            length: 64,
            window: 1,
            time: Duration::ZERO,
            limit: Duration::ZERO,
        };
        for bad in [Load { length: 7, ..good }, Load { window: 0, ..good }] {
            assert!(matches!(run(&bad), (Answer::Failed { .. }, _)), "{bad:?}");
        }
    }
}
