#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod content;
mod exchanges;
mod files;

/// The examples of the documents that are for people who write services.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../docs/keeping-state.md")]
    mod keeping_state {}
    #[doc = include_str!("../../docs/asking-others.md")]
    mod asking_others {}
    #[doc = include_str!("../../docs/testing.md")]
    mod testing {}
}

pub use content::Content;
pub use exchanges::{Exchange, PI, Reply, apps, exchanges, shortest, unlimited};
pub use files::raise_file_limit;
