//! Which core serves what, where not each core serves it.

use layer::ClaimError;

use crate::atomic::{AtomicU64, Ordering};

/// How many claims there can be.
pub const MAX_CLAIMS: usize = 32;

/// A port of a protocol that one core serves for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The number of the protocol (17 for UDP).
    pub protocol: u8,
    /// The port.
    pub port: u16,
}

impl Claim {
    /// As a number that is never 0.
    fn key(self) -> u64 {
        1 << 32 | u64::from(self.protocol) << 16 | u64::from(self.port)
    }
}

/// The claims of all cores.
#[derive(Debug)]
pub(crate) struct Claims([AtomicU64; MAX_CLAIMS]);

impl Claims {
    pub(crate) fn new() -> Self {
        Self(core::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Gives what is claimed to `core`. All cores say the same, each for itself: the first one counts.
    pub(crate) fn give(&self, claim: Claim, core: usize) -> Result<(), ClaimError> {
        let value = (core as u64) << 40 | claim.key();
        for place in &self.0 {
            let found = match place.compare_exchange(0, value, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(()),
                Err(found) => found,
            };
            if is_of(found, claim) {
                let has = (found >> 40) as usize;
                return if has == core { Ok(()) } else { Err(ClaimError::Taken { core: has }) };
            }
        }
        Err(ClaimError::Full { most: MAX_CLAIMS })
    }

    /// All of them, with the core that has each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Claim, usize)> {
        self.0.iter().map_while(|place| read(place.load(Ordering::Acquire)))
    }

    /// The core that has it, if one has.
    #[inline]
    pub(crate) fn owner(&self, claim: Claim) -> Option<usize> {
        for place in &self.0 {
            match place.load(Ordering::Acquire) {
                0 => return None,
                found if is_of(found, claim) => return Some((found >> 40) as usize),
                _ => {}
            }
        }
        None
    }
}

/// The claim that stands there, and the core that has it.
fn read(found: u64) -> Option<(Claim, usize)> {
    let claim = Claim { protocol: (found >> 16) as u8, port: found as u16 };
    (found != 0).then_some((claim, (found >> 40) as usize))
}

fn is_of(found: u64, claim: Claim) -> bool {
    found & ((1 << 40) - 1) == claim.key()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const UDP: u8 = 17;

    #[test]
    fn the_first_who_is_named_has_it() {
        let claims = Claims::new();
        let (dns, echo) = (Claim { protocol: UDP, port: 53 }, Claim { protocol: UDP, port: 7 });
        assert_eq!(claims.owner(dns), None);
        // Each core says so.
        assert_eq!((claims.give(dns, 1), claims.give(dns, 1)), (Ok(()), Ok(())));
        assert_eq!(claims.give(dns, 2), Err(ClaimError::Taken { core: 1 }));
        assert_eq!(claims.give(Claim { protocol: 6, port: 53 }, 0), Ok(()));
        assert_eq!(claims.give(echo, 0), Ok(()));
        assert_eq!((claims.owner(dns), claims.owner(echo)), (Some(1), Some(0)));
        assert_eq!(claims.owner(Claim { protocol: 6, port: 7 }), None);
        let all: std::vec::Vec<_> = claims.iter().collect();
        assert_eq!(all, [(dns, 1), (Claim { protocol: 6, port: 53 }, 0), (echo, 0)]);
    }

    #[test]
    fn there_is_a_last_one() {
        let claims = Claims::new();
        let nth = |port| Claim { protocol: UDP, port };
        for port in 0..MAX_CLAIMS as u16 {
            assert_eq!(claims.give(nth(port), 1), Ok(()));
        }
        assert_eq!(
            claims.give(nth(MAX_CLAIMS as u16), 1),
            Err(ClaimError::Full { most: MAX_CLAIMS })
        );
        assert_eq!(claims.owner(nth(MAX_CLAIMS as u16 - 1)), Some(1));
        assert_eq!(claims.owner(nth(MAX_CLAIMS as u16)), None);
    }
}
