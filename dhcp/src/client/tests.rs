//! Conversations in virtual time. What a client is told and sends is checked word by word against RFC 2131.

use std::{vec, vec::Vec};

use proptest::prelude::*;
use testkit::bytes_of;

use super::*;
use crate::{
    options,
    server::{GRANTED, Reply, SERVER},
    wire::{Message, MessageType},
};

mod begin;
mod hold;
mod hostile;
mod network;
mod table_5;

const MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);

/// Another server, and another address.
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

/// A client, the time, and what the client has said since it was last asked.
struct Bench {
    client: Client,
    now: Instant,
    sent: Vec<(Instant, Request)>,
    news: Vec<Option<Changes>>,
}

impl Bench {
    fn new(client: Client) -> Self {
        let now = Instant::from_millis(5_000_000);
        let mut bench = Self { client, now, sent: vec![], news: vec![] };
        bench.turn();
        bench
    }

    /// A client that has asked for offers.
    fn selecting() -> Self {
        Self::new(Client::new(MAC, 7))
    }

    /// A client that has asked for the address that it was offered.
    fn requesting() -> Self {
        let mut bench = Self::selecting();
        assert_eq!(bench.hears(&bench.reply(MessageType::OFFER)), Ok(MessageType::OFFER));
        bench
    }

    /// A client with an address, for an hour unless `change` says otherwise.
    fn bound_with(change: impl Fn(Reply) -> Reply) -> Self {
        let mut bench = Self::requesting();
        assert_eq!(bench.hears(&change(bench.reply(MessageType::ACK))), Ok(MessageType::ACK));
        bench.confirm();
        assert!(bench.client.is_bound());
        (bench.sent, bench.news) = (vec![], vec![]);
        bench
    }

    fn bound() -> Self {
        Self::bound_with(|reply| reply)
    }

    fn renewing() -> Self {
        let mut bench = Self::bound();
        bench.passes(1801);
        assert_eq!(bench.client.state(), State::Renewing);
        bench.sent.clear();
        bench
    }

    fn rebinding() -> Self {
        let mut bench = Self::bound();
        bench.passes(3151);
        assert_eq!(bench.client.state(), State::Rebinding);
        bench.sent.clear();
        bench
    }

    fn confirm(&mut self) {
        self.client.confirm();
        self.turn();
    }

    /// A reply to the transaction that is under way.
    fn reply(&self, kind: MessageType) -> Reply {
        Reply::new(kind, MAC, self.client.xid)
    }

    /// Does what is due.
    fn turn(&mut self) {
        for _ in 0..10 {
            match self.client.due(self.now) {
                Some(Output::Send(request)) => self.sent.push((self.now, request)),
                Some(Output::Configure(changes)) => self.news.push(Some(changes)),
                Some(Output::Withdraw) => self.news.push(None),
                None => {
                    let next = self.client.next_deadline();
                    assert!(next.is_none_or(|next| next > self.now), "{next:?} has passed");
                    assert!(!self.client.is_due(self.now));
                    return;
                }
            }
        }
        panic!("it has no end: {:?}", self.sent);
    }

    fn hears(&mut self, reply: &Reply) -> Result<MessageType, Ignored> {
        let result = self.client.input(self.now, &reply.bytes());
        self.turn();
        result
    }

    /// Lets time pass, from deadline to deadline.
    fn passes(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.client.next_deadline().filter(|next| *next <= end) {
            self.now = next;
            self.turn();
        }
        self.now = end;
    }

    /// What was sent since the last call, in words.
    fn said(&mut self) -> Vec<MessageType> {
        self.sent.drain(..).map(|(_, request)| request.kind()).collect()
    }

    /// The times between the messages that were sent, in seconds.
    fn gaps(&self) -> Vec<f64> {
        self.sent.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_secs_f64()).collect()
    }

    fn last(&self) -> &Request {
        &self.sent.last().expect("nothing was sent").1
    }
}

/// The value of an option in a message of the client.
fn option(request: &Request, code: u8) -> Option<Vec<u8>> {
    let bytes = bytes_of(request);
    let message = Message::parse(&bytes).unwrap();
    message.options.get(code).map(|value| value.bytes().collect())
}
