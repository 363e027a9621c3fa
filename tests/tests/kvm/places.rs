//! Where a guest is: addresses on its stack become places in the source.

use std::time::Duration;

use lab::{
    decode::{plain, with_places},
    kvm::{Guest, Monitor},
};

use super::support::{client, exchange, image, in_network};

/// How long the guest may take to say where it is.
const SAID_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take until places are found: as long as what finds them may take to be built.
const FOUND_WITHIN: Duration = Duration::from_secs(300);

/// As `xl trigger` does on Xen: the guest says where it is, and goes on.
pub(crate) fn an_interrupt_that_cannot_be_masked_says_where_it_is() {
    let folder = tempfile::tempdir().expect("there is room for a socket");
    let path = folder.path().join("monitor");
    let echo = image("echo");
    let decode = with_places(&echo, plain());
    in_network(|lab| {
        let guest = Guest { monitor: Some(&path), ..Guest::new(&echo, 8) };
        let service = guest.start_decoded(lab, &[], decode, |_| (), |_| ()).expect("it serves");
        exchange(&client(lab), b"hello");
        let from = service.lines().len();
        Monitor::open(&path).expect("QEMU listens").command("nmi").expect("it is a command");
        let wait = |start: &str, limit| {
            service
                .wait_for_line(from, limit, |line| line.starts_with(start))
                .unwrap_or_else(|| panic!("no {start}: {:#?}", service.lines()))
        };
        wait("exception 2: non-maskable interrupt: ", SAID_WITHIN);
        wait("rip ", FOUND_WITHIN);
        wait("  at ", SAID_WITHIN);
        wait("stack ", SAID_WITHIN);
        // Whatever it does: the loop, and the first function.
        wait("  at rt/src/runtime.rs:", SAID_WITHIN);
        wait("  at rt-pvh/src/boot.rs:", SAID_WITHIN);
        exchange(&client(lab), b"it goes on");
    });
}
