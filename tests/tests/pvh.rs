//! The ground under a guest, on the machines of QEMU, and as loaders that are not to be had here would start it.

#[path = "common/built.rs"]
mod built;
#[path = "pvh/loader.rs"]
mod loader;
// By this name the tests that run guests are known.
#[path = "pvh/machines.rs"]
mod pvh;
