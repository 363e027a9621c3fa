//! What the words of a zone stand for: names, times, numbers, texts, and the data of records.

use core::net::Ipv6Addr;

use super::{
    Problem,
    tokens::{Token, Tokens, unescaped},
};
use crate::{MAX_LABEL, Name, wire::RecordType, zone::ZoneError};

/// The longest data of a record, in bytes: so each fits into a message of a transfer, and into a page.
pub const MAX_DATA: usize = 2048;

/// The longest time to live in seconds (RFC 2181 8).
const MAX_TTL: u64 = (1 << 31) - 1;

const NAME: &str = "a name with labels of 1 to 63 bytes, 255 in all";
const TTL: &str = "a time such as 3600, 1h or 1d12h, 2147483647 seconds at most";
const TEXTS: &str = "texts of 255 bytes at most, such as \"v=spf1 -all\"";
const TYPES: &str = "one of the types A, AAAA, CNAME, MX, NS, PTR, SOA and TXT";

/// The data of a record, as it is in a message.
pub(super) struct Bytes {
    bytes: [u8; MAX_DATA],
    length: usize,
}

impl Bytes {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; MAX_DATA], length: 0 }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds bytes; returns whether there was room.
    fn put(&mut self, bytes: &[u8]) -> bool {
        let room = self.bytes.get_mut(self.length..self.length + bytes.len());
        room.is_some_and(|room| {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
            true
        })
    }
}

/// The type of this name.
pub(super) fn kind(word: &str) -> Result<RecordType, Problem<'_>> {
    let known = [
        RecordType::A,
        RecordType::AAAA,
        RecordType::CNAME,
        RecordType::MX,
        RecordType::NS,
        RecordType::PTR,
        RecordType::SOA,
        RecordType::TXT,
    ];
    let names = ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT"];
    let found = names.iter().position(|name| name.eq_ignore_ascii_case(word));
    found.map(|index| known[index]).ok_or(Problem::Expected(word, TYPES))
}

/// The name that a word stands for: below `origin`, unless a dot is at its end.
pub(super) fn name<'t>(word: &'t str, origin: Option<&Name>) -> Result<Name, Problem<'t>> {
    let wrong = Problem::Expected(word, NAME);
    let relative = || {
        let rule =
            "a name without a dot at its end: expected a line \"$ORIGIN example.org.\" before";
        origin.copied().ok_or(Problem::Rule(rule))
    };
    if word == "@" {
        return relative();
    }
    let mut name = Name::ROOT;
    if word == "." {
        return Ok(name);
    }
    let (mut label, mut length) = ([0; MAX_LABEL], 0);
    let mut take = |label: &[u8]| {
        let is_good = !label.is_empty() && name.has_room(label.len());
        if is_good {
            name.push(label);
        }
        is_good.then_some(()).ok_or(wrong)
    };
    for item in unescaped(word) {
        match item.ok_or(wrong)? {
            (b'.', false) => {
                take(&label[..length])?;
                length = 0;
            }
            (byte, false) if !byte.is_ascii() => {
                return Err(Problem::Expected(word, "the name in ASCII, with xn--"));
            }
            (byte, _) => {
                *label.get_mut(length).ok_or(wrong)? = byte;
                length += 1;
            }
        }
    }
    if length == 0 {
        return if word.is_empty() { Err(wrong) } else { Ok(name) };
    }
    take(&label[..length])?;
    for label in relative()?.view().labels() {
        if !name.has_room(label.len()) {
            return Err(wrong);
        }
        name.push(label);
    }
    Ok(name)
}

/// A time in seconds: a number, or numbers with the units s, m, h, d and w, as most servers know them.
pub(super) fn time(word: &str) -> Result<u32, Problem<'_>> {
    let wrong = Problem::Expected(word, TTL);
    if !word.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(wrong);
    }
    let (mut total, mut number, mut has_digit) = (0_u64, 0_u64, false);
    for byte in word.bytes() {
        let unit = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                number = number * 10 + u64::from(digit - b'0');
                has_digit = true;
                if number > MAX_TTL {
                    return Err(wrong);
                }
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return Err(wrong),
        };
        if !has_digit {
            return Err(wrong);
        }
        total += number * unit;
        (number, has_digit) = (0, false);
        if total > MAX_TTL {
            return Err(wrong);
        }
    }
    let total = total + number;
    if total <= MAX_TTL { Ok(total as u32) } else { Err(wrong) }
}

/// Reads the words of the data of a record.
pub(super) struct DataReader<'a, 't> {
    pub(super) tokens: &'a mut Tokens<'t>,
    pub(super) origin: Option<&'a Name>,
    pub(super) data: &'a mut Bytes,
}

impl<'t> DataReader<'_, 't> {
    /// Reads the data of a record of this type, and the end of its line.
    pub(super) fn read(&mut self, kind: RecordType) -> Result<(), ZoneError<'t>> {
        self.data.length = 0;
        match kind {
            RecordType::A => {
                const ADDRESS: &str = "an IPv4 address, such as 192.0.2.7";
                let address = self.value(ADDRESS, layer::parse_ipv4)?;
                self.put(&address.octets())?;
            }
            RecordType::AAAA => {
                const ADDRESS: &str = "an IPv6 address, such as 2001:db8::7";
                let address = self.value(ADDRESS, |word| word.parse::<Ipv6Addr>().ok())?;
                self.put(&address.octets())?;
            }
            RecordType::MX => {
                const NUMBER: &str = "a preference from 0 to 65535, and a name";
                let number = |word: &str| layer::decimal(word.as_bytes(), u16::MAX.into());
                let preference = self.value(NUMBER, number)?;
                self.put(&(preference as u16).to_be_bytes())?;
                self.name("the name of a mail server")?;
            }
            RecordType::SOA => self.soa()?,
            RecordType::TXT => self.texts()?,
            _ => self.name("a name")?,
        }
        if kind == RecordType::TXT {
            return Ok(());
        }
        match self.tokens.next()? {
            Token::Word(text) => {
                let expected = "the end of the line, or a semicolon before a comment";
                Err(self.tokens.error(Problem::Expected(text, expected)))
            }
            _ => Ok(()),
        }
    }

    fn word(&mut self, expected: &'static str) -> Result<&'t str, ZoneError<'t>> {
        match self.tokens.next()? {
            Token::Word(text) => Ok(text),
            _ => Err(self.tokens.error(Problem::Missing(expected))),
        }
    }

    fn value<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ZoneError<'t>> {
        let word = self.word(expected)?;
        parse(word).ok_or(self.tokens.error(Problem::Expected(word, expected)))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ZoneError<'t>> {
        let rule = Problem::Rule("the data of the record has more than 2048 bytes");
        if self.data.put(bytes) { Ok(()) } else { Err(self.tokens.error(rule)) }
    }

    fn name(&mut self, expected: &'static str) -> Result<(), ZoneError<'t>> {
        let word = self.word(expected)?;
        let name = name(word, self.origin).map_err(|problem| self.tokens.error(problem))?;
        self.put(name.as_bytes())
    }

    fn soa(&mut self) -> Result<(), ZoneError<'t>> {
        self.name("the name of the first server")?;
        self.name("the mailbox of who is responsible, such as hostmaster.example.org.")?;
        const SERIAL: &str = "a serial number from 0 to 4294967295";
        let number = |word: &str| layer::decimal(word.as_bytes(), u32::MAX.into());
        let serial = self.value(SERIAL, number)?;
        self.put(&(serial as u32).to_be_bytes())?;
        for expected in [
            "how often secondary servers look for changes: a time such as 1h",
            "how soon they look again: a time such as 15m",
            "for how long they answer without having looked: a time such as 1w",
            "for how long it is kept that a name does not exist: a time such as 5m",
        ] {
            let time = self.value(expected, |word| time(word).ok())?;
            self.put(&time.to_be_bytes())?;
        }
        Ok(())
    }

    fn texts(&mut self) -> Result<(), ZoneError<'t>> {
        let mut count = 0;
        while let Token::Word(text) = self.tokens.next()? {
            let wrong = self.tokens.error(Problem::Expected(text, TEXTS));
            let at = self.data.length;
            self.put(&[0])?;
            for item in unescaped(text) {
                let (byte, _) = item.ok_or(wrong)?;
                self.put(&[byte])?;
            }
            let length = self.data.length - at - 1;
            self.data.bytes[at] = u8::try_from(length).map_err(|_| wrong)?;
            count += 1;
        }
        if count > 0 { Ok(()) } else { Err(self.tokens.error(Problem::Missing(TEXTS))) }
    }
}
