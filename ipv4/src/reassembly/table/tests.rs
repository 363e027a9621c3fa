use std::{vec, vec::Vec};

use layer::{Instant, KeyedHash};
use network::Protocol;
use rt_regions::{ChunkQueue, Pool};
use testkit::{Random, with_pool};

use super::*;
use crate::reassembly::datagram::Known;

fn with_table(places: usize, secret: u128, test: impl for<'p> FnOnce(&'p Pool<'p>, Table<'p>)) {
    with_pool(256, |pool| {
        let region = Region::new(pool, "table");
        let hash = TableHash::new(KeyedHash::new(secret));
        test(pool, Table::new(places, hash, &region).unwrap());
    });
}

fn key(source: u32, identification: u16) -> Key {
    Key {
        source: source.into(),
        destination: Ipv4Addr::new(10, 0, 0, 2),
        protocol: Protocol::UDP,
        identification,
    }
}

/// Against a list that is searched from end to end: who is there, who is the oldest, how many pages they have.
#[test]
fn agrees_with_a_list() {
    with_table(16, 7, |pool, mut table| {
        let (mut random, mut list) = (Random::new(3), Vec::new());
        let mut most = 0;
        for _ in 0..20_000 {
            let key = key(random.below(5) as u32, random.below(6) as u16);
            let known = list.iter().position(|&(other, _)| other == key);
            let found = table.find(&key);
            assert_eq!(found.is_some(), known.is_some());
            match (found, known) {
                (Some(place), Some(index)) if random.once_in(2) => {
                    assert_eq!(table.remove(place).unwrap().key, key);
                    list.remove(index);
                }
                (Some(place), Some(index)) => {
                    let fragments = &mut table.get_mut(place).unwrap().fragments;
                    let _ = fragments.push(0, &vec![0; random.below(3000)]);
                    let pages = fragments.pages();
                    table.count_pages(place);
                    list[index].1 = pages;
                }
                _ if table.is_full() => {
                    let oldest = table.oldest().unwrap();
                    assert_eq!(table.remove(oldest).unwrap().key, list.remove(0).0);
                }
                _ => {
                    let region = Region::new(pool, "datagram");
                    let fragments = ChunkQueue::new(region, Known::new()).unwrap();
                    list.push((key, fragments.pages()));
                    table.add(Datagram { key, deadline: Instant::ZERO, fragments });
                }
            }
            assert_eq!((table.len(), table.is_full()), (list.len(), list.len() == 16));
            most = most.max(list.len());
            let sources = (0..5).map(|source| Some(Ipv4Addr::from_bits(source)));
            for source in sources.chain([None]) {
                let is_of = |key: &Key| source.is_none_or(|source| source == key.source);
                let mut of = list.iter().filter(|(key, _)| is_of(key));
                let pages: usize = of.clone().map(|(_, pages)| pages).sum();
                let (oldest, held) = match source {
                    Some(source) => table.of_source(source),
                    None => (table.oldest(), table.pages()),
                };
                let oldest = oldest.map(|place| table.get(place).unwrap().key);
                assert_eq!((oldest, held), (of.next().map(|&(key, _)| key), pages));
            }
        }
        assert_eq!(most, 16);
    });
}

/// 256 datagrams are spread over 256 lists about as by chance, which puts 5 or 6 into the longest, whatever a
/// flood does without the secret.
#[test]
fn no_flood_makes_a_long_list() {
    type Flood = (&'static str, fn(u32) -> Key);
    let floods: [Flood; 7] = [
        ("numbers one after the other", |n| key(0x0a00_0001, n as u16)),
        ("numbers far apart", |n| key(0x0a00_0001, (n * 256) as u16)),
        ("sources one after the other", |n| key(0x0a00_0000 + n, 7)),
        ("sources of many networks", |n| key(0x0a00_0001 + (n << 16), 7)),
        ("sources of all networks", |n| key(n << 24, 7)),
        ("both together", |n| key(0x0a00_0000 + n, n as u16)),
        ("one against the other", |n| key(0x0a00_0000 + n, (n as u16).wrapping_neg())),
    ];
    for (name, flood) in floods {
        let mut longest: Vec<usize> = Vec::new();
        for secret in 0..500 {
            with_table(256, secret, |_, table| {
                let mut lists = [0; 256];
                (0..256).for_each(|n| lists[table.hash_of(&flood(n)) as usize % 256] += 1);
                longest.extend(lists.iter().max());
            });
        }
        longest.sort();
        let [half, most, worst] = [250, 490, 499].map(|secrets| longest[secrets]);
        assert!(half <= 6 && most <= 12 && worst <= 20, "{name}: {half}, {most}, {worst}");
    }
}
