//! What the fuzz targets check, on the seeds that they begin with, on mutations of these and on random
//! inputs: a bounded number, so that every build has it and no other compiler is needed.
//!
//! `UPDATE_SEEDS=1 cargo test -p tests --test fuzzed` writes the seeds to `fuzz/seeds`.

#![forbid(unsafe_code)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use lab::soak::frames;
use testkit::Random;

#[path = "fuzzed/mod.rs"]
mod targets;

#[path = "fuzzed/seeds.rs"]
mod seeds;

/// How many inputs each target is given, and their length in bytes at most.
fn inputs(target: &str) -> (usize, usize) {
    match target {
        "tasks" => (3_000, 400),
        "tower" => (3_000, 600),
        "dhcp" | "ipv6" | "ndp" | "reassembly" | "sntp" | "tcp_segment" => (3_000, 600),
        "http" | "authority" => (10_000, 300),
        _ => (20_000, 200),
    }
}

/// Shows an input if the target does not like it.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input of {}: {:?}", self.0, self.1);
        }
    }
}

fn run(target: &str, input: &[u8]) {
    let _shown = Shown(target, input);
    targets::run(target, input);
}

fn folder(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds")).join(target)
}

#[test]
fn the_seeds_are_those_in_the_folder() {
    let seeds = seeds::seeds();
    for (target, _) in targets::TARGETS {
        let ours: Vec<_> = seeds.iter().filter(|seed| seed.target == target).collect();
        assert!(!ours.is_empty(), "{target} has no seed");
        let folder = folder(target);
        if std::env::var_os("UPDATE_SEEDS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            ours.iter().for_each(|seed| fs::write(folder.join(seed.name), &seed.input).unwrap());
        }
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let names: BTreeSet<_> = ours.iter().map(|seed| seed.name.to_owned()).collect();
        assert_eq!(files.collect::<BTreeSet<_>>(), names, "{target}: set UPDATE_SEEDS=1");
        for seed in ours {
            let file = fs::read(folder.join(seed.name)).unwrap();
            assert!(file == seed.input, "{target}/{}: set UPDATE_SEEDS=1", seed.name);
        }
    }
}

#[test]
fn the_targets_are_those_of_the_fuzzer() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets");
    for (target, _) in targets::TARGETS {
        let program = fs::read_to_string(format!("{folder}/{target}.rs")).unwrap();
        assert!(program.contains(&format!("fuzz::run(\"{target}\", input)")), "{target}");
    }
}

#[test]
fn every_seed_is_taken() {
    seeds::seeds().iter().for_each(|seed| run(seed.target, &seed.input));
}

/// What the fuzzer makes of a seed, in the simplest way.
fn mutate(input: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(6) {
        let at = random.below(input.len().max(1));
        match random.below(5) {
            0 => input.insert(at.min(input.len()), random.bits() as u8),
            1 if at < input.len() => drop(input.remove(at)),
            2 => input.truncate(input.len() - at / 2),
            3 => {
                let from = random.below(input.len().max(1));
                let copy: Vec<u8> = input.iter().skip(from).take(24).copied().collect();
                input.splice(at.min(input.len())..at.min(input.len()), copy);
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

fn run_mutations(target: &str) {
    let (number, longest) = inputs(target);
    let seeds = seeds::seeds();
    let seeds: Vec<_> = seeds.iter().filter(|seed| seed.target == target).collect();
    let mut random = Random::new(1);
    for _ in 0..number {
        let input = if random.once_in(3) {
            let length = random.below(longest);
            random.bytes(length)
        } else {
            let mut input = seeds[random.below(seeds.len())].input.clone();
            mutate(&mut input, &mut random);
            input.truncate(longest.max(8192));
            input
        };
        run(target, &input);
    }
}

#[test]
fn parsers_take_any_input() {
    for target in ["arguments", "arp", "ethernet", "http", "icmp", "ipv4", "requests", "tap", "udp"]
    {
        run_mutations(target);
    }
}

#[test]
fn an_authority_answers_whatever_it_is_asked() {
    run_mutations("authority");
}

#[test]
fn a_query_of_dns_holds_whatever_servers_say() {
    run_mutations("dns");
}

#[test]
fn a_client_of_sntp_holds_whatever_servers_say() {
    run_mutations("sntp");
}

#[test]
fn what_xen_says_is_read_with_care() {
    for target in ["start_info", "xenstore"] {
        run_mutations(target);
    }
}

#[test]
fn a_client_of_dhcp_holds_whatever_servers_say() {
    run_mutations("dhcp");
}

#[test]
fn a_host_finds_its_neighbours_whatever_it_hears() {
    run_mutations("ndp");
}

#[test]
fn reassembly_does_what_the_oracle_says() {
    run_mutations("reassembly");
}

#[test]
fn headers_and_fragments_of_ipv6_are_read_as_the_reference_says() {
    run_mutations("ipv6");
}

#[test]
fn the_tower_holds_whatever_it_hears() {
    run_mutations("tower");
}

#[test]
fn segments_are_read_and_received_as_the_oracle_says() {
    run_mutations("tcp_segment");
}

#[test]
fn tasks_and_sockets_give_everything_back() {
    run_mutations("tasks");
}
