//! Whose the keys are, on several cores: each key has one core, which the others ask.

use core::time::Duration;

use cores::Core;
use layer::ServiceCounters;
use messages::{AskError, Messages, NewError};
use network::Network;
use rt_regions::Region;
use tasks::Tasks;
use udp::{Failure, Reply, Sockets, Udp};

use crate::{
    protocol::{LONGEST_REQUEST, NOT_FOUND, Request},
    service::{PORT, REQUESTS, Service, Step, TIMEOUT},
};

/// The topic of the requests that one core asks another.
const TOPIC: u16 = 1;

/// How long another core may take: for the other server, and a little more.
const ANSWERED_WITHIN: Duration = TIMEOUT.saturating_add(Duration::from_secs(1));

/// The cores that have the keys, as one of them sees it.
#[derive(Clone, Copy)]
pub(crate) struct Owners(&'static Messages);

impl Owners {
    /// Those of a program that runs on `core`, and on others.
    pub(crate) fn new(core: Core, tasks: &'static Tasks) -> Result<Self, NewError> {
        Ok(Self(Messages::new(core, tasks, LONGEST_REQUEST)?))
    }

    /// What the service counts, and what the cores ask each other.
    pub(crate) fn counters(self, service: &'static Service) -> [&'static dyn ServiceCounters; 2] {
        [service.counters(), self.0]
    }

    /// Puts the service on its port: a task for each request, which asks the core that has its key. And has it answer what other
    /// cores ask.
    pub(crate) fn bind<I: Network>(
        self,
        service: &'static Service,
        udp: &mut Udp<'static, I, &'static Sockets>,
    ) -> Result<(), rt::Error> {
        let (sockets, tasks) = (udp.sockets(), self.0.tasks());
        if service.has_upstream() {
            self.0.answer_each(TOPIC, REQUESTS, async move |request, region| {
                let request = parsed(request, region)?;
                service.finish(sockets, tasks.now(), request, region).await.map_err(told)
            })?;
        } else {
            self.0.answer(TOPIC, move |request, region| {
                let request = parsed(request, region)?;
                match service.apply(tasks.now(), request, region).map_err(told)? {
                    Step::Reply(reply) => Ok(reply),
                    Step::Ask(_) => Ok(NOT_FOUND),
                }
            })?;
        }
        udp.spawn_each_datagram(PORT, REQUESTS, async move |datagram, region| {
            let (source, bytes) = (datagram.source().ip(), datagram.payload());
            let request = service.read(source, bytes, region)?;
            match self.0.core_of(request.key()) {
                core if core == self.0.core().index() => {
                    service.finish(sockets, datagram.now(), request, region).await
                }
                core => self.ask(service, core, bytes, region).await,
            }
        })?;
        service.start_sweep(tasks)?;
        Ok(())
    }

    /// Asks the core that has the key what the client has asked.
    async fn ask<'r>(
        self,
        service: &'static Service,
        core: usize,
        request: &'r [u8],
        region: &'r Region<'_>,
    ) -> Reply<'r> {
        service.counters().passed.add(1);
        let answer = self.0.ask(core, TOPIC, request, ANSWERED_WITHIN, region).await;
        match answer {
            Ok(answer) => Ok(answer),
            Err(AskError::Failed(text)) => Err(Failure::Refused(text)),
            Err(error) => {
                let text = format_args!("kv: of core {core}, which has this key: {error}");
                Err(Failure::Refused(region.format(text)?))
            }
        }
    }
}

/// What another core has passed on.
fn parsed<'r>(
    request: &'r [u8],
    region: &'r Region<'_>,
) -> Result<Request<'r>, messages::Failure<'r>> {
    match Request::parse(request) {
        Ok(request) => Ok(request),
        Err(wrong) => Err(messages::Failure::Refused(region.format(format_args!("{wrong}"))?)),
    }
}

/// A failure, as another core is told of it.
fn told(failure: Failure<'_>) -> messages::Failure<'_> {
    match failure {
        Failure::Refused(text) => messages::Failure::Refused(text),
        Failure::Exhausted(exhausted) => messages::Failure::Exhausted(exhausted),
        // Who is no client is told nothing where it asks, and no task answers later.
        _ => messages::Failure::Refused("kv: there is no reply"),
    }
}
