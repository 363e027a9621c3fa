use rt_xen::{Error, Machine, Rt, start};

fn program(machine: Machine) -> ! {
    start("first", machine, |_: &mut Rt| -> Result<(), Error> { start("second", machine, |_| Ok(())) })
}

fn main() {
    let _ = program;
}
