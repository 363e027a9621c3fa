//! What the tasks of a program do.

use std::{net::SocketAddr, time::Duration};

use embassy_futures::select::{Either3, select3};
use rt_regions::{Exhausted, RegionVec};
use tasks::{Pace, TaskError, TaskRef, Tasks, yield_now};
use udp::{BindError, Failure, Socket, Sockets};

use super::{Tower, UPSTREAM};

const MILLI: Duration = Duration::from_millis(1);

/// The longest that a service waits by itself.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(1_000);

/// How many services there are of each sort.
pub(super) const SOCKET_SERVICES: usize = 6;
pub(super) const EACH_SERVICES: usize = 5;
pub(super) const PLAIN_TASKS: usize = 7;

/// Starts a task with a port. `n` says how long, how much or how often.
pub(super) fn spawn(tower: &mut Tower, port: u16, kind: usize, n: u8) -> Result<(), BindError> {
    let (time, size) = (MILLI * u32::from(n), usize::from(n) * 64);
    let bound = match kind {
        0 => tower.spawn(port, async |socket, region| {
            let mut room = region.child("room");
            loop {
                let request = socket.receive(&room).await;
                socket.reply(&request, Ok(request.payload())).await;
                room.reset();
            }
        }),
        // Its region becomes full.
        1 => tower.spawn(port, async |socket, region| {
            loop {
                let request = socket.receive(region).await;
                socket.reply(&request, Ok(request.payload())).await;
            }
        }),
        2 => tower.spawn(port, async move |socket, region| {
            socket.sleep(time).await;
            for _ in 0..n % 4 {
                socket.send_to(UPSTREAM, &region.alloc_slice_with(size, |_| n)?[..]).await?;
            }
            Err(TaskError::new("it ends with an error"))
        }),
        3 => tower.spawn(port, async move |socket, region| {
            let mut room = region.child("room");
            loop {
                let sleep = socket.sleep(time + MILLI);
                match select3(socket.receive(&room), socket.failure(), sleep).await {
                    Either3::First(request) => socket.send_to(request.source(), b"heard").await?,
                    Either3::Second(error) => Err(error)?,
                    Either3::Third(()) => yield_now().await,
                }
                room.reset();
            }
        }),
        4 => tower.spawn(port, async move |socket, region| {
            let mut room = region.child("room");
            loop {
                let request = socket.receive(&room).await;
                let answer = socket.ask(UPSTREAM, request.payload(), time, &room).await;
                let reply = answer.map_err(|_| Failure::Refused("no answer"));
                socket.reply(&request, reply).await;
                room.reset();
            }
        }),
        // Takes one request, and its port is free.
        _ => tower.spawn(port, async move |socket, region| {
            let request = socket.receive(region).await;
            for _ in 0..n {
                socket.reply(&request, Ok(b"again and again")).await;
            }
            Ok(())
        }),
    };
    let mut bound = bound?;
    if n & 1 == 1 {
        bound.answer_any_port();
    }
    if n & 2 == 2 {
        bound.answer_broadcasts();
    }
    Ok(())
}

/// Starts a service that has a task for each request. What these keep stays for ever, so they have no captures but what
/// tells them apart.
pub(super) fn spawn_each(
    tower: &mut Tower,
    port: u16,
    kind: usize,
    n: u8,
) -> Result<(), BindError> {
    let (limit, sockets) = (1 + usize::from(n % 8), tower.sockets());
    let time = MILLI * u32::from(n);
    let bound = match kind {
        0 => tower.spawn_each(port, limit, async |request, region| {
            let copy = region.child("room").alloc_slice(request)?.len();
            Ok(&*region.alloc_slice_with(copy, |i| request[i])?)
        }),
        1 => tower.spawn_each(port, limit, async move |request, region| {
            let answer = sockets.ask(UPSTREAM, request, time, region).await;
            answer.map_err(|_| Failure::Refused("no answer"))
        }),
        2 => tower.spawn_each(port, limit, async move |request, _| {
            sockets.tasks().sleep(time).await;
            Ok(request)
        }),
        3 => tower.spawn_each(port, limit, async move |request, region| {
            let mut pace = Pace::new(1 + usize::from(n % 16));
            let mut bytes = RegionVec::new(region);
            for _ in 0..n {
                bytes.extend_from_slice(request)?;
                pace.spend(1).await;
            }
            Ok(&*bytes.into_slice())
        }),
        _ => tower.spawn_each_datagram(port, limit, async move |datagram, region| {
            region.alloc([0_u8; 3 * 4096])?;
            match n % 4 {
                0 => Err(Failure::Silent),
                1 => Err(Failure::Deferred),
                2 => Err(Failure::Refused("no")),
                _ => Ok(datagram.options()),
            }
        }),
    };
    bound.map(drop)
}

/// When it is dropped, starts another task, and opens and closes a socket.
struct Successor(&'static Sockets);

impl Drop for Successor {
    fn drop(&mut self) {
        let (sockets, tasks) = (self.0, self.0.tasks());
        let _ = sockets.open_any();
        let _ = tasks.spawn("successor", async move |_| {
            tasks.sleep(MILLI).await;
            Ok(())
        });
        if let Some(current) = tasks.current() {
            tasks.wake(current);
        }
    }
}

/// Starts a task without a port. `other` is a task that it may cancel or wake.
pub(super) fn spawn_plain(
    sockets: &'static Sockets,
    kind: usize,
    n: u8,
    other: Option<TaskRef>,
) -> Option<TaskRef> {
    let (tasks, time): (&'static Tasks, _) = (sockets.tasks(), MILLI * u32::from(n));
    let spawned = match kind {
        0 => tasks.spawn("sleeps", async move |_| {
            tasks.sleep(time).await;
            Ok(())
        }),
        1 => tasks.spawn("computes", async move |_| {
            for _ in 0..n {
                yield_now().await;
            }
            Ok(())
        }),
        2 => tasks.spawn("takes", async move |region| {
            region.alloc_slice_with(usize::from(n) * 512, |_| n)?;
            tasks.sleep(LONGEST_WAIT).await;
            Ok(())
        }),
        3 => tasks.spawn("asks", async move |region| {
            sockets.ask(UPSTREAM, &[n], time, region).await?;
            Ok(())
        }),
        4 => tasks.spawn("disturbs", async move |_| {
            let _successor = Successor(sockets);
            tasks.sleep(time / 8).await;
            if let Some(other) = other.or(tasks.current()) {
                if n & 1 == 1 { tasks.cancel(other) } else { tasks.wake(other) }
            }
            yield_now().await;
            Ok(())
        }),
        5 => tasks.spawn("opens", async move |_| {
            let sockets = [sockets.open_any()?, sockets.open_any()?];
            tasks.sleep(time).await;
            for socket in &sockets {
                socket.send_to(SocketAddr::new(super::NOWHERE, n.into()), b"lost").await?;
            }
            socket_is_told(&sockets[0]).await;
            Ok(())
        }),
        _ => tasks.spawn("floods", async move |region| {
            let socket = sockets.open_any()?;
            let bytes: Result<&mut [u8], Exhausted> =
                region.alloc_slice_with(usize::from(n) * 32, |_| n);
            for _ in 0..n {
                socket.send_to(UPSTREAM, bytes.as_deref().unwrap_or_default()).await?;
            }
            Ok(())
        }),
    };
    spawned.ok()
}

/// Waits until a socket hears of its datagram, or not for long.
async fn socket_is_told(socket: &Socket) {
    let sleep = socket.sleep(10 * MILLI);
    embassy_futures::select::select(socket.failure(), sleep).await;
}
