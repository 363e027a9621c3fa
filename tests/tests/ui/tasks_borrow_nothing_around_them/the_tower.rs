use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(udp: &mut Udp<'static, I, &'static Sockets>) -> Result<(), BindError> {
    let tasks = udp.sockets().tasks();
    tasks.spawn("closes a port", async move |_| {
        udp.unbind(8080);
        Ok(())
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
