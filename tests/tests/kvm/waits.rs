//! How a guest waits.

use std::{
    fs,
    net::UdpSocket,
    thread::sleep,
    time::{Duration, Instant},
};

use lab::Lab;

use super::support::{client, exchange, with_echo};

/// How many requests are timed in a round, and how many rounds there are. The best one counts: a busy machine delays some.
const REQUESTS: usize = 20;
const ROUNDS: usize = 3;
/// What half of the requests do not take on a machine with other work. A guest whose device interrupts on another line
/// than it has routed answers when its timer runs out: after 100 ms, or never.
const ENOUGH: Duration = Duration::from_millis(20);

/// How long a guest has nothing to do, and the most processor time that QEMU may take meanwhile: 5 %.
pub(crate) const IDLE: Duration = Duration::from_secs(5);
pub(crate) const MOST: Duration = Duration::from_millis(250);
/// How long a tick of `/proc` is (`CLK_TCK`, which is 100 on Linux).
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn an_interrupt_ends_the_sleep() {
    with_echo(|lab, _| interrupts_end_the_sleep(lab));
}

/// The device of echo, which serves, ends the sleep of the guest.
pub(crate) fn interrupts_end_the_sleep(lab: &Lab) {
    let client = client(lab);
    exchange(&client, b"who has this address");
    let mut medians: Vec<_> = (0..ROUNDS).map(|_| median(&client)).collect();
    println!("a request takes {medians:?} (median of {REQUESTS}, {ROUNDS} times)");
    medians.sort();
    assert!(medians[0] < ENOUGH, "{medians:?}");
}

/// How long a request takes to a guest that sleeps.
fn median(client: &UdpSocket) -> Duration {
    let mut times: Vec<_> = (0..REQUESTS)
        .map(|_| {
            // It sleeps again.
            sleep(Duration::from_millis(30));
            let start = Instant::now();
            exchange(client, &[b'x'; 64]);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[REQUESTS / 2]
}

pub(crate) fn an_idle_guest_takes_no_processor_time() {
    with_echo(|lab, service| {
        exchange(&client(lab), b"hello");
        sleep(Duration::from_millis(500));
        let before = processor_time(service.id());
        sleep(IDLE);
        let taken = processor_time(service.id()) - before;
        println!("QEMU took {taken:?} of {IDLE:?}");
        assert!(taken < MOST, "QEMU took {taken:?} of {IDLE:?}");
        exchange(&client(lab), b"it was only asleep");
    });
}

/// The processor time of all threads of a process.
pub(crate) fn processor_time(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in brackets");
    // From the state on, which is the third field: utime and stime are the 14th and the 15th.
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>());
    ticks.map(|ticks| TICK * ticks.expect("a number of ticks")).sum()
}
