//! One connection of a client.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddrV4, TcpStream},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

/// What bodies are made of.
static BODY: [u8; 1 << 16] = [b'y'; 1 << 16];

/// A request and what is known of its reply.
#[derive(Debug)]
pub(crate) struct Request {
    /// The head.
    pub(crate) head: Vec<u8>,
    /// How many bytes follow it.
    pub(crate) body: u64,
    /// The body of its reply, if it was asked before.
    pub(crate) reply: Option<Reply>,
}

/// A body: its length, and its bytes as far as they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) length: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    /// The longest body that is compared; of a longer one, only the length.
    const COMPARED: u64 = 1 << 16;
}

/// A connection, and where it is in its requests.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// How many bytes of head and body are sent.
    sent: u64,
    /// What has come of the head of the reply.
    head: Vec<u8>,
    /// What has come of its body, and how much is to come.
    bytes: Vec<u8>,
    length: Option<u64>,
    came: u64,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is no room to send.
    ToSend,
    /// The reply is not there.
    ToReceive,
    /// The reply is there.
    Done,
}

impl Connection {
    /// Begins to connect, without waiting.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn open(to: SocketAddrV4) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &to) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let (head, bytes) = (Vec::with_capacity(512), Vec::new());
        Ok(Self { stream: socket.into(), sent: 0, head, bytes, length: None, came: 0 })
    }

    /// The next request begins.
    pub(crate) fn again(&mut self) {
        self.sent = 0;
        self.head.clear();
        self.bytes.clear();
        self.length = None;
        self.came = 0;
    }

    /// Sends and receives what can be.
    ///
    /// # Errors
    /// The connection fails, or the reply is none or another than before.
    pub(crate) fn go_on(&mut self, request: &Request, room: &mut [u8]) -> Result<Step> {
        if !self.send(request)? {
            return Ok(Step::ToSend);
        }
        loop {
            let length = match self.stream.read(room) {
                Ok(0) => bail!("the connection ended before the reply"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Step::ToReceive),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot receive"),
            };
            if self.take(&room[..length])? {
                if let Some(reply) = &request.reply {
                    let same = reply.length == self.came && reply.bytes == self.bytes;
                    ensure!(same, "the reply is another than before");
                }
                return Ok(Step::Done);
            }
        }
    }

    /// Whether the service has ended the connection, after the reply.
    ///
    /// # Errors
    /// It failed, or more has come.
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        match self.stream.read(&mut [0; 1]) {
            Ok(0) => Ok(true),
            Ok(_) => bail!("something comes after the reply"),
            Err(error) if is_for_later(&error) => Ok(false),
            Err(error) => Err(error).context("the connection does not end well"),
        }
    }

    /// The reply that has come.
    pub(crate) fn reply(&self) -> Reply {
        Reply { length: self.came, bytes: self.bytes.clone() }
    }

    /// Sends what is left; says whether that is nothing any more.
    fn send(&mut self, Request { head, body, .. }: &Request) -> Result<bool> {
        let all = head.len() as u64 + body;
        while self.sent < all {
            let piece = match head.get(self.sent as usize..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => &BODY[..BODY.len().min((all - self.sent) as usize)],
            };
            match self.stream.write(piece) {
                Ok(length) => self.sent += length as u64,
                // Not connected yet is one of them.
                Err(error) if is_for_later(&error) => return Ok(false),
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        Ok(true)
    }

    /// Takes what has come; says whether the reply is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        let mut body = bytes;
        if self.length.is_none() {
            self.head.extend_from_slice(bytes);
            let mut fields = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut fields);
            let httparse::Status::Complete(end) = response.parse(&self.head)? else {
                return Ok(false);
            };
            ensure!(response.code == Some(200), "the reply has the status {:?}", response.code);
            let mut fields = response.headers.iter();
            let field = fields.find(|it| it.name.eq_ignore_ascii_case("content-length"));
            let length = field.context("the reply says no length")?.value;
            self.length = Some(std::str::from_utf8(length)?.parse()?);
            body = &bytes[bytes.len() - (self.head.len() - end)..];
        }
        self.came += body.len() as u64;
        let length = self.length.unwrap_or(0);
        if length <= Reply::COMPARED {
            self.bytes.extend_from_slice(body);
        }
        ensure!(self.came <= length, "something comes after the reply");
        Ok(self.came == length)
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
