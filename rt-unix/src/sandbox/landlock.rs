//! Landlock (landlock(7)): no file can be opened, no TCP port used, and no process outside reached.
//!
//! There are no rules, so this takes two system calls and no crate.

use std::{
    ffi::{c_long, c_uint},
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
    ptr,
};

/// The actions that are governed (`struct landlock_ruleset_attr`, `linux/landlock.h`). A governed action
/// without a rule is forbidden.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ruleset {
    /// `LANDLOCK_ACCESS_FS_*`: actions on files.
    fs: u64,
    /// `LANDLOCK_ACCESS_NET_*`: to bind a TCP port and to connect to one.
    net: u64,
    /// `LANDLOCK_SCOPE_*`: abstract sockets and processes outside of it.
    scoped: u64,
}

impl Ruleset {
    /// All actions that a kernel with this version of Landlock knows. A field that it does not know has to be
    /// 0.
    fn of_version(version: c_long) -> Self {
        let fs_bits = match version {
            ..=1 => 13,
            2 => 14,
            3 | 4 => 15,
            _ => 16,
        };
        Self {
            fs: (1 << fs_bits) - 1,
            net: if version >= 4 { 0b11 } else { 0 },
            scoped: if version >= 6 { 0b11 } else { 0 },
        }
    }
}

/// Forbids this thread all governed actions. What is open stays open.
pub(super) fn enter() -> io::Result<()> {
    /// `LANDLOCK_CREATE_RULESET_VERSION`
    const VERSION: c_uint = 1;
    let create = |ruleset: *const Ruleset, size: usize, flags: c_uint| {
        // SAFETY: the kernel reads `size` bytes at `ruleset`. Below that is a whole value and its size, or, as the
        // question for the version wants it, no bytes at no address.
        let answer =
            unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ruleset, size, flags) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
    };
    let version = create(ptr::null(), 0, VERSION)?;
    let ruleset = Ruleset::of_version(version);
    let descriptor = create(&ruleset, size_of::<Ruleset>(), 0)? as RawFd;
    // SAFETY: the kernel has just made this descriptor, so it is open and nobody else has it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // SAFETY: the call takes two numbers and no pointer.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_restrict_self, descriptor.as_raw_fd(), 0 as c_uint)
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{ErrorKind, Read as _},
        thread,
    };

    use rustix::thread::set_no_new_privs;

    use super::*;

    #[test]
    fn an_older_kernel_is_asked_for_what_it_knows() {
        assert_eq!(Ruleset::of_version(1), Ruleset { fs: 0x1fff, net: 0, scoped: 0 });
        assert_eq!(Ruleset::of_version(3), Ruleset { fs: 0x7fff, net: 0, scoped: 0 });
        assert_eq!(Ruleset::of_version(4), Ruleset { fs: 0x7fff, net: 3, scoped: 0 });
        assert_eq!(Ruleset::of_version(6), Ruleset { fs: 0xffff, net: 3, scoped: 3 });
        assert_eq!(Ruleset::of_version(7), Ruleset::of_version(6));
    }

    #[test]
    fn no_file_can_be_opened_and_those_that_are_open_stay_open() {
        thread::spawn(|| {
            let mut open = File::open("/proc/self/status").unwrap();
            set_no_new_privs(true).unwrap();
            if let Err(error) = enter() {
                eprintln!("this kernel has no Landlock ({error}): nothing is tested");
                return;
            }
            let error = File::open("/proc/self/status").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(open.read(&mut [0; 16]).unwrap() > 0);
        })
        .join()
        .unwrap();
    }
}
