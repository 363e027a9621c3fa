//! Requests and replies, each of them one datagram.

use core::fmt;

use request::Excerpt;

/// The longest key, in bytes.
pub(crate) const LONGEST_KEY: usize = 250;
/// The longest value, in bytes. It lies in a block, not in pages of its own, and travels in one frame.
pub(crate) const LONGEST_VALUE: usize = 1000;
/// The longest request that is right, in bytes: `setex KEY SECONDS VALUE`.
#[cfg(feature = "cores")]
pub(crate) const LONGEST_REQUEST: usize =
    "setex ".len() + LONGEST_KEY + " 4294967295 ".len() + LONGEST_VALUE;

/// The reply to a key that is not there.
pub(crate) const NOT_FOUND: &[u8] = b"not found";
/// The reply to `set`.
pub(crate) const STORED: &[u8] = b"stored";
/// The reply to `del` of a key that was there.
pub(crate) const DELETED: &[u8] = b"deleted";
/// What the reply with a value begins with.
pub(crate) const VALUE: &[u8] = b"value ";
/// What the question begins with that another server is asked.
pub(crate) const PEEK: &[u8] = b"peek ";

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// `get KEY`: the value, wherever it is.
    Get(&'a [u8]),
    /// `peek KEY`: the value if it is here. It is what a server asks another one, so that two servers that ask each other
    /// do not do so for ever.
    Peek(&'a [u8]),
    /// `del KEY`.
    Delete(&'a [u8]),
    /// `set KEY VALUE`, or `setex KEY SECONDS VALUE`.
    Set { key: &'a [u8], value: &'a [u8], seconds: Option<u32> },
}

/// What is wrong with a request. Its text says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong<'a> {
    /// It begins with a word that is none of the requests.
    Verb(&'a [u8]),
    /// Something is missing; this is the form.
    Form(&'static str),
    Key(&'a [u8]),
    Seconds(&'a [u8]),
    /// The value is too long: its length.
    Value(usize),
}

impl<'a> Request<'a> {
    /// The key that it is about.
    #[cfg(feature = "cores")]
    pub(crate) fn key(&self) -> &'a [u8] {
        match *self {
            Self::Get(key) | Self::Peek(key) | Self::Delete(key) | Self::Set { key, .. } => key,
        }
    }

    /// Reads a request. A value is all that follows the space before it, whatever bytes these are.
    pub(crate) fn parse(request: &'a [u8]) -> Result<Self, Wrong<'a>> {
        let (verb, rest) = word(request);
        let rest = |form| rest.ok_or(Wrong::Form(form));
        match verb {
            b"get" => Ok(Self::Get(key(without_newline(rest("get KEY")?))?)),
            b"peek" => Ok(Self::Peek(key(without_newline(rest("peek KEY")?))?)),
            b"del" => Ok(Self::Delete(key(without_newline(rest("del KEY")?))?)),
            b"set" => {
                const FORM: &str = "set KEY VALUE";
                let (name, text) = word(rest(FORM)?);
                let (key, text) = (key(name)?, text.ok_or(Wrong::Form(FORM))?);
                Ok(Self::Set { key, value: value(text)?, seconds: None })
            }
            b"setex" => {
                const FORM: &str = "setex KEY SECONDS VALUE";
                let (name, text) = word(rest(FORM)?);
                let key = key(name)?;
                let (seconds, text) = word(text.ok_or(Wrong::Form(FORM))?);
                let number = layer::decimal(seconds, u32::MAX.into()).filter(|&number| number > 0);
                let number = number.ok_or(Wrong::Seconds(seconds))?;
                let text = text.ok_or(Wrong::Form(FORM))?;
                Ok(Self::Set { key, value: value(text)?, seconds: Some(number as u32) })
            }
            _ => Err(Wrong::Verb(verb)),
        }
    }
}

/// What is before the first space, and what follows it, if there is one.
fn word(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == b' ') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Without the newline that `echo` and terminals add.
fn without_newline(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

fn key(key: &[u8]) -> Result<&[u8], Wrong<'_>> {
    let is_right = (1..=LONGEST_KEY).contains(&key.len())
        && key.iter().all(|byte| !byte.is_ascii_control() && *byte != b' ');
    if is_right { Ok(key) } else { Err(Wrong::Key(key)) }
}

fn value(value: &[u8]) -> Result<&[u8], Wrong<'_>> {
    if value.len() <= LONGEST_VALUE { Ok(value) } else { Err(Wrong::Value(value.len())) }
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Verb(verb) => write!(
                f,
                "kv: {} is no request: get, peek, del, set and setex are allowed",
                Excerpt(verb)
            ),
            Self::Form(form) => write!(f, "kv: something is missing: \"{form}\" is allowed"),
            Self::Key(key) => write!(
                f,
                "kv: {} is no key: 1 to {LONGEST_KEY} bytes without spaces and control characters are allowed",
                Excerpt(key)
            ),
            Self::Seconds(seconds) => write!(
                f,
                "kv: {} is no time to live: 1 to {} seconds are allowed",
                Excerpt(seconds),
                u32::MAX
            ),
            Self::Value(length) => {
                write!(f, "kv: the value has {length} bytes: {LONGEST_VALUE} at most are allowed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let set = |key, value, seconds| Request::Set { key, value, seconds };
        let rows: [(&[u8], Request<'_>); 11] = [
            (b"get a", Request::Get(b"a")),
            (b"get a\r\n", Request::Get(b"a")),
            (b"peek \xc3\xa4\xff", Request::Peek(b"\xc3\xa4\xff")),
            (b"del a\n", Request::Delete(b"a")),
            (b"set a b", set(b"a", b"b", None)),
            (b"set a  b c \r\n", set(b"a", b" b c \r\n", None)),
            (b"set a \0\xff", set(b"a", b"\0\xff", None)),
            (b"set a ", set(b"a", b"", None)),
            (b"setex a 1 b", set(b"a", b"b", Some(1))),
            (b"setex a 4294967295 7 8", set(b"a", b"7 8", Some(u32::MAX))),
            (b"setex a 60 ", set(b"a", b"", Some(60))),
        ];
        for (request, expected) in rows {
            assert_eq!(Request::parse(request), Ok(expected));
        }
        let longest = [b"set ", &[b'k'; LONGEST_KEY][..], b" ", &[0; LONGEST_VALUE]].concat();
        assert!(Request::parse(&longest).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let verbs = "is no request: get, peek, del, set and setex are allowed";
        let keys = "is no key: 1 to 250 bytes without spaces and control characters are allowed";
        let times = "is no time to live: 1 to 4294967295 seconds are allowed";
        let missing = |form| format!("something is missing: \"{form}\" is allowed");
        let rows: [(&[u8], String); 19] = [
            (b"", format!("\"\" {verbs}")),
            (b"GET a", format!("\"GET\" {verbs}")),
            (b"gets a", format!("\"gets\" {verbs}")),
            (b"\xff\0 x", format!("\"\\xff\\0\" {verbs}")),
            (b"get", missing("get KEY")),
            (b"peek", missing("peek KEY")),
            (b"del", missing("del KEY")),
            (b"set", missing("set KEY VALUE")),
            (b"set a", missing("set KEY VALUE")),
            (b"setex a", missing("setex KEY SECONDS VALUE")),
            (b"setex a 1", missing("setex KEY SECONDS VALUE")),
            (b"get ", format!("\"\" {keys}")),
            (b"get a b", format!("\"a b\" {keys}")),
            (b"get a\0", format!("\"a\\0\" {keys}")),
            (b"set  b", format!("\"\" {keys}")),
            (b"setex a 0 b", format!("\"0\" {times}")),
            (b"setex a -1 b", format!("\"-1\" {times}")),
            (b"setex a 4294967296 b", format!("\"4294967296\" {times}")),
            (b"setex a b c", format!("\"b\" {times}")),
        ];
        for (request, expected) in rows {
            let wrong = Request::parse(request).unwrap_err();
            assert_eq!(wrong.to_string(), format!("kv: {expected}"));
        }
        let long = [b"get ", &[b'k'; LONGEST_KEY + 1][..]].concat();
        assert!(matches!(Request::parse(&long), Err(Wrong::Key(_))));
        let long = [b"set a ", &[b'v'; LONGEST_VALUE + 1][..]].concat();
        let words = "kv: the value has 1001 bytes: 1000 at most are allowed";
        assert_eq!(Request::parse(&long).unwrap_err().to_string(), words);
    }
}
