//! A server of the time whose clock is wrong, so that it is seen whose time a service has.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use sntp::wire::{Header, MODE_SERVER, Timestamp, flags};
use zerocopy::IntoBytes;

/// A running server. Dropping it ends it.
pub(crate) struct WrongClock {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl WrongClock {
    /// Starts a server at this address and port, whose clock is ahead by so much.
    pub(crate) fn start(address: &str, ahead: Duration) -> Self {
        let socket = UdpSocket::bind(address).expect("a socket can be opened");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("it can be set");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut question = [0; 512];
            while !ends.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut question) else { continue };
                let Ok(question) = Header::parse(&question[..length]) else { continue };
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let time = Timestamp::from_1970(now.expect("it is after 1970") + ahead).0;
                let answer = Header {
                    flags: flags(0, question.version(), MODE_SERVER),
                    stratum: 1,
                    precision: -20,
                    reference_id: *b"XTST",
                    reference: (time - (9 << 32)).into(),
                    origin: question.transmit,
                    receive: time.into(),
                    transmit: time.into(),
                    ..Header::question(0)
                };
                let _ = socket.send_to(answer.as_bytes(), client);
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for WrongClock {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
