//! Departures of connections that end.

use super::{
    Departure, Kind, alike_but, did, earlier, has_ended, kinds, next, segment_if, timestamp,
};
use crate::differential_linux::tcp::{
    application::{Command, Seen},
    segment::{ACK, FIN, Opt, RST, SYN, Segment},
};

pub(super) const DEPARTURES: &[Departure] = &[
    Departure {
        name: "the acknowledgment of a FIN that waits",
        why: "RFC 9293 3.8.6.3: an acknowledgment may wait. Linux waits 40 ms for data to take it along; we acknowledge a FIN at once",
        parts: false,
        explains: |exchange| {
            let end = |fin: &Segment| fin.seq.wrapping_add(fin.len());
            match kinds(exchange) {
                (Kind::Ack, Kind::Nothing) => segment_if(exchange, |segment| {
                    segment.flags & FIN != 0
                        && exchange.ours[0].ack == end(segment)
                        && next(exchange) != end(segment)
                }),
                // It comes when its time is over, or it is asked for.
                (Kind::Nothing, Kind::Ack) => {
                    let ack = exchange.theirs[0].ack;
                    ack != next(exchange)
                        && earlier(exchange).any(|fin| fin.flags & FIN != 0 && end(fin) == ack)
                        && exchange.our_seen == exchange.their_seen
                }
                _ => false,
            }
        },
    },
    Departure {
        name: "data behind a FIN",
        why: "RFC 9293 3.10.7.4: there is no data behind a FIN. We keep the end that came first; Linux forgets a FIN out of order \
              when data covers it",
        parts: true,
        explains: |exchange| {
            let end = |fin: &Segment| fin.seq.wrapping_add(fin.len());
            kinds(exchange) == (Kind::Ack, Kind::Ack)
                && (exchange.theirs[0].ack.wrapping_sub(exchange.ours[0].ack) as i32) > 0
                && earlier(exchange)
                    .any(|fin| fin.flags & FIN != 0 && end(fin) == exchange.ours[0].ack)
        },
    },
    Departure {
        name: "the number of a FIN in a block",
        why: "RFC 2018 3: a block has numbers that were received. That of the FIN is one in Linux; ours are of data",
        parts: false,
        explains: |exchange| {
            let is_fin = |segment: &Segment| segment.flags & FIN != 0;
            (segment_if(exchange, is_fin) || has_ended(exchange))
                && alike_but(exchange, |answer| {
                    answer.options.retain(|option| !matches!(option, Opt::Sack(_)));
                })
        },
    },
    Departure {
        name: "what a reader hears of a reset that follows the end",
        why: "RFC 9293 3.10.7.4: in CLOSING and LAST-ACK the connection is just closed. The reader in Linux hears of the end; ours \
              hears of the reset",
        parts: false,
        explains: |exchange| {
            let (Some((Seen::Broken, ours)), Some((Seen::End, theirs))) =
                (exchange.our_seen.split_last(), exchange.their_seen.split_last())
            else {
                return false;
            };
            has_ended(exchange) && ours == theirs && exchange.ours == exchange.theirs
        },
    },
    Departure {
        name: "the reset for data that nobody reads",
        why: "RFC 9293 3.6.1: the connection is reset. Ours is the reset of an abort, with the next number and an acknowledgment; \
              that of Linux is the one of a host without the connection (3.5.2). A peer takes either, the first at least after a challenge",
        parts: true,
        explains: |exchange| {
            did(exchange, Command::Close)
                && segment_if(exchange, |segment| {
                    segment.flags & (SYN | RST) == 0 && segment.len() > 0
                })
                && kinds(exchange) == (Kind::Reset, Kind::Reset)
        },
    },
    Departure {
        name: "FIN-WAIT-2 without an application",
        why: "RFC 9293 3.10.7.4, RFC 5961: what is unexpected is challenged, and data out of order waits. Linux remembers some \
              bytes of the connection (as for TIME-WAIT): it resets, or says nothing, and has another limit for acknowledgments",
        parts: true,
        explains: |exchange| {
            did(exchange, Command::Close)
                && exchange.segment().is_some()
                && matches!(
                    kinds(exchange),
                    (Kind::Ack, Kind::Reset | Kind::Nothing)
                        | (Kind::Nothing, Kind::Ack | Kind::Reset)
                )
        },
    },
    Departure {
        name: "the window in TIME-WAIT",
        why: "RFC 9293 3.10.7.4: nothing can come any more. Linux says the window that it had, we say 0",
        parts: false,
        explains: |exchange| has_ended(exchange) && alike_but(exchange, |answer| answer.window = 0),
    },
    Departure {
        name: "what follows a FIN",
        why: "RFC 9293 3.10.7.4: it is ignored, but for a FIN, which is acknowledged, and so is what is out of the window. We acknowledge \
              whatever takes numbers. Linux says nothing, resets where data covers the FIN and goes on behind it, and takes the \
              acknowledgment of a FIN that was received already: in CLOSING and LAST-ACK it is done with the connection then",
        parts: true,
        explains: |exchange| {
            has_ended(exchange)
                && !did(exchange, Command::Close)
                && segment_if(exchange, |segment| segment.len() > 0)
                && matches!(kinds(exchange), (Kind::Ack, Kind::Nothing | Kind::Reset))
        },
    },
    Departure {
        name: "a SYN in TIME-WAIT with timestamps, of a peer that had none",
        why: "RFC 6191 2: it begins a connection, whatever its number is. Linux goes by the number",
        parts: true,
        explains: |exchange| {
            has_ended(exchange)
                && segment_if(exchange, |segment| {
                    segment.flags == SYN && timestamp(segment).is_some()
                })
                && earlier(exchange).all(|segment| timestamp(segment).is_none())
                && kinds(exchange).1 == Kind::Ack
        },
    },
    Departure {
        name: "a SYN in TIME-WAIT with the number that follows the FIN",
        why: "RFC 9293 3.6.1: it is larger than the largest that was used, and begins a connection. For Linux it has to be larger by one more",
        parts: true,
        explains: |exchange| {
            has_ended(exchange)
                && segment_if(exchange, |segment| {
                    segment.flags & (SYN | RST | ACK) == SYN && segment.seq == next(exchange)
                })
                && matches!(kinds(exchange).1, Kind::Ack | Kind::Nothing)
        },
    },
    Departure {
        name: "a second acknowledgment in TIME-WAIT",
        why: "RFC 5961 7 limits challenges. Linux limits acknowledgments of what has no data in TIME-WAIT too, to one in half a second; we have no \
              room for the time there, and two hosts in TIME-WAIT do not answer each other",
        parts: false,
        explains: |exchange| {
            has_ended(exchange)
                && segment_if(exchange, |segment| segment.len() == 0)
                && kinds(exchange) == (Kind::Ack, Kind::Nothing)
        },
    },
    Departure {
        name: "an old SYN in TIME-WAIT",
        why: "RFC 6191 2: a SYN that begins no connection is dropped silently. Linux acknowledges, as RFC 9293 3.10.7.4 does",
        parts: false,
        explains: |exchange| {
            has_ended(exchange)
                && segment_if(exchange, |segment| segment.flags & (SYN | RST) == SYN)
                && kinds(exchange) == (Kind::Nothing, Kind::Ack)
        },
    },
];
