//! One image for Xen and KVM, on KVM: on Xen it is tested with the services there.

use lab::cargo::{Build, Platform, Profile};

use super::{
    support::{client, exchange, guest, on_each_machine},
    waits::interrupts_end_the_sleep,
};
use crate::built::built;

pub(crate) fn serves_wherever_it_is() {
    let build = Build::new(Platform::Guest, Profile::Guest);
    let image = built("echo", &build);
    on_each_machine(|lab, machine| {
        let service = guest(machine, &image, 2).start(lab, &[], |_| ());
        let service = service.unwrap_or_else(|error| panic!("{machine:?}: {error:#}"));
        let client = client(lab);
        for request in [&b"which one is it"[..], &[], &[7; 65_507]] {
            exchange(&client, request);
        }
        interrupts_end_the_sleep(lab);
        let lines = service.lines();
        assert!(lines.iter().any(|line| line.starts_with("host ")), "{lines:?}");
        service.stop().expect("QEMU ends");
    });
}
