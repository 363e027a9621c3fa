use rt_xen::{Domain, Guest, Watch};

fn ends_twice(domain: &Domain, watch: Watch) {
    domain.unwatch(format_args!("device/vif"), watch);
    domain.unwatch(format_args!("device/vif"), watch);
}

fn main() {
    let _ = ends_twice;
}
