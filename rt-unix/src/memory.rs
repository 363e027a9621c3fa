//! The memory of the process that regions live in.

use std::{mem::MaybeUninit, ptr, slice};

use rt::Error;
use rt_regions::{Pool, Region};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Maps `size` bytes and makes a pool of them, with one region for objects that live as long as the program.
/// Unused pages cost no memory: the kernel maps them when they are first touched.
pub(crate) fn open(
    size: usize,
) -> Result<(&'static Pool<'static>, &'static Region<'static>), Error> {
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: without an address of ours, the kernel puts the mapping where nothing is.
    let memory =
        unsafe { mmap_anonymous(ptr::null_mut(), size, access, flags) }.map_err(|errno| {
            Error::new(1, format_args!("cannot map {size} bytes of memory ({errno}): see --memory"))
        })?;
    // SAFETY: the mapping is readable, writable and `size` bytes long, it is nobody else's, and it
    // is never unmapped; its bytes need no value. It fits: a mapping is at most isize::MAX long.
    let memory = unsafe { slice::from_raw_parts_mut(memory.cast::<MaybeUninit<u8>>(), size) };
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    Ok((pool, Box::leak(Box::new(Region::new(pool, "global")))))
}

#[cfg(test)]
mod tests {
    use rt_regions::PAGE_SIZE;

    use super::*;

    #[test]
    fn the_pool_has_the_pages_that_were_asked_for_less_its_table() {
        for size in [64 << 10, 64 << 20] {
            let (pool, region) = open(size).unwrap();
            let pages = size / PAGE_SIZE;
            assert!((pages - pages / 256 - 1..pages).contains(&pool.pages()), "{pool:?}");
            assert_eq!((region.name(), region.pages()), ("global", 0));
            *region.alloc(0_u8).unwrap() = 1;
            assert_eq!(pool.free_pages(), pool.pages() - 1);
        }
    }

    #[test]
    fn more_memory_than_there_is_is_an_error_in_words() {
        let error = open(1 << 60).unwrap_err();
        assert_eq!(error.status(), 1);
        let words = "cannot map 1152921504606846976 bytes of memory (Cannot allocate memory";
        assert!(error.message().starts_with(words), "{error}");
    }
}
