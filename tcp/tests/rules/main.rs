//! The rules of TCP, as scripts: segments come in, segments and what an application sees come out, at moments that the
//! scripts choose. RFC 9293 unless a test names another one.

#[path = "../common/mod.rs"]
mod common;
mod host;
mod script;
mod states;
mod text;

mod backlog;
mod bursts;
mod closing;
mod connecting;
mod elsewhere;
mod failures;
mod half_open;
mod keepalive;
mod listening;
mod opening;
mod orphans;
mod paths;
mod probes;
mod races;
mod random;
mod resets;
mod scale;
mod sequence;
mod sizes;
mod time_wait;
mod timestamps;
mod urgent;
mod windows;
