//! The filter of system calls (seccomp(2)).
//!
//! There are two filters. The kernel runs both and takes the stricter result. The first allows the calls in
//! [`ALLOWED`], [`REFUSED`] and [`conditional`], and ends the process at any other. The second answers the
//! calls in [`REFUSED`] with an error. Calls that both allow whatever their arguments are (reading, writing,
//! waiting) are in a table of the kernel (Linux 5.11), which then runs neither filter.

use std::{collections::BTreeMap, env, ffi::c_long, io, process};

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, sock_filter,
};

/// The calls that are allowed with any arguments. None of them opens, starts or reaches anything.
const ALLOWED: &[c_long] = &[
    // Frames, lines, and the files that are open.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_ftruncate,
    libc::SYS_fstat,
    libc::SYS_close,
    // Waiting.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // The clock, where there is no vDSO; entropy.
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    // The allocator of the C library.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Locks.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    // Signals, and the end.
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The calls that libraries try and can do without, so they return an error and do not end the process: a
/// backtrace looks for the program's files and the current folder, the C library names its memory and counts
/// the processors.
const REFUSED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    libc::SYS_openat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    libc::SYS_faccessat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_prctl,
    libc::SYS_sched_getaffinity,
];

/// `TUNSETOFFLOAD` (`linux/if_tun.h`), with which a TAP device is reset at the end.
const TUNSETOFFLOAD: u64 = 0x4004_54d0;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// The calls that are allowed with some arguments only. Each array is one allowed form, and each of its
/// entries a condition on the argument of that number.
fn conditional() -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let no_code = || (2, Length::Qword, MaskedEq(libc::PROT_EXEC as u64), 0);
    let anonymous = libc::MAP_ANONYMOUS as u64;
    let this_process = u64::from(process::id());
    Ok(Rules::from([
        // Memory for the allocator, never a file and never code.
        (
            libc::SYS_mmap,
            any(vec![vec![no_code(), (3, Length::Qword, MaskedEq(anonymous), anonymous)]])?,
        ),
        (libc::SYS_mprotect, any(vec![vec![no_code()]])?),
        (
            libc::SYS_ioctl,
            any(vec![
                vec![
                    (1, Length::Dword, Eq, TUNSETOFFLOAD),
                    // With the argument 0: the kernel leaves nothing undone.
                    (2, Length::Qword, Eq, 0),
                ],
                // Refused below: "is this a terminal?"
                vec![(1, Length::Dword, Eq, libc::TCGETS)],
            ])?,
        ),
        (
            libc::SYS_fcntl,
            any(vec![
                vec![(1, Length::Dword, Eq, libc::F_GETFD as u64)],
                vec![(1, Length::Dword, Eq, libc::F_GETFL as u64)],
                vec![(1, Length::Dword, Eq, libc::F_SETPIPE_SZ as u64)],
            ])?,
        ),
        // A signal to a thread of ours: `abort`, and what ends a process that does not listen.
        (libc::SYS_tgkill, any(vec![vec![(0, Length::Dword, Eq, this_process)]])?),
        // No code can turn off the effect of a forbidden call.
        (libc::SYS_rt_sigaction, any(vec![vec![(0, Length::Dword, Ne, libc::SIGSYS as u64)]])?),
    ]))
}

/// A condition: the number of the argument, its length, how it is compared, and with what.
type Condition = (u8, Length, SeccompCmpOp, u64);

fn any(ways: Vec<Vec<Condition>>) -> Result<Vec<SeccompRule>, BackendError> {
    let condition =
        |(argument, length, how, value)| SeccompCondition::new(argument, length, how, value);
    let rule = |way: Vec<Condition>| {
        SeccompRule::new(way.into_iter().map(condition).collect::<Result<_, _>>()?)
    };
    ways.into_iter().map(rule).collect()
}

/// The two filters, in the order in which they are put on: the last leaves no call that puts on another.
fn programs() -> Result<[BpfProgram; 2], BackendError> {
    let arch = env::consts::ARCH.try_into()?;
    let with_any_arguments =
        |calls: &[c_long]| calls.iter().map(|call| (*call, Vec::new())).collect::<Rules>();
    let mut refused = with_any_arguments(REFUSED);
    let is_a_terminal = vec![(1, Length::Dword, SeccompCmpOp::Eq, libc::TCGETS)];
    refused.insert(libc::SYS_ioctl, any(vec![is_a_terminal])?);
    let mut allowed = conditional()?;
    allowed.extend(with_any_arguments(ALLOWED));
    allowed.extend(with_any_arguments(REFUSED));
    let (permission_denied, end) = (SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Trap);
    Ok([
        SeccompFilter::new(refused, SeccompAction::Allow, permission_denied, arch)?.try_into()?,
        SeccompFilter::new(allowed, end, SeccompAction::Allow, arch)?.try_into()?,
    ])
}

/// Installs the filters. The caller has given up new privileges.
pub(super) fn enter() -> io::Result<()> {
    for program in programs().map_err(io::Error::other)? {
        // The second flag came with Linux 4.17. Without it, kernels before 5.16 turn a mitigation on for the
        // filtered process, which slows all of its code down and protects only programs that run foreign
        // code.
        let all = libc::SECCOMP_FILTER_FLAG_TSYNC;
        match put_on(&program, all | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => put_on(&program, all)?,
            result => result?,
        }
    }
    Ok(())
}

fn put_on(program: &BpfProgram, flags: libc::c_ulong) -> io::Result<()> {
    /// `struct sock_fprog` (`linux/filter.h`).
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const sock_filter,
    }
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = Program { length, instructions: program.as_ptr() };
    // SAFETY: the kernel reads a `struct sock_fprog`, and as many instructions behind its pointer as it says: all
    // of a slice that outlives the call. It copies and checks them.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    match answer {
        0 => Ok(()),
        thread if thread > 0 => {
            Err(io::Error::other(format!("thread {thread} has a filter of its own")))
        }
        _ => Err(io::Error::last_os_error()),
    }
}
