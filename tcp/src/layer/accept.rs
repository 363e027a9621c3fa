//! Segments that belong to no connection: those that open one, those that come late, and those of strangers.

use layer::Instant;
use network::Network;

use super::{Tcp, transmit::control};
use crate::{
    Flags, Options, Segment, Seq, Stream, Timestamps,
    connection::{Connection, Emitted, Handshake, clock},
    connections::{Due, Entry, HalfOpen, Inner, agreed, answer_timestamps},
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
        let mtu = self.network.path_mtu(now, tuple.addresses[1]);
        mtu.saturating_sub(headers).clamp(1, u16::MAX.into()) as u16
    }

    /// Takes a segment for which there is no connection.
    pub(super) fn take_unknown(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        segment: &Segment<'_>,
    ) -> Result<(), I::Error> {
        let connections = self.connections;
        let flags = segment.flags;
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
            // A new connection takes the place of the old one (RFC 6191), with higher numbers (RFC 9293 3.10.7.4).
            Some(TimeWaitAnswer::Reuse(next)) => least = Some(next),
        }
        let found = {
            let mut inner = connections.inner.borrow_mut();
            let hash = inner.hash.hash(tuple);
            let place = inner.half_open.find(hash, tuple);
            place.and_then(|place| Some((place, *inner.half_open.get(place)?)))
        };
        if let Some((place, half_open)) = found {
            return self.take_half_open(now, place, &half_open, segment);
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
        let answer = if inner.half_open.is_full() {
            connections.count(|counters| counters.cookies_tx += 1);
            let clock = clock(now).wrapping_add(inner.ts_offset(tuple));
            let kept = Cookies::kept(&options);
            let value = Cookies::timestamp(clock, &kept);
            let [ours, peer] = [tuple.local(), tuple.remote()];
            let iss = inner.cookies.make(now, ours, peer, segment.seq, kept.mss);
            syn_ack(&inner, tuple, segment.seq, iss, &kept, mss, value)
        } else {
            let [ours, peer] = [tuple.local(), tuple.remote()];
            let iss = match least {
                None => inner.isn.initial(now, ours, peer),
                Some(least) => inner.isn.initial_after(now, ours, peer, least),
            };
            let half_open =
                HalfOpen { tuple: *tuple, irs: segment.seq, iss, options, sent_at: now, tries: 1 };
            let hash = inner.hash.hash(tuple);
            inner.half_open.insert(hash, half_open);
            answer_to(&inner, now, &half_open, mss)
        };
        drop(inner);
        self.send_control(now, tuple, &answer)
    }

    /// Takes a segment of a peer that has sent a SYN (RFC 9293 3.10.7.4, SYN-RECEIVED).
    fn take_half_open(
        &mut self,
        now: Instant,
        place: usize,
        half_open: &HalfOpen,
        segment: &Segment<'_>,
    ) -> Result<(), I::Error> {
        let connections = self.connections;
        let HalfOpen { tuple, irs, iss, options, sent_at, tries } = *half_open;
        let expected = irs + 1;
        let flags = segment.flags;
        if flags.contains(Flags::RST) {
            if segment.seq == expected {
                connections.inner.borrow_mut().half_open.remove(place);
            }
            return Ok(());
        }
        if flags.contains(Flags::SYN) {
            if segment.seq == irs && !flags.contains(Flags::ACK) {
                // Our answer was lost.
                let mss = self.path_mss(now, &tuple);
                let answer = answer_to(&connections.inner.borrow(), now, half_open, mss);
                return self.send_control(now, &tuple, &answer);
            }
            // Another one: the peer tells by a reset whether it means it (RFC 5961 4.2).
            return self.send_control(now, &tuple, &control(iss + 1, expected, Flags::ACK));
        }
        if !flags.contains(Flags::ACK) {
            return Ok(());
        }
        if segment.ack != iss + 1 {
            return self.reset(now, &tuple, segment);
        }
        let distance = segment.seq.distance(expected);
        if !(0..i32::from(u16::MAX)).contains(&distance) {
            return self.send_control(now, &tuple, &control(iss + 1, expected, Flags::ACK));
        }
        let rtt = (tries == 1).then(|| now.since(sent_at));
        let handshake = Handshake { irs, options, rtt, was_lost: tries > 1 };
        if self.accept(now, &tuple, iss, &handshake, segment)? {
            let mut inner = connections.inner.borrow_mut();
            let hash = inner.hash.hash(&tuple);
            if let Some(place) = inner.half_open.find(hash, &tuple) {
                inner.half_open.remove(place);
            }
            // Of an earlier connection between the same ends.
            inner.time_wait.forget(now, tuple.local(), tuple.remote());
        }
        Ok(())
    }

    /// Opens a connection if the segment acknowledges a cookie of ours; returns whether it does.
    fn take_cookie(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        segment: &Segment<'_>,
    ) -> Result<bool, I::Error> {
        let connections = self.connections;
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
    fn accept(
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
                deadline: None,
                has_stream: true,
                is_served: false,
                is_starting: false,
            };
            (opener, inner.table.insert(entry, true))
        };
        let started = id.filter(|&id| opener.open(Stream::new(connections, id, *tuple)).is_ok());
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

    /// Sends those answers to SYNs again that are due.
    pub(super) fn answer_again(&mut self, now: Instant) -> Result<(), I::Error> {
        let connections = self.connections;
        loop {
            let due = connections.inner.borrow_mut().half_open.pop_due(now);
            match due {
                None => return Ok(()),
                Some(Due::Forgotten) => {
                    connections.count(|counters| counters.half_open_expired += 1);
                }
                Some(Due::Answer(half_open)) => {
                    let mss = self.path_mss(now, &half_open.tuple);
                    let answer = answer_to(&connections.inner.borrow(), now, &half_open, mss);
                    self.send_control(now, &half_open.tuple, &answer)?;
                }
            }
        }
    }
}

/// Our answer to a SYN that is kept.
fn answer_to(inner: &Inner, now: Instant, half_open: &HalfOpen, mss: u16) -> Emitted<'static> {
    let HalfOpen { tuple, irs, iss, options, .. } = half_open;
    let value = clock(now).wrapping_add(inner.ts_offset(tuple));
    syn_ack(inner, tuple, *irs, *iss, options, mss, value)
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
fn syn_ack(
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
