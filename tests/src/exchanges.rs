//! What the services are asked and what they answer: one table for every platform.

use testkit::Random;

/// Pi to 60,000 digits after the point, from two formulas of Machin's kind that agree.
pub const PI: &[u8] = include_bytes!("../tests/data/pi60000.txt");

/// A request to a service and what has to come back.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The service.
    pub app: &'static str,
    /// Its UDP port.
    pub port: u16,
    /// What it is asked.
    pub request: Vec<u8>,
    /// What it answers.
    pub reply: Reply,
    /// How many times in a row.
    pub times: usize,
}

/// What a reply has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// One line that says what is allowed.
    Refusal,
}

impl Reply {
    /// Whether this is what came.
    pub fn is(&self, came: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => came == bytes,
            Self::Refusal => str::from_utf8(came)
                .is_ok_and(|line| line.contains("allowed") && !line.contains('\n')),
        }
    }
}

/// The services that the table asks, in its order.
pub fn apps() -> Vec<&'static str> {
    let mut apps: Vec<_> = exchanges().iter().map(|exchange| exchange.app).collect();
    apps.dedup();
    apps
}

/// What a service is started with so that it answers what the table asks as often as it is asked: `dns` counts
/// what it sends to a network, and asked by one client without a pause it answers a part.
pub fn unlimited(app: &str) -> &'static [&'static str] {
    match app {
        "dns" => &["--rate=0"],
        _ => &[],
    }
}

/// The table, service by service.
pub fn exchanges() -> Vec<Exchange> {
    let mut table = Vec::new();
    echo(&mut table);
    facfib(&mut table);
    sort(&mut table);
    monte_carlo(&mut table);
    kv(&mut table);
    dns(&mut table);
    table
}

/// The shortest request that a service has an answer to, where it is asked once.
///
/// # Panics
/// The table has none of this service.
pub fn shortest(app: &str) -> Exchange {
    let is_it = |one: &Exchange| {
        let answers = matches!(&one.reply, Reply::Bytes(reply) if !reply.is_empty());
        one.app == app && one.times == 1 && !one.request.is_empty() && answers
    };
    let all = exchanges().into_iter().filter(is_it);
    all.min_by_key(|one| one.request.len()).expect("the table asks each of its services")
}

/// Adds what is asked once: `(request, reply)`, and what is refused.
fn add(
    table: &mut Vec<Exchange>,
    app: &'static str,
    port: u16,
    answered: &[(&str, &str)],
    refused: &[&str],
) {
    let once =
        |request: &str, reply| Exchange { app, port, request: request.into(), reply, times: 1 };
    let replies = |(request, reply): &(&str, &str)| once(request, Reply::Bytes((*reply).into()));
    table.extend(answered.iter().map(replies));
    table.extend(refused.iter().map(|request| once(request, Reply::Refusal)));
    // What went before has changed nothing.
    table.extend(answered.iter().take(1).map(replies));
}

fn echo(table: &mut Vec<Exchange>) {
    // 1,472 bytes are the last that fit in a frame, 65,507 the last that fit in a datagram.
    let lengths = [0, 1, 17, 18, 19, 1472, 1473, 4096, 8192, 65_507];
    let noise = |length| Random::new(length as u64).bytes(length);
    let requests = std::iter::once(PI.to_vec()).chain(lengths.map(noise));
    table.extend(requests.map(|request| Exchange {
        app: "echo",
        port: 8080,
        reply: Reply::Bytes(request.clone()),
        request,
        times: 1,
    }));
}

/// What is no number that a service counts to.
const NO_NUMBERS: [&str; 6] = ["", "x", "-1", "1.5", "99999999999999999999", "\0\u{ff}"];

fn facfib(table: &mut Vec<Exchange>) {
    let factorials = [("0", "1"), ("1", "1"), ("20", "2432902008176640000")];
    add(table, "facfib", 8080, &factorials, &NO_NUMBERS);
    let numbers = [("0", "0"), ("1", "1"), ("90", "2880067194370816120")];
    add(table, "facfib", 8081, &numbers, &NO_NUMBERS);
    add(table, "facfib", 8082, &numbers, &NO_NUMBERS);
    table.push(Exchange {
        app: "facfib",
        port: 8081,
        request: "2000".into(),
        reply: Reply::Bytes(fibonacci(2000).into()),
        times: 1000,
    });
}

fn sort(table: &mut Vec<Exchange>) {
    let answered =
        [("2 7 1 8 2 8", "1 2 2 7 8 8"), ("5", "5"), ("", ""), ("-1 +2 -3 004", "-3 -1 2 4")];
    add(table, "sort", 8080, &answered, &["1 x", "1,2", "99999999999999999999"]);
    let mut numbers = numbers();
    let request = join(&numbers);
    numbers.sort_unstable();
    table.push(Exchange {
        app: "sort",
        port: 8080,
        request: request.into(),
        reply: Reply::Bytes(join(&numbers).into()),
        times: 1000,
    });
}

fn monte_carlo(table: &mut Vec<Exchange>) {
    let refused = ["", "x", "0", "-1", "99999999999999999999"];
    add(table, "monte-carlo", 8080, &[("3650", "3.1408219")], &refused);
}

/// Messages of RFC 1035 4.1, about the zone that is in the program.
fn dns(table: &mut Vec<Exchange>) {
    const A: u8 = 1;
    const AAAA: u8 = 28;
    // A header is a number, flags, and how many questions, answers, servers and further records follow.
    let question = |labels: &[&str], kind: u8| {
        let labels =
            labels.iter().flat_map(|label| [&[label.len() as u8][..], label.as_bytes()].concat());
        labels.chain([0, 0, kind, 0, 1]).collect::<Vec<_>>()
    };
    let query = |question: &[u8]| [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], question].concat();
    // Recursion was desired; the answer is an authority's, or there is none, and why.
    let answer = |question: &[u8], flags: [u8; 2], answers: u8, records: &[u8]| {
        let head = [7, 9, flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, 0];
        [&head[..], question, records].concat()
    };
    // The name of the question, class IN, an hour.
    let record = |kind: u8, data: &[u8]| {
        [&[0xc0, 12, 0, kind, 0, 1, 0, 0, 14, 16, 0, data.len() as u8][..], data].concat()
    };
    let www = ["www", "example", "org"];
    let ipv4 = question(&www, A);
    let ipv6 = question(&www, AAAA);
    let elsewhere = question(&["www", "example", "net"], A);
    let address = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80];
    let of_ipv4 = answer(&ipv4, [0x85, 0], 1, &record(A, &[192, 0, 2, 80]));
    for (question, reply, times) in [
        (&ipv4, of_ipv4.clone(), 1),
        (&ipv6, answer(&ipv6, [0x85, 0], 1, &record(AAAA, &address)), 1),
        (&elsewhere, answer(&elsewhere, [0x81, 5], 0, &[]), 1),
        (&ipv4, of_ipv4, 100),
    ] {
        let (request, reply) = (query(question), Reply::Bytes(reply));
        table.push(Exchange { app: "dns", port: 53, request, reply, times });
    }
}

/// Each has the same reply whatever was asked before, as requests are sent in any order too.
fn kv(table: &mut Vec<Exchange>) {
    let answered = [
        ("get nothing", "not found"),
        ("peek nothing", "not found"),
        ("del nothing", "not found"),
        ("set pi 3.14", "stored"),
        ("set pi ", "stored"),
    ];
    let refused = ["", "x", "get", "get a b", "set pi", "setex pi 0 3", "setex pi x 3"];
    add(table, "kv", 8080, &answered, &refused);
    table.push(Exchange {
        app: "kv",
        port: 8080,
        request: "setex pi 60 3.14".into(),
        reply: Reply::Bytes("stored".into()),
        times: 1000,
    });
}

/// F(n) by addition of decimal digits, the lowest first.
fn fibonacci(n: usize) -> String {
    let (mut this, mut following) = (vec![0_u8], vec![1_u8]);
    for _ in 0..n {
        let mut carry = 0;
        let mut sum = Vec::with_capacity(following.len() + 1);
        for (at, digit) in following.iter().enumerate() {
            let digits = digit + this.get(at).unwrap_or(&0) + carry;
            sum.push(digits % 10);
            carry = digits / 10;
        }
        if carry > 0 {
            sum.push(carry);
        }
        (this, following) = (following, sum);
    }
    this.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

/// The experiment of the thesis: 10,000 numbers in 29,202 bytes, so 797 of one digit and 9,203 of two,
/// in no order.
fn numbers() -> Vec<u64> {
    let mut random = Random::new(2024);
    (0..10_000)
        .map(|number| {
            let random = random.bits() >> 33;
            // 797 times in 10,000, evenly spread, the multiple of 797 goes over a multiple of 10,000.
            if number * 797 % 10_000 < 797 { random % 10 } else { 10 + random % 90 }
        })
        .collect()
}

fn join(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_the_thesis_measured() {
        assert_eq!(PI.len(), "3.".len() + 60_000);
        let exchanges = exchanges();
        let longest = exchanges.iter().filter(|exchange| exchange.app == "sort");
        assert_eq!(longest.map(|exchange| exchange.request.len()).max(), Some(29_202));
        assert_eq!(apps(), ["echo", "facfib", "sort", "monte-carlo", "kv", "dns"]);
        assert!(fibonacci(90) == "2880067194370816120" && fibonacci(0) == "0");
    }

    #[test]
    fn a_reply_is_compared() {
        assert!(Reply::Bytes(b"1".into()).is(b"1") && !Reply::Bytes(b"1".into()).is(b"1\n"));
        assert!(Reply::Refusal.is(b"0 to 9 is allowed"));
        assert!(!Reply::Refusal.is(b"0 to 9 is allowed\n") && !Reply::Refusal.is(b"3"));
    }
}
