//! With how little memory each service serves, which is measured when it is asked for (`--ignored`): QEMU takes KiB.

use std::{
    net::UdpSocket,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Network,
    kvm::{Guest, Machine},
};
use tests::{Exchange, exchanges};

use super::support::{MACHINES, guest, image};

/// What it is looked for in: with the first it is too little, with the last it is enough, in KiB. The first 1,024 are those below
/// 1 MiB, of which most hold the program.
const STEP: u32 = 32;
const TOO_LITTLE: u32 = 1024;
const ENOUGH: u32 = 4096;
/// How long a guest may take until it answers, until it has answered what is asked next, and until it is asked again.
const STARTED_WITHIN: Duration = Duration::from_secs(6);
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(400);
/// How often the same is asked in a row at most.
const MOST_TIMES: usize = 3;

/// The whole table of requests, 65,507 bytes to echo among them, with as little as it takes.
pub(crate) fn with_which_each_serves() {
    for app in tests::apps() {
        let image = image(app);
        thread::scope(|scope| {
            let least = MACHINES.map(|machine| {
                let image = &image;
                (machine, scope.spawn(move || least(app, machine, image)))
            });
            for (machine, least) in least {
                println!("{app} on {}: {} KiB", machine.name(), least.join().expect("it is found"));
            }
        });
    }
}

fn least(app: &str, machine: Machine, image: &Path) -> u32 {
    let (mut too_little, mut enough) = (TOO_LITTLE, ENOUGH);
    assert!(serves(app, machine, image, enough), "{app} does not serve with {enough} KiB");
    while enough - too_little > STEP {
        let kib = u32::midpoint(too_little, enough);
        *(if serves(app, machine, image, kib) { &mut enough } else { &mut too_little }) = kib;
    }
    enough
}

/// A guest that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serves(app: &str, machine: Machine, image: &Path, kib: u32) -> bool {
    lab::in_namespace(Network::default(), |lab| {
        let guest = Guest { memory_kib: kib.into(), ..guest(machine, image, 0) };
        let mut command = guest.command(lab, &[]).expect("none can be given");
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _running = Running(quiet.spawn().expect("QEMU can be started"));
        let mut table = exchanges().into_iter().filter(|exchange| exchange.app == app);
        let mut limit = Instant::now() + STARTED_WITHIN;
        table.all(|exchange| {
            let socket = lab.connect(exchange.port).expect("a socket");
            socket.set_read_timeout(Some(ASKED_AGAIN_AFTER)).expect("it takes a limit");
            let times = exchange.times.min(MOST_TIMES);
            let is_served = (0..times).all(|_| is_answered(&socket, &exchange, limit));
            limit = Instant::now() + ANSWERED_WITHIN;
            is_served
        })
    })
    .unwrap_or_else(|error| panic!("{error:#}"))
}

/// Whether a request is answered as it should be; it is sent again until then.
fn is_answered(socket: &UdpSocket, exchange: &Exchange, limit: Instant) -> bool {
    let mut reply = vec![0; 70_000];
    while Instant::now() < limit {
        // Until the guest serves, there is no interface.
        if socket.send(&exchange.request).is_err() {
            thread::sleep(Duration::from_millis(20));
        } else if let Ok(length) = socket.recv(&mut reply) {
            return exchange.reply.is(&reply[..length]);
        }
    }
    false
}
