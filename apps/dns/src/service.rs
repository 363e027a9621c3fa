//! The service: what datagrams and connections share, and what becomes of a datagram.

use core::cell::{Cell, RefCell};

use dns::{
    authority::{
        Action, Authority, Kind, MAX_DATAGRAM, Permit, RateLimit, Transport, server_failure,
    },
    zone::Zone,
};
use layer::Networks;
use network::Network;
use rt_regions::{Exhausted, Region};
use udp::{BindError, Datagram, Failure, Udp};

use crate::options::Options;

/// The port of the service.
pub(crate) const PORT: u16 = dns::wire::PORT;

/// The first port that a client can have beside [`PORT`] itself, which old servers ask from.
const SYSTEM_PORTS: u16 = 1024;

/// How many seconds' worth of bytes a network gets at once.
const BURST: u32 = 4;

layer::service_counters! {
    /// What the service counts.
    pub(crate) struct Counters of "dns" {
        /// Queries by UDP.
        datagrams,
        /// Queries by TCP.
        messages,
        /// Answers with records.
        answers,
        /// Answers that there are no records of the type.
        no_data,
        /// Answers that the name does not exist.
        no_names,
        /// Answers that other servers know.
        referrals,
        /// Answers that were too long for a datagram.
        truncated,
        /// Queries that are not for us, or not for this client.
        refused,
        /// Queries that could not be read.
        malformed,
        /// Kinds of queries, and versions of EDNS, that are not known.
        not_implemented,
        /// Messages that are no queries, or come from a port of another service.
        ignored,
        /// Answers by UDP that were over the limit.
        limited,
        /// Of these, answers that the client may come by TCP.
        slipped,
        /// Zones that were sent.
        transfers,
        /// Queries for which there was no memory, or no room for another transfer.
        busy,
        /// Connections that ended because nothing came, or nothing was taken.
        idle,
    }
}

/// What the port and the connections share. It lies in the program's memory and is never dropped.
pub(crate) struct Service {
    pub(crate) authority: Authority<'static>,
    limit: RefCell<RateLimit<'static>>,
    pub(crate) counters: Counters,
    pub(crate) transfer_to: Networks,
    /// How many transfers are under way.
    pub(crate) transfers: Cell<usize>,
}

impl Service {
    /// The service with these zones. `seed` is a secret; layers may share it.
    pub(crate) fn new(
        options: &Options,
        zones: &'static [Zone<'static>],
        seed: u128,
        memory: &'static Region<'static>,
    ) -> Result<&'static Self, Exhausted> {
        let limit = RateLimit::new(options.rate, options.rate.saturating_mul(BURST), seed, memory)?;
        Ok(memory.alloc(Self {
            authority: Authority::new(zones),
            limit: RefCell::new(limit),
            counters: Counters::default(),
            transfer_to: options.transfer_to,
            transfers: Cell::new(0),
        })?)
    }

    /// What is counted.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Puts the service on its port of UDP.
    pub(crate) fn bind<I: Network>(
        &'static self,
        udp: &mut Udp<'static, I>,
    ) -> Result<(), BindError> {
        // Some resolvers ask from port 53. A response is never answered, so two servers do not talk for ever.
        udp.bind_datagram(PORT, |datagram, region| self.datagram(&datagram, region))?
            .answer_any_port();
        Ok(())
    }

    /// Answers a datagram.
    fn datagram<'r>(
        &self,
        datagram: &Datagram<'r>,
        region: &'r Region<'_>,
    ) -> Result<&'r [u8], Failure<'r>> {
        let (counters, query, now) = (&self.counters, datagram.payload(), datagram.now());
        let source = datagram.source();
        if source.port() < SYSTEM_PORTS && source.port() != PORT {
            counters.ignored.add(1);
            return Err(Failure::Silent);
        }
        let permit = self.limit.borrow_mut().ask(source.ip(), now);
        let transport = match permit {
            Permit::Send => Transport::Datagram,
            Permit::Slip => Transport::LimitedDatagram,
            Permit::Drop => {
                counters.limited.add(1);
                return Err(Failure::Silent);
            }
        };
        // A line of text, which tells other clients that there is no memory, would be no answer.
        let Ok(buffer) = region.alloc_slice_with(MAX_DATAGRAM, |_| 0) else {
            counters.busy.add(1);
            return Err(Failure::Silent);
        };
        let (answer, kind) = match self.authority.act(query, transport, buffer) {
            Action::Send(answer, kind) => (answer, kind),
            _ => {
                counters.ignored.add(1);
                return Err(Failure::Silent);
            }
        };
        counters.datagrams.add(1);
        if permit == Permit::Slip {
            counters.limited.add(1);
            counters.slipped.add(1);
        } else {
            self.limit.borrow_mut().pay(source.ip(), now, answer.len());
            self.count(kind);
        }
        Ok(answer)
    }

    /// Counts an answer.
    pub(crate) fn count(&self, kind: Kind) {
        let counters = &self.counters;
        let counter = match kind {
            Kind::Answer => &counters.answers,
            Kind::NoData => &counters.no_data,
            Kind::NameError => &counters.no_names,
            Kind::Referral => &counters.referrals,
            Kind::Truncated => &counters.truncated,
            Kind::Refused | Kind::NotAuthoritative => &counters.refused,
            Kind::Malformed => &counters.malformed,
            Kind::NotImplemented | Kind::BadVersion => &counters.not_implemented,
        };
        counter.add(1);
    }

    /// The answer that there is no memory, if the message is a query.
    pub(crate) fn failure(&self, query: &[u8]) -> Option<[u8; dns::wire::HEADER_LEN]> {
        self.counters.busy.add(1);
        server_failure(query)
    }
}
