//! nginx in front of `web`: it takes the connections of clients, and asks over a few of its own, which it keeps.

use std::{
    fs,
    net::TcpStream,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use lab::{
    Lab,
    tools::{IP, Tool, succeed as do_quietly},
};

use super::bed::{
    CURL, Ended, client, counter, feed, folder, pattern, site, succeed, sum, tool, with_web,
};

const NGINX: Tool = tool("nginx", "nginx");

/// How long it may take to start.
const STARTED_WITHIN: Duration = Duration::from_secs(20);
/// How often clients ask.
const REQUESTS: u64 = 500;

/// `body` is not kept in a file before it is passed on; `--parallel` clients of curl make a connection each.
const CONFIGURATION: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 512; }
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream web {
        server 10.0.0.2:8080;
        keepalive 4;
    }
    server {
        listen 10.0.0.1:8000;
        location / {
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_request_buffering off;
        }
    }
}
";

fn with_nginx(test: impl FnOnce(&Lab) + Send) {
    with_web(&[CURL, NGINX], &[], |lab| {
        do_quietly(IP.command().args(["link", "set", "lo", "up"])).expect("it may");
        let folder = folder();
        fs::write(folder.path().join("nginx.conf"), CONFIGURATION).expect("it can be written");
        let mut command = client(&NGINX);
        command.arg("-p").arg(folder.path()).args(["-e", "stderr", "-c", "nginx.conf"]);
        let nginx = Ended(command.stdout(Stdio::null()).spawn().expect("nginx is there"));
        let started = Instant::now();
        while TcpStream::connect("10.0.0.1:8000").is_err() {
            assert!(started.elapsed() < STARTED_WITHIN, "nginx does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        test(lab);
        drop(nginx);
    });
}

pub(crate) fn nginx_keeps_connections() {
    with_nginx(|lab| {
        let url = |path: &str| format!("http://10.0.0.1:8000{path}");
        let before = counter(lab, "eth0.tcp.accepted");
        // Each client closes its connection to nginx.
        let mut command = client(&CURL);
        command.args(["-sS", "-H", "Connection: close", "--parallel", "--parallel-max", "4"]);
        command.args(["-w", "%{stderr}<%{http_code}>", &url(&format!("/hello?[1-{REQUESTS}]"))]);
        let said = succeed(&mut command);
        assert_eq!(said.err.matches("<200>").count() as u64, REQUESTS, "{}", said.err);
        assert_eq!(said.bytes, b"hello, world\n".repeat(REQUESTS as usize));
        let connections = counter(lab, "eth0.tcp.accepted") - before;
        println!("{REQUESTS} requests through nginx over {connections} connections to web");
        assert!(connections * 10 < REQUESTS, "{connections} connections");
        // Files, long replies, and long bodies, of known length and in chunks.
        let said = succeed(client(&CURL).args(["-sS", &url("/")]));
        assert_eq!(said.bytes, site()["index.html"]);
        let said = succeed(client(&CURL).args(["-sS", &url("/bytes/20000000")]));
        assert_eq!(said.bytes, pattern(20_000_000));
        let body = pattern(5_000_000);
        for coding in ["Accept: */*", "Transfer-Encoding: chunked"] {
            let mut command = client(&CURL);
            command.args(["-sS", "-H", coding, "--data-binary", "@-", &url("/sum")]);
            assert_eq!(feed(&mut command, &body).out(), sum(&body), "{coding}");
        }
    });
}
