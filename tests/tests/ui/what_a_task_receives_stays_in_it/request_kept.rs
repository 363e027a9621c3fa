use std::cell::Cell;

use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(
    udp: &mut Udp<'static, I, &'static Sockets>,
    kept: &'static Cell<&'static [u8]>,
) -> Result<(), BindError> {
    udp.spawn_each(8080, 4, async move |request, _region| {
        kept.set(request);
        Ok(request)
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
