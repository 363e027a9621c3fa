//! The work of several cores on one queue: a message through a ring, and frames that the first core passes on or sends for another.
//!
//! Both cores are on one thread here, so what is counted is what they execute, and not what their caches do.

#![forbid(unsafe_code)]

use std::{cell::Cell, hint::black_box, rc::Rc};

use anyhow::{Context, Result, ensure};
use bench::{CLIENT, Cable, Figure, Frames, SERVER, Visit, frames};
use cores::{Channel, Core, Cores, Doorbell, Sizes, Spread};
use layer::{Payload, Rx, TxOffload};
use netif::Netif;
use rt_regions::Region;
use steer::Steer;
use testkit::{program_memory, with_pool};

const PORT: u16 = 8080;
/// The secret of the cores.
const SEED: u128 = 7;

/// Nobody sleeps.
struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self, _: usize) {}
}

/// Two cores.
fn cores() -> Result<[Core; 2]> {
    let sizes = Sizes::within(64 << 20, 2).with_wire(64 << 20, 2);
    let cores = Cores::new(program_memory(1024), 2, SEED, sizes, &NoBell)?;
    Ok([Core::join(cores, 0, program_memory(16))?, Core::join(cores, 1, program_memory(16))?])
}

/// A message of `size` bytes is sent, and copied out.
fn hop(visit: &mut Visit<'_>, scenario: &'static str, size: usize) -> Result<()> {
    let [first, other] = cores()?;
    let (message, mut out) = (vec![7; size], vec![0; size]);
    let mut lost = 0;
    visit(Figure { scenario, layer: "one hop" }, &mut |times| {
        for _ in 0..times {
            let is_sent = first.send(1, Channel::Messages, 1, &black_box(&message[..]));
            let Some((_, message)) = other.receive(Channel::Messages) else {
                lost += 1;
                continue;
            };
            message.copy_to(black_box(&mut out));
            lost += u32::from(!is_sent);
        }
    })?;
    ensure!(lost == 0, "{lost} messages lost");
    Ok(())
}

/// The frame of a datagram of `size` bytes that is for this core.
fn frame_for(core: usize, size: usize) -> Result<Frames> {
    let spread = Spread::new(SEED, 2);
    for port in 4000.. {
        let frames = frames(CLIENT, port, SERVER, PORT, size)?;
        if frames.iter().all(|frame| spread.core_of(frame) == core) {
            return Ok(frames);
        }
    }
    unreachable!("one of two ports is for each core")
}

/// The interfaces of two cores, at the first of which these frames arrive.
fn steers(incoming: &Frames, sent: &Rc<Cell<u64>>) -> Result<[Steer<Cable>; 2]> {
    let [first, other] = cores()?;
    let cable = Cable::new(SERVER.mac, incoming, sent);
    Ok([Steer::first(cable, first)?, Steer::other(other, (), None)?])
}

/// Whether a frame was received.
fn receive(steer: &mut Steer<Cable>, packet: &mut Region<'_>) -> bool {
    packet.reset();
    let Ok(received) = steer.receive(packet);
    matches!(black_box(received), Rx::Item(_))
}

fn main() -> Result<()> {
    bench::counted(|visit| {
        hop(visit, "message of 64", 64)?;
        hop(visit, "message of 1400", 1400)?;
        with_pool(64, |pool| {
            let (mut packet, mut other_packet) =
                (Region::new(pool, "packet"), Region::new(pool, "packet"));
            let sent = Rc::default();
            for (kept, passed, answered, size) in [
                ("kept 64", "passed on 64", "sent for another 64", 64),
                ("kept 1400", "passed on 1400", "sent for another 1400", 1400),
            ] {
                let mut lost = 0;
                let [mut first, _] = steers(&frame_for(0, size)?, &sent)?;
                visit(Figure { scenario: kept, layer: "one frame" }, &mut |times| {
                    for _ in 0..times {
                        lost += u32::from(!receive(&mut first, &mut packet));
                    }
                })?;
                let incoming = frame_for(1, size)?;
                let frame = incoming.first().context("a datagram has a frame")?.clone();
                let [mut first, mut other] = steers(&incoming, &sent)?;
                visit(Figure { scenario: passed, layer: "one frame" }, &mut |times| {
                    for _ in 0..times {
                        receive(&mut first, &mut packet);
                        lost += u32::from(!receive(&mut other, &mut other_packet));
                    }
                })?;
                let [mut first, mut other] = steers(&Vec::new().into(), &sent)?;
                let before = sent.get();
                let mut all = 0;
                visit(Figure { scenario: answered, layer: "one frame" }, &mut |times| {
                    all += u64::from(times);
                    for _ in 0..times {
                        let (header, payload) = frame.split_at(42);
                        let frame: &dyn Payload = &(header, payload);
                        let Ok(()) = other.transmit(frame, TxOffload::NONE);
                        receive(&mut first, &mut packet);
                    }
                })?;
                let sent = sent.get() - before;
                ensure!(lost == 0 && sent == all, "{lost} lost, {sent} of {all} sent");
            }
            Ok(())
        })
    })
}
