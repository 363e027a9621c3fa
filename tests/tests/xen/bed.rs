//! The machine itself: without it, nothing that a test of a guest says could be believed.

use std::time::{Duration, Instant};

use lab::xen::{Domain, End, Settings, Trouble, plain};

use super::support::{GUEST, PORT, boot, machine, requests};

pub(crate) fn images_go_over_in_seconds_and_unchanged() {
    let machine = machine();
    // As large as a kernel of Linux; every byte value, and no period that a block could have.
    let image: Vec<u8> =
        (0_u32..8 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let start = Instant::now();
    machine.write("/tmp/a folder/image", image.as_slice()).unwrap();
    let came_back = machine.read("/tmp/a folder/image").unwrap();
    let took = start.elapsed();
    assert!(came_back == image, "the image has changed on its way");
    assert!(took < Duration::from_secs(10), "{took:?}");
    machine.write("/tmp/empty", "").unwrap();
    assert_eq!(machine.read("/tmp/empty").unwrap(), b"");
    machine.succeed("rm", &["-r", "/tmp/a folder", "/tmp/empty"]).unwrap();
}

pub(crate) fn programs_end_in_time_or_are_ended() {
    let machine = machine();
    let ran = machine.run("sh", &["-c", "echo one; echo two >&2; exit 3"]).unwrap();
    assert_eq!((ran.end, &*ran.stdout, &*ran.stderr), (End::Status(3), "one\n", "two\n"));
    let limit = Duration::from_millis(500);
    let ran = machine.run_within("sleep", &["1000"], limit).unwrap();
    assert_eq!(ran.end, End::Limit);
}

pub(crate) fn what_cannot_be_done_is_said_why() {
    let machine = machine();
    let error = machine.read("/no/such/file").unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
    let error = machine.run("no-such-program", &[]).unwrap_err().to_string();
    assert!(error.contains("no-such-program"), "{error}");

    let nobody = machine.ask(&requests(PORT, 1, 1), b"x", None).unwrap().0;
    assert_eq!(nobody.trouble, Some(Trouble::Unreachable), "somebody is at {GUEST}");
    let mut refused = requests(9, 1, 1);
    refused.to.set_ip([127, 0, 0, 1].into());
    assert_eq!(machine.ask(&refused, b"x", None).unwrap().0.trouble, Some(Trouble::Refused));

    let no_kernel = Settings {
        name: "no-kernel",
        kernel: b"This is no kernel.",
        ramdisk: None,
        command_line: "a \"quoted\" \\ word",
        memory: 2,
        vif: None,
        restart: false,
        more: "",
    };
    let error = Domain::create(&machine, &no_kernel, plain(), |_| ()).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("no-kernel") && error.contains("xl create"), "{error}");
    // xl reads what was written for it, the quotes of the command line too.
    let read = machine.succeed("xl", &["create", "-n", "/domains/no-kernel/domain"]).unwrap();
    assert!(read.contains(r#""cmdline": "a \"quoted\" \\ word""#), "{read}");
    assert_eq!(machine.leftovers().unwrap(), [""; 0]);
}

pub(crate) fn a_dead_dom0_is_an_error_and_harms_no_other() {
    let (machine, other) = (machine(), boot());
    assert_ne!(machine.log(), other.log());
    let start = Instant::now();
    // A panic, without a word to anybody.
    let error = other.run("sh", &["-c", "echo c >/proc/sysrq-trigger"]).unwrap_err().to_string();
    assert!(error.contains("dom0 has ended"), "{error}");
    assert!(error.contains("Kernel panic"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let error = other.run("true", &[]).unwrap_err().to_string();
    assert!(error.contains("dom0 has ended"), "{error}");
    drop(other);
    assert_eq!(machine.succeed("echo", &["still", "here"]).unwrap(), "still here\n");
}
