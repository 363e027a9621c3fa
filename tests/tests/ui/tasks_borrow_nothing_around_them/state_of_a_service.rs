use network::Network;
use udp::{BindError, Sockets, Udp};

fn serve<I: Network>(udp: &mut Udp<'static, I, &'static Sockets>) -> Result<(), BindError> {
    let mut count = 0_u64;
    udp.spawn_each(8080, 4, async move |_request, region| {
        count += 1;
        Ok(region.format(format_args!("{count}"))?.as_bytes())
    })?;
    Ok(())
}

fn main() {
    let _ = serve::<testkit::FakeNetwork>;
}
