//! Two hosts with TCP and a path between them: the service, and its clients.

use std::{cell::RefCell, fmt::Write as _, rc::Rc, time::Duration};

use layer::Instant;
use tasks::{TaskError, Tasks};
use tcp::{Connections, Stream, Tcp};
use testkit::{Clock, Host, PathEnd, Quality, program_memory};

use crate::{
    message::{COOKIE_LEN, CREATE_STREAMS, PARAM_EXCHANGE},
    results,
    service::{PORT, Service},
};

/// How long a conversation may take, in virtual time.
const LONGEST: Duration = Duration::from_secs(300);

/// The pages that are kept for the next task and for its connection.
const KEPT: usize = 2;

/// The address of the server is 10.0.0.2.
const SERVER: [u8; 4] = [10, 0, 0, 2];

/// What a client opens its connections with.
pub(super) type Client = &'static Connections;

pub(super) struct Net {
    client: Host<'static, Tcp<PathEnd>>,
    server: Host<'static, Tcp<PathEnd>>,
    tasks: [&'static Tasks; 2],
    /// How many pages the server has free when nobody is there.
    free: usize,
}

impl Net {
    /// A server with as many pages as a guest of 4 MiB has, and a client, a millisecond away.
    pub(super) fn new() -> Self {
        Self::losing(0.0)
    }

    /// With a path that loses this share of the packets.
    pub(super) fn losing(loss: f64) -> Self {
        let quality = Quality { delay: Duration::from_millis(1), loss, ..Quality::PERFECT };
        let [client, server] = PathEnd::pair(quality, 1);
        let clock = Clock::starting_at(Instant::from_millis(1_000));
        let host = |end, seed, pages| {
            let tasks = Tasks::new(program_memory(pages)).unwrap();
            let tower = Tcp::new(end, seed, tasks).unwrap();
            (Host::new(tower, clock.clone(), tasks.pool()).with_tasks(tasks), tasks)
        };
        let (client, client_tasks) = host(client, 1, 4_096);
        let (mut server, server_tasks) = host(server, 2, 700);
        let service = Service::new(server_tasks).unwrap();
        let bound =
            server.tower.bind(PORT, async |stream, region| service.serve(stream, region).await);
        bound.unwrap();
        let mut net = Self { client, server, tasks: [client_tasks, server_tasks], free: 0 };
        // What so many connections take once, for places in tables.
        let first = net.talk(async |client| {
            let mut tests = Vec::new();
            for cookie in 0..8 {
                tests.push(Test::begin_unasked(&client, cookie).await?);
                tests.last_mut().unwrap().hear().await?;
            }
            Ok(())
        });
        first.unwrap();
        net.run(LONGEST, || false);
        net.free = net.free_pages();
        net
    }

    fn free_pages(&self) -> usize {
        self.tasks[1].pool().free_pages()
    }

    /// Nothing is left of what was.
    pub(super) fn assert_clean(&mut self) {
        self.run(LONGEST, || false);
        assert!(self.tasks[1].is_empty());
        let free = self.free_pages();
        assert!(free + KEPT >= self.free, "{free} pages are free, and were {}", self.free);
    }

    /// Lets `time` pass, or less if `done` says so.
    fn run(&mut self, time: Duration, done: impl Fn() -> bool) {
        self.client.run_with(&mut self.server, time, done);
    }

    /// What a client returns.
    pub(super) fn talk<T: 'static>(
        &mut self,
        talk: impl AsyncFnOnce(Client) -> Result<T, TaskError> + 'static,
    ) -> Result<T, TaskError> {
        let result = Rc::new(RefCell::new(None));
        let connections: Client = self.client.tower.connections();
        let write = result.clone();
        let spawned = self.tasks[0].spawn("client", async move |_| {
            let said = talk(connections).await;
            *write.borrow_mut() = Some(said);
            Ok(())
        });
        spawned.unwrap();
        self.run(LONGEST, || result.borrow().is_some());
        result.take().expect("the client is done")
    }
}

/// A test as its client sees it: the control connection.
pub(super) struct Test {
    client: Client,
    cookie: [u8; COOKIE_LEN],
    control: Stream,
}

impl Test {
    pub(super) async fn connect(client: &Client) -> Result<Self, TaskError> {
        let control = client.connect((SERVER, PORT).into()).await?;
        Ok(Self { client, cookie: [0; COOKIE_LEN], control })
    }

    pub(super) async fn introduce(&mut self, cookie: u8) -> Result<(), TaskError> {
        self.cookie = [cookie; COOKIE_LEN];
        Ok(self.control.send(&self.cookie[..]).await?)
    }

    /// Connects with this cookie.
    pub(super) async fn begin_unasked(client: &Client, cookie: u8) -> Result<Self, TaskError> {
        let mut test = Self::connect(client).await?;
        test.introduce(cookie).await?;
        Ok(test)
    }

    /// Connects with this cookie, and is asked for parameters.
    pub(super) async fn begin(client: &Client, cookie: u8) -> Result<Self, TaskError> {
        let mut test = Self::begin_unasked(client, cookie).await?;
        assert_eq!(test.hear().await?, PARAM_EXCHANGE);
        Ok(test)
    }

    /// Says what it wants, and is asked for streams.
    pub(super) async fn agree(&mut self, parameters: &str) -> Result<(), TaskError> {
        self.say_text(parameters.as_bytes()).await?;
        assert_eq!(self.hear().await?, CREATE_STREAMS);
        Ok(())
    }

    pub(super) async fn open_stream(&self) -> Result<Stream, TaskError> {
        let stream = self.client.connect((SERVER, PORT).into()).await?;
        stream.send(&self.cookie[..]).await?;
        Ok(stream)
    }

    pub(super) async fn say(&self, bytes: &[u8]) -> Result<(), TaskError> {
        Ok(self.control.send(bytes).await?)
    }

    /// Says a text behind its length.
    pub(super) async fn say_text(&self, text: &[u8]) -> Result<(), TaskError> {
        let length = (text.len() as u32).to_be_bytes();
        Ok(self.control.send((&length[..], text)).await?)
    }

    /// Says how many bytes each stream has carried.
    pub(super) async fn say_results(&self, bytes: &[u64]) -> Result<(), TaskError> {
        let mut text = String::from(r#"{"cpu_util_total":1.5,"streams":["#);
        for (at, bytes) in bytes.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let id = results::id(at);
            let _ = write!(text, r#"{comma}{{"id":{id},"bytes":{bytes},"retransmits":-1}}"#);
        }
        self.say_text((text + "]}").as_bytes()).await
    }

    pub(super) async fn hear(&mut self) -> Result<u8, TaskError> {
        let mut byte = [0];
        self.control.read_exact(&mut byte).await?;
        Ok(byte[0])
    }

    /// Hears a text behind its length.
    pub(super) async fn hear_text(&mut self) -> Result<String, TaskError> {
        let mut length = [0; 4];
        self.control.read_exact(&mut length).await?;
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        self.control.read_exact(&mut text).await?;
        Ok(String::from_utf8(text)?)
    }

    /// Hears all until the connection ends.
    pub(super) async fn hear_all(&mut self) -> Result<Vec<u8>, TaskError> {
        let (mut all, mut bytes) = (Vec::new(), [0; 100]);
        loop {
            match self.control.read(&mut bytes).await? {
                0 => return Ok(all),
                count => all.extend(&bytes[..count]),
            }
        }
    }

    /// Waits until the connection ends in any way.
    pub(super) async fn ends(&mut self) {
        while let Ok(Some(())) = self.control.receive(|bytes| (bytes.len(), Some(()))).await {}
    }

    pub(super) fn abort(&self) {
        self.control.abort();
    }
}
