//! The server of Linux as a program: `transfer --ipv4=10.0.0.3/24 --congestion-control=cubic`. Other arguments of a
//! service (`--interface`, `--ipv4-gateway`) are taken and of no use here.

#![forbid(unsafe_code)]

use std::{env, net::Ipv4Addr, thread};

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let (mut address, mut congestion_control) = (Ipv4Addr::UNSPECIFIED, "cubic".to_owned());
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--ipv4", value)) => {
                let text = value.split('/').next().unwrap_or_default();
                address = text.parse().with_context(|| format!("--ipv4={value}"))?;
            }
            Some(("--congestion-control", value)) => congestion_control = value.to_owned(),
            Some(("--interface" | "--ipv4-gateway", _)) => {}
            _ => bail!("{argument}: expected --ipv4=ADDRESS/PREFIX or --congestion-control=NAME"),
        }
    }
    transfer::serve(address, &congestion_control)?;
    eprintln!("serving");
    loop {
        thread::park();
    }
}
