//! What a packet says of its sender's address, against what is known of it: RFC 826 has the receiver believe it at
//! once, and whoever wanted a neighbour's packets would only have to say so.
//!
//! Who is believed is found out by asking, each station alone (RFC 1122 2.3.2.1 (2)): first the rival, and when it
//! has answered, the station that is known. The first of these questions is paid for by the packet that led
//! to it, so that nobody can make us send more than he does; questions are repeated, in case one was lost, as
//! far as there are [`REPEATS`] left for all neighbours.

use core::time::Duration;

use layer::Instant;
use netif::MacAddr;

use super::{Claim, Due, Merged};
use crate::entry::{Entry, State};

/// After so many passes over the table, which are 100 ms apart at least, a station that has not answered is silent.
const SILENT: u8 = 3;
/// For so many passes a rival that was not believed is not heard again; others are after one.
const UPHELD: u8 = 10;
/// How many questions are repeated in one pass, whoever they are about.
pub(super) const REPEATS: u8 = 4;

/// How long an address that was confirmed is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belief {
    /// Without asking again.
    pub(super) fresh: Duration,
    /// And after that.
    pub(super) margin: Duration,
}

impl Entry {
    /// Takes note of what the station `mac` says.
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
            // A station that asks us is there; to be believed in an answer it has to be asked.
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

    /// Does what is due in a pass over the table, where `repeats` questions may still be repeated.
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
            _ => {
                self.state = State::Upheld;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
