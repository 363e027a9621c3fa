//! How much a guest does until it serves, counted in instructions.

use lab::Service;

use super::support::on_each;

/// How long the clock is measured without KVM, in microseconds.
const MEASURED: u64 = 20_000;
/// The most instructions beside that, in thousands: an instruction takes 1 ns with `-icount shift=0`.
const MOST: u64 = 1_500;

/// From its first instruction to its first wait, which comes after the line `serving`.
pub(crate) fn takes_less_than_two_million_instructions() {
    on_each("echo", |lab, guest| {
        let mut command = guest.command(lab, &[]).expect("none can be given");
        // The clock of the guest goes on with each instruction, and at once to the next deadline while it sleeps.
        command.args(["-icount", "shift=0,sleep=off"]);
        let service = Service::start_command(lab, command, |_| ());
        let service = service.unwrap_or_else(|error| panic!("{error:#}"));
        let said = |line: &str| line.starts_with("started in ");
        let line = service.wait_for_line(0, std::time::Duration::from_secs(10), said);
        let line = line.unwrap_or_else(|| panic!("{:?}", service.lines()));
        let micros: u64 = line
            .trim_start_matches("started in ")
            .trim_end_matches(" us")
            .parse()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let thousands = micros.checked_sub(MEASURED).expect("the clock is measured");
        println!("{:?}: {thousands} thousand instructions", guest.machine);
        assert!((1..=MOST).contains(&thousands), "{line}");
        service.stop().expect("QEMU ends");
    });
}
