use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(udp: &'static mut Udp<'static, I, &'static Sockets>) -> Result<(), BindError> {
    udp.spawn(53, async |socket, region| {
        socket.receive(region).await;
        udp.unbind(8080);
        Ok(())
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
