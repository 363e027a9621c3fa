//! The entries of a text in the format of master files (RFC 1035 5.1).

use super::{
    Problem, ZoneError,
    tokens::{Token, Tokens},
    values::{self, Bytes, DataReader},
};
use crate::{Name, wire::RecordType};

/// A record of the text.
pub(super) struct Entry<'a> {
    pub(super) line: u32,
    pub(super) name: &'a Name,
    pub(super) ttl: u32,
    pub(super) kind: RecordType,
    /// As it is in a message.
    pub(super) data: &'a [u8],
}

/// What holds for the lines that follow.
struct Reader<'t> {
    tokens: Tokens<'t>,
    origin: Option<Name>,
    /// The time to live of `$TTL` (RFC 2308 4).
    default_ttl: Option<u32>,
    /// That of the record before.
    last_ttl: Option<u32>,
    /// The name of the record before.
    last_name: Option<Name>,
}

/// Calls `take` with each record.
pub(super) fn read<'t>(
    text: &'t str,
    take: &mut dyn FnMut(Entry<'_>) -> Result<(), Problem<'t>>,
) -> Result<(), ZoneError<'t>> {
    let mut reader = Reader {
        tokens: Tokens::new(text),
        origin: None,
        default_ttl: None,
        last_ttl: None,
        last_name: None,
    };
    let mut data = Bytes::new();
    loop {
        let begins_blank = reader.tokens.is_at_blank();
        match reader.tokens.next()? {
            Token::End => return Ok(()),
            Token::EndOfLine => {}
            Token::Word(word) if !begins_blank && word.starts_with('$') => {
                reader.directive(word)?;
            }
            Token::Word(word) => {
                let line = reader.tokens.line();
                reader.record(word, begins_blank, &mut data, line, take)?;
            }
        }
        reader.tokens.next_line();
    }
}

impl<'t> Reader<'t> {
    fn error(&self, problem: Problem<'t>) -> ZoneError<'t> {
        self.tokens.error(problem)
    }

    fn word(&mut self, expected: &'static str) -> Result<&'t str, ZoneError<'t>> {
        match self.tokens.next()? {
            Token::Word(word) => Ok(word),
            _ => Err(self.error(Problem::Missing(expected))),
        }
    }

    fn end(&mut self) -> Result<(), ZoneError<'t>> {
        match self.tokens.next()? {
            Token::Word(word) => {
                let expected = "the end of the line, or a semicolon before a comment";
                Err(self.error(Problem::Expected(word, expected)))
            }
            _ => Ok(()),
        }
    }

    fn directive(&mut self, directive: &'t str) -> Result<(), ZoneError<'t>> {
        if directive.eq_ignore_ascii_case("$ORIGIN") {
            let word = self.word("the name that others are below, such as example.org.")?;
            let origin = values::name(word, self.origin.as_ref());
            self.origin = Some(origin.map_err(|problem| self.error(problem))?);
        } else if directive.eq_ignore_ascii_case("$TTL") {
            let word = self.word("a time to live, such as 1h")?;
            self.default_ttl = Some(values::time(word).map_err(|problem| self.error(problem))?);
        } else {
            let expected = "$ORIGIN or $TTL: files are not included, and nothing is generated";
            return Err(self.error(Problem::Expected(directive, expected)));
        }
        self.end()
    }

    /// Reads a record, whose first word is this one.
    fn record(
        &mut self,
        first: &'t str,
        begins_blank: bool,
        data: &mut Bytes,
        line: u32,
        take: &mut dyn FnMut(Entry<'_>) -> Result<(), Problem<'t>>,
    ) -> Result<(), ZoneError<'t>> {
        const TYPE: &str = "a type and its data, such as A 192.0.2.7";
        let mut word = first;
        if !begins_blank {
            let name = values::name(word, self.origin.as_ref());
            self.last_name = Some(name.map_err(|problem| self.error(problem))?);
            word = self.word(TYPE)?;
        }
        let rule =
            "a line that begins with a space has the name of the record before: there is none";
        let name = self.last_name.ok_or(self.error(Problem::Rule(rule)))?;
        // The time to live and the class, in any order, each once at most.
        let (mut ttl, mut has_class) = (None, false);
        loop {
            if ttl.is_none() && word.starts_with(|first: char| first.is_ascii_digit()) {
                ttl = Some(values::time(word).map_err(|problem| self.error(problem))?);
            } else if !has_class && word.eq_ignore_ascii_case("IN") {
                has_class = true;
            } else if ["CH", "CS", "HS"].iter().any(|class| class.eq_ignore_ascii_case(word)) {
                let expected = "the class IN, or none";
                return Err(self.error(Problem::Expected(word, expected)));
            } else {
                break;
            }
            word = self.word(TYPE)?;
        }
        let kind = values::kind(word).map_err(|problem| self.error(problem))?;
        // RFC 2308 4: without $TTL, that of the record before.
        let rule = "no time to live: expected a line \"$TTL 1h\" before";
        let ttl = ttl.or(self.default_ttl).or(self.last_ttl);
        let ttl = ttl.ok_or(self.error(Problem::Rule(rule)))?;
        self.last_ttl = Some(ttl);
        DataReader { tokens: &mut self.tokens, origin: self.origin.as_ref(), data }.read(kind)?;
        let entry = Entry { line, name: &name, ttl, kind, data: data.as_slice() };
        take(entry).map_err(|problem| ZoneError { line, problem })
    }
}
