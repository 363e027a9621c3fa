//! The work of the layers, and of a service that is a function.

#![forbid(unsafe_code)]

fn main() -> anyhow::Result<()> {
    bench::counted(bench::measure)
}
