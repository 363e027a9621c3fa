//! Segments as text, in the manner of packetdrill: `P. 1:11 ack 1 win 100 urg 5 <mss 1460,sackOK,TS 7 8,wscale 2>`.
//!
//! The flags come first: `S`, `F`, `R`, `P`, `U`, and `.` for ACK; `-` is none. Then the sequence number of the segment and, if it
//! has data, the one after its last byte. Numbers count from the initial ones of either side.

use std::{fmt::Write, iter};

use tcp::{Flags, Options, Segment, Seq, Timestamps};

const FLAGS: [(char, Flags); 6] = [
    ('S', Flags::SYN),
    ('F', Flags::FIN),
    ('R', Flags::RST),
    ('P', Flags::PSH),
    ('U', Flags::URG),
    ('.', Flags::ACK),
];

/// Where the numbers of one side begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    /// The initial sequence number.
    pub(crate) seq: Seq,
    /// What timestamps have more than what the text says.
    pub(crate) clock: u32,
    /// What makes the bytes of this side others than those of the other one.
    pub(crate) salt: u8,
}

impl Origin {
    /// The byte that this side has at a sequence number, which counts from its initial one.
    pub(crate) fn byte(self, at: u32) -> u8 {
        (at.wrapping_mul(7)).wrapping_add(at / 251) as u8 ^ self.salt
    }

    /// Bytes from a sequence number on.
    pub(crate) fn bytes(self, start: u32, length: usize) -> Vec<u8> {
        (0..length as u32).map(|offset| self.byte(start.wrapping_add(offset))).collect()
    }

    fn number(self, seq: Seq) -> i32 {
        seq.distance(self.seq)
    }

    fn seq(self, number: i64) -> Seq {
        self.seq + number as u32
    }
}

/// A segment with its data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned {
    pub(crate) ports: [u16; 2],
    pub(crate) seq: Seq,
    pub(crate) ack: Seq,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) options: Options,
    pub(crate) data: Vec<u8>,
}

impl Owned {
    pub(crate) fn segment(&self) -> Segment<'_> {
        let Self { ports, seq, ack, flags, window, urgent, options, ref data } = *self;
        Segment { ports, seq, ack, flags, window, urgent, options, payload: data, joined: 1 }
    }

    /// Reads a segment from `sender` to `receiver`. Without a window in the text, it has `window`.
    pub(crate) fn read(text: &str, sender: Origin, receiver: Origin, window: u16) -> Self {
        let (head, options) = match text.split_once('<') {
            Some((head, rest)) => (head, rest.strip_suffix('>').expect("no > at the end")),
            None => (text, ""),
        };
        let mut words = head.split_whitespace();
        let mut owned = Self { window, ..Self::default() };
        for letter in words.next().expect("no flags").chars().filter(|letter| *letter != '-') {
            let (_, flag) = FLAGS.into_iter().find(|(known, _)| *known == letter).expect("a flag");
            owned.flags = owned.flags.with(flag);
        }
        let (start, end) = range(words.next().expect("no sequence number"));
        owned.seq = sender.seq(start);
        // A SYN takes the number before the data.
        let first = start + i64::from(owned.flags.contains(Flags::SYN) && end > start);
        owned.data = sender.bytes(first as u32, (end - first) as usize);
        while let Some(word) = words.next() {
            let value = number(words.next().expect("a number"));
            match word {
                "ack" => owned.ack = receiver.seq(value),
                "win" => owned.window = value as u16,
                "urg" => owned.urgent = value as u16,
                _ => panic!("{word} in {text}"),
            }
        }
        owned.options = read_options(options, sender, receiver);
        owned
    }

    /// Writes a segment from `sender` to `receiver` with what `model` speaks of: the window and timestamps are left out if it
    /// has none.
    pub(crate) fn write(&self, model: &str, sender: Origin, receiver: Origin) -> String {
        let mut text = String::new();
        for (letter, flag) in FLAGS {
            if self.flags.contains(flag) {
                text.push(letter);
            }
        }
        if text.is_empty() {
            text.push('-');
        }
        let start = sender.number(self.seq);
        write!(text, " {start}").unwrap();
        if !self.data.is_empty() {
            assert!(!self.flags.contains(Flags::SYN), "data with a SYN");
            let expected = sender.bytes(start as u32, self.data.len());
            let wrong = iter::zip(&self.data, &expected).position(|(one, other)| one != other);
            assert_eq!(wrong, None, "wrong byte in {self:?}");
            write!(text, ":{}", start + self.data.len() as i32).unwrap();
        }
        if self.flags.contains(Flags::ACK) {
            write!(text, " ack {}", receiver.number(self.ack)).unwrap();
        }
        if model.contains(" win ") {
            write!(text, " win {}", self.window).unwrap();
        }
        if self.flags.contains(Flags::URG) {
            write!(text, " urg {}", self.urgent).unwrap();
        }
        let options = write_options(&self.options, model.contains("TS "), sender, receiver);
        if !options.is_empty() {
            write!(text, " <{options}>").unwrap();
        }
        text
    }
}

fn number(word: &str) -> i64 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

fn range(word: &str) -> (i64, i64) {
    match word.split_once(':') {
        Some((start, end)) => (number(start), number(end)),
        None => (number(word), number(word)),
    }
}

fn read_options(text: &str, sender: Origin, receiver: Origin) -> Options {
    let mut options = Options::default();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        let words: Vec<_> = option.split_whitespace().collect();
        match words[..] {
            ["mss", size] => options.mss = Some(number(size) as u16),
            ["wscale", bits] => options.window_scale = Some(number(bits) as u8),
            ["sackOK"] => options.sack_permitted = true,
            ["TS", value, "0"] => {
                let value = sender.clock.wrapping_add(number(value) as u32);
                options.timestamps = Some(Timestamps { value, echo: 0 });
            }
            ["TS", value, echo] => {
                options.timestamps = Some(Timestamps {
                    value: sender.clock.wrapping_add(number(value) as u32),
                    echo: receiver.clock.wrapping_add(number(echo) as u32),
                });
            }
            ["sack", ref blocks @ ..] => {
                for block in blocks {
                    let (start, end) = range(block);
                    options.sack.push(receiver.seq(start), receiver.seq(end));
                }
            }
            _ => panic!("the option {option}"),
        }
    }
    options
}

fn write_options(
    options: &Options,
    with_timestamps: bool,
    sender: Origin,
    receiver: Origin,
) -> String {
    let mut texts = Vec::new();
    if let Some(size) = options.mss {
        texts.push(format!("mss {size}"));
    }
    if options.sack_permitted {
        texts.push("sackOK".to_owned());
    }
    if let Some(Timestamps { value, echo }) = options.timestamps.filter(|_| with_timestamps) {
        let value = value.wrapping_sub(sender.clock);
        let echo = if echo == 0 { 0 } else { echo.wrapping_sub(receiver.clock) };
        texts.push(format!("TS {value} {echo}"));
    }
    if let Some(bits) = options.window_scale {
        texts.push(format!("wscale {bits}"));
    }
    if !options.sack.is_empty() {
        let mut text = "sack".to_owned();
        for &(start, end) in options.sack.as_slice() {
            write!(text, " {}:{}", receiver.number(start), receiver.number(end)).unwrap();
        }
        texts.push(text);
    }
    texts.join(",")
}
