use rt_xen::Machine;

fn two(machine: Machine) -> (Machine, Machine) {
    (machine.clone(), machine)
}

fn main() {
    let _ = two;
}
