pub(crate) struct InitialSequence(layer::KeyedHash);
impl InitialSequence {
    pub(crate) fn new(seed: u128) -> Self { Self(layer::KeyedHash::new(seed)) }
    pub(crate) fn next(&self, now: layer::Instant, tuple: &crate::Tuple) -> crate::Seq {
        crate::Seq((now.as_nanos() / 4000) as u32).add_hash(self.0.hash(u64::from(tuple.ports[1])))
    }
}
impl crate::Seq { fn add_hash(self, h: u64) -> Self { self + h as u32 } }
