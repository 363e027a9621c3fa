use crate::*;
pub(crate) struct Cookies;
impl Cookies {
    pub(crate) fn new(_seed: u128) -> Self { Self }
    pub(crate) fn make(&self, _: ::layer::Instant, _: &Tuple, irs: Seq, _: &Options, value: u32) -> (Seq, u32) { (irs, value) }
    pub(crate) fn read(&self, _: ::layer::Instant, _: &Tuple, _: &Segment<'_>, _: u32) -> Option<Options> { None }
}
