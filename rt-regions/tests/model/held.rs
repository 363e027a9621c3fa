//! What a program holds in regions: each thing is full of a pattern of its own.

use rt_regions::{ChunkQueue, PAGE_SIZE, Page, Region, RegionBox, RegionVec};

use super::expected::{Id, Model};

/// Something that lives in a region and was not yet given up.
pub(crate) struct Held<'r> {
    pub(crate) what: What<'r>,
    /// Where its pattern begins.
    pub(crate) seed: u16,
}

pub(crate) enum What<'r> {
    Bytes(&'r mut [u8]),
    Words(&'r mut [u64]),
    Text(&'r str),
    Vec(Id, RegionVec<'r, u16>),
    Box(Id, RegionBox<'r, [u8]>),
    /// With the number and the length of each.
    ChunkQueue(Id, ChunkQueue<'r, u64>, Vec<(u32, usize)>),
    /// A region that is open, and the places in it that were taken: nobody refers to them.
    Region(Id, Region<'r>, Vec<(usize, usize)>),
    Task(super::tasks::Job),
    /// All of it is written.
    Page(Page<'r>),
    #[cfg(feature = "allocator-api2")]
    Block(super::blocks::Block<'r>),
}

/// The byte at `index` of a pattern.
pub(crate) fn byte(seed: u16, index: usize) -> u8 {
    (usize::from(seed) + index * 7 + (index >> 8)) as u8
}

/// The element at `index` of a pattern of numbers.
pub(crate) fn number(seed: u16, index: usize) -> u16 {
    seed.wrapping_add((index as u16).wrapping_mul(251))
}

fn word(seed: u16, index: usize) -> u64 {
    u64::from(number(seed, index)) * 0x0001_0001_0001_0001
}

/// The letter at `index` of a text.
pub(crate) fn letter(seed: u16, index: usize) -> u8 {
    b'a' + byte(seed, index) % 26
}

/// The places that are looked at of so many: all of them, or under Miri, for which that is too much, some.
fn places(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(if cfg!(miri) { count / 8 + 1 } else { 1 })
}

/// The bytes of a page that [`Held::page`] has filled.
fn written<'p>(page: &'p Page<'_>) -> &'p [u8] {
    // SAFETY: all of the page is written, and it is only read while it is borrowed.
    unsafe { std::slice::from_raw_parts(page.as_ptr().as_ptr(), PAGE_SIZE) }
}

impl<'r> Held<'r> {
    /// Fills `bytes`.
    pub(crate) fn bytes(bytes: &'r mut [u8], seed: u16) -> Self {
        places(bytes.len()).for_each(|index| bytes[index] = byte(seed, index));
        Self { what: What::Bytes(bytes), seed }
    }

    /// Fills `words`.
    pub(crate) fn words(words: &'r mut [u64], seed: u16) -> Self {
        places(words.len()).for_each(|index| words[index] = word(seed, index));
        Self { what: What::Words(words), seed }
    }

    /// Fills a page.
    pub(crate) fn page(mut page: Page<'r>, seed: u16) -> Self {
        let bytes = page.zero();
        places(PAGE_SIZE).for_each(|index| bytes[index] = byte(seed, index));
        Self { what: What::Page(page), seed }
    }

    /// Everything is still what was written.
    pub(crate) fn verify(&self, model: &Model) {
        let seed = self.seed;
        let is_pattern =
            |bytes: &[u8], seed| places(bytes.len()).all(|index| bytes[index] == byte(seed, index));
        let intact = match &self.what {
            What::Bytes(bytes) => is_pattern(bytes, seed),
            What::Words(words) => {
                places(words.len()).all(|index| words[index] == word(seed, index))
            }
            What::Text(text) => {
                places(text.len()).all(|index| text.as_bytes()[index] == letter(seed, index))
            }
            What::Vec(_, vec) => places(vec.len()).all(|index| vec[index] == number(seed, index)),
            What::Box(id, value) => {
                model.owns(*id, value.as_ptr().addr()) && is_pattern(value, seed)
            }
            What::ChunkQueue(id, parcels, expected) => {
                let mut found = parcels.iter();
                let all = expected.iter().all(|&(number, length)| {
                    found.next().is_some_and(|(its_number, bytes)| {
                        (its_number, bytes.len()) == (number, length)
                            && model.owns(*id, bytes.as_ptr().addr() - 1)
                            && is_pattern(bytes, number as u16)
                    })
                });
                all && found.next().is_none() && *parcels.value() == u64::from(seed)
            }
            What::Region(id, region, _) => {
                model.check_region(*id, region);
                true
            }
            What::Task(job) => {
                job.verify(model);
                true
            }
            What::Page(page) => is_pattern(written(page), seed),
            #[cfg(feature = "allocator-api2")]
            What::Block(block) => is_pattern(block.bytes(), seed),
        };
        assert!(intact, "{}", self.describe());
    }

    /// Whether more can be done with it than look at it.
    pub(crate) fn is_open(&self) -> bool {
        match &self.what {
            What::Vec(..) | What::ChunkQueue(..) | What::Region(..) => true,
            What::Task(job) => job.waits(),
            #[cfg(feature = "allocator-api2")]
            What::Block(_) => true,
            _ => false,
        }
    }

    fn describe(&self) -> String {
        let seed = self.seed;
        match &self.what {
            What::Bytes(bytes) => format!("bytes of {seed}: {bytes:?}"),
            What::Words(words) => format!("words of {seed}: {words:?}"),
            What::Text(text) => format!("text of {seed}: {text:?}"),
            What::Vec(_, vec) => format!("vector of {seed}: {vec:?}"),
            What::Box(_, value) => format!("box of {seed}: {value:?}"),
            What::ChunkQueue(_, parcels, expected) => {
                let found: Vec<_> = parcels.iter().collect();
                format!("parcels of {seed}: {expected:?} expected: {found:?}")
            }
            What::Region(_, region, _) => format!("{region:?}"),
            What::Task(_) => format!("task of {seed}"),
            What::Page(page) => format!("page of {seed}: {page:?}"),
            #[cfg(feature = "allocator-api2")]
            What::Block(block) => format!("block of {seed}: {:?}", block.bytes()),
        }
    }

    /// Verifies it for the last time and gives it up.
    pub(crate) fn end(self, model: &mut Model) {
        self.verify(model);
        match self.what {
            What::Bytes(bytes) => model.release(bytes.as_ptr().addr(), bytes.len()),
            What::Words(words) => model.release(words.as_ptr().addr(), size_of_val(words)),
            What::Text(text) => model.release(text.as_ptr().addr(), text.len()),
            What::Vec(_, vec) => model.release(vec.as_ptr().addr(), vec.capacity() * 2),
            What::Box(id, value) => {
                model.release(value.as_ptr().addr(), value.len());
                drop(value);
                model.close(id);
            }
            What::ChunkQueue(id, parcels, _) => {
                for (_, bytes) in parcels.iter() {
                    model.release(bytes.as_ptr().addr(), bytes.len());
                }
                drop(parcels);
                model.close(id);
            }
            What::Region(id, region, places) => {
                places.into_iter().for_each(|(start, length)| model.release(start, length));
                drop(region);
                model.close(id);
            }
            What::Task(job) => job.end(model, self.seed & 1 == 1),
            What::Page(page) => {
                model.gave_page(page.as_ptr().addr().get());
                drop(page);
            }
            #[cfg(feature = "allocator-api2")]
            What::Block(block) => block.end(model),
        }
    }
}
