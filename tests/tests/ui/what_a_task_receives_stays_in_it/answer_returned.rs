use std::{net::SocketAddr, time::Duration};

use network::Network;
use udp::{BindError, Failure, Sockets, Udp};

fn serve<I: Network>(
    udp: &mut Udp<'static, I, &'static Sockets>,
    upstream: SocketAddr,
) -> Result<(), BindError> {
    let sockets = udp.sockets();
    udp.spawn_each(53, 4, async move |request, region| {
        let room = region.child("answer");
        let answer = sockets.ask(upstream, request, Duration::from_secs(1), &room).await;
        answer.map_err(|_| Failure::Silent)
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
