//! Segments that belong to no connection: those that open one, those that come late, and those of strangers.

use layer::Instant;
use network::{Network, Packet, Protocol};

use super::{Tcp, half_open::answer_to, transmit::control};
use crate::{
    Flags, Options, Segment, Seq, Stream, Timestamps,
    connection::{Connection, Emitted, Handshake, NEVER, clock},
    connections::{Entry, HalfOpen, Inner, Marks, Opening, agreed, answer_timestamps},
    cookie::Cookies,
    time_wait::{Closed, TimeWaitAnswer},
    tuple::Tuple,
};

/// What the headers of IPv4 and TCP have, without options, in bytes; and those of IPv6 and TCP.
const HEADERS: [usize; 2] = [20 + 20, 40 + 20];

impl<I: Network> Tcp<I> {
    /// The longest segment that the path to the peer carries, in bytes without options.
    pub(super) fn path_mss(&self, now: Instant, tuple: &Tuple) -> u16 {
        let headers = HEADERS[usize::from(tuple.addresses[1].is_ipv6())];
        let mtu = self.network.path_mtu(now, tuple.addresses[1], Protocol::TCP);
        mtu.saturating_sub(headers).clamp(1, u16::MAX.into()) as u16
    }

    /// Takes a segment for which there is no connection.
    pub(super) fn take_unknown(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        tuple: &Tuple,
        segment: &Segment<'_>,
    ) -> Result<(), I::Error> {
        let connections = self.connections;
        let flags = segment.flags;
        let found = {
            let mut inner = connections.inner.borrow_mut();
            let hash = inner.hash.hash(tuple);
            let place = inner.half_open.find(hash, tuple);
            place.and_then(|place| Some((place, *inner.half_open.get(place)?)))
        };
        if let Some((place, half_open)) = found {
            return self.take_half_open(now, place, &half_open, segment);
        }
        let mut least = None;
        let late = {
            let mut inner = connections.inner.borrow_mut();
            inner.time_wait.on_segment(now, tuple.local(), tuple.remote(), segment)
        };
        match late {
            None => {}
            Some(TimeWaitAnswer::Nothing) => return Ok(()),
            Some(TimeWaitAnswer::Ack(closed)) => {
                let answer = acknowledge(&connections.inner.borrow(), now, tuple, &closed);
                return self.send_control(now, tuple, &answer);
            }
            // A new connection takes the place of the old one (RFC 6191), with higher numbers (RFC 9293 3.6.1). Until it
            // is acknowledged, the old one stays: the SYN may be an old duplicate.
            Some(TimeWaitAnswer::Reuse(next)) => least = Some(next),
        }
        let listens = connections.inner.borrow().listener(tuple.ports[0]).is_some();
        if listens && !flags.contains(Flags::RST) {
            if let Some(clients) = &self.clients
                && !clients.contains(tuple.addresses[1])
            {
                connections.count(|counters| counters.not_allowed += 1);
                return Ok(());
            }
            let kind = flags.0 & Flags::SYN.with(Flags::ACK).0;
            if kind == Flags::SYN.0 {
                return self.take_syn(now, tuple, segment, least);
            }
            if kind == Flags::ACK.0 && self.take_cookie(now, tuple, segment)? {
                return Ok(());
            }
            if kind == 0 {
                // RFC 9293 3.10.7.2, fourth.
                return Ok(());
            }
        }
        // A connection that another core has opened.
        if self.network.pass_on(packet) {
            return Ok(());
        }
        self.reset(now, tuple, segment)
    }

    /// Answers a SYN: it is kept, or the answer is a cookie.
    fn take_syn(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        segment: &Segment<'_>,
        least: Option<Seq>,
    ) -> Result<(), I::Error> {
        let connections = self.connections;
        let mss = self.path_mss(now, tuple);
        let mut inner = connections.inner.borrow_mut();
        let [count, limit] = inner.table.usage();
        if count >= limit {
            // The peer asks again.
            connections.count(|counters| counters.no_room += 1);
            return Ok(());
        }
        let options = agreed(segment);
        let [ours, peer] = [tuple.local(), tuple.remote()];
        let answer = if !inner.half_open.is_full() {
            let iss = match least {
                None => inner.isn.initial(now, ours, peer),
                Some(least) => inner.isn.initial_after(now, ours, peer, least),
            };
            let half_open = HalfOpen::new(now, *tuple, segment.seq, iss, options);
            let hash = inner.hash.hash(tuple);
            inner.half_open.insert(hash, half_open);
            answer_to(&inner, now, &half_open, mss)
        } else if least.is_none() {
            connections.count(|counters| counters.cookies_tx += 1);
            inner.half_open.cookie_sent(now);
            let clock = clock(now).wrapping_add(inner.ts_offset(tuple));
            let kept = Cookies::kept(&options);
            let value = Cookies::timestamp(clock, &kept);
            let iss = inner.cookies.make(now, ours, peer, segment.seq, kept.mss);
            syn_ack(&inner, tuple, segment.seq, iss, &kept, mss, value)
        } else {
            // A cookie is not after the numbers of the connection before.
            connections.count(|counters| counters.no_room += 1);
            return Ok(());
        };
        drop(inner);
        self.send_control(now, tuple, &answer)
    }

    /// Opens a connection if the segment acknowledges a cookie of ours; returns whether it does.
    fn take_cookie(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        segment: &Segment<'_>,
    ) -> Result<bool, I::Error> {
        let connections = self.connections;
        if !connections.inner.borrow().half_open.may_have_cookies(now) {
            return Ok(false);
        }
        let cookies = connections.inner.borrow().cookies;
        let read = cookies.check(now, tuple.local(), tuple.remote(), segment);
        let Some(options) = read else { return Ok(false) };
        connections.count(|counters| counters.cookies_rx += 1);
        let irs = Seq(segment.seq.0.wrapping_sub(1));
        let iss = Seq(segment.ack.0.wrapping_sub(1));
        let handshake = Handshake { irs, options, rtt: None, was_lost: false };
        self.accept(now, tuple, iss, &handshake, segment)?;
        Ok(true)
    }

    /// Opens a connection, and starts its service; returns whether there was room.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        iss: Seq,
        handshake: &Handshake,
        segment: &Segment<'_>,
    ) -> Result<bool, I::Error> {
        let connections = self.connections;
        let mss = self.path_mss(now, tuple);
        let (opener, id) = {
            let mut inner = connections.inner.borrow_mut();
            let local = inner.local(tuple, iss, mss);
            let Some(listener) = inner.listener(tuple.ports[0]) else { return Ok(false) };
            let opener = listener.opener;
            let connection = Connection::accept(now, &local, handshake, segment, inner.buffers);
            let entry = Entry {
                tuple: *tuple,
                connection,
                reader: None,
                writer: None,
                deadline: NEVER,
                has_stream: true,
                is_served: false,
                opening: Opening::Begun,
                marks: Marks::default(),
            };
            (opener, inner.table.insert(entry, true))
        };
        let started = id.filter(|&id| opener.open(Stream::new(connections, id)).is_ok());
        let Some(id) = started else {
            connections.count(|counters| counters.no_room += 1);
            return Ok(false);
        };
        connections.count(|counters| counters.accepted += 1);
        if let Some(entry) = connections.inner.borrow_mut().table.get(id) {
            entry.is_served = true;
        }
        self.hand(now, id, tuple, segment)?;
        Ok(true)
    }
}

/// The answer to a segment that comes late: an acknowledgment of all that the connection had.
fn acknowledge(inner: &Inner, now: Instant, tuple: &Tuple, closed: &Closed) -> Emitted<'static> {
    let timestamps = closed.timestamp.map(|echo| {
        let value = clock(now).wrapping_add(inner.ts_offset(tuple));
        Timestamps { value, echo }
    });
    let options = Options { timestamps, ..Options::default() };
    Emitted { options, ..control(closed.snd_nxt, closed.rcv_nxt, Flags::ACK) }
}

/// Our answer to a SYN with these options.
pub(super) fn syn_ack(
    inner: &Inner,
    tuple: &Tuple,
    irs: Seq,
    iss: Seq,
    peer: &Options,
    mss: u16,
    value: u32,
) -> Emitted<'static> {
    let local = inner.local(tuple, iss, mss);
    let mut options = local.syn_options(Some(peer));
    options.timestamps = answer_timestamps(peer.timestamps, value);
    let window = local.first_window();
    let flags = Flags::SYN.with(Flags::ACK);
    Emitted { options, window, ..control(iss, irs + 1, flags) }
}
