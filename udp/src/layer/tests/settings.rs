//! What a tower that stands is told, and what it says of itself.

use std::string::String;

use super::*;

fn described(udp: &Udp<'_, FakeNetwork>) -> String {
    format!("{}", fmt::from_fn(|f| udp.describe(f)))
}

#[test]
fn clients_and_counters_are_settings() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        let mut setup = Setup::default();
        setup.clients = "10.0.0.9/32".parse().ok();
        udp.configure(&mut setup);
        assert_eq!(setup, Setup::default());
        receive(&mut udp, region, packet(&REQUEST));
        assert_eq!((udp.stats().not_allowed, udp.stats().datagrams_rx), (1, 0));

        setup.counters_from = own();
        setup.counters_port = Some(8080);
        udp.configure(&mut setup);
        let taken = Some("a service is bound to it");
        assert_eq!((setup.counters_port, setup.refusal()), (Some(8080), taken));
        setup.counters_port = Some(9100);
        udp.configure(&mut setup);
        assert_eq!(setup.counters_port, None);
        assert!(udp.bind(9100, |request, _region| Ok(request)).is_err());
        // The rest is for the layers below.
        setup.probe_at_start = true;
        udp.configure(&mut setup);
        assert!(setup.probe_at_start);
    });
}

#[test]
fn it_says_which_ports_answer() {
    with_layer(|mut udp, _| {
        assert_eq!(described(&udp), " at the fake");
        udp.serve_counters(Some(9100), own()).unwrap();
        assert_eq!(described(&udp), " counters 9100 at the fake");
        for port in [8081, 8080] {
            udp.bind(port, |request, _region| Ok(request)).unwrap();
        }
        assert_eq!(described(&udp), " udp 8080 8081 counters 9100 at the fake");
        udp.serve_counters(None, own()).unwrap();
        assert_eq!(described(&udp), " udp 8080 8081 at the fake");
    });
}
