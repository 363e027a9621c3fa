//! Serves the page of the program to a browser, over the kernel's TCP.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use super::{Answer, Mock};

/// How long a browser may take for a request.
const TIMEOUT: Duration = Duration::from_millis(500);

impl Mock {
    /// Serves the page at `listener` until `is_over` says so. From now on the time of the program is real.
    pub(crate) fn serve(
        &mut self,
        listener: &TcpListener,
        is_over: impl Fn() -> bool,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let (began, start) = (Instant::now(), self.service.now());
        while !is_over() {
            match listener.accept() {
                Ok((client, _)) => {
                    // A browser opens connections that it does not use, or closes.
                    let _ = self.serve_one(client);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
            let due = began.elapsed().saturating_sub(self.service.now() - start);
            self.run(due);
        }
        Ok(())
    }

    /// Answers one request, and ends the connection.
    fn serve_one(&mut self, client: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_read_timeout(Some(TIMEOUT))?;
        let mut lines = BufReader::new(&client).lines();
        let Some(first) = lines.next().transpose()? else { return Ok(()) };
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut host = None;
        while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("host")
            {
                host = Some(value.trim().to_owned());
            }
        }
        let Answer { status, headers, body } = self.answer(method, target, host.as_deref());
        let mut head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = if method == "HEAD" { "" } else { &body };
        (&client).write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())
    }
}
