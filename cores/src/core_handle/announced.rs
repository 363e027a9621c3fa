//! What the first core lets all others know.

use layer::Payload;

use super::{Core, Member};
use crate::{
    atomic::{AtomicU64, Ordering},
    notice::MAX_NOTICE,
};

impl Core {
    /// Says something to all cores, for as long as it is true: the word `nth` of [`NOTICES`](crate::NOTICES). Only the first core says
    /// something; they see it when they [look](Self::announced), and nobody is woken.
    pub fn announce(self, nth: usize, word: u64) {
        if let Some(place) = self.notice(nth).filter(|_| self.is_first()) {
            place.store(word, Ordering::Release);
        }
    }

    /// What the first core announced last as the word `nth`; 0 if it has announced nothing.
    #[inline]
    pub fn announced(self, nth: usize) -> u64 {
        self.notice(nth).map_or(0, |place| place.load(Ordering::Acquire))
    }

    fn notice(self, nth: usize) -> Option<&'static AtomicU64> {
        self.0?.cores.notices().get(nth)
    }

    /// Says something to all other cores, and wakes them. The last word counts: who has not read the one before, never does.
    /// False if this is not the first core, or the message is longer than [`MAX_NOTICE`].
    pub fn post(self, message: &dyn Payload) -> bool {
        let Some(member) = self.0.filter(|member| member.index == 0) else { return false };
        let posted = member.cores.notice().write(message);
        if posted {
            self.others().for_each(|core| member.cores.wake(core));
        }
        posted
    }

    /// What the first core has [posted](Self::post) since the last call: how many bytes of `out` that is. A core that has
    /// called this once does not sleep while there is something new.
    pub fn take_notice(self, out: &mut [u8; MAX_NOTICE]) -> Option<usize> {
        let member = self.0?;
        let last = member.read.get().unwrap_or(0);
        member.read.set(Some(last));
        if member.cores.notice().edition() == last {
            return None;
        }
        let (edition, length) = member.cores.notice().read(out)?;
        member.read.set(Some(edition));
        Some(length)
    }
}

impl Member {
    /// Whether there is a notice that this core has not read, and would.
    pub(super) fn has_news(&self) -> bool {
        self.read.get().is_some_and(|last| last != self.cores.notice().edition())
    }
}
