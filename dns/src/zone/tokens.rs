//! The words of a text in the format of master files (RFC 1035 5.1): separated by spaces, with quotes, parentheses around what
//! takes several lines, and comments.

use super::{Problem, ZoneError};

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A word, or what is between quotes, with the backslashes that are in it.
    Word(&'t str),
    /// The end of a line that no parenthesis continues.
    EndOfLine,
    /// The end of the text.
    End,
}

/// The text that is left.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    /// The line of a parenthesis that is open.
    open: Option<u32>,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, open: None }
    }

    /// The line, from 1 on.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// Whether the next character is a space or a tab.
    pub(super) fn is_at_blank(&self) -> bool {
        matches!(self.peek(), Some(b' ' | b'\t'))
    }

    pub(super) fn error(&self, problem: Problem<'t>) -> ZoneError<'t> {
        ZoneError { line: self.line, problem }
    }

    fn rule(&self, rule: &'static str) -> ZoneError<'t> {
        self.error(Problem::Rule(rule))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Token<'t>, ZoneError<'t>> {
        loop {
            let Some(byte) = self.peek() else {
                return match self.open {
                    Some(line) => {
                        let rule = Problem::Rule("the parenthesis is not closed");
                        Err(ZoneError { line, problem: rule })
                    }
                    None => Ok(Token::End),
                };
            };
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                b'\n' => {
                    self.at += 1;
                    if self.open.is_none() {
                        // The caller says the line of what ended.
                        return Ok(Token::EndOfLine);
                    }
                    self.line += 1;
                }
                b'(' if self.open.is_some() => {
                    return Err(self.rule("a parenthesis opens inside of another one"));
                }
                b'(' => {
                    self.open = Some(self.line);
                    self.at += 1;
                }
                b')' if self.open.take().is_none() => {
                    return Err(self.rule("a parenthesis closes that was not opened"));
                }
                b')' => self.at += 1,
                b'"' => return self.quoted(),
                _ => return self.word(),
            }
        }
    }

    /// Goes on to the next line.
    pub(super) fn next_line(&mut self) {
        self.line += 1;
    }

    /// Goes over a backslash and what it stands before, or over one byte.
    fn step(&mut self) {
        self.at += 1 + usize::from(self.peek() == Some(b'\\'));
    }

    fn word(&mut self) -> Result<Token<'t>, ZoneError<'t>> {
        let start = self.at;
        while self.peek().is_some_and(|byte| !b" \t\r\n;()\"".contains(&byte)) {
            self.step();
        }
        self.piece(start)
    }

    fn quoted(&mut self) -> Result<Token<'t>, ZoneError<'t>> {
        self.at += 1;
        let start = self.at;
        while self.peek() != Some(b'"') {
            if matches!(self.peek(), None | Some(b'\n')) {
                return Err(self.rule("a text in quotes does not end in its line"));
            }
            self.step();
        }
        let piece = self.piece(start);
        self.at += 1;
        piece
    }

    /// What lies between `start` and the place that was reached.
    fn piece(&self, start: usize) -> Result<Token<'t>, ZoneError<'t>> {
        // After a backslash may be the end of the text, of a line, or of a part of a character.
        let text = self.text.get(start..self.at).filter(|text| !text.contains('\n'));
        let text = text.ok_or(self.rule("nothing follows a backslash that it can stand before"))?;
        Ok(Token::Word(text))
    }
}

/// The bytes that a word stands for: a backslash with three decimal digits is the byte of this number, and a backslash with
/// another character is that character, without any meaning. Each with whether it was written so.
///
/// None if a number is no byte.
pub(super) fn unescaped(text: &str) -> impl Iterator<Item = Option<(u8, bool)>> {
    let mut rest = text.as_bytes();
    core::iter::from_fn(move || {
        let (item, tail) = match *rest {
            [] => return None,
            [b'\\', a @ b'0'..=b'9', ref tail @ ..] => match *tail {
                [b @ b'0'..=b'9', c @ b'0'..=b'9', ref tail @ ..] => {
                    let digit = |byte: u8| u32::from(byte - b'0');
                    let number = digit(a) * 100 + digit(b) * 10 + digit(c);
                    (u8::try_from(number).ok().map(|byte| (byte, true)), tail)
                }
                _ => (None, &[][..]),
            },
            [b'\\', byte, ref tail @ ..] => (Some((byte, true)), tail),
            [byte, ref tail @ ..] => (Some((byte, false)), tail),
        };
        rest = tail;
        Some(item)
    })
}
