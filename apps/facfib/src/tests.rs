//! The services, against values that were computed by other means.

use embassy_futures::block_on;
use natural::Natural;
use rt_regions::{PAGE_SIZE, Pool, Region};
use sha2::{Digest, Sha256};
use udp::{Failure, Reply};

use crate::service::{self, MOST_FACTORIAL, MOST_FIBONACCI};

type Service = for<'r> fn(&'r [u8], &'r Region<'_>) -> Reply<'r>;

fn factorial<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    block_on(service::factorials(request, region))
}

fn by_addition<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    block_on(service::by_addition(request, region))
}

fn by_doubling<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    block_on(service::by_doubling(request, region))
}

/// Runs `test` in the region of a packet; all its pages must come back.
fn in_region<T>(test: impl FnOnce(&Pool<'_>, &Region<'_>) -> T) -> T {
    let mut memory = Box::new_uninit_slice(1 << 20);
    let pool = Pool::new(&mut memory);
    let result = test(&pool, &Region::new(&pool, "packet"));
    assert_eq!(pool.free_pages(), pool.pages());
    result
}

/// The reply of `service`, a refusal as its text.
fn ask(service: Service, request: &str) -> String {
    in_region(|_, region| match service(request.as_bytes(), region) {
        Ok(reply) => str::from_utf8(reply).unwrap().into(),
        Err(failure) => format!("{failure}"),
    })
}

fn digits(number: Natural<'_>, region: &Region<'_>) -> String {
    str::from_utf8(block_on(number.into_digits(region)).unwrap()).unwrap().into()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

const FACTORIAL_100: &str = "9332621544394415268169923885626670049071596826438162146859296389521\
    7599993229915608941463976156518286253697920827223758251185210916864000000000000000000000000";

#[test]
fn factorials() {
    for (request, reply) in [
        ("0", "1"),
        ("1", "1"),
        ("2\n", "2"),
        ("5", "120"),
        ("20", "2432902008176640000"),
        ("21", "51090942171709440000"),
        ("25", "15511210043330985984000000"),
        ("100", FACTORIAL_100),
    ] {
        assert_eq!(ask(factorial, request), reply, "{request}");
    }
    let digest = "cc336cf135d690c1105664b3b859db66b940db51cd66cf891fee120584cf7873";
    assert_eq!(sha256(&ask(factorial, "1000")), digest);
}

#[test]
fn fibonacci_numbers() {
    let f300 = "222232244629420445529739893461909967206666939096499764990979600";
    for (request, reply) in [
        ("0", "0"),
        ("1", "1"),
        ("2", "1"),
        ("3", "2"),
        ("10\r\n", "55"),
        ("93", "12200160415121876738"),
        ("94", "19740274219868223167"),
        ("300", f300),
    ] {
        assert_eq!(ask(by_addition, request), reply, "{request}");
        assert_eq!(ask(by_doubling, request), reply, "{request}");
    }
    let digest = "e9c83559a05641cfd86d6c192c53fdfda87b8e53470b63dc19d1d0d7526e987a";
    assert_eq!(sha256(&ask(by_addition, "10000")), digest);
    let digest = "9fe22f691a91170da9006226d479ad986b2f92021b7045ecfb0a5091b641b802";
    assert_eq!(sha256(&ask(by_doubling, "100000")), digest);
}

#[test]
fn the_largest_replies_fill_a_datagram_and_no_more() {
    const DATAGRAM: usize = 65_507;
    in_region(|_, region| {
        let most = block_on(natural::factorial(MOST_FACTORIAL, region)).unwrap();
        assert!(digits(most, region).len() <= DATAGRAM);
        let above = block_on(natural::factorial(MOST_FACTORIAL + 1, region)).unwrap();
        assert!(digits(above, region).len() > DATAGRAM);
    });
    in_region(|_, region| {
        let most = block_on(natural::fibonacci(MOST_FIBONACCI, region)).unwrap();
        assert!(digits(most, region).len() <= DATAGRAM);
    });
    in_region(|_, region| {
        let above = block_on(natural::fibonacci(MOST_FIBONACCI + 1, region)).unwrap();
        assert!(digits(above, region).len() > DATAGRAM);
    });
    let digest = "fe69666309808abc3ab41f53e88341c674bf85f04e8ff7a2e50df41db48b0b7d";
    assert_eq!(sha256(&ask(factorial, "17229")), digest);
    let digest = "dbbe92174d3c2f0dd3488e9096c4879b2937f40a10db7292737079048f384c05";
    assert_eq!(sha256(&ask(by_doubling, "313450")), digest);
}

#[test]
fn the_largest_sum_is_the_largest_double() {
    assert_eq!(ask(by_addition, "313450"), ask(by_doubling, "313450"));
    assert_eq!(most_pages(by_addition, "313450"), 8 + 8 + 16);
}

#[test]
fn what_cannot_be_served_is_refused_in_one_line() {
    for (request, wrong) in [
        ("", "the request is empty"),
        ("abc", "\"abc\" is not a number"),
        ("-1", "\"-1\" is too small"),
        ("3 4", "\"3 4\" is not a number"),
    ] {
        let refusal = format!("factorial: {wrong}: 0 to 17229 is allowed");
        assert_eq!(ask(factorial, request), refusal);
        let refusal = format!("fibonacci: {wrong}: 0 to 313450 is allowed");
        assert_eq!(ask(by_addition, request), refusal);
        assert_eq!(ask(by_doubling, request), refusal);
    }
    let refusal = "factorial: \"17230\" is too large: 0 to 17229 is allowed";
    assert_eq!(ask(factorial, "17230"), refusal);
    let refusal = "fibonacci: \"313451\" is too large: 0 to 313450 is allowed";
    assert_eq!(ask(by_addition, "313451"), refusal);
    assert_eq!(ask(by_doubling, "313451"), refusal);
}

/// The most pages that `service` ever held for `request`.
fn most_pages(service: Service, request: &str) -> usize {
    in_region(|pool, region| {
        service(request.as_bytes(), region).unwrap();
        pool.most_pages_used()
    })
}

#[test]
fn memory_is_a_few_numbers_whatever_the_number_of_steps() {
    // The largest numbers have 27,208 bytes, a run of 8 pages; their digits take a run of 16.
    assert_eq!(most_pages(factorial, "17229"), 8 + 16);
    // Two numbers; the smaller and its digits fit in a page and a run of 2.
    assert_eq!(most_pages(by_addition, "20000"), 1 + 2);
    // F(n-1) and F(n) in 8 pages each and then the digits, or what they are made of.
    assert_eq!(most_pages(by_doubling, "313450"), 8 + 8 + 16);
}

#[test]
fn a_cap_that_is_too_small_is_an_ordinary_failure() {
    for (service, request, pages, name) in [
        // No room for the numbers.
        (factorial as Service, "17000", 7, "factorial"),
        (by_addition, "313000", 15, "fibonacci"),
        (by_doubling, "313000", 15, "half"),
        // No room for the digits.
        (factorial, "17000", 23, "packet"),
        (by_addition, "20000", 2, "packet"),
    ] {
        in_region(|pool, _| {
            let region = Region::new(pool, "packet").with_cap(pages * PAGE_SIZE);
            match service(request.as_bytes(), &region) {
                Err(Failure::Exhausted(error)) => assert_eq!(error.region, name),
                reply => panic!("{pages} pages: {} bytes", reply.unwrap().len()),
            }
            // The region still serves what fits.
            assert_eq!(service(b"3", &region).map(<[u8]>::len), Ok(1));
        });
    }
}
