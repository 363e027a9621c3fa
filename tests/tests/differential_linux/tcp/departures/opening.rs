//! Departures before a connection is established.

use super::{Departure, Kind, earlier, kinds, segment_if, timestamp};
use crate::differential_linux::tcp::{
    answer::Answer,
    application::Seen,
    segment::{ACK, FIN, Opt, PSH, RST, SYN, Segment},
};

pub(super) const DEPARTURES: &[Departure] = &[
    Departure {
        name: "a SYN with FIN",
        why: "RFC 9293 3.10.7.2: a SYN is answered, and what else there is is queued or dropped. Linux drops such a \
              SYN as one that nobody sends",
        parts: true,
        explains: |exchange| {
            segment_if(exchange, |segment| {
                segment.flags & (SYN | FIN | RST | ACK) == SYN | FIN && exchange.theirs.is_empty()
            })
        },
    },
    Departure {
        name: "an option of MD5",
        why: "RFC 2385 2.0: a host without that option ignores it. Linux has it, and drops the segment where no key is set",
        parts: true,
        explains: |exchange| {
            let is_md5 =
                |option: &Opt| matches!(option, Opt::Raw(bytes) if bytes.starts_with(&[19, 18]));
            segment_if(exchange, |segment| segment.options.iter().any(is_md5))
                && exchange.theirs.is_empty()
        },
    },
    Departure {
        name: "a SYN to a half-open connection",
        why: "RFC 9293 3.10.7.4 returns to LISTEN, and RFC 5961 4.2 challenges, as we do. Linux resets one in the window, and \
              looks at the acknowledgment first",
        parts: true,
        explains: |exchange| {
            let is_other = matches!(kinds(exchange), (Kind::Ack | Kind::Nothing, Kind::Reset))
                || exchange.our_seen.is_empty() && exchange.their_seen == [Seen::Accepted];
            exchange.half_open
                && segment_if(exchange, |segment| segment.flags & (SYN | RST) == SYN)
                && is_other
        },
    },
    Departure {
        name: "the limit of challenges of a half-open connection",
        why: "RFC 9293 3.10.7.4, RFC 5961 7: what is out of the window is acknowledged. We do that twice a second at most; Linux has no limit for \
              what takes numbers, and one limit for the rest and for its answer to a SYN that comes again",
        parts: false,
        explains: |exchange| {
            let is_answer = |answers: &[Answer]| matches!(answers, [one] if one.flags & !PSH == ACK || one.flags == SYN | ACK);
            exchange.half_open
                && exchange.steps.len() > 2
                && exchange.our_seen == exchange.their_seen
                && (exchange.ours.is_empty() && is_answer(&exchange.theirs)
                    || exchange.theirs.is_empty() && is_answer(&exchange.ours))
        },
    },
    Departure {
        name: "a wrong acknowledgment out of the window, of a half-open connection",
        why: "RFC 9293 3.10.7.4 looks at the sequence number first, and so do we. Linux looks at the acknowledgment first, \
              and resets",
        parts: false,
        explains: |exchange| {
            exchange.half_open
                && segment_if(exchange, |segment| {
                    segment.flags & (ACK | RST) == ACK && segment.ack != Some(1)
                })
                && matches!(kinds(exchange), (Kind::Ack | Kind::Nothing, Kind::Reset))
        },
    },
    Departure {
        name: "the SYN again, with other timestamps",
        why: "RFC 7323 4.3: the latest timestamp of what is not beyond the last acknowledgment is echoed, and so is that of \
              the repeated SYN here, which is answered like the first. Linux goes by the first SYN",
        parts: true,
        explains: |exchange| {
            let is_syn = |segment: &&Segment| segment.flags & (SYN | RST | ACK) == SYN;
            exchange.half_open
                && earlier(exchange).any(|segment| timestamp(segment).is_some())
                && earlier(exchange).chain(exchange.segment()).filter(is_syn).count() > 1
        },
    },
    Departure {
        name: "an echo of what was never sent, in the handshake",
        why: "RFC 7323 has no rule for it. Linux sends an acknowledgment and does not open the connection; we open it",
        parts: true,
        explains: |exchange| {
            exchange.half_open
                && exchange.our_seen == [Seen::Accepted]
                && exchange.their_seen.is_empty()
                && segment_if(exchange, |segment| timestamp(segment).is_some())
                && kinds(exchange).1 == Kind::Ack
        },
    },
    Departure {
        name: "a reset with an old timestamp, of a half-open connection",
        why: "RFC 7323 5.3 R1: resets are not judged by timestamps. Linux drops this one, without a word, and the next \
              segment finds the connection there",
        parts: true,
        explains: |exchange| {
            exchange.half_open
                && earlier(exchange)
                    .any(|segment| segment.flags & RST != 0 && timestamp(segment).is_some())
        },
    },
];
