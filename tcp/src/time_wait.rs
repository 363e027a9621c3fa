use crate::*;
pub(crate) enum Late { Unknown, Nothing, Answer(Emitted<'static>), Reopen(Seq) }
pub(crate) struct TimeWaits;
impl TimeWaits {
    pub(crate) fn new(_: &'static rt_regions::Region<'static>, _: usize, _: ::layer::KeyedHash) -> Result<Self, rt_regions::Exhausted> { Ok(Self) }
    pub(crate) fn remember(&mut self, _: ::layer::Instant, _: &Tuple, _: Seq, _: Seq, _: Option<u32>, _: u32) {}
    pub(crate) fn on_segment(&mut self, _: ::layer::Instant, _: &Tuple, _: &Segment<'_>) -> Late { Late::Unknown }
    pub(crate) fn contains(&self, _: &Tuple) -> bool { false }
}
