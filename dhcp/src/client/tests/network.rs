//! Clients and servers on a bad network, in virtual time.

use std::collections::BTreeMap;

use testkit::Random;

use super::*;
use crate::server::Server;

/// A network with one broadcast domain, on which every message reaches every server, if it reaches any.
struct Network {
    clients: Vec<Client>,
    servers: Vec<Server>,
    now: Instant,
    /// What is on its way: when it arrives, in which order, to which client or to the servers.
    flights: BTreeMap<(Instant, u64), (Option<usize>, Vec<u8>)>,
    number: u64,
    random: Random,
    /// One message in so many is lost, and as many come twice or late.
    loss: usize,
    /// Addresses that stations without DHCP have.
    squatters: Vec<Ipv4Addr>,
    /// How often the address of each client was set, and taken back.
    set: Vec<(u32, u32)>,
}

impl Network {
    fn new(clients: u8, servers: Vec<Server>, loss: usize, seed: u64) -> Self {
        let mac = |n| MacAddr([2, 0, 10, 0, 1, n]);
        let clients: Vec<_> = (0..clients)
            .map(|n| Client::new(mac(n), u128::from(seed) << 8 | u128::from(n)))
            .collect();
        Self {
            set: vec![(0, 0); clients.len()],
            clients,
            servers,
            now: Instant::from_millis(1000),
            flights: BTreeMap::new(),
            number: 0,
            random: Random::new(seed),
            loss,
            squatters: vec![],
        }
    }

    fn send(&mut self, to: Option<usize>, bytes: Vec<u8>) {
        let bad = |random: &mut Random, loss: usize| loss > 0 && random.once_in(loss);
        let copies = match () {
            () if bad(&mut self.random, self.loss) => 0,
            () if bad(&mut self.random, self.loss) => 2,
            () => 1,
        };
        for _ in 0..copies {
            let late = if bad(&mut self.random, self.loss) { 10_000 } else { 5 };
            let at = self.now + Duration::from_millis(1 + self.random.below(late) as u64);
            self.number += 1;
            self.flights.insert((at, self.number), (to, bytes.clone()));
        }
    }

    fn turn(&mut self, at: usize) {
        while let Some(output) = self.clients[at].due(self.now) {
            match output {
                Output::Send(request) => self.send(None, bytes_of(request)),
                Output::Configure(changes) if changes.address => {
                    self.set[at].0 += 1;
                    let address = self.clients[at].lease().unwrap().address.address();
                    match self.squatters.contains(&address) {
                        true => self.clients[at].conflict(self.now),
                        false => self.clients[at].confirm(),
                    }
                }
                Output::Configure(_) => {}
                Output::Withdraw => self.set[at].1 += 1,
            }
        }
    }

    fn passes(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            (0..self.clients.len()).for_each(|at| self.turn(at));
            self.check();
            let deadlines = self.clients.iter().filter_map(Client::next_deadline);
            let arrival = self.flights.keys().next().map(|(at, _)| *at);
            let Some(next) = deadlines.chain(arrival).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some(flight) =
                self.flights.first_entry().filter(|one| one.key().0 <= self.now)
            {
                match flight.remove() {
                    (Some(client), bytes) => {
                        let _ = self.clients[client].input(self.now, &bytes);
                        self.turn(client);
                    }
                    (None, bytes) => self.serve(&bytes),
                }
            }
        }
        self.now = end;
    }

    /// Lets each server answer. A reply goes to the client with its hardware address.
    fn serve(&mut self, bytes: &[u8]) {
        let client = usize::from(bytes[28 + 5]);
        for at in 0..self.servers.len() {
            if let Some(reply) = self.servers[at].answer(self.now, bytes) {
                self.send(Some(client), reply);
            }
        }
    }

    /// No two clients have one address, and no client has one that ended.
    fn check(&self) {
        let mut held = self.addresses();
        held.sort_unstable();
        let count = held.len();
        held.dedup();
        assert_eq!(held.len(), count, "an address is there twice");
        assert!(held.iter().all(|address| !self.squatters.contains(address)));
        for client in self.clients.iter().filter(|client| client.is_bound()) {
            assert!(client.expires_at().is_none_or(|end| end > self.now));
        }
    }

    fn addresses(&self) -> Vec<Ipv4Addr> {
        let bound = self.clients.iter().filter(|client| client.is_bound());
        bound.filter_map(|client| Some(client.lease()?.address.address())).collect()
    }
}

fn server(last: u8, addresses: u8) -> Server {
    Server::new(Ipv4Addr::new(10, 0, 0, last), addresses)
}

#[test]
fn every_client_has_an_address_and_keeps_it() {
    let mut network = Network::new(20, vec![server(1, 20)], 0, 1);
    network.passes(1);
    let addresses = network.addresses();
    assert_eq!(addresses.len(), 20);
    network.passes(86_400);
    assert_eq!((network.addresses(), &network.set[..]), (addresses, &[(1, 0); 20][..]));
    // Four messages at first, and two each time.
    let seen = network.servers[0].seen.len();
    assert!((20 * 48..20 * 56).contains(&seen), "{seen}");
}

#[test]
fn loss_duplicates_and_delays_delay_and_nothing_else() {
    for seed in 0..20 {
        let mut network = Network::new(10, vec![server(1, 12)], 3, seed);
        network.passes(900);
        assert_eq!(network.addresses().len(), 10, "seed {seed}");
        network.passes(86_400);
        // With a third lost, a lease of an hour is now and then not renewed in time.
        let lost: u32 = network.set.iter().map(|(_, lost)| lost).sum();
        assert!(network.addresses().len() >= 8 && lost <= 24, "seed {seed}: {lost} lost");
    }
}

#[test]
fn of_two_servers_one_is_chosen_and_the_other_takes_over() {
    let mut other = server(2, 10);
    other.pool = (0..10).map(|n| Ipv4Addr::new(10, 0, 0, 200 + n)).collect();
    let mut network = Network::new(10, vec![server(1, 10), other], 0, 3);
    network.passes(60);
    assert_eq!(network.addresses().len(), 10);
    // Each address is held by one of them, and the other has forgotten its offer.
    let held: usize = network.servers.iter().map(|server| server.leases.len()).sum();
    assert_eq!(held, 10);
    network.servers[0].is_up = false;
    network.passes(4000);
    let addresses = network.addresses();
    assert!(addresses.len() == 10 && addresses.iter().all(|one| one.octets()[3] >= 200));
}

#[test]
fn who_finds_no_free_address_gets_one_when_there_is_one() {
    let mut network = Network::new(3, vec![server(1, 2)], 0, 4);
    network.passes(600);
    assert_eq!(network.addresses().len(), 2);
    let bound = network.clients.iter().position(Client::is_bound).unwrap();
    let now = network.now;
    network.clients[bound].release(now);
    network.passes(100);
    assert_eq!((network.addresses().len(), network.clients[bound].state()), (2, State::Released));
    assert!(network.servers[0].seen.contains(&MessageType::RELEASE));
}

#[test]
fn addresses_in_use_are_declined_until_one_is_free() {
    let mut network = Network::new(1, vec![server(1, 5)], 0, 5);
    network.squatters = network.servers[0].pool[..3].to_vec();
    network.passes(60);
    assert_eq!(network.addresses(), [Ipv4Addr::new(10, 0, 0, 103)]);
    assert_eq!((network.servers[0].declined.len(), network.set[0]), (3, (4, 3)));
}

/// A server that has forgotten everything says nothing to those that renew, and grants them the address that they ask for
/// when their leases have ended.
#[test]
fn a_server_that_forgets_gives_the_same_address_again() {
    let mut network = Network::new(5, vec![server(1, 50)], 0, 6);
    network.passes(10);
    let addresses = network.addresses();
    network.servers[0].leases.clear();
    network.passes(3700);
    assert_eq!((network.addresses(), network.set[0]), (addresses, (2, 1)));
}

#[test]
fn a_server_that_comes_late_is_found() {
    let mut network = Network::new(5, vec![server(1, 5)], 0, 7);
    network.servers[0].is_up = false;
    network.passes(100_000);
    assert!(network.addresses().is_empty());
    network.servers[0].is_up = true;
    network.passes(66);
    assert_eq!(network.addresses().len(), 5);
}

#[test]
fn an_address_that_the_server_denies_is_replaced() {
    let mut network = Network::new(2, vec![server(1, 5)], 0, 8);
    network.passes(10);
    // The server now has other addresses for them.
    for (address, _) in network.servers[0].leases.values_mut() {
        *address = Ipv4Addr::from_bits(address.to_bits() + 2);
    }
    network.servers[0].leases.values_mut().for_each(|(_, end)| *end += Duration::from_secs(9000));
    network.passes(3600);
    assert_eq!(network.addresses().len(), 2);
    assert!(network.set.iter().all(|(set, lost)| (*set, *lost) == (2, 1)), "{:?}", network.set);
}
