use ethernet::Ethernet;
use rt::{Config, Error, Runtime};

fn on_xen(rt: &mut rt_xen::Rt, config: &Config) -> Result<(), Error> {
    let link = Ethernet::new(netif_tap::Tap::open(rt, config)?);
    rt.run(link)
}

fn main() {
    let _ = on_xen;
}
