//! Departures of established connections, and of what may come at any time.

use super::{
    Departure, Kind, alike_but, earlier, has_ended, kinds, next, segment_if, take_duplicate_out,
    timestamp,
};
use crate::differential_linux::tcp::{
    answer::Answer,
    compare::Step,
    segment::{ACK, FIN, Opt, RST, SYN, Segment},
};

pub(super) const DEPARTURES: &[Departure] = &[
    Departure {
        name: "the least segment",
        why: "RFC 9293 3.7.1: none is said. Against the smallest (CVE-2019-11479), Linux takes no MSS below 48 for one, \
              and we send no less than 36 bytes",
        parts: true,
        explains: |exchange| {
            let is_tiny = |option: &Opt| matches!(option, Opt::Mss(1..88));
            earlier(exchange).any(|segment| segment.options.iter().any(is_tiny))
                && exchange
                    .ours
                    .iter()
                    .chain(&exchange.theirs)
                    .all(|answer| !answer.data.is_empty())
        },
    },
    Departure {
        name: "blocks in segments with data",
        why: "RFC 2018 4 wants the blocks in all acknowledgments that do not acknowledge the highest number. Linux has \
              them in its data too, which gets shorter; we have none there, since an acknowledgment with all of them was \
              sent when the data came",
        parts: false,
        explains: |exchange| {
            let all = |answers: &[Answer]| -> Vec<u8> {
                answers.iter().flat_map(|answer| answer.data.clone()).collect()
            };
            let has_blocks = |answer: &Answer| {
                answer.options.iter().any(|option| matches!(option, Opt::Sack(_)))
            };
            let has_numbers = |answer: &Answer| !answer.data.is_empty() || answer.flags & FIN != 0;
            exchange.theirs.iter().all(|answer| has_blocks(answer) && has_numbers(answer))
                && !exchange.theirs.is_empty()
                && exchange.ours.iter().all(has_numbers)
                && exchange.ours.last().map(|last| last.flags)
                    == exchange.theirs.last().map(|last| last.flags)
                && all(&exchange.ours) == all(&exchange.theirs)
        },
    },
    Departure {
        name: "no acknowledgment",
        why: "RFC 9293 3.10.7.4 looks at the sequence number first: what is out of the window is acknowledged. Linux drops what has \
              no flag that it needs, without a word",
        parts: false,
        explains: |exchange| {
            segment_if(exchange, |segment| segment.flags & (SYN | RST | ACK) == 0)
                && kinds(exchange) == (Kind::Ack, Kind::Nothing)
        },
    },
    Departure {
        name: "data with an acknowledgment that is too old",
        why: "RFC 5961 5.2: it is dropped, and answered. Linux does that too, but not where data comes as it has come before (its \
              header prediction)",
        parts: true,
        explains: |exchange| {
            let is_old = |segment: &Segment| {
                !segment.data.is_empty() && segment.ack.is_some_and(|ack| (ack as i32) < 1)
            };
            let [ours, theirs] =
                [&exchange.ours, &exchange.theirs].map(|answers| match &answers[..] {
                    [] => Some(next(exchange)),
                    [one] if one.flags & (SYN | RST | ACK) == ACK => Some(one.ack),
                    _ => None,
                });
            let (Some(ours), Some(theirs)) = (ours, theirs) else { return false };
            earlier(exchange).chain(exchange.segment()).any(is_old)
                && (theirs.wrapping_sub(ours) as i32) > 0
        },
    },
    Departure {
        name: "a reset with a number that may be the next",
        why: "RFC 5961 3.2: only the next number ends the connection, others are challenged. Linux takes also the number behind the highest block, \
              and that of a FIN that was received, since a peer may send those",
        parts: true,
        explains: |exchange| {
            let end = |segment: &Segment| segment.seq.wrapping_add(segment.len());
            let has_sack = earlier(exchange).any(|syn| syn.options.contains(&Opt::SackPermitted));
            earlier(exchange).chain(exchange.segment()).filter(|reset| reset.flags & RST != 0).any(
                |reset| {
                    earlier(exchange).any(|other| {
                        let is_fin =
                            other.flags & FIN != 0 && end(other) == reset.seq.wrapping_add(1);
                        is_fin
                            || has_sack
                                && other.flags & SYN == 0
                                && other.len() > 0
                                && end(other) == reset.seq
                    })
                },
            )
        },
    },
    Departure {
        name: "a reset that ends where the window begins",
        why: "RFC 9293 3.4: no byte of it is in the window, so it is dropped. Linux counts the place behind it, and challenges",
        parts: false,
        explains: |exchange| {
            segment_if(exchange, |segment| {
                segment.flags & RST != 0
                    && segment.seq.wrapping_add(segment.len()) == next(exchange)
            }) && kinds(exchange) == (Kind::Nothing, Kind::Ack)
        },
    },
    Departure {
        name: "a duplicate that is not reported",
        why: "RFC 2883 4: what came twice is reported. Linux does not know of all: it keeps segments, and we keep bytes",
        parts: false,
        explains: |exchange| {
            let mut ours = exchange.ours.clone();
            for answer in &mut ours {
                let ack = answer.ack;
                for option in &mut answer.options {
                    if let Opt::Sack(blocks) = option {
                        take_duplicate_out(blocks, ack);
                    }
                }
                answer.options.retain(|option| *option != Opt::Sack(Vec::new()));
            }
            ours == exchange.theirs && exchange.our_seen == exchange.their_seen
        },
    },
    Departure {
        name: "a duplicate with an old timestamp",
        why: "RFC 7323 5.3 R1: it is dropped before anybody looks at its data. Linux reports it as a duplicate (RFC 2883)",
        parts: false,
        explains: |exchange| {
            let is_older = |segment: &Segment| {
                let before = |other: u32| {
                    timestamp(segment).is_some_and(|stamp| (stamp.wrapping_sub(other) as i32) < 0)
                };
                segment.len() > 0 && earlier(exchange).filter_map(timestamp).any(before)
            };
            segment_if(exchange, is_older)
                && alike_but(exchange, |answer| {
                    answer.options.retain(|option| !matches!(option, Opt::Sack(_)));
                })
        },
    },
    Departure {
        name: "the probe of a closed window",
        why: "RFC 9293 3.8.6.1: a probe has a byte of new data, as ours has. That of Linux has an old number and no data",
        parts: true,
        explains: |exchange| {
            matches!(exchange.steps.last(), Some(Step::Wait(_)))
                && matches!(&exchange.ours[..], [one] if one.data.len() == 1)
                && kinds(exchange).1 == Kind::Ack
        },
    },
    Departure {
        name: "a timestamp that is one older",
        why: "RFC 7323 5.3 R1: it is too old. Linux lets one tick pass",
        parts: true,
        explains: |exchange| {
            let segments = earlier(exchange).chain(exchange.segment());
            let stamps: Vec<_> = segments.filter_map(timestamp).collect();
            let is_older =
                |(place, stamp): (usize, &u32)| stamps[..place].contains(&stamp.wrapping_add(1));
            stamps.iter().enumerate().any(is_older) && kinds(exchange).0 == Kind::Ack
        },
    },
    Departure {
        name: "an old timestamp of an acknowledgment that changes nothing",
        why: "RFC 7323 5.3 R1: an acknowledgment is sent. Linux takes it for one that was overtaken, and says nothing, so that it has not \
              used its limit up",
        parts: true,
        explains: |exchange| {
            segment_if(exchange, |segment| segment.len() == 0 && timestamp(segment).is_some())
                && kinds(exchange) == (Kind::Ack, Kind::Nothing)
        },
    },
    Departure {
        name: "the timestamp of a segment with an older acknowledgment",
        why: "RFC 7323 4.3: a timestamp is kept by the number of the segment alone. Linux keeps none if there is an older acknowledgment beside it",
        parts: true,
        explains: |exchange| {
            let mut highest = 0;
            let acks =
                earlier(exchange).chain(exchange.segment()).filter_map(|segment| segment.ack);
            let is_older = acks.map(|ack| ack as i32).any(|ack| {
                highest = highest.max(ack);
                ack < highest
            });
            is_older
                && alike_but(exchange, |answer| {
                    answer.options.retain(|option| !matches!(option, Opt::Timestamps(..)));
                })
        },
    },
    Departure {
        name: "the timestamp of a segment that ends where the window begins",
        why: "RFC 7323 5.3 R2, R3: a segment out of the window is dropped before its timestamp is kept. Linux counts the place behind \
              a segment in, and keeps the timestamp of a duplicate of what came last; after a FIN it keeps that of a reset in TIME-WAIT, and \
              none of data",
        parts: true,
        explains: |exchange| {
            let ends =
                |segment: &Segment| segment.seq.wrapping_add(segment.len()) == next(exchange);
            (segment_if(exchange, ends) || has_ended(exchange))
                && alike_but(exchange, |answer| {
                    let is_compared = |option: &Opt| match option {
                        Opt::Timestamps(..) => false,
                        // That of a FIN is another row.
                        Opt::Sack(_) => !segment_if(exchange, |segment| segment.flags & FIN != 0),
                        _ => true,
                    };
                    answer.options.retain(is_compared);
                    // That in TIME-WAIT differs.
                    answer.window = 1;
                })
        },
    },
    Departure {
        name: "what has used the limit of challenges up",
        why: "RFC 5961 7: how many acknowledgments answer what is out of order, and which of them count, is each host's choice. Both send one in \
              half a second; for Linux the one for an acknowledgment that is too old counts also if there is data",
        parts: false,
        explains: |exchange| {
            let is_limited = |segment: &Segment| {
                let next = |answer: &Answer| {
                    let fin = u32::from(answer.flags & FIN);
                    answer.seq.wrapping_add(answer.data.len() as u32).wrapping_add(fin)
                };
                let most = exchange.before.iter().map(next).max().unwrap_or(1).max(1);
                segment.len() == 0
                    || segment.flags & (SYN | RST) != 0
                    || segment.ack.is_some_and(|ack| !(1..=most).contains(&ack))
            };
            segment_if(exchange, is_limited)
                && !exchange.half_open
                && exchange.steps.len() > 3
                && matches!(
                    kinds(exchange),
                    (Kind::Ack, Kind::Nothing) | (Kind::Nothing, Kind::Ack)
                )
        },
    },
];
