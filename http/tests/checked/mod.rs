//! Serves an input, and compares what the client gets with the reference.

use http::{Config, Method};

use super::{
    common::{Ended, Fake, serve_with},
    reference::{self, Expected},
};

/// What a client gets that sends `input` in pieces of `size`.
fn served(input: &[u8], size: usize) -> (Vec<u8>, Ended) {
    let fake = Fake::pieces(input, size);
    serve_with(&fake, &Config::new(), async |request, response| {
        let body = request.read_all(1 << 16).await?;
        assert_eq!(request.method() == Method::Other, request.method().name().is_empty());
        let text = reference::echo(
            request.method_name(),
            request.target(),
            request.host(),
            request.minor_version(),
            request.headers().len(),
            body,
        );
        response.send(&*text).await
    });
    (fake.output(), fake.ended.get())
}

/// Checks what a client gets that sends `input` at once, and that it gets the same if it sends it in pieces of these
/// sizes. Returns how many requests were served.
pub(crate) fn check(input: &[u8], sizes: &[usize]) -> usize {
    let (output, ended) = served(input, input.len());
    let shown = || {
        let [input, output] = [input, &output[..]].map(String::from_utf8_lossy);
        format!("{input:?} was answered by {output:?}")
    };
    for size in sizes {
        assert_eq!(served(input, *size), (output.clone(), ended), "{} by {size}", shown());
    }
    // Longer ones may go beyond a limit, of which the reference knows nothing.
    if input.len() > 4_000 {
        return 0;
    }
    let (mut rest, mut count) = (&output[..], 0);
    for expected in reference::answers(input) {
        match expected {
            Expected::Response(response) => {
                count += 1;
                rest = rest.strip_prefix(&*response).unwrap_or_else(|| {
                    panic!("{}: {:?}", shown(), String::from_utf8_lossy(&response))
                });
            }
            Expected::Refused(statuses) => {
                let text = String::from_utf8_lossy(rest);
                let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
                assert!(text.starts_with("HTTP/1.1 "), "{}: {statuses:?}", shown());
                assert!(statuses.contains(&status), "{}: {statuses:?}", shown());
                assert!(text.contains("\r\nConnection: close\r\n"), "{}", shown());
                rest = b"";
            }
        }
    }
    assert!(rest.is_empty(), "{}: too much", shown());
    assert_eq!(ended, Ended::Shutdown);
    count
}
