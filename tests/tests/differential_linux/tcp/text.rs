//! Segments of the peer as text, in the manner of packetdrill: `P. 1:11 ack 1 win 100 <mss 1460,sackOK,TS 7 8,wscale 2>`.
//!
//! The flags come first: `S`, `F`, `R`, `P`, `U`, `E` (ECE), `W` (CWR), and `.` for ACK; `-` is none. Then the sequence number of
//! the segment and, if it has data, the one after its last byte. Words after these: `ack`, `win`, `urg`, `to` (a port), `off` (the
//! length of the header in words), `res` (the reserved bits), `damage` (of the checksum), `cut` (to so many bytes).

use super::segment::{ACK, Opt, Segment, byte};
use crate::differential_linux::frames::PORT;

const FLAGS: [(char, u8); 8] =
    [('F', 1), ('S', 2), ('R', 4), ('P', 8), ('.', 16), ('U', 32), ('E', 64), ('W', 128)];

/// The names of flags.
pub(super) fn flags(flags: u8) -> String {
    let names: String =
        FLAGS.iter().filter(|(_, bit)| flags & bit != 0).map(|(name, _)| *name).collect();
    if names.is_empty() { "-".into() } else { names }
}

fn number(word: &str) -> i64 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

/// Reads a segment.
pub(super) fn segment(text: &str) -> Segment {
    let (head, options) = match text.split_once('<') {
        Some((head, rest)) => (head, rest.strip_suffix('>').expect("a > at the end")),
        None => (text, ""),
    };
    let mut words = head.split_whitespace();
    let letters = words.next().expect("flags");
    let bits = letters.chars().filter(|letter| *letter != '-').map(|letter| {
        FLAGS.iter().find(|(name, _)| *name == letter).unwrap_or_else(|| panic!("flag {letter}")).1
    });
    let range = words.next().expect("a number");
    let (start, end) = match range.split_once(':') {
        Some((start, end)) => (number(start), number(end)),
        None => (number(range), number(range)),
    };
    let mut segment = Segment {
        to: PORT,
        seq: start as u32,
        ack: None,
        flags: bits.fold(0, |flags, bit| flags | bit),
        reserved: 0,
        window: 10_000,
        urgent: 0,
        options: options.split(',').filter(|option| !option.is_empty()).map(option).collect(),
        data: (start..end).map(|at| byte(0x55, at as u32)).collect(),
        offset: None,
        damage: 0,
        cut: None,
        changes: Vec::new(),
    };
    while let Some(word) = words.next() {
        let value = number(words.next().expect("a value"));
        match word {
            "ack" => segment.ack = Some(value as u32),
            "win" => segment.window = value as u16,
            "urg" => segment.urgent = value as u16,
            "to" => segment.to = value as u16,
            "off" => segment.offset = Some(value as u8),
            "res" => segment.reserved = value as u8,
            "damage" => segment.damage = value as u16,
            "cut" => segment.cut = Some(value as usize),
            _ => panic!("the word {word}"),
        }
    }
    assert!(segment.flags & ACK == 0 || segment.ack.is_some(), "an ACK without a number: {text}");
    segment
}

fn option(text: &str) -> Opt {
    let words: Vec<_> = text.split_whitespace().collect();
    match words[..] {
        ["mss", size] => Opt::Mss(number(size) as u16),
        ["sackOK"] => Opt::SackPermitted,
        ["TS", value, echo] => Opt::Timestamps(number(value) as u32, number(echo) as u32),
        ["wscale", shift] => Opt::Scale(number(shift) as u8),
        ["sack", ref blocks @ ..] => {
            let block = |text: &&str| {
                let (start, end) = text.split_once(':').expect("a block");
                (number(start) as u32, number(end) as u32)
            };
            Opt::Sack(blocks.iter().map(block).collect())
        }
        ["raw", ref bytes @ ..] => {
            Opt::Raw(bytes.iter().map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect())
        }
        _ => panic!("the option {text}"),
    }
}
