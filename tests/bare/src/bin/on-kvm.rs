//! Says where it is, does what its arguments say, and ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use rt_kvm::{Error, Event, Rt, Runtime as _};

rt_kvm::main!(on_kvm);

fn on_kvm(rt: &mut Rt) -> Result<(), Error> {
    let mut number = 0;
    loop {
        let next = rt.args().nth(number);
        let Some(argument) = next else { return Ok(()) };
        number += 1;
        rt.print(format_args!("argument {argument}"));
        match argument {
            "--refuse" => return Err(Error::new(2, "--refuse: unknown")),
            "--break" => return Err(Error::new(1, "the device is broken")),
            "--panic" => panic!("on purpose"),
            "--clock" => clock(rt)?,
            "--sleep" => sleep(rt)?,
            _ => {}
        }
    }
}

/// Says the time of day, and its own at the beginning and at the end of two seconds.
fn clock(rt: &mut Rt) -> Result<(), Error> {
    match rt.wall_time() {
        Some(time) => rt.print(format_args!("time of day {}", time.as_secs())),
        None => rt.print(format_args!("no time of day")),
    }
    let begin = rt.now();
    rt.print(format_args!("begin {}", begin.as_nanos()));
    let end = begin + Duration::from_secs(2);
    while rt.now() < end {
        rt.wait(&Event, Some(end))?;
    }
    rt.print(format_args!("end {}", rt.now().as_nanos()));
    Ok(())
}

/// Sleeps a thousand times so shortly that the timer has run out before the processor stops, and twenty times for 5 ms.
/// Says how long the longest of each took.
fn sleep(rt: &mut Rt) -> Result<(), Error> {
    for (count, nanos) in [(1000, 1), (1000, 1000), (20, 5_000_000)] {
        let mut longest = 0;
        for _ in 0..count {
            let begin = rt.now();
            let deadline = begin + Duration::from_nanos(nanos);
            while rt.now() < deadline {
                rt.wait(&Event, Some(deadline))?;
            }
            longest = longest.max(rt.now().as_nanos() - begin.as_nanos());
        }
        rt.print(format_args!("slept {count} times for {nanos} ns, at most {longest}"));
    }
    Ok(())
}
