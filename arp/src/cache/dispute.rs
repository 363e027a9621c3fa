//! Disputes between a packet's claim about its sender's address and the entry in the cache. RFC 826 has the receiver
//! believe the packet at once, so that any station could take over a neighbour's packets with one claim.
//!
//! The cache decides by asking each station alone (RFC 1122 2.3.2.1 (2)): first the rival, and after its answer the
//! station in the entry. Each packet that starts a dispute causes one request, so that nobody can make us send more
//! than they send. Requests are repeated in case one was lost, up to [`REPEATS`] in a pass for all neighbours together. A rival that does
//! not answer is followed by one request to all, which counts among those.

use core::time::Duration;

use layer::Instant;
use netif::MacAddr;

use super::{Claim, Due, Merged};
use crate::entry::{Entry, State};

/// The number of passes over the table, at least 100 ms apart, after which a station that has not answered is silent.
const SILENT: u8 = 3;
/// The number of passes for which the claims of a rival that was not believed are ignored. Claims of other stations are
/// ignored for one pass.
const UPHELD: u8 = 10;
/// How many requests are repeated in one pass, for all neighbours together.
pub(super) const REPEATS: u8 = 4;

/// How long a confirmed address is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belief {
    /// The time for which it is believed without another request.
    pub(super) fresh: Duration,
    /// The time after `fresh` for which it is still believed.
    pub(super) margin: Duration,
}

impl Entry {
    /// Merges the claim of the station `mac` into this entry.
    pub(super) fn merge(
        &mut self,
        now: Instant,
        mac: MacAddr,
        claim: Claim,
        belief: Belief,
    ) -> Merged {
        let asks = claim == Claim::AsksUs;
        let speaks = claim != Claim::Aside;
        let is_known = self.mac == mac;
        let is_rival = self.rival == mac;
        let over = self.is_over(now, belief.margin);
        let (state, merged) = match self.state {
            State::Asked if speaks => (State::Known, Merged::Answered),
            State::Silent | State::Learnt | State::Known
                if asks && (over || self.state < State::Known) =>
            {
                (State::Learnt, if is_known { Merged::Confirmed } else { Merged::Changed })
            }
            _ if over => return Merged::Unchanged,
            State::Known if asks && is_known => (State::Known, Merged::Confirmed),
            // A request from the known station shows that it is there. An answer counts only if we asked.
            State::Contested | State::Upheld if asks && is_known => {
                (State::Upheld, Merged::Confirmed)
            }
            State::Checked if speaks && is_known => match self.rival {
                MacAddr::UNSPECIFIED => (State::Known, Merged::Confirmed),
                _ => (State::Upheld, Merged::Upheld),
            },
            State::Contested if claim == Claim::AnswersUs && is_rival => {
                (self.state, self.times) = (State::Checked, 0);
                return Merged::Rivalled(self.mac);
            }
            State::Upheld if self.times == 0 || is_rival => return Merged::Unchanged,
            State::Known | State::Upheld if !is_known => {
                (self.state, self.times, self.rival) = (State::Contested, 0, mac);
                return Merged::Contested;
            }
            _ => return Merged::Unchanged,
        };
        (self.state, self.times, self.mac) = (state, 0, mac);
        self.when = now + belief.fresh;
        merged
    }

    /// Does the work that is due for this entry in a pass over the table. `repeats` is how many requests the pass may
    /// still repeat.
    pub(super) fn pass(&mut self, now: Instant, belief: Belief, repeats: &mut u8) -> Option<Due> {
        self.times += 1;
        match self.state {
            State::Upheld => {
                if self.times >= UPHELD {
                    self.state = State::Known;
                }
                None
            }
            _ if self.times < SILENT => {
                *repeats = repeats.checked_sub(1)?;
                let whom = if self.state == State::Checked { self.mac } else { self.rival };
                Some(Due::Poll(self.address, whom))
            }
            State::Checked if self.rival == MacAddr::UNSPECIFIED => {
                let address = self.address;
                *self = Self::FREE;
                Some(Due::Lost(address))
            }
            State::Checked => {
                (self.state, self.mac, self.when) = (State::Known, self.rival, now + belief.fresh);
                Some(Due::Changed(self.address))
            }
            // The rival is not there. It may have moved on, as a bridge does that takes the lowest address of its ports. So all are
            // asked, once, and who answers is heard.
            _ => {
                (self.state, self.times) = (State::Upheld, 1);
                *repeats = repeats.checked_sub(1)?;
                Some(Due::Ask(self.address))
            }
        }
    }
}

#[cfg(test)]
mod tests;
