use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(udp: &mut Udp<'static, I, &'static Sockets>) -> Result<(), BindError> {
    udp.spawn(53, async |socket, region| {
        let mut room = region.child("request");
        let request = socket.receive(&room).await;
        room.reset();
        socket.reply(&request, Ok(request.payload())).await;
        Ok(())
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
