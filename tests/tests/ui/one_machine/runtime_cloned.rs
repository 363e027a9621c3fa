use rt_xen::Rt;

fn two(rt: Rt) -> (Rt, Rt) {
    (rt.clone(), rt)
}

fn main() {
    let _ = two;
}
