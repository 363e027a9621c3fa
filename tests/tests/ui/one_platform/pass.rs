use ethernet::Ethernet;
use rt::{Config, Error, Runtime};

fn on_linux(rt: &mut rt_unix::Rt, config: &Config) -> Result<(), Error> {
    let link = Ethernet::new(netif_tap::Tap::open(rt, config)?);
    rt.run(link)
}

fn on_xen(rt: &mut rt_xen::Rt, config: &Config) -> Result<(), Error> {
    let link = Ethernet::new(netif_xen::Netfront::open(rt, config)?);
    rt.run(link)
}

fn main() {
    let _ = (on_linux, on_xen);
}
