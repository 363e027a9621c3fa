use rt_xen::{Error, Machine, Rt, start};

fn program(machine: Machine) -> ! {
    let line = machine.command_line;
    start("program", machine, move |rt: &mut Rt| service(rt, line))
}

fn service(rt: &mut Rt, line: &'static str) -> Result<(), Error> {
    let guest = rt.guest();
    let _ = (line, guest);
    Ok(())
}

fn main() {
    let _ = program;
}
