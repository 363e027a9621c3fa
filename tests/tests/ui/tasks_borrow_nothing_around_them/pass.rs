use std::cell::Cell;

use network::Network;
use rt_regions::{Exhausted, Region};
use tasks::Tasks;
use udp::{Sockets, Udp};

fn tasks(memory: &'static Region<'static>) -> Result<&'static Tasks, Exhausted> {
    Tasks::new(memory)
}

fn serve<I: Network>(
    udp: &mut Udp<'static, I, &'static Sockets>,
) -> Result<(), Box<dyn std::error::Error>> {
    let sockets = udp.sockets();
    let tasks = sockets.tasks();
    // What tasks and others share lies in the program's memory.
    let count: &'static Cell<u64> = tasks.memory().alloc(Cell::new(0))?;
    udp.spawn_each(8080, 4, async move |_request, region| {
        count.set(count.get() + 1);
        Ok(region.format(format_args!("{}", count.get()))?.as_bytes())
    })?;
    // A task may own what it uses, and open sockets without the layer.
    let mut local = count.get();
    tasks.spawn("counts", async move |region| {
        let socket = sockets.open(8081)?;
        while !socket.receive(&region.child("request")).await.payload().is_empty() {
            local += 1;
        }
        Ok(())
    })?;
    udp.unbind(8080);
    Ok(())
}

fn main() {
    let _ = (tasks, serve::<testkit::FakeNetwork>);
}
