//! What is asked where no request is given.

/// The request that a service is profiled with; none if nothing is known of that service.
pub(crate) fn usual(app: &str) -> Option<Vec<u8>> {
    match app {
        "echo" | "sort" => Some(numbers()),
        "facfib" => Some(b"1000".to_vec()),
        "kv" => Some(b"setex key 60 value".to_vec()),
        "monte-carlo" => Some(b"3650".to_vec()),
        _ => None,
    }
}

/// 10,000 numbers below 100 in no order: 797 of one digit, 9,203 of two, in 29,202 bytes, which
/// come in 20 fragments.
fn numbers() -> Vec<u8> {
    let mut state = 2024_u64;
    let numbers = (0..10_000_u64).map(|number| {
        // Knuth's linear congruential generator; its upper half is good enough.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        // 797 times in 10,000, evenly spread, a multiple of 797 goes over a multiple of 10,000.
        if number * 797 % 10_000 < 797 { random % 10 } else { 10 + random % 90 }
    });
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_experiment() {
        let request = usual("sort").unwrap();
        assert_eq!(request.len(), 29_202);
        assert_eq!(request.split(|byte| *byte == b' ').count(), 10_000);
        // With the UDP header, in fragments of 1480 bytes.
        assert_eq!((request.len() + 8).div_ceil(1480), 20);
    }

    #[test]
    fn every_service_has_a_request() {
        // A request is a datagram to port 8080.
        let elsewhere = ["dns", "iperf3", "web"];
        let apps = lab::cargo::apps().unwrap().into_iter();
        for app in apps.filter(|app| !elsewhere.contains(&&**app)) {
            assert!(usual(&app).is_some(), "{app}");
        }
    }
}
