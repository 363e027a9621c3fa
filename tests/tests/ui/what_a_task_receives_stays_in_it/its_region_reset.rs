use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(udp: &mut Udp<'static, I, &'static Sockets>) -> Result<(), BindError> {
    udp.spawn(53, async |socket, region| {
        loop {
            let length = socket.receive(region).await.payload().len();
            assert!(length < 65_508);
            region.reset();
        }
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
