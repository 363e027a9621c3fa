//! The options of a message (RFC 2132): codes, the fields that they are in, and values in several pieces (RFC 3396).

use core::{fmt, net::Ipv4Addr};

/// Padding, one byte without a length (RFC 2132 3.1).
pub const PAD: u8 = 0;
/// The mask of the client's network (RFC 2132 3.3).
pub const SUBNET_MASK: u8 = 1;
/// Routers, the preferred one first (RFC 2132 3.5).
pub const ROUTER: u8 = 3;
/// DNS servers, the preferred one first (RFC 2132 3.8).
pub const DNS_SERVERS: u8 = 6;
/// The MTU of the interface in bytes (RFC 2132 5.1).
pub const INTERFACE_MTU: u8 = 26;
/// NTP servers, the preferred one first (RFC 2132 8.3).
pub const NTP_SERVERS: u8 = 42;
/// The address that the client asks for (RFC 2132 9.1).
pub const REQUESTED_ADDRESS: u8 = 50;
/// For how long the client may have the address, in seconds (RFC 2132 9.2).
pub const LEASE_TIME: u8 = 51;
/// Which of the fields `file` and `sname` hold options (RFC 2132 9.3).
pub const OVERLOAD: u8 = 52;
/// The message type (RFC 2132 9.6).
pub const MESSAGE_TYPE: u8 = 53;
/// The server that the message is from or for (RFC 2132 9.7).
pub const SERVER_ID: u8 = 54;
/// The codes of the options that the client asks for (RFC 2132 9.8).
pub const PARAMETER_LIST: u8 = 55;
/// An error in words (RFC 2132 9.9).
pub const MESSAGE: u8 = 56;
/// The length in bytes of the longest message that the client accepts (RFC 2132 9.10).
pub const MAX_MESSAGE_SIZE: u8 = 57;
/// T1: after how many seconds the client renews its lease (RFC 2132 9.11).
pub const RENEWAL_TIME: u8 = 58;
/// T2: after how many seconds the client asks any server (RFC 2132 9.12).
pub const REBINDING_TIME: u8 = 59;
/// The name that a client has for servers (RFC 2132 9.14, RFC 4361).
pub const CLIENT_ID: u8 = 61;
/// Routes to networks of any size (RFC 3442).
pub const CLASSLESS_ROUTES: u8 = 121;
/// The end of the options, one byte without a length (RFC 2132 3.2).
pub const END: u8 = 255;

/// An option in a field.
struct Entry<'m> {
    code: u8,
    value: &'m [u8],
    /// What follows it in the field.
    rest: &'m [u8],
}

/// The first option of `field`, padding left out; `None` at the end.
fn first(mut field: &[u8]) -> Result<Option<Entry<'_>>, OptionsError> {
    while let [PAD, rest @ ..] = field {
        field = rest;
    }
    match *field {
        [] | [END, ..] => Ok(None),
        [code, length, ref rest @ ..] => match rest.split_at_checked(length.into()) {
            Some((value, rest)) => Ok(Some(Entry { code, value, rest })),
            None => Err(OptionsError::Overrun(code)),
        },
        [code] => Err(OptionsError::Overrun(code)),
    }
}

/// The options of a message, in the fields that hold some: each lies inside its field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Options<'m> {
    /// In the order in which their options count (RFC 3396 5): the options field, `file`, `sname`.
    fields: [&'m [u8]; 3],
}

impl<'m> Options<'m> {
    /// The options in the field of that name, and in `file` and `sname` if option 52 says so.
    ///
    /// # Errors
    /// An option reaches beyond its field, or option 52 says something that it cannot.
    pub fn parse(options: &'m [u8], file: &'m [u8], sname: &'m [u8]) -> Result<Self, OptionsError> {
        let alone = Self { fields: [check(options)?, &[], &[]] };
        let [in_file, in_sname] = match alone.get(OVERLOAD).map(Value::array) {
            None => [false; 2],
            Some(Some([1])) => [true, false],
            Some(Some([2])) => [false, true],
            Some(Some([3])) => [true; 2],
            Some(_) => return Err(OptionsError::Overload),
        };
        let file = if in_file { check(file)? } else { &[] };
        let sname = if in_sname { check(sname)? } else { &[] };
        Ok(Self { fields: [options, file, sname] })
    }

    /// The value of the option `code`, if the message has one.
    pub fn get(self, code: u8) -> Option<Value<'m>> {
        let value = Value { options: self, code };
        value.pieces().next().is_some().then_some(value)
    }

    /// Each option with its value, in the order in which they count. An option may be there several times.
    pub fn iter(self) -> impl Iterator<Item = (u8, &'m [u8])> {
        self.fields.into_iter().flat_map(|field| {
            let mut rest = field;
            core::iter::from_fn(move || {
                // The fields were checked.
                let entry = first(rest).ok()??;
                rest = entry.rest;
                Some((entry.code, entry.value))
            })
        })
    }
}

/// Shows the codes and values.
impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Returns `field` if each option in it ends in it.
fn check(field: &[u8]) -> Result<&[u8], OptionsError> {
    let mut rest = field;
    while let Some(entry) = first(rest)? {
        rest = entry.rest;
    }
    Ok(field)
}

/// The value of an option: all its pieces in the message, one after the other (RFC 3396 7).
#[derive(Clone, Copy)]
pub struct Value<'m> {
    options: Options<'m>,
    code: u8,
}

impl<'m> Value<'m> {
    fn pieces(self) -> impl Iterator<Item = &'m [u8]> {
        self.options.iter().filter(move |(code, _)| *code == self.code).map(|(_, piece)| piece)
    }

    /// The bytes of the value.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        self.pieces().flatten().copied()
    }

    /// The value as `N` bytes; `None` if it has another length.
    pub fn array<const N: usize>(self) -> Option<[u8; N]> {
        let mut bytes = self.bytes();
        let array = take(&mut bytes)?;
        bytes.next().is_none().then_some(array)
    }

    /// The value as a number of 32 bits; `None` if it does not have 4 bytes.
    pub fn number(self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The value as an address; `None` if it does not have 4 bytes.
    pub fn address(self) -> Option<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    /// The value as a list of addresses; `None` if it is empty, or its length is not a multiple of 4 bytes.
    pub fn addresses(self) -> Option<impl Iterator<Item = Ipv4Addr>> {
        let length = self.bytes().count();
        if length == 0 || !length.is_multiple_of(4) {
            return None;
        }
        let mut bytes = self.bytes();
        Some(core::iter::from_fn(move || take::<4>(&mut bytes).map(Ipv4Addr::from)))
    }

    /// Whether the value is `bytes`.
    pub fn is(self, bytes: &[u8]) -> bool {
        self.bytes().eq(bytes.iter().copied())
    }
}

/// Shows the bytes.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.bytes()).finish()
    }
}

/// The next `N` bytes, or `None` if there are fewer.
pub(crate) fn take<const N: usize>(bytes: &mut impl Iterator<Item = u8>) -> Option<[u8; N]> {
    let mut array = [0; N];
    for byte in &mut array {
        *byte = bytes.next()?;
    }
    Some(array)
}

/// Why options could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionsError {
    /// The option with this code reaches beyond the end of its field, or has no length.
    Overrun(u8),
    /// Option 52 is not one byte from 1 to 3.
    Overload,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun(code) => write!(f, "option {code} reaches beyond the end of its field"),
            Self::Overload => f.write_str("option 52, the overload, is not one byte from 1 to 3"),
        }
    }
}

impl core::error::Error for OptionsError {}

#[cfg(test)]
mod tests;
