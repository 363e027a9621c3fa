//! The privileges that the process gives up before its first packet: capabilities, files, and all system
//! calls except those that serving needs.
//!
//! Each step works without the others, so a kernel that lacks one still has the rest. No step can be undone.
//! Capabilities and Landlock belong to a thread and are inherited by threads that it starts later: each thread that serves
//! gives up its own. The filter of system calls applies to all threads, and comes last.

mod filter;
mod landlock;
mod trap;

use std::fmt;

use rt::Error;
use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};

use crate::say;

/// Gives up all privileges of this thread that serving does not need. From now on it opens nothing, and cannot change its
/// user; what is open stays open.
///
/// # Errors
/// The kernel refuses to drop a privilege (status 1). A kernel without Landlock causes no warning.
pub(crate) fn enter_thread() -> Result<(), Error> {
    let failed = |what: &str, errno: Errno| {
        Error::new(1, format_args!("cannot give up {what} ({errno}): see --sandbox"))
    };
    // First, because a user who is not root may only do the rest without a way back.
    set_no_new_privs(true).map_err(|errno| failed("new privileges", errno))?;
    // Reported to nobody: the filter of system calls leaves no call that opens a file either.
    if let Err(_reason) = landlock::enter() {
        #[cfg(feature = "defmt")]
        defmt::debug!("no Landlock: {=str}", _reason.to_string());
    }
    drop_capabilities().map_err(|errno| failed("capabilities", errno))
}

/// Gives up the system calls that serving does not need, for all threads, each of which has given up its privileges. From
/// now on the process starts nothing. A kernel without a filter of system calls causes a warning.
pub(crate) fn enter_process() {
    if let Err(reason) = trap::install().and_then(|()| filter::enter()) {
        warn(&reason);
    }
}

/// Empties all five sets (capabilities(7)).
fn drop_capabilities() -> Result<(), Errno> {
    let each = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
    for capability in each {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The kernel has no more of them, or we may not drop them. In that case we are not root, and
            // without new privileges this set grants nothing.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(errno) => return Err(errno),
        }
    }
    match clear_ambient_capability_set() {
        // Before Linux 4.3 there is no such set.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(errno),
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets)
}

#[cold]
fn warn(reason: &dyn fmt::Display) {
    say(format_args!("warning: system calls are not filtered: {reason}"));
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    /// What `/proc` says of this thread.
    fn status(name: &str) -> String {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().into()
    }

    #[test]
    fn no_capability_is_left() {
        thread::spawn(|| {
            drop_capabilities().unwrap();
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(status(set), "0".repeat(16), "{set}");
            }
            // There is nothing left to drop, and that is no error.
            drop_capabilities().unwrap();
        })
        .join()
        .unwrap();
    }
}
