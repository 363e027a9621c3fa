//! What a byte of an input makes happen.

use layer::Networks;
use network::Problem;

use super::*;

const PROBLEMS: [Problem; 4] = [
    Problem::PortUnreachable,
    Problem::HostUnreachable,
    Problem::TooBig(1_400),
    Problem::TtlExceeded,
];

/// The lengths of payloads.
const LENGTHS: [usize; 8] = [0, 1, 20, 100, 1_000, 2_100, 9_000, 40_000];

impl Program {
    /// Lets a datagram arrive.
    pub(super) fn hears(&mut self, from: SocketAddr, to: u16, ttl: u8, flags: u8, payload: &[u8]) {
        self.heard += 1;
        self.tower.network_mut().incoming.push_back(Incoming::Datagram {
            from,
            to,
            ttl,
            broadcast: flags & 1 == 1,
            options: flags & 2 == 2,
            payload: payload.to_vec(),
        });
    }

    /// Compares what became of a port with what is known of it.
    fn takes(&mut self, port: u16, owner: Owner, result: Result<(), BindError>) {
        let before = self.owners.get(&port).copied();
        match result {
            Ok(()) => {
                // A task that had it may have ended by itself.
                assert!(matches!(before, None | Some(Owner::Task)), "{port}: {before:?}");
                self.owners.insert(port, owner);
            }
            Err(BindError::InUse(taken)) => {
                let is_asked_from = port >= 40_000 && !self.tasks.is_empty();
                assert!(taken == port && (before.is_some() || is_asked_from), "{port}");
            }
            Err(BindError::Exhausted(error)) => {
                // Tasks may have taken all that there is. What failed has bound nothing.
                assert!(self.is_short || self.pool.free_pages() < 40, "{error}");
                assert!(before.is_some() || !self.tower.unbind(port));
            }
            Err(error) => panic!("{port}: {error}"),
        }
    }

    fn unbinds(&mut self, port: u16) {
        let was_bound = self.tower.unbind(port);
        match self.owners.get(&port) {
            Some(Owner::Function | Owner::Each) => assert!(was_bound),
            Some(Owner::Task) => {}
            Some(Owner::Counters | Owner::Socket) | None => {
                assert!(!was_bound);
                return;
            }
        }
        self.owners.remove(&port);
    }

    /// A datagram that the next bytes describe.
    fn hears_datagram(&mut self, input: &mut Input<'_>) {
        let (which, more) = (input.byte(), input.byte());
        let from = match more % 8 {
            0 => SocketAddr::new(CLIENT.ip(), PORTS[usize::from(more / 8) % PORTS.len()]),
            1 => SocketAddr::new(CLIENT.ip(), 0),
            2 => UPSTREAM,
            port => SocketAddr::new(CLIENT.ip(), 40_001 + u16::from(port)),
        };
        let to = match which % 16 {
            8 => 7,
            // Perhaps a socket has it that nobody knows.
            9 => 1024 + input.word() % 64_512,
            number => PORTS[usize::from(number) % PORTS.len()],
        };
        let length = LENGTHS[input.below(LENGTHS.len())];
        let (ttl, flags) = ([64, 2, 1, 255][usize::from(which / 16) % 4], input.byte() / 64);
        let payload: Vec<u8> = (0..length).map(|at| which ^ at as u8).collect();
        self.hears(from, to, ttl.min(64), flags, &payload);
    }

    /// Answers the questions that were sent: who was asked does, and perhaps a stranger before.
    fn answers(&mut self, how: u8) {
        let asked = self.tower.network().sent.iter().filter(|sent| sent.to == UPSTREAM);
        let asked: Vec<u16> = asked.map(|sent| sent.from).collect();
        for (number, port) in asked.into_iter().take(8).enumerate() {
            if how & 1 == 1 {
                let stranger = SocketAddr::new(UPSTREAM.ip(), UPSTREAM.port() + 1);
                self.hears(stranger, port, 64, 0, b"forged");
            }
            if how & 2 == 2 {
                let (to, problem) = (UPSTREAM, PROBLEMS[number % PROBLEMS.len()]);
                let error = Incoming::Error { from: port, to, problem };
                self.tower.network_mut().incoming.push_back(error);
            }
            if how & 4 == 4 {
                self.hears(UPSTREAM, port, 64, 0, &[how; 100]);
            }
        }
    }

    /// Does what the next bytes of the input say.
    pub(super) fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte();
        let port = PORTS[usize::from(kind / 16) % PORTS.len()];
        match kind % 16 {
            0 => self.waits(Duration::from_millis(input.byte().into())),
            1 => drop(self.turn()),
            2 | 3 => self.hears_datagram(input),
            4 => {
                let to = if kind & 16 == 0 { UPSTREAM } else { SocketAddr::new(CLIENT.ip(), 9) };
                let (from, problem) = (PORTS[input.below(8)], PROBLEMS[input.below(4)]);
                self.tower.network_mut().incoming.push_back(Incoming::Error { from, to, problem });
            }
            5 => {
                let result = self.tower.bind(port, |request, _| Ok(request)).map(drop);
                self.takes(port, Owner::Function, result);
            }
            6 => {
                let (service, n) = (input.below(services::SOCKET_SERVICES), input.byte());
                let result = services::spawn(&mut self.tower, port, service, n);
                self.takes(port, Owner::Task, result);
            }
            7 => {
                let (service, n) = (input.below(services::EACH_SERVICES), input.byte());
                self.each += 1;
                let result = services::spawn_each(&mut self.tower, port, service, n);
                self.takes(port, Owner::Each, result);
            }
            8 => self.unbinds(port),
            9 => {
                let opened = self.tower.sockets().open(port);
                let result = opened.map(|socket| self.sockets.push(socket));
                self.takes(port, Owner::Socket, result);
            }
            10 if !self.sockets.is_empty() => {
                let socket = self.sockets.swap_remove(input.below(self.sockets.len()));
                self.owners.remove(&socket.port());
            }
            11 => {
                let (task, n) = (input.below(services::PLAIN_TASKS), input.byte());
                let other = self.plain.get(usize::from(n) % self.plain.len().max(1)).copied();
                self.plain.extend(services::spawn_plain(self.tower.sockets(), task, n, other));
            }
            12 if !self.plain.is_empty() => {
                let task = self.plain.swap_remove(input.below(self.plain.len()));
                if kind & 16 == 16 { self.tasks.wake(task) } else { self.tasks.cancel(task) }
            }
            13 => {
                self.pool.refuse(input.below(16));
                self.is_short = true;
            }
            14 => {
                self.pool.keep_back(input.below(PAGES));
                self.is_short = true;
            }
            15 => match kind / 16 % 4 {
                0 | 1 => self.sends_and_is_answered(input.byte()),
                2 => {
                    let port = if kind & 128 == 0 { Some(PORTS[4]) } else { None };
                    self.serves_counters(port);
                }
                _ => self.settle(),
            },
            _ => {}
        }
    }

    fn sends_and_is_answered(&mut self, how: u8) {
        self.settle();
        self.answers(how);
        self.settle();
    }

    fn serves_counters(&mut self, port: Option<u16>) {
        let before = self.owners.get(&PORTS[4]).copied();
        let from = Networks::default().and("10.0.0.0/24".parse().unwrap());
        let result = self.tower.serve_counters(port, from);
        match port {
            Some(_) if before == Some(Owner::Counters) => assert_eq!(result, Ok(())),
            Some(port) => self.takes(port, Owner::Counters, result),
            None => {
                assert_eq!(result, Ok(()));
                if before == Some(Owner::Counters) {
                    self.owners.remove(&PORTS[4]);
                }
            }
        }
    }
}
