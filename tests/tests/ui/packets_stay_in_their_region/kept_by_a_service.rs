use network::Network;
use udp::Udp;

fn bind<'g, I: Network>(udp: &mut Udp<'g, I>) {
    let mut last: &'g [u8] = &[];
    let _ = udp.bind(8080, move |request, _region| {
        let reply = last;
        last = request;
        Ok(reply)
    });
}

fn main() {
    let _ = bind::<icmp::Icmp<ipv4::Ipv4<'_, arp::Arp<'_, ethernet::Ethernet<testkit::End>>>>>;
}
