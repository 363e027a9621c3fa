//! Two hosts with TCP, and a path between them.

#![allow(dead_code, reason = "each test needs a part")]

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use layer::Instant;
use tasks::Tasks;
use tcp::{Connections, Tcp};
use testkit::{Clock, Host, PathEnd, Quality, program_memory};

/// The client's address is 10.0.0.1, and the server's 10.0.0.2.
pub(crate) const SERVER: &str = "10.0.0.2:80";

pub(crate) fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

/// A client and a server.
pub(crate) struct Pair {
    pub(crate) client: Host<'static, Tcp<PathEnd>>,
    pub(crate) server: Host<'static, Tcp<PathEnd>>,
    pub(crate) tasks: [&'static Tasks; 2],
}

impl Pair {
    pub(crate) fn new(quality: Quality, seed: u64) -> Self {
        Self::with_ends(PathEnd::pair(quality, seed), 4096)
    }

    /// Two hosts with `pages` pages each.
    pub(crate) fn with_ends([client, server]: [PathEnd; 2], pages: usize) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(1_000));
        let host = |end, seed| {
            let memory = program_memory(pages);
            let tasks = Tasks::new(memory).unwrap();
            let tower = Tcp::new(end, seed, tasks).unwrap();
            let pool = memory.pool().unwrap();
            (Host::new(tower, clock.clone(), pool).with_tasks(tasks), tasks)
        };
        let (client, client_tasks) = host(client, 1);
        let (server, server_tasks) = host(server, 2);
        Self { client, server, tasks: [client_tasks, server_tasks] }
    }

    pub(crate) fn now(&self) -> Instant {
        self.client.now()
    }

    /// How many pages both hosts have free, but for those that are kept for the next connections.
    pub(crate) fn free_pages(&self) -> [usize; 2] {
        self.tasks.map(|tasks| tasks.pool().free_pages())
    }

    pub(crate) fn connections(&self) -> &'static Connections {
        self.client.tower.connections()
    }

    /// Lets `time` pass, or less if `done` says so.
    pub(crate) fn run(&mut self, time: Duration, done: impl Fn() -> bool) {
        self.client.run_with(&mut self.server, time, done);
    }

    /// Runs `service` as a task of the client for `time` at most; returns what it returns.
    pub(crate) fn client<T: 'static, F: Future<Output = T> + 'static>(
        &mut self,
        time: Duration,
        service: F,
    ) -> Option<T> {
        let result = Rc::new(RefCell::new(None));
        let place = result.clone();
        self.tasks[0]
            .spawn("client", async move |_| {
                let value = service.await;
                *place.borrow_mut() = Some(value);
                Ok(())
            })
            .unwrap();
        self.run(time, || result.borrow().is_some());
        result.borrow_mut().take()
    }
}
