//! A program with tasks and sockets: the input is what happens to it. After each step nothing is lost, no port is taken
//! twice, no turn does more than it may; in the end everything has come back.
//!
//! The memory of a program is `'static`, so it is used for many inputs, each of which ends with nothing left over.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    mem::{self, ManuallyDrop},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ::tasks::{PollTasks, TaskRef, Tasks};
use layer::{Instant, Layer, Rx};
use rt_regions::{Pool, Region};
use testkit::{counter, program_memory};
use udp::{BindError, Socket, Sockets, Udp};

use super::input::Input;

mod fake;
mod services;
mod steps;

use fake::{Fake, Incoming, NOWHERE};

type Tower = Udp<'static, Fake, &'static Sockets>;

/// The memory of a program: 512 KiB.
const PAGES: usize = 128;
/// The pages of the program's memory that hold its tables, and the places of all tasks and sockets that fit the pool.
const TABLES: usize = 16;
/// What a service that has a task for each request leaves there, in bytes at most.
const EACH_SIZE: usize = 40;
/// Beyond so many pages, a new program is begun.
const MOST_KEPT: usize = 24;
/// Who is asked.
const UPSTREAM: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 53)), 7_000);
/// Who asks.
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 40_000);
/// The ports that services and sockets have. The last two can be chosen for a question as well.
const PORTS: [u16; 8] = [53, 80, 81, 82, 91, 5353, 40_000, 65_535];
/// How many datagrams are sent in a turn at most: what may wait, and one more by each task that is polled, twice.
const MOST_SENT: usize = 64 + 2 * 33 + 40;
/// How many steps of an input are taken, so that each is soon done.
const MOST_STEPS: usize = 200;
/// Longer than anything waits.
const LONG: Duration = Duration::from_secs(3);

/// Who has a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    Function,
    Counters,
    /// A task, which may have ended by itself.
    Task,
    /// Services with a task for each request.
    Each,
    /// A socket of `main`.
    Socket,
}

struct Program {
    tower: Tower,
    tasks: &'static Tasks,
    pool: &'static Pool<'static>,
    packet: Region<'static>,
    now: Instant,
    owners: BTreeMap<u16, Owner>,
    sockets: Vec<Socket>,
    plain: Vec<TaskRef>,
    /// How many datagrams were given to the network below.
    heard: u64,
    /// How many services with a task for each request were started.
    each: usize,
    /// Whether memory may be refused.
    is_short: bool,
}

impl Program {
    fn new() -> Self {
        let memory = program_memory(PAGES);
        let pool = memory.pool().unwrap();
        let tasks = Tasks::new(memory).unwrap();
        let mut tower = Udp::new(Fake::default(), 7, memory).unwrap();
        tower.bind(7, |request, _| Ok(request)).unwrap();
        let tower = tower.with_tasks(tasks).unwrap();
        let packet = Region::new(pool, "packet").with_cap(PAGES / 4 * 3 * 4096);
        let now = Instant::from_millis(1_000);
        let (owners, sockets, plain) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self {
            tower,
            tasks,
            pool,
            packet,
            now,
            owners,
            sockets,
            plain,
            heard: 0,
            each: 0,
            is_short: false,
        }
    }

    /// One turn of the loop; says whether there was something to do.
    fn turn(&mut self) -> bool {
        self.packet.reset();
        let sent = self.tower.network().sent.len();
        let Ok(received) = self.tower.receive(self.now, &self.packet);
        let is_idle = match received {
            Rx::Item(_) => panic!("nothing but UDP comes"),
            Rx::Handled => false,
            Rx::Idle => true,
        };
        if is_idle && !self.tasks.is_due(self.now) {
            return false;
        }
        assert!(self.tower.network().sent.len() - sent <= MOST_SENT);
        self.tasks.run(self.now, &mut |line| assert!(line.to_string().starts_with("task ")));
        assert!(self.tasks.current().is_none());
        true
    }

    /// Turns until there is nothing to do now.
    fn settle(&mut self) {
        let mut turns = 0;
        while self.turn() {
            turns += 1;
            assert!(turns < 20_000, "it never sleeps");
        }
        assert!(self.tasks.next_deadline().is_none_or(|deadline| deadline > self.now));
    }

    fn waits(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.tasks.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// What must hold at any time.
    fn check(&mut self) {
        let held: usize = self.pool.labels().map(|label| label.pages()).sum();
        assert_eq!(held, self.pool.pages() - self.pool.free_pages(), "pages are lost");
        let counted = |name| counter(&self.tower, "udp", name);
        let names = ["datagrams_rx", "no_service", "not_allowed", "broadcasts", "service_ports"];
        // Those to the port of the counters that are not allowed are counted there as well.
        let all: u64 = names.map(counted).iter().sum();
        let waiting = self.tower.network().incoming.len();
        if waiting == 0 {
            assert_eq!(all + self.tower.network().lost, self.heard, "a datagram is lost");
        }
        assert!(!self.tasks.is_empty() || self.tasks.next_deadline().is_none());
        for datagram in mem::take(&mut self.tower.network_mut().sent) {
            assert!(datagram.from != 0 && datagram.max_ttl > 0);
            // A reply cannot go round for ever; what is not one is no reply.
            assert!(datagram.max_ttl < 64 || datagram.max_ttl == u8::MAX);
            assert!(datagram.payload.len() <= 65_507);
        }
    }

    /// Lets all that goes on come to an end, and looks for what is left.
    fn rest(&mut self) {
        self.pool.refuse(0);
        self.pool.keep_back(0);
        self.is_short = false;
        self.sockets.clear();
        for task in mem::take(&mut self.plain) {
            self.tasks.cancel(task);
            assert!(!task.is_alive());
        }
        self.waits(LONG);
        // Each service with a limit has room for a request again.
        let limited: Vec<u16> = self
            .owners
            .iter()
            .filter(|(_, owner)| **owner == Owner::Each)
            .map(|(port, _)| *port)
            .collect();
        let busy = counter(&self.tower, "sockets", "busy");
        for port in limited {
            self.hears(CLIENT, port, 64, 0, b"room?");
            self.waits(LONG);
        }
        assert_eq!(counter(&self.tower, "sockets", "busy"), busy, "a limit was miscounted");
        for (port, owner) in mem::take(&mut self.owners) {
            match owner {
                Owner::Function | Owner::Each => assert!(self.tower.unbind(port), "{port}"),
                // It may have ended.
                Owner::Task => drop(self.tower.unbind(port)),
                Owner::Counters => self.tower.serve_counters(None, Default::default()).unwrap(),
                Owner::Socket => {}
            }
        }
        self.waits(LONG);
        self.check();
        self.packet.reset();
        assert_eq!((self.tasks.len(), self.tasks.next_deadline()), (0, None));
        for label in self.pool.labels() {
            let (most, live) = match label.name() {
                // What is free there is taken first by the next task, socket or service.
                "global" => (TABLES + (self.each * EACH_SIZE).div_ceil(4096), 1),
                "packet" | "udp.service" => (1, 1),
                "udp.ports" => (3, 1),
                "udp.inboxes" | "udp.requests" | "udp.outbox" => (2, 1),
                // A page is kept for the next one; the region of all, and what lies in it.
                "tasks" => (1, 2),
                _ => (0, 0),
            };
            assert!(label.pages() <= most && label.live() <= live, "left behind: {label}");
        }
        for port in PORTS {
            let sockets = self.tower.sockets();
            assert!(sockets.open(port).is_ok(), "port {port} stays taken");
            self.tower.bind(port, |request, _| Ok(request)).unwrap();
            assert!(self.tower.unbind(port));
        }
    }

    /// Ends the program.
    fn ends(mut self) {
        self.plain.extend(services::spawn_plain(self.tower.sockets(), 4, 200, None));
        self.tasks.close();
        assert!(
            self.tasks.is_empty()
                && services::spawn_plain(self.tower.sockets(), 0, 0, None).is_none()
        );
    }
}

thread_local! {
    /// The program, between two inputs. Neither it nor the next is ever dropped: a search for leaks, at the end of a
    /// program that fuzzes, still finds what they refer to.
    static PROGRAM: RefCell<Option<ManuallyDrop<Program>>> = const { RefCell::new(None) };
    /// The memory of those that have ended, so that it is not taken for lost.
    static ENDED: RefCell<ManuallyDrop<Vec<&'static Tasks>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// Runs the program that the input is.
pub(crate) fn run(program: &[u8]) {
    let mut input = Input::new(program);
    let mut host = PROGRAM.take().map_or_else(Program::new, ManuallyDrop::into_inner);
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        host.step(&mut input);
        host.check();
    }
    host.rest();
    if host.tasks.memory().pages() > MOST_KEPT {
        ENDED.with_borrow_mut(|ended| ended.push(host.tasks));
        host.ends();
    } else {
        PROGRAM.set(Some(ManuallyDrop::new(host)));
    }
}
