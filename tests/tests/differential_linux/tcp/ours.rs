//! Our host with TCP, and an application that does what it is told.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    time::Duration,
};

use cores::Core;
use ethernet::Ethernet;
use layer::Instant;
use netif::MacAddr;
use network::Network;
use rt_regions::Region;
use share::Share;
use tasks::Tasks;
use tcp::{Stream, StreamError, Tcp};
use testkit::{Clock, Host, Wire, program_memory};

use super::application::{Command, Seen, bytes};
use crate::differential_linux::{
    frames::{OUR_MAC, PORT},
    team::{Machine, Manner, Stack as _, Team},
    tower::OverIpv4,
};

/// How many pages a host has. They are never given back.
const PAGES: usize = 128;

/// How often an application looks whether it is told something.
const TURN: Duration = Duration::from_millis(1);

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
    machine: Box<dyn Machine>,
    shared: &'static Shared,
}

impl Ours {
    pub(super) fn new(manner: Manner) -> Self {
        // A service is in a region, where nothing with a destructor goes.
        let shared: &'static Shared = Box::leak(Box::default());
        let machine: Box<dyn Machine> = if manner == Manner::Alone {
            let memory = program_memory(PAGES);
            let (wire, end) = Wire::new(MacAddr(OUR_MAC));
            let network = OverIpv4::over(Ethernet::new(end), Core::ALONE, memory);
            let (tower, tasks) = tower(network, memory, shared);
            let clock = Clock::starting_at(Instant::from_millis(1));
            let pool = memory.pool().expect("a program's memory is in a pool");
            Box::new(Team::of_one(Host::new(tower, clock, pool).with_tasks(tasks), wire))
        } else {
            Box::new(Team::of_two(manner, PAGES, |link, core, memory| {
                let network = Share::new(OverIpv4::over(link, core, memory), core);
                let (tower, tasks) = tower(network, memory, shared);
                (tower, Some(tasks))
            }))
        };
        let mut ours = Self { machine, shared };
        // It announces its address twice.
        ours.passes(Duration::from_secs(4));
        ours
    }

    /// Lets a frame arrive; gives what the host sent then.
    pub(super) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        // What it has sent by its own clock is no answer.
        self.machine.drain();
        self.machine.hear(frame);
        self.machine.drain()
    }

    /// Lets time pass; gives what the host sent then.
    pub(super) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.machine.sleep(time);
        self.machine.drain()
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

/// The application, on TCP.
fn tower<I: Network>(
    network: I,
    memory: &'static Region<'static>,
    shared: &'static Shared,
) -> (Tcp<I>, &'static Tasks) {
    let tasks = Tasks::new(memory).expect("there is room");
    let mut tower = Tcp::new(network, 7, tasks).expect("there is room");
    tower
        .bind(PORT, async move |stream, _| {
            serve(stream, shared).await;
            Ok(())
        })
        .expect("nobody has the port");
    (tower, tasks)
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
