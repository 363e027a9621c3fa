//! `cargo letregion run --on kvm --gdb`: a debugger finds its way in a guest.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use lab::{
    cargo,
    tools::{GDB, remedy},
};

use crate::running::spawn;

/// How long gdb may take, and then the guest, on a machine with other work.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// What is in the line of the service in which it is to stop.
const LINE: &str = "udp.bind(8080";

pub(crate) fn it_stops_at_a_line_and_its_callers_are_found() {
    if !GDB.is_installed() {
        return eprintln!("skipped: {}", remedy(&[GDB]));
    }
    let source = cargo::root().join("apps/echo/src/main.rs");
    let source = fs::read_to_string(source).expect("it can be read");
    // The last one is in each echo.
    let lines = source.lines().zip(1..).filter(|(line, _)| line.contains(LINE));
    let (_, break_at) = lines.last().expect("echo binds its port");

    let mut running = spawn(&["run", "echo", "--on", "kvm", "--gdb", "--request", "hello"]);
    let mut lines = BufReader::new(running.stderr.take().expect("it is a pipe")).lines();
    let mut said = String::new();
    let call = loop {
        let line = lines.next().unwrap_or_else(|| panic!("it has ended: {said}"));
        let line = line.expect("it says text");
        if line.trim_start().starts_with("gdb ") {
            break line;
        }
        said += &format!("{line}\n");
    };
    // gdb does not wait for it.
    let socket = call.split("'target remote ").nth(1).and_then(|rest| rest.split_once('\''));
    let (socket, _) = socket.expect("the line has the socket");
    assert!(Path::new(socket).exists(), "{socket} is not there yet");
    let rest = thread::spawn(move || {
        lines.map(|line| line.expect("it says text") + "\n").collect::<String>()
    });
    // As it is typed, and what would be typed then.
    let typed = format!(
        "timeout {} {} -nx -batch -ex 'break main.rs:{break_at}' -ex continue -ex backtrace -ex delete \
         -ex detach",
        ENDS_WITHIN.as_secs(),
        call.trim()
    );
    let gdb = Command::new("sh").args(["-c", &typed]).output().expect("there is a shell");
    let found = String::from_utf8_lossy(&gdb.stdout);
    let errors = String::from_utf8_lossy(&gdb.stderr);
    // Before the guest is waited for, which waits for gdb.
    assert!(gdb.status.success(), "{typed}: {}\n{found}\n{errors}\n{said}", gdb.status);
    let status = running.ended_within(ENDS_WITHIN);
    let status = status.unwrap_or_else(|| panic!("it does not end: {found}\n{said}"));
    let said = said + &rest.join().expect("it was read");
    assert!(status.success(), "{found}\n{said}");
    let mut reply = String::new();
    running.stdout.take().expect("it is a pipe").read_to_string(&mut reply).expect("it is text");
    assert_eq!(reply, "hello");

    let frames: Vec<_> = found.lines().filter(|line| line.starts_with('#')).collect();
    let is_at = |frame: &&str| frame.ends_with(&format!("apps/echo/src/main.rs:{break_at}"));
    assert!(frames.first().is_some_and(is_at), "{found}");
    // Through the runtime to the first code in 64-bit mode.
    for function in ["rt_kvm::start::start", "letregion_guest ()", "rt_pvh::boot::entry::long_mode"]
    {
        assert!(frames.iter().any(|frame| frame.contains(function)), "{function}: {found}");
    }
}
