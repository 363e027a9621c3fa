use rt_regions::{ChunkQueue, Page, Pool, Region, RegionBox, RegionVec, Task, Text};

/// Who is `Send` has two impls and nobody can tell which is meant: that does not compile.
trait OneThread<Which> {
    const CHECKED: () = ();
}

struct BySending;

impl<T: ?Sized> OneThread<()> for T {}
impl<T: ?Sized + Send> OneThread<BySending> for T {}

fn other_thread(work: impl FnOnce() + Send) {
    work();
}

fn main() {
    <Pool<'_> as OneThread<_>>::CHECKED;
    <Region<'_> as OneThread<_>>::CHECKED;
    <&Region<'_> as OneThread<_>>::CHECKED;
    <RegionVec<'_, u8> as OneThread<_>>::CHECKED;
    <Text<'_> as OneThread<_>>::CHECKED;
    <RegionBox<'_, u8> as OneThread<_>>::CHECKED;
    <ChunkQueue<'_, u8> as OneThread<_>>::CHECKED;
    <Page<'_> as OneThread<_>>::CHECKED;
    <Task<'_> as OneThread<_>>::CHECKED;

    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "r");
    let value = *region.alloc(7).unwrap();
    other_thread(move || assert_eq!(value, 7));
}
