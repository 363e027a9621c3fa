//! Many guests of one image.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    machine::Machine,
    settings::{Settings, Vif, file},
    started::{CREATE_WITHIN, Question, Started},
};

/// Where dom0 keeps the image, once for all.
const FOLDER: &str = "/domains/crowd";
/// What their names begin with.
const NAME: &str = "crowd-";
/// The address of dom0 among them, and the length of the prefix that all share, in bits.
const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PREFIX: u8 = 16;
/// As many as the bridge of dom0 has ports.
const MOST: usize = 1023;

/// How guests are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As `cargo letregion run` does it: `xl create`, which leaves a process that waits for the end of the guest, and a console
    /// in dom0.
    Watched,
    /// With as little of dom0 and of Xen as Debian's tools allow: no process in dom0, small tables of grants and event
    /// channels, and no console. Until the crowd is gone, dom0 has no daemon for consoles, and no other guest can be
    /// started without a [lean](Vif::is_lean) network interface.
    Lean,
}

/// Guests of one image, which are there at the same time. Dropping it destroys them.
#[derive(Debug)]
pub struct Crowd<'m> {
    machine: &'m Machine,
    manner: Manner,
    has_ramdisk: bool,
    size: usize,
    memory: u32,
    guests: usize,
}

impl<'m> Crowd<'m> {
    /// Brings the image, and gives dom0 the address 10.0.0.1/16. There is none yet.
    ///
    /// # Errors
    /// dom0 does not answer, or has no room for the image.
    pub fn new(
        machine: &'m Machine,
        manner: Manner,
        kernel: &[u8],
        ramdisk: Option<&[u8]>,
        memory: u32,
    ) -> Result<Self> {
        let size = kernel.len() + ramdisk.map_or(0, <[u8]>::len);
        machine.check_room("crowd", size)?;
        machine.write(&format!("{FOLDER}/kernel"), kernel)?;
        if let Some(ramdisk) = ramdisk {
            machine.write(&format!("{FOLDER}/ramdisk"), ramdisk)?;
        }
        machine.set_address(HOST, PREFIX)?;
        if manner == Manner::Lean {
            machine.succeed("sh", &["-c", "kill $(pidof xenconsoled)"])?;
        }
        let has_ramdisk = ramdisk.is_some();
        Ok(Self { machine, manner, has_ramdisk, size, memory, guests: 0 })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.guests
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.guests == 0
    }

    /// The port of a guest, by its number from 0 on.
    pub fn at(&self, number: usize, port: u16) -> SocketAddrV4 {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        SocketAddrV4::new(HOST.to_bits().saturating_add(1).saturating_add(number).into(), port)
    }

    /// Starts another with this command line, in which `{address}` stands for its address, and waits until it replies to UDP
    /// datagrams at `port` with what it was sent.
    ///
    /// # Errors
    /// dom0 has no room for it, in words; `xl` refuses it; it gives no reply.
    pub fn add(&mut self, line: &str, port: u16) -> Result<Started> {
        let (vif, to, path) = self.write_next(line, port)?;
        let mut args = vec!["create"];
        args.extend(self.manner.options());
        args.push(&path);
        let started = self.machine.start(Some(&vif), to, Question::Udp, &args);
        started.with_context(|| format!("cannot start the guest {}", name(self.guests - 1)))
    }

    /// Makes another, as [`add`](Self::add) does, with its image in it and its network interface on the bridge, which does not
    /// run; returns how long `xl create -p` took.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn prepare(&mut self, line: &str, port: u16) -> Result<Duration> {
        let (_, _, path) = self.write_next(line, port)?;
        let mut args = vec!["create", "-p"];
        args.extend(self.manner.options());
        args.push(&path);
        let start = Instant::now();
        self.machine.succeed_within("xl", &args, CREATE_WITHIN)?;
        Ok(start.elapsed())
    }

    /// Lets one that was prepared run, by its number, and waits until it replies.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn run_prepared(&mut self, number: usize, port: u16) -> Result<Started> {
        let (vif, to) = self.place(number, port);
        self.machine.start(Some(&vif), to, Question::Udp, &["unpause", &name(number)])
    }

    /// The interface and the port of a guest.
    fn place(&self, number: usize, port: u16) -> (Vif, SocketAddrV4) {
        let to = self.at(number, port);
        let [_, _, high, low] = to.ip().octets();
        let is_lean = self.manner == Manner::Lean;
        (Vif { mac: [0, 0x16, 0x3e, 0, high, low], is_lean, ..Vif::default() }, to)
    }

    /// Writes the domain file of the next.
    fn write_next(&mut self, line: &str, port: u16) -> Result<(Vif, SocketAddrV4, String)> {
        ensure!(self.guests < MOST, "a bridge of Linux has {MOST} ports, and all are taken");
        let number = self.guests;
        let name = name(number);
        self.machine.check_room(&name, self.size)?;
        let (vif, to) = self.place(number, port);
        let line = line.replace("{address}", &to.ip().to_string());
        let settings = Settings {
            name: &name,
            kernel: &[],
            ramdisk: self.has_ramdisk.then_some(&[]),
            command_line: &line,
            memory: self.memory,
            vif: Some(vif),
            restart: false,
            more: self.manner.settings(),
        };
        let path = format!("{FOLDER}/domain");
        self.machine.write(&path, file(&settings, FOLDER)?)?;
        // It is there from here on, or a part of it.
        self.guests += 1;
        Ok((vif, to, path))
    }

    /// The numbers of its domains, in no order.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn domains(&self) -> Result<Vec<String>> {
        let list = self.machine.succeed("xl", &["list"])?;
        let of_line = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            name.starts_with(NAME).then(|| words.next().map(str::to_owned))?
        };
        Ok(list.lines().filter_map(of_line).collect())
    }

    /// The processor time of all of them until now. Xen's tools say it in tenths of a second.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn processor_time(&self) -> Result<Duration> {
        let list = self.machine.succeed("xl", &["list"])?;
        let of_line = |line: &str| line.split_whitespace().last()?.parse::<f64>().ok();
        let ours = list.lines().filter(|line| line.starts_with(NAME));
        Ok(Duration::from_secs_f64(ours.filter_map(of_line).sum::<f64>().max(0.0)))
    }
}

impl Manner {
    /// What its domain files have beside what all have.
    fn settings(self) -> &'static str {
        match self {
            Self::Watched => "",
            Self::Lean => {
                "max_grant_frames=4\nmax_maptrack_frames=0\nmax_event_channels=32\nnomigrate=1"
            }
        }
    }

    /// What `xl create` is told.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Watched => &[],
            Self::Lean => &["-e", "-q"],
        }
    }
}

fn name(number: usize) -> String {
    format!("{NAME}{number}")
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        for number in 0..self.guests {
            // The machine may be gone, or the guest.
            let _ = self.machine.run("xl", &["destroy", &name(number)]);
        }
        let _ = self.machine.set_address(HOST, 24);
        if self.manner == Manner::Lean {
            let _ = self.machine.run("xenconsoled", &["--log=guest"]);
        }
    }
}
