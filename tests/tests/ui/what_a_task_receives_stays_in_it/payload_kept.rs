use std::cell::Cell;

use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(
    udp: &mut Udp<'static, I, &'static Sockets>,
    kept: &'static Cell<&'static [u8]>,
) -> Result<(), BindError> {
    udp.spawn(53, async move |socket, region| {
        let request = socket.receive(region).await;
        kept.set(request.payload());
        Ok(())
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
