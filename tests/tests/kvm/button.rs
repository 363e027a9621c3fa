//! The power button, with which an operator asks a guest to end.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use lab::{
    Service,
    kvm::{Guest, Machine, Monitor, Sockets, shut_down},
};

use super::support::{client, exchange, image, in_network, on_each};

/// How long a guest may take to end, on a machine with other work. One that has not noticed does not end at all.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

/// It ends its machine within seconds, and says what it has counted. microvm without ACPI tables has no such button.
pub(crate) fn ends_a_guest_with_its_counters() {
    on_each("echo", |lab, guest| {
        let sockets = Sockets::new().expect("there is room for a socket");
        let monitor = sockets.monitor();
        let service = Guest { monitor: Some(&monitor), ..*guest }.start(lab, &[], |_| ());
        let service = service.unwrap_or_else(|error| panic!("{error:#}"));
        exchange(&client(lab), b"hello");
        if guest.machine == (Machine::Microvm { acpi: false }) {
            let error = shut_down(service, &monitor).expect_err("it has no button").to_string();
            assert_eq!(error, "the guest did not end within 5 seconds of its power button");
            return;
        }
        let (status, lines) =
            shut_down(service, &monitor).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(status.success(), "{status}: {lines:?}");
        assert!(lines.iter().any(|line| line == "eth0.udp.datagrams_rx 1"), "{lines:#?}");
        assert!(lines.last().is_some_and(|line| line.starts_with("region packet ")), "{lines:#?}");
    });
}

/// As Firecracker does it, which has no other button: here the keyboard is that of QEMU.
pub(crate) fn a_keyboard_asks_as_well() {
    let echo = image("echo");
    in_network(|lab| {
        let sockets = Sockets::new().expect("there is room for a socket");
        let monitor = sockets.monitor();
        let machine = Machine::Microvm { acpi: false };
        let guest = Guest { machine, monitor: Some(&monitor), ..Guest::new(&echo, 8) };
        let mut command = guest.command(lab, &[]).expect("none can be given");
        command.args(["-device", "i8042"]);
        let mut service = Service::start_command(lab, command, |_| ())
            .unwrap_or_else(|error| panic!("{error:#}"));
        lab.network().wait_until_up().expect("the interface is up");
        exchange(&client(lab), b"hello");
        let is_noticed = ends_after(&mut service, &monitor, "sendkey ctrl-alt-delete");
        assert!(is_noticed, "nobody has noticed: {:#?}", service.lines());
        let (status, lines) = service.stop().expect("it has ended");
        assert!(status.success(), "{status}: {lines:?}");
        assert!(lines.iter().any(|line| line == "eth0.udp.datagrams_rx 1"), "{lines:#?}");
    });
}

/// Whether a guest with this monitor ends when that is told this.
fn ends_after(service: &mut Service<'_>, monitor: &Path, command: &str) -> bool {
    let mut monitor = Monitor::open(monitor).expect("QEMU listens");
    // It may have ended before QEMU has answered.
    let _ = monitor.command(command);
    let deadline = Instant::now() + ENDS_WITHIN;
    while service.ended().expect("it can be asked").is_none() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

/// Under a flood too, where it may not sleep for long: it looks now and then.
pub(crate) fn ends_a_guest_that_is_busy() {
    on_each("echo", |lab, guest| {
        if guest.machine == (Machine::Microvm { acpi: false }) {
            return;
        }
        let sockets = Sockets::new().expect("there is room for a socket");
        let monitor = sockets.monitor();
        let service = Guest { monitor: Some(&monitor), ..*guest }.start(lab, &[], |_| ());
        let mut service = service.unwrap_or_else(|error| panic!("{error:#}"));
        let client = client(lab);
        exchange(&client, b"hello");
        let is_over = AtomicBool::new(false);
        let is_noticed = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // The queue is full, or nobody is there any more.
                    let _ = client.send(&[0; 64]);
                }
            });
            // Whatever is wrong, the flood ends, which is waited for.
            let press = || ends_after(&mut service, &monitor, "system_powerdown");
            let pressed = panic::catch_unwind(AssertUnwindSafe(press));
            is_over.store(true, Ordering::Relaxed);
            pressed.unwrap_or_else(|error| panic::resume_unwind(error))
        });
        assert!(is_noticed, "nobody has noticed");
        let (status, lines) = service.stop().expect("it has ended");
        assert!(status.success(), "{status}: {lines:?}");
    });
}
