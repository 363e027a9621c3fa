//! The task that reads what other cores send.

use core::{future::poll_fn, task::Poll};

use cores::{Channel, Message};
use rt_regions::Region;
use tasks::TaskError;

use super::{Asker, Messages};
use crate::{
    NewError,
    wire::{HEAD_LEN, Kind, read_tag},
};

/// How many messages are read before others have their turn.
const AT_ONCE: usize = 32;

impl Messages {
    pub(super) fn start_reading(&'static self) -> Result<(), NewError> {
        let reader =
            self.tasks.spawn("messages.read", async move |region| self.read(region).await)?;
        self.core.listen(self.tasks.memory().alloc(move || {
            self.has_mail.set(true);
            self.tasks.wake(reader);
        })?);
        Ok(())
    }

    async fn read(&'static self, region: &Region<'static>) -> Result<(), TaskError> {
        let mut room = region.child("message");
        loop {
            poll_fn(|_| if self.has_mail.take() { Poll::Ready(()) } else { Poll::Pending }).await;
            for _ in 0..AT_ONCE {
                let Some((from, message)) = self.core.receive(Channel::Messages) else { break };
                self.take(from, message, &room);
                room.reset();
            }
        }
    }

    fn take(&'static self, from: usize, message: Message<'_, '_>, room: &Region<'_>) {
        let (Some((kind, topic)), true) = (read_tag(message.tag()), message.len() >= HEAD_LEN)
        else {
            self.counters.malformed.add(1);
            return;
        };
        let mut number = [0; HEAD_LEN];
        message.copy_to(&mut number);
        let number = u64::from_le_bytes(number);
        if !matches!(kind, Kind::Sent | Kind::Question) {
            let bytes = self.slabs.alloc_default(message.len()).map(|mut bytes| {
                message.copy_to(&mut bytes);
                bytes
            });
            drop(message);
            return self.finish(number, (kind, bytes));
        }
        let asker = Asker { core: from, number: (kind == Kind::Question).then_some(number) };
        let Some(service) = self.service(topic) else {
            drop(message);
            return self.tell(asker, Kind::NoService, &[]);
        };
        let reply = match message.to_region(room) {
            Ok(bytes) => {
                // Its room in the ring is free before the service computes.
                drop(message);
                service.serve(self, asker, &bytes[HEAD_LEN..], room)
            }
            Err(exhausted) => Some(Err(exhausted.into())),
        };
        if let Some(reply) = reply {
            self.answer_to(asker, reply);
        }
    }
}
