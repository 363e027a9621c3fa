//! Options of the header (RFC 791 3.1, RFC 1122 3.2.1.8).

use network::Problem;

use crate::wire::HEADER_LEN;

/// Ends the list of options.
const END: u8 = 0;
/// Padding between options.
const NO_OPERATION: u8 = 1;
/// Routers that the packet must pass, among others.
const LOOSE_SOURCE_ROUTE: u8 = 131;
/// Routers that the packet must pass, and no others.
const STRICT_SOURCE_ROUTE: u8 = 137;

/// The least value of a source route's pointer: the position of the first address, where the option's type is at 1.
const FIRST_ADDRESS: u8 = 4;

/// One option of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpOption<'r> {
    /// Its type, with the copied flag and the class (IANA's registry of IP option numbers).
    pub kind: u8,
    /// The bytes after its type and length.
    pub data: &'r [u8],
    /// The position of the option, in bytes from the beginning of the options.
    pub offset: usize,
}

/// An iterator over the options of a header, without padding. An option with an impossible length yields an error with
/// its offset, and ends the iteration.
#[derive(Clone, Copy, Debug)]
pub struct Options<'r> {
    area: &'r [u8],
    offset: usize,
}

impl<'r> Options<'r> {
    /// The options in `area`, the bytes after the first 20 of a header.
    pub const fn new(area: &'r [u8]) -> Self {
        Self { area, offset: 0 }
    }
}

impl<'r> Iterator for Options<'r> {
    type Item = Result<IpOption<'r>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let offset = self.offset;
            let (kind, rest) = self.area.get(offset..)?.split_first()?;
            match *kind {
                END => {
                    self.offset = self.area.len();
                    return None;
                }
                NO_OPERATION => self.offset += 1,
                kind => {
                    // The length includes the bytes of the type and of the length.
                    let length = rest.first().map_or(0, |&length| usize::from(length));
                    let Some(data) = length.checked_sub(1).and_then(|end| rest.get(1..end)) else {
                        self.offset = self.area.len();
                        return Some(Err(offset + usize::from(!rest.is_empty())));
                    };
                    self.offset += length;
                    return Some(Ok(IpOption { kind, data, offset }));
                }
            }
        }
    }
}

/// Checks the options of a packet that is for us. Unknown options are ignored.
///
/// # Errors
/// The problem to send to the sender: an impossible length or pointer, or a source route that does not end at this
/// host, which forwards nothing (RFC 1122 3.3.5).
#[inline]
pub(crate) fn check(header: &[u8]) -> Result<(), Problem> {
    let parameter = |offset: usize| Problem::Parameter((HEADER_LEN + offset) as u32);
    for option in Options::new(header.get(HEADER_LEN..).unwrap_or_default()) {
        let IpOption { kind, data, offset } = option.map_err(parameter)?;
        if !matches!(kind, LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE) {
            continue;
        }
        let &pointer = data.first().ok_or(parameter(offset + 1))?;
        if pointer < FIRST_ADDRESS {
            return Err(parameter(offset + 2));
        }
        // The route is at its end if the pointer is beyond the option.
        if usize::from(pointer) <= data.len() + 2 {
            return Err(Problem::SourceRouteFailed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn all(area: &[u8]) -> Vec<Result<IpOption<'_>, usize>> {
        Options::new(area).collect()
    }

    fn option(kind: u8, data: &[u8], offset: usize) -> Result<IpOption<'_>, usize> {
        Ok(IpOption { kind, data, offset })
    }

    fn checked(area: &[u8]) -> Result<(), Problem> {
        check(&[&[0; HEADER_LEN], area].concat())
    }

    #[test]
    fn options_are_found_between_what_fills_up() {
        assert_eq!(all(&[]), []);
        assert_eq!(all(&[1, 1, 0, 99]), []);
        assert_eq!(all(&[148, 4, 0, 0]), [option(148, &[0, 0], 0)]);
        let area = [1, 7, 3, 4, 1, 68, 2, 0];
        assert_eq!(all(&area), [option(7, &[4], 1), option(68, &[], 5)]);
    }

    #[test]
    fn a_length_that_cannot_be_ends_the_list() {
        assert_eq!(all(&[7, 0, 0, 0]), [Err(1)]);
        assert_eq!(all(&[7, 1, 0, 0]), [Err(1)]);
        assert_eq!(all(&[1, 7, 4, 0]), [Err(2)]);
        assert_eq!(all(&[1, 1, 1, 7]), [Err(3)]);
        assert_eq!(all(&[148, 4, 0, 0, 7, 255]), [option(148, &[0, 0], 0), Err(5)]);
    }

    /// Every area of up to 4 bytes, and every first two bytes of a long one, comes to an end.
    #[test]
    fn no_options_do_harm() {
        for bytes in 0..=u16::MAX {
            let [kind, length] = bytes.to_be_bytes();
            for area in [vec![kind, length], vec![1, kind, length, 0], [kind, length].repeat(20)] {
                assert!(Options::new(&area).count() <= 20);
                let _ = checked(&area);
            }
        }
    }

    #[test]
    fn unknown_options_are_ignored() {
        // Router alert, record route, time stamp, stream identifier, security, and one that nobody has.
        for area in [
            &[148, 4, 0, 0][..],
            &[7, 7, 4, 0, 0, 0, 0, 0],
            &[68, 8, 5, 0, 0, 0, 0, 0],
            &[136, 4, 0, 9],
            &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[222, 4, 1, 2],
        ] {
            assert_eq!(checked(area), Ok(()), "{area:?}");
        }
    }

    #[test]
    fn a_source_route_that_ends_here_is_taken_and_another_is_not() {
        for kind in [LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE] {
            assert_eq!(checked(&[kind, 7, 8, 10, 0, 0, 9, 0]), Ok(()));
            assert_eq!(checked(&[kind, 3, 4, 0]), Ok(()), "an empty route");
            let failed = Err(Problem::SourceRouteFailed);
            assert_eq!(checked(&[kind, 7, 4, 10, 0, 0, 9, 0]), failed);
            assert_eq!(checked(&[1, kind, 7, 7, 10, 0, 0, 9]), failed);
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (area, octet) in [
            (&[7, 1, 0, 0][..], 21),
            (&[1, 1, 1, 7], 23),
            (&[1, 131, 7, 4], 22),
            (&[131, 2, 0, 0], 21),
            (&[131, 7, 3, 10, 0, 0, 9, 0], 22),
            (&[1, 137, 7, 0, 10, 0, 0, 9], 23),
        ] {
            assert_eq!(checked(area), Err(Problem::Parameter(octet)), "{area:?}");
        }
    }
}
