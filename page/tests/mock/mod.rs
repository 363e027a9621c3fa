//! A program in memory with a page: two hosts on a cable, services that take and give back memory, and a client that asks
//! them more at some times than at others. Its time is turned by hand.

#![allow(dead_code, reason = "each test program uses a part")]

mod device;
mod process;
mod serve;
mod services;

use std::{cell::Cell, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant, Layer as _, Setup};
use netif::MacAddr;
use page::{Board, Watch};
use rt::insight::Activity;
use rt_regions::{Pool, Region};
use tasks::Tasks;
use tcp::{Connections, Tcp};
use testkit::{Clock, End, Host, Random, program_memory};
use udp::{Failure, Sockets, Udp};

use self::{device::Counted, process::Process};

/// From one turn of the loop to the next.
const TURN: Duration = Duration::from_millis(50);

const SERVICE: [u8; 4] = [10, 0, 0, 2];
const CLIENT: [u8; 4] = [10, 0, 0, 1];

/// What is below the transports.
type Below = Icmp<Ipv4<'static, Arp<'static, Ethernet<Counted>>>>;

/// A tower for services.
pub(crate) type Stack = Udp<'static, Tcp<Below>, &'static Sockets>;

/// The program, and its client.
pub(crate) struct Mock {
    pub(crate) service: Host<'static, Watch<Stack>>,
    pub(crate) board: &'static Board,
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) process: &'static Process,
    client: Host<'static, Stack>,
    tasks: &'static Tasks,
    of_client: &'static Tasks,
    connections: &'static Connections,
    random: Random,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: String,
}

impl Mock {
    /// A program that has just started, with a client that opens so many connections.
    pub(crate) fn new(connections: usize) -> Self {
        Self::make(connections, "10.0.0.2/24")
    }

    /// A program whose page is for the hosts of this network.
    pub(crate) fn with_own_network(network: &str) -> Self {
        Self::make(0, network)
    }

    fn make(connections: usize, network: &str) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(5_000));
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let process = Process::start(clock.now());
        let (memory, mut tower, tasks) = tower(one, SERVICE);
        let pool = memory.pool().expect("it has one");
        let of_service = tower.network().connections();
        let board = Board::new("mock", process, of_service, memory).expect("there is memory");
        services::bind(&mut tower, memory, board);
        let mut watch = Watch::new(tower, Some(board)).expect("there is memory");
        let mut setup = Setup::default();
        setup.page_port = Some(9090);
        setup.page_from.add(network.parse().expect("it is a network"));
        watch.configure(&mut setup);
        assert_eq!(setup.page_port, None, "the layer has taken the port");
        let service = Host::new(watch, clock.clone(), pool).with_tasks(tasks);
        let (memory, mut tower, of_client) = self::tower(other, CLIENT);
        tower.bind(4000, |_, _| Err(Failure::Silent)).expect("the port is free");
        let of_tower = tower.network().connections();
        services::connect(of_client, of_tower, connections);
        let client = Host::new(tower, clock, memory.pool().expect("it has one"));
        let client = client.with_tasks(of_client);
        process
            .say(service.now(), "serving page 9090 udp 8080 8081 8082 tcp 80 9090 at 10.0.0.2/24");
        let random = Random::new(7);
        Self {
            service,
            board,
            pool,
            process,
            client,
            tasks,
            of_client,
            connections: of_tower,
            random,
        }
    }

    /// Lets `time` pass, in which the client asks and the services answer.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.service.now() + time;
        while self.service.now() < end {
            self.turn();
        }
    }

    /// One turn of the loop, and the time until the next.
    fn turn(&mut self) {
        let now = self.service.now();
        let asked = services::ask(&mut self.client, &mut self.random);
        self.client.turn();
        self.process.times.begin(Activity::Tower, now);
        self.service.turn();
        // What it takes on a computer, about.
        let tower = now + Duration::from_micros(40 + 11 * asked.functions + 90 * asked.sorts);
        let tasks = tower + Duration::from_micros(60 * asked.tasks);
        self.process.times.begin(Activity::Tasks, tower);
        self.process.times.begin(Activity::Idle, tasks);
        // Until neither has anything to say.
        while self.client.turn() | self.service.turn() {}
        if self.random.once_in(76) {
            self.process.say(now, services::line(&mut self.random));
        }
        self.service.clock().advance(TURN);
    }

    /// The answer to a request, made in a task of the program.
    pub(crate) fn answer(&mut self, method: &str, target: &str, host: Option<&str>) -> Answer {
        // What is due at this moment is done first, so that nothing moves while the answer is made.
        while self.client.turn() | self.service.turn() {}
        let [method, target] = [method, target].map(leaked);
        let (host, board) = (host.map(leaked), self.board);
        let answer: &'static Cell<Option<Answer>> = Box::leak(Box::default());
        let service = async move |region: &Region<'static>| {
            board.refresh().await;
            let response = board.answer(page::Request { method, target, host }, region)?;
            answer.set(Some(Answer {
                status: response.status,
                headers: response.headers,
                body: str::from_utf8(response.body).expect("it is text").to_owned(),
            }));
            Ok(())
        };
        self.tasks.spawn("page.request", service).expect("there is memory");
        self.service.turn();
        answer.take().expect("it was made in a turn")
    }

    /// What the client receives at a port of TCP after it has sent `request`, until the end of the connection.
    pub(crate) fn exchange(&mut self, port: u16, request: &str) -> String {
        let (request, connections) = (leaked(request), self.connections);
        let answer: &'static Cell<Option<Vec<u8>>> = Box::leak(Box::default());
        let ask = async move |_: &Region<'static>| {
            let stream = connections.connect((SERVICE, port).into()).await?;
            stream.send(request.as_bytes()).await?;
            let mut all = Vec::new();
            loop {
                let mut piece = [0; 1000];
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(length) => all.extend_from_slice(&piece[..length]),
                }
            }
            answer.set(Some(all));
            Ok(())
        };
        self.of_client.spawn("exchange", ask).expect("there is memory");
        for _ in 0..1000 {
            if let Some(answer) = answer.take() {
                return String::from_utf8(answer).expect("it is text");
            }
            self.turn();
        }
        panic!("no end within {:?}", TURN * 1000);
    }
}

fn leaked(text: &str) -> &'static str {
    text.to_owned().leak()
}

/// The memory of a host, its tower and its tasks.
fn tower(end: End, address: [u8; 4]) -> (&'static Region<'static>, Stack, &'static Tasks) {
    let memory = program_memory(2048);
    let tasks = Tasks::new(memory).expect("there is memory");
    let cidr = Cidr::new(address.into(), 24).expect("24 is at most 32");
    let arp = Arp::new(Ethernet::new(Counted::new(end)), cidr, 7, memory).expect("there is memory");
    let icmp = Icmp::new(Ipv4::new(arp, 7, memory).expect("there is memory"), 7);
    let tcp = Tcp::new(icmp, 7, tasks).expect("there is memory");
    let udp = Udp::new(tcp, 7, memory).expect("there is memory");
    (memory, udp.with_tasks(tasks).expect("there is memory"), tasks)
}
