//! What a process cannot do any more once it serves, and what it still can. This program is both the tests and,
//! started again by a test, the process that tries one thing.

use std::{
    env, fs, hint, io,
    io::Read as _,
    net::UdpSocket,
    os::{
        fd::AsFd as _,
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Command, ExitCode, Output},
    ptr, thread,
    time::{Duration, SystemTime},
};

use libtest_mimic::{Arguments, Trial};
use rt::Wake;
use rt_unix::{Error, Rt, Runtime as _};
use rustix::{
    ioctl::{Setter, ioctl},
    mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect},
    process::{Pid, Signal, kill_process},
    thread::{CapabilitySets, capabilities, set_capabilities},
};

/// Says what this process is to try.
const TRY: &str = "RT_UNIX_TEST_TRY";
/// What it says before it tries.
const CONFINED: &str = "confined";
/// SIGSYS.
const BAD_CALL: i32 = 31;

/// Something that a process tries, and what comes of it.
struct Attempt {
    name: &'static str,
    make: fn() -> Result<(), Error>,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
enum Outcome {
    /// It works, and the process ends well.
    Works,
    /// It is an error, and the process goes on.
    Refused,
    /// It ends the process with a line.
    Ends,
    /// It ends the process without one: the C library has blocked all signals when it makes the call.
    EndsMutely,
    /// It ends the process with this signal, as it does without a sandbox.
    Signal(i32),
}

use Outcome::{Ends, EndsMutely, Refused, Signal as EndsBy, Works};

const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "open_a_file", make: || failed(fs::read("/proc/self/maps")), outcome: Refused },
    Attempt {
        name: "make_a_file",
        make: || failed(fs::write(env::temp_dir().join("never-made"), "")),
        outcome: Refused,
    },
    Attempt { name: "look_for_a_file", make: || failed(fs::metadata("/")), outcome: Refused },
    Attempt {
        name: "remove_a_file",
        make: || failed(fs::remove_file("/never-made")),
        outcome: Ends,
    },
    Attempt { name: "list_a_folder", make: || failed(fs::read_dir("/proc")), outcome: Refused },
    Attempt { name: "make_a_socket", make: || failed(UdpSocket::bind("0:0")), outcome: Ends },
    Attempt {
        name: "start_a_program",
        make: || failed(Command::new("/bin/true").spawn()),
        outcome: EndsMutely,
    },
    Attempt {
        name: "become_a_program",
        make: || Err(Command::new("/bin/true").exec().into()),
        outcome: Ends,
    },
    Attempt {
        name: "start_a_thread",
        make: || failed(thread::Builder::new().spawn(|| ())),
        outcome: EndsMutely,
    },
    Attempt { name: "signal_another_process", make: signal_parent, outcome: Ends },
    Attempt { name: "take_capabilities_back", make: take_capabilities, outcome: Ends },
    Attempt { name: "map_code", make: map_code, outcome: Ends },
    Attempt { name: "turn_memory_into_code", make: turn_into_code, outcome: Ends },
    Attempt { name: "set_up_a_device", make: set_up_device, outcome: Ends },
    Attempt { name: "replace_the_handler", make: replace_handler, outcome: Ends },
    Attempt { name: "serve", make: serve, outcome: Works },
    Attempt { name: "end_of_main", make: || Ok(()), outcome: Works },
    Attempt { name: "abort", make: || std::process::abort(), outcome: EndsBy(6) },
    Attempt { name: "end_by_a_second_signal", make: end_by_signal, outcome: EndsBy(15) },
    Attempt { name: "overflow_the_stack", make: overflow_stack, outcome: EndsBy(6) },
    Attempt { name: "touch_nothing", make: touch_nothing, outcome: EndsBy(11) },
];

/// Whether an attempt failed: then that is an error.
fn failed<T>(result: io::Result<T>) -> Result<(), Error> {
    Ok(result.map(drop)?)
}

fn signal_parent() -> Result<(), Error> {
    let parent = rustix::process::getppid().unwrap_or(Pid::INIT);
    // Of no effect, whoever that is.
    failed(kill_process(parent, Signal::CONT).map_err(Into::into))
}

fn take_capabilities() -> Result<(), Error> {
    let mine: CapabilitySets = capabilities(None).map_err(io::Error::from)?;
    failed(set_capabilities(None, mine).map_err(Into::into))
}

fn map_code() -> Result<(), Error> {
    let (access, flags) = (ProtFlags::READ | ProtFlags::EXEC, MapFlags::PRIVATE);
    // SAFETY: without an address of ours, the mapping is where nothing is.
    failed(unsafe { mmap_anonymous(ptr::null_mut(), 4096, access, flags) }.map_err(Into::into))
}

fn turn_into_code() -> Result<(), Error> {
    let flags = MapFlags::PRIVATE;
    // SAFETY: without an address of ours, the mapping is where nothing is.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), 4096, ProtFlags::READ, flags) };
    let (page, access) =
        (page.map_err(io::Error::from)?, MprotectFlags::READ | MprotectFlags::EXEC);
    // SAFETY: the page is ours, and nobody reads or writes it.
    failed(unsafe { mprotect(page, 4096, access) }.map_err(Into::into))
}

fn set_up_device() -> Result<(), Error> {
    // SAFETY: TUNSETIFF reads no more than these 40 bytes, of which a descriptor that is no device reads none.
    let call = unsafe { Setter::<0x4004_54ca, _>::new([0_u64; 5]) };
    // SAFETY: it does.
    failed(unsafe { ioctl(io::stderr(), call) }.map_err(Into::into))
}

fn replace_handler() -> Result<(), Error> {
    // SAFETY: the handler does nothing.
    let id = unsafe { signal_hook::low_level::register(BAD_CALL, || ()) };
    failed(id)
}

/// What a service does and what the runtime does for it.
fn serve() -> Result<(), Error> {
    // Small and large, so that the allocator asks for memory and gives it back.
    for _ in 0..3 {
        let mut large = vec![1_u8; 40 << 20];
        large.resize(80 << 20, 2);
        let small: Vec<_> = (0..10_000).map(|length| vec![3_u8; length % 500]).collect();
        hint::black_box((large, small));
    }
    println!("to standard output");
    assert!(SystemTime::now() > SystemTime::UNIX_EPOCH);
    thread::sleep(Duration::from_millis(1));
    let mut byte = [0];
    getrandom(&mut byte)?;
    Ok(())
}

fn getrandom(bytes: &mut [u8]) -> Result<(), Error> {
    let random = rustix::rand::getrandom(bytes, rustix::rand::GetRandomFlags::empty());
    failed(random.map_err(Into::into))
}

/// What is done for a service that does not listen.
fn end_by_signal() -> Result<(), Error> {
    failed(signal_hook::low_level::emulate_default_handler(Signal::TERM.as_raw()))
}

fn overflow_stack() -> Result<(), Error> {
    overflow(0);
    Ok(())
}

fn overflow(depth: u64) {
    let here = hint::black_box([depth; 1000]);
    if here[0] < u64::MAX {
        overflow(depth + 1);
    }
    hint::black_box(here);
}

fn touch_nothing() -> Result<(), Error> {
    let nothing: *const u8 = ptr::without_provenance(hint::black_box(8));
    // SAFETY: none. This reads what is not there, which the kernel answers with SIGSEGV.
    hint::black_box(unsafe { nothing.read_volatile() });
    Ok(())
}

fn main() -> ExitCode {
    let Ok(name) = env::var(TRY) else {
        return libtest_mimic::run(&Arguments::from_args(), trials()).exit_code();
    };
    rt_unix::start("sandbox", move |rt| {
        let (event, _writer) = io::pipe()?;
        let event: &'static io::PipeReader = Box::leak(Box::new(event));
        rt.confine()?;
        // A service may run more than one tower after the other.
        rt.confine()?;
        rt.print(format_args!("{CONFINED}"));
        match &*name {
            "wait" => wait(rt, event),
            "panic" => panic!("on purpose"),
            #[cfg(feature = "defmt")]
            "log" => {
                defmt::info!("in words");
                Ok(())
            }
            name => {
                let attempt = ATTEMPTS.iter().find(|attempt| attempt.name == name);
                (attempt.ok_or_else(|| Error::new(1, "no such attempt"))?.make)()
            }
        }
    })
}

/// Waits for signals.
fn wait(rt: &mut Rt, event: &'static io::PipeReader) -> Result<(), Error> {
    loop {
        let deadline = rt.now() + Duration::from_secs(20);
        if rt.wait(&event.as_fd(), Some(deadline))? == Wake::Stop {
            return Ok(());
        }
    }
}

fn trials() -> Vec<Trial> {
    let trial = |name: String, check: Box<dyn FnOnce() + Send>| {
        Trial::test(name, move || {
            check();
            Ok(())
        })
    };
    let attempts =
        ATTEMPTS.iter().map(|attempt| trial(attempt.name.into(), Box::new(|| check(attempt))));
    let others: &[(&str, fn())] = &[
        ("a_panic_says_where_it_was", panic_with_backtrace),
        ("the_system_says_that_it_is_confined", what_the_system_says),
        ("without_the_sandbox_all_is_as_before", without),
        #[cfg(feature = "defmt")]
        ("the_log_is_in_words", log_line),
    ];
    let others = others.iter().map(|(name, check)| trial((*name).into(), Box::new(check)));
    attempts.chain(others).collect()
}

fn run(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments).env(TRY, name).env("RUST_BACKTRACE", "1");
    command.output().unwrap()
}

fn check(attempt: &Attempt) {
    let output = run(attempt.name, &["--memory=1M"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], CONFINED, "{said}");
    let (code, signal) = (output.status.code(), output.status.signal());
    match attempt.outcome {
        Works => assert_eq!((code, lines.len()), (Some(0), 1), "{said}"),
        Refused => {
            assert_eq!(code, Some(1), "{said}");
            assert!(lines[1].contains("Operation not permitted"), "{said}");
        }
        Ends => {
            assert_eq!(signal, Some(BAD_CALL), "{said}");
            assert!(lines[1].starts_with("forbidden: system call "), "{said}");
            assert!(lines[1].ends_with(", see --sandbox"), "{said}");
        }
        EndsMutely => assert_eq!((signal, lines.len()), (Some(BAD_CALL), 1), "{said}"),
        EndsBy(expected) => assert_eq!(signal, Some(expected), "{said}"),
    }
}

#[cfg(feature = "defmt")]
fn log_line() {
    let output = run("log", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.ends_with(" in words\n"), "{said}");
}

fn panic_with_backtrace() {
    let output = run("panic", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    // Without names: the symbols would have to be read before, and take more memory than a small service.
    assert!(said.contains("on purpose") && said.contains("   0: <unknown>"), "{said}");
    // Status 101 where it unwinds, SIGABRT where it does not.
    assert_ne!(output.status.signal(), Some(BAD_CALL), "{said}");
}

/// Starts one that waits; calls `look` with its folder in `/proc`.
fn with_waiting(arguments: &[&str], look: impl FnOnce(&Path)) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments).env(TRY, "wait").stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = [0; CONFINED.len() + 1];
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(said[..CONFINED.len()], *CONFINED.as_bytes());
    look(Path::new(&format!("/proc/{}", child.id())));
    let id = Pid::from_child(&child);
    kill_process(id, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The lines of `/proc/PID/status` that have these names, in this order.
fn status<const N: usize>(process: &Path, names: [&str; N]) -> [String; N] {
    let status = fs::read_to_string(process.join("status")).unwrap();
    names.map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name}")).trim().into()
    })
}

fn what_the_system_says() {
    with_waiting(&["--sandbox=on"], |process| {
        assert_eq!(status(process, ["NoNewPrivs", "Seccomp"]), ["1", "2"]);
        let none = "0".repeat(16);
        let sets = status(process, ["CapInh", "CapPrm", "CapEff", "CapAmb"]);
        assert_eq!(sets, [const { "0000000000000000" }; 4]);
        // Who is not root keeps the bounding set, out of which nothing comes.
        let mine = capabilities(None).unwrap().effective;
        if mine.contains(rustix::thread::CapabilitySet::SETPCAP) {
            assert_eq!(status(process, ["CapBnd"]), [none]);
        }
        // Whoever may look into it still may: this asks for as much as a debugger and `perf` ask for.
        fs::File::open(process.join("mem")).unwrap();
    });
}

fn without() {
    let before = status(Path::new("/proc/self"), ["NoNewPrivs", "Seccomp", "CapEff", "CapBnd"]);
    with_waiting(&["--sandbox=off"], |process| {
        assert_eq!(status(process, ["NoNewPrivs", "Seccomp", "CapEff", "CapBnd"]), before);
    });
    assert!(run("make_a_socket", &["--sandbox=off"]).status.success());
}
