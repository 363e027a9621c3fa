//! A link that goes down and comes back: the device interrupts for a change of its configuration.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use lab::kvm::{Guest, Monitor};

use super::support::{COUNTERS, client, counter, exchange, on_each};

/// The counter of how many times it has announced its address.
const ANNOUNCEMENTS: &str = "eth0.arp.announcements_tx";
/// How long it may take to notice, on a machine with other work. Without an interrupt it never does.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

/// ARP announces our address when the link comes back.
pub(crate) fn what_changes_is_noticed() {
    on_each("echo", |lab, guest| {
        let folder = tempfile::tempdir().expect("there is room for a socket");
        let path = folder.path().join("monitor");
        let guest = Guest { monitor: Some(&path), ..*guest };
        let arguments = [format!("--stats-port={COUNTERS}")];
        let _service =
            guest.start(lab, &arguments.each_ref().map(String::as_str), |_| ()).expect("it serves");
        exchange(&client(lab), b"hello");
        let mut monitor = Monitor::open(&path).expect("QEMU listens");
        for _ in 0..3 {
            let before = counter(lab, ANNOUNCEMENTS);
            monitor.command("set_link net0 off").expect("it can go down");
            // The guest has the time to notice that it is gone.
            sleep(Duration::from_millis(200));
            monitor.command("set_link net0 on").expect("it can come back");
            let end = Instant::now() + NOTICED_WITHIN;
            while counter(lab, ANNOUNCEMENTS) == before {
                assert!(Instant::now() < end, "the link is back, and nobody has noticed");
                sleep(Duration::from_millis(20));
            }
            exchange(&client(lab), b"it is back");
        }
    });
}
