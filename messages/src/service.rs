//! Services that answer what cores ask: functions, and tasks.

use rt_regions::Region;
use tasks::{Places, SpawnError};

use crate::{
    Failure, Reply,
    messages::{Asker, Messages},
};

/// What answers the questions of a topic.
pub(crate) trait Service {
    /// The answer, or `None` if a task gives it later, by [`Messages::answer_to`].
    fn serve<'r>(
        &'static self,
        messages: &'static Messages,
        asker: Asker,
        request: &'r [u8],
        region: &'r Region<'_>,
    ) -> Option<Reply<'r>>;
}

/// A function.
pub(crate) struct Function<S>(pub(crate) S);

impl<S> Service for Function<S>
where
    S: for<'r, 'p> Fn(&'r [u8], &'r Region<'p>) -> Reply<'r>,
{
    fn serve<'r>(
        &'static self,
        _: &'static Messages,
        _: Asker,
        request: &'r [u8],
        region: &'r Region<'_>,
    ) -> Option<Reply<'r>> {
        Some((self.0)(request, region))
    }
}

/// A function that is a task for each question.
pub(crate) struct Each<S> {
    pub(crate) service: S,
    pub(crate) places: Places,
}

impl<S> Service for Each<S>
where
    S: for<'r> AsyncFn(&'r [u8], &'r Region<'static>) -> Reply<'r> + 'static,
{
    fn serve<'r>(
        &'static self,
        messages: &'static Messages,
        asker: Asker,
        request: &'r [u8],
        region: &'r Region<'_>,
    ) -> Option<Reply<'r>> {
        self.start(messages, asker, request, region).err().map(Err)
    }
}

impl<S> Each<S>
where
    S: for<'r> AsyncFn(&'r [u8], &'r Region<'static>) -> Reply<'r> + 'static,
{
    fn start<'r>(
        &'static self,
        messages: &'static Messages,
        asker: Asker,
        request: &[u8],
        region: &'r Region<'_>,
    ) -> Result<(), Failure<'r>> {
        let Some(place) = self.places.take() else {
            let limit = self.places.limit();
            let text = format_args!("busy: {limit} questions are in work already: ask again later");
            return Err(Failure::Refused(region.format(text)?));
        };
        let request = messages.slabs().alloc_slice(request)?;
        let started = messages.tasks().launch("message", async move |region| {
            let _place = place;
            let reply = (self.service)(&request, region).await;
            messages.answer_to(asker, reply);
        });
        match started {
            Ok(_) => Ok(()),
            Err(SpawnError::Exhausted(exhausted)) => Err(exhausted.into()),
            Err(_) => Err(Failure::Refused("the program ends")),
        }
    }
}
