use rt_xen::Machine;

fn another(machine: &Machine) -> Machine {
    Machine {
        command_line: "",
        pool: machine.pool,
        memory: machine.memory,
        use_of_memory: machine.use_of_memory,
        xen: machine.xen,
    }
}

fn main() {
    let _ = another;
}
