//! The page of a program in memory, to look at: `cargo run -p letregion-page --example demo`, then open the address that it
//! prints. So one works on the page without a network.

#[path = "../tests/mock/mod.rs"]
mod mock;

use std::{env, io, net::TcpListener, time::Duration};

fn main() -> io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(9090);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("open http://{}", listener.local_addr()?);
    let mut mock = mock::Mock::new(24);
    // So that there is something to see.
    mock.run(Duration::from_secs(300));
    mock.serve(&listener, || false)
}
