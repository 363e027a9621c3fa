//! Ascon-XOF128 (NIST SP 800-232, section 5.2) for messages of whole 64-bit words, with input and output of any length.

use ascon::State;

/// The state at the beginning of every message, which follows from the standard's initial value.
const INITIAL: State = {
    let mut state = [0x0000_0800_00cc_0003, 0, 0, 0, 0];
    ascon::permute12(&mut state);
    state
};

/// The function while it absorbs a message.
#[derive(Clone)]
pub(super) struct Xof(State);

/// The function while it squeezes out words.
pub(super) struct Reader(State);

impl Xof {
    pub(super) fn new() -> Self {
        Self(INITIAL)
    }

    /// Adds a word to the message.
    pub(super) fn absorb(&mut self, word: u64) {
        self.0[0] ^= word;
        permute(&mut self.0);
    }

    /// Ends the message, with the standard's padding.
    pub(super) fn finish(mut self) -> Reader {
        self.absorb(1);
        Reader(self.0)
    }
}

impl Reader {
    /// The next word of output.
    pub(super) fn squeeze(&mut self) -> u64 {
        let word = self.0[0];
        permute(&mut self.0);
        word
    }
}

/// Not inlined, so that there is one copy.
#[inline(never)]
fn permute(state: &mut State) {
    ascon::permute12(state);
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use ascon_xof128::{AsconXof128, ExtendableOutput as _, Update as _, XofReader as _};

    use super::*;

    #[test]
    fn it_is_that_of_the_standard() {
        let words: Vec<u64> = (0..9).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for length in 0..=words.len() {
            let (mut ours, mut theirs) = (Xof::new(), AsconXof128::default());
            for word in &words[..length] {
                ours.absorb(*word);
                theirs.update(&word.to_le_bytes());
            }
            let (mut ours, mut theirs) = (ours.finish(), theirs.finalize_xof());
            for _ in 0..5 {
                let mut expected = [0; 8];
                theirs.read(&mut expected);
                assert_eq!(ours.squeeze().to_le_bytes(), expected, "{length} words");
            }
        }
    }
}
