use rt_xen::{Error, Machine, Rt, start};

fn program(machine: Machine) -> [Box<dyn FnOnce()>; 2] {
    let first = move || start("first", machine, service);
    let second = move || start("second", machine, service);
    [Box::new(first), Box::new(second)]
}

fn service(_: &mut Rt) -> Result<(), Error> {
    Ok(())
}

fn main() {
    let _ = program;
}
