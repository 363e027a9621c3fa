use ethernet::Ethernet;
use netif_xen::Netfront;
use rt::{Error, Runtime};
use rt_xen::Domain;

fn on_linux(rt: &mut rt_unix::Rt, netfront: Netfront<&'static Domain>) -> Result<(), Error> {
    rt.run(Ethernet::new(netfront))
}

fn main() {
    let _ = on_linux;
}
