#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod alloc;
#[cfg(feature = "allocator-api2")]
mod allocator;
mod budget;
mod chunk_queue;
mod dropping;
mod error;
mod finite;
#[cfg(feature = "history")]
mod history;
mod list;
mod map;
#[cfg(feature = "allocator-api2")]
mod no_heap;
mod page;
mod paged;
mod pool;
#[cfg(feature = "profile")]
mod profile;
mod region;
mod region_box;
mod region_stats;
mod report;
mod scope;
mod size;
mod slab_box;
mod slab_queue;
mod slabs;
mod storage_mode;
mod task;
mod vec;
mod wake;

pub use chunk_queue::ChunkQueue;
pub use error::{Exhausted, Limit};
pub use finite::Finite;
#[cfg(feature = "history")]
pub use history::{History, Sample};
pub use list::{Iter, List};
pub use map::{Eviction, Iter as MapIter, RegionMap};
#[cfg(feature = "allocator-api2")]
pub use no_heap::NoHeap;
pub use page::Page;
#[cfg(feature = "owners")]
pub use pool::Owners;
pub use pool::Pool;
#[cfg(feature = "profile")]
pub use profile::Profile;
pub use region::Region;
pub use region_box::RegionBox;
pub use region_stats::RegionStats;
pub use scope::Scope;
pub use size::PAGE_SIZE;
pub use slab_box::SlabBox;
pub use slab_queue::SlabQueue;
pub use slabs::Slabs;
pub use storage_mode::StorageMode;
pub use task::{Polled, Task};
pub use vec::{RegionVec, Text};
pub use wake::kept_wakes;
