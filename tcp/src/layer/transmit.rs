//! Sends what connections have to say.

use layer::{Instant, PartialChecksum};
use network::{Network, Outgoing, Protocol, SendError, Sent};

use super::Tcp;
use crate::{
    Connections, Flags, Segment, Seq, State,
    connection::Emitted,
    connections::{Id, Marks, NotBegun, Opening},
    tuple::Tuple,
    wire::Header,
};

/// How many segments one connection sends before others have their turn.
const SEGMENTS_A_TURN: usize = 16;

/// How many segments are sent before a packet is received.
const SEGMENTS_A_FLUSH: usize = 64;

/// The most bytes of data that a segment has which the interface cuts: what fits an IPv4 packet beside the longest
/// headers.
const LONGEST: usize = 65_535 - 60 - 60;

/// How long a connection waits whose segments the interface has no room for.
const ROOM_INTERVAL: core::time::Duration = core::time::Duration::from_millis(1);

impl<I: Network> Tcp<I> {
    /// Sends what the connections that were changed have to send; returns whether there was anything.
    pub(super) fn flush(&mut self, now: Instant) -> Result<bool, I::Error> {
        self.unflushed = 0;
        let mut sent = 0;
        loop {
            if sent >= SEGMENTS_A_FLUSH {
                return Ok(true);
            }
            let next = self.connections.inner.borrow_mut().table.dequeue();
            let Some(id) = next else { return Ok(sent > 0) };
            sent += self.transmit(now, id)?;
        }
    }

    /// Sends what one connection has to send; returns how many segments.
    pub(super) fn transmit(&mut self, now: Instant, id: Id) -> Result<usize, I::Error> {
        let connections = self.connections;
        let mut inner = connections.inner.borrow_mut();
        let inner = &mut *inner;
        let Some(entry) = inner.table.get(id) else { return Ok(0) };
        if entry.opening == Opening::Queued && entry.has_stream {
            self.begin(now, inner, id);
        }
        let mut count = 0;
        let Some(entry) = inner.table.get(id) else { return Ok(0) };
        let tuple = entry.tuple;
        let offloads = self.network.offloads(tuple.addresses[1]);
        let most = if offloads.tcp_segmentation { LONGEST } else { 0 };
        while count < SEGMENTS_A_TURN && self.network.room() > 0 {
            let room = self.network.room();
            let Some(segment) = entry.connection.transmit(now, most, room) else {
                inner.settle(now, id);
                return Ok(count);
            };
            count += 1;
            let marks = entry.marks;
            let sent = send(&mut self.network, connections, now, &tuple, marks, &segment)?;
            if matches!(sent, Sent::NotSent(error) if !matches!(error, SendError::TooLong { .. }))
                && entry.connection.state() == State::SynSent
            {
                // Nobody would answer (RFC 9293 3.10.1).
                self.fail(entry, NotBegun::NoRoute);
            }
        }
        if count == 0 {
            inner.deadlines.set(id, now + ROOM_INTERVAL, &mut inner.table);
        } else {
            inner.table.queue(id);
        }
        Ok(count)
    }

    /// Answers a segment that belongs to no connection (RFC 9293 3.10.7.1).
    pub(super) fn reset(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        segment: &Segment<'_>,
    ) -> Result<(), I::Error> {
        if segment.flags.contains(Flags::RST) {
            return Ok(());
        }
        if !self.resets.take(now) {
            self.connections.count(|counters| counters.resets_limited += 1);
            return Ok(());
        }
        self.connections.count(|counters| counters.resets_tx += 1);
        let answer = if segment.flags.contains(Flags::ACK) {
            control(segment.ack, Seq(0), Flags::RST)
        } else {
            control(Seq(0), segment.seq + segment.len(), Flags::RST.with(Flags::ACK))
        };
        self.send_control(now, tuple, &answer)
    }

    /// Sends a segment that no connection has.
    pub(super) fn send_control(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        segment: &Emitted<'_>,
    ) -> Result<(), I::Error> {
        let marks = Marks::default();
        let _ = send(&mut self.network, self.connections, now, tuple, marks, segment)?;
        Ok(())
    }
}

/// A segment without data and options, and without a window.
pub(super) fn control(seq: Seq, ack: Seq, flags: Flags) -> Emitted<'static> {
    Emitted {
        seq,
        ack,
        flags,
        window: 0,
        urgent: 0,
        options: crate::Options::default(),
        data: (&[], &[]),
        segment_size: 0,
    }
}

fn send<I: Network>(
    network: &mut I,
    connections: &Connections,
    now: Instant,
    tuple: &Tuple,
    marks: Marks,
    segment: &Emitted<'_>,
) -> Result<Sent, I::Error> {
    let Emitted { seq, ack, flags, window, urgent, options, data, segment_size } = *segment;
    let header = Header { ports: tuple.ports, seq, ack, flags, window, urgent, options };
    let length = data.0.len() + data.1.len();
    let mut outgoing = Outgoing::new(tuple.addresses[1], Protocol::TCP);
    outgoing.source = Some(tuple.addresses[0]);
    (outgoing.tos, outgoing.ttl) = (marks.tos, marks.ttl);
    let bytes = if network.offloads(tuple.addresses[1]).checksum {
        outgoing.checksum = Some(PartialChecksum::TCP);
        header.with_partial(tuple.addresses, length)
    } else {
        header.with_checksum(tuple.addresses, &data)
    };
    if length > segment_size as usize {
        outgoing.segment_size = core::num::NonZeroU16::new(segment_size as u16);
    }
    let sent = network.send(now, &outgoing, (bytes, data))?;
    connections.count(|counters| match sent {
        Sent::Queued => counters.segments_tx += 1,
        Sent::NotSent(_) => counters.not_sent += 1,
    });
    Ok(sent)
}
