//! Programs that ask as fast as they can.

use lab::{Lab, tools::Tool};

use super::bed::{URL, client, counter, succeed, tool, with_web};

const AB: Tool = tool("ab", "apache2-utils");
const WRK: Tool = tool("wrk", "wrk");

/// How many connections ask at once.
const AT_ONCE: &str = "16";

/// What `ab` counted under this name; nothing if it says nothing of it.
fn counted(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn ab(lab: &Lab, args: &[&str], requests: u64) -> u64 {
    let before = counter(lab, "eth0.tcp.accepted");
    let mut command = client(&AB);
    command.args(["-q", "-n", &requests.to_string(), "-c", AT_ONCE]).args(args);
    let text = succeed(command.arg(format!("{URL}/hello"))).out();
    let is = |name| counted(&text, name);
    assert_eq!(is("Complete requests"), Some(requests), "{text}");
    assert_eq!((is("Failed requests"), is("Non-2xx responses")), (Some(0), None), "{text}");
    assert_eq!(is("HTML transferred"), Some(13 * requests), "{text}");
    println!("{}", text.lines().find(|line| line.starts_with("Requests per")).unwrap_or_default());
    counter(lab, "eth0.tcp.accepted") - before
}

pub(crate) fn ab_with_connections_that_stay() {
    with_web(&[AB], &[], |lab| assert!(ab(lab, &["-k"], 10_000) < 100));
}

pub(crate) fn ab_with_a_connection_for_each_request() {
    with_web(&[AB], &[], |lab| assert!(ab(lab, &[], 5_000) >= 5_000));
}

pub(crate) fn wrk() {
    with_web(&[WRK], &[], |_| {
        let mut command = client(&WRK);
        command.args(["-t1", "-c", AT_ONCE, "-d2s"]);
        let text = succeed(command.arg(format!("{URL}/hello"))).out();
        assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
        let line = text.lines().find(|line| line.contains(" requests in ")).expect("it counts");
        println!("{}", line.trim());
        let count = line.split_whitespace().next().and_then(|count| count.parse::<u64>().ok());
        assert!(count > Some(1000), "{text}");
    });
}
