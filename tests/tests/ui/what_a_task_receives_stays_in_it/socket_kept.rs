use std::cell::Cell;

use network::Network;
use udp::{BindError, Socket, Sockets, Udp};

fn serve<I: Network>(
    udp: &mut Udp<'static, I, &'static Sockets>,
    kept: &'static Cell<Option<&'static Socket>>,
) -> Result<(), BindError> {
    udp.spawn(53, async move |socket, _region| {
        kept.set(Some(socket));
        Ok(())
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
