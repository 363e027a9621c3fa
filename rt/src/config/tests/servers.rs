//! The arguments that name servers.

use super::*;

#[cfg(feature = "dns")]
#[test]
fn servers_of_names_are_read_and_bad_ones_are_named() {
    assert_eq!(read(&[]).unwrap().dns, None);
    let servers = "192.0.2.1,192.0.2.2:5353";
    assert_eq!(read(&["--dns", servers]).unwrap().dns, servers.parse().ok());
    for argument in ["--dns=", "--dns=x", "--dns=192.0.2.1,", "--dns=0.0.0.0", "--dns=192.0.2.1:0"]
    {
        let words = "expected 1 to 4 addresses of servers: 192.0.2.1,192.0.2.2";
        assert_eq!(refusal(&[argument]), std::format!("{argument}: {words}"));
    }
}

#[cfg(feature = "ntp")]
#[test]
fn servers_of_the_time_are_read_and_bad_ones_are_named() {
    assert_eq!(read(&[]).unwrap().ntp, None);
    let servers = read(&["--ntp=192.0.2.1,192.0.2.2"]).unwrap().ntp.unwrap();
    assert_eq!(*servers, ["192.0.2.1:123", "192.0.2.2:123"].map(|text| text.parse().unwrap()));
    let words = "--ntp=pool.example: expected 1 to 4 addresses of servers: 192.0.2.1,192.0.2.2";
    assert_eq!(refusal(&["--ntp=pool.example"]), words);
}
