//! The Linux guest that ours are compared with.

use bench_tool::bench::kvm::{KvmPlan, table};

/// Without the figures, which say something only on a machine that has nothing else to do.
pub(crate) fn echo_is_measured_beside_linux() {
    let table = table(&KvmPlan::quick()).unwrap_or_else(|error| panic!("{error:#}"));
    println!("{table}");
    for row in ["64 bytes, 16 outstanding: requests/s", "from QEMU's start to the first reply, s"] {
        assert!(table.contains(&format!("\n| {row}")), "no {row}: {table}");
    }
}
