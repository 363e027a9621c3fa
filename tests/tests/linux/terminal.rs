//! `cargo letregion run` on a terminal: what it says to people, and lines that are edited and called back.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::Stdio,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use lab::{cargo, tools};
use nix::pty::openpty;

/// How long it may take to be ready, on a busy machine too: it is built.
const WITHIN: Duration = Duration::from_secs(300);
/// What a terminal sends for the key that calls the last line back, and for Ctrl-D.
const UP: &str = "\x1b[A";
const END: &str = "\x04";

/// The side of a terminal where somebody sits.
struct Seat {
    keys: File,
    shown: Receiver<Vec<u8>>,
    text: String,
}

impl Seat {
    /// Waits until `wanted` is shown behind what was seen last, and returns all until then.
    fn see(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + WITHIN;
        loop {
            if let Some(at) = self.text.find(wanted) {
                let rest = self.text.split_off(at + wanted.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.shown.recv_timeout(left);
            let more = more.unwrap_or_else(|_| panic!("no {wanted:?} in {:?}", self.text));
            self.text += &String::from_utf8_lossy(&more);
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal is there");
    }
}

pub(crate) fn speaks_to_people() {
    let terminal = openpty(None, None).expect("there is a terminal");
    let mut screen = File::from(terminal.master);
    let keys = screen.try_clone().expect("it can be shared");
    let (shown, screens) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        // The end of a terminal is an error.
        while let Ok(length @ 1..) = screen.read(&mut bytes) {
            if shown.send(bytes[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut seat = Seat { keys, shown: screens, text: String::new() };

    let side = || Stdio::from(terminal.slave.try_clone().expect("it can be shared"));
    // With this terminal as its own: the prompt is not for that of whoever runs the tests.
    let mut command = tools::command("setsid");
    command.args(["--ctty", "--wait"]).arg(cargo::cargo().get_program());
    command.args(["letregion", "run", "echo"]).current_dir(cargo::root());
    command.env("TERM", "xterm").stdin(side()).stdout(side()).stderr(side());
    let mut running = command.spawn().expect("setsid is there");

    seat.see("nsenter");
    seat.see("echo> ");
    // The end is written first, and the beginning put before it.
    seat.press("llo\x01he\r");
    let seen = seat.see("5 bytes, there and back in ");
    assert!(seen.contains("\nhello\r\n"), "{seen:?}");
    seat.see(", the same");
    seat.see("echo> ");
    seat.press(UP);
    seat.see("hello");
    seat.press("!\r");
    seat.see("\nhello!\r\n");
    seat.see("6 bytes, there and back in ");
    seat.see("echo> ");
    seat.press(END);
    let status = running.wait().expect("it ends");
    assert!(status.success(), "{status}");
    drop(terminal.slave);
    while let Ok(more) = seat.shown.recv_timeout(Duration::from_millis(200)) {
        seat.text += &String::from_utf8_lossy(&more);
    }
    assert!(!seat.text.contains("pool pages"), "counters that nobody asked for: {}", seat.text);
}
