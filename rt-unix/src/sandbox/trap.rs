//! The last line of a process that made a forbidden system call.

use std::{
    ffi::{c_int, c_void},
    io::{self, Write as _},
    mem, ptr,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::stderr,
};

/// `SYS_SECCOMP` (`asm-generic/siginfo.h`): the signal comes from a filter.
const SYS_SECCOMP: c_int = 1;

/// The kernel's information on a forbidden call (`siginfo_t` with `_sigsys`, `asm-generic/siginfo.h`).
#[repr(C)]
struct Forbidden {
    signal: c_int,
    errno: c_int,
    code: c_int,
    address: *const c_void,
    call: c_int,
    arch: u32,
}

const _: () = assert!(size_of::<Forbidden>() <= size_of::<libc::siginfo_t>());
const _: () = assert!(align_of::<Forbidden>() <= align_of::<libc::siginfo_t>());

/// Installs a handler of SIGSYS that prints which call it was, before the signal ends the process as it does
/// by default.
pub(super) fn install() -> io::Result<()> {
    // SAFETY: a `sigaction` is numbers and pointers, of which zero is a value: no flags, no signal blocked.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    let handler: extern "C" fn(c_int, *const Forbidden, *const c_void) = report;
    action.sa_sigaction = handler as usize;
    // Back to the default when it is called: the second signal ends the process.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESETHAND | libc::SA_ONSTACK;
    // SAFETY: `action` is a whole value, and its function takes what SA_SIGINFO says. That function does what
    // signal-safety(7) allows: poll, write, raise, and arithmetic on its own stack.
    let answer = unsafe { libc::sigaction(libc::SIGSYS, &action, ptr::null_mut()) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The handler of SIGSYS.
extern "C" fn report(_: c_int, forbidden: *const Forbidden, _: *const c_void) {
    // SAFETY: SA_SIGINFO gives a pointer to a `siginfo_t`, which is valid during the call, and as long and as aligned
    // as a `Forbidden`, as asserted; every value of its bytes is one.
    let forbidden = unsafe { &*forbidden };
    if forbidden.code == SYS_SECCOMP {
        let mut line = [0; 96];
        let length = write_line(&mut line, forbidden.call);
        // A reader that does not read must not delay the end of the process.
        let mut fds = [PollFd::from_borrowed_fd(stderr(), PollFlags::OUT)];
        let now = Timespec::try_from(Duration::ZERO).ok();
        if matches!(poll(&mut fds, now.as_ref()), Ok(1)) {
            let _ = rustix::io::write(stderr(), &line[..length]);
        }
    }
    // SAFETY: the call takes a number. The signal is blocked until this function returns, and then ends the process,
    // at the instruction after the forbidden call: none of the program runs in between.
    unsafe { libc::raise(libc::SIGSYS) };
}

/// Writes the line about `call` without allocating; returns its length.
fn write_line(line: &mut [u8], call: c_int) -> usize {
    let room = line.len();
    let mut rest = line;
    let _ = writeln!(rest, "forbidden: system call {call}, see --sandbox");
    room - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits() {
        let mut line = [0; 96];
        let length = write_line(&mut line, c_int::MIN);
        assert_eq!(&line[..length], b"forbidden: system call -2147483648, see --sandbox\n");
    }
}
