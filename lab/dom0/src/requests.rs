//! UDP requests: sent, counted, compared with what is expected.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use dom0::protocol::{Answer, Ask, Asked, Trouble};
use nix::sys::socket::{setsockopt, sockopt};

use crate::agent::failed;

pub(crate) fn send(ask: &Ask, body: &[u8]) -> (Answer, Vec<u8>) {
    let Some((request, expected)) = body.split_at_checked(ask.length) else {
        return failed(format!("the request has {} bytes, not {}", body.len(), ask.length));
    };
    let expected = ask.expected.then(|| expected.to_vec());
    match exchange(ask, request, expected) {
        Ok((asked, reply)) => (Answer::Asked(asked), reply),
        Err(error) => failed(format!("cannot send UDP requests: {error}")),
    }
}

/// What is known of the replies.
struct Replies {
    expected: Option<Vec<u8>>,
    /// What is returned.
    shown: Option<Vec<u8>>,
    asked: Asked,
}

impl Replies {
    /// Counts the reply to request number `number`, if requests are numbered.
    fn add(&mut self, reply: &[u8], number: Option<u32>) {
        let expected = self.expected.get_or_insert_with(|| reply.to_vec());
        let is_equal = match number {
            Some(number) => reply == with_number(expected, number),
            None => reply == expected,
        };
        let is_first_different = !is_equal && self.asked.different == 0;
        *(if is_equal { &mut self.asked.equal } else { &mut self.asked.different }) += 1;
        if is_first_different || self.shown.is_none() {
            self.shown = Some(reply.to_vec());
        }
    }
}

/// The text, in which `{n}` stands for the number.
fn with_number(text: &[u8], number: u32) -> Vec<u8> {
    let mut rest = text;
    let mut numbered = Vec::with_capacity(text.len());
    while let Some(at) = rest.windows(3).position(|three| three == b"{n}") {
        numbered.extend_from_slice(&rest[..at]);
        numbered.extend_from_slice(number.to_string().as_bytes());
        rest = &rest[at + 3..];
    }
    numbered.extend_from_slice(rest);
    numbered
}

fn exchange(ask: &Ask, request: &[u8], expected: Option<Vec<u8>>) -> io::Result<(Asked, Vec<u8>)> {
    let any = if ask.to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(ask.to)?;
    // Otherwise Linux keeps to itself that nobody answers for an address.
    match ask.to {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    let mut replies = Replies { expected, shown: None, asked: Asked::default() };
    let mut buffer = vec![0; 1 << 16];
    // When each request is given up that has no reply. Which reply belongs to which request cannot
    // be told, all being equal; the oldest is the first to get one.
    let window = if ask.is_numbered { 1 } else { ask.window as usize };
    let mut waiting = VecDeque::with_capacity(window);
    let (start, mut last) = (Instant::now(), Instant::now());
    let trouble = loop {
        let sent = |asked: &Asked| asked.sent < ask.times;
        let result = if sent(&replies.asked) && waiting.len() < window {
            let number = replies.asked.sent;
            replies.asked.sent += 1;
            waiting.push_back(Instant::now() + ask.limit);
            let sent = match ask.is_numbered {
                true => socket.send(&with_number(request, number)),
                false => socket.send(request),
            };
            sent.map(|_| None)
        } else if let Some(deadline) = waiting.front() {
            receive(&socket, *deadline, &mut buffer).map(Some)
        } else {
            break None;
        };
        match result {
            Ok(None) => {}
            Ok(Some(Some(length))) => {
                last = Instant::now();
                waiting.pop_front();
                let number = ask.is_numbered.then(|| replies.asked.sent - 1);
                replies.add(&buffer[..length], number);
            }
            Ok(Some(None)) => {
                waiting.pop_front();
                replies.asked.lost += 1;
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::ConnectionRefused => break Some(Trouble::Refused),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    break Some(Trouble::Unreachable);
                }
                _ => break Some(Trouble::Other(error.to_string())),
            },
        }
    };
    replies.asked.lost += u32::try_from(waiting.len()).unwrap_or(u32::MAX);
    replies.asked.elapsed = last - start;
    replies.asked.trouble = trouble;
    Ok((replies.asked, replies.shown.unwrap_or_default()))
}

/// The length of the next datagram; none if there is none until `deadline`.
pub(crate) fn receive(
    socket: &UdpSocket,
    deadline: Instant,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    let left = deadline.saturating_duration_since(Instant::now());
    // A limit of zero would be none at all.
    socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    match socket.recv(buffer) {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        thread,
    };

    use super::*;

    /// Asks a server on this machine that answers request number `n` with `reply(n)`.
    fn ask(
        times: u32,
        window: u32,
        expected: Option<&[u8]>,
        reply: impl Fn(u32) -> Option<Vec<u8>> + Send + 'static,
    ) -> (Asked, Vec<u8>) {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = server.local_addr().unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let server = thread::spawn(move || {
            let mut buffer = [0; 64];
            for number in 0..times {
                let Ok((length, from)) = server.recv_from(&mut buffer) else { return };
                assert_eq!(&buffer[..length], b"request");
                if let Some(reply) = reply(number) {
                    server.send_to(&reply, from).unwrap();
                }
            }
        });
        let ask = Ask {
            to,
            times,
            window,
            limit: Duration::from_millis(500),
            expected: expected.is_some(),
            length: 7,
            is_numbered: false,
        };
        let body = [b"request", expected.unwrap_or_default()].concat();
        let (Answer::Asked(asked), reply) = send(&ask, &body) else { panic!("not sent") };
        server.join().unwrap();
        (asked, reply)
    }

    #[test]
    fn equal_different_and_lost_replies_are_counted() {
        for window in [1, 8] {
            let (asked, reply) = ask(100, window, Some(b"good"), |_| Some(b"good".to_vec()));
            assert_eq!((asked.sent, asked.equal, asked.different, asked.lost), (100, 100, 0, 0));
            assert_eq!((asked.trouble, &reply[..]), (None, &b"good"[..]));
        }
        let (asked, reply) =
            ask(10, 1, None, |n| Some(if n == 5 { &b"bad"[..] } else { b"good" }.to_vec()));
        assert_eq!((asked.equal, asked.different, asked.lost), (9, 1, 0));
        assert_eq!(reply, b"bad");
        let (asked, _) = ask(10, 3, None, |n| (n != 9).then(Vec::new));
        assert_eq!((asked.equal, asked.different, asked.lost), (9, 0, 1));
    }

    #[test]
    fn requests_may_have_numbers() {
        assert_eq!(with_number(b"set {n} v{n}.", 17), b"set 17 v17.");
        assert_eq!(with_number(b"{n", 17), b"{n");
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = server.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut buffer = [0; 64];
            for number in 0..20 {
                let (length, from) = server.recv_from(&mut buffer).unwrap();
                assert_eq!(buffer[..length], *format!("get {number}").as_bytes());
                let reply = if number == 13 { "none".into() } else { format!("value {number}") };
                server.send_to(reply.as_bytes(), from).unwrap();
            }
        });
        let ask = Ask {
            to,
            times: 20,
            window: 8,
            limit: Duration::from_secs(5),
            expected: true,
            length: 7,
            is_numbered: true,
        };
        let (Answer::Asked(asked), reply) = send(&ask, b"get {n}value {n}") else {
            panic!("not sent")
        };
        server.join().unwrap();
        assert_eq!((asked.equal, asked.different, &reply[..]), (19, 1, &b"none"[..]));
    }

    #[test]
    fn nobody_there_is_told_apart() {
        for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            // A machine may have no IPv6.
            let Ok(open) = UdpSocket::bind((address, 0)) else { continue };
            let closed = open.local_addr().unwrap();
            drop(open);
            refuses(closed);
        }
    }

    /// Asks where nobody listens.
    fn refuses(closed: SocketAddr) {
        let ask = Ask {
            to: closed,
            times: 3,
            window: 1,
            limit: Duration::from_secs(5),
            expected: false,
            length: 0,
            is_numbered: false,
        };
        let (Answer::Asked(asked), reply) = send(&ask, b"") else { panic!("not sent") };
        assert_eq!(asked.trouble, Some(Trouble::Refused));
        assert_eq!((asked.sent, asked.lost, &reply[..]), (1, 1, &b""[..]));
    }

    #[test]
    fn a_body_that_is_too_short_is_refused() {
        let ask = Ask {
            to: (Ipv4Addr::LOCALHOST, 9).into(),
            times: 1,
            window: 1,
            limit: Duration::ZERO,
            expected: false,
            length: 2,
            is_numbered: false,
        };
        assert!(matches!(send(&ask, b"x"), (Answer::Failed { .. }, _)));
    }
}
