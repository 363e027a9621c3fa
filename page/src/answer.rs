//! What is answered to a request.

use core::{fmt, net::Ipv4Addr};

use rt_regions::{Exhausted, Owners, Region};

use crate::{Board, PAGE, connections::Table, metrics, query::Query, state};

/// The part of a request that decides on the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, such as `GET`.
    pub method: &'a str,
    /// The path, with the query: `/state.json?log=7`.
    pub target: &'a str,
    /// The value of the header `Host`.
    pub host: Option<&'a str>,
}

/// The answer. To a `HEAD`, the body is left out on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'r> {
    /// The status (RFC 9110, section 15).
    pub status: u16,
    /// The headers, all but those of the length and the connection.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: &'r [u8],
}

/// Nothing is loaded from elsewhere, and nobody puts the page into a frame. Browsers ask anew each time.
macro_rules! headers {
    ($kind:literal $(, $name:literal $value:literal)*) => {
        &[
            ("Content-Type", $kind),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            $(($name, $value)),*
        ]
    };
}

const HTML: &[(&str, &str)] = headers!(
    "text/html; charset=utf-8",
    "Content-Security-Policy"
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
);
const JSON: &[(&str, &str)] = headers!("application/json");
const METRICS: &[(&str, &str)] = headers!("text/plain; version=0.0.4; charset=utf-8");
const TEXT: &[(&str, &str)] = headers!("text/plain; charset=utf-8");
const NOT_ALLOWED: &[(&str, &str)] = headers!("text/plain; charset=utf-8", "Allow" "GET, HEAD");

impl Board {
    /// The answer to a request: the page at `/`, its numbers at `/state.json`, and for Prometheus at `/metrics`. It is made
    /// in `region`, and takes some 64 KiB of it.
    ///
    /// A browser is answered only if it was told an address, or a name that nobody outside can give us: so no page of
    /// somebody else's reads this one under a name of its own (DNS rebinding).
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn answer<'r>(
        &self,
        request: Request<'_>,
        region: &'r Region<'_>,
    ) -> Result<Response<'r>, Exhausted> {
        let plain = |status, body: &'static str| {
            Ok(Response { status, headers: TEXT, body: body.as_bytes() })
        };
        if !matches!(request.method, "GET" | "HEAD") {
            let body = b"GET and HEAD are allowed\n";
            return Ok(Response { status: 405, headers: NOT_ALLOWED, body });
        }
        let (path, query) = layer::split::split_once(request.target, b'?');
        match path {
            "/metrics" => {
                let body = text(region, |out| metrics::write(self, out))?;
                Ok(Response { status: 200, headers: METRICS, body })
            }
            "/" | "/state.json" if !request.host.is_none_or(is_ours) => {
                plain(421, "open this page by its address, or by a name without dots\n")
            }
            "/" => Ok(Response { status: 200, headers: HTML, body: PAGE.as_bytes() }),
            "/state.json" => {
                let query = Query::new(query.unwrap_or_default());
                // Apart, so that it is gone when the answer is sent.
                let scratch = region.child("page.scratch");
                let owners = query.map.then(|| Owners::of(self.pool, &scratch).ok()).flatten();
                let connections = Table::of(self.connections, &scratch)?;
                let body =
                    text(region, |out| state::write(self, query, &connections, owners, out))?;
                Ok(Response { status: 200, headers: JSON, body })
            }
            _ => plain(404, "there are /, /state.json and /metrics\n"),
        }
    }
}

/// The text that `write` writes, in `region`.
fn text<'r>(
    region: &'r Region<'_>,
    write: impl Fn(&mut dyn fmt::Write) -> fmt::Result,
) -> Result<&'r [u8], Exhausted> {
    Ok(region.format(format_args!("{}", fmt::from_fn(|f| write(f))))?.as_bytes())
}

/// Whether a host in a URL is an address, or a name that is not in the public DNS: one without dots, or below a domain that
/// is kept for local use (RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`).
fn is_ours(host: &str) -> bool {
    const LOCAL: [&str; 5] = [".localhost", ".local", ".home.arpa", ".internal", ".test"];
    // What is behind the last colon is the port, but for a colon in the address.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_v6 = name.starts_with('[') && name.ends_with(']');
    let name = name.strip_suffix('.').unwrap_or(name);
    is_v6
        || name.parse::<Ipv4Addr>().is_ok()
        || !name.contains('.')
        || LOCAL.iter().any(|domain| {
            let start = name.len().saturating_sub(domain.len());
            name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anybody_can_register_is_not_ours() {
        for host in [
            "10.0.0.2",
            "10.0.0.2:9090",
            "[fd00::2]",
            "[fd00::2]:9090",
            "localhost:9090",
            "web",
            "web.",
            "web.local",
            "web.LOCAL.:9090",
            "a.b.home.arpa",
            "web.internal:80",
            "",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "example.com",
            "example.com:9090",
            "10.0.0.2.example.com",
            "local.net",
            "10.0.0",
            "x.notlocal",
        ] {
            assert!(!is_ours(host), "{host}");
        }
    }
}
