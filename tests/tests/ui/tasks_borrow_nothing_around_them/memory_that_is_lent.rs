use rt_regions::{Exhausted, Region};
use tasks::Tasks;

fn tasks(memory: &Region<'_>) -> Result<&'static Tasks, Exhausted> {
    Tasks::new(memory)
}

fn main() {
    let _ = tasks;
}
