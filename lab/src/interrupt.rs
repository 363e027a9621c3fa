//! Ctrl-C, and the signals that ask a program to end.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, anyhow};

static PRESSED: AtomicBool = AtomicBool::new(false);

/// From now on, Ctrl-C does not end this process: whoever waits for something asks [`pressed`], and
/// cleans up. May be called more than once.
///
/// # Errors
/// The operating system does not allow it.
pub fn listen() -> Result<()> {
    static LISTENING: OnceLock<Result<(), String>> = OnceLock::new();
    let listen = || ctrlc::set_handler(|| PRESSED.store(true, Ordering::Relaxed));
    let result = LISTENING.get_or_init(|| listen().map_err(|error| error.to_string()));
    result.clone().map_err(|error| anyhow!("cannot listen for Ctrl-C: {error}"))
}

/// Whether somebody has pressed Ctrl-C since [`listen`].
pub fn pressed() -> bool {
    PRESSED.load(Ordering::Relaxed)
}
