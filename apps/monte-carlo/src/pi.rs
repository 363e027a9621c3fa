//! The service: how many points of a square lie in a quarter of a circle tells what pi is.

use rt::Pace;
use rt_regions::Region;
use udp::Reply;

use crate::sobol::Points;

/// The most points that may be asked for: so many take well under a second.
const MOST: u32 = 100_000_000;

/// How many requests may be in work, with a page each.
pub(crate) const REQUESTS_AT_ONCE: usize = 64;

/// How many points are counted before others have their turn: some 50 microseconds.
const SLICE: usize = 10_000;

/// Replies with pi, estimated with as many points as the request says: 7 digits, the rest cut off.
pub(crate) async fn pi<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let points = request::number("monte-carlo", request, 1..=MOST, region)?;
    // The quarter of a circle has pi/4 of the area of the square.
    let scaled = 4 * 10_000_000 * u64::from(count(points).await) / u64::from(points);
    let (whole, fraction) = (scaled / 10_000_000, scaled % 10_000_000);
    Ok(region.format(format_args!("{whole}.{fraction:07}"))?.as_bytes())
}

/// How many of the first `points` points are at most 1 away from the origin.
async fn count(points: u32) -> u32 {
    let (mut rest, mut pace) = (Points::default().take(points as usize), Pace::new(SLICE));
    let mut inside = 0;
    for _ in 0..points.div_ceil(SLICE as u32) {
        inside += rest.by_ref().take(SLICE).filter(is_inside).count();
        pace.spend(SLICE).await;
    }
    inside as u32
}

fn is_inside(&[x, y]: &[u32; 2]) -> bool {
    let square = |coordinate| u64::from(coordinate) * u64::from(coordinate);
    // The sum has 65 bits, and 1 is 2^64.
    matches!(square(x).overflowing_add(square(y)), (_, false) | (0, true))
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;
    use rt_regions::{Finite, PAGE_SIZE, Pool};
    use udp::Failure;

    use super::*;

    /// The reply, a refusal as its text. It needs no page.
    fn ask(request: &str) -> String {
        let mut room = Finite::<512>::new();
        let region = room.region("packet");
        match block_on(pi(request.as_bytes(), &region)) {
            Ok(reply) => str::from_utf8(reply).unwrap().into(),
            Err(failure) => format!("{failure}"),
        }
    }

    #[test]
    fn the_counts_are_the_known_ones() {
        for (points, inside) in [
            (1, 1),
            (10, 8),
            (17, 13),
            (100, 79),
            (1000, 786),
            (3650, 2866),
            (10_000, 7855),
            (1_000_000, 785_424),
        ] {
            assert_eq!(block_on(count(points)), inside, "{points}");
        }
    }

    #[test]
    fn digits_are_cut_off_and_zeros_kept() {
        for (request, reply) in [
            ("3650", "3.1408219"),
            ("17\n", "3.0588235"),
            ("1", "4.0000000"),
            ("10", "3.2000000"),
            ("1000000", "3.1416960"),
        ] {
            assert_eq!(ask(request), reply, "{request}");
        }
    }

    #[test]
    fn the_most_points_are_served() {
        assert_eq!(ask("100000000"), "3.1415944");
    }

    #[test]
    fn what_cannot_be_served_is_refused_in_one_line() {
        for (request, wrong) in [
            ("", "the request is empty"),
            ("0", "\"0\" is too small"),
            ("-3650", "\"-3650\" is too small"),
            ("many", "\"many\" is not a number"),
            ("1e6", "\"1e6\" is not a number"),
            ("100000001", "\"100000001\" is too large"),
        ] {
            let refusal = format!("monte-carlo: {wrong}: 1 to 100000000 is allowed");
            assert_eq!(ask(request), refusal);
        }
    }

    #[test]
    fn without_memory_it_is_an_ordinary_failure() {
        let pool = Pool::new(&mut []);
        let region = Region::new(&pool, "packet").with_cap(PAGE_SIZE);
        for request in [b"10", b"-1"] {
            let failure = block_on(pi(request, &region)).unwrap_err();
            assert!(matches!(failure, Failure::Exhausted(error) if error.region == "packet"));
        }
    }
}
