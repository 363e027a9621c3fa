//! Nothing but the benchmarks in `benches/`: `cargo bench -p rt-regions-bench`.
