//! The input is what happens to a client of DHCP: messages (any bytes, or right in all that no stranger can know), time, what
//! the link finds out, a link that comes back. What the client has could be true, it sends no faster than it may, and each of
//! its messages can be read. In the end an honest server gives it an address.

use std::{net::Ipv4Addr, time::Duration};

use ::dhcp::{
    Client, Message, MessageType, Output, Request, State,
    options::{self, OVERLOAD, PARAMETER_LIST},
    wire::{BOOT_REQUEST, HEADER_LEN, Header},
};
use layer::{Instant, is_unicast};
use netif::MacAddr;
use testkit::bytes_of;
use zerocopy::IntoBytes;

use super::Input;

pub(crate) const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// The codes of options that a client understands.
const CODES: [u8; 14] = [1, 3, 6, 26, 42, 51, 52, 53, 54, 55, 58, 59, 61, 121];

/// The steps, by the first byte of each.
pub(crate) const MESSAGE: u8 = 0;
pub(crate) const ANY_BYTES: u8 = 1;
pub(crate) const TIME: u8 = 2;
pub(crate) const CONFIRM: u8 = 3;
pub(crate) const CONFLICT: u8 = 4;
pub(crate) const LINK_BACK: u8 = 5;
const STEPS: usize = LINK_BACK as usize + 1;

struct Bench {
    client: Client,
    now: Instant,
    /// The last message.
    last: Option<Request>,
    /// How many messages were sent, and since when.
    sent: u64,
    begin: Instant,
    /// Whether the address of a lease is set.
    is_set: bool,
}

/// The input is a byte of settings and steps.
pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    let client = Client::new(MAC, settings.into());
    let client = match settings & 1 {
        0 => client,
        _ => client.with_address(Ipv4Addr::new(10, 0, 0, 100)),
    };
    let begin = Instant::from_millis(1);
    let mut bench = Bench { client, now: begin, last: None, sent: 0, begin, is_set: false };
    bench.turn();
    while !input.is_empty() {
        match input.below(STEPS) as u8 {
            MESSAGE => {
                let reply = bench.reply(&mut input);
                bench.hears(&reply);
            }
            ANY_BYTES => {
                let length = usize::from(input.word()) % 600;
                let bytes = input.take(length);
                bench.hears(bytes);
            }
            TIME => {
                let seconds = input.word();
                bench.passes(Duration::from_secs(seconds.into()));
            }
            CONFIRM => bench.client.confirm(),
            CONFLICT => bench.client.conflict(bench.now),
            _ => bench.client.verify(bench.now),
        }
        bench.turn();
    }
    bench.is_served();
}

impl Bench {
    /// A message with the transaction and the hardware address of the client: a type, a byte for each field of the header
    /// that counts, and options.
    fn reply(&self, input: &mut Input<'_>) -> Vec<u8> {
        let xid = self.last.map_or(0, |request| request.header().xid.get());
        let kind = input.byte();
        let last = input.byte();
        let header = Header { op: 2, yiaddr: [10, 0, 0, last], ..Header::request(MAC, xid) };
        let mut bytes = [header.as_bytes(), &[53, 1, kind]].concat();
        for _ in 0..input.below(12) {
            let code = CODES[input.below(CODES.len())];
            let length = input.below(20);
            let value = input.take(length);
            bytes.extend([code, value.len() as u8]);
            bytes.extend(value);
        }
        bytes.push(options::END);
        bytes
    }

    fn hears(&mut self, bytes: &[u8]) {
        let before = (self.client.state(), self.client.lease().copied());
        if let Err(ignored) = self.client.input(self.now, bytes) {
            assert!(!ignored.to_string().is_empty());
            assert_eq!((self.client.state(), self.client.lease().copied()), before, "{ignored}");
        }
    }

    /// Does what is due, which has an end.
    fn turn(&mut self) {
        for _ in 0..8 {
            match self.client.due(self.now) {
                Some(Output::Send(request)) => self.send(request),
                Some(Output::Configure(changes)) => self.is_set |= changes.address,
                Some(Output::Withdraw) => self.is_set = false,
                None => return self.check(),
            }
        }
        panic!("there is always something due");
    }

    fn send(&mut self, request: Request) {
        let bytes = bytes_of(request);
        let message = Message::parse(&bytes).expect("a server can read it");
        assert!((300..=548).contains(&bytes.len()), "{} bytes", bytes.len());
        assert_eq!((message.header.op, message.kind), (BOOT_REQUEST, request.kind()));
        assert!(message.header.is_of(MAC) && message.options.get(OVERLOAD).is_none());
        let is_question = matches!(message.kind, MessageType::DISCOVER | MessageType::REQUEST);
        assert_eq!(message.options.get(PARAMETER_LIST).is_some(), is_question);
        self.last = Some(request);
        self.sent += 1;
    }

    /// Lets time pass, from deadline to deadline.
    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.client.next_deadline().filter(|next| *next <= end) {
            assert!(next > self.now, "{next} has passed");
            self.now = next;
            self.turn();
        }
        self.now = end;
    }

    fn check(&self) {
        let client = &self.client;
        assert!(client.next_deadline().is_none_or(|next| next > self.now));
        assert_eq!(client.lease().is_some(), self.is_set, "{:?}", client.state());
        assert!(client.lease().is_some() || !client.is_bound());
        assert!(client.expires_at().is_none_or(|end| end > self.now));
        let Some(lease) = client.lease() else { return };
        assert!(lease.address.is_host() && is_unicast(lease.server), "{lease:?}");
        assert!(lease.gateway.is_none_or(is_unicast), "{lease:?}");
        assert!(lease.dns.iter().chain(&lease.ntp[..]).all(|one| is_unicast(*one)), "{lease:?}");
    }

    /// From now on the server is honest, and the client has an address within a time in which any lease of before has ended
    /// or, if it has not, serves.
    fn is_served(&mut self) {
        for _ in 0..300 {
            if self.client.is_bound() {
                return;
            }
            if self.client.state() == State::Checking {
                self.client.confirm();
                continue;
            }
            let request = self.last.expect("the client asks at once");
            let kind = match self.client.state() {
                State::Selecting => MessageType::OFFER,
                State::Rebooting => MessageType::NAK,
                _ => MessageType::ACK,
            };
            let wanted = Message::parse(&bytes_of(request)).ok().and_then(|message| {
                let server = message.options.get(options::SERVER_ID)?.address()?;
                Some((server, message.options.get(options::REQUESTED_ADDRESS)?.address()?))
            });
            let ours = Ipv4Addr::new(10, 0, 0, 7);
            let (server, address) = wanted.unwrap_or((Ipv4Addr::new(10, 0, 0, 1), ours));
            let header = Header { op: 2, yiaddr: address.octets(), ..*request.header() };
            let options = [53, 1, kind.0, 51, 4, 0, 0, 14, 16, 54, 4];
            let bytes = [header.as_bytes(), &options, &server.octets(), &[255]].concat();
            assert!(bytes.len() > HEADER_LEN);
            let _ = self.client.input(self.now, &bytes);
            self.turn();
            // Without an answer that it takes, the client asks again.
            self.passes(Duration::from_secs(1));
        }
        panic!("after 300 s it has no address: {:?}", self.client);
    }
}

impl Drop for Bench {
    /// On average no more than a message in three seconds, and some at the beginning.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let seconds = self.now.since(self.begin).as_secs();
            assert!(self.sent <= 40 + seconds / 3, "{} in {seconds} s", self.sent);
        }
    }
}
