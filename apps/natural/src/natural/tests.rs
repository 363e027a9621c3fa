use std::{format, string::String};

use embassy_futures::block_on;
use testkit::with_pool;

use super::*;

/// Runs `test` in a region of a megabyte.
fn in_region(test: impl FnOnce(&Region<'_>) -> Result<(), Exhausted>) {
    with_pool(256, |pool| test(&Region::new(pool, "test")).unwrap());
}

fn text(number: Natural<'_>, region: &Region<'_>) -> String {
    str::from_utf8(block_on(number.into_digits(region)).unwrap()).unwrap().into()
}

fn natural<'r>(value: u128, region: &'r Region<'_>) -> Natural<'r> {
    let mut limbs = RegionVec::new(region);
    limbs.extend_from_slice(&[value as u64, (value >> 64) as u64]).unwrap();
    let mut number = Natural { limbs };
    number.normalise();
    number
}

/// Numbers of all sizes up to 2^`bits`, the same at every run, the extremes first.
fn samples(bits: u32) -> impl Iterator<Item = u128> {
    let mut state = 1_u128;
    let most = u128::MAX >> (128 - bits);
    [0, 1, most, most - 1].into_iter().chain((0..bits).map(move |shift| {
        state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        (state & most) >> shift
    }))
}

#[test]
fn digits_are_those_of_the_standard_library() {
    in_region(|region| {
        let tens = (0..=38).map(|exponent| 10_u128.pow(exponent));
        for value in samples(128).chain(tens.clone()).chain(tens.map(|ten| ten - 1)) {
            assert_eq!(text(natural(value, region), region), format!("{value}"));
        }
        Ok(())
    });
}

#[test]
fn quotients_are_those_of_u128() {
    let highs = samples(64).map(|high| (high % u128::from(DECIMAL.0)) as u64);
    for high in highs.chain([DECIMAL.0 - 1, DECIMAL.0 / 2]) {
        let multiple = u128::from(high) * u128::from(DECIMAL.0);
        let lows = samples(64).chain([multiple, multiple.wrapping_sub(1), multiple + 1]);
        for low in lows.map(|low| low as u64) {
            let dividend = u128::from(high) << 64 | u128::from(low);
            let divisor = u128::from(DECIMAL.0);
            let expected = ((dividend / divisor) as u64, (dividend % divisor) as u64);
            assert_eq!(divide(high, low), expected, "{dividend}");
        }
    }
}

#[test]
fn sums_are_those_of_u128() {
    in_region(|region| {
        for a in samples(127) {
            for b in samples(127).step_by(7) {
                let mut sum = natural(a, region);
                sum.add(&natural(b, region))?;
                assert_eq!(*sum.limbs, *natural(a + b, region).limbs, "{a} + {b}");
            }
        }
        Ok(())
    });
}

#[test]
fn products_are_those_of_u128() {
    in_region(|region| {
        for a in samples(64) {
            for b in samples(64).step_by(5) {
                let expected = natural(a * b, region);
                let product = block_on(natural(a, region).times(
                    &natural(b, region),
                    region,
                    &mut Pace::new(1),
                ))?;
                assert_eq!(*product.limbs, *expected.limbs, "{a} * {b}");
                if b > 0 {
                    let mut scaled = natural(a, region);
                    scaled.scale(b as u64)?;
                    assert_eq!(*scaled.limbs, *expected.limbs, "{a} scaled by {b}");
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_carry_goes_through_all_limbs() {
    in_region(|region| {
        // 2^640 - 1, made of ten full limbs: rows of them, and some that are left.
        let full = || {
            let mut limbs = RegionVec::new(region);
            limbs.extend_from_slice(&[u64::MAX; 10]).map(|()| Natural { limbs })
        };
        let mut sum = full()?;
        sum.add(&Natural::new(1, 64, region)?)?;
        assert_eq!(*sum.limbs, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        // (2^640 - 1)^2 = 2^1280 - 2^641 + 1.
        let square = block_on(full()?.times(&full()?, region, &mut Pace::new(3)))?;
        let mut expected = [0; 20];
        expected[0] = 1;
        expected[10] = u64::MAX - 1;
        expected[11..].fill(u64::MAX);
        assert_eq!(*square.limbs, expected);
        Ok(())
    });
}

#[test]
fn room_for_its_bits_is_enough() {
    in_region(|region| {
        let mut number = Natural::new(1, 6400, region)?;
        let place = number.limbs.as_ptr();
        for _ in 0..6399 {
            number.scale(2)?;
        }
        assert_eq!((number.limbs.len(), number.limbs.as_ptr()), (100, place));
        // One more bit, and it moves but stays right.
        number.scale(2)?;
        assert_eq!((number.limbs.len(), number.limbs[100], number.limbs[99]), (101, 1, 0));
        Ok(())
    });
}
