//! The HTTP service on the kernel's own TCP: one thread, epoll, and no more than it takes. It is run behind a pair of
//! virtual Ethernet interfaces: `behind-veth ... -- kernel-http 8080`.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    env,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use anyhow::{Context, Result};
use bench::http::Conversation;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    net::{listen, sockopt},
};

/// How many connections wait to be accepted.
const BACKLOG: i32 = 4096;
/// How many events are taken at once.
const EVENTS: usize = 256;
/// How many bytes are read at once.
const PIECE: usize = 1 << 18;
/// The event of the socket that listens.
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    conversation: Conversation,
    /// Whether it waits for room to send.
    waits: bool,
}

fn main() -> Result<()> {
    let port = env::args().nth(1).context("expected a port")?.parse()?;
    tests::raise_file_limit()?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    eprintln!("serving");
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: HashMap<u64, Connection> = HashMap::new();
    let (mut next, mut bytes) = (0, vec![0; PIECE]);
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        for event in events.drain(..) {
            let number = event.data.u64();
            if number == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    sockopt::set_tcp_nodelay(&stream, true)?;
                    epoll::add(&epoll, &stream, EventData::new_u64(next), EventFlags::IN)?;
                    let conversation = Conversation::default();
                    connections.insert(next, Connection { stream, conversation, waits: false });
                    next += 1;
                }
                continue;
            }
            let Some(connection) = connections.get_mut(&number) else { continue };
            let waited = connection.waits;
            match connection.go_on(&mut bytes) {
                Ok(true) if connection.waits != waited => {
                    let flags = if waited { EventFlags::IN } else { EventFlags::OUT };
                    epoll::modify(&epoll, &connection.stream, EventData::new_u64(number), flags)?;
                }
                Ok(true) => {}
                // The kernel forgets the event with the socket.
                Ok(false) | Err(_) => drop(connections.remove(&number)),
            }
        }
    }
}

impl Connection {
    /// Receives and sends what can be; says whether the connection goes on.
    fn go_on(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        if !self.waits {
            match self.stream.read(bytes) {
                Ok(0) => return Ok(false),
                Ok(length) => self.conversation.receive(&bytes[..length])?,
                Err(error) if is_no_error(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.waits = false;
        loop {
            let piece = self.conversation.to_send();
            if piece.is_empty() {
                return Ok(!self.conversation.closes());
            }
            match self.stream.write(piece) {
                Ok(length) => self.conversation.sent(length)?,
                Err(error) if is_no_error(&error) => {
                    self.waits = true;
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_no_error(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
