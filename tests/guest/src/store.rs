//! A service that keeps a table of another crate, `hashbrown`, in slabs: the same on Linux and in a guest.

use core::hash::BuildHasher;

use hashbrown::HashMap;
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region, Slabs};
use siphasher::sip::SipHasher13;
use udp::{Failure, Reply};

/// How much the table may hold, in bytes: a table doubles, so it has the old and the new place for a moment.
const CAP: usize = 32 * PAGE_SIZE;

/// The table: numbers to numbers.
type Table<'s, 'p> = HashMap<u64, u64, Secret, &'s Slabs<'p>>;

/// The key of the hash of a table, which nobody outside may know.
#[derive(Clone, Copy, Debug)]
struct Secret(u64, u64);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

/// What the requests of [`exercise`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys that were stored before the first refusal.
    pub stored: u64,
    /// Requests that were refused, one after the other, because there was no room.
    pub refused: u64,
    /// Keys that were found afterwards, each with its value.
    pub found: u64,
    /// Keys that were stored in the table when it had been emptied.
    pub again: u64,
}

/// A request is an operation (`=`, `?` or `!`) and a key: it stores the square of the key, or answers with it, or empties
/// the table.
fn serve<'r>(table: &mut Table<'_, '_>, request: &[u8], region: &'r Region<'_>) -> Reply<'r> {
    let (&[operation], key) = request.split_first_chunk().unwrap_or((&[0], &[]));
    let key = key.try_into().map_err(|_| Failure::Refused("expected a key of eight bytes"))?;
    let key = u64::from_be_bytes(key);
    let value = match operation {
        b'=' => {
            table.try_reserve(1).map_err(|_| Failure::Refused("the table is full"))?;
            table.insert(key, key.wrapping_mul(key));
            table.get(&key)
        }
        b'?' => table.get(&key),
        b'!' => {
            table.clear();
            return Err(Failure::Silent);
        }
        _ => return Err(Failure::Refused("expected '=', '?' or '!' and a key")),
    };
    let value = value.ok_or(Failure::Refused("there is no such key"))?;
    Ok(region.alloc_slice(&value.to_be_bytes())?)
}

/// Fills a table until there is no room, asks on, and uses the room of others: as requests to a service, each with the
/// region of a packet.
///
/// # Errors
/// The pool has no room for the region of a packet.
pub fn exercise<'p>(pool: &'p Pool<'p>) -> Result<Outcome, Exhausted> {
    let slabs = Slabs::new(pool, "store").with_cap(CAP);
    let mut table = Table::with_hasher_in(Secret(1, 2), &slabs);
    let mut packet = Region::new(pool, "packet").with_cap(PAGE_SIZE);
    let mut ask = |operation: u8, key: u64| {
        packet.reset();
        let mut request = [operation; 9];
        request[1..].copy_from_slice(&key.to_be_bytes());
        let square = key.wrapping_mul(key).to_be_bytes();
        match serve(&mut table, &request, &packet) {
            Ok(reply) => Ok(reply == square),
            Err(Failure::Exhausted(exhausted)) => Err(exhausted),
            Err(_) => Ok(false),
        }
    };
    let mut outcome = Outcome::default();
    while ask(b'=', outcome.stored)? {
        outcome.stored += 1;
    }
    for key in 0..16 {
        outcome.refused += u64::from(!ask(b'=', outcome.stored + key)?);
    }
    for key in 0..outcome.stored {
        outcome.found += u64::from(ask(b'?', key)?);
    }
    // Removing some does not do: in a full table, most removed entries leave a mark that takes the room of an entry.
    ask(b'!', 0)?;
    for key in 0..outcome.stored {
        outcome.again += u64::from(ask(b'=', key)?);
    }
    Ok(outcome)
}
