//! A page over HTTP.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The head and the body of what the server at this address answers for `path`, on a connection of its own.
pub(crate) fn get(from: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(from).expect("it serves");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it can be set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {from}\r\nConnection: close\r\n\r\n")
        .expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
    (head.to_owned(), body.to_owned())
}

/// The body alone, of an answer that says that all is well.
#[allow(dead_code, reason = "a test program may want other answers only")]
pub(crate) fn page(from: SocketAddr, path: &str) -> String {
    let (head, body) = get(from, path);
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{path}: {head}");
    body
}
