//! The work of a service that is a task: the same echo as a task for each request, and as one task with a socket.
//!
//! A program of its own, because a service that is a function stands on a tower without tasks, and the compiler puts
//! together what only one tower uses.

#![forbid(unsafe_code)]

use std::{cell::Cell, hint::black_box, mem::MaybeUninit, rc::Rc};

use anyhow::{Result, ensure};
use arp::Arp;
use bench::{CLIENT, Cable, Figure, SERVER, Visit, frames};
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Instant, Layer};
use rt_regions::{PAGE_SIZE, Pool, Region};
use tasks::{PollTasks, Tasks};
use udp::{Sockets, Udp};

/// Pages of the pool, which is never given back.
const PAGES: usize = 1024;
const PORT: u16 = 8080;
const NOW: Instant = Instant::ZERO;

type Stack = Udp<'static, Icmp<Ipv4<'static, Arp<'static, Ethernet<Cable>>>>, &'static Sockets>;

fn main() -> Result<()> {
    bench::counted(|visit| {
        for (each, socket, size) in
            [("tasks 64", "socket 64", 64), ("tasks 1400", "socket 1400", 1400)]
        {
            let figure = Figure { scenario: each, layer: "one a request" };
            echo(visit, figure, size, |udp| {
                udp.spawn_each(PORT, 16, async |request, region| {
                    Ok(&*region.alloc_slice(request)?)
                })?;
                Ok(())
            })?;
            let figure = Figure { scenario: socket, layer: "one task" };
            echo(visit, figure, size, |udp| {
                udp.spawn(PORT, async |socket, region| {
                    let mut room = region.child("request");
                    loop {
                        let request = socket.receive(&room).await;
                        socket.reply(&request, Ok(request.payload())).await;
                        room.reset();
                    }
                })?;
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// Takes a datagram of `size` bytes in and sends it back.
fn echo(
    visit: &mut Visit<'_>,
    figure: Figure,
    size: usize,
    bind: impl FnOnce(&mut Stack) -> Result<()>,
) -> Result<()> {
    let sent: Rc<Cell<u64>> = Rc::default();
    let incoming = frames(CLIENT, 4000, SERVER, PORT, size)?;
    let buffer = vec![MaybeUninit::uninit(); PAGES * PAGE_SIZE].leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(buffer)));
    let memory: &'static Region<'static> = Box::leak(Box::new(Region::new(pool, "global")));
    let tasks = Tasks::new(memory)?;
    let ethernet = Ethernet::new(Cable::new(SERVER.mac, &incoming, &sent));
    let mut arp = Arp::new(ethernet, SERVER.cidr()?, 7, memory)?;
    arp.insert_static(CLIENT.ipv4, CLIENT.mac)?;
    let icmp = Icmp::new(Ipv4::new(arp, 7, memory)?, 7);
    let mut tower = Udp::new(icmp, 7, memory)?.with_tasks(tasks)?;
    bind(&mut tower)?;
    let (mut packet, mut all) = (Region::new(pool, "packet"), 0);
    tasks.run(NOW, &mut |line| eprintln!("{line}"));
    visit(figure, &mut |times| {
        all += u64::from(times);
        // A turn sends what the task of the turn before it has left.
        for _ in 0..times {
            packet.reset();
            let Ok(item) = tower.receive(NOW, &packet);
            black_box(item.item());
            tasks.run(NOW, &mut |line| eprintln!("{line}"));
        }
    })?;
    let sent = sent.get();
    ensure!(sent.abs_diff(all) <= 8, "{figure:?}: {sent} frames sent for {all}");
    Ok(())
}
