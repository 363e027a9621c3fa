//! Two hosts with TCP and a path between them: the service, and its clients.

use std::{cell::RefCell, rc::Rc, time::Duration};

use http::{Client, Limits, Reply};
use layer::Instant;
use rt_regions::Region;
use tasks::Tasks;
use tcp::{Connections, Stream, Tcp};
use testkit::{Clock, Host, PathEnd, Quality, program_memory};

use crate::service::{PORT, Service};

/// How long a conversation may take, in virtual time.
const LONGEST: Duration = Duration::from_secs(60);

/// The address of the server is 10.0.0.2.
const SERVER: [u8; 4] = [10, 0, 0, 2];

pub(super) struct Net {
    client: Host<'static, Tcp<PathEnd>>,
    server: Host<'static, Tcp<PathEnd>>,
    tasks: [&'static Tasks; 2],
}

impl Net {
    /// A server with so many pages, and a client, a millisecond away.
    pub(super) fn new(pages: usize) -> Self {
        let quality = Quality { delay: Duration::from_millis(1), ..Quality::PERFECT };
        let [client, server] = PathEnd::pair(quality, 1);
        let clock = Clock::starting_at(Instant::from_millis(1_000));
        let host = |end, seed, pages| {
            let tasks = Tasks::new(program_memory(pages)).unwrap();
            let tower = Tcp::new(end, seed, tasks).unwrap();
            (Host::new(tower, clock.clone(), tasks.pool()).with_tasks(tasks), tasks)
        };
        let (client, client_tasks) = host(client, 1, 4_096);
        let (mut server, server_tasks) = host(server, 2, pages);
        let service = Service::new(server_tasks, || None).unwrap();
        let bound =
            server.tower.bind(PORT, async |stream, region| service.serve(stream, region).await);
        bound.unwrap();
        let mut net = Self { client, server, tasks: [client_tasks, server_tasks] };
        // What the first connection takes once.
        net.talk(async |client, region| get(client, "/hello", region).await);
        net.run(LONGEST, || false);
        net
    }

    /// How many pages the server has free.
    pub(super) fn free_pages(&self) -> usize {
        self.tasks[1].pool().free_pages()
    }

    /// Lets `time` pass, or less if `done` says so.
    pub(super) fn run(&mut self, time: Duration, done: impl Fn() -> bool) {
        self.client.run_with(&mut self.server, time, done);
    }

    /// What a client returns that talks with the server on a connection of its own.
    pub(super) fn talk<T: 'static>(
        &mut self,
        talk: impl AsyncFn(&mut Client<'_, Stream>, &Region<'_>) -> T + 'static,
    ) -> T {
        self.talk_all(1, talk).remove(0)
    }

    /// What `count` clients return that talk with the server at once.
    pub(super) fn talk_all<T: 'static>(
        &mut self,
        count: usize,
        talk: impl AsyncFn(&mut Client<'_, Stream>, &Region<'_>) -> T + 'static,
    ) -> Vec<T> {
        let (talk, results) = (Rc::new(talk), Rc::new(RefCell::new(Vec::new())));
        let connections: &'static Connections = self.client.tower.connections();
        for _ in 0..count {
            let (talk, results) = (talk.clone(), results.clone());
            let spawned = self.tasks[0].spawn("client", async move |region| {
                let stream = connections.connect((SERVER, PORT).into()).await.unwrap();
                let limits = Limits::new();
                let mut client = Client::new(&stream, "10.0.0.2:8080", &limits);
                let result = talk(&mut client, region).await;
                results.borrow_mut().push(result);
                Ok(())
            });
            spawned.unwrap();
        }
        self.run(LONGEST, || results.borrow().len() == count);
        let results = results.take();
        assert_eq!(results.len(), count, "not all clients are done");
        results
    }
}

/// Status and body of a reply.
pub(super) async fn ask(reply: Reply<'_, '_, Stream>) -> (u16, String) {
    let status = reply.status();
    let body = reply.read_all(1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Status and body of the reply to `GET`.
pub(super) async fn get(
    client: &mut Client<'_, Stream>,
    path: &str,
    region: &Region<'_>,
) -> (u16, String) {
    ask(client.get(path, region).await.unwrap()).await
}

/// Status and body of the reply to `POST`.
pub(super) async fn post(
    client: &mut Client<'_, Stream>,
    path: &str,
    body: &[u8],
    region: &Region<'_>,
) -> (u16, String) {
    ask(client.post(path, "application/json", body, region).await.unwrap()).await
}
