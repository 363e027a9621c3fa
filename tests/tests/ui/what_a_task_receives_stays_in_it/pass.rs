use std::{cell::Cell, net::SocketAddr, time::Duration};

use network::Network;
use udp::{BindError, Failure, Sockets, Udp};

fn serve<I: Network>(
    udp: &mut Udp<'static, I, &'static Sockets>,
    upstream: SocketAddr,
    longest: &'static Cell<usize>,
) -> Result<(), BindError> {
    let sockets = udp.sockets();
    udp.spawn(53, async move |socket, region| {
        let mut room = region.child("request");
        let number = region.alloc(7)?;
        loop {
            let request = socket.receive(&room).await;
            longest.set(longest.get().max(request.payload().len() + *number));
            socket.reply(&request, Ok(request.payload())).await;
            room.reset();
        }
    })?;
    // A reply may be what was received, the request, or what lies in the region of the task.
    udp.spawn_each(54, 4, async move |request, region| {
        if request.is_empty() {
            return Ok(request);
        }
        let answer = sockets.ask(upstream, request, Duration::from_secs(1), region).await;
        answer.map_err(|_| Failure::Silent)
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
