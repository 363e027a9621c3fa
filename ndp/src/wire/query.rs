//! The queries of Multicast Listener Discovery (RFC 9777 5.1, RFC 2710 3).

use core::{net::Ipv6Addr, time::Duration};

use super::ParseError;

/// The length of a query of version 1 in bytes (RFC 2710 3.1).
const V1_LEN: usize = 24;
/// The shortest length of a query of version 2 in bytes (RFC 9777 5.1).
const V2_LEN: usize = 28;

/// A query: which groups has the link listeners of?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The group that is asked for. `None` asks for all groups.
    pub group: Option<Ipv6Addr>,
    /// The time within which listeners answer.
    pub response: Duration,
    /// Whether the router that asks understands version 1 alone.
    pub is_v1: bool,
}

impl Query {
    /// Reads a query. Its length says its version (RFC 9777 8.1). Sources that it asks for are not looked at: we listen to all
    /// sources.
    pub(super) fn parse(message: &[u8]) -> Result<Self, ParseError> {
        let is_v1 = match message.len() {
            V1_LEN => true,
            V2_LEN.. => false,
            _ => return Err(ParseError::Query),
        };
        let code = u16::from_be_bytes([message[4], message[5]]);
        let group: [u8; 16] = message[8..24].try_into().map_err(|_| ParseError::Query)?;
        let group = Ipv6Addr::from(group);
        if !group.is_unspecified() && !group.is_multicast() {
            return Err(ParseError::Query);
        }
        let milliseconds = if is_v1 { code.into() } else { response_delay(code) };
        Ok(Self {
            group: (!group.is_unspecified()).then_some(group),
            response: Duration::from_millis(milliseconds.into()),
            is_v1,
        })
    }
}

/// The milliseconds of a Maximum Response Code, which from 32,768 on is a floating-point number (RFC 9777 5.1.3).
fn response_delay(code: u16) -> u32 {
    let code = u32::from(code);
    match code {
        ..0x8000 => code,
        _ => (code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9777 5.1.3.
    #[test]
    fn a_long_response_delay_is_a_floating_point_number() {
        for (code, milliseconds) in [
            (0, 0),
            (1000, 1000),
            (0x7fff, 32_767),
            (0x8000, 32_768),
            (0x8fff, 0x1fff << 3),
            (0xffff, 0x1fff << 10),
        ] {
            assert_eq!(response_delay(code), milliseconds, "{code:#x}");
        }
    }
}
