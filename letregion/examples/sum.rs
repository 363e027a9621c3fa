//! The service of the README that keeps something, as a program.

#![cfg_attr(not(test), no_std, no_main)]

use letregion::{Config, Error, Rt, Runtime as _, layer, rt, udp::Failure};

letregion::main!(sum);

layer::service_counters! {
    /// What the service counts.
    struct Counters of "sum" {
        /// Numbers that were added.
        added,
        /// Requests that were no number.
        refused,
    }
}

fn sum(rt: &mut Rt) -> Result<(), Error> {
    let mut sum = 0_u64;
    let config = Config::with_arguments(rt::arguments! {
        "--begin" "=NUMBER             what to add to (0)", "a number: 17",
            |value| value.parse().map(|number| sum = number).is_ok();
    })
    .from_args(rt.args())?;
    let counters = &*rt.memory().alloc(Counters::default())?;
    let mut udp = letregion::host(rt, &config)?.with_service_counters(counters);
    udp.bind(8080, |request, region| {
        let number = str::from_utf8(request).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let Some(number) = number else {
            counters.refused.add(1);
            return Err(Failure::Refused("expected a number: 17"));
        };
        counters.added.add(1);
        sum = sum.wrapping_add(number);
        letregion::log!(counters.log(), "{} more: {}", number, sum);
        Ok(region.format(format_args!("{sum}\n"))?.as_bytes())
    })?;
    rt.serve(udp, &config)
}
