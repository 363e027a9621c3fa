//! Whole exchanges: what a client sends, and what it gets.

mod common;

use common::{Ended, Fake, serve_with};
use http::{Answer, ByteStream, Config, Method, Request, Response};

/// A service with a path for each thing that a handler can do.
pub(crate) async fn service<S: ByteStream>(
    request: Request<'_, S>,
    response: Response<'_, S>,
) -> Answer {
    match (request.method(), request.path()) {
        (Method::Get | Method::Head, "/") => {
            response.header("Content-Type", "text/plain").send(b"hello\n").await
        }
        (Method::Post, "/echo") => {
            let body = request.read_all(1 << 16).await?;
            response.send(body).await
        }
        (Method::Get, "/chunks") => {
            let mut writer = response.stream()?;
            writer.send(b"one, ").await?;
            writer.send(b"two").await?;
            writer.finish().await
        }
        _ => response.status(404).send(b"").await,
    }
}

#[test]
fn requests_are_answered_one_after_the_other() {
    let input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\
        POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
        POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n\
        GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n\
        HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let expected = [
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nhello\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none, \r\n",
        "3\r\ntwo\r\n",
        "0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n",
    ];
    for size in 1..=input.len() {
        let fake = Fake::pieces(input, size);
        serve_with(&fake, &Config::new(), async |request, response| {
            service(request, response).await
        });
        let sent: Vec<_> = fake.sent.take().into_iter().map(String::from_utf8).collect();
        assert_eq!(sent, expected.map(|text| Ok(text.to_owned())), "in pieces of {size}");
        assert_eq!(fake.ended.get(), Ended::Shutdown);
    }
}
