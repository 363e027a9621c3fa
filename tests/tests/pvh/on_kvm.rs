//! A guest of the platform of KVM: where it is, its clock, its sleep, its end.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::Stdio,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lab::tools;

use super::{MACHINES, build, command, lines, said};

/// The image of the guest, built once.
static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let (mut command, image) = build("on-kvm", "kvm", &["-Tletregion-kvm.ld"]);
    tools::succeed(&mut command).expect("the guest builds");
    image
});

#[test]
fn it_says_where_it_is_and_ends() {
    for machine in MACHINES {
        for (line, last) in [
            ("console=ttyS0 --ok", "argument --ok"),
            ("--refuse", "on-kvm: --refuse: unknown"),
            ("--break", "on-kvm: the device is broken"),
        ] {
            let text = said(&[machine], &IMAGE, line);
            assert!(text.contains("host QEMU without KVM\n"), "{machine}: {text}");
            assert!(text.ends_with(&format!("{last}\n")), "{machine}: {text}");
        }
    }
    let text = said(&["microvm,acpi=off", "-device", "virtio-rng-device"], &IMAGE, "reboot=t");
    let words = lines(&text, "words of the monitor, which are left out: ");
    assert!(words[0].starts_with("reboot=t virtio_mmio.device=512@0xfeb0"), "{text}");
    let text = said(&["q35"], &IMAGE, "--panic");
    assert!(text.contains("\npanic\nstack ") && text.contains("\npool pages "), "{text}");
    let text = said(&["microvm"], &IMAGE, "virtio_mmio.device=512@0x1000:12 --ok");
    let left_out = "virtio_mmio.device=512@0x1000:12: left out: ";
    assert_eq!(lines(&text, left_out).len(), 1, "{text}");
}

/// A machine with ACPI tables is turned off, and needs no `-no-reboot` for that.
#[test]
fn a_machine_that_can_be_turned_off_does_not_start_again() {
    for machine in ["microvm", "pc", "q35"] {
        for argument in ["--ok", "--break", "--panic"] {
            let text = said(&[machine, "-action", "reboot=reset"], &IMAGE, argument);
            assert_eq!(lines(&text, "host QEMU without KVM").len(), 1, "{machine}: {text}");
        }
    }
}

/// How much the seconds inside may differ from those outside, and how often they are compared: a line is as late as this
/// machine is busy.
const MOST_APART: Duration = Duration::from_millis(50);
const TRIES: usize = 5;

/// Two seconds in a guest take two seconds of this machine, and its time of day is that of this machine.
#[test]
fn its_clock_is_that_of_this_machine() {
    for machine in MACHINES {
        let mut differences = Vec::new();
        while differences.last().is_none_or(|apart| *apart >= MOST_APART) {
            assert!(differences.len() < TRIES, "{machine}: {differences:?}");
            differences.push(difference(machine));
        }
    }
}

/// By how much two seconds of a guest differ from those of this machine. Its time of day must be the same.
fn difference(machine: &str) -> Duration {
    let mut qemu = command(&[machine], &IMAGE, "--clock")
        .stdout(Stdio::piped())
        .spawn()
        .expect("QEMU can be started");
    let output = BufReader::new(qemu.stdout.take().expect("it is a pipe"));
    let mut times = Vec::new();
    let mut time_of_day = None;
    for line in output.lines() {
        let line = line.expect("the guest prints text");
        let number = |start| line.strip_prefix(start)?.trim_end().parse::<u64>().ok();
        if let Some(seconds) = number("time of day ") {
            time_of_day = Some(seconds);
        }
        if let Some(nanos) = number("begin ").or_else(|| number("end ")) {
            times.push((Instant::now(), Duration::from_nanos(nanos)));
        }
    }
    assert!(qemu.wait().expect("it can be waited for").success());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let late = now - time_of_day.expect("QEMU has a clock that a battery keeps");
    assert!((2..20).contains(&late), "{machine}: {late} s");
    let [begin, end] = times[..] else { panic!("{machine}: {times:?}") };
    (end.0 - begin.0).abs_diff(end.1 - begin.1)
}

/// Most times, the timer has run out before the processor stops: a wake-up that is lost is never made up for.
#[test]
fn no_wake_up_is_lost() {
    for machine in MACHINES {
        let text = said(&[machine], &IMAGE, "--sleep");
        for sleeps in ["1000 times for 1 ns", "1000 times for 1000 ns", "20 times for 5000000 ns"] {
            assert_eq!(lines(&text, &format!("slept {sleeps}, at most ")).len(), 1, "{text}");
        }
    }
}
