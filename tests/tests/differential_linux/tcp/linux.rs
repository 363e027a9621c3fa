//! Linux with TCP, and an application that does what it is told.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::linux::net::TcpStreamExt,
    time::Duration,
};

use super::application::{Command, Seen, bytes};
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};

use crate::differential_linux::{
    frames::PORT,
    kernel::{Kernel, set, with_kernel},
};

/// What Linux is told of TCP, so that it does what it does at once, and no more than we do.
const SETTINGS: [(&str, &str); 19] = [
    // What every host has an interest in.
    ("ipv4/tcp_sack", "1"),
    ("ipv4/tcp_dsack", "1"),
    ("ipv4/tcp_timestamps", "1"),
    ("ipv4/tcp_window_scaling", "1"),
    // No acknowledgment of out-of-order data waits for others.
    ("ipv4/tcp_comp_sack_nr", "0"),
    // As many challenges for all connections as there are, and those of one as by default, half a second apart (RFC 5961 7).
    ("ipv4/tcp_challenge_ack_limit", "2147483647"),
    ("ipv4/tcp_invalid_ratelimit", "500"),
    // Half-open connections do not get into each other's way, and end soon.
    ("ipv4/tcp_syncookies", "0"),
    ("ipv4/tcp_max_syn_backlog", "65536"),
    ("core/somaxconn", "65536"),
    ("ipv4/tcp_synack_retries", "1"),
    // We have no ECN and no Fast Open.
    ("ipv4/tcp_ecn", "0"),
    ("ipv4/tcp_fastopen", "0"),
    // A reset does not end TIME-WAIT (RFC 1337).
    ("ipv4/tcp_rfc1337", "1"),
    // No probes of a tail that may be lost: real time passes.
    ("ipv4/tcp_early_retrans", "0"),
    // One connection is as the other.
    ("ipv4/tcp_no_metrics_save", "1"),
    ("ipv4/tcp_moderate_rcvbuf", "0"),
    ("ipv4/tcp_rmem", "4096 131072 6291456"),
    ("ipv4/tcp_adv_win_scale", "1"),
];

/// Linux that listens.
pub(super) struct Linux<'a> {
    kernel: &'a mut Kernel,
    listener: TcpListener,
    stream: Option<TcpStream>,
    seen: Vec<Seen>,
    written: u32,
    /// Whether the application was told that the connection is broken: Linux says it once, to whom it may be.
    has_failed: bool,
}

/// Calls `test` with a kernel that was just set up, and listens.
pub(super) fn with_linux<T: Send>(test: impl FnOnce(&mut Linux<'_>) -> T + Send) -> T {
    with_kernel(|kernel| {
        for (name, value) in SETTINGS {
            set(name, value);
        }
        let listener =
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("nobody has the port");
        listener.set_nonblocking(true).expect("it can be");
        // More than the standard library asks for.
        let backlog = Backlog::new(4_096).expect("a number that it takes");
        listen(&listener, backlog).expect("it listens already");
        test(&mut Linux {
            kernel,
            listener,
            stream: None,
            seen: Vec::new(),
            written: 0,
            has_failed: false,
        })
    })
}

impl Linux<'_> {
    /// Begins anew: what there was is forgotten.
    pub(super) fn begin(&mut self) {
        self.end(None);
        (self.written, self.seen, self.has_failed) = (0, Vec::new(), false);
    }

    /// Ends what there is: that of an application, and what is half-open, by this frame.
    pub(super) fn end(&mut self, reset: Option<&[u8]>) {
        if let Some(reset) = reset {
            self.kernel.hears(reset);
        }
        while let Ok((stream, _)) = self.listener.accept() {
            abort(stream);
        }
        if let Some(stream) = self.stream.take() {
            abort(stream);
        }
        self.kernel.passes(Duration::ZERO);
    }

    /// Lets a frame arrive; gives what the kernel sent then.
    pub(super) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let mut answers = self.kernel.hears(frame);
        answers.extend(self.settle());
        answers
    }

    /// Waits; gives what the kernel sent in the meantime.
    pub(super) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.kernel.passes(time)
    }

    /// Tells the application to do something; gives what the kernel sent then.
    pub(super) fn does(&mut self, command: Command) -> Vec<Vec<u8>> {
        match (&mut self.stream, command) {
            (None, _) => {}
            (Some(stream), Command::Read) => {
                read(stream, &mut self.seen);
                match self.seen.last_mut() {
                    Some(Seen::Broken) => self.has_failed = true,
                    Some(end) if self.has_failed && *end == Seen::End => *end = Seen::Broken,
                    _ => {}
                }
            }
            (Some(stream), Command::Write(count)) => {
                match stream.write(&bytes(1 + self.written, count)) {
                    Ok(taken) => self.written += taken as u32,
                    // Who reads hears nothing of it any more.
                    Err(error) => self.has_failed |= error.kind() == ErrorKind::ConnectionReset,
                }
            }
            (Some(stream), Command::Shutdown) => {
                // It may be broken already.
                let _ = stream.shutdown(Shutdown::Write);
            }
            (Some(_), Command::Close) => self.stream = None,
            (Some(_), Command::Abort) => {
                if let Some(stream) = self.stream.take() {
                    abort(stream);
                }
            }
        }
        let mut answers = self.kernel.passes(Duration::ZERO);
        answers.extend(self.settle());
        answers
    }

    /// What the application has seen.
    pub(super) fn seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// Takes a connection, and lets the kernel send the acknowledgment that it has put off.
    fn settle(&mut self) -> Vec<Vec<u8>> {
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).expect("it can be");
            stream.set_nodelay(true).expect("it can be");
            // Urgent data is a part of the stream (RFC 6093 3.1).
            setsockopt(&stream, sockopt::OobInline, &true).expect("it can be");
            self.seen.push(Seen::Accepted);
            (self.written, self.has_failed) = (0, false);
            self.stream = Some(stream);
        }
        match &self.stream {
            Some(stream) => {
                stream.set_quickack(true).expect("it can be");
                self.kernel.passes(Duration::ZERO)
            }
            None => Vec::new(),
        }
    }
}

/// Takes all that has come.
fn read(stream: &mut TcpStream, seen: &mut Vec<Seen>) {
    let (mut all, mut buffer) = (Vec::new(), [0; 1 << 16]);
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break Some(Seen::End),
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
            Err(_) => break Some(Seen::Broken),
        }
    };
    if !all.is_empty() {
        seen.push(Seen::Bytes(all));
    }
    seen.extend(end);
}

/// Ends a connection by a reset.
fn abort(stream: TcpStream) {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    let _ = setsockopt(&stream, sockopt::Linger, &linger);
    drop(stream);
}
