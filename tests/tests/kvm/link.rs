//! A link that goes down and comes back: the device interrupts for a change of its configuration.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use lab::{Lab, kvm::Guest};

use super::support::{client, exchange, on_both};

/// Where the guest answers with its counters.
const COUNTERS: u16 = 9100;
/// What is asked for.
const COUNTER: &str = "eth0.arp.announcements_tx ";
/// How long it may take to notice, on a machine with other work. Without an interrupt it never does.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

/// ARP announces our address when the link comes back.
pub(crate) fn what_changes_is_noticed() {
    on_both(|lab, guest| {
        let folder = tempfile::tempdir().expect("there is room for a socket");
        let path = folder.path().join("monitor");
        let guest = Guest { monitor: Some(&path), ..*guest };
        let arguments = [format!("--stats-port={COUNTERS}")];
        let _service =
            guest.start(lab, &arguments.each_ref().map(String::as_str), |_| ()).expect("it serves");
        exchange(&client(lab), b"hello");
        let mut monitor = Monitor::open(&path);
        for _ in 0..3 {
            let before = announcements(lab);
            monitor.command("set_link net0 off");
            // The guest has the time to notice that it is gone.
            sleep(Duration::from_millis(200));
            monitor.command("set_link net0 on");
            let end = Instant::now() + NOTICED_WITHIN;
            while announcements(lab) == before {
                assert!(Instant::now() < end, "the link is back, and nobody has noticed");
                sleep(Duration::from_millis(20));
            }
            exchange(&client(lab), b"it is back");
        }
    });
}

/// How many times the guest has announced its address.
fn announcements(lab: &Lab) -> u32 {
    let client = lab.connect(COUNTERS).expect("a socket");
    client.set_read_timeout(Some(NOTICED_WITHIN)).expect("a socket");
    let mut text = [0; 1500];
    // All counters are answered only so often.
    client.send(COUNTER.as_bytes()).expect("it can be sent");
    let length = client.recv(&mut text).expect("there is a counter");
    let text = String::from_utf8_lossy(&text[..length]);
    let count = text.trim_end().strip_prefix(COUNTER).expect("it is the counter");
    count.parse().expect("a number")
}

/// The monitor of QEMU, for people: a command is a line, and the answer ends with a prompt.
struct Monitor(UnixStream);

impl Monitor {
    fn open(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("QEMU listens");
        stream.set_read_timeout(Some(NOTICED_WITHIN)).expect("a socket");
        let mut monitor = Self(stream);
        monitor.answer();
        monitor
    }

    fn command(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).expect("QEMU listens");
        let answer = self.answer();
        assert!(!answer.contains("Error") && !answer.contains("not found"), "{line}: {answer}");
    }

    fn answer(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\n(qemu) ") && text != b"(qemu) " {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("QEMU answers");
            text.extend(byte);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}
