//! What a service answers on HTTP, and the date of the answer.

use std::{net::IpAddr, time::SystemTime};

use crate::http;

/// The body of a page, and by how many seconds its date is ahead of the system's clock, if it has one.
pub(crate) fn get(address: impl Into<IpAddr>, port: u16, path: &str) -> (String, Option<i64>) {
    let (head, body) = http::get((address.into(), port).into(), path);
    let date = head.lines().find_map(|line| line.strip_prefix("Date: "));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    (body, date.map(|date| seconds(date) - now.as_secs() as i64))
}

/// The seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn seconds(date: &str) -> i64 {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts[..] else {
        panic!("{date} is no date")
    };
    let number = |text: &str| text.parse::<i64>().unwrap_or_else(|_| panic!("{date} is no date"));
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (year, month) = (number(year), MONTHS.iter().position(|name| *name == month));
    let month = month.unwrap_or_else(|| panic!("{date} is no date"));
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: i64 = DAYS[..month].iter().sum();
    let days = years + months + i64::from(month > 1 && is_leap(year)) + number(day) - 1;
    ((days * 24 + number(hour)) * 60 + number(minute)) * 60 + number(second)
}
