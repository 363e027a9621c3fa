//! The backend's end of a shared ring (`ring.h`).

use std::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

pub const SIZE: u32 = 256;

/// A ring with slots of so many words.
#[derive(Clone, Copy)]
pub struct BackRing {
    page: NonNull<AtomicU32>,
    words: usize,
    pub requests_consumed: u32,
    pub responses_produced: u32,
    /// Up to where it is settled whether the guest is notified.
    settled: u32,
}

impl BackRing {
    /// Takes over a ring where it stands.
    pub fn new(page: NonNull<u8>, words: usize) -> Self {
        let mut ring = Self {
            page: page.cast(),
            words,
            requests_consumed: 0,
            responses_produced: 0,
            settled: 0,
        };
        let start = ring.word(2).load(Ordering::SeqCst);
        (ring.requests_consumed, ring.responses_produced, ring.settled) = (start, start, start);
        ring
    }

    /// A word of the page: the indices are the first four, the slots begin with word 16.
    pub fn word(&self, word: usize) -> &AtomicU32 {
        assert!(word < 1024);
        // SAFETY: the word is in the page.
        let word = unsafe { self.page.add(word) };
        // SAFETY: the page is mapped while this ring is used, and both ends use atomics.
        unsafe { word.as_ref() }
    }

    pub fn slot(&self, index: u32) -> usize {
        16 + (index % SIZE) as usize * self.words
    }

    /// The next request, as many words as it has.
    pub fn pop(&mut self) -> Option<[u32; 3]> {
        let produced = self.word(0).load(Ordering::SeqCst);
        let waiting = produced.wrapping_sub(self.requests_consumed);
        assert!(waiting <= SIZE, "more requests than slots: {waiting}");
        if waiting == 0 {
            return None;
        }
        let slot = self.slot(self.requests_consumed);
        self.requests_consumed = self.requests_consumed.wrapping_add(1);
        Some([0, 1, 2].map(|word| self.word((slot + word).min(1023)).load(Ordering::SeqCst)))
    }

    /// How many requests are waiting.
    pub fn waiting(&self) -> u32 {
        self.word(0).load(Ordering::SeqCst).wrapping_sub(self.requests_consumed)
    }

    /// Writes a response and publishes it.
    pub fn push(&mut self, response: [u32; 2]) {
        let slot = self.slot(self.responses_produced);
        self.word(slot).store(response[0], Ordering::SeqCst);
        if self.words == 2 {
            self.word(slot + 1).store(response[1], Ordering::SeqCst);
        }
        self.responses_produced = self.responses_produced.wrapping_add(1);
        self.word(2).store(self.responses_produced, Ordering::SeqCst);
    }

    /// Whether the guest asked to be notified of what was pushed since this was last asked.
    pub fn must_notify(&mut self) -> bool {
        let before = std::mem::replace(&mut self.settled, self.responses_produced);
        let event = self.word(3).load(Ordering::SeqCst);
        self.responses_produced.wrapping_sub(event) < self.responses_produced.wrapping_sub(before)
    }

    /// Goes to sleep: asks to be notified of the next request.
    pub fn sleep(&self) {
        self.word(1).store(self.requests_consumed.wrapping_add(1), Ordering::SeqCst);
    }
}
