//! Our host with TCP, and an application that does what it is told.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    time::Duration,
};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Instant;
use netif::MacAddr;
use tasks::Tasks;
use tcp::{Stream, StreamError, Tcp};
use testkit::{Clock, End, Host, Wire, program_memory};

use super::application::{Command, Seen, bytes};
use crate::differential_linux::frames::{OUR_MAC, PEER, PEER_MAC, PORT, US};

/// How many pages a host has. They are never given back.
const PAGES: usize = 128;

/// How often an application looks whether it is told something.
const TURN: Duration = Duration::from_millis(1);

type Tower = Tcp<Icmp<Ipv4<'static, Arp<'static, Ethernet<End>>>>>;

/// What the application and the test share.
#[derive(Debug, Default)]
struct Shared {
    commands: RefCell<VecDeque<Command>>,
    seen: RefCell<Vec<Seen>>,
    /// How many bytes it has sent.
    written: Cell<u32>,
    /// How many connections there were. The application is that of the last.
    connections: Cell<u32>,
}

/// Our host.
pub(super) struct Ours {
    host: Host<'static, Tower>,
    wire: Wire,
    shared: &'static Shared,
}

impl Ours {
    pub(super) fn new() -> Self {
        let memory = program_memory(PAGES);
        let tasks = Tasks::new(memory).expect("there is room");
        let (wire, end) = Wire::new(MacAddr(OUR_MAC));
        let cidr = format!("{US}/24").parse().expect("an address and its prefix");
        let mut arp = Arp::new(Ethernet::new(end), cidr, 7, memory).expect("there is room");
        arp.insert_static(PEER, MacAddr(PEER_MAC)).expect("it is a neighbour");
        let ipv4 = Ipv4::new(arp, 1, memory).expect("there is room");
        let icmp = Icmp::new(ipv4.with_gateway(Some(PEER)), 7);
        let mut tower = Tcp::new(icmp, 7, tasks).expect("there is room");
        // A service is in a region, where nothing with a destructor goes.
        let shared: &'static Shared = Box::leak(Box::default());
        tower
            .bind(PORT, async move |stream, _| {
                serve(stream, shared).await;
                Ok(())
            })
            .expect("nobody has the port");
        let clock = Clock::starting_at(Instant::from_millis(1));
        let pool = memory.pool().expect("a program's memory is in a pool");
        let host = Host::new(tower, clock, pool).with_tasks(tasks);
        let mut ours = Self { host, wire, shared };
        // It announces its address twice.
        ours.passes(Duration::from_secs(4));
        ours
    }

    /// Lets a frame arrive; gives what the host sent then.
    pub(super) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        // What it has sent by its own clock is no answer.
        self.wire.drain();
        self.wire.push(frame);
        self.host.turn();
        self.wire.drain()
    }

    /// Lets time pass; gives what the host sent then.
    pub(super) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.host.sleep(time);
        self.wire.drain()
    }

    /// Tells the application to do something; gives what the host sent then.
    pub(super) fn does(&mut self, command: Command) -> Vec<Vec<u8>> {
        self.shared.commands.borrow_mut().push_back(command);
        let frames = self.passes(2 * TURN);
        // There may be no application.
        self.shared.commands.borrow_mut().clear();
        frames
    }

    /// What the application has seen.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.take()
    }
}

async fn serve(stream: &Stream, shared: &'static Shared) {
    shared.seen.borrow_mut().push(Seen::Accepted);
    stream.set_nodelay(true);
    shared.written.set(0);
    shared.connections.set(shared.connections.get() + 1);
    let number = shared.connections.get();
    while number == shared.connections.get() {
        let command = shared.commands.borrow_mut().pop_front();
        match command {
            None => stream.sleep(TURN).await,
            Some(Command::Close) => return,
            Some(Command::Shutdown) => stream.shutdown(),
            Some(Command::Abort) => stream.abort(),
            Some(Command::Write(count)) => {
                let bytes = bytes(1 + shared.written.get(), count);
                stream.set_deadline(Some(stream.now()));
                if let Ok(taken) = stream.send_some(&bytes).await {
                    shared.written.set(shared.written.get() + taken as u32);
                }
            }
            Some(Command::Read) => read(stream, shared).await,
        }
    }
}

/// Takes all that has come.
async fn read(stream: &Stream, shared: &'static Shared) {
    let mut all = Vec::new();
    let end = loop {
        stream.set_deadline(Some(stream.now()));
        let some = stream.receive(|bytes| {
            all.extend_from_slice(bytes);
            (bytes.len(), Some(()))
        });
        match some.await {
            Ok(Some(())) => {}
            Ok(None) => break Some(Seen::End),
            Err(StreamError::TimedOut) => break None,
            Err(_) => break Some(Seen::Broken),
        }
    };
    let mut seen = shared.seen.borrow_mut();
    if !all.is_empty() {
        seen.push(Seen::Bytes(all));
    }
    seen.extend(end);
}
