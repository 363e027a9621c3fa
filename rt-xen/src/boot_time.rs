//! How long the guest took from its first instruction to its first word on the network.

use core::sync::atomic::{AtomicU64, Ordering};

use layer::Payload;
use netif::Recorder;

use crate::{clock::Clock, early};

/// The time stamp counter at the first instruction; the entry writes it.
pub(crate) static FIRST_INSTRUCTION: AtomicU64 = AtomicU64::new(0);

/// Where the type stands in an Ethernet frame, and as how much of an ARP packet follows as has its
/// operation (RFC 894, RFC 826).
const TYPE: usize = 12;
const LENGTH: usize = 10;
/// The type of ARP, and the operation of a reply.
const ARP: [u8; 2] = [0x08, 0x06];
const REPLY: [u8; 2] = [0, 2];

/// Watches the frames of the interface until the first ARP reply, and then prints how long after the first
/// instruction of the guest that was. An ARP reply is the first thing that a new host is asked for.
#[derive(Debug)]
pub struct BootTime {
    clock: &'static Clock<'static>,
    is_over: bool,
}

impl BootTime {
    pub(crate) fn new(clock: &'static Clock<'static>) -> Self {
        Self { clock, is_over: false }
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, header: [u8; LENGTH]) {
        if header.starts_with(&ARP) && header.ends_with(&REPLY) {
            self.is_over = true;
            let first = FIRST_INSTRUCTION.load(Ordering::Relaxed);
            let micros = self.clock.since(first) / 1000;
            early::print(format_args!("first ARP reply {micros} us after the first instruction"));
        }
    }
}

impl Recorder for BootTime {
    #[inline]
    fn record(&mut self, frame: &dyn Payload) {
        if !self.is_over && frame.len() >= TYPE + LENGTH {
            let mut header = [0; LENGTH];
            frame.copy_to(TYPE, &mut header);
            self.look(header);
        }
    }
}
